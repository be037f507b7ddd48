/// What was done to a session, kept in the store (spec: tunnel sessions, 3.8).
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
    }

    /// Which session, if any.
    package var sessionID: SessionID?
    /// When.
    package var at: Timestamp
    /// Who and from where.
    package var actor: Actor
    /// What.
    package var action: Action
    /// What exactly, in words without secrets: field names and counts, never passwords or tokens; at most 1 KiB.
    package var summary: String

    /// A complete event.
    package init(sessionID: SessionID?, at: Timestamp, actor: Actor, action: Action, summary: String) {
        self.sessionID = sessionID
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

    /// The server itself: expiry and forgetting.
    package static let system = Actor(name: "system", address: "")
}
