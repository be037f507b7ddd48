package import ArgumentParser
import SessionModel

/// `daypass api`: the API gateway and its browser sessions.
package struct APICommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "api",
        abstract: "Manage the API gateway: tenants, API keys, browser sessions.",
        discussion: """
            The gateway stands in front of a tenant's HTTP API and lets web pages use it with a publishable key. Needs \
            the admin token in DAYPASS_TOKEN; daypass serve shows it on its first start.

            EXAMPLES
              daypass api apply tenants.yaml --dry-run
              daypass api keys create --tenant acme --scope quotes:write \\
                  --origin https://shop.example
              daypass api explain --origin https://shop.example POST /quotes --key -
            """,
        subcommands: [
            APIApplyCommand.self, APITenantsCommand.self, APIKeysCommand.self, APIPlansCommand.self,
            APIRoutesCommand.self, APISessionsCommand.self, APISigningKeysCommand.self, APIUsageCommand.self,
            APIRefusalsCommand.self, APIAuditCommand.self, APIExplainCommand.self,
        ]
    )

    /// Filled by the parser.
    package init() {}
}

/// `daypass api apply FILE`.
package struct APIApplyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Bring tenants, routes and plans to what a file says, all or nothing.",
        discussion: """
            What the file does not name stays as it is; a tenant or plan it names becomes what it says. YAML or JSON, at \
            most 1 MiB, without anchors and aliases.

            EXAMPLES
              daypass api apply tenants.yaml --dry-run
              cat tenants.yaml | daypass api apply -

            FILE
              plans:
                - name: basic
                  limits: [{class: reads, windowSeconds: 60, maximum: 100, per: key}]
              tenants:
                - slug: acme
                  hosts: [api.acme.example]
                  basePath: /api/v1
                  upstream: http://127.0.0.1:4000
                  routes:
                    - {methods: [GET], path: "/quotes/{id}", scope: "quotes:read"}
                    - {methods: [POST], path: /quotes, scope: "quotes:write"}
            """
    )

    @Argument(help: "The file; - reads standard input.", completion: .file())
    package var file: String

    @Flag(help: "Say what would change, and change nothing.")
    package var dryRun = false

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func run() async throws {
        guard case .object(var members) = try DeclarationFile.read(self.file) else { return }
        if self.dryRun { members.append(.init("dryRun", true)) }
        let body = JSONValue.object(members)
        try await AdminAccess.with(self.server) { client, context in
            let answer = try await client.gateway(.post, "apply", body: body)
            if self.server.json { return context.print(answer.text) }
            for line in Self.lines(answer.list("changes"), context.style) { context.print(line) }
            if self.dryRun { context.note("Nothing was changed; leave out --dry-run to change it.") }
        }
    }

    /// The changes in words, those that change nothing as one number.
    static func lines(_ changes: [JSONValue], _ style: Style) -> [String] {
        var lines: [String] = []
        var unchanged = 0
        for change in changes {
            let subject = TerminalText.safe(change.words("subject"))
            let fields = TerminalText.safe(change.texts("fields").joined(separator: ", "))
            switch change.words("kind") {
            case "added": lines.append("\(style.green("added")) \(subject)")
            case "changed": lines.append("\(style.yellow("changed")) \(subject)\(fields.isEmpty ? "" : ": \(fields)")")
            default: unchanged += 1
            }
        }
        if unchanged > 0 || lines.isEmpty { lines.append("\(unchanged) unchanged") }
        return lines
    }
}

/// How the names of the gateway are read from the command line.
enum GatewayArgument {
    /// A tenant's slug.
    static func tenant(_ text: String) throws -> Slug {
        guard let slug = Slug(text) else { throw ValidationError("A tenant's slug looks like acme or quiet-lime-42.") }
        return slug
    }

    /// A key's identifier.
    static func key(_ text: String) throws -> APIKeyID {
        guard let id = APIKeyID(text) else { throw ValidationError("A key's identifier looks like key_a1b2c3d4e5f6.") }
        return id
    }

    /// A plan's name.
    static func plan(_ text: String) throws -> PolicyName {
        guard let name = PolicyName(text) else {
            throw ValidationError("A plan's name has 1 to 64 of a-z, 0-9, hyphen and underscore.")
        }
        return name
    }

    /// A browser session's identifier.
    static func session(_ text: String) throws -> BrowserSessionID {
        guard let id = BrowserSessionID(text) else {
            throw ValidationError("A browser session's identifier looks like bs_a1b2c3d4e5f6.")
        }
        return id
    }
}

extension CommandContext {
    /// Writes a table, or a note when it would be empty.
    func print(_ table: TextTable, isEmpty: Bool, _ note: String) {
        guard !isEmpty else { return self.note(note) }
        for line in table.rendered(self.style) { self.print(line) }
    }

    /// Writes facts, one a line; those without a value are left out.
    func print(facts: [(label: String, value: String)]) {
        for (label, value) in facts where !value.isEmpty {
            self.print(TerminalText.padded(label, to: 14) + TerminalText.safe(value))
        }
    }
}

/// A time of an answer as tables show it, in UTC: `2026-03-04 15:30`; anything else as it is.
func shortTime(_ text: String, seconds: Bool = false) -> String {
    guard Timestamp(iso8601: text) != nil, text.utf8.count >= 19 else { return text }
    return String(text.prefix(seconds ? 19 : 16)).replacing("T", with: " ")
}
