package import ArgumentParser
import Foundation
import Logging
import TunnelAgent
import UpstreamRelay

/// `daypass http TARGET`: a session and its agent.
package struct HTTPCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "http",
        abstract: "Share an app on this machine, or a folder, under a public link.",
        discussion: """
            Creates a session at the control API and relays its requests to TARGET until you press Q or Ctrl-C; then the \
            session is closed and the link stops working. Password, limits and blocked paths are in force from the first \
            request on. The tunnel survives sleep and network changes; the link stays the same.

            TARGET is one of
              3000                    a port on this machine
              app.test:8080           a host and a port
              https://localhost:8443  a URL without a path
              ./public                a folder, served as files: no listings, no dot
                                      files, nothing through symbolic links

            EXAMPLES
              daypass http 3000
              daypass http 3000 --password winter --block /admin --expires 2h
              daypass http ./dist --private
              daypass http 8080 --wait-for /health --json > tunnel.json
              daypass http 3000 --slug demo-shop
              daypass http 8080 --slug demo-shop --takeover   the same link again
              daypass http 50051 --upstream-http2             a gRPC server
              daypass http 3000 --standalone                  no server needed

            KEYS  L open in the browser, C copy the link, O owner's room, P pause, R resume, Q close.

            With --json one line is printed once the tunnel stands:
              {"session_id","slug","url","owner_url","expires_at","pid","status"}
            and, with --auth, "username" and "password". The status is "connected".

            ENVIRONMENT
              DAYPASS_SERVER              the control API
              DAYPASS_TOKEN               the access token to create sessions with
              DAYPASS_LOG_LEVEL           log the agent's doings, without a screen
              WORMKEY_CONTROL_PLANE_URL   used when nothing else names a server,
              WORMKEY_EDGE_URL            and where the agent connects then
              NO_COLOR, XDG_STATE_HOME, XDG_CONFIG_HOME
            """
    )

    @Argument(help: "What to share: a port, host:port, a URL or a folder.")
    package var target: String

    @OptionGroup package var options: TunnelOptions

    /// Filled by the parser.
    package init() {}

    package func run() async throws {
        try await TunnelCommand.run(self.options, shared: Self.shared(self.target), command: nil)
    }

    /// Tells the four kinds of target apart.
    ///
    /// A folder must contain a slash or a dot, or not be readable as anything else.
    static func shared(_ text: String) throws -> TunnelRun.Shared {
        var info = stat()
        let isFolder = stat(text, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
        let isNumber = !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) }
        if isFolder, !isNumber { return .folder(text) }
        if !text.contains("://"), text.hasPrefix("/") || text.hasPrefix(".") || text.hasPrefix("~") {
            throw CommandFailure(.invalidArguments, "There is no folder \(TerminalText.safe(text)).")
        }
        return .app(try LocalTarget(parsing: text))
    }
}

/// What `http` and `run` have in common around `TunnelRun`.
enum TunnelCommand {
    /// Runs a tunnel; with `command`, starts it first and ends with it.
    static func run(_ options: TunnelOptions, shared: TunnelRun.Shared, command: [String]?) async throws {
        let context = try CommandContext()
        let hostHeader = try options.hostHeader.map { try HostHeader(parsing: $0) } ?? .localhost
        if case .folder = shared, options.upstreamHTTP2 {
            throw CommandFailure(.invalidArguments, "--upstream-http2 is about an app; a folder needs it not.")
        }
        let isInteractive =
            command == nil && !options.server.json && !options.noInteractive
            && Terminal.isInteractive(environment: context.environment)
        let inputs = InputSources(readingKeys: isInteractive)
        let child = try command.map {
            try ChildProcess($0, outputToError: options.server.json, environment: context.environment)
        }
        let run = TunnelRun(
            options: options,
            hostHeader: hostHeader,
            context: context,
            inputs: inputs,
            logger: Self.logger(context.environment, isInteractive: isInteractive),
            isInteractive: isInteractive,
            child: child
        )
        try await run.run(shared)
    }

    /// The agent's log, on standard error at the level `DAYPASS_LOG_LEVEL` says; silent without it, because the lines and
    /// the screen already say what matters, and always silent under the screen.
    private static func logger(_ environment: [String: String], isInteractive: Bool) -> Logger {
        guard !isInteractive, let level = environment["DAYPASS_LOG_LEVEL"].flatMap(Logger.Level.init(rawValue:)) else {
            return Logger(label: "daypass") { _ in SwiftLogNoOpLogHandler() }
        }
        var logger = Logger(label: "daypass") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = level
        return logger
    }
}
