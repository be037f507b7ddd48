package import ArgumentParser
import SessionModel

/// `daypass close S`: for good.
package struct CloseCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "close",
        abstract: "Close a session for good: the link stops working at once.",
        discussion: """
            Open requests and WebSockets are cut, and the agent that serves the session ends.

            EXAMPLE
              daypass close quiet-lime-4217
            """
    )

    @Argument(help: "The session's slug or identifier.")
    package var session: String

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func run() async throws {
        try await SessionAccess.with(self.session, self.server) { access in
            let answer = try await access.client.change(access.slug, "close")
            if let saved = access.saved { try access.context.state.remove(id: saved.sessionId) }
            access.context.print(self.server.json ? answer.text : "Closed \(access.slug).")
        }
    }
}

/// `daypass pause S`: viewers are turned away for now.
package struct PauseCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Turn viewers away until you resume; the link and the tunnel stay.",
        discussion: """
            EXAMPLE
              daypass pause quiet-lime-4217
            """
    )

    @Argument(help: "The session's slug or identifier.")
    package var session: String

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func run() async throws {
        try await SessionAccess.with(self.session, self.server) { access in
            let answer = try await access.client.change(access.slug, "pause")
            access.context.print(self.server.json ? answer.text : "Paused \(access.slug).")
        }
    }
}

/// `daypass resume S`: viewers may come back.
package struct ResumeCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let viewers in again after a pause.",
        discussion: """
            EXAMPLE
              daypass resume quiet-lime-4217
            """
    )

    @Argument(help: "The session's slug or identifier.")
    package var session: String

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func run() async throws {
        try await SessionAccess.with(self.session, self.server) { access in
            let answer = try await access.client.change(access.slug, "resume")
            access.context.print(self.server.json ? answer.text : "Resumed \(access.slug).")
        }
    }
}

/// `daypass policy S`: show or change who may see what.
package struct PolicyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Show a session's policy, or change it while it runs.",
        discussion: """
            Only what you name is changed; --block replaces the whole list. A change holds from the moment it is \
            acknowledged, also for requests and WebSockets that are already open.

            EXAMPLES
              daypass policy quiet-lime-4217
              daypass policy quiet-lime-4217 --max-viewers 5 --block /admin --block /api/internal
              daypass policy quiet-lime-4217 --public false
              daypass policy quiet-lime-4217 --password "" --no-blocks
            """
    )

    @Argument(help: "The session's slug or identifier.")
    package var session: String

    @Option(
        name: .customLong("public"),
        help: ArgumentHelp("Whether everybody with the link may enter: true or false.", valueName: "bool")
    )
    package var isPublic: Bool?

    @Option(help: ArgumentHelp("How many viewers may be in at once; 0 is nobody but you.", valueName: "n"))
    package var maxViewers: Int?

    @Option(parsing: .singleValue, help: ArgumentHelp("Hide this path; may be repeated.", valueName: "path"))
    package var block: [String] = []

    @Flag(help: "Hide no path any more.")
    package var noBlocks = false

    @Option(help: ArgumentHelp("Ask viewers for this password; \"\" asks for none.", valueName: "text"))
    package var password: String?

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func validate() throws {
        if self.noBlocks, !self.block.isEmpty { throw ValidationError("Give --block or --no-blocks, not both.") }
    }

    package func run() async throws {
        let change = PolicyBody(
            isPublic: self.isPublic,
            maxConcurrentViewers: self.maxViewers,
            blockPaths: self.noBlocks ? [] : (self.block.isEmpty ? nil : self.block),
            password: self.password
        )
        try await SessionAccess.with(self.session, self.server) { access in
            let policy: PolicyBody
            if change.isEmpty {
                guard let known = try await access.client.session(.slug(access.slug)).policy else {
                    throw CommandFailure(.authenticationFailed, "Only the owner may see the policy of \(access.slug).")
                }
                policy = known
            } else {
                policy = try await access.client.changePolicy(access.slug, change)
            }
            if self.server.json { return try access.context.printJSON(policy) }
            for line in Self.lines(policy) { access.context.print(line) }
        }
    }

    /// A policy in words.
    static func lines(_ policy: PolicyBody) -> [String] {
        func fact(_ label: String, _ value: String) -> String {
            TerminalText.padded(label, to: 14) + TerminalText.safe(value)
        }
        let password = policy.password ?? ""
        let paths = policy.blockPaths ?? []
        return [
            fact("Public", policy.public == false ? "no, only the owner and holders of the password" : "yes"),
            fact("Viewer limit", policy.maxConcurrentViewers.map(String.init) ?? ""),
            fact("Password", password.isEmpty ? "none" : password),
            fact("Hidden paths", paths.isEmpty ? "none" : paths.joined(separator: "  ")),
        ]
    }
}
