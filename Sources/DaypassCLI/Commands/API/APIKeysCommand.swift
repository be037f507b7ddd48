package import ArgumentParser
package import SessionModel

/// `daypass api keys`.
package struct APIKeysCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make, list, change, rotate and revoke API keys.",
        discussion: """
            A publishable key (pk_) may stand in a web page and works from the web origins it names; a secret key (sk_) is \
            for servers. A key is printed once, alone on standard output.

            EXAMPLES
              daypass api keys create --tenant acme --scope quotes:write \\
                  --origin https://shop.example
              daypass api keys rotate key_a1b2c3d4e5f6 --grace 24h
            """,
        subcommands: [
            Create.self, List.self, Show.self, Update.self, Rotate.self, Revoke.self, RevokeSessions.self,
        ]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass api keys create`.
    package struct Create: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Make an API key; it is shown once.",
            discussion: """
                EXAMPLES
                  daypass api keys create --tenant acme --scope quotes:write \\
                      --origin https://shop.example
                  daypass api keys create --tenant acme --secret --scope quotes:read --expires 90d
                """
        )

        @Option(help: ArgumentHelp("Whose key it is.", valueName: "slug"), transform: GatewayArgument.tenant)
        package var tenant: Slug

        @Option(help: ArgumentHelp("What to call it, at most 128 characters.", valueName: "text"))
        package var name = "command line"

        @Option(
            name: .customLong("scope"),
            parsing: .singleValue,
            help: ArgumentHelp("What it allows; may be repeated.", valueName: "scope")
        )
        package var scopes: [String]

        @Option(
            name: .customLong("origin"),
            parsing: .singleValue,
            help: ArgumentHelp(
                "A web origin whose pages may use it, such as https://shop.example; may be repeated.",
                valueName: "origin"
            )
        )
        package var origins: [String] = []

        @Flag(help: "A secret key, for servers; it names no web origins.")
        package var secret = false

        @Flag(help: "A test key instead of a live one.")
        package var test = false

        @Option(
            help: ArgumentHelp("browser, or both to let programs use a publishable key too.", valueName: "channels"),
            completion: .list(KeyChannels.allCases.map(\.rawValue))
        )
        package var channels: String?

        @Option(help: ArgumentHelp("Whose limits hold. Default: standard.", valueName: "plan"))
        package var plan: String?

        @Option(help: ArgumentHelp("When it stops working: 12h, 90d. Default: when revoked.", valueName: "time"))
        package var expires: TimeSpan?

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        /// What is sent.
        package var body: JSONValue {
            var members: [JSONValue.Member] = [
                .init("tenant", .string(self.tenant.rawValue)), .init("name", .string(self.name)),
                .init("kind", .string((self.secret ? APIKeyKind.secret : .publishable).rawValue)),
                .init("mode", .string((self.test ? APIKeyMode.test : .live).rawValue)),
                .init("scopes", .array(self.scopes.map { .string($0) })),
                .init("webOrigins", .array(self.origins.map { .string($0) })),
            ]
            if let channels { members.append(.init("channels", .string(channels))) }
            if let plan { members.append(.init("plan", .string(plan))) }
            if let expires { members.append(.init("expiresIn", .string(expires.text))) }
            return .object(members)
        }

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let key = try await client.gateway(.post, "keys", body: self.body)
                APIKeysCommand.printSecret(key, self.server, context)
            }
        }
    }

    /// `daypass api keys list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "List API keys without their secrets, newest first."
        )

        @Option(help: ArgumentHelp("Only this tenant's.", valueName: "slug"), transform: GatewayArgument.tenant)
        package var tenant: Slug?

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let keys = try await APIKeysCommand.all(of: self.tenant, client)
                if self.server.json { return context.print(JSONValue.array(keys).text) }
                let now = Timestamp.wallClock()
                var table = TextTable("ID", "KEY", "TENANT", "STATE", "NAME", "LAST USED")
                for key in keys {
                    table.add(
                        key.words("id"),
                        key.words("key"),
                        key.words("tenant"),
                        APIKeysCommand.state(key, now: now),
                        TerminalText.truncated(TerminalText.safe(key.words("name")), to: 16),
                        APIKeysCommand.lastUsed(key, now: now)
                    )
                }
                context.print(table, isEmpty: keys.isEmpty, "There are no API keys.")
            }
        }
    }

    /// `daypass api keys show`.
    package struct Show: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "Show an API key without its secret.")

        @Argument(help: "The key's identifier, key_….", transform: GatewayArgument.key)
        package var key: APIKeyID

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let key = try await client.gateway(.get, "keys/\(self.key)")
                APIKeysCommand.print(key, self.server, context)
            }
        }
    }

    /// `daypass api keys update`.
    package struct Update: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Change what an API key allows, at once; what is not named stays.",
            discussion: """
                Scopes and origins are replaced as a whole: name all that shall be there.

                EXAMPLE
                  daypass api keys update key_a1b2c3d4e5f6 --plan basic --origin https://shop.example
                """
        )

        @Argument(help: "The key's identifier, key_….", transform: GatewayArgument.key)
        package var key: APIKeyID

        @Option(help: ArgumentHelp("What to call it.", valueName: "text"))
        package var name: String?

        @Option(
            name: .customLong("scope"),
            parsing: .singleValue,
            help: ArgumentHelp("What it allows; may be repeated.", valueName: "scope")
        )
        package var scopes: [String] = []

        @Option(
            name: .customLong("origin"),
            parsing: .singleValue,
            help: ArgumentHelp("A web origin whose pages may use it; may be repeated.", valueName: "origin")
        )
        package var origins: [String] = []

        @Option(
            help: ArgumentHelp("browser or both.", valueName: "channels"),
            completion: .list(KeyChannels.allCases.map(\.rawValue))
        )
        package var channels: String?

        @Option(help: ArgumentHelp("Whose limits hold.", valueName: "plan"))
        package var plan: String?

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        /// What is sent.
        package var body: JSONValue {
            var members: [JSONValue.Member] = []
            if let name { members.append(.init("name", .string(name))) }
            if !self.scopes.isEmpty { members.append(.init("scopes", .array(self.scopes.map { .string($0) }))) }
            if !self.origins.isEmpty { members.append(.init("webOrigins", .array(self.origins.map { .string($0) }))) }
            if let channels { members.append(.init("channels", .string(channels))) }
            if let plan { members.append(.init("plan", .string(plan))) }
            return .object(members)
        }

        package func validate() throws {
            guard self.body != .object([]) else { throw ValidationError("Say what to change: --name, --scope, ….") }
        }

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let key = try await client.gateway(.post, "keys/\(self.key)", body: self.body)
                APIKeysCommand.print(key, self.server, context)
            }
        }
    }

    /// `daypass api keys rotate`.
    package struct Rotate: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Replace a key's secret; the new one is shown once.",
            discussion: """
                Identifier, limits and sessions stay. Without a grace the old secret ends at once.

                EXAMPLE
                  daypass api keys rotate key_a1b2c3d4e5f6 --grace 24h
                """
        )

        @Argument(help: "The key's identifier, key_….", transform: GatewayArgument.key)
        package var key: APIKeyID

        @Option(help: ArgumentHelp("How long the old secret works on, at most 30d.", valueName: "time"))
        package var grace: TimeSpan?

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let body: JSONValue = self.grace.map { ["grace": .string($0.text)] } ?? .object([])
                let key = try await client.gateway(.post, "keys/\(self.key)/rotate", body: body)
                APIKeysCommand.printSecret(key, self.server, context)
            }
        }
    }

    /// `daypass api keys revoke`.
    package struct Revoke: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Withdraw an API key for good, with its sessions, at once."
        )

        @Argument(help: "The key's identifier, key_….", transform: GatewayArgument.key)
        package var key: APIKeyID

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.gateway(.post, "keys/\(self.key)/revoke")
                context.print(self.server.json ? answer.text : "Revoked \(self.key).")
            }
        }
    }

    /// `daypass api keys revoke-sessions`.
    package struct RevokeSessions: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            commandName: "revoke-sessions",
            abstract: "Void every session token of a key issued until now; pages make new ones."
        )

        @Argument(help: "The key's identifier, key_….", transform: GatewayArgument.key)
        package var key: APIKeyID

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.gateway(.post, "keys/\(self.key)/revoke-sessions")
                context.print(self.server.json ? answer.text : "All sessions of \(self.key) are void.")
            }
        }
    }
}
