//! SessionStore: deciding, keeping and announcing changes of sessions.
//!
//! The storage protocol, the services that use it (sessions, access tokens, forgetting), the in-process change feed and
//! a store in memory. Drivers for databases are targets of their own.

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
    /// Sessions newest first (ties by id, descending), starting after the session `after`, at most `limit` (1…1000,
    /// clamped). `after` may have been forgotten meanwhile: its place is found as long as its `session.created` event
    /// is kept, else this throws `session_not_found` (never a page that leaves sessions out).
    func sessions(after: SessionID?, limit: Int) async throws -> [SessionRecord]
    /// Runs `change` on the current record inside one transaction and stores the result with `revision + 1` and the
    /// event `change` returns. When `change` returns nil nothing is stored and the current record is returned; when it
    /// throws nothing is stored. `change` must not touch `id`, `slug`, `createdAt` or `revision`. It runs while other
    /// writers wait, at most once. Throws `session_not_found`.
    func update(
        slug: Slug,
        _ change: @escaping @Sendable (inout SessionRecord) throws -> AuditEvent?
    ) async throws -> SessionUpdate
    /// Forgets a session and frees its slug; throws `session_not_found`.
    func delete(id: SessionID, audit: AuditEvent) async throws
    /// Forgets the sessions that ended first, and before `endedBefore`, at most `limit` of them; returns their
    /// identifiers.
    func forget(
        endedBefore: Timestamp,
        limit: Int,
        audit: @escaping @Sendable (SessionID) -> AuditEvent
    ) async throws -> [SessionID]
    /// When the session ended that has `newer` sessions ended after it at `now`; nil if no more than `newer` have
    /// ended. Forgetting what ended before the answer or at it leaves at most `newer` ended sessions.
    func end(ofEndedSessionBehind newer: Int, now: Timestamp) async throws -> Timestamp?
    /// Audit events newest first, of one session or of all, at most `limit` (1…1000, clamped). Events outlive their
    /// sessions.
    func auditEvents(of id: SessionID?, limit: Int) async throws -> [AuditEvent]
    /// Removes all but the newest `count` audit events; returns how many were removed.
    func pruneAuditEvents(keepingNewest count: Int) async throws -> Int
    /// Adds an access token. Throws `conflict` if its id or digest exists or if `limit` tokens may be used at the new
    /// one's `createdAt` already.
    func insert(_ token: AccessTokenRecord, limit: Int, audit: AuditEvent) async throws
    /// The access token with this digest, or nil.
    func accessToken(digest: SecretDigest) async throws -> AccessTokenRecord?
    /// All access tokens, newest first, revoked and expired ones included.
    func accessTokens() async throws -> [AccessTokenRecord]
    /// Revokes a token; idempotent; throws `not_found`.
    func revokeAccessToken(id: String, at: Timestamp, audit: AuditEvent) async throws -> AccessTokenRecord
    /// Removes access tokens that were revoked or expired before `endedBefore`; returns how many.
    func forgetAccessTokens(endedBefore: Timestamp) async throws -> Int
    /// Whether the store answers; used by `/ready`.
    func ping() async throws
}

/// What came of `SessionStore.update`.
package struct SessionUpdate: Equatable, Sendable {
    /// The record as it is stored now.
    package var record: SessionRecord
    /// Whether this call changed it.
    package var isChanged: Bool

    /// Pairs the record with whether it changed.
    package init(record: SessionRecord, isChanged: Bool) {
        self.record = record
        self.isChanged = isChanged
    }
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

/// A failure of the store itself: unreadable data, a missing key, a file that is not what it was.
///
/// It is for whoever runs the server: `description` names files and what to do, and never holds a secret. Callers
/// answer it like every unknown error, with a correlation id.
package struct StoreFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What happened, as a sentence for the person who runs the server.
    package let description: String

    /// A failure described in a sentence.
    package init(_ description: String) {
        self.description = description
    }
}
