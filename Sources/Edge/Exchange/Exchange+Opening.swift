import AccessControl
import NIOCore
import ProxySemantics
import SessionModel
import TunnelProtocol
import TunnelTransport

// How an exchange gets its stream: on a tunnel that is there, on one it waits for, or once more after a loss.
extension Exchange {
    /// The stream was lost before anything was answered: asks once more on another connection, if asking twice does no
    /// harm (RFC 9110, 9.2.2); false when the loss must be told.
    ///
    /// A request with a body is not asked again: what was sent of it is not kept.
    func retries(after reason: TunnelResetReason) -> Bool {
        let isSafe = reason == .refused || (reason == .connectionLost && self.request.head.isIdempotent)
        guard isSafe, !self.hasRetried, !self.hasSentInterim, !self.request.hasBody, case .relaying = self.state,
            let session, let ticket
        else {
            return false
        }
        self.hasRetried = true
        self.edge.counters.retried()
        self.state = .waitingForTunnel
        // In a turn of its own: the connection that is gone leaves the session's pool in this one.
        self.eventLoop.assumeIsolated()
            .execute {
                guard case .waitingForTunnel = self.state, !self.openOnAnyTunnel(of: session) else { return }
                self.waitForTunnel(session, ticket)
            }
        return true
    }

    func waitForTunnel(_ session: EdgeSession, _ ticket: EdgeSession.Ticket) {
        self.state = .waitingForTunnel
        guard session.wait(ticket) else {
            // One connected between looking and waiting, or all of them are full.
            if !self.openOnAnyTunnel(of: session) {
                self.refuse(DaypassError(.serviceUnavailable, retryAfterSeconds: 1))
            }
            return
        }
        self.responder.pauseReading(true)
        let grace = TimeAmount(self.edge.configuration.reconnectGrace)
        self.responder.eventLoop.assumeIsolated()
            .scheduleTask(in: grace) { [weak self] in
                guard let self, case .waitingForTunnel = self.state else { return }
                self.refuse(DaypassError(.tunnelOffline, retryAfterSeconds: 5))
            }
    }

    /// A tunnel connected while this exchange was waiting for one.
    func tunnelArrived() {
        guard case .waitingForTunnel = self.state, let session else { return }
        guard self.openOnAnyTunnel(of: session) else {
            self.refuse(DaypassError(.tunnelOffline, retryAfterSeconds: 5))
            return
        }
        self.responder.pauseReading(false)
    }

    /// Opens the stream on the first tunnel that takes one; false when there is none.
    ///
    /// They take turns, unless one of them is busy with something large: then the least busy one comes first, so that
    /// small answers wait neither behind a download nor for its lost packets.
    func openOnAnyTunnel(of session: EdgeSession) -> Bool {
        let tunnels = session.tunnels()
        if tunnels.count > 1, let quiet = Self.quietest(of: tunnels), self.open(on: quiet) { return true }
        for tunnel in tunnels {
            if let connection = tunnel.onLoop, connection.isAccepting, self.open(on: connection) { return true }
        }
        return false
    }

    /// The tunnel that carries least, if another one carries much more.
    private static func quietest(of tunnels: [TunnelHandle]) -> TunnelConnection? {
        let now = NIODeadline.now()
        var quietest: (connection: TunnelConnection, rate: Double)?
        var highest = 0.0
        for tunnel in tunnels {
            guard let connection = tunnel.onLoop, connection.isAccepting else { continue }
            let rate = connection.load.bytesPerSecond(now: now)
            highest = max(highest, rate)
            if rate < quietest?.rate ?? .infinity { quietest = (connection, rate) }
        }
        guard let quietest, highest > quietest.rate * 4 + Self.busyBytesPerSecond else { return nil }
        return quietest.connection
    }

    /// Below this nobody has to get out of anybody's way.
    private static let busyBytesPerSecond = 1_000_000.0

    private func open(on tunnel: TunnelConnection) -> Bool {
        let ends = !self.request.hasBody && !self.isWebSocket
        guard
            let id = tunnel.openStream(
                kind: self.isWebSocket ? .webSocket : .http,
                head: self.forwardedHead(),
                end: ends,
                delegate: self
            )
        else { return false }
        self.beginRelaying(.tunnel(tunnel, id), ends: ends)
        if tunnel.version == .v0, self.request.head.listContains(.expect, "100-continue") {
            // Version 0 has no interim responses: the edge invites the body itself.
            self.responder.sendContinue()
        }
        return true
    }

    /// The request goes to `stream`; `ends` when its head is all of it.
    func beginRelaying(_ stream: RelayStream, ends: Bool) {
        self.stream = stream
        self.state = .relaying
        self.requestEndSent = ends
        if ends { self.gateway?.requestEnded() }
        self.sendQueued()
    }

    /// The request's head as it travels on.
    func forwardedHead() -> ByteBuffer {
        var head = self.edge.allocator.buffer(capacity: self.request.head.bytes.readableBytes + 320)
        self.request.head.writeForwardedRequest(
            target: self.request.route.target,
            context: ForwardingContext(
                peerAddress: self.request.peer.text,
                scheme: self.request.scheme,
                peerIsTrusted: !self.edge.trustedProxies.isEmpty
                    && self.edge.trustedProxies.isTrusted(self.request.peer.address),
                removesAuthorization: self.gateway?.usesAuthorization ?? self.ticket?.usesBasic ?? false,
                gateway: self.gateway?.rewriting
            ),
            asWebSocket: self.isWebSocket,
            to: &head
        )
        return head
    }
}

/// The way of a request to where it is answered.
enum RelayStream {
    /// A stream of a tunnel.
    case tunnel(TunnelConnection, TunnelStreamID)
    /// A connection to a tenant's upstream.
    case upstream(UpstreamStream)

    /// Sends body bytes, or bytes of an upgraded stream.
    func sendData(_ data: ByteBuffer) -> TunnelConnection.SendResult {
        switch self {
        case .tunnel(let tunnel, let id): tunnel.sendData(data, on: id)
        case .upstream(let stream): stream.sendData(data)
        }
    }

    /// Ends the request.
    func sendEnd(trailers: ByteBuffer?) {
        switch self {
        case .tunnel(let tunnel, let id): tunnel.sendEnd(trailers: trailers, on: id)
        case .upstream(let stream): stream.sendEnd(trailers: trailers)
        }
    }

    /// Gives both directions up.
    func reset(_ reason: TunnelResetReason) {
        switch self {
        case .tunnel(let tunnel, let id): tunnel.reset(id, reason)
        case .upstream(let stream): stream.reset(reason)
        }
    }

    /// The viewer took bytes of the answer.
    func consumed(_ bytes: Int) {
        switch self {
        case .tunnel(let tunnel, let id): tunnel.consumed(bytes, on: id)
        case .upstream(let stream): stream.consumed(bytes)
        }
    }
}
