/// Where requests are relayed to, and within which bounds.
package struct LocalRelayConfiguration: Sendable {
    /// The server that answers the requests.
    package var target: LocalTarget
    /// Which `Host` it sees.
    package var hostHeader: HostHeader = .localhost
    /// What it speaks.
    package var upstreamProtocol: UpstreamProtocol = .http1
    /// How long things may take.
    package var timeouts = Timeouts()
    /// How many connections to it there may be.
    package var pool = PoolLimits()

    /// A relay to `target` with the default limits.
    package init(target: LocalTarget) { self.target = target }

    /// What is spoken to the local app.
    package enum UpstreamProtocol: Sendable, Equatable {
        /// HTTP/1.1.
        case http1
        /// HTTP/2: from the first byte on without TLS (prior knowledge), chosen by ALPN with it. WebSockets still travel
        /// over HTTP/1.1 connections.
        case http2
    }

    /// Bounds in time.
    package struct Timeouts: Sendable {
        /// Connecting to the local app, TLS included.
        package var connect: Duration = .seconds(10)
        /// From the last progress of a request until the head of the local app's answer.
        package var responseHead: Duration = .seconds(120)
        /// How long a connection to the local app is kept without a request; below the 60 to 75 s after
        /// which common servers close.
        package var idle: Duration = .seconds(30)

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

        /// The defaults.
        package init() {}
    }
}

/// What a relay tells whoever runs it; on its event loop, in order.
package enum LocalRelayEvent: Sendable, Equatable {
    /// A request arrived.
    case requestStarted
    /// A request is over.
    case request(RelayedRequestSummary)
    /// The local app stopped accepting connections.
    case localAppUnreachable
    /// The local app accepts connections again.
    case localAppReachable
    /// The local app accepts connections, but does not speak the HTTP/2 it was said to speak.
    case localAppSpeaksNoHTTP2
}

/// One finished request, for a log line.
package struct RelayedRequestSummary: Sendable, Equatable {
    /// How a request ended.
    package enum Outcome: String, Sendable {
        /// Answered in full.
        case completed
        /// The viewer, the edge or the tunnel gave it up.
        case cancelled
        /// The local app failed: refused, broke off, timed out or broke HTTP.
        case failed
    }

    /// The method, as sent.
    package var method: String
    /// The path without the query.
    package var path: String
    /// The local app's final status; nil when there was none.
    package var status: Int?
    /// From the arrival of the head to the end of the answer.
    package var duration: Duration
    /// Body bytes from the viewer.
    package var bytesIn: Int
    /// Body bytes to the viewer.
    package var bytesOut: Int
    /// Whether it was a WebSocket.
    package var isWebSocket: Bool
    /// How it ended.
    package var outcome: Outcome

    /// Describes one finished request.
    package init(
        method: String,
        path: String,
        status: Int?,
        duration: Duration,
        bytesIn: Int,
        bytesOut: Int,
        isWebSocket: Bool,
        outcome: Outcome
    ) {
        self.method = method
        self.path = path
        self.status = status
        self.duration = duration
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.isWebSocket = isWebSocket
        self.outcome = outcome
    }
}
