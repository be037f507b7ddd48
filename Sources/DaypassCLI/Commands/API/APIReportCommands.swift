package import ArgumentParser
package import SessionModel

/// `daypass api usage`.
package struct APIUsageCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Count requests by hour or day, and how they ended.",
        discussion: """
            EXAMPLES
              daypass api usage --tenant acme
              daypass api usage --since 30d --by day --json
            """
    )

    @Option(help: ArgumentHelp("Only this tenant's.", valueName: "slug"), transform: GatewayArgument.tenant)
    package var tenant: Slug?

    @Option(help: ArgumentHelp("Only this key's.", valueName: "id"), transform: GatewayArgument.key)
    package var key: APIKeyID?

    @Option(help: ArgumentHelp("How far back: 24h, 30d.", valueName: "time"))
    package var since: TimeSpan?

    @Option(
        name: .customLong("by"),
        help: ArgumentHelp("hour (31 days at most) or day (400). Default: hour.", valueName: "interval"),
        completion: .list(UsageQuery.Interval.allCases.map(\.rawValue))
    )
    package var interval: String?

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func validate() throws {
        if let interval, UsageQuery.Interval(rawValue: interval) == nil {
            throw ValidationError("--by takes hour or day.")
        }
    }

    package func run() async throws {
        try await AdminAccess.with(self.server) { client, context in
            let now = Timestamp.wallClock()
            let query: [(String, String?)] = [
                ("tenant", self.tenant?.rawValue), ("key", self.key?.text), ("interval", self.interval),
                ("from", self.since.map { (now + (.zero - $0.duration)).iso8601 }),
                ("until", self.since == nil ? nil : now.iso8601),
            ]
            let usage = try await client.gateway(.get, "usage", query: query)["usage"] ?? []
            if self.server.json { return context.print(usage.text) }
            var table = TextTable("FROM (UTC)", "TENANT", "KEY", "RESULT", "COUNT")
            for count in usage.list {
                let code = count.words("code")
                table.add(
                    shortTime(count.words("start")),
                    count.words("tenant"),
                    count.words("key"),
                    code.isEmpty ? "passed" : code,
                    String(count.number("count"))
                )
            }
            context.print(table, isEmpty: usage.list.isEmpty, "There were no requests.")
        }
    }
}

/// `daypass api refusals`.
package struct APIRefusalsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "refusals",
        abstract: "List recent refusals, newest first.",
        discussion: """
            The server keeps the last 2000 in memory. daypass api explain says why a request is refused.

            EXAMPLE
              daypass api refusals --tenant acme --code ORIGIN_NOT_ALLOWED
            """
    )

    @Option(help: ArgumentHelp("Only this tenant's.", valueName: "slug"), transform: GatewayArgument.tenant)
    package var tenant: Slug?

    @Option(
        help: ArgumentHelp("Only those with this code.", valueName: "code"),
        completion: .list(GatewayErrorCode.allCases.map(\.rawValue))
    )
    package var code: String?

    @Option(help: ArgumentHelp("How many, 1 to 500.", valueName: "n"))
    package var limit = 20

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func validate() throws {
        guard (1...500).contains(self.limit) else { throw ValidationError("--limit takes 1 to 500.") }
        if let code, GatewayErrorCode(rawValue: code) == nil {
            let known = GatewayErrorCode.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\"\(TerminalText.safe(code))\" is not a code. There are: \(known).")
        }
    }

    package func run() async throws {
        try await AdminAccess.with(self.server) { client, context in
            let query = [("tenant", self.tenant?.rawValue), ("code", self.code), ("limit", String(self.limit))]
            let refusals = try await client.gateway(.get, "refusals", query: query)["refusals"] ?? []
            if self.server.json { return context.print(refusals.text) }
            var table = TextTable("WHEN (UTC)", "CODE", "TENANT", "REQUEST", "FROM")
            for refusal in refusals.list {
                let origin = refusal.words("webOrigin")
                table.add(
                    shortTime(refusal.words("at"), seconds: true),
                    refusal.words("code"),
                    refusal.words("tenant"),
                    "\(refusal.words("method")) \(TerminalText.truncated(TerminalText.safe(refusal.words("path")), to: 40))",
                    origin.isEmpty ? refusal.words("address") : "\(origin) \(refusal.words("address"))"
                )
            }
            context.print(table, isEmpty: refusals.list.isEmpty, "Nothing was refused lately.")
        }
    }
}

/// `daypass api audit`.
package struct APIAuditCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Show what was changed at the gateway, by whom and from where, newest first.",
        discussion: """
            EXAMPLE
              daypass api audit --tenant acme --limit 100
            """
    )

    @Option(help: ArgumentHelp("Only this tenant's.", valueName: "slug"), transform: GatewayArgument.tenant)
    package var tenant: Slug?

    @Option(help: ArgumentHelp("How many, 1 to 1000.", valueName: "n"))
    package var limit = 20

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func validate() throws {
        guard (1...1000).contains(self.limit) else { throw ValidationError("--limit takes 1 to 1000.") }
    }

    package func run() async throws {
        try await AdminAccess.with(self.server) { client, context in
            let query = [("tenant", self.tenant?.rawValue), ("limit", String(self.limit))]
            let events = try await client.gateway(.get, "audit", query: query)["events"] ?? []
            if self.server.json { return context.print(events.text) }
            var table = TextTable("WHEN (UTC)", "WHAT", "WHO", "FROM", "TENANT", "DETAILS")
            for event in events.list {
                table.add(
                    shortTime(event.words("at"), seconds: true),
                    event.words("action"),
                    event.words("actor"),
                    event.words("address"),
                    event.words("tenant"),
                    event.words("summary")
                )
            }
            context.print(table, isEmpty: events.list.isEmpty, "Nothing has been changed yet.")
        }
    }
}
