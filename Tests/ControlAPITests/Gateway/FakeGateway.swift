import AccessControl
import ControlAPI
import SessionModel
import Synchronization

/// An API gateway in memory: keeps what it is told, and decides with the real checks on what it keeps.
final class FakeGateway: GatewayManagement, GatewayDeciding {
    /// What was kept of one request by `record`.
    struct Recorded: Equatable {
        var code: GatewayErrorCode?
        var method: String
        var address: String
        var requestID: String
    }

    struct State {
        var tenants: [Slug: Tenant] = [:]
        var plans: [PolicyName: Plan] = [.standard: .standard]
        var keys: [APIKeyRecord] = []
        var revokedSessions: [BrowserSessionID] = []
        var signingKeys: [SigningKeySummary] = []
        var usageQueries: [UsageQuery] = []
        var limits: [Int] = []
        var actors: [Actor] = []
        var graces: [Duration] = []
        var recorded: [Recorded] = []
        var ledger = GatewayState(tokens: VerifiedTokens(keyIDs: [], isGood: { _ in false }))
        var generator = SystemRandomNumberGenerator()
    }

    let state = Mutex(State())
    let clock: ManualClock

    init(clock: ManualClock) { self.clock = clock }

    // MARK: GatewayManagement

    func tenants() async throws -> [Tenant] {
        self.state.withLock { $0.tenants.values.sorted { $0.slug.rawValue < $1.slug.rawValue } }
    }

    func tenant(_ slug: Slug) async throws -> Tenant {
        try self.state.withLock { state throws(DaypassError) in try Self.found(state.tenants[slug]) }
    }

    func put(_ tenant: Tenant, onlyNew: Bool, by actor: Actor) async throws -> Tenant {
        try self.state.withLock { state throws(DaypassError) in
            if onlyNew, state.tenants[tenant.slug] != nil { throw DaypassError(.conflict) }
            state.tenants[tenant.slug] = tenant
            state.actors.append(actor)
            return tenant
        }
    }

    func setStatus(_ status: TenantStatus, of slug: Slug, by actor: Actor) async throws -> Tenant {
        try self.change(slug, actor) { $0.status = status }
    }

    func setRoutes(_ routes: [APIRoute], of slug: Slug, by actor: Actor) async throws -> Tenant {
        try self.change(slug, actor) { $0.routes = routes }
    }

    private func change(_ slug: Slug, _ actor: Actor, _ body: (inout Tenant) -> Void) throws -> Tenant {
        try self.state.withLock { state throws(DaypassError) in
            var tenant = try Self.found(state.tenants[slug])
            body(&tenant)
            state.tenants[slug] = tenant
            state.actors.append(actor)
            return tenant
        }
    }

    func deleteTenant(_ slug: Slug, by actor: Actor) async throws {
        try self.state.withLock { state throws(DaypassError) in
            _ = try Self.found(state.tenants.removeValue(forKey: slug))
            state.actors.append(actor)
        }
    }

    func plans() async throws -> [Plan] {
        self.state.withLock { $0.plans.values.sorted { $0.name < $1.name } }
    }

    func put(_ plan: Plan, by actor: Actor) async throws -> Plan {
        self.state.withLock { $0.plans[plan.name] = plan }
        return plan
    }

    func deletePlan(_ name: PolicyName, by actor: Actor) async throws {
        try self.state.withLock { state throws(DaypassError) in
            if state.keys.contains(where: { $0.plan == name }) { throw DaypassError(.conflict) }
            _ = try Self.found(state.plans.removeValue(forKey: name))
        }
    }

    func keys(of tenant: Slug?, after: APIKeyID?, limit: Int) async throws -> [APIKeyRecord] {
        try self.state.withLock { state throws(DaypassError) in
            state.limits.append(limit)
            var list = state.keys.reversed().filter { tenant == nil || $0.tenant == tenant }
            if let after {
                let index = try Self.found(list.firstIndex { $0.id == after })
                list.removeFirst(index + 1)
            }
            return Array(list.prefix(limit))
        }
    }

    func key(_ id: APIKeyID) async throws -> APIKeyRecord {
        try self.state.withLock { state throws(DaypassError) in try Self.found(state.keys.first { $0.id == id }) }
    }

    func createKey(_ request: NewAPIKey, tenant: Slug, by actor: Actor) async throws -> CreatedAPIKey {
        let now = self.clock.now
        return try self.state.withLock { state throws(DaypassError) in
            _ = try Self.found(state.tenants[tenant])
            let (record, secret) = APIKeyRecord.make(request, tenant: tenant, now: now, using: &state.generator)
            state.keys.append(record)
            return CreatedAPIKey(record: record, secret: secret)
        }
    }

    func updateKey(_ id: APIKeyID, _ update: APIKeyUpdate, by actor: Actor) async throws -> APIKeyRecord {
        try self.change(id) { record in
            record.name = update.name ?? record.name
            record.scopes = update.scopes ?? record.scopes
            record.webOrigins = update.webOrigins ?? record.webOrigins
            record.channels = update.channels ?? record.channels
            record.plan = update.plan ?? record.plan
        }
    }

    func rotateKey(_ id: APIKeyID, grace: Duration, by actor: Actor) async throws -> CreatedAPIKey {
        var secret = ""
        var generator = SystemRandomNumberGenerator()
        self.state.withLock { $0.graces.append(grace) }
        let now = self.clock.now
        let record = try self.change(id) { secret = $0.rotate(grace: grace, now: now, using: &generator) }
        return CreatedAPIKey(record: record, secret: secret)
    }

    func revokeKey(_ id: APIKeyID, by actor: Actor) async throws -> APIKeyRecord {
        let now = self.clock.now
        return try self.change(id) { $0.revokedAt = now }
    }

    func revokeSessions(of id: APIKeyID, by actor: Actor) async throws -> APIKeyRecord {
        let now = self.clock.now
        return try self.change(id) { $0.sessionsNotBefore = now }
    }

    private func change(_ id: APIKeyID, _ body: (inout APIKeyRecord) -> Void) throws -> APIKeyRecord {
        try self.state.withLock { state throws(DaypassError) in
            let index = try Self.found(state.keys.firstIndex { $0.id == id })
            body(&state.keys[index])
            return state.keys[index]
        }
    }

    func revokeSession(_ id: BrowserSessionID, by actor: Actor) async throws {
        self.state.withLock { $0.revokedSessions.append(id) }
    }

    func signingKeys() async throws -> [SigningKeySummary] { self.state.withLock { $0.signingKeys } }

    func rotateSigningKey(by actor: Actor) async throws -> [SigningKeySummary] {
        let now = self.clock.now
        return self.state.withLock { state in
            let key = SigningKeySummary(
                id: "k\(state.signingKeys.count)",
                state: .next,
                createdAt: now,
                signsFrom: now + .seconds(600)
            )
            state.signingKeys.insert(key, at: 0)
            return state.signingKeys
        }
    }

    func apply(
        _ declaration: GatewayDeclaration,
        isDryRun: Bool,
        by actor: Actor
    ) async throws -> [GatewayChangeLine] {
        self.state.withLock { state in
            let lines = declaration.tenants.map { tenant in
                GatewayChangeLine(
                    kind: state.tenants[tenant.slug] == nil ? .added : .changed,
                    subject: "tenant \(tenant.slug)",
                    fields: state.tenants[tenant.slug] == nil ? [] : ["upstream"]
                )
            }
            guard !isDryRun else { return lines }
            for tenant in declaration.tenants { state.tenants[tenant.slug] = tenant }
            for plan in declaration.plans { state.plans[plan.name] = plan }
            return lines
        }
    }

    func usage(_ query: UsageQuery) async throws -> [UsageCount] {
        self.state.withLock { state in
            state.usageQueries.append(query)
            let key = state.keys.first
            guard let key else { return [] }
            return [
                UsageCount(start: query.from, tenant: key.tenant, key: key.id, code: nil, count: 12),
                UsageCount(start: query.from, tenant: key.tenant, key: nil, code: .apiKeyInvalid, count: 3),
            ]
        }
    }

    func refusals(of tenant: Slug?, code: GatewayErrorCode?, limit: Int) async -> [GatewayRefusal] {
        let now = self.clock.now
        return self.state.withLock { state in
            state.limits.append(limit)
            guard let slug = tenant ?? state.tenants.keys.first else { return [] }
            return [
                GatewayRefusal(
                    at: now,
                    tenant: slug,
                    key: nil,
                    code: code ?? .apiKeyRequired,
                    message: GatewayErrorCode.apiKeyRequired.defaultMessage,
                    method: "GET",
                    path: "/api/v1/quotes",
                    webOrigin: nil,
                    address: "203.0.113.9",
                    requestID: "req_1"
                )
            ]
        }
    }

    func gatewayAuditEvents(of tenant: Slug?, limit: Int) async throws -> [AuditEvent] {
        let now = self.clock.now
        return self.state.withLock { state in
            state.limits.append(limit)
            return [
                AuditEvent(
                    sessionID: nil,
                    tenant: tenant,
                    at: now,
                    actor: .system,
                    action: .keyLeaked,
                    summary: "a secret key came from a page"
                )
            ]
        }
    }

    private static func found<Value>(_ value: Value?) throws(DaypassError) -> Value {
        guard let value else { throw DaypassError(.notFound) }
        return value
    }

    // MARK: GatewayDeciding

    private static func snapshot(_ state: State) -> GatewaySnapshot {
        GatewaySnapshot(
            issuer: "http://localhost:3002",
            tenants: Array(state.tenants.values),
            keys: state.keys,
            plans: Array(state.plans.values)
        )
    }

    func decide(_ request: GatewayRequest, tenant: Slug, now: Timestamp) async -> GatewayVerdict? {
        self.state.withLock { state in
            Self.snapshot(state).decide(request, tenant: tenant, now: now, ledger: &state.ledger)
        }
    }

    func explain(_ request: GatewayRequest, tenant: Slug, now: Timestamp) -> GatewayExplanation? {
        self.state.withLock { Self.snapshot($0).explain(request, tenant: tenant, now: now, ledger: $0.ledger) }
    }

    func tenant(host: String, target: [UInt8]) -> Slug? {
        self.state.withLock { Self.snapshot($0).tenant(host: host, target: target) }
    }

    func defaultTenant(target: [UInt8]) -> Slug? {
        self.state.withLock { Self.snapshot($0).defaultTenant(target: target) }
    }

    func record(
        _ verdict: GatewayVerdict,
        of request: GatewayRequest,
        method: String,
        requestID: String,
        now: Timestamp
    ) {
        let recorded = Recorded(
            code: verdict.refusal?.code,
            method: method,
            address: request.address.text,
            requestID: requestID
        )
        self.state.withLock { $0.recorded.append(recorded) }
    }
}
