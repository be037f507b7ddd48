import DaypassTestSupport
import Foundation
import GRDB
import SQLiteStore
import SessionModel
import SessionStore
import Testing

/// Kills a writing process again and again; whatever it was told is stored must be there (spec: tunnel sessions, 4).
@Suite(.timeLimit(.minutes(15))) struct CrashTests {
    static let rounds = 24

    @Test func nothingAcknowledgedIsLost() async throws {
        let folder = try TemporaryDirectory("crash")
        var generator = SeededGenerator(seed: 12)
        var expected = Expected()
        for round in 0..<Self.rounds {
            // From "in the middle of opening" to "a few hundred transactions".
            let count = Int.random(in: 0...(round.isMultiple(of: 6) ? 3 : 400), using: &generator)
            // On a thread that may wait, which is none of those that all tests share.
            let lines = try await withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(with: Result { try self.writeUntilKilled(folder.path, after: count) })
                }
            }
            // Each writer counts from 1.
            expected.counts = [:]
            for line in lines { try expected.note(line) }
            try await expected.check(folder.path)
        }
        #expect(expected.created.count > 100)
        #expect(!expected.deleted.isEmpty)
        #expect(expected.revokedKeys.count > 100)
        #expect(expected.groups.count > 100)
    }

    /// Starts the writer, reads `lines` lines, kills it, and returns all that it had said by then.
    private func writeUntilKilled(_ folder: String, after lines: Int) throws -> [Substring] {
        let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent("store-crash-writer")
        try #require(
            FileManager.default.isExecutableFile(atPath: executable.path),
            "build the package first: \(executable.path) is missing"
        )
        let process = Process()
        let pipe = Pipe()
        process.executableURL = executable
        process.arguments = [folder]
        process.standardOutput = pipe
        try process.run()
        var said = Data()
        var count = 0
        while count < lines {
            let data = pipe.fileHandleForReading.availableData
            if data.isEmpty { break }
            said += data
            count += data.count { $0 == UInt8(ascii: "\n") }
        }
        kill(process.processIdentifier, SIGKILL)
        said += try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal, "the writer ended by itself")
        let text = String(decoding: said, as: UTF8.self)
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return text.split(separator: "\n")
    }

    /// What the writer said is stored.
    private struct Expected {
        var created: Set<String> = []
        var revisions: [String: Int64] = [:]
        var kicked: [String: Int] = [:]
        var deleted: Set<String> = []
        var keys: Set<String> = []
        var revokedKeys: Set<String> = []
        var counts: [UInt64: Int] = [:]
        var groups: Set<Int64> = []

        mutating func note(_ line: Substring) throws {
            let words = line.split(separator: " ").map(String.init)
            switch (words[0], words.count) {
            case ("ready", 1): break
            case ("created", 2): self.created.insert(words[1])
            case ("changed", 3):
                let revision: Int64 = try #require(Int64(words[2]))
                self.revisions[words[1]] = revision
            case ("kicked", 3):
                let viewers: Int = try #require(Int(words[2]))
                self.kicked[words[1]] = viewers
            case ("deleted", 2): self.deleted.insert(words[1])
            case ("key", 2): self.keys.insert(words[1])
            case ("revoked", 2): self.revokedKeys.insert(words[1])
            case ("counted", 3):
                let owner: UInt64 = try #require(UInt64(words[1]))
                let count: Int = try #require(Int(words[2]))
                self.counts[owner] = count
            case ("group", 2):
                let group: Int64 = try #require(Int64(words[1]))
                self.groups.insert(group)
            default: Issue.record("the writer said \(line)")
            }
        }

        func check(_ folder: String) async throws {
            let directory = try DataDirectory(path: folder)
            let store = try SQLiteSessionStore(in: directory)
            defer { directory.unlock() }
            for text in self.created.subtracting(self.deleted) {
                let id = try #require(SessionID(text))
                let events = try await store.auditEvents(of: id, limit: 10).reversed().map(\.action)
                guard let record = try await store.session(id: id) else {
                    // The deletion was stored, but the process was killed before it could say so.
                    #expect(events.last == .sessionDeleted, "\(text) is lost")
                    continue
                }
                #expect(record.policy.password.hasPrefix("secret "))
                #expect(record.basicCredentials?.password.utf8.count == 8)
                #expect(record.revision >= self.revisions[text] ?? 1, "a change of \(text) is lost")
                #expect(record.kickedViewers.count >= self.kicked[text] ?? 0, "a kick of \(text) is lost")
                // Each stored change has its event, and the other way round.
                #expect(events == Array([.sessionCreated, .policyUpdated, .viewerKicked].prefix(Int(record.revision))))
                #expect(record.kickedViewers.count == (record.revision >= 3 ? 1 : 0))
            }
            for text in self.deleted {
                let id = try #require(SessionID(text))
                #expect(try await store.session(id: id) == nil, "\(text) came back")
                #expect(try await store.auditEvents(of: id, limit: 1).map(\.action) == [.sessionDeleted])
            }
            try await self.checkGateway(store)
            for organization in try await store.organizations() {
                let verdict = try await store.verifyWalletAudit(of: .organization(organization.id))
                #expect(verdict?.problem == nil)
            }
            try store.close()
            let database = try DatabaseQueue(path: directory.databasePath)
            try await self.checkGroups(database)
            let (integrity, foreignKeys) = try await database.read { db in
                (
                    try String.fetchAll(db, sql: "PRAGMA integrity_check"),
                    try Row.fetchAll(db, sql: "PRAGMA foreign_key_check").count
                )
            }
            #expect(integrity == ["ok"])
            #expect(foreignKeys == 0)
            try database.close()
        }

        /// Of each group all sessions are there or none, each with its record.
        private func checkGroups(_ database: DatabaseQueue) async throws {
            let (groups, sessions, records) = try await database.read { db in
                let rows = try Row.fetchAll(db, sql: "SELECT group_id, count(*) FROM wallet_session GROUP BY group_id")
                let groups = rows.map { (id: $0[0] as Int64, count: $0[1] as Int) }
                func count(_ action: String) throws -> Int {
                    let sql = "SELECT count(*) FROM wallet_audit WHERE action = ?"
                    return try Int.fetchOne(db, sql: sql, arguments: [action]) ?? 0
                }
                let revoked = try Int.fetchOne(
                    db,
                    sql: "SELECT count(*) FROM wallet_session WHERE revoked_at IS NOT NULL"
                )
                return (
                    groups, [groups.map(\.count).reduce(0, +), revoked ?? 0],
                    [try count("session.created"), try count("session.revoked")]
                )
            }
            #expect(groups.allSatisfy { $0.count == 24 }, "a part of a group was stored")
            #expect(self.groups.subtracting(groups.map(\.id)).isEmpty, "groups are lost")
            #expect(sessions == records)
        }

        private func checkGateway(_ store: SQLiteSessionStore) async throws {
            var kept: [String: APIKeyRecord] = [:]
            while true {
                let last = kept.values.map(\.id).max { $0.number < $1.number }
                let page = try await store.allKeys(after: last, limit: 10_000)
                if page.isEmpty { break }
                for key in page { kept[key.id.text] = key }
            }
            #expect(self.keys.subtracting(kept.keys).isEmpty, "keys are lost")
            for id in self.revokedKeys { #expect(kept[id]?.revokedAt != nil, "the revocation of \(id) is lost") }
            #expect(try await store.change { try $0.keyCount() } == kept.count)
            // Each stored change has its event, and the other way round.
            let events = Dictionary(
                grouping: try await store.gatewayAuditEvents(of: nil, limit: 1000).reversed(),
                by: \.summary
            )
            // The oldest ones may begin before the page of events does.
            for (id, events) in events where events.first?.action == .keyCreated {
                let isRevoked = kept[id]?.revokedAt != nil
                #expect(events.map(\.action) == (isRevoked ? [.keyCreated, .keyRevoked] : [.keyCreated]))
            }
            let counts = try await store.counts(after: 0, limit: 100).counts
            let stored = Dictionary(uniqueKeysWithValues: counts.map { ($0.owner, $0.count) })
            // One more may be stored than the writer could say.
            for (owner, count) in self.counts {
                #expect([count, count + 1].contains(stored[owner]), "a count is lost")
            }
        }
    }
}
