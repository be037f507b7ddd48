package import ArgumentParser
package import SessionModel

/// `daypass api plans`.
package struct APIPlansCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "plans",
        abstract: "List, show and delete plans, which are lists of limits; daypass api apply makes them.",
        discussion: """
            EXAMPLE
              daypass api plans show standard
            """,
        subcommands: [List.self, Show.self, Delete.self]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass api plans list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "List plans.")

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let plans = try await client.gateway(.get, "plans")["plans"] ?? []
                if self.server.json { return context.print(plans.text) }
                var table = TextTable("PLAN", "LIMITS", "CLASSES")
                for plan in plans.list {
                    var classes: [String] = []
                    for limit in plan.list("limits") where !classes.contains(limit.words("class")) {
                        classes.append(limit.words("class"))
                    }
                    table.add(
                        plan.words("name"),
                        String(plan.list("limits").count),
                        classes.joined(separator: " ")
                    )
                }
                context.print(table, isEmpty: plans.list.isEmpty, "There are no plans.")
            }
        }
    }

    /// `daypass api plans show`.
    package struct Show: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "Show a plan's limits.")

        @Argument(help: "The plan's name.", transform: GatewayArgument.plan)
        package var plan: PolicyName

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let plans = try await client.gateway(.get, "plans").list("plans")
                guard let plan = plans.first(where: { $0.words("name") == self.plan.rawValue }) else {
                    throw CommandFailure(.invalidArguments, "There is no plan called \(self.plan).")
                }
                if self.server.json { return context.print(plan.text) }
                var table = TextTable("CLASS", "MAXIMUM", "WINDOW", "PER")
                for limit in plan.list("limits") {
                    table.add(
                        limit.words("class"),
                        String(limit.number("maximum")),
                        HumanText.span(.seconds(limit.number("windowSeconds"))),
                        limit.words("per")
                    )
                }
                context.print(table, isEmpty: plan.list("limits").isEmpty, "The plan has no limits of its own.")
            }
        }
    }

    /// `daypass api plans delete`.
    package struct Delete: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "Remove a plan that no key uses.")

        @Argument(help: "The plan's name.", transform: GatewayArgument.plan)
        package var plan: PolicyName

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.gateway(.delete, "plans/\(self.plan)")
                context.print(self.server.json ? answer.text : "Deleted the plan \(self.plan).")
            }
        }
    }
}

/// `daypass api sessions`.
package struct APISessionsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "Take browser sessions back.",
        discussion: """
            EXAMPLE
              daypass api sessions revoke bs_a1b2c3d4e5f6
            """,
        subcommands: [Revoke.self]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass api sessions revoke`.
    package struct Revoke: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Void the tokens of one browser session at once.",
            discussion: """
                The upstream knows the identifier from X-Daypass-Session-Id. The page can make a new session; to keep it \
                from that, change or revoke its key.
                """
        )

        @Argument(help: "The session's identifier, bs_….", transform: GatewayArgument.session)
        package var session: BrowserSessionID

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.gateway(.post, "browser-sessions/\(self.session)/revoke")
                context.print(self.server.json ? answer.text : "Revoked \(self.session).")
            }
        }
    }
}

/// `daypass api signing-keys`.
package struct APISigningKeysCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "signing-keys",
        abstract: "List and rotate the keys that sign session tokens.",
        discussion: """
            A new key is published before it signs, and an old one stays until its last tokens have ended, so rotating \
            disturbs nobody.

            EXAMPLE
              daypass api signing-keys rotate
            """,
        subcommands: [List.self, Rotate.self]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass api signing-keys list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "List signing keys, newest first.")

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.gateway(.get, "signing-keys")
                APISigningKeysCommand.print(answer["signingKeys"] ?? [], self.server, context)
            }
        }
    }

    /// `daypass api signing-keys rotate`.
    package struct Rotate: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "Make a new signing key.")

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.gateway(.post, "signing-keys/rotate")
                APISigningKeysCommand.print(answer["signingKeys"] ?? [], self.server, context)
            }
        }
    }

    private static func print(_ keys: JSONValue, _ server: ServerOptions, _ context: CommandContext) {
        if server.json { return context.print(keys.text) }
        var table = TextTable("KEY", "STATE", "MADE (UTC)", "SIGNS FROM (UTC)")
        for key in keys.list {
            table.add(
                key.words("id"),
                key.words("state"),
                shortTime(key.words("createdAt")),
                shortTime(key.words("signsFrom"))
            )
        }
        context.print(table, isEmpty: keys.list.isEmpty, "There are no signing keys.")
    }
}
