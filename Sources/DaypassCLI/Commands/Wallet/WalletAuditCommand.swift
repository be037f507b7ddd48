package import ArgumentParser
package import SessionModel

/// `daypass wallet audit`.
package struct WalletAuditCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Show the audit trail of wallet sessions, and check that nobody changed it.",
        discussion: """
            Each record holds the hash of the one before. Without --org it is the server's own trail: organizations and chains.

            EXAMPLES
              daypass wallet audit list --org org_a1b2c3d4e5f6
              daypass wallet audit verify --org org_a1b2c3d4e5f6
            """,
        subcommands: [List.self, Verify.self]
    )

    /// Filled by the parser.
    package init() {}

    /// Whose trail it is.
    package struct Ledger: ParsableArguments {
        @Option(
            name: .customLong("org"),
            help: ArgumentHelp(
                "The organization's identifier, org_…. Default: the server's own trail.",
                valueName: "id"
            ),
            transform: WalletArgument.organization
        )
        package var organization: OrganizationID?

        /// Filled by the parser.
        package init() {}

        /// The calls about it, after `/admin/v1/`.
        var path: String { "wallet-audit/\(self.organization.map(\.text) ?? WalletLedger.server.text)" }
    }

    /// `daypass wallet audit list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "Show the audit trail, newest first.")

        @OptionGroup package var ledger: Ledger

        @Option(help: ArgumentHelp("How many records, 1 to 1000.", valueName: "n"))
        package var limit = 50

        @Option(help: ArgumentHelp("Only records before this place in the trail.", valueName: "place"))
        package var before: Int?

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func validate() throws {
            guard WalletBounds.auditLimit.contains(self.limit) else {
                throw ValidationError("--limit takes 1 to 1000.")
            }
            if let before, before < 1 { throw ValidationError("--before takes a number from 1 on.") }
        }

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let query = [("limit", String(self.limit)), ("before", self.before.map(String.init))]
                let records = try await client.gateway(.get, self.ledger.path, query: query)["records"] ?? []
                if self.server.json { return context.print(records.text) }
                var table = TextTable("PLACE", "WHEN", "WHAT", "WHO", "FROM", "ABOUT", "DETAILS")
                for record in records.list {
                    table.add(
                        String(record.number("sequence")),
                        shortTime(record.words("at"), seconds: true),
                        record.words("action"),
                        record.words("actor"),
                        record.words("address"),
                        record.words("subject"),
                        record["details"].map { $0 == .object([]) ? "" : $0.text } ?? ""
                    )
                }
                context.print(table, isEmpty: records.list.isEmpty, "Nothing has happened yet.")
            }
        }
    }

    /// `daypass wallet audit verify`.
    package struct Verify: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Compute the trail's hash chain again; ends with 1 when it is not whole.",
            discussion: """
                Note the place and hash of the last record elsewhere: a later trail that does not contain them was replaced.

                EXAMPLE
                  daypass wallet audit verify --org org_a1b2c3d4e5f6 --json
                """
        )

        @OptionGroup package var ledger: Ledger

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let verdict = try await client.gateway(.get, "\(self.ledger.path)/verify")
                if self.server.json { context.print(verdict.text) }
                guard verdict["intact"] == true else {
                    let problem = verdict["problem"] ?? .null
                    throw CommandFailure(
                        .failure,
                        "The trail is not whole from record \(problem.number("sequence")) on: "
                            + TerminalText.safe(problem.words("message"))
                    )
                }
                if self.server.json { return }
                let head = verdict["head"] ?? .null
                context.print("\(verdict.number("verified")) records, all whole.")
                context.print("The last one is \(head.number("sequence")), \(TerminalText.safe(head.words("hash"))).")
            }
        }
    }
}
