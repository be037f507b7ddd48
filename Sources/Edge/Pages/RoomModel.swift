package import SessionModel

/// What the owner's room shows of a session: facts only, no secrets but the page's own CSRF token.
package struct RoomModel: Sendable {
    /// The session's name.
    package var slug: Slug
    /// The link viewers open.
    package var publicURL: String
    /// The published status now.
    package var status: SessionStatus
    /// When it stops by itself.
    package var expiresAt: Timestamp
    /// The time the facts are from.
    package var now: Timestamp
    /// How viewers authenticate.
    package var authMode: AuthMode
    /// Whether anybody with the link may enter.
    package var isPublic: Bool
    /// How many viewers may be in at once.
    package var maxConcurrentViewers: Int
    /// Paths viewers may not see.
    package var blockPaths: [String]
    /// Whether viewers are asked for a password; the password itself is not here.
    package var hasPassword: Bool
    /// How many agents' connections serve the session now.
    package var tunnelConnections: Int
    /// Viewers present, most recently seen first.
    package var viewers: [ViewerSummary]
    /// How many viewers the owner has removed.
    package var removedViewers: Int
    /// What the page's script must send in `X-Daypass-CSRF` with every change.
    package var csrfToken: String

    /// Picks the facts out of a record and what the edge knows about the moment.
    package init(
        record: SessionRecord,
        publicURL: String,
        viewers: [ViewerSummary],
        tunnelConnections: Int,
        csrfToken: String,
        now: Timestamp
    ) {
        self.slug = record.slug
        self.publicURL = publicURL
        self.status = record.status(now: now, tunnelConnections: tunnelConnections)
        self.expiresAt = record.expiresAt
        self.now = now
        self.authMode = record.authMode
        self.isPublic = record.policy.isPublic
        self.maxConcurrentViewers = record.policy.maxConcurrentViewers
        self.blockPaths = record.policy.blockPaths
        self.hasPassword = !record.policy.password.isEmpty
        self.tunnelConnections = tunnelConnections
        self.viewers = viewers
        self.removedViewers = record.kickedViewers.count
        self.csrfToken = csrfToken
    }

    /// The answer of `/.wormkey/api/session?slug=…` and of every change: the facts as one JSON object, without the
    /// CSRF token.
    package var json: String {
        let viewers = self.viewers.map { viewer -> JSONValue in
            [
                "id": .string(viewer.id),
                "label": .string(viewer.label),
                "address": .string(viewer.address),
                "userAgent": .string(viewer.userAgent),
                "firstSeen": .string(viewer.firstSeen.iso8601),
                "lastSeen": .string(viewer.lastSeen.iso8601),
                "requests": .integer(viewer.requests),
                "bytes": .integer(viewer.bytes),
                "openStreams": .integer(viewer.openStreams),
            ]
        }
        let facts: JSONValue = [
            "slug": .string(self.slug.rawValue),
            "publicUrl": .string(self.publicURL),
            "status": .string(self.status.rawValue),
            "expiresAt": .string(self.expiresAt.iso8601),
            "now": .string(self.now.iso8601),
            "authMode": .string(self.authMode.rawValue),
            "public": .bool(self.isPublic),
            "maxConcurrentViewers": .integer(self.maxConcurrentViewers),
            "blockPaths": .array(self.blockPaths.map { .string($0) }),
            "hasPassword": .bool(self.hasPassword),
            "tunnelConnections": .integer(self.tunnelConnections),
            "removedViewers": .integer(self.removedViewers),
            "viewers": .array(viewers),
        ]
        return facts.htmlSafeText
    }
}
