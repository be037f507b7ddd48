package import ArgumentParser
package import SessionModel

/// `daypass wallet tokens`.
package struct WalletTokensCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "tokens",
        abstract: "Make, list and revoke the tokens of an organization.",
        discussion: """
            A token is printed once, alone on standard output.

            EXAMPLES
              daypass wallet tokens create --org org_a1b2c3d4e5f6 --scope read --scope write --expires 90d
              daypass wallet tokens revoke otk_a1b2c3d4e5f6 --org org_a1b2c3d4e5f6
            """,
        subcommands: [Create.self, List.self, Revoke.self]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass wallet tokens create`.
    package struct Create: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Make a token of an organization; it is shown once.",
            discussion: """
                SCOPES
                  read      list and show sessions
                  write     create and revoke sessions, make session keys
                  execute   act under sessions, read the delegations of opaque wallets
                """
        )

        @OptionGroup package var organization: OrganizationOption

        @Option(help: ArgumentHelp("What to call it, at most 128 characters.", valueName: "text"))
        package var label = "command line"

        @Option(
            name: .customLong("scope"),
            parsing: .singleValue,
            help: ArgumentHelp("What it allows; may be repeated.", valueName: "scope"),
            completion: .list(OrganizationScope.allCases.map(\.rawValue))
        )
        package var scopes: [String]

        @Option(help: ArgumentHelp("When it stops working: 12h, 90d. Default: when revoked.", valueName: "time"))
        package var expires: TimeSpan?

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func validate() throws {
            try OrganizationScope.checkScopes(self.scopes)
        }

        /// What is sent.
        package var body: JSONValue {
            var members: [JSONValue.Member] = [
                .init("label", .string(self.label)), .init("scopes", .array(self.scopes.map { .string($0) })),
            ]
            if let expires { members.append(.init("expiresIn", .string(expires.text))) }
            return .object(members)
        }

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let path = "organizations/\(self.organization.id)/tokens"
                let token = try await client.gateway(.post, path, body: self.body)
                if self.server.json { return context.print(token.text) }
                let id = TerminalText.safe(token.words("id"))
                context.note("Token \(id) of \(self.organization.id), shown only now:")
                context.print(TerminalText.safe(token.words("token")))
            }
        }
    }

    /// `daypass wallet tokens list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "List the tokens of an organization, without their secrets."
        )

        @OptionGroup package var organization: OrganizationOption

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let path = "organizations/\(self.organization.id)/tokens"
                let tokens = try await client.gateway(.get, path)["tokens"] ?? []
                if self.server.json { return context.print(tokens.text) }
                let now = Timestamp.wallClock()
                var table = TextTable("TOKEN", "LABEL", "SCOPES", "STATE")
                for token in tokens.list {
                    table.add(
                        token.words("id"),
                        token.words("label"),
                        token.texts("scopes").joined(separator: " "),
                        WalletTokensCommand.state(token, now: now)
                    )
                }
                context.print(table, isEmpty: tokens.list.isEmpty, "There are no tokens.")
            }
        }
    }

    /// `daypass wallet tokens revoke`.
    package struct Revoke: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Revoke a token of an organization at once; its sessions stay."
        )

        @Argument(help: "The token's identifier, otk_….", transform: WalletArgument.token)
        package var token: OrganizationTokenID

        @OptionGroup package var organization: OrganizationOption

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let path = "organizations/\(self.organization.id)/tokens/\(self.token)/revoke"
                let answer = try await client.gateway(.post, path)
                context.print(self.server.json ? answer.text : "Revoked \(self.token).")
            }
        }
    }

    private static func state(_ token: JSONValue, now: Timestamp) -> String {
        guard token.words("revokedAt").isEmpty else { return "revoked" }
        guard let end = Timestamp(iso8601: token.words("expiresAt")) else { return "valid" }
        return end <= now ? "expired" : "ends \(HumanText.remaining(until: end, now: now))"
    }
}
