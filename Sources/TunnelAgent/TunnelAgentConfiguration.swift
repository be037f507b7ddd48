package import UpstreamRelay

/// Everything an agent needs to serve one session.
package struct TunnelAgentConfiguration: Sendable {
    /// Where the tunnel is opened: the session's `edgeUrl`, `ws://…/tunnel` or `wss://…/tunnel`.
    package var edgeURL: String
    /// The credential for that session, `slug.ownerToken`; never logged.
    package var sessionToken: String
    /// The app that answers the requests, and the bounds of talking to it.
    package var relay: LocalRelayConfiguration
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
    /// Streams open at once on one tunnel connection; how many a session has is the edge's to say.
    package var maximumStreamsPerTunnel = 4096
    /// Where the two clocks are read whose difference shows that the machine slept.
    package var readClocks: @Sendable () -> ClockReadings = { .system() }

    /// Describes an agent with the default limits.
    package init(edgeURL: String, sessionToken: String, target: LocalTarget) {
        self.edgeURL = edgeURL
        self.sessionToken = sessionToken
        self.relay = LocalRelayConfiguration(target: target)
    }

    /// The protocol versions an agent offers to the edge.
    package enum OfferedVersions: Sendable, Equatable {
        /// Version 1, falling back to version 0 when the edge selects no subprotocol.
        case newest
        /// Version 0 only.
        case version0
    }

    /// Bounds in time; every wait of the agent has one, those towards the local app in `relay`.
    package struct Timeouts: Sendable {
        /// From starting to dial the edge until its answer to the upgrade is complete.
        package var dial: Duration = .seconds(10)
        /// How often the clocks are compared to notice that the machine slept.
        package var clockCheck: Duration = .seconds(2)
        /// How long open requests may take to finish after a graceful shutdown began; WebSockets are not waited for.
        package var drain: Duration = .seconds(5)

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
