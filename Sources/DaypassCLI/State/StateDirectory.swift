import Foundation
package import SessionModel

/// The folder where the command line remembers sessions: `$XDG_STATE_HOME/daypass`, 0700, one file per session, 0600.
package struct StateDirectory: Sendable {
    /// The folder itself; server data lies in `server` below it.
    package let path: String

    /// A state folder at a path.
    package init(path: String) { self.path = path }

    /// The folder the XDG base directory specification gives: `$XDG_STATE_HOME` if it is absolute, else
    /// `~/.local/state`.
    ///
    /// Throws `CommandFailure` when there is no home folder either.
    package init(environment: [String: String]) throws {
        if let base = environment["XDG_STATE_HOME"], base.hasPrefix("/") {
            self.init(path: "\(base)/daypass")
        } else if let home = environment["HOME"], home.hasPrefix("/") {
            self.init(path: "\(home)/.local/state/daypass")
        } else {
            throw CommandFailure(.failure, "No folder for state files: set HOME or XDG_STATE_HOME.")
        }
    }

    /// Where `daypass serve` keeps its data unless told otherwise.
    package var serverData: String { "\(self.path)/server" }

    private var sessionsPath: String { "\(self.path)/sessions" }

    /// Remembers a session, replacing what was remembered about it.
    package func save(_ session: SavedSession) throws {
        guard let id = SessionID(session.sessionId) else {
            throw CommandFailure(.controlUnavailable, "The server gave a session identifier that is not one.")
        }
        try PrivateFile.makeFolder(self.sessionsPath)
        for folder in [self.path, self.sessionsPath] {
            guard chmod(folder, 0o700) == 0 else {
                throw CommandFailure(.failure, "Cannot protect \(folder): \(String(cString: strerror(errno))).")
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        try PrivateFile.write(encoder.encode(session), to: self.file(of: id))
    }

    /// Forgets a session; nothing happens if it is not remembered.
    package func remove(id: String) throws {
        guard let id = SessionID(id) else { return }
        try PrivateFile.remove(self.file(of: id))
    }

    /// The remembered sessions that have not ended, by slug; files of ended ones are removed, files that cannot be read
    /// are named in `unreadable` and left alone.
    package func sessions(now: Timestamp) -> (open: [SavedSession], unreadable: [String]) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: self.sessionsPath)) ?? []
        var open: [SavedSession] = []
        var unreadable: [String] = []
        for name in names.sorted() where name.hasSuffix(".json") {
            let path = "\(self.sessionsPath)/\(name)"
            guard let data = try? PrivateFile.read(path),
                let session = try? JSONDecoder().decode(SavedSession.self, from: data),
                let id = SessionID(session.sessionId), "\(id.rawValue).json" == name,
                SessionToken(parsing: session.sessionToken)?.slug.rawValue == session.slug
            else {
                unreadable.append(path)
                continue
            }
            if session.hasExpired(now: now) {
                try? PrivateFile.remove(path)
            } else {
                open.append(session)
            }
        }
        return (open.sorted { ($0.slug, $0.server) < ($1.slug, $1.server) }, unreadable)
    }

    /// The remembered open session with this slug or identifier; with `server`, only one created there.
    package func session(named name: String, server: String?, now: Timestamp) -> SavedSession? {
        self.sessions(now: now).open
            .first { session in
                (session.slug == name || session.sessionId == name) && (server == nil || session.server == server)
            }
    }

    private func file(of id: SessionID) -> String { "\(self.sessionsPath)/\(id.rawValue).json" }
}
