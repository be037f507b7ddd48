package import ArgumentParser

/// `--server` and `--json`: what every command that talks to a server takes.
package struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The control API to use.",
            discussion: "Else DAYPASS_SERVER, \"server\" in ~/.config/daypass/config.json, http://127.0.0.1:3001.",
            valueName: "url"
        )
    )
    package var server: String?

    @Flag(help: "Print JSON on standard output and nothing else there.")
    package var json = false

    /// Filled by the parser.
    package init() {}
}

/// A length of time as people write it: `90s`, `30m`, `24h`, `7d`.
package struct TimeSpan: ExpressibleByArgument, Equatable, Sendable {
    /// The text as typed, which the control API understands too.
    package let text: String
    /// The same as a duration.
    package let duration: Duration

    /// Reads one; nil unless it is a positive whole number and a unit, at most ten years.
    package init?(argument: String) {
        let factors: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = argument.last, let factor = factors[unit] else { return nil }
        let digits = argument.dropLast()
        guard (1...9).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }),
            let number = Int(digits), number > 0, number * factor <= 315_360_000
        else { return nil }
        self.text = argument
        self.duration = .seconds(number * factor)
    }

    /// `60s`.
    package static let oneMinute = TimeSpan(text: "60s", duration: .seconds(60))

    private init(text: String, duration: Duration) {
        self.text = text
        self.duration = duration
    }

    package var defaultValueDescription: String { self.text }
}

/// Everything about the session and its agent that `http` and `run` share.
package struct TunnelOptions: ParsableArguments {
    @Flag(help: "Ask viewers for a generated user name and password (HTTP basic authentication).")
    package var auth = false

    @Option(help: ArgumentHelp("Ask viewers for this password, at most 256 characters.", valueName: "text"))
    package var password: String?

    @Option(help: ArgumentHelp("End the session after this time: 90s, 30m, 24h, 7d. Default: 24h.", valueName: "time"))
    package var expires: TimeSpan?

    @Option(help: ArgumentHelp("How many viewers may be in at once; 0 is nobody but you. Default: 20.", valueName: "n"))
    package var maxViewers: Int?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Hide a path and what is below it from viewers; may be repeated. /admin hides /admin/x, /admin* also "
                + "/administrator.",
            valueName: "path"
        )
    )
    package var block: [String] = []

    @Flag(name: .customLong("private"), help: "Let nobody in but you, and holders of the password if one is set.")
    package var isPrivate = false

    @Option(
        help: ArgumentHelp("A name of your choice for the link: letters, digits and single hyphens.", valueName: "name")
    )
    package var slug: String?

    @Flag(
        help:
            "Continue a session you opened before (with --slug), replacing the agent that serves it, with the same link."
    )
    package var takeover = false

    @Option(
        help: ArgumentHelp(
            "The Host header your app sees: preserve (the viewer's) or a value. Default: localhost:PORT.",
            valueName: "value"
        )
    )
    package var hostHeader: String?

    @Option(
        name: .customLong("edge-ca"),
        help: ArgumentHelp(
            "Trust these certificates (PEM) for the edge, instead of the system's, where it has one of your own.",
            valueName: "file"
        ),
        completion: .file()
    )
    package var edgeCA: String?

    @Flag(
        name: .customLong("upstream-http2"),
        help: ArgumentHelp(
            "Your app speaks HTTP/2, as gRPC servers do: without TLS by prior knowledge, with https:// by ALPN. WebSockets "
                + "still reach it over HTTP/1.1."
        )
    )
    package var upstreamHTTP2 = false

    @Option(help: ArgumentHelp("Connections to the edge, 1 to 16.", valueName: "n"))
    package var connections = 2

    @Option(
        help: ArgumentHelp("Wait until the app answers this path before opening the tunnel.", valueName: "path")
    )
    package var waitFor: String?

    @Option(help: ArgumentHelp("How long to wait for the app.", valueName: "time"))
    package var timeout = TimeSpan.oneMinute

    @Option(
        help: ArgumentHelp("Write the JSON line into a file too, readable by you only.", valueName: "file"),
        completion: .file()
    )
    package var output: String?

    @Flag(help: "No screen and no keys: plain lines. Implied by --json and when output is not a terminal.")
    package var noInteractive = false

    @Flag(help: "Start a server inside this process, on free loopback ports, for as long as the tunnel is open.")
    package var standalone = false

    @OptionGroup package var server: ServerOptions

    /// Filled by the parser.
    package init() {}

    /// Refuses what cannot work before anything is started.
    package func validate() throws {
        guard (1...16).contains(self.connections) else { throw ValidationError("--connections takes 1 to 16.") }
        if let maxViewers, !(0...100_000).contains(maxViewers) {
            throw ValidationError("--max-viewers takes 0 to 100000.")
        }
        if let path = self.block.first(where: { !$0.hasPrefix("/") }) {
            throw ValidationError("--block takes a path that starts with /; \"\(TerminalText.safe(path))\" does not.")
        }
        if let waitFor, !waitFor.hasPrefix("/") || !waitFor.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw ValidationError("--wait-for takes a path that starts with /, percent-encoded.")
        }
        if self.waitFor != nil, self.upstreamHTTP2 {
            throw ValidationError("--wait-for asks over HTTP/1.1, which --upstream-http2 says your app does not speak.")
        }
        if let password, password.isEmpty || password.count > 256 {
            throw ValidationError("--password takes 1 to 256 characters.")
        }
        if let slug, case .slug? = try? SessionName(slug) {
        } else if self.slug != nil {
            throw ValidationError("--slug takes 3 to 63 of a-z, 0-9 and single hyphens, not at an end.")
        }
        if self.takeover, self.slug == nil { throw ValidationError("--takeover needs --slug to say which session.") }
        if self.standalone, self.server.server != nil {
            throw ValidationError("--standalone brings its own server; leave out --server.")
        }
    }

    /// The policy to create the session with; nil when every field is left to the server's default.
    package var policy: PolicyBody? {
        let policy = PolicyBody(
            isPublic: self.isPrivate ? false : nil,
            maxConcurrentViewers: self.maxViewers,
            blockPaths: self.block.isEmpty ? nil : self.block,
            password: self.password
        )
        return policy.isEmpty ? nil : policy
    }
}
