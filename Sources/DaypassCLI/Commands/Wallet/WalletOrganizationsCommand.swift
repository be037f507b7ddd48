package import ArgumentParser
package import SessionModel

/// `daypass wallet orgs`.
package struct WalletOrganizationsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "orgs",
        abstract: "Make, list, change and delete organizations.",
        discussion: """
            EXAMPLES
              daypass wallet orgs create --name Treasury
              daypass wallet orgs update org_a1b2c3d4e5f6 --allow-wildcard
            """,
        subcommands: [Create.self, List.self, Show.self, Update.self, Delete.self]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass wallet orgs create`.
    package struct Create: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Make an organization; prints its identifier.",
            discussion: """
                EXAMPLE
                  daypass wallet orgs create --name Treasury
                """
        )

        @Option(help: ArgumentHelp("What to call it, at most 128 characters.", valueName: "text"))
        package var name: String

        @Flag(help: "Accept delegations that allow delegate calls, which run foreign code in the account.")
        package var allowDelegatecall = false

        @Flag(help: "Accept delegations that leave the called contract open.")
        package var allowWildcard = false

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        /// What is sent.
        package var body: JSONValue {
            [
                "name": .string(self.name), "allowDelegatecall": .bool(self.allowDelegatecall),
                "allowWildcard": .bool(self.allowWildcard),
            ]
        }

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.gateway(.post, "organizations", body: self.body)
                context.print(self.server.json ? answer.text : TerminalText.safe(answer.words("id")))
            }
        }
    }

    /// `daypass wallet orgs list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "List organizations.")

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let list = try await client.gateway(.get, "organizations")["organizations"] ?? []
                if self.server.json { return context.print(list.text) }
                var table = TextTable("ORGANIZATION", "NAME", "ALSO ALLOWS", "MADE")
                for each in list.list {
                    table.add(
                        each.words("id"),
                        each.words("name"),
                        WalletOrganizationsCommand.allowances(each),
                        shortTime(each.words("createdAt"))
                    )
                }
                context.print(table, isEmpty: list.list.isEmpty, "There are no organizations.")
            }
        }
    }

    /// `daypass wallet orgs show`.
    package struct Show: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "Show an organization.")

        @Argument(help: "The organization's identifier, org_….", transform: WalletArgument.organization)
        package var organization: OrganizationID

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.gateway(.get, "organizations/\(self.organization)")
                WalletOrganizationsCommand.print(answer, self.server, context)
            }
        }
    }

    /// `daypass wallet orgs update`.
    package struct Update: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Change an organization; what is not named stays, and so do sessions that exist.",
            discussion: """
                EXAMPLE
                  daypass wallet orgs update org_a1b2c3d4e5f6 --no-allow-wildcard
                """
        )

        @Argument(help: "The organization's identifier, org_….", transform: WalletArgument.organization)
        package var organization: OrganizationID

        @Option(help: ArgumentHelp("What to call it.", valueName: "text"))
        package var name: String?

        @Flag(
            inversion: .prefixedNo,
            help: "Whether delegations may allow delegate calls, which run foreign code in the account."
        )
        package var allowDelegatecall: Bool?

        @Flag(inversion: .prefixedNo, help: "Whether delegations may leave the called contract open.")
        package var allowWildcard: Bool?

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        /// What is sent.
        package var body: JSONValue {
            var members: [JSONValue.Member] = []
            if let name { members.append(.init("name", .string(name))) }
            if let allowDelegatecall { members.append(.init("allowDelegatecall", .bool(allowDelegatecall))) }
            if let allowWildcard { members.append(.init("allowWildcard", .bool(allowWildcard))) }
            return .object(members)
        }

        package func validate() throws {
            guard self.body != .object([]) else { throw ValidationError("Say what to change: --name, --allow-…") }
        }

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.gateway(.post, "organizations/\(self.organization)", body: self.body)
                WalletOrganizationsCommand.print(answer, self.server, context)
            }
        }
    }

    /// `daypass wallet orgs delete`.
    package struct Delete: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Delete an organization that has no wallets, with its tokens; its audit trail stays."
        )

        @Argument(help: "The organization's identifier, org_….", transform: WalletArgument.organization)
        package var organization: OrganizationID

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.gateway(.delete, "organizations/\(self.organization)")
                context.print(self.server.json ? answer.text : "Deleted \(self.organization) and its tokens.")
            }
        }
    }

    private static func allowances(_ organization: JSONValue) -> String {
        [("allowDelegatecall", "delegate calls"), ("allowWildcard", "any contract")]
            .filter { organization[$0.0] == true }.map(\.1).joined(separator: ", ")
    }

    private static func print(_ organization: JSONValue, _ server: ServerOptions, _ context: CommandContext) {
        if server.json { return context.print(organization.text) }
        context.print(facts: [
            ("Organization", organization.words("id")), ("Name", organization.words("name")),
            ("Also allows", self.allowances(organization)),
            ("Made", "\(shortTime(organization.words("createdAt"))) UTC"),
        ])
    }
}
