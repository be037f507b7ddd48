import ArgumentParser
import DaypassCLI
import DaypassServer
import Foundation
import Logging
import ServiceLifecycle
import SessionModel
import UnixSignals

/// `daypass serve`: control API and edge in one process.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract:
            "Run a server: the control API, where sessions are managed, and the edge, where viewers and agents arrive.",
        discussion: """
            Without options everything stays on this machine: the control API on 127.0.0.1:3001 answers programs of this \
            machine without a credential, the edge is on 127.0.0.1:3002, the database in the data folder. Once both listen, \
            one line on standard error says where: daypass: ready control=… edge=… public=…. Port 0 takes a free port.

            With a public URL that is not a loopback name, calls of the control API need a credential. The admin token is \
            made on the first start and shown once; make tokens for others with daypass tokens create.

            SIGTERM and SIGINT shut down in order: no new connections, agents are asked to come back, open requests may \
            finish for ten seconds.

            EXAMPLES
              daypass serve
              daypass serve --control 127.0.0.1:0 --edge 127.0.0.1:0 --data ./data
              daypass serve --edge 0.0.0.0:443 --tls-cert fullchain.pem --tls-key key.pem \\
                  --public-url https://share.example.com --url-style subdomain
              daypass serve --config /etc/daypass.json

            CONFIGURATION
            Flags come first, then the environment, then the file, then defaults. In the file every dot of a key is a level: \
            {"publicUrl": "https://share.example.com", "edge": {"port": 3002}}. In the environment the same key is \
            DAYPASS_PUBLIC_URL, DAYPASS_EDGE_PORT. The flags stand for these keys:
              --control            control.host, control.port
              --edge               edge.host, edge.port
              --public-url         publicUrl
              --url-style          urlStyle
              --tls-cert           edge.tls.certificate
              --tls-key            edge.tls.key
              --trusted-proxy      edge.trustedProxies
              --auth               control.auth
              --reconnect-grace    edge.reconnectGraceSeconds
              --keep-closed        sessions.keepClosedSeconds
              --data               data
              --store              store
              --admin-token-file   adminTokenFile
              --log-level          logLevel
            """
    )

    @Option(help: ArgumentHelp("Where the control API listens. Default: 127.0.0.1:3001.", valueName: "host:port"))
    var control: ListenAddress?

    @Option(help: ArgumentHelp("Where viewers and agents arrive. Default: 127.0.0.1:3002.", valueName: "host:port"))
    var edge: ListenAddress?

    @Option(help: ArgumentHelp("How the edge is reached from outside. Default: its own address.", valueName: "url"))
    var publicURL: String?

    @Option(
        name: .customLong("url-style"),
        help: ArgumentHelp("Links as URL/s/NAME (path) or NAME.HOST (subdomain).", valueName: "path|subdomain"),
        completion: .list(["path", "subdomain"])
    )
    var urlStyle: String?

    @Option(
        help: ArgumentHelp(
            "The folder for database and keys. Default: ~/.local/state/daypass/server.",
            valueName: "folder"
        ),
        completion: .directory
    )
    var data: String?

    @Option(help: ArgumentHelp("The store: sqlite: (a file in the data folder).", valueName: "url"))
    var store: String?

    @Option(
        help: ArgumentHelp("TLS certificate chain of the edge, PEM; read again when it changes.", valueName: "file"),
        completion: .file()
    )
    var tlsCert: String?

    @Option(help: ArgumentHelp("Private key of the edge, PEM.", valueName: "file"), completion: .file())
    var tlsKey: String?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Believe forwarding fields from these addresses; may be repeated.", valueName: "cidr")
    )
    var trustedProxy: [String] = []

    @Option(
        help: ArgumentHelp(
            "Who may call the control API: open (anybody), local (programs of this machine) or required (a credential).",
            valueName: "open|local|required"
        ),
        completion: .list(["open", "local", "required"])
    )
    var auth: String?

    @Option(
        help: ArgumentHelp(
            "A file with the admin token, instead of the one made on the first start.",
            valueName: "file"
        ),
        completion: .file()
    )
    var adminTokenFile: String?

    @Option(
        help: ArgumentHelp(
            "How long requests wait for an agent that is away, up to 60s. Default: 5s.",
            valueName: "time"
        )
    )
    var reconnectGrace: TimeSpan?

    @Option(help: ArgumentHelp("How long closed sessions are remembered. Default: 7d.", valueName: "time"))
    var keepClosed: TimeSpan?

    @Option(help: ArgumentHelp("A JSON configuration file.", valueName: "file"), completion: .file())
    var config: String?

    @Option(
        help: ArgumentHelp("What to log on standard error. Default: notice.", valueName: "level"),
        completion: .list(Logger.Level.allCases.map(\.rawValue))
    )
    var logLevel: String?

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let state = try StateDirectory(environment: environment)
        let (configuration, levelName) = try await ServerSettings.read(
            flags: self.flags,
            lists: self.trustedProxy.isEmpty ? [:] : ["edge.trustedProxies": self.trustedProxy],
            environment: environment,
            file: self.config,
            defaultDataPath: state.serverData
        )
        var logger = Logger(label: "daypass") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = try Self.level(levelName)
        try PrivateFile.makeFolder(configuration.dataPath)
        let server = try DaypassServer(configuration: configuration, clock: Timestamp.wallClock, logger: logger)
        if let token = server.firstAdminToken, configuration.adminTokenFile == nil {
            Self.say("admin token, made now and shown only this once: \(token)")
        }
        let group = try await server.group(signals: [.sigterm, .sigint]) { addresses in
            let places = "control=\(addresses.control) edge=\(addresses.edge) public=\(addresses.publicURL)"
            Self.say("ready \(places)")
        }
        try await group.run()
    }

    /// What the command line says, by configuration key.
    private var flags: [String: String] {
        let flags: [String: String?] = [
            "control.host": self.control?.host, "control.port": self.control.map { String($0.port) },
            "edge.host": self.edge?.host, "edge.port": self.edge.map { String($0.port) },
            "publicUrl": self.publicURL, "urlStyle": self.urlStyle, "data": self.data, "store": self.store,
            "edge.tls.certificate": self.tlsCert, "edge.tls.key": self.tlsKey, "control.auth": self.auth,
            "adminTokenFile": self.adminTokenFile, "logLevel": self.logLevel,
            "edge.reconnectGraceSeconds": self.reconnectGrace.map { String($0.duration.components.seconds) },
            "sessions.keepClosedSeconds": self.keepClosed.map { String($0.duration.components.seconds) },
        ]
        return flags.compactMapValues { $0 }
    }

    private static func level(_ name: String?) throws -> Logger.Level {
        guard let name else { return .notice }
        guard let level = Logger.Level(rawValue: name) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandFailure(.invalidArguments, "The setting logLevel must be one of \(known).")
        }
        return level
    }

    private static func say(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data("daypass: \(text)\n".utf8))
    }
}

/// `host:port` on the command line; IPv6 in brackets.
struct ListenAddress: ExpressibleByArgument {
    let host: String
    let port: Int

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":") else { return nil }
        let portText = argument[argument.index(after: colon)...]
        guard (1...5).contains(portText.utf8.count), portText.utf8.allSatisfy({ (48...57).contains($0) }),
            let port = Int(portText), port <= 65535
        else { return nil }
        var host = String(argument[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        self.host = host
        self.port = port
    }
}
