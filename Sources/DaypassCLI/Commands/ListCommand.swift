package import ArgumentParser
import SessionModel

/// `daypass list`: sessions here and at the server.
package struct ListCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List sessions.",
        discussion: """
            Shows the sessions opened from here, wherever their process is, and all others of the server if it lets you \
            list them (on this machine, or with an access token that may read). Ended ones are left out without --all.

            EXAMPLES
              daypass list
              daypass list --json | jq -r '.[].publicUrl'
            """
    )

    @Flag(help: "Show closed and expired sessions too, while the server remembers them.")
    package var all = false

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func run() async throws {
        let context = try CommandContext()
        let choice = try await ServerChoice.resolve(option: self.server.server, environment: context.environment)
        var saved = context.state.sessions(now: .wallClock()).open
        if choice.isExplicit { saved = saved.filter { $0.server == choice.server.url } }
        var sessions: [SessionAnswer] = []
        do {
            sessions = try await Self.atServer(choice)
        } catch let failure as CommandFailure {
            // What was opened from here can be shown without the server's list.
            let isSurvivable = [.authenticationFailed, .policyRefused, .controlUnavailable].contains(failure.status)
            guard isSurvivable, !saved.isEmpty else { throw failure }
        }
        let listed = Set(sessions.compactMap(\.sessionId))
        for session in saved where !listed.contains(session.sessionId) {
            if let answer = try await Self.refreshed(session, context) { sessions.append(answer) }
        }
        if !self.all { sessions.removeAll { $0.status == "closed" || $0.status == "expired" } }
        if self.server.json { return try context.printJSON(sessions) }
        guard !sessions.isEmpty else { return context.note("There are no open sessions.") }
        let now = Timestamp.wallClock()
        var table = TextTable("SLUG", "STATUS", "VIEWERS", "ENDS", "URL")
        for session in sessions {
            let ends = Timestamp(iso8601: session.expiresAt).map { HumanText.remaining(until: $0, now: now) }
            let viewers = session.activeViewers.map(String.init) ?? ""
            table.add(session.slug, session.status, viewers, ends ?? session.expiresAt, session.publicUrl)
        }
        for line in table.rendered(context.style) { context.print(line) }
    }

    /// Every page of the server's list, at most 10 000 sessions.
    private static func atServer(_ choice: ServerChoice) async throws -> [SessionAnswer] {
        try await ControlClient.with(
            server: choice.server,
            token: choice.token,
            isDefaultServer: choice.isDefault
        ) { client in
            var sessions: [SessionAnswer] = []
            var next: String?
            repeat {
                let page = try await client.sessions(after: next)
                sessions += page.sessions
                next = page.sessions.isEmpty ? nil : page.next
            } while next != nil && sessions.count < 10_000
            return sessions
        }
    }

    /// A session opened from here as its server sees it; nil, and forgotten, when it is gone; with status `unknown` when
    /// the server does not answer.
    private static func refreshed(_ session: SavedSession, _ context: CommandContext) async throws -> SessionAnswer? {
        guard let slug = Slug(session.slug), let server = try? ServerAddress(session.server) else { return nil }
        do {
            let answer = try await ControlClient.with(server: server, token: session.sessionToken) { client in
                try await client.session(.slug(slug))
            }
            if answer.status == "closed" || answer.status == "expired" {
                try? context.state.remove(id: session.sessionId)
            }
            return answer
        } catch let failure as CommandFailure {
            if failure.status == .sessionExpired || failure.status == .invalidArguments {
                try? context.state.remove(id: session.sessionId)
                return nil
            }
            return SessionAnswer(
                sessionId: session.sessionId,
                slug: session.slug,
                publicUrl: session.publicUrl,
                status: "unknown",
                expiresAt: session.expiresAt
            )
        }
    }
}
