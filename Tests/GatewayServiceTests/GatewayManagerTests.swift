import DaypassTestSupport
import GatewayService
import SessionModel
import SessionStore
import Synchronization
import Testing

@Suite struct GatewayManagerTests {
    // MARK: Tenants

    @Test func aTenantIsStoredAuditedAndInForce() async throws {
        let fixture = try await ManagerFixture()
        let tenant = try await fixture.tenant(hosts: ["a.example"])
        #expect(fixture.gate.read(\.tenants) == [tenant.slug: tenant])
        #expect(try await fixture.manager.tenants() == [tenant])
        #expect(try await fixture.manager.tenant(tenant.slug) == tenant)
        let events = try await fixture.manager.gatewayAuditEvents(of: tenant.slug, limit: 9)
        #expect(events.map(\.action) == [.tenantCreated])
        #expect(events.first?.actor == fixture.actor)
        #expect(events.first?.at == fixture.clock.timestamp)
    }

    @Test func replacingSaysWhichFieldsChange() async throws {
        let fixture = try await ManagerFixture()
        var tenant = try await fixture.tenant(hosts: ["a.example"])
        _ = try await fixture.manager.put(tenant, onlyNew: false, by: fixture.actor)
        #expect(try await fixture.actions() == [.tenantCreated])
        tenant.hosts = ["b.example"]
        tenant.status = .pastDue
        _ = try await fixture.manager.put(tenant, onlyNew: false, by: fixture.actor)
        let last = try await fixture.manager.gatewayAuditEvents(of: nil, limit: 1).first
        #expect(last?.action == .tenantChanged)
        #expect(last?.summary == "hosts, status")
        #expect(fixture.gate.read(\.tenants)[tenant.slug] == tenant)
        await fixture.refused(.conflict) {
            _ = try await fixture.manager.put(tenant, onlyNew: true, by: fixture.actor)
        }
    }

    @Test func conflictsChangeNothing() async throws {
        let fixture = try await ManagerFixture()
        let first = try await fixture.tenant(hosts: ["a.example"])
        await fixture.refused(.conflict) { try await fixture.tenant("bolt", hosts: ["a.example"]) }
        #expect(fixture.gate.read(\.tenants) == [first.slug: first])
        #expect(try await fixture.actions() == [.tenantCreated])
    }

    @Test func statusAndRoutesAreChangedAlone() async throws {
        let fixture = try await ManagerFixture()
        let tenant = try await fixture.tenant()
        let suspended = try await fixture.manager.setStatus(.suspended, of: tenant.slug, by: fixture.actor)
        #expect(suspended.status == .suspended)
        #expect(suspended.routes == tenant.routes)
        _ = try await fixture.manager.setStatus(.suspended, of: tenant.slug, by: fixture.actor)
        let bare = try await fixture.manager.setRoutes([], of: tenant.slug, by: fixture.actor)
        #expect(bare.routes.isEmpty)
        #expect(fixture.gate.read(\.tenants)[tenant.slug] == bare)
        #expect(try await fixture.actions() == [.tenantCreated, .tenantChanged, .tenantChanged])
        let stranger = SampleGateway.slug("nobody")
        await fixture.refused(.notFound) {
            _ = try await fixture.manager.setStatus(.active, of: stranger, by: fixture.actor)
        }
        await fixture.refused(.notFound) { _ = try await fixture.manager.tenant(stranger) }
    }

    @Test func deletingATenantTakesItsKeysAway() async throws {
        let fixture = try await ManagerFixture()
        let tenant = try await fixture.tenant()
        let keys = [try await fixture.key(), try await fixture.key()]
        try await fixture.manager.deleteTenant(tenant.slug, by: fixture.actor)
        #expect(fixture.gate.read(\.keys).isEmpty)
        #expect(fixture.gate.read(\.tenants).isEmpty)
        for key in keys {
            await fixture.refused(.notFound) { _ = try await fixture.manager.key(key.record.id) }
        }
        await fixture.refused(.notFound) { try await fixture.manager.deleteTenant(tenant.slug, by: fixture.actor) }
        #expect(try await fixture.actions().last == .tenantDeleted)
    }

    @Test func numbersAreBounded() async throws {
        let fixture = try await ManagerFixture(.init(maxTenants: 1, maxKeys: 2, maxRevokedSessions: 1))
        let tenant = try await fixture.tenant()
        await fixture.refused(.conflict) { try await fixture.tenant("bolt") }
        _ = try await fixture.manager.put(tenant, onlyNew: false, by: fixture.actor)
        for _ in 0..<2 { _ = try await fixture.key() }
        await fixture.refused(.conflict) { _ = try await fixture.key() }
        #expect(fixture.gate.read(\.keys).count == 2)
        var samples = SampleGateway()
        let sessions = [samples.session(), samples.session()]
        for _ in 0..<2 { try await fixture.manager.revokeSession(sessions[0], by: fixture.actor) }
        await fixture.refused(.conflict) {
            try await fixture.manager.revokeSession(sessions[1], by: fixture.actor)
        }
    }

    // MARK: Plans

    @Test func plansAlwaysHaveTheStandardOne() async throws {
        let fixture = try await ManagerFixture()
        #expect(try await fixture.manager.plans() == [.standard])
        let samples = SampleGateway()
        let (basic, standard) = (samples.plan("basic"), samples.plan("standard"))
        _ = try await fixture.manager.put(basic, by: fixture.actor)
        #expect(fixture.gate.read(\.plans) == [basic, .standard])
        _ = try await fixture.manager.put(standard, by: fixture.actor)
        #expect(fixture.gate.read(\.plans) == [basic, standard])
        #expect(try await fixture.manager.plans() == [basic, standard])
        try await fixture.manager.deletePlan(.standard, by: fixture.actor)
        #expect(fixture.gate.read(\.plans) == [basic, .standard])
        try await fixture.tenant()
        let key = try await fixture.key(#","plan":"basic""#)
        await fixture.refused(.conflict) { try await fixture.manager.deletePlan(basic.name, by: fixture.actor) }
        _ = try await fixture.manager.updateKey(key.record.id, .init(plan: .standard), by: fixture.actor)
        try await fixture.manager.deletePlan(basic.name, by: fixture.actor)
        #expect(fixture.gate.read(\.plans) == [.standard])
        await fixture.refused(.notFound) { try await fixture.manager.deletePlan(basic.name, by: fixture.actor) }
        await fixture.refused(.validationError) { _ = try await fixture.key(#","plan":"basic""#) }
    }

    // MARK: Declarations

    @Test func aDeclarationIsAppliedAsAWhole() async throws {
        let fixture = try await ManagerFixture()
        let acme = try await fixture.tenant(hosts: ["a.example"])
        var samples = SampleGateway(seed: 2)
        var moved = acme
        moved.hosts = ["b.example"]
        let bolt = samples.tenant("bolt", hosts: ["a.example"])
        let declaration = GatewayDeclaration(plans: [samples.plan("basic"), .standard], tenants: [bolt, moved])
        let expected: [GatewayChangeLine] = [
            .init(kind: .added, subject: "plan basic"), .init(kind: .unchanged, subject: "plan standard"),
            .init(kind: .added, subject: "tenant bolt"),
            .init(kind: .changed, subject: "tenant acme", fields: ["hosts"]),
        ]
        let calls = fixture.gate.calls
        #expect(try await fixture.manager.apply(declaration, isDryRun: true, by: fixture.actor) == expected)
        #expect(fixture.gate.calls == calls)
        #expect(try await fixture.manager.tenants() == [acme])
        #expect(try await fixture.actions() == [.tenantCreated])

        #expect(try await fixture.manager.apply(declaration, isDryRun: false, by: fixture.actor) == expected)
        #expect(try await fixture.manager.tenants() == [moved, bolt])
        #expect(fixture.gate.read(\.tenants) == [moved.slug: moved, bolt.slug: bolt])
        #expect(fixture.gate.read(\.plans).map(\.name.rawValue) == ["basic", "standard"])
        #expect(try await fixture.actions() == [.tenantCreated, .planChanged, .tenantCreated, .tenantChanged])

        let again = try await fixture.manager.apply(declaration, isDryRun: false, by: fixture.actor)
        #expect(again.allSatisfy { $0.kind == .unchanged })
        #expect(try await fixture.actions().count == 4)
    }

    @Test func aDeclarationThatContradictsItselfChangesNothing() async throws {
        let fixture = try await ManagerFixture()
        var samples = SampleGateway()
        let declaration = GatewayDeclaration(
            plans: [samples.plan("basic")],
            tenants: [samples.tenant("acme", isDefault: true), samples.tenant("bolt", isDefault: true)]
        )
        for isDryRun in [true, false] {
            await fixture.refused(.conflict) {
                _ = try await fixture.manager.apply(declaration, isDryRun: isDryRun, by: fixture.actor)
            }
        }
        #expect(try await fixture.manager.plans() == [.standard])
        #expect(try await fixture.manager.tenants().isEmpty)
        #expect(fixture.gate.read(\.tenants).isEmpty)
        #expect(try await fixture.actions().isEmpty)
    }

    // MARK: Failures and order

    @Test func aFailingStoreChangesNothingAtTheGate() async throws {
        let fixture = try await ManagerFixture()
        let tenant = try await fixture.tenant()
        let key = try await fixture.key().record
        let calls = fixture.gate.calls
        fixture.store.isFailing.withLock { $0 = true }
        await #expect(throws: FaultyStore.Failure.self) {
            _ = try await fixture.manager.revokeKey(key.id, by: fixture.actor)
        }
        await #expect(throws: FaultyStore.Failure.self) {
            _ = try await fixture.manager.setStatus(.suspended, of: tenant.slug, by: fixture.actor)
        }
        #expect(fixture.gate.calls == calls)
        fixture.store.isFailing.withLock { $0 = false }
        #expect(try await fixture.manager.revokeKey(key.id, by: fixture.actor).revokedAt != nil)
    }

    /// A change that was stored but never reached the gate is put in force by asking again.
    @Test func repeatingAChangePutsItInForce() async throws {
        let fixture = try await ManagerFixture()
        try await fixture.tenant()
        let key = try await fixture.key().record
        let revoked = try await fixture.manager.revokeKey(key.id, by: fixture.actor)
        fixture.gate.state.withLock { $0.keys[key.id] = key }
        _ = try await fixture.manager.revokeKey(key.id, by: fixture.actor)
        #expect(fixture.gate.read(\.keys)[key.id] == revoked)
        #expect(try await fixture.actions() == [.tenantCreated, .keyCreated, .keyRevoked])
    }

    @Test func theGateGetsChangesInTheOrderOfTheStore() async throws {
        let fixture = try await ManagerFixture()
        let tenant = try await fixture.tenant()
        let key = try await fixture.key().record
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<100 {
                group.addTask {
                    switch index % 3 {
                    case 0:
                        _ = try await fixture.manager.updateKey(key.id, .init(name: "name \(index)"), by: fixture.actor)
                    case 1: _ = try await fixture.manager.rotateKey(key.id, grace: .zero, by: fixture.actor)
                    default:
                        let status = TenantStatus.allCases[index % 4]
                        _ = try await fixture.manager.setStatus(status, of: tenant.slug, by: fixture.actor)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(fixture.gate.read(\.keys)[key.id] == (try await fixture.manager.key(key.id)))
        #expect(fixture.gate.read(\.tenants)[tenant.slug] == (try await fixture.manager.tenant(tenant.slug)))
    }

    @Test func askingForRefusalsIsBounded() async throws {
        let fixture = try await ManagerFixture()
        _ = await fixture.manager.refusals(of: SampleGateway.slug("acme"), code: .rateLimited, limit: 9999)
        _ = await fixture.manager.refusals(of: nil, code: nil, limit: 0)
        #expect(fixture.gate.calls.suffix(2) == ["refusals acme RATE_LIMITED 500", "refusals - - 1"])
    }
}
