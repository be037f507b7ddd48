import DaypassTestSupport
import Foundation
import GRDB
import SQLiteStore
import SessionModel
import SessionStore
import Testing

/// A new data directory and the store in it.
struct StoreFixture {
    let folder: TemporaryDirectory
    let directory: DataDirectory
    let store: SQLiteSessionStore

    init() throws {
        self.folder = try TemporaryDirectory("store")
        self.directory = try DataDirectory(path: self.folder.path)
        self.store = try SQLiteSessionStore(in: self.directory)
    }

    /// Adds a session with its event.
    func insert(_ record: SessionRecord) async throws {
        try await insertSample(record, into: self.store)
    }
}

/// Adds a session with its event to any store.
func insertSample(_ record: SessionRecord, into store: any SessionStore) async throws {
    let event = AuditEvent(
        sessionID: record.id,
        at: record.createdAt,
        actor: Actor(name: "local", address: "127.0.0.1"),
        action: .sessionCreated,
        summary: "created"
    )
    let limits = SessionLimits(perCreator: 100_000, total: 100_000, now: record.createdAt)
    try await store.insert(record, limits: limits, audit: event)
}

@Suite struct SQLiteSessionStoreTests {
    @Test(arguments: SessionStoreBehaviour.allCases)
    func conforms(_ behaviour: SessionStoreBehaviour) async throws {
        let fixture = try StoreFixture()
        try await behaviour.check(fixture.store)
        try fixture.store.close()
    }

    /// Thousands of random calls give the same answers and the same content as the in-memory store.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func agreesWithTheInMemoryStore(seed: UInt64) async throws {
        let fixture = try StoreFixture()
        var model = RandomCalls(seed: seed)
        try await model.run(600, on: fixture.store, and: InMemorySessionStore())
        try fixture.store.close()
    }

    @Test func reopeningKeepsEverything() async throws {
        let fixture = try StoreFixture()
        var samples = SampleSessions(seed: 4)
        var records: [SessionRecord] = []
        for text in SessionStoreConformance.strangeTexts {
            samples.now = samples.now + .milliseconds(1)
            var record = samples.session(
                authMode: .basic,
                policy: SessionPolicy(isPublic: false, blockPaths: ["/" + text], password: text)
            )
            record.basicCredentials?.password = text
            record.isPaused = records.count.isMultiple(of: 2)
            record.kickedViewers = [
                .init(viewerID: text, addressID: nil, kickedAt: samples.now), .init(viewerID: "vw_2", addressID: text),
            ]
            record.closedAt = records.count.isMultiple(of: 3) ? samples.now : nil
            records.insert(record, at: 0)
            try await fixture.insert(record)
        }
        let token = samples.accessToken(scopes: Set(AccessScope.allCases), lifetime: .seconds(60))
        try await fixture.store.insert(token, limit: 9, audit: samples.event(.tokenCreated, of: nil))
        let events = try await fixture.store.auditEvents(of: nil, limit: 1000)
        try fixture.store.close()

        let reopened = try SQLiteSessionStore(in: fixture.directory)
        let kept = try await reopened.sessions(after: nil, limit: 1000)
        #expect(kept == records)
        for (kept, record) in zip(kept, records) {
            #expect(Array(kept.policy.password.utf8) == Array(record.policy.password.utf8))
            #expect(kept.policy.blockPaths.map { Array($0.utf8) } == record.policy.blockPaths.map { Array($0.utf8) })
        }
        #expect(try await reopened.accessTokens() == [token])
        #expect(try await reopened.auditEvents(of: nil, limit: 1000) == events)
        try reopened.close()
    }

    @Test func isSetUpForDurability() async throws {
        let fixture = try StoreFixture()
        // What the store itself uses can only be seen from inside: its own connection's setting.
        #expect(try await fixture.store.durability() == .init(journalMode: "wal", synchronous: 2, foreignKeys: true))
        try fixture.store.close()
    }

    /// A call that is cancelled is either done and announced, or not done at all.
    @Test func cancellationNeverHidesAStoredChange() async throws {
        let fixture = try StoreFixture()
        var samples = SampleSessions(seed: 5)
        let record = samples.session()
        try await fixture.insert(record)
        let service = SessionService(
            store: fixture.store,
            feed: InProcessSessionChangeFeed(),
            clock: { record.createdAt }
        )
        for round in 1...20 {
            let paused = !round.isMultiple(of: 2)
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await service.setPaused(
                    paused,
                    slug: record.slug,
                    by: Actor(name: "owner", address: "127.0.0.1")
                )
            }
            #expect(try await task.value.isPaused == paused)
            let stored = try await fixture.store.session(id: record.id)
            #expect(stored?.isPaused == paused)
            #expect(stored?.revision == Int64(round + 1))
        }
        try fixture.store.close()
    }

    /// The backup that docs/operations.md recommends: SQLite's own, beside a server that writes.
    @Test func aBackupOfARunningServerCanBeOpened() async throws {
        let fixture = try StoreFixture()
        var samples = SampleSessions(seed: 9)
        let before = (0..<20).map { _ in samples.session(policy: SessionPolicy(password: "kept")) }
        for record in before { try await fixture.insert(record) }
        let during = (0..<20).map { _ in samples.session() }
        let path = "\(fixture.folder.path)/backup.db"
        let source = try DatabaseQueue(path: fixture.directory.databasePath)
        let target = try DatabaseQueue(path: path)
        async let writing: Void = {
            for record in during { try await fixture.insert(record) }
        }()
        try source.backup(to: target)
        try await writing
        try source.close()
        try target.close()
        try fixture.store.close()

        let copy = try SQLiteSessionStore(path: path, key: fixture.directory.key)
        for record in before { #expect(try await copy.session(id: record.id) == record) }
        try copy.close()
    }

    // MARK: - Secrets

    @Test func holdsNoSecretInClear() async throws {
        let fixture = try StoreFixture()
        let service = SessionService(
            store: fixture.store,
            feed: InProcessSessionChangeFeed(),
            clock: { SampleSessions().now }
        )
        let tokens = AccessTokenService(store: fixture.store, clock: { SampleSessions().now })
        let actor = Actor(name: "local", address: "127.0.0.1")
        let created = try await service.create(
            NewSession(authMode: .basic, policy: SessionPolicy(password: "first-password-of-viewers")),
            by: actor,
            creator: "a"
        )
        let slug = created.record.slug
        _ = try await service.updatePolicy(of: slug, PolicyUpdate(password: "second-password-of-viewers"), by: actor)
        let rotated = try await service.rotatePassword(of: slug, by: actor)
        let token = try await tokens.create(label: "ci", scopes: [.create], lifetime: nil, by: actor)
        let secrets = [
            created.ownerToken, token.secret, "first-password-of-viewers", "second-password-of-viewers",
            created.record.basicCredentials?.password, rotated.basicCredentials?.password,
            fixture.directory.firstAdminToken,
        ]
        #expect(secrets.allSatisfy { $0 != nil })
        // Both while the write-ahead log holds the changes and after they moved into the database.
        for stage in ["open", "closed"] {
            if stage == "closed" { try fixture.store.close() }
            var size = 0
            for name in try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path) {
                let data = try Data(contentsOf: URL(fileURLWithPath: "\(fixture.folder.path)/\(name)"))
                size += data.count
                for secret in secrets.compactMap(\.self) {
                    #expect(data.range(of: Data(secret.utf8)) == nil, "\(secret) in \(name) (\(stage))")
                }
                // The slug is no secret: this shows that the search finds what is there.
                if name == "daypass.db", stage == "closed" { #expect(data.range(of: Data(slug.rawValue.utf8)) != nil) }
            }
            #expect(size > 20_000)
        }
    }

    @Test func refusesAnotherKey() async throws {
        let fixture = try StoreFixture()
        try fixture.store.close()
        let other = try StoreKey(bytes: [UInt8](repeating: 7, count: 32), file: "/backup/other.key")
        let error = #expect(throws: DaypassError.self) {
            _ = try SQLiteSessionStore(path: fixture.directory.databasePath, key: other)
        }
        #expect(error?.code == .serviceUnavailable)
        #expect(error?.message.contains("/backup/other.key") == true)
        #expect(error?.message.contains(fixture.directory.databasePath) == true)
        // The right key still opens it.
        try SQLiteSessionStore(in: fixture.directory).close()
    }

    /// Every way to damage or exchange a sealed password is an error that names the key file, never other data.
    @Test(arguments: ["basic_password_sealed", "policy_password_sealed"])
    func damagedSecretsAreErrors(column: String) async throws {
        let fixture = try StoreFixture()
        var samples = SampleSessions(seed: 6)
        let records = (0..<2)
            .map { index in
                samples.session(authMode: .basic, policy: SessionPolicy(password: "password \(index)"))
            }
        for record in records { try await fixture.insert(record) }
        let database = try DatabaseQueue(path: fixture.directory.databasePath)
        let id = records[0].id.rawValue
        let original = try await database.read { db in
            try Data.fetchOne(db, sql: "SELECT \(column) FROM session WHERE id = ?", arguments: [id])
        }
        let sealed = try #require(original)
        var flipped: [Data] = []
        for index in sealed.indices {
            var copy = sealed
            copy[index] ^= 1
            flipped.append(copy)
        }
        let otherColumn = column == "basic_password_sealed" ? "policy_password_sealed" : "basic_password_sealed"
        let foreign = try await database.read { db in
            [
                try Data.fetchOne(
                    db,
                    sql: "SELECT \(column) FROM session WHERE id = ?",
                    arguments: [records[1].id.rawValue]
                ),
                try Data.fetchOne(db, sql: "SELECT \(otherColumn) FROM session WHERE id = ?", arguments: [id]),
            ]
            .compactMap(\.self)
        }
        #expect(foreign.count == 2)
        for damaged in flipped + foreign + [Data(), sealed.dropLast(), sealed + [0], Data("password 0".utf8)] {
            try await database.write { db in
                try db.execute(sql: "UPDATE session SET \(column) = ? WHERE id = ?", arguments: [Data(damaged), id])
            }
            for read in [
                { _ = try await fixture.store.session(id: records[0].id) },
                { _ = try await fixture.store.session(slug: records[0].slug) },
                { _ = try await fixture.store.sessions(after: nil, limit: 10) },
                { _ = try await fixture.store.update(slug: records[0].slug) { _ in nil } },
            ] as [() async throws -> Void] {
                let error = await #expect(throws: StoreFailure.self) { try await read() }
                #expect(error?.description.contains("\(fixture.folder.path)/server.key") == true)
                #expect(error?.description.contains("password 0") == false)
            }
        }
        // The other session is not harmed, and the first is whole again with its own data.
        #expect(try await fixture.store.session(id: records[1].id) == records[1])
        try await database.write { db in
            try db.execute(sql: "UPDATE session SET \(column) = ? WHERE id = ?", arguments: [sealed, id])
        }
        #expect(try await fixture.store.session(id: records[0].id) == records[0])
        try database.close()
        try fixture.store.close()
    }

    @Test func damagedRowsAreErrors() async throws {
        let fixture = try StoreFixture()
        var samples = SampleSessions(seed: 7)
        let record = samples.session()
        try await fixture.insert(record)
        let database = try DatabaseQueue(path: fixture.directory.databasePath)
        for assignment in ["slug = 'NOT A SLUG'", "block_paths = 'not json'", "block_paths = '{}'", "id = 'x'"] {
            try await database.write { db in
                try db.execute(sql: "UPDATE session SET \(assignment)")
            }
            let error = await #expect(throws: StoreFailure.self) {
                _ = try await fixture.store.sessions(after: nil, limit: 10)
            }
            #expect(error?.description.contains("damaged") == true, "\(assignment)")
            try await database.write { db in
                try db.execute(
                    sql: "UPDATE session SET slug = ?, block_paths = '[]', id = ?",
                    arguments: [record.slug.rawValue, record.id.rawValue]
                )
            }
        }
        #expect(try await fixture.store.sessions(after: nil, limit: 10) == [record])
        try database.close()
        try fixture.store.close()
    }

    // MARK: - Files

    @Test func refusesWhatIsNotADatabase() throws {
        let folder = try TemporaryDirectory("files")
        let key = try StoreKey(bytes: [UInt8](repeating: 1, count: 32), file: "key")
        let path = "\(folder.path)/daypass.db"
        try Data("this is not a database, but it is long enough to have a header of one".utf8)
            .write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: DaypassError.self) { _ = try SQLiteSessionStore(path: path, key: key) }
        #expect(error?.message.contains(path) == true)
    }

    @Test func refusesADatabaseOfANewerServer() async throws {
        let fixture = try StoreFixture()
        try fixture.store.close()
        let database = try DatabaseQueue(path: fixture.directory.databasePath)
        try await database.write { db in
            try db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('9999 something later')")
        }
        try database.close()
        let error = #expect(throws: DaypassError.self) { _ = try SQLiteSessionStore(in: fixture.directory) }
        #expect(error?.message.contains("newer version") == true)
    }

    @Test func waitsForAnotherProcessThatWrites() async throws {
        let fixture = try StoreFixture()
        let other = try SQLiteSessionStore(path: fixture.directory.databasePath, key: fixture.directory.key)
        var samples = SampleSessions(seed: 8)
        let record = samples.session()
        try await fixture.insert(record)
        let stores = [fixture.store, other]
        // Two connections to one file, as two processes have them: every update counts.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<60 {
                group.addTask {
                    _ = try await stores[index % 2]
                        .update(slug: record.slug) { record in
                            record.policy.maxConcurrentViewers += 1
                            return AuditEvent(
                                sessionID: record.id,
                                at: record.createdAt,
                                actor: .system,
                                action: .policyUpdated,
                                summary: ""
                            )
                        }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await other.session(id: record.id)?.policy.maxConcurrentViewers == 80)
        #expect(try await fixture.store.session(id: record.id)?.revision == 61)
        try other.close()
        try fixture.store.close()
    }
}
