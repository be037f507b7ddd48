import NIOCore
import ProxySemantics
import TunnelProtocol
import TunnelTransport

/// One request of a viewer and its answer by the local app: the owner of one tunnel stream.
///
/// Confined to its event loop; no promise, no task. Request bytes are credited to the edge when the carrier took
/// them; reading the answer stops while the tunnel's queue is full. How the local app is spoken to is the carrier's
/// business.
///
/// ```
/// request:   waiting for a carrier ──▶ sending ──▶ complete        (body: RequestBodyStateMachine)
/// answer:    awaited ──▶ streaming ──▶ ended                          (or ──▶ raw after a 101)
/// finished:  both complete, or a reset by either side
/// ```
final class LocalExchange: TunnelStreamDelegate {
    enum Answer {
        /// No final head yet.
        case awaited
        /// The final head went to the edge.
        case streaming
        /// A 101 made it a duplex byte stream.
        case raw
        /// Everything went to the edge.
        case ended
    }

    /// The most informational answers before a final one; they are not held back by credit.
    static let maximumInformational = 32

    /// Where it stands in the relay's list.
    var index = 0

    let relay: LocalRelay
    let tunnel: any RelayTunnel
    let id: TunnelStreamID
    let head: HTTPHead
    let isWebSocket: Bool
    var body: RequestBodyStateMachine
    var carrier: (any LocalCarrier)?
    /// The same once it is a WebSocket's: those are always HTTP/1.1 connections.
    var rawConnection: LocalConnection?
    var answer: Answer = .awaited
    var bytesOut = 0
    /// Whether the edge's direction is complete; for a WebSocket the body's account does not say so.
    var hasRequestEnded = false
    /// Whether a WebSocket got its 101.
    var isUpgraded: Bool { self.rawConnection != nil }
    private(set) var isFinished = false
    /// When something last went on that the local app is not responsible for.
    var lastProgress: NIODeadline
    private let started: NIODeadline
    var bytesIn = 0
    /// What arrived before there was a carrier; bounded by the credit given.
    var queued: [ByteBuffer] = []
    /// The end that arrived then, with its trailers.
    var queuedEnd: ByteBuffer??
    /// Bytes given to the carrier for which no credit was returned yet.
    var uncredited = 0
    /// What was sent to a local app that may refuse it; nil once it cannot be sent again.
    var sent: SentRequest?
    var hasRetried = false
    var startedOnReused = false
    var status: Int?
    var informationalCount = 0
    var hasSentEnd = false

    init(
        relay: LocalRelay,
        tunnel: any RelayTunnel,
        id: TunnelStreamID,
        kind: TunnelStreamKind,
        head: HTTPHead,
        body: RequestBodyStateMachine
    ) {
        self.relay = relay
        self.tunnel = tunnel
        self.id = id
        self.isWebSocket = kind == .webSocket
        self.head = head
        self.body = body
        self.started = .now()
        self.lastProgress = self.started
    }

    /// Whether a carrier that is ready is still of use.
    var wantsCarrier: Bool { !self.isFinished && self.carrier == nil }

    /// Whether `Expect` is passed on: only when the local app's 100 can travel back.
    var passesExpect: Bool { self.tunnel.version == .v1 }

    /// Asks for a carrier; false when the request must be refused.
    func acquireCarrier() -> Bool {
        self.isWebSocket
            ? self.relay.webSockets.acquireForWebSocket(self) : self.relay.requests.acquire(for: self)
    }

    /// There is a carrier: the request goes out.
    func begin(on carrier: any LocalCarrier) {
        self.carrier = carrier
        self.startedOnReused = carrier.isReused
        if carrier.mayRefuse, !self.hasRetried { self.sent = SentRequest(body: self.body) }
        self.lastProgress = .now()
        carrier.begin(self)
        if !self.isWebSocket { self.forwardQueued() }
        guard !self.isFinished else { return }
        if self.body.isComplete { carrier.flush() } else { carrier.flushSoon() }
    }

    // MARK: The request, from the tunnel

    func tunnelStreamReceived(head: ByteBuffer, end: Bool) {
        // Only agents send heads after the first.
        self.fail(.protocolError)
    }

    func tunnelStreamReceived(data: ByteBuffer) {
        guard !self.isFinished, data.readableBytes > 0 else { return }
        self.bytesIn += data.readableBytes
        if self.body.isUndecided {
            self.body.decide(end: false)
            guard self.acquireCarrier() else { return self.fail(.refused) }
        }
        if self.carrier == nil || (self.isWebSocket && self.answer == .awaited) {
            self.queued.append(data)
        } else {
            self.forward(data)
        }
    }

    func tunnelStreamReceivedEnd(trailers: ByteBuffer?) {
        guard !self.isFinished else { return }
        self.hasRequestEnded = true
        if self.body.isUndecided {
            self.body.decide(end: true)
            if !self.acquireCarrier() { self.fail(.refused) }
            return
        }
        if self.carrier == nil || (self.isWebSocket && self.answer == .awaited) {
            self.queuedEnd = .some(trailers)
        } else {
            self.forwardEnd(trailers: trailers)
        }
    }

    func tunnelStreamReset(_ reason: TunnelResetReason) {
        guard !self.isFinished else { return }
        self.finish(.cancelled)
    }

    func tunnelStreamWritable() {
        self.carrier?.resumeReads()
    }

    /// Sends what arrived before the carrier, or before the 101, was there.
    func forwardQueued() {
        let queued = self.queued
        self.queued = []
        for data in queued where !self.isFinished { self.forward(data) }
        if let trailers = self.queuedEnd, !self.isFinished {
            self.queuedEnd = nil
            self.forwardEnd(trailers: trailers)
        }
    }

    private func forward(_ data: ByteBuffer) {
        guard let carrier = self.carrier else { return }
        let count = data.readableBytes
        if self.isWebSocket {
            guard let rawConnection = self.rawConnection else {
                // The upgrade was declined: what the viewer already sent for it means nothing.
                self.tunnel.consumed(count, on: self.id)
                return
            }
            rawConnection.write(data)
        } else {
            switch self.body.dataReceived(count) {
            case .send: carrier.sendBody(data)
            case .sendChunk(let first): carrier.sendChunk(data, first: first)
            case .abort: return self.fail(.protocolError)
            }
        }
        carrier.flushSoon()
        if self.sent != nil { self.remember(data) }
        self.uncredited += count
        self.creditIfWritable()
    }

    private func forwardEnd(trailers: ByteBuffer?) {
        guard let carrier = self.carrier else { return }
        if self.isWebSocket { return self.forwardRawEnd() }
        self.sent?.end = .some(trailers)
        do throws(HTTPParseError) {
            switch self.body.endReceived() {
            case .finish: try carrier.sendEnd(trailers: trailers)
            case .finishChunks(let first): try carrier.sendLastChunk(trailers: trailers, first: first)
            case .abort: return self.fail(.protocolError)
            }
        } catch {
            return self.fail(.protocolError)
        }
        self.lastProgress = .now()
        carrier.flush()
        if self.answer == .ended { self.complete() }
    }

    /// The carrier takes bytes again.
    func localAppWritable() {
        self.creditIfWritable()
    }

    private func creditIfWritable() {
        guard self.uncredited > 0, self.carrier?.isWritable == true else { return }
        let count = self.uncredited
        self.uncredited = 0
        self.lastProgress = .now()
        self.tunnel.consumed(count, on: self.id)
    }

    // MARK: The end

    /// Gives up when the local app has had `limit` to answer, or to take the rest of a request.
    func checkProgress(now: NIODeadline, limit: TimeAmount) {
        switch self.answer {
        case .streaming, .raw: return
        case .awaited, .ended:
            if let carrier = self.carrier {
                // Waiting for the viewer is not the local app's fault.
                if !self.body.isComplete, carrier.isWritable { self.lastProgress = now }
            } else if self.body.isUndecided {
                self.lastProgress = now
            }
            guard now - self.lastProgress >= limit else { return }
            if self.answer == .ended { self.stopRequest() } else { self.fail(.upstreamTimeout) }
        }
    }

    /// The agent stops.
    func cancel() {
        guard !self.isFinished else { return }
        self.tunnel.reset(self.id, .cancelled)
        self.finish(.cancelled)
    }

    /// Aborts the stream towards the edge and the request towards the local app.
    func fail(_ reason: TunnelResetReason) {
        guard !self.isFinished else { return }
        self.tunnel.reset(self.id, reason)
        self.finish(.failed)
    }

    /// Request and answer are complete.
    func complete() {
        let carrier = self.carrier
        self.carrier = nil
        carrier?.finish()
        // A declined upgrade: the viewer's side of the stream would stay open.
        if self.isWebSocket, !self.hasRequestEnded { self.tunnel.reset(self.id, .noError) }
        self.finish(.completed)
    }

    /// The answer is complete and the local app does not want the rest of the request.
    func stopRequest() {
        self.tunnel.reset(self.id, .noError)
        self.carrier?.stopRequest()
        self.carrier = nil
        self.finish(.completed)
    }

    /// Both directions of a WebSocket are complete.
    func completeRaw() {
        self.rawConnection?.closeAfterWrites()
        self.carrier = nil
        self.finish(.completed)
    }

    private func finish(_ outcome: RelayedRequestSummary.Outcome) {
        guard !self.isFinished else { return }
        self.isFinished = true
        if let carrier = self.carrier {
            self.carrier = nil
            carrier.abort()
        } else if outcome != .completed {
            self.relay.requests.cancel(self)
        }
        self.rawConnection = nil
        self.queued = []
        self.queuedEnd = nil
        self.sent = nil
        let now = NIODeadline.now()
        let target = self.head.withBytes(self.head.target) { bytes in
            String(decoding: bytes.prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self)
        }
        self.relay.finished(
            self,
            summary: RelayedRequestSummary(
                method: self.head.methodString,
                path: target,
                status: self.status,
                duration: .nanoseconds((now - self.started).nanoseconds),
                bytesIn: self.bytesIn,
                bytesOut: self.bytesOut,
                isWebSocket: self.isWebSocket,
                outcome: outcome
            )
        )
    }
}
