package import ArgumentParser
package import SessionModel

/// `daypass api explain`.
package struct APIExplainCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what the gateway would decide about a request, and why; nothing is counted.",
        discussion: """
            Prints the decision, every check in order, and what is left of each limit. The path may leave out the base path. \
            The tenant is found by --tenant, --host or the key. The exit code is 0 whatever the decision is.

            Other users of this machine can read the arguments of a process: give the key as --key - on standard input, or \
            in DAYPASS_API_KEY, and a session token in DAYPASS_SESSION_TOKEN.

            EXAMPLES
              daypass api explain --origin https://shop.example POST /quotes --key - < key.txt
              DAYPASS_API_KEY=$KEY daypass api explain GET '/quotes?page=2' --tenant acme --json
            """
    )

    @Argument(help: "The request's method.")
    package var method: String

    @Argument(help: "The request's path, with its query.")
    package var path: String

    @Option(help: ArgumentHelp("The page's web origin; without it, a program asks.", valueName: "origin"))
    package var origin: String?

    @Option(help: ArgumentHelp("The API key; - reads it from standard input.", valueName: "key"))
    package var key: String?

    @Option(help: ArgumentHelp("The session token; - reads it from standard input.", valueName: "token"))
    package var sessionToken: String?

    @Option(help: ArgumentHelp("The Idempotency-Key.", valueName: "text"))
    package var idempotencyKey: String?

    @Option(help: ArgumentHelp("Whose API is called.", valueName: "slug"), transform: GatewayArgument.tenant)
    package var tenant: Slug?

    @Option(help: ArgumentHelp("The host the request is sent to, instead of the tenant.", valueName: "name"))
    package var host: String?

    @Option(help: ArgumentHelp("The client's address. Default: yours.", valueName: "ip"))
    package var address: String?

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    package func validate() throws {
        if self.key == "-", self.sessionToken == "-" {
            throw ValidationError("Only one of --key and --session-token can be read from standard input.")
        }
    }

    /// What is sent; `secret` reads standard input.
    package func body(environment: [String: String], secret: () throws -> String) throws -> JSONValue {
        func given(_ option: String?, _ variable: String) throws -> String? {
            guard let option else { return environment[variable].flatMap { $0.isEmpty ? nil : $0 } }
            return option == "-" ? try secret() : option
        }
        let fields: [(String, String?)] = [
            ("method", self.method.uppercased()), ("path", self.path), ("origin", self.origin),
            ("key", try given(self.key, "DAYPASS_API_KEY")),
            ("sessionToken", try given(self.sessionToken, "DAYPASS_SESSION_TOKEN")),
            ("idempotencyKey", self.idempotencyKey), ("tenant", self.tenant?.rawValue), ("host", self.host),
            ("address", self.address),
        ]
        return .object(fields.compactMap { name, value in value.map { .init(name, .string($0)) } })
    }

    package func run() async throws {
        try await AdminAccess.with(self.server) { client, context in
            let body = try self.body(environment: context.environment, secret: LimitedInput.secret)
            let answer = try await client.gateway(.post, "explain", body: body)
            if self.server.json { return context.print(answer.text) }
            let lines = Self.lines(answer, method: self.method.uppercased(), now: .wallClock(), context.style)
            for line in lines { context.print(line) }
        }
    }

    /// The explanation in words: the decision, what it is about, the checks, the limits.
    package static func lines(
        _ answer: JSONValue,
        method: String,
        now: Timestamp,
        _ style: Style
    ) -> [String] {
        var lines = [Self.decision(answer, style)]
        if !answer.words("message").isEmpty { lines.append(TerminalText.safe(answer.words("message"))) }
        lines.append("")
        let channel = answer.words("channel") == "browser" ? "from a web page" : "from a program"
        let facts = [
            ("Request", "\(method) \(answer.words("path")), \(channel)"), ("Tenant", answer.words("tenant")),
            ("Key", answer.words("keyId")), ("Route", answer.words("route")),
        ]
        for (label, value) in facts where !value.isEmpty {
            lines.append(TerminalText.padded(label, to: 14) + TerminalText.safe(value))
        }
        lines.append("")
        var checks = TextTable("CHECK", "RESULT", "WHY")
        let steps = answer.list("steps")
        let decider = steps.firstIndex { $0.words("check") == answer.words("decidedBy") }
        for step in steps.prefix((decider ?? steps.count) + 1) {
            let outcome = step.words("outcome")
            checks.add(step.words("check"), outcome == "skipped" ? "-" : outcome, step.words("reason"))
        }
        lines += checks.rendered(style)
        let rest = steps.dropFirst((decider ?? steps.count) + 1).map { TerminalText.safe($0.words("check")) }
        if !rest.isEmpty { lines.append("Not asked any more: \(rest.joined(separator: ", ")).") }
        guard !answer.list("limits").isEmpty else { return lines }
        lines.append("")
        var limits = TextTable("LIMIT", "PER", "LEFT", "WINDOW", "BEGINS ANEW")
        for limit in answer.list("limits") {
            let end = Timestamp(iso8601: limit.words("resetsAt"))
            limits.add(
                limit.words("class"),
                limit.words("per"),
                "\(limit.number("remaining")) of \(limit.number("maximum"))",
                HumanText.span(.seconds(limit.number("windowSeconds"))),
                end.map { $0 > now ? HumanText.remaining(until: $0, now: now) : "now" } ?? ""
            )
        }
        return lines + limits.rendered(style)
    }

    private static func decision(_ answer: JSONValue, _ style: Style) -> String {
        switch answer.words("decision") {
        case "allowed": style.green("Allowed") + "."
        case "preflight": style.green("Allowed") + ": a preflight, answered 204."
        default:
            style.red("Refused") + " by the check \"\(TerminalText.safe(answer.words("decidedBy")))\": "
                + TerminalText.safe(answer.words("code")) + "."
        }
    }
}
