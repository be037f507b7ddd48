import DaypassTestSupport
import Foundation
import GRDB
import SQLiteStore
import SessionModel
import SessionStore
import Testing

@Suite struct SQLiteGatewayStoreTests {
    @Test(arguments: GatewayStoreBehaviour.allCases)
    func conforms(_ behaviour: GatewayStoreBehaviour) async throws {
        let fixture = try StoreFixture()
        try await behaviour.check(fixture.store)
        try fixture.store.close()
    }

    /// Hundreds of random calls give the same answers and the same content as the in-memory store.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func agreesWithTheInMemoryStore(seed: UInt64) async throws {
        let fixture = try StoreFixture()
        var model = RandomGatewayCalls(seed: seed)
        try await model.run(600, on: fixture.store, and: InMemoryGatewayStore())
        try fixture.store.close()
    }

    @Test func reopeningKeepsEverything() async throws {
        let fixture = try StoreFixture()
        var samples = SampleGateway(seed: 4)
        let tenant = samples.tenant("acme", hosts: ["a.example"], isDefault: true)
        let key = samples.key(of: tenant.slug, plan: SampleGateway.name("basic"))
        let signingKey = samples.signingKey()
        let session = RevokedSession(id: samples.session(), until: samples.now + .seconds(9))
        try await fixture.store.change { [samples] transaction in
            try transaction.put([tenant])
            try transaction.put(samples.plan("basic"))
            try transaction.put(key)
            try transaction.put(signingKey)
            try transaction.put(session)
            try transaction.append(samples.event(.keyCreated, of: tenant.slug))
        }
        try fixture.store.close()
        let reopened = try SQLiteSessionStore(in: fixture.directory)
        #expect(try await reopened.tenants() == [tenant])
        #expect(try await reopened.plans() == [samples.plan("basic")])
        #expect(try await reopened.allKeys(after: nil, limit: 9) == [key])
        #expect(try await reopened.signingKeys() == [signingKey])
        #expect(try await reopened.revokedSessions(now: samples.now) == [session])
        let events = try await reopened.gatewayAuditEvents(of: tenant.slug, limit: 9)
        #expect(events == [samples.event(.keyCreated, of: tenant.slug)])
        // Sessions and the gateway share one audit trail.
        #expect(try await reopened.auditEvents(of: nil, limit: 9) == events)
        try reopened.close()
    }

    /// A database of the version before the API gateway is brought up to date with what it holds.
    @Test func takesOverADatabaseWithoutAGateway() async throws {
        let fixture = try StoreFixture()
        var sessions = SampleSessions(seed: 5)
        let session = sessions.session()
        try await fixture.insert(session)
        try fixture.store.close()
        let database = try DatabaseQueue(path: fixture.directory.databasePath)
        try await database.write { db in
            for table in [
                "tenant_host", "api_key", "tenant", "plan", "gateway_total", "signing_key", "revoked_browser_session",
                "limit_count", "usage",
            ] {
                try db.execute(sql: "DROP TABLE \(table)")
            }
            try db.execute(
                sql: """
                    DROP INDEX audit_event_by_tenant; ALTER TABLE audit_event DROP COLUMN tenant;
                    DELETE FROM grdb_migrations WHERE identifier LIKE '0002%'
                    """
            )
        }
        try database.close()
        let reopened = try SQLiteSessionStore(in: fixture.directory)
        #expect(try await reopened.session(id: session.id) == session)
        #expect(try await reopened.auditEvents(of: nil, limit: 9).map(\.action) == [.sessionCreated])
        try await GatewayStoreBehaviour.keepsTenants.check(reopened)
        try reopened.close()
    }

    /// More usage than one transaction removes is removed by one call all the same.
    @Test func prunesUsageInBatches() async throws {
        let fixture = try StoreFixture()
        let samples = SampleGateway()
        let usage = (0..<10_001)
            .map { number in
                let digits = String(number)
                return UsageCount(
                    start: samples.now,
                    tenant: SampleGateway.slug("acme"),
                    key: APIKeyID("key_" + String(repeating: "0", count: 12 - digits.count) + digits),
                    code: nil,
                    count: 1
                )
            }
        try await fixture.store.add(usage: usage)
        let later = samples.now + .seconds(2 * 86_400)
        let horizon = GatewayHorizon(
            now: later,
            hoursFrom: later,
            daysFrom: samples.now + .seconds(-86_400),
            signingKeysFrom: later,
            openEndedCounts: 0
        )
        #expect(try await fixture.store.prune(horizon) == 10_001)
        var query = UsageQuery(from: samples.now + .seconds(-86_400), until: later)
        #expect(try await fixture.store.usage(query, limit: 1).isEmpty)
        query.interval = .day
        #expect(try await fixture.store.usage(query, limit: 20_000).count == 10_001)
        try fixture.store.close()
    }

    @Test func privateSigningKeysAreEncrypted() async throws {
        let fixture = try StoreFixture()
        var samples = SampleGateway(seed: 6)
        let keys = [samples.signingKey(), samples.signingKey()]
        try await fixture.store.change { transaction in
            for key in keys { try transaction.put(key) }
        }
        let database = try DatabaseQueue(path: fixture.directory.databasePath)
        let sealed = try await database.read { db in
            try Row.fetchAll(db, sql: "SELECT id, private_sealed FROM signing_key")
                .map { ($0[0] as String, $0[1] as Data) }
        }
        #expect(sealed.count == 2)
        for name in try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path) {
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(fixture.folder.path)/\(name)"))
            for key in keys {
                for form in [Data(key.privateKey.bytes), Data(Data(key.privateKey.bytes).base64EncodedString().utf8)] {
                    #expect(data.range(of: form) == nil, "in \(name)")
                }
            }
        }
        // A key cannot stand in for another one.
        try await database.write { db in
            for (index, (id, _)) in sealed.enumerated() {
                let other = sealed[1 - index].1
                try db.execute(sql: "UPDATE signing_key SET private_sealed = ? WHERE id = ?", arguments: [other, id])
            }
        }
        let error = await #expect(throws: StoreFailure.self) { _ = try await fixture.store.signingKeys() }
        #expect(error?.description.contains("server.key") == true)
        try database.close()
        try fixture.store.close()
    }

    /// Whatever cannot be what this program wrote is an error that names the table, never another policy.
    @Test(arguments: [
        ("tenant", "document = '{}'"), ("tenant", "document = 'no json'"),
        ("tenant", "document = replace(document, '\"default\"', '\"unknown\"')"),
        ("tenant", "document = replace(document, 'acme', 'bolt')"),
        ("plan", "document = replace(document, 'basic', 'other')"), ("plan", "document = '{\"name\":\"basic\"}'"),
        ("api_key", "scopes = 'UPPER'"), ("api_key", "web_origins = 'https://*.*.com'"),
        ("api_key", "web_origins = 'shop.example'"), ("api_key", "plan = ''"), ("api_key", "id = -1"),
        ("usage", "code = 'NOTHING'"), ("usage", "key_number = -2"), ("usage", "tenant = 'X'"),
        ("revoked_browser_session", "id = -1"), ("limit_count", "window_seconds = 4294967296"),
        ("audit_event", "tenant = 'X'"), ("audit_event", "session_id = 'X'"), ("audit_event", "action = 'key.eaten'"),
    ])
    func damageIsAnError(table: String, assignment: String) async throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        var samples = SampleGateway(seed: 7)
        let tenant = samples.tenant("acme")
        let key = samples.key(of: tenant.slug)
        let session = RevokedSession(id: samples.session(), until: samples.now + .seconds(9))
        try await store.change { [samples] transaction in
            try transaction.put([tenant])
            try transaction.put(samples.plan("basic"))
            try transaction.put(key)
            try transaction.put(session)
            try transaction.append(samples.event(.keyCreated, of: tenant.slug))
        }
        let now = samples.now
        try await store.add(usage: [.init(start: now, tenant: tenant.slug, key: nil, code: nil, count: 1)])
        let count = StoredCount(limit: 1, windowSeconds: 60, owner: 1, session: 0, address: 0, window: 1, count: 1)
        try await store.write(counts: [count])
        let database = try DatabaseQueue(path: fixture.directory.databasePath)
        try await database.write { db in
            try db.execute(sql: "UPDATE \(table) SET \(assignment)")
            #expect(db.changesCount > 0)
        }
        try database.close()
        let error = await #expect(throws: StoreFailure.self) {
            _ = try await store.tenants()
            _ = try await store.plans()
            _ = try await store.allKeys(after: nil, limit: 9)
            _ = try await store.keys(of: nil, after: nil, limit: 9)
            _ = try await store.revokedSessions(now: now)
            _ = try await store.counts(after: 0, limit: 9)
            _ = try await store.usage(
                UsageQuery(from: now + .seconds(-7200), until: now + .seconds(7200)),
                limit: 9
            )
            _ = try await store.gatewayAuditEvents(of: nil, limit: 9)
            _ = try await store.auditEvents(of: nil, limit: 9)
        }
        #expect(error?.description.contains("table \(table) is damaged") == true)
        try store.close()
    }

    /// Two connections to one file, as two processes have them, never break a rule together.
    @Test func rulesHoldForTwoProcesses() async throws {
        let fixture = try StoreFixture()
        let other = try SQLiteSessionStore(path: fixture.directory.databasePath, key: fixture.directory.key)
        var samples = SampleGateway(seed: 8)
        let tenants = (0..<20).map { samples.tenant("tenant-\($0)", hosts: ["a.example"]) }
        let accepted = try await withThrowingTaskGroup(of: Int.self) { group in
            for (index, tenant) in tenants.enumerated() {
                group.addTask {
                    do {
                        try await [fixture.store, other][index % 2].change { try $0.put([tenant]) }
                        return 1
                    } catch let error as DaypassError where error.code == .conflict {
                        return 0
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(accepted == 1)
        #expect(try await other.tenants().count == 1)
        try other.close()
        try fixture.store.close()
    }
}
