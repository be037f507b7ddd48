import DaypassCLI
import Foundation
import SessionModel
import Testing

@Suite struct StateDirectoryTests {
    private let home: TemporaryFolder
    private let state: StateDirectory
    private let now = Timestamp(millisecondsSinceEpoch: 1_800_000_000_000)

    init() throws {
        self.home = try TemporaryFolder()
        self.state = try StateDirectory(environment: ["XDG_STATE_HOME": self.home.path])
    }

    private func session(_ letter: Character, slug: String? = nil, endsIn seconds: Int = 60) -> SavedSession {
        let slug = slug ?? "quiet-lime-\(letter)"
        return SavedSession(
            sessionId: "sess_" + String(repeating: letter, count: 32),
            slug: slug,
            server: "http://127.0.0.1:3001",
            edgeUrl: "ws://127.0.0.1:3002/tunnel",
            sessionToken: "\(slug).\(String(repeating: "t", count: 32))",
            publicUrl: "http://127.0.0.1:3002/s/\(slug)",
            ownerUrl: "http://127.0.0.1:3002/.wormkey/owner?slug=\(slug)&token=t",
            expiresAt: (self.now + .seconds(seconds)).iso8601,
            pid: 1,
            target: "http://localhost:3000"
        )
    }

    private func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test func whereItIs() throws {
        #expect(try StateDirectory(environment: ["HOME": "/h"]).path == "/h/.local/state/daypass")
        #expect(try StateDirectory(environment: ["HOME": "/h", "XDG_STATE_HOME": "/s"]).path == "/s/daypass")
        // The specification says relative paths are to be ignored.
        #expect(
            try StateDirectory(environment: ["HOME": "/h", "XDG_STATE_HOME": "s"]).path == "/h/.local/state/daypass"
        )
        #expect(throws: CommandFailure.self) { try StateDirectory(environment: [:]) }
    }

    @Test func sessionsAreRememberedPrivately() throws {
        let first = self.session("a")
        let second = self.session("b")
        try self.state.save(second)
        try self.state.save(first)
        #expect(self.state.sessions(now: self.now).open == [first, second])
        #expect(try self.mode(self.state.path) == 0o700)
        #expect(try self.mode("\(self.state.path)/sessions") == 0o700)
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(self.state.path)/sessions")
        #expect(names.count == 2, "no temporary file stays")
        for name in names { #expect(try self.mode("\(self.state.path)/sessions/\(name)") == 0o600) }
    }

    @Test func savingAgainReplaces() throws {
        var session = self.session("a")
        try self.state.save(session)
        session.pid = 99
        try self.state.save(session)
        #expect(self.state.sessions(now: self.now).open == [session])
    }

    @Test func findsBySlugAndByIdentifierAndServer() throws {
        let session = self.session("a")
        try self.state.save(session)
        #expect(self.state.session(named: session.slug, server: nil, now: self.now) == session)
        #expect(self.state.session(named: session.sessionId, server: session.server, now: self.now) == session)
        #expect(self.state.session(named: session.slug, server: "https://elsewhere", now: self.now) == nil)
        #expect(self.state.session(named: "other-slug-1", server: nil, now: self.now) == nil)
    }

    @Test func removedAndExpiredSessionsAreForgotten() throws {
        try self.state.save(self.session("a"))
        try self.state.save(self.session("b", endsIn: -1))
        #expect(self.state.sessions(now: self.now).open.map(\.slug) == ["quiet-lime-a"])
        try self.state.remove(id: self.session("a").sessionId)
        try self.state.remove(id: self.session("a").sessionId)
        try self.state.remove(id: "../../etc/passwd")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(self.state.path)/sessions").isEmpty)
    }

    @Test func damagedFilesAreNamedAndLeftAlone() throws {
        try self.state.save(self.session("a"))
        let folder = "\(self.state.path)/sessions"
        let contents: [String: Data] = [
            "sess_\(String(repeating: "b", count: 32)).json": Data("{\"sessionId\":".utf8),
            "sess_\(String(repeating: "c", count: 32)).json": Data(),
            // Well formed, but under another session's name.
            "sess_\(String(repeating: "d", count: 32)).json": try JSONEncoder().encode(self.session("e")),
            "sess_\(String(repeating: "f", count: 32)).json": Data(repeating: 0x20, count: PrivateFile.sizeLimit + 1),
        ]
        for (name, data) in contents { try data.write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
        let (open, unreadable) = self.state.sessions(now: self.now)
        #expect(open.map(\.slug) == ["quiet-lime-a"])
        #expect(unreadable == contents.keys.sorted().map { "\(folder)/\($0)" })
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 5)
    }

    @Test func linksAreNotFollowed() throws {
        let target = "\(self.home.path)/target"
        try Data("old".utf8).write(to: URL(fileURLWithPath: target))
        let link = "\(self.home.path)/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
        #expect(throws: CommandFailure.self) { try PrivateFile.read(link) }
        try PrivateFile.write(Data("new".utf8), to: link)
        #expect(try Data(contentsOf: URL(fileURLWithPath: target)) == Data("old".utf8))
        #expect(try PrivateFile.read(link) == Data("new".utf8))
    }

    @Test func aFailedWriteLeavesTheOldFile() throws {
        let path = "\(self.home.path)/folder"
        try FileManager.default.createDirectory(atPath: "\(path)/inside", withIntermediateDirectories: true)
        // A file cannot be renamed over a folder that is not empty.
        #expect(throws: CommandFailure.self) { try PrivateFile.write(Data("x".utf8), to: path) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: self.home.path) == ["folder"])
        #expect(throws: CommandFailure.self) { try PrivateFile.write(Data(), to: "\(self.home.path)/missing/file") }
    }

    @Test func readersSeeTheOldContentOrTheNew() async throws {
        let path = "\(self.home.path)/file"
        let contents = (0..<8).map { Data(repeating: UInt8($0), count: 4096) }
        try PrivateFile.write(contents[0], to: path)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for content in contents {
                tasks.addTask { for _ in 0..<20 { try PrivateFile.write(content, to: path) } }
            }
            tasks.addTask {
                for _ in 0..<500 {
                    let read = try #require(try PrivateFile.read(path))
                    #expect(contents.contains(read))
                }
            }
            try await tasks.waitForAll()
        }
    }

    @Test func dates() throws {
        let time = Timestamp(millisecondsSinceEpoch: 1_772_638_200_123)
        #expect(Timestamp(iso8601: time.iso8601) == time)
        #expect(Timestamp(iso8601: "2026-03-04T15:30:00Z")?.millisecondsSinceEpoch == 1_772_638_200_000)
        #expect(Timestamp(iso8601: "tomorrow") == nil)
    }
}
