package import SessionModel

/// Keeps sessions, audit events and access tokens.
///
/// Every call is atomic, and durable before it returns: after a crash of the process or the machine, what was
/// acknowledged is there and what was refused is not. Implementations may be shared by several processes, so every
/// read–modify–write happens inside the store (`update`). Errors other than `DaypassError` mean that the store itself
/// failed. The conformance suite in `DaypassTestSupport` says what every implementation must do.
package protocol SessionStore: Sendable {
    /// Adds a session with its audit event. Throws `conflict` if the slug or the id is in use, `too_many_sessions` if
    /// `limits` are reached (open ones count; checked in the same transaction).
    func insert(_ record: SessionRecord, limits: SessionLimits, audit: AuditEvent) async throws
    /// The session with this identifier, or nil.
    func session(id: SessionID) async throws -> SessionRecord?
    /// The session with this slug, or nil.
    func session(slug: Slug) async throws -> SessionRecord?
    /// Sessions newest first (ties by id, descending), starting after the session `after`, at most `limit`.
    func sessions(after: SessionID?, limit: Int) async throws -> [SessionRecord]
    /// Runs `change` on the current record inside one transaction and stores the result with `revision + 1` and the
    /// event `change` returns. When `change` returns nil nothing is stored and the current record is returned; when it
    /// throws nothing is stored. Throws `session_not_found`.
    func update(
        slug: Slug,
        _ change: @escaping @Sendable (inout SessionRecord) throws -> AuditEvent?
    ) async throws -> SessionRecord
    /// Forgets a session and frees its slug; throws `session_not_found`.
    func delete(id: SessionID, audit: AuditEvent) async throws
    /// Forgets sessions that ended before `endedBefore`; returns their identifiers.
    func forget(endedBefore: Timestamp, audit: @escaping @Sendable (SessionID) -> AuditEvent) async throws
        -> [SessionID]
    /// Audit events newest first, of one session or of all, at most `limit`.
    func auditEvents(of id: SessionID?, limit: Int) async throws -> [AuditEvent]
    /// Adds an access token.
    func insert(_ token: AccessTokenRecord, audit: AuditEvent) async throws
    /// The access token with this digest, or nil.
    func accessToken(digest: SecretDigest) async throws -> AccessTokenRecord?
    /// All access tokens, newest first, revoked and expired ones included.
    func accessTokens() async throws -> [AccessTokenRecord]
    /// Revokes a token; idempotent; throws `not_found`.
    func revokeAccessToken(id: String, at: Timestamp, audit: AuditEvent) async throws -> AccessTokenRecord
    /// Whether the store answers; used by `/ready`.
    func ping() async throws
}

/// How many sessions may be open at once.
package struct SessionLimits: Equatable, Sendable {
    /// Open sessions of one creator.
    package var perCreator: Int
    /// Open sessions in all.
    package var total: Int
    /// The time at which "open" is judged.
    package var now: Timestamp

    /// Limits judged at `now`.
    package init(perCreator: Int, total: Int, now: Timestamp) {
        self.perCreator = perCreator
        self.total = total
        self.now = now
    }
}
