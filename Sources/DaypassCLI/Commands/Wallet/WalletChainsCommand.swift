package import ArgumentParser
package import SessionModel

/// `daypass wallet chains`.
package struct WalletChainsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "chains",
        abstract: "List, set and delete the chains the server knows.",
        discussion: """
            The node of a chain is asked about accounts before a delegation is believed. URLs may hold a provider's key: they \
            are shown without path and query.

            EXAMPLES
              daypass wallet chains set 84532 --name 'Base Sepolia' --node https://node.example
              daypass wallet chains list
            """,
        subcommands: [List.self, Set.self, Delete.self]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass wallet chains list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "List chains.")

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let chains = try await client.gateway(.get, "chains")["chains"] ?? []
                if self.server.json { return context.print(chains.text) }
                var table = TextTable("CHAIN", "NAME", "NODE", "BUNDLER")
                for chain in chains.list {
                    table.add(
                        String(chain.number("chainId")),
                        chain.words("name"),
                        chain.words("nodeUrl"),
                        chain.words("bundlerUrl")
                    )
                }
                context.print(table, isEmpty: chains.list.isEmpty, "There are no chains: every delegation is refused.")
            }
        }
    }

    /// `daypass wallet chains set`.
    package struct Set: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Add a chain, or replace it as a whole.",
            discussion: """
                Other users of this machine can read the arguments of a process: a URL that holds a key is better given as \
                --node - on standard input.

                EXAMPLES
                  daypass wallet chains set 84532 --name 'Base Sepolia' --node https://node.example
                  daypass wallet chains set 84532 --node - < node-url.txt
                """
        )

        @Argument(help: "The chain's identifier (EIP-155).", transform: WalletArgument.chain)
        package var chain: Int

        @Option(help: ArgumentHelp("What to call it. Default: its number.", valueName: "text"))
        package var name: String?

        @Option(help: ArgumentHelp("The node's URL; - reads it from standard input.", valueName: "url"))
        package var node: String?

        @Option(help: ArgumentHelp("The bundler's URL; - reads it from standard input.", valueName: "url"))
        package var bundler: String?

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func validate() throws {
            if self.node == "-", self.bundler == "-" {
                throw ValidationError("Only one of --node and --bundler can be read from standard input.")
            }
        }

        /// What is sent; `secret` reads standard input.
        package func body(secret: () throws -> String) throws -> JSONValue {
            var members: [JSONValue.Member] = []
            if let name { members.append(.init("name", .string(name))) }
            for (field, value) in [("nodeUrl", self.node), ("bundlerUrl", self.bundler)] {
                guard let value else { continue }
                members.append(.init(field, .string(value == "-" ? try secret() : value)))
            }
            return .object(members)
        }

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let body = try self.body(secret: LimitedInput.secret)
                let answer = try await client.gateway(.put, "chains/\(self.chain)", body: body)
                context.print(self.server.json ? answer.text : "Set chain \(self.chain).")
            }
        }
    }

    /// `daypass wallet chains delete`.
    package struct Delete: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Forget a chain; its sessions stay, and nothing can be done under them."
        )

        @Argument(help: "The chain's identifier.", transform: WalletArgument.chain)
        package var chain: Int

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.gateway(.delete, "chains/\(self.chain)")
                context.print(self.server.json ? answer.text : "Deleted chain \(self.chain).")
            }
        }
    }
}
