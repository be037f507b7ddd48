import NIOCore
import NIOHPACK
import NIOHTTP2
import ProxySemantics
import SessionModel
import TunnelTransport

/// One request of a viewer over HTTP/2: runs one exchange on the channel of one stream.
///
/// Confined to the connection's event loop. The stream is read only while the exchange takes request bytes, so its
/// flow-control window is what bounds the bytes held for it.
final class ViewerHTTP2StreamHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    enum Phase {
        /// The request's head has not come.
        case idle
        /// An exchange is under way.
        case active
        /// A WebSocket: bytes both ways.
        case duplex
        /// The answer is complete, or the stream is reset.
        case over
    }

    let eventLoop: any EventLoop
    let edge: EdgeContext
    private let peer: ViewerPeer
    private let isTLS: Bool
    var context: ChannelHandlerContext?
    private var exchange: Exchange?
    var phase = Phase.idle
    /// Whether the viewer's direction is complete.
    private(set) var inputEnded = false
    var headSent = false
    /// Whether the request was HEAD.
    private(set) var answersHEAD = false
    private var readingPaused = false
    /// What a viewer sends on a WebSocket before it is open waits in the stream's window.
    private var awaitsUpgrade = false
    private var readPending = false
    /// The frame said last, kept back until the end of the turn: an end that follows travels with it.
    private var staged: HTTP2Frame.FramePayload?
    private var isFlushScheduled = false
    private var responseTimer: Scheduled<Void>?

    init(edge: EdgeContext, peer: ViewerPeer, isTLS: Bool, eventLoop: any EventLoop) {
        self.edge = edge
        self.peer = peer
        self.isTLS = isTLS
        self.eventLoop = eventLoop
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.streamLost()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.streamLost()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.streamLost()
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.exchange?.viewerBecameWritable() }
        context.fireChannelWritabilityChanged()
    }

    func read(context: ChannelHandlerContext) {
        if self.readingPaused || self.awaitsUpgrade {
            self.readPending = true
        } else {
            context.read()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .headers(let frame):
            if self.phase == .idle {
                self.begin(frame.headers, ends: frame.endStream)
            } else if frame.endStream {
                self.requestEnded(trailers: frame.headers)
            }
        case .data(let frame):
            if case .byteBuffer(let bytes) = frame.data, bytes.readableBytes > 0 { self.received(bytes) }
            if frame.endStream { self.requestEnded(trailers: nil) }
        default: return
        }
    }

    // MARK: The request

    private func begin(_ headers: HPACKHeaders, ends: Bool) {
        self.phase = .active
        do throws(HTTPParseError) {
            let head = try HTTPHead.request(
                http2: headers,
                webSocketKey: WebSocketHandshake.randomKey,
                limits: self.edge.configuration.parserLimits
            )
            self.answersHEAD = head.isMethod("HEAD")
            let route = try self.edge.route(head)
            guard route.destination != .tunnel else {
                return self.sendAnswer(.refusal(DaypassError(.upgradeRequired)))
            }
            let opensWebSocket = head.asksForWebSocket
            let request = ViewerRequest(
                head: head,
                route: route,
                hasBody: !ends && !opensWebSocket,
                peer: self.peer,
                scheme: self.edge.scheme(of: head, peer: self.peer.address, isTLS: self.isTLS)
            )
            let exchange = Exchange(edge: self.edge, request: request, responder: self)
            self.exchange = exchange
            self.awaitsUpgrade = opensWebSocket
            if ends || opensWebSocket { self.awaitResponse() }
            self.inputEnded = ends
            exchange.start()
        } catch {
            self.edge.counters.requestRefused()
            self.inputEnded = ends
            let message: String? =
                if case .invalid(let rule) = error { "The request is not valid HTTP: \(rule)." } else { nil }
            self.sendAnswer(.refusal(DaypassError(error.requestErrorCode, message)))
        }
    }

    private func received(_ bytes: ByteBuffer) {
        switch self.phase {
        case .active: self.exchange?.requestBody(bytes)
        case .duplex: self.exchange?.duplexData(bytes)
        case .idle, .over: return
        }
    }

    private func requestEnded(trailers: HPACKHeaders?) {
        guard !self.inputEnded else { return }
        self.inputEnded = true
        var block: ByteBuffer?
        if let trailers {
            guard let valid = try? trailers.trailerBlock() else { return self.reset() }
            block = valid
        }
        switch self.phase {
        case .active:
            if !self.headSent { self.awaitResponse() }
            self.exchange?.requestEnded(trailers: block)
        case .duplex: self.exchange?.duplexInputEnded()
        case .idle, .over: return
        }
    }

    private func awaitResponse() {
        self.responseTimer = self.eventLoop.assumeIsolated()
            .scheduleTask(in: self.edge.configuration.responseTimeout) {
                self.exchange?.responseTimedOut()
            }
    }

    func stopAwaitingResponse() {
        self.responseTimer?.cancel()
        self.responseTimer = nil
    }

    private func streamLost() {
        self.stopAwaitingResponse()
        self.staged = nil
        self.phase = .over
        let exchange = self.exchange
        self.exchange = nil
        exchange?.viewerGone()
    }

    // MARK: Output

    /// Says one frame; it leaves at the end of this turn at the latest.
    func stage(_ payload: HTTP2Frame.FramePayload) {
        self.writeStaged()
        self.staged = payload
        guard !self.isFlushScheduled else { return }
        self.isFlushScheduled = true
        self.eventLoop.assumeIsolated()
            .execute {
                self.isFlushScheduled = false
                self.writeStaged()
                self.context?.flush()
            }
    }

    private func writeStaged(promise: EventLoopPromise<Void>? = nil) {
        guard let staged, let context else { return }
        self.staged = nil
        context.write(Self.wrapOutboundOut(staged), promise: promise)
    }

    /// Completes the viewer's answer with the frame said last, or with one of its own.
    func stageEnd() {
        switch self.staged {
        case .headers(var headers):
            headers.endStream = true
            self.staged = .headers(headers)
        case .data(var data):
            data.endStream = true
            self.staged = .data(data)
        default: self.stage(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)))
        }
    }

    /// The answer is complete: what the viewer still sends is not wanted (RFC 9113, 8.1).
    func answerEnded() {
        self.phase = .over
        self.exchange = nil
        guard !self.inputEnded, let context else { return }
        self.awaitsUpgrade = false
        self.readingPaused = false
        self.readIfPending()
        // A reset before the last byte is written would cut the answer off.
        let written = self.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated()
            .whenSuccess {
                guard !self.inputEnded, let context = self.context else { return }
                context.writeAndFlush(Self.wrapOutboundOut(.rstStream(.noError)), promise: nil)
            }
        self.writeStaged(promise: written)
        context.flush()
    }

    /// Resets the stream, so that the answer does not look complete.
    func reset() {
        self.streamLost()
        self.context?.writeAndFlush(Self.wrapOutboundOut(.rstStream(.internalError)), promise: nil)
    }

    func pauseReading(_ paused: Bool) {
        self.readingPaused = paused
        self.readIfPending()
    }

    /// The WebSocket is open: what the viewer sends is for the app.
    func upgraded() {
        self.phase = .duplex
        self.awaitsUpgrade = false
        if self.inputEnded { self.exchange?.duplexInputEnded() }
        self.readIfPending()
    }

    private func readIfPending() {
        guard self.readPending, !self.readingPaused, !self.awaitsUpgrade else { return }
        self.readPending = false
        self.context?.read()
    }
}

@available(*, unavailable)
extension ViewerHTTP2StreamHandler: Sendable {}
