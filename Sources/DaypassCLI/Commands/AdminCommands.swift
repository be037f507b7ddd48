package import ArgumentParser
import SessionModel

/// `daypass tokens`: scoped credentials for the control API.
package struct TokensCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "tokens",
        abstract: "Make, list and revoke access tokens for the control API.",
        discussion: """
            Needs the admin token in DAYPASS_TOKEN; daypass serve shows it on its first start.

            EXAMPLES
              daypass tokens create --label ci --scope sessions:create --expires 90d
              daypass tokens list
              daypass tokens revoke tok_a1b2c3d4e5f6g7h8
            """,
        subcommands: [Create.self, List.self, Revoke.self]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass tokens create`.
    package struct Create: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Make an access token; its secret is shown once.",
            discussion: """
                SCOPES
                  sessions:create   create sessions, and manage those it created
                  sessions:read     list all sessions and read them in full
                  sessions:manage   manage every session
                """
        )

        @Option(help: ArgumentHelp("What to call it, at most 128 characters.", valueName: "text"))
        package var label = "command line"

        @Option(
            name: .customLong("scope"),
            parsing: .singleValue,
            help: ArgumentHelp("What it allows; may be repeated.", valueName: "scope"),
            completion: .list(AccessScope.allCases.map(\.rawValue))
        )
        package var scopes: [String]

        @Option(help: ArgumentHelp("When it stops working: 12h, 90d. Default: when revoked.", valueName: "time"))
        package var expires: TimeSpan?

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func validate() throws {
            try AccessScope.checkScopes(self.scopes)
        }

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let body = NewTokenBody(label: self.label, scopes: self.scopes, expiresIn: self.expires?.text)
                let token = try await client.createToken(body)
                if self.server.json { return try context.printJSON(token) }
                context.note("Access token \(TerminalText.safe(token.id)), shown only now:")
                context.print(TerminalText.safe(token.token ?? ""))
            }
        }
    }

    /// `daypass tokens list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "List access tokens, without their secrets.")

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let tokens = try await client.tokens()
                if self.server.json { return try context.printJSON(tokens) }
                guard !tokens.isEmpty else { return context.note("There are no access tokens.") }
                let now = Timestamp.wallClock()
                var table = TextTable("TOKEN", "LABEL", "SCOPES", "STATE")
                for token in tokens {
                    let ends = token.expiresAt.flatMap(Timestamp.init(iso8601:))
                    let state = ends.map { "ends \(HumanText.remaining(until: $0, now: now))" } ?? "valid"
                    let isOver = ends.map { $0 <= now } ?? false
                    table.add(
                        token.id,
                        token.label,
                        token.scopes.joined(separator: " "),
                        token.revokedAt == nil ? (isOver ? "expired" : state) : "revoked"
                    )
                }
                for line in table.rendered(context.style) { context.print(line) }
            }
        }
    }

    /// `daypass tokens revoke`.
    package struct Revoke: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "Revoke an access token at once.")

        @Argument(help: "The token's identifier, tok_….")
        package var token: String

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func validate() throws {
            guard self.token.hasPrefix("tok_"), self.token.utf8.dropFirst(4).allSatisfy(isBase36) else {
                throw ValidationError("An access token's identifier looks like tok_a1b2c3d4e5f6g7h8.")
            }
        }

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.revokeToken(self.token)
                context.print(self.server.json ? answer.text : "Revoked \(self.token).")
            }
        }
    }
}

/// `daypass audit`: what was done, by whom, from where.
package struct AuditCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Show what was changed, by whom and from where, newest first.",
        discussion: """
            EXAMPLES
              daypass audit
              daypass audit quiet-lime-4217 --limit 100 --json
            """
    )

    @Argument(help: "Only this session: its slug or identifier.")
    package var session: String?

    @Option(help: ArgumentHelp("How many events, 1 to 100.", valueName: "n"))
    package var limit = 20

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func validate() throws {
        guard (1...100).contains(self.limit) else { throw ValidationError("--limit takes 1 to 100.") }
    }

    package func run() async throws {
        try await AdminAccess.with(self.server) { client, context in
            var id: SessionID?
            if let session {
                switch try SessionName(session) {
                case .id(let known): id = known
                case .slug(let slug):
                    guard let known = try await client.session(.slug(slug)).sessionId.flatMap(SessionID.init) else {
                        throw CommandFailure(.authenticationFailed, "This credential may not read that session.")
                    }
                    id = known
                }
            }
            let events = try await client.auditEvents(of: id, limit: self.limit)
            if self.server.json { return try context.printJSON(events) }
            guard !events.isEmpty else { return context.note("Nothing has been changed yet.") }
            var table = TextTable("WHEN", "WHAT", "WHO", "FROM", "SESSION", "DETAILS")
            for event in events {
                table.add(
                    event.at,
                    event.action,
                    event.actor,
                    event.address,
                    event.sessionId.map { "\($0.prefix(13))…" } ?? "",
                    event.summary
                )
            }
            for line in table.rendered(context.style) { context.print(line) }
        }
    }
}

/// `daypass version`.
package struct VersionCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Show the version.",
        discussion: """
            EXAMPLE
              daypass version --json
            """
    )

    @Flag(help: "Print JSON.")
    package var json = false

    /// Filled by the parser.
    package init() {}

    package func run() throws {
        let version = DaypassVersion.current
        try CommandContext().print(self.json ? "{\"version\":\"\(version)\"}" : "daypass \(version)")
    }
}

/// The chosen server with the access token: for calls that are not about one session.
enum AdminAccess {
    /// Runs `body` with a client.
    static func with(
        _ options: ServerOptions,
        _ body: (ControlClient, CommandContext) async throws -> Void
    ) async throws {
        let context = try CommandContext()
        let choice = try await ServerChoice.resolve(option: options.server, environment: context.environment)
        try await ControlClient.with(
            server: choice.server,
            token: choice.token,
            isDefaultServer: choice.isDefault
        ) { client in try await body(client, context) }
    }
}

extension CaseIterable where Self: RawRepresentable, RawValue == String {
    /// Throws a `ValidationError` that names all scopes, when one of `scopes` is none of them.
    static func checkScopes(_ scopes: [String]) throws {
        for scope in scopes where Self(rawValue: scope) == nil {
            let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\"\(TerminalText.safe(scope))\" is not a scope. There are: \(known).")
        }
    }
}
