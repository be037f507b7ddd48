import DaypassTestSupport
import Foundation
import GRDB
import SQLiteStore
import SessionModel
import SessionStore
import Testing

@Suite struct SQLiteWalletStoreTests {
    @Test(arguments: WalletStoreBehaviour.allCases)
    func conforms(_ behaviour: WalletStoreBehaviour) async throws {
        let fixture = try StoreFixture()
        try await behaviour.check(fixture.store)
        try fixture.store.close()
    }

    /// Hundreds of random calls give the same answers and the same content as the in-memory store.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func agreesWithTheInMemoryStore(seed: UInt64) async throws {
        let fixture = try StoreFixture()
        var model = RandomWalletCalls(seed: seed)
        try await model.run(800, on: fixture.store, and: InMemoryWalletStore())
        try fixture.store.close()
    }

    private static let delegation = "eyJkZWxlZ2F0aW9uIjoiczNjcmV0In0="
    private static let privateKey = SecretBytes(Array("s3cret-private-key-of-32-bytes!!".utf8))

    /// An organization with a wallet, a key and two sessions.
    private struct Content: Sendable {
        let organization: Organization
        let key: SessionKeyRecord
        let sessions: [WalletSessionRecord]
        let chain: WalletChain
        var ledger: WalletLedger { .organization(self.organization.id) }

        init(in store: SQLiteSessionStore) async throws {
            var samples = SampleWallets(seed: 7)
            let organization = samples.organization()
            let wallet = samples.wallet(of: organization.id)
            let key = samples.sessionKey(of: organization.id)
            let sessions = (0..<2).map { _ in samples.session(of: wallet, key: key) }
            let chain = samples.chain(84_532)
            let entry = samples.entry(.organizationCreated, organization.id.text)
            try await store.changeWallets { transaction in
                try transaction.put(organization)
                try transaction.insert(wallet)
                try transaction.insert(key, privateKey: SQLiteWalletStoreTests.privateKey)
                try transaction.put(chain)
                for session in sessions {
                    let text = SecretBytes(Array(SQLiteWalletStoreTests.delegation.utf8))
                    try transaction.insert(session, delegation: text)
                    try transaction.append(entry, to: .organization(organization.id))
                }
                try transaction.append(entry, to: .organization(organization.id))
            }
            self.organization = organization
            self.key = key
            self.sessions = sessions
            self.chain = chain
        }

        /// Everything can be read.
        func check(_ store: SQLiteSessionStore) async throws {
            let text = try await store.delegation(of: self.sessions[0].id, in: self.organization.id)
            #expect(text?.bytes == Array(SQLiteWalletStoreTests.delegation.utf8))
            let key = try await store.privateKey(of: self.key.id, in: self.organization.id)
            #expect(key == SQLiteWalletStoreTests.privateKey)
            #expect(try await store.walletChains() == [self.chain])
            #expect(try await store.verifyWalletAudit(of: self.ledger)?.isIntact == true)
        }
    }

    /// Neither in the database nor in its log is anything of a delegation, a private key or a URL's path.
    @Test func secretsAreEncryptedAtRest() async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        try await content.check(fixture.store)
        func contains(_ text: String) throws -> Bool {
            for name in try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path) {
                let file = try Data(contentsOf: URL(fileURLWithPath: "\(fixture.folder.path)/\(name)"))
                if file.range(of: Data(text.utf8)) != nil { return true }
            }
            return false
        }
        #expect(try contains("wallet 1"))
        #expect(try !contains("s3cret"))
        #expect(try !contains(Self.delegation))
        #expect(try !contains(Data(Self.delegation.utf8).base64EncodedString()))
        try fixture.store.close()
    }

    /// What is encrypted for one session does not open for another, on another chain, or in another organization.
    @Test(arguments: [
        "UPDATE wallet_session SET chain_id = 1",
        """
        UPDATE wallet_session SET (data_key_sealed, delegation_sealed) =
            (SELECT data_key_sealed, delegation_sealed FROM wallet_session ORDER BY number DESC LIMIT 1)
        """,
        "UPDATE wallet_session SET data_key_sealed = (SELECT data_key_sealed FROM session_key)",
        "UPDATE wallet_session SET delegation_sealed = substr(delegation_sealed, 1, 40)",
        """
        UPDATE wallet_session SET delegation_sealed =
            (SELECT delegation_sealed FROM wallet_session ORDER BY number DESC LIMIT 1)
        """,
    ])
    func secretsCannotBeMoved(sql: String) async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        try fixture.store.close()
        try await Self.edit(fixture, sql)
        let reopened = try SQLiteSessionStore(in: fixture.directory)
        let error = await #expect(throws: StoreFailure.self) {
            try await reopened.delegation(of: content.sessions[0].id, in: content.organization.id)
        }
        #expect(error?.description.contains(Self.delegation) == false)
        try reopened.close()
    }

    /// A second organization's row that takes over the first one's ciphertext gets nothing.
    @Test func secretsAreBoundToTheirOrganization() async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        var samples = SampleWallets(seed: 9)
        let other = samples.organization("Other")
        let wallet = samples.wallet(of: other.id)
        try await fixture.store.changeWallets {
            try $0.put(other)
            try $0.insert(wallet)
        }
        try fixture.store.close()
        try await Self.edit(fixture, "UPDATE wallet_session SET organization = \(Int64(other.id.number))")
        let reopened = try SQLiteSessionStore(in: fixture.directory)
        await #expect(throws: StoreFailure.self) {
            try await reopened.delegation(of: content.sessions[0].id, in: other.id)
        }
        try reopened.close()
    }

    /// Every kind of tampering with a ledger is found at its place.
    @Test(
        arguments: [
            ("UPDATE wallet_audit SET subject = 'x' WHERE sequence = 2", .changed, 1),
            ("UPDATE wallet_audit SET at = at + 1 WHERE sequence = 1", .changed, 0),
            ("UPDATE wallet_audit SET details = replace(details, ',', ', ') WHERE sequence = 2", .changed, 1),
            ("UPDATE wallet_audit SET action = 'session.revoked' WHERE sequence = 3", .changed, 2),
            ("UPDATE wallet_audit SET action = 'unheard' WHERE sequence = 3", .changed, 2),
            ("DELETE FROM wallet_audit WHERE sequence = 1", .missing, 0),
            ("DELETE FROM wallet_audit WHERE sequence = 2", .missing, 1),
            ("DELETE FROM wallet_audit WHERE sequence = 3", .truncated, 2),
            ("DELETE FROM wallet_audit", .truncated, 0),
            ("UPDATE wallet_audit SET sequence = 4 WHERE sequence = 3", .missing, 2),
            (
                """
                UPDATE wallet_audit SET sequence = -2 WHERE sequence = 2;
                UPDATE wallet_audit SET sequence = 2 WHERE sequence = 3;
                UPDATE wallet_audit SET sequence = 3 WHERE sequence = -2
                """,
                .changed, 1
            ),
            (
                """
                DELETE FROM wallet_audit WHERE sequence = 3;
                UPDATE wallet_ledger SET sequence = 2, hash = (SELECT hash FROM wallet_audit WHERE sequence = 2)
                """,
                .headForged, 2
            ),
            ("UPDATE wallet_ledger SET seal = zeroblob(32)", .headForged, 3),
            ("DELETE FROM wallet_ledger", .truncated, 3),
            ("DELETE FROM wallet_ledger; DELETE FROM wallet_audit WHERE sequence = 3", .truncated, 2),
        ] as [(String, WalletAuditVerifier.Problem, Int)]
    )
    func tamperingIsFound(sql: String, problem: WalletAuditVerifier.Problem, verified: Int) async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        try fixture.store.close()
        try await Self.edit(fixture, sql)
        let reopened = try SQLiteSessionStore(in: fixture.directory)
        let verdict = try await reopened.verifyWalletAudit(of: content.ledger)
        #expect(verdict?.problem == problem)
        #expect(verdict?.verified == verified)
        // An ordinary record does not make it whole.
        try await Self.append(to: content.ledger, in: reopened)
        let later = try await reopened.verifyWalletAudit(of: content.ledger)
        #expect(later?.isIntact == false)
        if problem == .truncated || problem == .headForged {
            #expect(try await reopened.walletAuditHead(of: content.ledger)?.isGenuine == false)
        }
        try reopened.close()
    }

    /// A store one of whose ledgers was set back to its end of earlier, with that end's seal.
    private func setBackLedger() async throws -> (StoreFixture, WalletLedger) {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        try fixture.store.close()
        try await Self.edit(fixture, "CREATE TABLE earlier AS SELECT * FROM wallet_ledger")
        let store = try SQLiteSessionStore(in: fixture.directory)
        try await Self.append(to: content.ledger, in: store)
        #expect(try await store.verifyWalletAudit(of: content.ledger)?.isIntact == true)
        try store.close()
        try await Self.edit(
            fixture,
            """
            DELETE FROM wallet_audit WHERE sequence > (SELECT sequence FROM earlier WHERE name = ledger);
            UPDATE wallet_ledger SET (sequence, hash, seal) = (
                SELECT sequence, hash, seal FROM earlier WHERE earlier.name = wallet_ledger.name
            ) WHERE name <> 'all'
            """
        )
        return (fixture, content.ledger)
    }

    /// One ledger's end of earlier, with its seal, is not its end: all ledgers together would end elsewhere.
    ///
    /// Nothing hides that: not a row that makes up for what is missing, a sum that is written anew, or records that follow.
    @Test(
        arguments: [
            nil,
            "INSERT INTO wallet_ledger VALUES ('x', 1, zeroblob(32), zeroblob(32))",
            "DELETE FROM wallet_ledger WHERE name = 'all'",
            """
            UPDATE wallet_ledger SET sequence = 3, hash = (SELECT hash FROM earlier WHERE name <> 'all')
            WHERE name = 'all'
            """,
        ] as [String?]
    )
    func aLedgerThatWasSetBackIsFound(sql: String?) async throws {
        let (fixture, ledger) = try await self.setBackLedger()
        if let sql { try await Self.edit(fixture, sql) }
        let store = try SQLiteSessionStore(in: fixture.directory)
        let verdict = try await store.verifyWalletAudit(of: ledger)
        #expect(verdict?.problem == .setBack && verdict?.verified == 3)
        try await Self.append(to: ledger, in: store)
        #expect(try await store.verifyWalletAudit(of: ledger)?.problem == .setBack)
        try store.close()
        withExtendedLifetime(fixture) {}
    }

    /// Ends that were sealed at different times do not go together, even if a sum of as many records was sealed once.
    @Test func endsOfDifferentTimesAreFound() async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        var samples = SampleWallets(seed: 9)
        let other = samples.organization()
        let entry = samples.entry(.organizationCreated, other.id.text)
        try await fixture.store.changeWallets { transaction in
            try transaction.put(other)
            try transaction.append(entry, to: .organization(other.id))
        }
        let earlier = "CREATE TABLE earlier AS SELECT * FROM wallet_ledger WHERE name = '\(content.ledger.text)'"
        try await Self.edit(fixture, earlier)
        try await Self.append(to: content.ledger, in: fixture.store)
        try await Self.edit(fixture, "INSERT INTO earlier SELECT * FROM wallet_ledger WHERE name = 'all'")
        try await Self.append(to: .organization(other.id), in: fixture.store)
        for ledger in [content.ledger, .organization(other.id)] {
            #expect(try await fixture.store.verifyWalletAudit(of: ledger)?.isIntact == true)
        }
        try await Self.edit(
            fixture,
            """
            DELETE FROM wallet_audit WHERE ledger = '\(content.ledger.text)' AND sequence = 4;
            INSERT OR REPLACE INTO wallet_ledger SELECT * FROM earlier
            """
        )
        for ledger in [content.ledger, .organization(other.id)] {
            #expect(try await fixture.store.verifyWalletAudit(of: ledger)?.problem == .setBack)
        }
        try fixture.store.close()
    }

    /// Numbers and hashes that no server writes are told of, and records go on behind them.
    @Test(arguments: [
        "UPDATE wallet_ledger SET sequence = 9223372036854775807",
        "UPDATE wallet_ledger SET sequence = -9223372036854775808",
        "PRAGMA ignore_check_constraints = ON; UPDATE wallet_ledger SET hash = x'01'",
    ])
    func extremeEndsAreFound(sql: String) async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        try await Self.edit(fixture, sql)
        #expect(try await fixture.store.verifyWalletAudit(of: content.ledger)?.isIntact == false)
        try await Self.append(to: content.ledger, in: fixture.store)
        #expect(try await fixture.store.verifyWalletAudit(of: content.ledger)?.isIntact == false)
        try fixture.store.close()
    }

    /// What is destroyed is not left in the write-ahead log either.
    @Test func revokingLeavesNoCopy() async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        let path = fixture.directory.databasePath
        let database = try DatabaseQueue(path: path)
        let sealed = try await database.read { db in
            try Data.fetchAll(
                db,
                sql: "SELECT delegation_sealed FROM wallet_session WHERE delegation_sealed IS NOT NULL"
            )
        }
        try database.close()
        #expect(try !sealed.isEmpty && Self.copies(of: sealed, in: path) > 0)
        for session in content.sessions {
            try await fixture.store.changeWallets { try $0.revoke(session.id, at: session.createdAt) }
        }
        #expect(try Self.copies(of: sealed, in: path) == 0)
        try fixture.store.close()
    }

    /// How many of these bytes are in the database at `path` or its write-ahead log.
    private static func copies(of sealed: [Data], in path: String) throws -> Int {
        try ["", "-wal"]
            .reduce(0) { count, suffix in
                let file = try Data(contentsOf: URL(fileURLWithPath: path + suffix))
                return count + sealed.count { file.range(of: $0) != nil }
            }
    }

    /// A server that was killed before it emptied the log does so when it starts again.
    @Test func startingLeavesNoCopy() async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        let path = fixture.directory.databasePath
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let reader = try DatabaseQueue(path: path, configuration: configuration)
        let sealed = try await reader.read {
            try Data.fetchAll($0, sql: "SELECT delegation_sealed FROM wallet_session")
        }
        // Who reads keeps the log from being emptied.
        try await reader.writeWithoutTransaction { try $0.execute(sql: "BEGIN; SELECT count(*) FROM wallet_session") }
        for session in content.sessions {
            try await fixture.store.changeWallets { try $0.revoke(session.id, at: session.createdAt) }
        }
        let folder = try TemporaryDirectory("killed")
        let killed = "\(folder.path)/daypass.db"
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: path + suffix, toPath: killed + suffix)
        }
        try await reader.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
        try reader.close()
        #expect(try sealed.count == 2 && Self.copies(of: sealed, in: killed) > 0)
        let store = try SQLiteSessionStore(path: killed, key: fixture.directory.key)
        #expect(try Self.copies(of: sealed, in: killed) == 0)
        #expect(try await store.walletSession(content.sessions[0].id, of: content.organization.id)?.revokedAt != nil)
        try store.close()
        try fixture.store.close()
        withExtendedLifetime(folder) {}
    }

    private static func append(to ledger: WalletLedger, in store: SQLiteSessionStore) async throws {
        let entry = SampleWallets(seed: 8).entry(.sessionRevoked, "ws")
        try await store.changeWallets { try $0.append(entry, to: ledger) }
    }

    /// A ledger does not begin anew once there is something that it should tell of.
    @Test(arguments: ["DELETE FROM wallet_audit; DELETE FROM wallet_ledger", "DELETE FROM wallet_ledger"])
    func aRemovedLedgerStaysLost(sql: String) async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        try fixture.store.close()
        try await Self.edit(fixture, sql)
        let reopened = try SQLiteSessionStore(in: fixture.directory)
        let isEmpty = sql.contains("wallet_audit")
        let verdict = try await reopened.verifyWalletAudit(of: content.ledger)
        #expect(verdict?.problem == (isEmpty ? nil : .truncated))
        #expect(verdict?.verified == (isEmpty ? nil : 3))
        for ledger in [content.ledger, .server] {
            for _ in 0..<2 { try await Self.append(to: ledger, in: reopened) }
            #expect(try await reopened.verifyWalletAudit(of: ledger)?.problem == .headForged)
        }
        try reopened.close()
    }

    /// Records that were made anew, hashes and all, do not match an end that only the server's key makes.
    @Test func aRewrittenLedgerIsFound() async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        let records = try await fixture.store.walletAudit(of: content.ledger, before: nil, limit: 9)
        try fixture.store.close()
        var head = WalletAuditHead.empty
        let database = try DatabaseQueue(path: fixture.directory.databasePath)
        for record in records.reversed() {
            let entry = WalletAuditEntry(
                at: record.at,
                actor: Actor(name: "somebody else", address: ""),
                action: record.action,
                subject: record.subject,
                details: record.details
            )
            let rewritten = WalletAuditRecord(after: head, in: content.ledger, entry)
            head = WalletAuditHead(sequence: rewritten.sequence, hash: rewritten.hash)
            try await database.write { [head] db in
                try db.execute(
                    sql: """
                        UPDATE wallet_audit SET actor_name = ?, actor_address = '', previous_hash = ?, hash = ?
                        WHERE sequence = ?
                        """,
                    arguments: [
                        rewritten.actor.name, Data(rewritten.previousHash), Data(rewritten.hash), rewritten.sequence,
                    ]
                )
                try db.execute(sql: "UPDATE wallet_ledger SET hash = ?", arguments: [Data(head.hash)])
            }
        }
        try database.close()
        let reopened = try SQLiteSessionStore(in: fixture.directory)
        let verdict = try await reopened.verifyWalletAudit(of: content.ledger)
        #expect(verdict?.problem == .headForged)
        #expect(verdict?.verified == 3)
        try await Self.append(to: content.ledger, in: reopened)
        let later = try await reopened.verifyWalletAudit(of: content.ledger)
        #expect(later?.problem == .headForged && later?.verified == 4)
        try reopened.close()
    }

    @Test func rotatingTheKeyKeepsEverything() async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        var sessions = SampleSessions(seed: 3)
        let session = sessions.session()
        try await fixture.insert(session)
        var gateway = SampleGateway(seed: 4)
        let signingKey = gateway.signingKey()
        try await fixture.store.change { try $0.put(signingKey) }
        try fixture.store.close()
        let database = try DatabaseQueue(path: fixture.directory.databasePath)
        let wrapped = try await database.read { db in
            try Data.fetchAll(
                db,
                sql: """
                    SELECT data_key_sealed FROM wallet_session WHERE data_key_sealed IS NOT NULL
                    UNION ALL SELECT data_key_sealed FROM session_key UNION ALL SELECT policy_password_sealed FROM session
                    """
            )
        }
        try database.close()
        #expect(wrapped.count == 4)
        let file = URL(fileURLWithPath: fixture.directory.databasePath)
        let before = try Data(contentsOf: file)
        #expect(wrapped.allSatisfy { before.range(of: $0) != nil })
        let summary = try KeyRotation.rotate(fixture.directory)
        #expect(summary.dataKeys == 3 && summary.urls == 2 && summary.ledgers == 1 && summary.signingKeys == 1)
        fixture.directory.unlock()
        let directory = try DataDirectory(path: fixture.folder.path)
        #expect(directory.signingKey != fixture.directory.signingKey)
        let reopened = try SQLiteSessionStore(in: directory)
        try await content.check(reopened)
        #expect(try await reopened.session(id: session.id) == session)
        #expect(try await reopened.signingKeys() == [signingKey])
        try reopened.close()
        // The old key opens nothing any more, and nothing is left for it.
        let after = try Data(contentsOf: file)
        #expect(wrapped.allSatisfy { after.range(of: $0) == nil })
        #expect(throws: DaypassError.self) { try SQLiteSessionStore(in: fixture.directory) }
        #expect(!FileManager.default.fileExists(atPath: "\(fixture.folder.path)/server.key.next"))
    }

    /// A crash before the transaction leaves the old key in force, one after it the new key.
    @Test(arguments: [false, true])
    func aRotationThatWasCutShortIsSettledAtTheNextStart(isCommitted: Bool) async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        try fixture.store.close()
        let keyFile = URL(fileURLWithPath: "\(fixture.folder.path)/server.key")
        let nextFile = URL(fileURLWithPath: "\(fixture.folder.path)/server.key.next")
        let old = try Data(contentsOf: keyFile)
        var new = Data(repeating: 7, count: 32)
        if isCommitted {
            _ = try KeyRotation.rotate(fixture.directory)
            new = try Data(contentsOf: keyFile)
        }
        // As it was before the last step.
        for (file, bytes) in [(keyFile, old), (nextFile, new)] {
            try bytes.write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        }
        fixture.directory.unlock()
        let directory = try DataDirectory(path: fixture.folder.path)
        #expect(try Data(contentsOf: keyFile) == (isCommitted ? new : old))
        #expect(!FileManager.default.fileExists(atPath: nextFile.path))
        let reopened = try SQLiteSessionStore(in: directory)
        try await content.check(reopened)
        try reopened.close()
    }

    /// A forged end of a ledger is not made genuine by changing the key.
    @Test func rotatingTheKeyBlessesNothing() async throws {
        let fixture = try StoreFixture()
        let content = try await Content(in: fixture.store)
        try fixture.store.close()
        try await Self.edit(fixture, "UPDATE wallet_ledger SET seal = zeroblob(32)")
        #expect(try KeyRotation.rotate(fixture.directory).ledgers == 0)
        fixture.directory.unlock()
        let reopened = try SQLiteSessionStore(in: DataDirectory(path: fixture.folder.path))
        #expect(try await reopened.verifyWalletAudit(of: content.ledger)?.problem == .headForged)
        try reopened.close()
    }

    private static func edit(_ fixture: StoreFixture, _ sql: String) async throws {
        let database = try DatabaseQueue(path: fixture.directory.databasePath)
        try await database.write { db in try db.execute(sql: sql) }
        try database.close()
    }
}
