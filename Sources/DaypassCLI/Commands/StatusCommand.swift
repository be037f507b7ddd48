package import ArgumentParser
import Foundation
import SessionModel

/// `daypass status [S]`: one session in full.
package struct StatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show one session: link, state, policy, viewers.",
        discussion: """
            Without a session, the one that was opened from here, if there is exactly one.

            EXAMPLES
              daypass status
              daypass status quiet-lime-4217 --json
            """
    )

    @Argument(help: "The session's slug or identifier.")
    package var session: String?

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func run() async throws {
        let name = try self.session ?? Self.onlySession()
        try await SessionAccess.with(name, self.server) { access in
            if self.server.json {
                return access.context.print(try await access.client.rawSession(.slug(access.slug)).text)
            }
            let answer = try await access.client.session(.slug(access.slug))
            for line in Self.lines(answer, saved: access.saved, now: .wallClock()) { access.context.print(line) }
        }
    }

    /// The session in words; what the server does not tell a stranger is left out.
    static func lines(_ session: SessionAnswer, saved: SavedSession?, now: Timestamp) -> [String] {
        var lines: [String] = []
        func fact(_ label: String, _ value: String?) {
            guard let value else { return }
            lines.append(TerminalText.padded(label, to: 14) + TerminalText.safe(value))
        }
        fact("Session", session.slug)
        fact("Identifier", session.sessionId)
        fact("Status", session.status)
        fact("Public URL", session.publicUrl)
        fact("Shares", saved?.target)
        fact("Process", saved.map { String($0.pid) })
        let ends = Timestamp(iso8601: session.expiresAt).map { HumanText.remaining(until: $0, now: now) }
        fact("Ends", ends.map { "\($0) (\(session.expiresAt))" } ?? session.expiresAt)
        fact("Agent", session.tunnelConnections.map { $0 == 1 ? "1 connection" : "\($0) connections" })
        fact("Viewers", session.activeViewers.map(String.init))
        fact("Removed", session.kickedViewerIds.flatMap { $0.isEmpty ? nil : $0.joined(separator: ", ") })
        if session.authMode == "basic" { fact("Sign-in", "basic authentication") }
        if let policy = session.policy { lines += PolicyCommand.lines(policy) }
        return lines
    }

    private static func onlySession() throws -> String {
        let sessions = try CommandContext().state.sessions(now: .wallClock()).open
        if sessions.count == 1 { return sessions[0].sessionId }
        throw CommandFailure(
            .invalidArguments,
            sessions.isEmpty
                ? "No session was opened from here. Name one: daypass status SLUG."
                : "Say which session: \(sessions.map(\.slug).joined(separator: ", "))."
        )
    }
}

/// `daypass open S`: the link in the browser.
package struct OpenCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "open",
        abstract: "Open a session's link in the browser.",
        discussion: """
            Prints the link as well; where there is no browser, it only does that.

            EXAMPLES
              daypass open quiet-lime-4217
              daypass open quiet-lime-4217 --owner
            """
    )

    @Argument(help: "The session's slug or identifier.")
    package var session: String

    @Flag(help: "Open the owner's room instead; only for sessions opened from here.")
    package var owner = false

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func run() async throws {
        try await SessionAccess.with(self.session, self.server) { access in
            var url = try await access.client.session(.slug(access.slug)).publicUrl
            if self.owner {
                guard let saved = access.saved else {
                    throw CommandFailure(
                        .authenticationFailed,
                        "The owner URL is known only where the session was opened."
                    )
                }
                url = saved.ownerUrl
            }
            guard url.hasPrefix("https://") || url.hasPrefix("http://") else {
                throw CommandFailure(.controlUnavailable, "The server gave a link that is not a web address.")
            }
            let isOpened = Desktop.open(url, environment: access.context.environment)
            if self.server.json {
                return try access.context.printJSON(OpenAnswer(url: url, opened: isOpened))
            }
            access.context.print(TerminalText.safe(url))
            if !isOpened { access.context.note("There is no browser here; open the link yourself.") }
        }
    }
}

private struct OpenAnswer: Encodable {
    var url: String
    var opened: Bool
}
