package import ArgumentParser
package import SessionModel

/// `daypass wallet wallets`.
package struct WalletWalletsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "wallets",
        abstract: "Register, list and remove the wallets of an organization.",
        discussion: """
            Delegations of a kernel wallet are proven before they are kept; those of an opaque one are kept as they are, and \
            the gateway does not act under them. The kind never changes.

            EXAMPLES
              daypass wallet wallets register --org org_a1b2c3d4e5f6 --name Payroll --address 0xCfC4…5838
              daypass wallet wallets list --org org_a1b2c3d4e5f6
            """,
        subcommands: [Register.self, List.self, Show.self, Delete.self]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass wallet wallets register`.
    package struct Register: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Register a wallet; prints its identifier.",
            discussion: """
                EXAMPLES
                  daypass wallet wallets register --org org_a1b2c3d4e5f6 --name Payroll --address 0xCfC4…5838
                  daypass wallet wallets register --org org_a1b2c3d4e5f6 --name Vault --kind opaque
                """
        )

        @OptionGroup package var organization: OrganizationOption

        @Option(help: ArgumentHelp("What to call it, at most 128 characters.", valueName: "text"))
        package var name: String

        @Option(
            help: ArgumentHelp("kernel, or opaque for any other vendor's.", valueName: "kind"),
            completion: .list(WalletKind.allCases.map(\.rawValue)),
            transform: Self.kind
        )
        package var kind = WalletKind.kernel

        @Option(
            help: ArgumentHelp("The account; opaque wallets may have none.", valueName: "address"),
            transform: WalletArgument.address
        )
        package var address: WalletAddress?

        @Option(
            help: ArgumentHelp(
                "The version a kernel wallet must be of, such as 0.3.3. Default: whichever is proven.",
                valueName: "version"
            )
        )
        package var kernelVersion: String?

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        private static func kind(_ text: String) throws -> WalletKind {
            guard let kind = WalletKind(rawValue: text) else {
                throw ValidationError("It takes \(WalletKind.allCases.map(\.rawValue).joined(separator: " or ")).")
            }
            return kind
        }

        package func validate() throws {
            if self.kind == .kernel, self.address == nil { throw ValidationError("A kernel wallet needs --address.") }
        }

        /// What is sent.
        package var body: JSONValue {
            var members: [JSONValue.Member] = [
                .init("name", .string(self.name)), .init("kind", .string(self.kind.rawValue)),
            ]
            if let address { members.append(.init("address", .string(address.text))) }
            if let kernelVersion { members.append(.init("kernelVersion", .string(kernelVersion))) }
            return .object(members)
        }

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let path = "organizations/\(self.organization.id)/wallets"
                let answer = try await client.gateway(.post, path, body: self.body)
                context.print(self.server.json ? answer.text : TerminalText.safe(answer.words("id")))
            }
        }
    }

    /// `daypass wallet wallets list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "List wallets, newest first.")

        @OptionGroup package var organization: OrganizationOption

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let path = "/admin/v1/organizations/\(self.organization.id)/wallets"
                let wallets = try await WalletAccess.all(client, path)
                if self.server.json { return context.print(JSONValue.array(wallets).text) }
                var table = TextTable("WALLET", "KIND", "NAME", "ADDRESS")
                for wallet in wallets {
                    table.add(
                        wallet.words("id"),
                        wallet.words("kind"),
                        TerminalText.truncated(TerminalText.safe(wallet.words("name")), to: 24),
                        wallet.words("address")
                    )
                }
                context.print(table, isEmpty: wallets.isEmpty, "There are no wallets.")
            }
        }
    }

    /// `daypass wallet wallets show`.
    package struct Show: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "Show a wallet.")

        @Argument(help: "The wallet's identifier, wal_….", transform: WalletArgument.wallet)
        package var wallet: WalletID

        @OptionGroup package var organization: OrganizationOption

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let path = "organizations/\(self.organization.id)/wallets/\(self.wallet)"
                let wallet = try await client.gateway(.get, path)
                if self.server.json { return context.print(wallet.text) }
                context.print(facts: [
                    ("Wallet", wallet.words("id")), ("Name", wallet.words("name")), ("Kind", wallet.words("kind")),
                    ("Address", wallet.words("address")), ("Kernel", wallet.words("kernelVersion")),
                    ("Registered", "\(shortTime(wallet.words("createdAt"))) UTC"),
                ])
            }
        }
    }

    /// `daypass wallet wallets delete`.
    package struct Delete: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Remove a wallet that has no active session, with its ended ones."
        )

        @Argument(help: "The wallet's identifier, wal_….", transform: WalletArgument.wallet)
        package var wallet: WalletID

        @OptionGroup package var organization: OrganizationOption

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let path = "organizations/\(self.organization.id)/wallets/\(self.wallet)"
                let answer = try await client.gateway(.delete, path)
                context.print(self.server.json ? answer.text : "Deleted \(self.wallet).")
            }
        }
    }
}
