package import SessionModel
import Synchronization

/// A store that forgets everything with the process: for tests, and for `daypass http --standalone`.
///
/// Shared and locked; every call is one critical section.
package final class InMemorySessionStore: SessionStore {
    private struct State {
        var sessions: [SessionID: SessionRecord] = [:]
        var slugs: [Slug: SessionID] = [:]
        var events: [AuditEvent] = []
        var tokens: [String: AccessTokenRecord] = [:]
        var tokenIDs: [SecretDigest: String] = [:]
    }

    private let state = Mutex(State())

    /// An empty store.
    package init() {}

    package func insert(_ record: SessionRecord, limits: SessionLimits, audit: AuditEvent) async throws {
        try self.state.withLock { state in
            let open = state.sessions.values.lazy.filter { $0.endedAt(now: limits.now) == nil }
            guard open.count < limits.total, open.count(where: { $0.creator == record.creator }) < limits.perCreator
            else { throw DaypassError(.tooManySessions) }
            guard state.sessions[record.id] == nil, state.slugs[record.slug] == nil else {
                throw DaypassError(.conflict)
            }
            state.sessions[record.id] = record
            state.slugs[record.slug] = record.id
            state.events.append(audit)
        }
    }

    package func session(id: SessionID) async throws -> SessionRecord? {
        self.state.withLock { $0.sessions[id] }
    }

    package func session(slug: Slug) async throws -> SessionRecord? {
        self.state.withLock { state in state.slugs[slug].flatMap { state.sessions[$0] } }
    }

    package func sessions(after: SessionID?, limit: Int) async throws -> [SessionRecord] {
        let (records, start) = try self.state.withLock { state in
            let start = try after.map { id in
                let event = state.events.last { $0.sessionID == id && $0.action == .sessionCreated }
                guard let createdAt = state.sessions[id]?.createdAt ?? event?.at else {
                    throw DaypassError(.sessionNotFound)
                }
                return (createdAt, id.rawValue)
            }
            return (Array(state.sessions.values), start)
        }
        return Array(
            records.lazy.filter { record in start.map { (record.createdAt, record.id.rawValue) < $0 } ?? true }
                .sorted { ($0.createdAt, $0.id.rawValue) > ($1.createdAt, $1.id.rawValue) }
                .prefix(pageSize(limit))
        )
    }

    package func update(
        slug: Slug,
        _ change: @escaping @Sendable (inout SessionRecord) throws -> AuditEvent?
    ) async throws -> SessionUpdate {
        try self.state.withLock { state in
            guard let id = state.slugs[slug], let current = state.sessions[id] else {
                throw DaypassError(.sessionNotFound)
            }
            var record = current
            guard let event = try change(&record) else { return SessionUpdate(record: current, isChanged: false) }
            record.revision = current.revision + 1
            state.sessions[id] = record
            state.events.append(event)
            return SessionUpdate(record: record, isChanged: true)
        }
    }

    package func delete(id: SessionID, audit: AuditEvent) async throws {
        try self.state.withLock { state in
            guard let record = state.sessions.removeValue(forKey: id) else { throw DaypassError(.sessionNotFound) }
            state.slugs[record.slug] = nil
            state.events.append(audit)
        }
    }

    package func forget(
        endedBefore: Timestamp,
        limit: Int,
        audit: @escaping @Sendable (SessionID) -> AuditEvent
    ) async throws -> [SessionID] {
        self.state.withLock { state in
            let ended = state.sessions.values.lazy.filter { $0.end < endedBefore }
                .sorted { ($0.end, $0.id.rawValue) < ($1.end, $1.id.rawValue) }
                .prefix(max(0, limit))
            for record in ended {
                state.sessions[record.id] = nil
                state.slugs[record.slug] = nil
                state.events.append(audit(record.id))
            }
            return ended.map(\.id)
        }
    }

    package func end(ofEndedSessionBehind newer: Int, now: Timestamp) async throws -> Timestamp? {
        self.state.withLock { state in
            state.sessions.values.lazy.map(\.end).filter { $0 <= now }.sorted(by: >).dropFirst(max(0, newer)).first
        }
    }

    package func auditEvents(of id: SessionID?, limit: Int) async throws -> [AuditEvent] {
        self.state.withLock { state in
            Array(state.events.reversed().lazy.filter { id == nil || $0.sessionID == id }.prefix(pageSize(limit)))
        }
    }

    package func pruneAuditEvents(keepingNewest count: Int) async throws -> Int {
        self.state.withLock { state in
            let surplus = max(0, state.events.count - max(0, count))
            state.events.removeFirst(surplus)
            return surplus
        }
    }

    package func insert(_ token: AccessTokenRecord, limit: Int, audit: AuditEvent) async throws {
        try self.state.withLock { state in
            guard state.tokens.values.count(where: { $0.isValid(now: token.createdAt) }) < limit else {
                throw tooManyAccessTokens(limit)
            }
            guard state.tokens[token.id] == nil, state.tokenIDs[token.digest] == nil else {
                throw DaypassError(.conflict)
            }
            state.tokens[token.id] = token
            state.tokenIDs[token.digest] = token.id
            state.events.append(audit)
        }
    }

    package func accessToken(digest: SecretDigest) async throws -> AccessTokenRecord? {
        self.state.withLock { state in state.tokenIDs[digest].flatMap { state.tokens[$0] } }
    }

    package func accessTokens() async throws -> [AccessTokenRecord] {
        self.state.withLock { Array($0.tokens.values) }.sorted { ($0.createdAt, $0.id) > ($1.createdAt, $1.id) }
    }

    package func revokeAccessToken(id: String, at: Timestamp, audit: AuditEvent) async throws -> AccessTokenRecord {
        try self.state.withLock { state in
            guard var token = state.tokens[id] else { throw DaypassError(.notFound) }
            guard token.revokedAt == nil else { return token }
            token.revokedAt = at
            state.tokens[id] = token
            state.events.append(audit)
            return token
        }
    }

    package func forgetAccessTokens(endedBefore: Timestamp) async throws -> Int {
        self.state.withLock { state in
            let ended = state.tokens.values.filter { token in
                [token.revokedAt, token.expiresAt].compactMap(\.self).contains { $0 < endedBefore }
            }
            for token in ended {
                state.tokens[token.id] = nil
                state.tokenIDs[token.digest] = nil
            }
            return ended.count
        }
    }

    package func ping() async throws {}
}

extension SessionRecord {
    /// When the session ended or will end: the earlier of closing and expiry.
    package var end: Timestamp { self.closedAt.map { min($0, self.expiresAt) } ?? self.expiresAt }
}

/// The number of rows a caller gets who asks for `limit`.
package func pageSize(_ limit: Int) -> Int { min(max(limit, 1), 1000) }

/// The refusal of an access token beyond `limit`.
package func tooManyAccessTokens(_ limit: Int) -> DaypassError {
    DaypassError(.conflict, "\(limit) access tokens are in use, which is the limit. Revoke some that are not needed.")
}
