package import ArgumentParser
import SessionModel

/// `daypass wallet session-keys`.
package struct WalletSessionKeysCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "session-keys",
        abstract: "Make session keys that the server keeps.",
        discussion: """
            The private key is made and kept on the server, encrypted, and never leaves it. Name the address that is printed \
            as the session key's when the owner signs the delegation.

            EXAMPLE
              DAYPASS_TOKEN=dpo_… daypass wallet session-keys create --org org_a1b2c3d4e5f6
            """,
        subcommands: [Create.self, List.self]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass wallet session-keys create`.
    package struct Create: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Make a session key; prints its address. Needs a token of the organization with write."
        )

        @OptionGroup package var organization: OrganizationOption

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let key = try await client.json(.post, "/v1/organizations/\(self.organization.id)/session-keys")
                if self.server.json { return context.print(key.text) }
                context.note("Session key \(TerminalText.safe(key.words("id"))), kept by the server:")
                context.print(TerminalText.safe(key.words("sessionAddress")))
            }
        }
    }

    /// `daypass wallet session-keys list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "List the session keys the server keeps, newest first. Needs the admin token."
        )

        @OptionGroup package var organization: OrganizationOption

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let path = "/admin/v1/organizations/\(self.organization.id)/session-keys"
                let keys = try await WalletAccess.all(client, path)
                if self.server.json { return context.print(JSONValue.array(keys).text) }
                var table = TextTable("KEY", "ADDRESS", "MADE")
                for key in keys {
                    table.add(key.words("id"), key.words("sessionAddress"), shortTime(key.words("createdAt")))
                }
                context.print(table, isEmpty: keys.isEmpty, "There are no session keys.")
            }
        }
    }
}
