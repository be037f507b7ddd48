/// Everything an agent needs to serve one session.
package struct TunnelAgentConfiguration: Sendable {
    /// Where the tunnel is opened: the session's `edgeUrl`, `ws://…/tunnel` or `wss://…/tunnel`.
    package var edgeURL: String
    /// The credential for that session, `slug.ownerToken`; never logged.
    package var sessionToken: String
    /// The app that answers the requests.
    package var target: LocalTarget
    /// Which `Host` the local app sees.
    package var hostHeader: HostHeader = .localhost
    /// What the local app speaks.
    package var upstreamProtocol: UpstreamProtocol = .http1
    /// Tunnel connections that form the pool, 1 to 16; a version 0 edge gets one.
    package var connections = 2
    /// Whether to replace an agent that already serves the session.
    ///
    /// Said only until the first connection stands, so that two agents cannot evict each other in a loop.
    package var takeover = false
    /// Which protocol versions are offered.
    package var protocolVersions: OfferedVersions = .newest
    /// The name the edge shows for this agent.
    package var agentName = "daypass"
    /// Which connections belong to one process; random by default.
    package var agentID = Self.randomAgentID()
    /// A PEM file with the roots to trust for `wss`; nil means those of the system.
    package var edgeTrustRootsPath: String?
    /// How long things may take.
    package var timeouts = Timeouts()
    /// How many connections to the local app there may be.
    package var pool = PoolLimits()
    /// Where the two clocks are read whose difference shows that the machine slept.
    package var readClocks: @Sendable () -> ClockReadings = { .system() }

    /// Describes an agent with the default limits.
    package init(edgeURL: String, sessionToken: String, target: LocalTarget) {
        self.edgeURL = edgeURL
        self.sessionToken = sessionToken
        self.target = target
    }

    /// What an agent speaks to the local app.
    package enum UpstreamProtocol: Sendable, Equatable {
        /// HTTP/1.1.
        case http1
        /// HTTP/2: from the first byte on without TLS (prior knowledge), chosen by ALPN with it. WebSockets still travel
        /// over HTTP/1.1 connections.
        case http2
    }

    /// The protocol versions an agent offers to the edge.
    package enum OfferedVersions: Sendable, Equatable {
        /// Version 1, falling back to version 0 when the edge selects no subprotocol.
        case newest
        /// Version 0 only.
        case version0
    }

    /// Bounds in time; every wait of the agent has one.
    package struct Timeouts: Sendable {
        /// From starting to dial the edge until its answer to the upgrade is complete.
        package var dial: Duration = .seconds(10)
        /// Connecting to the local app, TLS included.
        package var connect: Duration = .seconds(10)
        /// From the last progress of a request until the head of the local app's answer.
        package var responseHead: Duration = .seconds(120)
        /// How long a connection to the local app is kept without a request; below the 60 to 75 s after
        /// which common servers close.
        package var idle: Duration = .seconds(30)
        /// How often the clocks are compared to notice that the machine slept.
        package var clockCheck: Duration = .seconds(2)
        /// How long open requests may take to finish after a graceful shutdown began; WebSockets are not waited for.
        package var drain: Duration = .seconds(5)

        /// The defaults.
        package init() {}
    }

    /// Bounds in number; what goes over them waits or is refused.
    package struct PoolLimits: Sendable {
        /// Connections kept without a request.
        package var maximumIdle = 64
        /// Requests at the local app at once: connections with HTTP/1.1, streams with HTTP/2.
        package var maximumConnections = 256
        /// HTTP/2 connections open at once that take requests; a second one is opened when the first has as many streams
        /// as the local app allows.
        package var maximumHTTP2Connections = 8
        /// Requests waiting for a connection; the next one is refused.
        package var maximumWaiting = 1024
        /// Connections open at once for WebSockets; the next one is refused.
        package var maximumWebSockets = 8192
        /// Streams open at once on one tunnel connection; how many a session has is the edge's to say.
        package var maximumStreamsPerTunnel = 4096

        /// The defaults.
        package init() {}
    }

    /// 32 characters of `[a-z0-9]` from the system's generator.
    private static func randomAgentID() -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
        var generator = SystemRandomNumberGenerator()
        return String(
            decoding: (0..<32).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] },
            as: UTF8.self
        )
    }
}
