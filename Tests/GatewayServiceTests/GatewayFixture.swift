import AccessControl
import DaypassTestSupport
import GatewayService
import SessionModel
import SessionStore
import Synchronization
import Testing

/// A gate that holds what it was given and hands out what a test put in.
final class RecordingGate: GatewayGateKeeping {
    struct State {
        var calls: [String] = []
        var tenants: [Slug: Tenant] = [:]
        var keys: [APIKeyID: APIKeyRecord] = [:]
        var plans: [Plan] = []
        var revoked: [BrowserSessionID: Timestamp] = [:]
        var room = Int.max
        var keyIDs: Set<String> = []
        var keySet = ""
        var isGood: @Sendable (UnverifiedToken) -> Bool = { _ in false }
        var sign: @Sendable (SessionClaims) throws -> String = { _ in "" }
        var usage: [UsageCount] = []
        var uses: [(APIKeyID, Timestamp)] = []
        var leaked: Set<APIKeyID> = []
        var counts: [StoredCount] = []
        var final: [StoredCount] = []
        var persisted: [StoredCount] = []
        var failed: [StoredCount] = []
    }

    let state = Mutex(State())

    var calls: [String] { self.state.withLock { $0.calls } }
    func read<Value: Sendable>(_ path: any KeyPath<State, Value> & Sendable) -> Value {
        self.state.withLock { $0[keyPath: path] }
    }

    func put(_ tenant: Tenant) {
        self.state.withLock { state in
            state.calls.append("put \(tenant.slug)")
            state.tenants[tenant.slug] = tenant
        }
    }

    func remove(tenant slug: Slug, keys: [APIKeyID]) {
        for key in keys { self.remove(key: key) }
        self.state.withLock { state in
            state.calls.append("remove \(slug)")
            state.tenants[slug] = nil
        }
    }

    func put(_ key: APIKeyRecord) {
        self.state.withLock { state in
            state.calls.append("put \(key.id)")
            state.keys[key.id] = key
        }
    }

    func remove(key id: APIKeyID) {
        self.state.withLock { state in
            state.calls.append("remove \(id)")
            state.keys[id] = nil
        }
    }

    func setPlans(_ plans: [Plan]) {
        self.state.withLock { state in
            state.calls.append("plans \(plans.count)")
            state.plans = plans
        }
    }

    func revoke(_ session: BrowserSessionID, until: Timestamp, now: Timestamp) -> Bool {
        self.state.withLock { state in
            state.calls.append("revoke \(session)")
            guard state.revoked.count < state.room else { return false }
            state.revoked[session] = until
            return true
        }
    }

    func useTokens(
        keyIDs: Set<String>,
        keySet: String,
        isGood: @escaping @Sendable (UnverifiedToken) -> Bool,
        sign: @escaping @Sendable (SessionClaims) throws -> String
    ) {
        self.state.withLock { state in
            state.calls.append("tokens \(keyIDs.count)")
            state.keyIDs = keyIDs
            state.keySet = keySet
            state.isGood = isGood
            state.sign = sign
        }
    }

    func refusals(tenant: Slug?, code: GatewayErrorCode?, limit: Int) -> [GatewayRefusal] {
        self.state.withLock { $0.calls.append("refusals \(tenant?.rawValue ?? "-") \(code?.rawValue ?? "-") \(limit)") }
        return []
    }

    func drainUsage() -> [UsageCount] {
        self.state.withLock { state in
            defer { state.usage = [] }
            return state.usage
        }
    }

    func drainLastUsed() -> [(APIKeyID, Timestamp)] {
        self.state.withLock { state in
            defer { state.uses = [] }
            return state.uses
        }
    }

    func drainLeaked() -> Set<APIKeyID> {
        self.state.withLock { state in
            defer { state.leaked = [] }
            return state.leaked
        }
    }

    func drainCounts() -> [StoredCount] {
        self.state.withLock { state in
            defer { state.counts = [] }
            return state.counts
        }
    }

    func markPersisted(_ counts: [StoredCount], failed: Bool) {
        self.state.withLock { state in
            if failed { state.failed += counts } else { state.persisted += counts }
            if failed { state.counts += counts }
        }
    }

    func finalCounts() -> [StoredCount] { self.state.withLock { $0.final } }
}

/// A store that can be made to fail, and says how often it wrote counts.
final class FaultyStore: GatewayStore {
    struct Failure: Error {}

    private let base = InMemoryGatewayStore()
    let isFailing = Mutex(false)
    let countWrites = Mutex<[Int]>([])

    private func check() throws {
        if self.isFailing.withLock({ $0 }) { throw Failure() }
    }

    func change<Value: Sendable>(
        _ body: @escaping @Sendable (any GatewayTransaction) throws -> Value
    ) async throws -> Value {
        try self.check()
        // Other tasks get a chance between the transaction and its caller.
        let value = try await self.base.change(body)
        await Task.yield()
        return value
    }

    func tenants() async throws -> [Tenant] { try await self.base.tenants() }
    func tenant(_ slug: Slug) async throws -> Tenant? { try await self.base.tenant(slug) }
    func plans() async throws -> [Plan] { try await self.base.plans() }
    func key(_ id: APIKeyID) async throws -> APIKeyRecord? { try await self.base.key(id) }
    func keys(of tenant: Slug?, after: APIKeyID?, limit: Int) async throws -> [APIKeyRecord] {
        try await self.base.keys(of: tenant, after: after, limit: limit)
    }
    func allKeys(after: APIKeyID?, limit: Int) async throws -> [APIKeyRecord] {
        try await self.base.allKeys(after: after, limit: limit)
    }
    func signingKeys() async throws -> [SigningKeyRecord] { try await self.base.signingKeys() }
    func revokedSessions(now: Timestamp) async throws -> [RevokedSession] {
        try await self.base.revokedSessions(now: now)
    }
    func write(counts: [StoredCount]) async throws {
        try self.check()
        self.countWrites.withLock { $0.append(counts.count) }
        try await self.base.write(counts: counts)
    }
    func counts(after position: Int64, limit: Int) async throws -> (counts: [StoredCount], position: Int64) {
        try await self.base.counts(after: position, limit: limit)
    }
    func add(usage: [UsageCount]) async throws {
        try self.check()
        try await self.base.add(usage: usage)
    }
    func usage(_ query: UsageQuery, limit: Int) async throws -> [UsageCount] {
        try await self.base.usage(query, limit: limit)
    }
    func noteLastUse(_ uses: [KeyUse]) async throws {
        try self.check()
        try await self.base.noteLastUse(uses)
    }
    func prune(_ horizon: GatewayHorizon) async throws -> Int {
        try self.check()
        return try await self.base.prune(horizon)
    }
    func gatewayAuditEvents(of tenant: Slug?, limit: Int) async throws -> [AuditEvent] {
        try await self.base.gatewayAuditEvents(of: tenant, limit: limit)
    }
}

/// A manager over a store in memory and a recording gate, with a clock that stands still and fixed randomness.
struct ManagerFixture {
    let store = FaultyStore()
    let gate = RecordingGate()
    let clock = ManualClock()
    let manager: GatewayManager
    let actor = Actor(name: "admin", address: "192.0.2.7")

    init(_ configuration: GatewayServiceConfiguration = GatewayServiceConfiguration()) async throws {
        self.manager = GatewayManager(
            store: self.store,
            gate: self.gate,
            configuration: configuration,
            clock: self.clock.wallClock,
            randomSource: SeededGenerator.source(seed: 3)
        )
        try await self.manager.start()
    }

    /// Adds a tenant.
    @discardableResult
    func tenant(_ slug: String = "acme", hosts: [String] = []) async throws -> Tenant {
        var samples = SampleGateway()
        return try await self.manager.put(samples.tenant(slug, hosts: hosts), onlyNew: true, by: self.actor)
    }

    /// A request for a key.
    func request(_ body: String = "") throws -> NewAPIKey {
        let text = #"{"name":"shop","scopes":["quotes"],"webOrigins":["https://shop.example"]\#(body)}"#
        return try NewAPIKey(json: try JSONParser.parse(Array(text.utf8)))
    }

    /// Makes a key of the tenant `acme`.
    func key(_ body: String = "") async throws -> CreatedAPIKey {
        try await self.manager.createKey(
            try self.request(body),
            tenant: SampleGateway.slug("acme"),
            by: self.actor
        )
    }

    /// The actions of the audit trail, oldest first, but for the first signing key.
    func actions() async throws -> [AuditEvent.Action] {
        try await self.manager.gatewayAuditEvents(of: nil, limit: 1000).reversed().dropFirst().map(\.action)
    }

    /// Requires that `body` is refused with `code`.
    func refused(
        _ code: ErrorCode,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Void
    ) async {
        let error = await #expect(throws: DaypassError.self, sourceLocation: sourceLocation) { try await body() }
        #expect(error?.code == code, sourceLocation: sourceLocation)
    }
}
