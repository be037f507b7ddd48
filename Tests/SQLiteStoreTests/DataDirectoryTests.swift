import DaypassTestSupport
import Foundation
import SQLiteStore
import SessionModel
import SessionStore
import Testing

@Suite struct DataDirectoryTests {
    private func mode(_ path: String) throws -> Int {
        let value = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        return try #require((value as? NSNumber)?.intValue)
    }

    private func setMode(_ mode: Int, _ path: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    private func refusal(_ path: String) throws -> DaypassError {
        let error = #expect(throws: DaypassError.self) { _ = try DataDirectory(path: path) }
        let refusal = try #require(error)
        #expect(refusal.code == .serviceUnavailable)
        return refusal
    }

    @Test func makesEverythingPrivate() async throws {
        let folder = try TemporaryDirectory("data")
        let path = "\(folder.path)/state/daypass"
        let directory = try DataDirectory(path: path + "/")
        let store = try SQLiteSessionStore(in: directory)
        var samples = SampleSessions()
        try await insertSample(samples.session(), into: store)
        #expect(directory.path == path)
        #expect(try self.mode(path) == 0o700)
        #expect(try self.mode("\(folder.path)/state") == 0o700)
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        #expect(
            Set(names) == [
                "admin.digest", "daypass.db", "daypass.db-shm", "daypass.db-wal", "daypass.lock", "server.key",
            ]
        )
        for name in names { #expect(try self.mode("\(path)/\(name)") == 0o600, "\(name)") }
        try store.close()
    }

    @Test func correctsTheModeOfItsDatabase() async throws {
        let folder = try TemporaryDirectory("data")
        let path = "\(folder.path)/daypass.db"
        let directory = try DataDirectory(path: folder.path)
        // The write-ahead log stays behind when a server is killed; here a second connection keeps it.
        let first = try SQLiteSessionStore(in: directory)
        for name in [path, path + "-wal", path + "-shm"] { try self.setMode(0o644, name) }
        let second = try SQLiteSessionStore(in: directory)
        for name in [path, path + "-wal", path + "-shm"] { #expect(try self.mode(name) == 0o600) }
        try first.close()
        try second.close()
    }

    @Test func keepsKeyAndTokenForTheNextStart() throws {
        let folder = try TemporaryDirectory("data")
        let first = try DataDirectory(path: folder.path)
        let token = try #require(first.firstAdminToken)
        #expect(token.hasPrefix("dp_admin_") && token.utf8.count == 49)
        #expect(first.adminTokenDigest.matches(token))
        #expect(first.signingKey.count == 32)
        let signingKey = first.signingKey
        let digest = first.adminTokenDigest
        first.unlock()

        let second = try DataDirectory(path: folder.path)
        #expect(second.firstAdminToken == nil)
        #expect(second.adminTokenDigest == digest)
        #expect(second.signingKey == signingKey)
    }

    @Test func derivesKeysThatAreNotTheKey() throws {
        let folder = try TemporaryDirectory("data")
        let directory = try DataDirectory(path: folder.path)
        let key = try Array(Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/server.key")))
        #expect(key.count == 32)
        #expect(directory.signingKey != key)
        let other = try TemporaryDirectory("data")
        #expect(try DataDirectory(path: other.path).signingKey != directory.signingKey)
    }

    @Test func refusesASecondServer() throws {
        let folder = try TemporaryDirectory("data")
        let first = try DataDirectory(path: folder.path)
        let error = try self.refusal(folder.path)
        #expect(error.message.contains("Another Daypass server (process \(getpid()))"))
        #expect(error.message.contains("daypass.lock"))
        first.unlock()
        #expect(try DataDirectory(path: folder.path).firstAdminToken == nil)
    }

    @Test(arguments: ["server.key", "admin.digest"])
    func refusesFilesThatOthersCanRead(name: String) throws {
        let folder = try TemporaryDirectory("data")
        try DataDirectory(path: folder.path).unlock()
        let path = "\(folder.path)/\(name)"
        for mode in [0o640, 0o604, 0o620, 0o644] {
            try self.setMode(mode, path)
            #expect(try self.refusal(folder.path).message.contains("chmod 600 \(path)"))
        }
        try self.setMode(0o600, path)
        try DataDirectory(path: folder.path).unlock()
    }

    @Test func refusesDamagedFiles() throws {
        let folder = try TemporaryDirectory("data")
        try DataDirectory(path: folder.path).unlock()
        for (name, content) in [("server.key", "too short"), ("admin.digest", "no digest"), ("server.key", "")] {
            let url = URL(fileURLWithPath: "\(folder.path)/\(name)")
            let original = try Data(contentsOf: url)
            try Data(content.utf8).write(to: url)
            #expect(try self.refusal(folder.path).message.contains(name))
            try original.write(to: url)
        }
        try DataDirectory(path: folder.path).unlock()
    }

    @Test func refusesADatabaseWithoutItsKey() throws {
        let folder = try TemporaryDirectory("data")
        let directory = try DataDirectory(path: folder.path)
        try SQLiteSessionStore(in: directory).close()
        directory.unlock()
        try FileManager.default.removeItem(atPath: "\(folder.path)/server.key")
        #expect(try self.refusal(folder.path).message.contains("server.key is missing"))
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/server.key"))
    }

    @Test func refusesLinksInPlaceOfSecrets() throws {
        let folder = try TemporaryDirectory("data")
        let elsewhere = try TemporaryDirectory("elsewhere")
        try DataDirectory(path: folder.path).unlock()
        for name in ["server.key", "admin.digest", "daypass.lock"] {
            let path = "\(folder.path)/\(name)"
            try FileManager.default.moveItem(atPath: path, toPath: "\(elsewhere.path)/\(name)")
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "\(elsewhere.path)/\(name)")
            #expect(try self.refusal(folder.path).message.contains(name))
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.moveItem(atPath: "\(elsewhere.path)/\(name)", toPath: path)
        }
    }

    @Test func doesNotTakeOverAFolderThatOthersUse() throws {
        let folder = try TemporaryDirectory("data")
        try self.setMode(0o755, folder.path)
        try Data("x".utf8).write(to: URL(fileURLWithPath: "\(folder.path)/letter.txt"))
        #expect(try self.refusal(folder.path).message.contains("Choose a folder of its own"))
        #expect(try self.mode(folder.path) == 0o755)
        // Empty, or ours already: the mode is corrected.
        try FileManager.default.removeItem(atPath: "\(folder.path)/letter.txt")
        try DataDirectory(path: folder.path).unlock()
        #expect(try self.mode(folder.path) == 0o700)
        try self.setMode(0o755, folder.path)
        try DataDirectory(path: folder.path).unlock()
        #expect(try self.mode(folder.path) == 0o700)
    }

    @Test func refusesPathsThatAreNoFolders() throws {
        let folder = try TemporaryDirectory("data")
        let file = "\(folder.path)/file"
        try Data().write(to: URL(fileURLWithPath: file))
        for path in ["", file, "\(file)/below", "/proc/nowhere/daypass"] {
            #expect(throws: DaypassError.self) { _ = try DataDirectory(path: path) }
        }
    }

    /// What a crash between writing and renaming leaves behind is not taken for the key.
    @Test func ignoresAHalfWrittenKey() throws {
        let folder = try TemporaryDirectory("data")
        try Data("half".utf8).write(to: URL(fileURLWithPath: "\(folder.path)/server.key.new"))
        let directory = try DataDirectory(path: folder.path)
        #expect(directory.firstAdminToken != nil)
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/server.key.new"))
    }
}
