import AccessControl
import DaypassTestSupport
import SessionModel
import Synchronization
import Testing

@Suite("The gate")
struct GatewayGateTests {
    private func gate(_ fixture: GatewayFixture) -> GatewayGate {
        let gate = GatewayGate(snapshot: fixture.snapshot)
        gate.useTokens(keyIDs: ["k1"], keySet: "{}", isGood: { $0.signature.first == 7 }, sign: { _ in "signed" })
        return gate
    }

    private func code(_ gate: GatewayGate, _ request: GatewayRequest, _ fixture: GatewayFixture) throws
        -> GatewayErrorCode?
    {
        try #require(gate.decide(request, tenant: fixture.tenant.slug, now: fixture.now)).refusal?.code
    }

    @Test("changed key by key judges like one made anew", arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func incremental(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var fixture = try GatewayFixture()
        for number in 0..<12 { try fixture.add("k\(number)", .publishable, .both, origins: [GatewayFixture.origin]) }
        let tight = Plan(name: try #require(PolicyName("tight")), limits: [Limit(.reads, maximum: 1, per: .key)])
        var plans: [Plan] = []
        var kept = Dictionary(uniqueKeysWithValues: fixture.keys.map { ($0.id, $0) })
        var changing = fixture.snapshot
        for _ in 0..<200 {
            let key = try #require(fixture.keys.randomElement(using: &generator))
            switch Int.random(in: 0..<6, using: &generator) {
            case 0:
                kept[key.id] = nil
                changing.remove(key: key.id)
            case 1:
                plans = plans.isEmpty ? [tight] : []
                changing.setPlans(plans)
            default:
                var record = key
                record.webOrigins = try [GatewayFixture.origin, "https://b.example", "https://*.c.example"]
                    .filter { _ in Bool.random(using: &generator) }.map { try WebOriginRule(parsing: $0) }
                record.revokedAt = Int.random(in: 0..<4, using: &generator) == 0 ? fixture.now : nil
                record.plan = Bool.random(using: &generator) ? tight.name : .standard
                kept[key.id] = record
                changing.put(record)
            }
            let anew = GatewaySnapshot(
                issuer: GatewayFixture.issuer,
                tenants: [fixture.tenant],
                keys: Array(kept.values),
                plans: plans
            )
            #expect(changing.keyCount == anew.keyCount)
            for name in ["k1", "k2", "pk", "sk"] {
                let origin = generator.pick([GatewayFixture.origin, "https://b.example", "https://x.c.example", nil])
                let request = try fixture.request(key: name, origin: origin)
                var (one, other) = (fixture.state, fixture.state)
                let now = fixture.now
                let first = changing.decide(request, tenant: fixture.tenant.slug, now: now, ledger: &one)
                #expect(first == anew.decide(request, tenant: fixture.tenant.slug, now: now, ledger: &other))
            }
        }
    }

    @Test("sees a change in the next decision")
    func changes() throws {
        let fixture = try GatewayFixture()
        let gate = self.gate(fixture)
        let request = try fixture.request()
        #expect(try self.code(gate, request, fixture) == nil)
        var key = try #require(fixture.keys.first { $0.name == "pk" })
        key.revokedAt = fixture.now
        gate.update { $0.put(key) }
        #expect(try self.code(gate, request, fixture) == .apiKeyRevoked)
        gate.update { $0.remove(key: key.id) }
        #expect(try self.code(gate, request, fixture) == .apiKeyInvalid)
        gate.update { $0.remove(tenant: fixture.tenant.slug) }
        #expect(gate.decide(request, tenant: fixture.tenant.slug, now: fixture.now) == nil)
    }

    @Test("judges what is open by what it was let in for")
    func openExchanges() throws {
        let fixture = try GatewayFixture()
        let gate = self.gate(fixture)
        let told = Mutex(0)
        gate.subscribe { _ in told.withLock { $0 += 1 } }
        let token = GatewayFixture.token(try fixture.claims(at: fixture.now))
        let request = try fixture.request("POST", token: token)
        let verdict = try #require(gate.decide(request, tenant: fixture.tenant.slug, now: fixture.now))
        let ticket = try #require(gate.snapshot.ticket(for: verdict))
        var generator = SeededGenerator(seed: 3)
        func refusal(_ change: (inout APIKeyRecord) -> Void) throws -> GatewayErrorCode? {
            let record = try #require(fixture.keys.first { $0.name == "pk" })
            var changed = record
            change(&changed)
            gate.update { $0.put(changed) }
            defer { gate.update { $0.put(record) } }
            return gate.refusal(ofOpen: ticket, now: fixture.now)?.code
        }
        #expect(try refusal { _ in } == nil)
        #expect(try refusal { $0.revokedAt = fixture.now } == .apiKeyRevoked)
        #expect(try refusal { $0.expiresAt = fixture.now } == .apiKeyExpired)
        #expect(try refusal { $0.webOrigins = [] } == .originNotAllowed)
        #expect(try refusal { $0.scopes = [] } == .scopeNotGranted)
        #expect(try refusal { $0.sessionsNotBefore = fixture.now + .seconds(1) } == .sessionInvalid)
        #expect(try refusal { $0.channels = .server } == .originNotAllowed)
        #expect(try refusal { _ = $0.rotate(grace: .seconds(9), now: fixture.now, using: &generator) } == nil)
        #expect(try refusal { _ = $0.rotate(grace: .zero, now: fixture.now, using: &generator) } == .apiKeyExpired)
        func tenantRefusal(_ change: (inout Tenant) -> Void) -> GatewayErrorCode? {
            var changed = fixture.tenant
            change(&changed)
            gate.update { $0.put(changed) }
            defer { gate.update { $0.put(fixture.tenant) } }
            return gate.refusal(ofOpen: ticket, now: fixture.now)?.code
        }
        #expect(tenantRefusal { $0.status = .suspended } == .tenantSuspended)
        #expect(tenantRefusal { $0.routes.removeAll { $0.pattern.text == "/quotes" } } == .routeNotFound)
        #expect(tenantRefusal { $0.routes[0].module = PolicyName("other") } == .moduleNotEnabled)
        #expect(tenantRefusal { $0.routes[0].methods = [.get] } == .routeNotFound)
        // The end of the token's life does not end what was begun with it; its revocation does.
        #expect(gate.refusal(ofOpen: ticket, now: fixture.now + .seconds(4000)) == nil)
        let session = try #require(ticket.session)
        #expect(gate.revoke(session, until: fixture.now + RevokedSessions.memory, now: fixture.now))
        #expect(gate.refusal(ofOpen: ticket, now: fixture.now)?.code == .sessionInvalid)
        #expect(told.withLock { $0 } == 27)
    }

    @Test("lets exactly as many pass as a limit says, from many threads")
    func exact() async throws {
        var fixture = try GatewayFixture()
        let plan = Plan(name: .standard, limits: [Limit(.reads, windowSeconds: 86_400, maximum: 500, per: .key)])
        fixture.plans = [plan]
        let gate = self.gate(fixture)
        let request = try fixture.request()
        let (slug, now) = (fixture.tenant.slug, fixture.now)
        let passed = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<200).count { _ in gate.decide(request, tenant: slug, now: now)?.refusal == nil }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(passed == 500)
    }

    @Test("counts usage once, and keeps the newest refusals only")
    func usage() throws {
        let fixture = try GatewayFixture()
        let gate = self.gate(fixture)
        let verdict = try #require(gate.decide(fixture.request(), tenant: fixture.tenant.slug, now: fixture.now))
        let leaking = try #require(
            gate.decide(try fixture.request(key: "sk"), tenant: fixture.tenant.slug, now: fixture.now)
        )
        for number in 0..<2100 {
            let error = GatewayError(number.isMultiple(of: 2) ? .rateLimited : .routeNotFound)
            let refusal = GatewayRefusal(
                error,
                of: verdict,
                at: fixture.now,
                method: "GET",
                target: "/x/\(number)?secret=1",
                webOrigin: nil,
                address: try Fixture.address("192.0.2.1"),
                requestID: "r"
            )
            gate.record(verdict, refusal: refusal, now: fixture.now)
        }
        gate.record(verdict, refusal: nil, now: fixture.now)
        gate.record(leaking, refusal: nil, now: fixture.now)
        let counts = gate.withUsage { $0.drainCounts() }
        #expect(counts.reduce(0) { $0 + $1.count } == 2102)
        #expect(counts.first { $0.code == .rateLimited }?.count == 1050)
        #expect(gate.withUsage { $0.drainCounts() }.isEmpty)
        let kept = gate.withUsage { $0.refusals(of: nil, code: nil, limit: 5000) }
        #expect(kept.count == GatewayUsage.refusalCapacity)
        #expect(kept.first?.path == "/x/2099" && kept.last?.path == "/x/100")
        #expect(
            gate.withUsage { $0.refusals(of: nil, code: .rateLimited, limit: 3) }.map(\.path) == [
                "/x/2098", "/x/2096", "/x/2094",
            ]
        )
        #expect(gate.withUsage { $0.drainLeaked() } == [try fixture.id("sk")])
        #expect(gate.withUsage { $0.drainLastUsed() }.count == 2)
    }
}
