/// What was done to a session or to the API gateway, kept in the store (spec: tunnel sessions, 3.8).
package struct AuditEvent: Equatable, Sendable {
    /// The kinds of change.
    package enum Action: String, Sendable, Codable, CaseIterable {
        case sessionCreated = "session.created"
        case sessionClosed = "session.closed"
        case sessionDeleted = "session.deleted"
        case sessionForgotten = "session.forgotten"
        case sessionPaused = "session.paused"
        case sessionResumed = "session.resumed"
        case policyUpdated = "policy.updated"
        case passwordRotated = "password.rotated"
        case viewerKicked = "viewer.kicked"
        case tokenCreated = "token.created"
        case tokenRevoked = "token.revoked"
        case tenantCreated = "tenant.created"
        case tenantChanged = "tenant.changed"
        case tenantDeleted = "tenant.deleted"
        case planChanged = "plan.changed"
        case planDeleted = "plan.deleted"
        case keyCreated = "key.created"
        case keyChanged = "key.changed"
        case keyRotated = "key.rotated"
        case keyRevoked = "key.revoked"
        case keyLeaked = "key.leaked"
        case keySessionsRevoked = "key.sessions_revoked"
        case browserSessionRevoked = "browser_session.revoked"
        case signingKeyRotated = "signing_key.rotated"
    }

    /// Which session, if any.
    package var sessionID: SessionID?
    /// Which tenant of the API gateway, if any.
    package var tenant: Slug?
    /// When.
    package var at: Timestamp
    /// Who and from where.
    package var actor: Actor
    /// What.
    package var action: Action
    /// What exactly, in words without secrets: field names and counts, never passwords or tokens; at most 1 KiB.
    package var summary: String

    /// A complete event.
    package init(
        sessionID: SessionID?,
        tenant: Slug? = nil,
        at: Timestamp,
        actor: Actor,
        action: Action,
        summary: String
    ) {
        self.sessionID = sessionID
        self.tenant = tenant
        self.at = at
        self.actor = actor
        self.action = action
        self.summary = summary
    }
}

/// Who makes a call, as far as the server knows.
package struct Actor: Equatable, Sendable {
    /// `owner`, `admin`, `token:{id}`, `local` (an unauthenticated call in local mode) or `system`.
    package var name: String
    /// The peer's address, without a port; empty for `system`.
    package var address: String

    /// Names an actor.
    package init(name: String, address: String) {
        self.name = name
        self.address = address
    }

    /// Whether it owns every session: the admin, and whoever calls without a credential where that is allowed.
    package var ownsEverySession: Bool { self.name == "admin" || self.name == "local" }

    /// The organization's token that it called with; nil for everybody else.
    package var organizationToken: OrganizationTokenID? {
        self.name.hasPrefix("token:") ? OrganizationTokenID(self.name.dropFirst(6)) : nil
    }

    /// The server itself: expiry and forgetting.
    package static let system = Actor(name: "system", address: "")
}
