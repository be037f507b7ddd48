import DaypassTestSupport
import SessionModel
import SessionStore
import Synchronization

/// Remembers what a feed announced.
final class ChangeRecorder: Sendable {
    private let state = Mutex<[SessionChange]>([])

    init(_ feed: any SessionChangeFeed) {
        feed.subscribe { [self] change in self.state.withLock { $0.append(change) } }
    }

    /// All changes so far.
    var changes: [SessionChange] { self.state.withLock { $0 } }

    /// The announced records.
    var records: [SessionRecord] {
        self.changes.compactMap { change in
            if case .updated(let record) = change { record } else { nil }
        }
    }
}

/// A session service over an in-memory store, with a clock that stands still and fixed randomness.
struct ServiceFixture {
    let store = InMemorySessionStore()
    let feed = InProcessSessionChangeFeed()
    let clock = ManualClock()
    let recorder: ChangeRecorder
    let service: SessionService
    let owner = Actor(name: "owner", address: "192.0.2.7")

    init(
        configuration: SessionServiceConfiguration = SessionServiceConfiguration(),
        randomSource: @escaping RandomSource = SeededGenerator.source(seed: 1)
    ) {
        self.recorder = ChangeRecorder(self.feed)
        self.service = SessionService(
            store: self.store,
            feed: self.feed,
            configuration: configuration,
            clock: self.clock.wallClock,
            randomSource: randomSource
        )
    }

    /// Creates a session.
    func create(_ request: NewSession = NewSession(), creator: String = "local:127.0.0.1") async throws
        -> SessionRecord
    {
        try await self.service.create(request, by: self.owner, creator: creator).record
    }
}

/// A store that passes every call on; a test replaces the one it is about.
protocol ForwardingStore: SessionStore {
    var base: InMemorySessionStore { get }
}

extension ForwardingStore {
    func update(
        slug: Slug,
        _ change: @escaping @Sendable (inout SessionRecord) throws -> AuditEvent?
    ) async throws -> SessionUpdate {
        try await self.base.update(slug: slug, change)
    }
    func insert(_ record: SessionRecord, limits: SessionLimits, audit: AuditEvent) async throws {
        try await self.base.insert(record, limits: limits, audit: audit)
    }
    func session(id: SessionID) async throws -> SessionRecord? { try await self.base.session(id: id) }
    func session(slug: Slug) async throws -> SessionRecord? { try await self.base.session(slug: slug) }
    func sessions(after: SessionID?, limit: Int) async throws -> [SessionRecord] {
        try await self.base.sessions(after: after, limit: limit)
    }
    func delete(id: SessionID, audit: AuditEvent) async throws { try await self.base.delete(id: id, audit: audit) }
    func forget(
        endedBefore: Timestamp,
        limit: Int,
        audit: @escaping @Sendable (SessionID) -> AuditEvent
    ) async throws -> [SessionID] {
        try await self.base.forget(endedBefore: endedBefore, limit: limit, audit: audit)
    }
    func end(ofEndedSessionBehind newer: Int, now: Timestamp) async throws -> Timestamp? {
        try await self.base.end(ofEndedSessionBehind: newer, now: now)
    }
    func auditEvents(of id: SessionID?, limit: Int) async throws -> [AuditEvent] {
        try await self.base.auditEvents(of: id, limit: limit)
    }
    func pruneAuditEvents(keepingNewest count: Int) async throws -> Int {
        try await self.base.pruneAuditEvents(keepingNewest: count)
    }
    func insert(_ token: AccessTokenRecord, limit: Int, audit: AuditEvent) async throws {
        try await self.base.insert(token, limit: limit, audit: audit)
    }
    func accessToken(digest: SecretDigest) async throws -> AccessTokenRecord? {
        try await self.base.accessToken(digest: digest)
    }
    func accessTokens() async throws -> [AccessTokenRecord] { try await self.base.accessTokens() }
    func revokeAccessToken(id: String, at: Timestamp, audit: AuditEvent) async throws -> AccessTokenRecord {
        try await self.base.revokeAccessToken(id: id, at: at, audit: audit)
    }
    func forgetAccessTokens(endedBefore: Timestamp) async throws -> Int {
        try await self.base.forgetAccessTokens(endedBefore: endedBefore)
    }
    func ping() async throws { try await self.base.ping() }
}

/// Its updates return only when the test lets them: between commit and announcement anything can happen.
struct HoldingStore: ForwardingStore {
    let base: InMemorySessionStore
    let afterUpdate: @Sendable (SessionUpdate) async -> Void

    func update(
        slug: Slug,
        _ change: @escaping @Sendable (inout SessionRecord) throws -> AuditEvent?
    ) async throws -> SessionUpdate {
        let update = try await self.base.update(slug: slug, change)
        await self.afterUpdate(update)
        return update
    }
}

/// Says when a session is inserted.
struct CountingStore: ForwardingStore {
    let base: InMemorySessionStore
    let onInsert: @Sendable () -> Void

    init(base: InMemorySessionStore, onInsert: @escaping @Sendable () -> Void) {
        self.base = base
        self.onInsert = onInsert
    }

    func insert(_ record: SessionRecord, limits: SessionLimits, audit: AuditEvent) async throws {
        self.onInsert()
        try await self.base.insert(record, limits: limits, audit: audit)
    }
}

/// Fails the first time sessions are to be forgotten.
final class FailingOnceStore: ForwardingStore {
    let base: InMemorySessionStore
    private let hasFailed = Mutex(false)

    init(base: InMemorySessionStore) { self.base = base }

    func forget(
        endedBefore: Timestamp,
        limit: Int,
        audit: @escaping @Sendable (SessionID) -> AuditEvent
    ) async throws -> [SessionID] {
        let fails = self.hasFailed.withLock { hasFailed in
            defer { hasFailed = true }
            return !hasFailed
        }
        if fails { throw StoreFailure("The disk is full.") }
        return try await self.base.forget(endedBefore: endedBefore, limit: limit, audit: audit)
    }
}

/// A door that stays shut until it is opened.
actor Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func wait() async {
        if self.isOpen { return }
        await withCheckedContinuation { self.waiting.append($0) }
    }

    func open() {
        self.isOpen = true
        for continuation in self.waiting { continuation.resume() }
        self.waiting = []
    }
}
