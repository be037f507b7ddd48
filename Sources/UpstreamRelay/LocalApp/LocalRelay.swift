package import NIOCore
import ProxySemantics
package import TunnelProtocol
package import TunnelTransport

/// Takes the streams of all tunnels of one agent to the local app.
///
/// Confined to its event loop. Owns the pool and the list of exchanges, whose waits it bounds with one timer
/// for all of them: a timer per request would cost more than the request's own bookkeeping.
package final class LocalRelay {
    /// How heads change.
    let mapping: LocalHeadMapping
    /// What carries requests to the local app.
    let requests: any LocalCarrierPool
    /// The connections of WebSockets: HTTP/1.1, whatever carries requests.
    let webSockets: LocalAppPool

    private let eventLoop: any EventLoop
    private let responseHeadTimeout: TimeAmount
    private let sweepInterval: TimeAmount
    private let onEvent: (LocalRelayEvent) -> Void
    private var exchanges: [LocalExchange] = []
    private var sweeper: Scheduled<Void>?
    private var onIdle: (() -> Void)?

    /// Prepares to relay; nothing is connected yet.
    ///
    /// - Throws: an error of NIOSSL when the system's trust roots cannot be loaded for an `https` target.
    package init(
        configuration: LocalRelayConfiguration,
        eventLoop: any EventLoop,
        onEvent: @escaping (LocalRelayEvent) -> Void
    ) throws {
        let timeouts = configuration.timeouts
        self.eventLoop = eventLoop
        self.onEvent = onEvent
        self.mapping = LocalHeadMapping(target: configuration.target, hostHeader: configuration.hostHeader)
        self.responseHeadTimeout = TimeAmount(timeouts.responseHead)
        self.sweepInterval = max(
            .milliseconds(10),
            min(.seconds(1), .nanoseconds(TimeAmount(min(timeouts.responseHead, timeouts.idle)).nanoseconds / 4))
        )
        let target = configuration.target
        let makeDialer = { (applicationProtocol: String) throws in
            try LocalDialer(
                target: target,
                eventLoop: eventLoop,
                timeout: TimeAmount(timeouts.connect),
                applicationProtocol: applicationProtocol
            )
        }
        let speaksHTTP2 = configuration.upstreamProtocol == .http2
        self.webSockets = LocalAppPool(
            dialer: try makeDialer("http/1.1"),
            limits: configuration.pool,
            idleTimeout: TimeAmount(timeouts.idle),
            onReachability: { isReachable in
                // An app that speaks HTTP/2 may be there without taking a WebSocket.
                if !speaksHTTP2 { onEvent(isReachable ? .localAppReachable : .localAppUnreachable) }
            }
        )
        if speaksHTTP2 {
            self.requests = LocalHTTP2Pool(
                dialer: try makeDialer("h2"),
                limits: configuration.pool,
                timeouts: timeouts,
                eventLoop: eventLoop,
                onEvent: onEvent
            )
        } else {
            self.requests = self.webSockets
        }
    }

    /// Starts the timer that bounds every wait.
    package func start() {
        self.sweeper = self.eventLoop.assumeIsolated()
            .scheduleTask(in: self.sweepInterval) {
                self.sweep(now: .now())
                if self.sweeper != nil { self.start() }
            }
    }

    /// Stops the timer, cuts what is still open and closes the connections.
    package func stop() {
        self.sweeper?.cancel()
        self.sweeper = nil
        while let exchange = self.exchanges.last { exchange.cancel() }
        self.requests.stop()
    }

    /// Calls `action` once, when no request is open; WebSockets, which have no end of their own, do not count.
    package func whenIdle(_ action: @escaping () -> Void) {
        if self.hasOpenRequests { self.onIdle = action } else { action() }
    }

    private var hasOpenRequests: Bool { self.exchanges.contains { !$0.isWebSocket } }

    /// A tunnel delivered a new stream; nil refuses it (nothing was started, trying again is safe).
    package func accept(
        _ id: TunnelStreamID,
        kind: TunnelStreamKind,
        head block: ByteBuffer,
        end: Bool,
        on tunnel: any RelayTunnel
    ) -> (any TunnelStreamDelegate)? {
        let head: HTTPHead
        let body: RequestBodyStateMachine
        do throws(HTTPParseError) {
            head = try HTTPMessageParser.parseHead(block: block, role: .request)
            try Self.check(head, kind: kind)
            body = try RequestBodyStateMachine(head: head, end: end || kind == .webSocket, version: tunnel.version)
        } catch {
            return self.refuseInvalid(id, on: tunnel)
        }
        let exchange = LocalExchange(relay: self, tunnel: tunnel, id: id, kind: kind, head: head, body: body)
        exchange.index = self.exchanges.count
        self.exchanges.append(exchange)
        self.onEvent(.requestStarted)
        switch body.started() {
        case .wait: return exchange
        case .refuse:
            self.forget(exchange)
            return self.refuseInvalid(id, on: tunnel)
        case .sendHead:
            guard exchange.acquireCarrier() else {
                self.forget(exchange)
                return nil
            }
            return exchange
        }
    }

    /// An exchange is over.
    func finished(_ exchange: LocalExchange, summary: RelayedRequestSummary) {
        self.forget(exchange)
        self.onEvent(.request(summary))
        if let action = self.onIdle, !self.hasOpenRequests {
            self.onIdle = nil
            action()
        }
    }

    private func forget(_ exchange: LocalExchange) {
        let index = exchange.index
        self.exchanges.swapAt(index, self.exchanges.count - 1)
        self.exchanges[index].index = index
        self.exchanges.removeLast()
    }

    private func sweep(now: NIODeadline) {
        self.requests.sweep(now: now)
        // From the end, because an exchange that is given up is replaced by the last one.
        for index in stride(from: self.exchanges.count - 1, through: 0, by: -1) where index < self.exchanges.count {
            self.exchanges[index].checkProgress(now: now, limit: self.responseHeadTimeout)
        }
    }

    /// What the edge should not have sent: it is told so once the stream exists.
    private func refuseInvalid(_ id: TunnelStreamID, on tunnel: any RelayTunnel) -> any TunnelStreamDelegate {
        self.eventLoop.assumeIsolated().execute { tunnel.reset(id, .protocolError) }
        return InvalidStream()
    }

    /// What a request from the edge must be beyond a valid head: an origin-form or asterisk target (the local app is
    /// no proxy), at most one `Host`, no CONNECT, whose answer would not be framed, and a key if it is a WebSocket.
    private static func check(_ head: HTTPHead, kind: TunnelStreamKind) throws(HTTPParseError) {
        let isTargetValid = head.withBytes(head.target) { bytes in
            bytes.first == UInt8(ascii: "/") || (bytes.count == 1 && bytes.first == UInt8(ascii: "*"))
        }
        guard isTargetValid else { throw .invalid("the request target is not a path") }
        guard head.count(of: .host) <= 1 else { throw .invalid("there is more than one Host") }
        guard !head.isMethod("CONNECT") else { throw .invalid("CONNECT is not relayed") }
        guard kind == .http || head.count(of: .secWebSocketKey) == 1 else {
            throw .invalid("a WebSocket request has one Sec-WebSocket-Key")
        }
    }
}

/// Stands for a stream that is reset right after it was opened.
private final class InvalidStream: TunnelStreamDelegate {
    func tunnelStreamReceived(head: ByteBuffer, end: Bool) {}
    func tunnelStreamReceived(data: ByteBuffer) {}
    func tunnelStreamReceivedEnd(trailers: ByteBuffer?) {}
    func tunnelStreamReset(_ reason: TunnelResetReason) {}
    func tunnelStreamWritable() {}
}
