package import ArgumentParser
package import SessionModel

/// `daypass wallet`: organizations and their wallet sessions.
package struct WalletCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "wallet",
        abstract: "Manage wallet sessions: organizations, tokens, chains, wallets, session keys.",
        discussion: """
            An organization delegates a smart-contract wallet to a session key: these contracts, these functions, until then. \
            Needs the admin token in DAYPASS_TOKEN; for sessions and session keys a token of the organization (dpo_…) will do, \
            and making session keys takes one.

            EXAMPLES
              daypass wallet orgs create --name Treasury
              daypass wallet tokens create --org org_a1b2c3d4e5f6 --scope read --scope write
              daypass wallet chains set 84532 --name 'Base Sepolia' --node https://node.example
              daypass wallet sessions list --org org_a1b2c3d4e5f6
              daypass wallet audit verify --org org_a1b2c3d4e5f6
            """,
        subcommands: [
            WalletOrganizationsCommand.self, WalletTokensCommand.self, WalletChainsCommand.self,
            WalletWalletsCommand.self, WalletSessionsCommand.self, WalletSessionKeysCommand.self,
            WalletAuditCommand.self,
        ]
    )

    /// Filled by the parser.
    package init() {}
}

/// `--org`: whose things a command is about.
package struct OrganizationOption: ParsableArguments {
    @Option(
        name: .customLong("org"),
        help: ArgumentHelp("The organization's identifier, org_….", valueName: "id"),
        transform: WalletArgument.organization
    )
    package var id: OrganizationID

    /// Filled by the parser.
    package init() {}
}

/// How the names of wallet sessions are read from the command line.
enum WalletArgument {
    /// An organization's identifier.
    static func organization(_ text: String) throws -> OrganizationID {
        guard let id = OrganizationID(text) else {
            throw ValidationError("An organization's identifier looks like org_a1b2c3d4e5f6.")
        }
        return id
    }

    /// The identifier of an organization's token.
    static func token(_ text: String) throws -> OrganizationTokenID {
        guard let id = OrganizationTokenID(text) else {
            throw ValidationError("The identifier of an organization's token looks like otk_a1b2c3d4e5f6.")
        }
        return id
    }

    /// A wallet's identifier.
    static func wallet(_ text: String) throws -> WalletID {
        guard let id = WalletID(text) else {
            throw ValidationError("A wallet's identifier looks like wal_a1b2c3d4e5f6.")
        }
        return id
    }

    /// A wallet session's identifier.
    static func session(_ text: String) throws -> WalletSessionID {
        guard let id = WalletSessionID(text) else {
            throw ValidationError("A wallet session's identifier looks like ws_a1b2c3d4e5f6.")
        }
        return id
    }

    /// A chain's identifier.
    static func chain(_ text: String) throws -> Int {
        guard let id = Int(text), WalletChain.ids.contains(id), String(id) == text else {
            throw ValidationError("A chain's identifier is a number such as 84532.")
        }
        return id
    }

    /// An account's address.
    static func address(_ text: String) throws -> WalletAddress {
        guard let address = WalletAddress(text) else {
            throw ValidationError("An address is 0x and 40 hexadecimal digits.")
        }
        return address
    }
}

/// The chosen server, called as the admin or as an organization, whichever the token is of.
enum WalletAccess {
    /// Runs `body` with a client and where the calls about an organization's sessions begin.
    static func with(
        _ options: ServerOptions,
        of organization: OrganizationID,
        _ body: (ControlClient, _ base: String, CommandContext) async throws -> Void
    ) async throws {
        let context = try CommandContext()
        let choice = try await ServerChoice.resolve(option: options.server, environment: context.environment)
        let isOwn = choice.token.map { OrganizationTokenRecord.isSecret($0) } ?? false
        try await ControlClient.with(
            server: choice.server,
            token: choice.token,
            isDefaultServer: choice.isDefault
        ) { client in
            try await body(client, "\(isOwn ? "/v1" : "/admin/v1")/organizations/\(organization)", context)
        }
    }

    /// Every item of a list that is answered in pages, at most 10 000.
    static func all(_ client: ControlClient, _ path: String) async throws -> [JSONValue] {
        var items: [JSONValue] = []
        while items.count < 10_000 {
            let query = [("limit", "100"), ("offset", String(items.count))]
            let page = try await client.json(.get, path, query: query.map { ($0.0, Optional($0.1)) })
            items += page.list("items")
            guard page["hasMore"] == true, !page.list("items").isEmpty else { break }
        }
        return items
    }
}
