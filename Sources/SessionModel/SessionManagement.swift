/// What the control API and the owner's pages may do to sessions; the composition root supplies the implementation.
///
/// Every change is durable, audited and published to the change feed before the call returns: on one node it is
/// enforced for every request that starts after the return. Refusals are `DaypassError`; unknown slugs and ids,
/// and forgotten sessions, throw `session_not_found`. Any other error means that the store itself failed: it is logged
/// with a correlation id and answered as an internal error.
package protocol SessionManagement: Sendable {
    /// Creates a session. Throws `too_many_sessions` at the creator's or the total limit, `conflict` when the asked
    /// slug is taken.
    func create(_ request: NewSession, by actor: Actor, creator: String) async throws -> CreatedSession
    /// Finds a session by its identifier.
    func session(id: SessionID) async throws -> SessionRecord
    /// Finds a session by its slug.
    func session(slug: Slug) async throws -> SessionRecord
    /// One page of sessions, newest first; `after` is the last identifier of the page before.
    func sessions(after: SessionID?, limit: Int) async throws -> [SessionRecord]
    /// Applies a partial policy change, all or nothing. Closed or expired sessions throw `session_closed` or
    /// `session_expired`, here and in every change below except `close` and `delete`.
    func updatePolicy(of slug: Slug, _ update: PolicyUpdate, by actor: Actor) async throws -> SessionRecord
    /// Removes a viewer for good; idempotent. Throws `conflict` when as many viewers as a session may keep (10 000)
    /// have been removed.
    func kick(_ viewer: KickedViewer, from slug: Slug, by actor: Actor) async throws -> SessionRecord
    /// Pauses or resumes the tunnel; idempotent.
    func setPaused(_ paused: Bool, slug: Slug, by actor: Actor) async throws -> SessionRecord
    /// Closes the session for good; idempotent.
    func close(slug: Slug, by actor: Actor) async throws -> SessionRecord
    /// Draws a new password: the basic one when `authMode` is basic, else the policy's.
    func rotatePassword(of slug: Slug, by actor: Actor) async throws -> SessionRecord
    /// Closes and forgets the session; its audit events stay.
    func delete(id: SessionID, by actor: Actor) async throws
    /// Audit events of one session (or of all), newest first, at most `limit`.
    func auditEvents(of id: SessionID?, limit: Int) async throws -> [AuditEvent]
}

/// A validated request for a new session.
package struct NewSession: Equatable, Sendable {
    /// The local port, 1…65535.
    package var port: Int
    /// How viewers authenticate.
    package var authMode: AuthMode
    /// How long it lives.
    package var lifetime: Duration
    /// The slug the owner asks for; nil draws one.
    package var slug: Slug?
    /// The policy to begin with.
    package var policy: SessionPolicy

    /// A request with the reference page's defaults.
    package init(
        port: Int = 3000,
        authMode: AuthMode = .none,
        lifetime: Duration = .seconds(86_400),
        slug: Slug? = nil,
        policy: SessionPolicy = SessionPolicy()
    ) {
        self.port = port
        self.authMode = authMode
        self.lifetime = lifetime
        self.slug = slug
        self.policy = policy
    }
}

/// A new session together with the one showing of its owner token.
package struct CreatedSession: Sendable {
    /// The stored record.
    package var record: SessionRecord
    /// The owner token, which exists nowhere else.
    package var ownerToken: String

    /// Pairs the record with its token.
    package init(record: SessionRecord, ownerToken: String) {
        self.record = record
        self.ownerToken = ownerToken
    }
}

/// One change of a session's state, as enforcement points receive it.
package enum SessionChange: Equatable, Sendable {
    /// The session is now this record (new, changed, paused, closed …).
    case updated(SessionRecord)
    /// The session is forgotten.
    case forgotten(SessionID)
}

/// Carries changes from where they are stored to where they are enforced.
///
/// One process has an in-process implementation; several nodes share a store and will have one that follows it.
/// Delivery is at least once and may be out of order between sessions; records carry revisions, so receivers keep
/// the newest.
package protocol SessionChangeFeed: Sendable {
    /// Announces a durable change. When it returns, enforcement points of this process have taken it over.
    func publish(_ change: SessionChange)
    /// Adds a receiver, called on the publisher's thread; it must not block.
    func subscribe(_ receiver: @escaping @Sendable (SessionChange) -> Void)
}

/// What the enforcement point knows about sessions that no store does: who is looking right now.
///
/// Calls may come from any thread and answer from memory.
package protocol LiveSessions: Sendable {
    /// The viewers of a session that count as present, most recently seen first.
    func viewers(of id: SessionID) -> [ViewerSummary]
    /// The viewer with this id if it has been seen lately, with the address identifier it was last seen from.
    func viewer(_ viewerID: String, of id: SessionID) -> KickedViewer?
    /// How many agents' connections serve the session now.
    func tunnelConnections(of id: SessionID) -> Int
}

/// One viewer as the owner sees it.
package struct ViewerSummary: Equatable, Sendable {
    /// `vw_…` for a browser with our cookie, `ip_…` for a client address.
    package var id: String
    /// A name for people: the invite's label, else empty.
    package var label: String
    /// Client address without port.
    package var address: String
    /// The `User-Agent` last seen, at most 256 bytes.
    package var userAgent: String
    /// First request.
    package var firstSeen: Timestamp
    /// Latest request.
    package var lastSeen: Timestamp
    /// Requests so far.
    package var requests: Int
    /// Body bytes sent to the viewer so far.
    package var bytes: Int
    /// Requests and WebSockets open now.
    package var openStreams: Int

    /// A complete summary.
    package init(
        id: String,
        label: String,
        address: String,
        userAgent: String,
        firstSeen: Timestamp,
        lastSeen: Timestamp,
        requests: Int,
        bytes: Int,
        openStreams: Int
    ) {
        self.id = id
        self.label = label
        self.address = address
        self.userAgent = userAgent
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
        self.requests = requests
        self.bytes = bytes
        self.openStreams = openStreams
    }
}
