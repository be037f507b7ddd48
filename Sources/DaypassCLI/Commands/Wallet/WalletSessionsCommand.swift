package import ArgumentParser
package import SessionModel

/// `daypass wallet sessions`.
package struct WalletSessionsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "List, show and revoke wallet sessions.",
        discussion: """
            With a token of the organization in DAYPASS_TOKEN, or with the admin token.

            EXAMPLES
              daypass wallet sessions list --org org_a1b2c3d4e5f6
              daypass wallet sessions revoke ws_a1b2c3d4e5f6 --org org_a1b2c3d4e5f6
            """,
        subcommands: [List.self, Show.self, Revoke.self]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass wallet sessions list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "List active sessions, newest first.")

        @OptionGroup package var organization: OrganizationOption

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await WalletAccess.with(self.server, of: self.organization.id) { client, base, context in
                let sessions = try await WalletAccess.all(client, "\(base)/sessions")
                if self.server.json { return context.print(JSONValue.array(sessions).text) }
                let now = Timestamp.wallClock()
                var table = TextTable("SESSION", "WALLET", "CHAIN", "SESSION KEY", "ENDS", "WORKFLOW")
                for session in sessions {
                    let end = Timestamp(iso8601: session.words("expiresAt"))
                    table.add(
                        session.words("id"),
                        session.words("walletId"),
                        String(session.number("chainId")),
                        session.words("sessionAddress"),
                        end.map { HumanText.remaining(until: $0, now: now) } ?? session.words("expiresAt"),
                        session.words("workflowId")
                    )
                }
                context.print(table, isEmpty: sessions.isEmpty, "There are no active sessions.")
            }
        }
    }

    /// `daypass wallet sessions show`.
    package struct Show: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Show a session: what was proven, what is not enforced, and its rules."
        )

        @Argument(help: "The session's identifier, ws_….", transform: WalletArgument.session)
        package var session: WalletSessionID

        @OptionGroup package var organization: OrganizationOption

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await WalletAccess.with(self.server, of: self.organization.id) { client, base, context in
                let session = try await client.json(.get, "\(base)/sessions/\(self.session)")
                if self.server.json { return context.print(session.text) }
                Self.print(session, context)
            }
        }

        private static func print(_ session: JSONValue, _ context: CommandContext) {
            let proven = session["proven"] ?? .null
            let revoked = session.words("revokedAt")
            context.print(facts: [
                ("Session", session.words("id")), ("State", session.words("state")),
                ("Wallet", "\(session.words("walletId")), \(session.words("kind"))"),
                ("Chain", String(session.number("chainId"))), ("Group", session.words("sessionGroupId")),
                ("Session key", session.words("sessionAddress")), ("In custody", session.words("sessionKeyId")),
                ("Workflow", session.words("workflowId")),
                ("Created", "\(shortTime(session.words("createdAt"))) UTC"),
                ("Ends", "\(shortTime(session.words("expiresAt"))) UTC"),
                ("Revoked", revoked.isEmpty ? "" : "\(shortTime(revoked)) UTC"),
                ("Policy", session["policies"] == .object([]) ? "" : session["policies"]?.text ?? ""),
            ])
            context.print("")
            guard proven != .null else {
                return context.print("Nothing was proven: the wallet is opaque, and the gateway does not act under it.")
            }
            context.print(facts: [
                ("Kernel", proven.words("kernelVersion")), ("Account by", proven.words("account")),
                ("Root", proven.words("root")), ("Owner", proven.words("owner")),
                ("Approval by", proven.words("approval")), ("Nonce", String(proven.number("nonce"))),
                ("Permission", proven.words("permissionId")), ("Digest", proven.words("digest")),
            ])
            context.print("")
            var rules = TextTable("RULE", "ENFORCED BY", "WHAT")
            for rule in session.list("rules") {
                rules.add(rule.words("kind"), rule.words("enforcedBy"), rule.words("text"))
            }
            context.print(rules, isEmpty: session.list("rules").isEmpty, "There are no rules.")
            guard !session.list("warnings").isEmpty else { return }
            context.print("")
            for warning in session.list("warnings") {
                let line = "\(warning.words("code")): \(warning.words("message"))"
                context.print(context.style.yellow("Warning ") + TerminalText.safe(line))
            }
        }
    }

    /// `daypass wallet sessions revoke`.
    package struct Revoke: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Revoke a session for good, at once: nothing more is signed or forwarded under it."
        )

        @Argument(help: "The session's identifier, ws_….", transform: WalletArgument.session)
        package var session: WalletSessionID

        @OptionGroup package var organization: OrganizationOption

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await WalletAccess.with(self.server, of: self.organization.id) { client, base, context in
                let path = "\(base)/sessions/\(self.session)"
                let isOwn = base.hasPrefix("/v1/")
                let answer = try await client.json(isOwn ? .delete : .post, isOwn ? path : "\(path)/revoke")
                context.print(self.server.json ? answer.text : "Revoked \(self.session).")
            }
        }
    }
}
