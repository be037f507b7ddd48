package import ArgumentParser
import SessionModel

/// `daypass viewers S`: who is looking.
package struct ViewersCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "viewers",
        abstract: "List who is looking at a session now.",
        discussion: """
            EXAMPLE
              daypass viewers quiet-lime-4217
            """
    )

    @Argument(help: "The session's slug or identifier.")
    package var session: String

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func run() async throws {
        try await SessionAccess.with(self.session, self.server) { access in
            let viewers = try await access.client.viewers(access.slug).viewers
            if self.server.json { return try access.context.printJSON(viewers) }
            guard !viewers.isEmpty else { return access.context.note("Nobody is looking at \(access.slug).") }
            let now = Timestamp.wallClock()
            var table = TextTable("VIEWER", "ADDRESS", "SEEN", "REQUESTS", "SENT", "OPEN", "BROWSER")
            for viewer in viewers {
                let seen = viewer.lastSeen.flatMap(Timestamp.init(iso8601:)).map { "\(HumanText.span(now - $0)) ago" }
                table.add(
                    viewer.id,
                    viewer.ip ?? "",
                    seen ?? "",
                    viewer.requests.map(String.init) ?? "",
                    viewer.bytes.map(HumanText.bytes) ?? "",
                    viewer.openStreams.map(String.init) ?? "",
                    TerminalText.truncated(viewer.userAgent ?? "", to: 40)
                )
            }
            for line in table.rendered(access.context.style) { access.context.print(line) }
        }
    }
}

/// `daypass kick S VIEWER`: out, and staying out.
package struct KickCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "kick",
        abstract: "Remove a viewer for good.",
        discussion: """
            Whatever the viewer has open is cut. VIEWER is an identifier from daypass viewers.

            EXAMPLE
              daypass kick quiet-lime-4217 vw_4f6h2k9s
            """
    )

    @Argument(help: "The session's slug or identifier.")
    package var session: String

    @Argument(help: "The viewer's identifier.")
    package var viewer: String

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func run() async throws {
        try await SessionAccess.with(self.session, self.server) { access in
            let answer = try await access.client.change(access.slug, "kick", body: ["viewerId": self.viewer])
            let line = "Removed \(TerminalText.safe(self.viewer)) from \(access.slug)."
            access.context.print(self.server.json ? answer.text : line)
        }
    }
}
