import SessionModel

/// The shapes in which sessions, viewers, tokens and events are answered (reference: create session, update policy).
struct SessionAnswers: Sendable {
    let publicAddress: PublicAddress
    let live: any LiveSessions

    /// A new session: the only answer with the owner token.
    func created(_ created: CreatedSession) -> JSONValue {
        let record = created.record
        var members: [JSONValue.Member] = [
            .init("sessionId", .string(record.id.rawValue)),
            .init("slug", .string(record.slug.rawValue)),
            .init("publicUrl", .string(self.publicAddress.publicURL(for: record.slug))),
            .init(
                "ownerUrl",
                .string(self.publicAddress.ownerURL(for: record.slug, ownerToken: created.ownerToken))
            ),
            .init("overlayScriptUrl", .string(self.publicAddress.overlayScriptURL(for: record.slug))),
            .init("edgeUrl", .string(self.publicAddress.edgeURL)),
            .init(
                "sessionToken",
                .string(SessionToken(slug: record.slug, ownerToken: created.ownerToken).text)
            ),
            .init("expiresAt", .string(record.expiresAt.iso8601)),
        ]
        members += Self.credentials(record)
        return .object(members)
    }

    /// Everything the owner may know.
    func full(_ record: SessionRecord, now: Timestamp) -> JSONValue {
        let connections = self.live.tunnelConnections(of: record.id)
        var members: [JSONValue.Member] = [
            .init("sessionId", .string(record.id.rawValue)),
            .init("slug", .string(record.slug.rawValue)),
            .init("publicUrl", .string(self.publicAddress.publicURL(for: record.slug))),
            .init("overlayScriptUrl", .string(self.publicAddress.overlayScriptURL(for: record.slug))),
            .init("edgeUrl", .string(self.publicAddress.edgeURL)),
            .init("port", .integer(record.port)),
            .init("status", .string(record.status(now: now, tunnelConnections: connections).rawValue)),
            .init("createdAt", .string(record.createdAt.iso8601)),
            .init("expiresAt", .string(record.expiresAt.iso8601)),
            .init("closed", .bool(record.closedAt != nil)),
            .init("authMode", .string(record.authMode.rawValue)),
        ]
        members += Self.credentials(record)
        members += [
            .init("policy", Self.policy(record.policy)),
            .init("activeViewers", .integer(self.live.viewers(of: record.id).count)),
            .init("kickedViewerIds", Self.kicked(record)),
            .init("tunnelConnections", .integer(connections)),
        ]
        return .object(members)
    }

    /// What anybody with the link may know.
    func limited(_ record: SessionRecord, now: Timestamp) -> JSONValue {
        let status = record.status(now: now, tunnelConnections: self.live.tunnelConnections(of: record.id))
        return [
            "slug": .string(record.slug.rawValue),
            "publicUrl": .string(self.publicAddress.publicURL(for: record.slug)),
            "status": .string(status.rawValue),
            "expiresAt": .string(record.expiresAt.iso8601),
        ]
    }

    /// The published status as an answer's value.
    func status(_ record: SessionRecord, now: Timestamp) -> JSONValue {
        .string(record.status(now: now, tunnelConnections: self.live.tunnelConnections(of: record.id)).rawValue)
    }

    /// A policy with all four fields.
    static func policy(_ policy: SessionPolicy) -> JSONValue {
        [
            "public": .bool(policy.isPublic),
            "maxConcurrentViewers": .integer(policy.maxConcurrentViewers),
            "blockPaths": .array(policy.blockPaths.map { .string($0) }),
            "password": .string(policy.password),
        ]
    }

    /// The identifiers of the viewers who were removed.
    static func kicked(_ record: SessionRecord) -> JSONValue {
        .array(record.kickedViewers.map { .string($0.viewerID) })
    }

    /// User name and password, only with basic authentication.
    static func credentials(_ record: SessionRecord) -> [JSONValue.Member] {
        guard let credentials = record.basicCredentials else { return [] }
        return [
            .init("username", .string(credentials.username)), .init("password", .string(credentials.password)),
        ]
    }

    /// One live viewer.
    static func viewer(_ viewer: ViewerSummary) -> JSONValue {
        [
            "id": .string(viewer.id),
            "label": .string(viewer.label),
            "ip": .string(viewer.address),
            "userAgent": .string(viewer.userAgent),
            "firstSeen": .string(viewer.firstSeen.iso8601),
            "lastSeen": .string(viewer.lastSeen.iso8601),
            "requests": .integer(viewer.requests),
            "bytes": .integer(viewer.bytes),
            "openStreams": .integer(viewer.openStreams),
        ]
    }

    /// An access token without its secret.
    static func token(_ token: AccessTokenRecord) -> [JSONValue.Member] {
        [
            .init("id", .string(token.id)),
            .init("label", .string(token.label)),
            .init("scopes", .array(token.scopes.map(\.rawValue).sorted().map { .string($0) })),
            .init("createdAt", .string(token.createdAt.iso8601)),
            .init("expiresAt", token.expiresAt.map { .string($0.iso8601) } ?? .null),
            .init("revokedAt", token.revokedAt.map { .string($0.iso8601) } ?? .null),
        ]
    }

    /// One audit event.
    static func event(_ event: AuditEvent) -> JSONValue {
        [
            "at": .string(event.at.iso8601),
            "action": .string(event.action.rawValue),
            "actor": .string(event.actor.name),
            "address": .string(event.actor.address),
            "sessionId": event.sessionID.map { .string($0.rawValue) } ?? .null,
            "summary": .string(event.summary),
        ]
    }
}
