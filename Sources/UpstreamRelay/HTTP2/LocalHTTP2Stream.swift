import DequeModule
import NIOCore
import NIOHTTP2
import ProxySemantics
import TunnelProtocol

/// One stream of an HTTP/2 connection to the local app: carries one exchange.
///
/// Confined to its event loop. While the exchange holds reads nothing more is asked of the stream, whose window then
/// closes; what arrives nevertheless, at most two windows, waits here.
final class LocalHTTP2Stream: ChannelDuplexHandler, LocalCarrier {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = HTTP2Frame.FramePayload

    /// How long a stream may take to send the rest of its request after its exchange is complete.
    private static let lingerLimit: TimeAmount = .seconds(10)

    /// Where it stands in the connection's list.
    var index = 0
    /// Its number; nil before its head was sent.
    private(set) var id: HTTP2StreamID?
    let isReused: Bool
    /// When it is cut although its exchange is complete; set once that is so.
    private(set) var lingerDeadline: NIODeadline = .distantFuture
    /// DATA frames that arrived and were not delivered; counted by the connection.
    var unreadFrames = 0

    private let connection: LocalHTTP2Connection
    private let scheme: LocalTarget.Scheme
    /// For whom it is being opened.
    private var candidate: LocalExchange?
    private var exchange: LocalExchange?
    private var context: ChannelHandlerContext?
    private var answer = HTTP2AnswerStateMachine(answersHEAD: false)
    private var undelivered: Deque<HTTP2Frame.FramePayload> = []
    private var holdsReads = false
    private var hasHeldRead = false
    private var isInsideDeliver = false
    private var isFlushDue = false
    private var isOver = false
    private var wasRefused = false
    private var failure: (any Error)?

    /// A stream that is about to be opened for `exchange`.
    init(
        connection: LocalHTTP2Connection,
        for exchange: LocalExchange,
        scheme: LocalTarget.Scheme,
        isReused: Bool
    ) {
        self.connection = connection
        self.candidate = exchange
        self.scheme = scheme
        self.isReused = isReused
    }

    // MARK: Used by the connection

    /// The local app said that it did not look at this stream.
    func refuse() {
        self.wasRefused = true
    }

    /// The connection ended, or takes no more streams, before anything was sent: the exchange looks for another one.
    func cannotStart() {
        guard let exchange = self.candidate else { return }
        self.candidate = nil
        self.isOver = true
        self.connection.streamEnded(self)
        if exchange.wantsCarrier { exchange.acquireAgain() }
    }

    /// Whether what arrives waits for the exchange.
    var isDelivering: Bool { self.exchange != nil }

    /// Too many frames wait here.
    func giveUp() {
        self.exchange?.fail(.bufferLimit)
    }

    // MARK: Used by the exchange

    var isWritable: Bool { self.context?.channel.isWritable == true }

    /// The local app can say that it did not look at a request: with REFUSED_STREAM and GOAWAY.
    var mayRefuse: Bool { true }

    var hasPartialAnswer: Bool { !self.undelivered.isEmpty }

    /// Each direction of a stream ends on its own.
    var takesRestOfRequest: Bool { !self.isOver }

    func begin(_ exchange: LocalExchange) {
        self.exchange = exchange
        self.answer = HTTP2AnswerStateMachine(answersHEAD: exchange.head.isMethod("HEAD"))
        let fields = exchange.relay.mapping.requestFields(
            exchange.head,
            scheme: self.scheme,
            passesExpect: exchange.passesExpect
        )
        self.write(.headers(.init(headers: fields, endStream: exchange.body.isComplete)))
        // The head goes out at once: until then the stream has no number, by which a GOAWAY would spare or refuse it.
        self.flush()
        self.id = try? self.context?.channel.syncOptions?.getOption(HTTP2StreamChannelOptions.streamID)
        if let id = self.id { self.connection.started(self, id: id) }
    }

    func sendBody(_ data: ByteBuffer) {
        self.write(.data(.init(data: .byteBuffer(data))))
    }

    /// Frames say where a body ends; it needs no chunks.
    func sendChunk(_ data: ByteBuffer, first: Bool) {
        self.sendBody(data)
    }

    func sendEnd(trailers: ByteBuffer?) throws(HTTPParseError) {
        if let trailers, let fields = try LocalHeadMapping.trailerFields(trailers) {
            self.write(.headers(.init(headers: fields, endStream: true)))
        } else {
            self.write(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)))
        }
    }

    func sendLastChunk(trailers: ByteBuffer?, first: Bool) throws(HTTPParseError) {
        try self.sendEnd(trailers: trailers)
    }

    func flush() {
        guard !self.isOver else { return }
        self.context?.flush()
    }

    /// A burst of frames costs one system call.
    func flushSoon() {
        guard !self.isFlushDue, let context = self.context else { return }
        self.isFlushDue = true
        context.eventLoop.assumeIsolated()
            .execute {
                self.isFlushDue = false
                self.flush()
            }
    }

    func holdReads() {
        self.holdsReads = true
    }

    /// What is here already is handled first.
    func resumeReads() {
        guard self.holdsReads else { return }
        self.holdsReads = false
        self.deliver()
        if !self.holdsReads, self.hasHeldRead {
            self.hasHeldRead = false
            self.context?.read()
        }
    }

    /// The stream ends by itself once the local app has taken what is queued.
    func finish() {
        self.leave()
        self.connection.completedExchange()
        if !self.isOver { self.lingerDeadline = .now() + Self.lingerLimit }
    }

    func stopRequest() {
        self.abort()
    }

    func close() {
        self.abort()
    }

    /// Sends RST_STREAM with `CANCEL`, unless both directions have ended already.
    func abort() {
        self.leave()
        guard !self.isOver else { return }
        self.context?.close(mode: .all, promise: nil)
    }

    private func leave() {
        self.exchange = nil
        self.undelivered = []
        self.connection.framesRead(self.unreadFrames)
        self.unreadFrames = 0
        self.holdsReads = false
        if self.hasHeldRead {
            self.hasHeldRead = false
            self.context?.read()
        }
    }

    private func write(_ payload: HTTP2Frame.FramePayload) {
        guard !self.isOver else { return }
        self.context?.write(self.wrapOutboundOut(payload), promise: nil)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func read(context: ChannelHandlerContext) {
        if self.holdsReads {
            self.hasHeldRead = true
        } else {
            context.read()
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        guard let exchange = self.candidate else { return }
        guard exchange.wantsCarrier, self.connection.takesStreams else {
            self.cannotStart()
            return context.close(mode: .all, promise: nil)
        }
        self.candidate = nil
        exchange.begin(on: self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.exchange != nil else { return }
        self.undelivered.append(self.unwrapInboundIn(data))
        self.deliver()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if self.failure == nil { self.failure = error }
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard !self.isOver else { return }
        guard self.candidate == nil else { return self.cannotStart() }
        self.isOver = true
        self.connection.streamEnded(self)
        self.deliver()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.exchange?.localAppWritable() }
    }

    // MARK: The answer

    /// Hands the exchange everything that is here, until it stops reading or gives the stream up.
    private func deliver() {
        guard !self.isInsideDeliver else { return }
        self.isInsideDeliver = true
        defer { self.isInsideDeliver = false }
        while !self.holdsReads, let exchange = self.exchange, let payload = self.undelivered.popFirst() {
            do throws(HTTPParseError) {
                switch payload {
                case .headers(let section): try self.deliver(section, to: exchange)
                case .data(let data): try self.deliver(data, to: exchange)
                default: continue
                }
            } catch {
                exchange.receivedInvalidAnswer(error)
            }
        }
        if self.isOver, !self.holdsReads, let exchange = self.exchange { self.tellEnd(to: exchange) }
    }

    private func deliver(
        _ section: HTTP2Frame.FramePayload.Headers,
        to exchange: LocalExchange
    ) throws(HTTPParseError) {
        switch try self.answer.fieldsReceived(section.headers, end: section.endStream) {
        case .informational(let head): exchange.receivedInformational(head)
        case .head(let head, let end):
            exchange.received(head: head, end: end)
            if end, self.exchange === exchange { exchange.receivedEnd(trailers: nil) }
        case .trailers(let trailers): exchange.receivedEnd(trailers: trailers)
        }
    }

    private func deliver(_ data: HTTP2Frame.FramePayload.Data, to exchange: LocalExchange) throws(HTTPParseError) {
        if self.unreadFrames > 0 {
            self.unreadFrames -= 1
            self.connection.framesRead(1)
        }
        guard case .byteBuffer(let bytes) = data.data else { return }
        try self.answer.dataReceived(bytes.readableBytes, end: data.endStream)
        if bytes.readableBytes > 0 { exchange.received(body: bytes) }
        if data.endStream, self.exchange === exchange { exchange.receivedEnd(trailers: nil) }
    }

    /// The stream is over before the exchange gave it up.
    private func tellEnd(to exchange: LocalExchange) {
        self.leave()
        let code = (self.failure as? NIOHTTP2Errors.StreamClosed)?.errorCode
        if self.wasRefused || code == .refusedStream {
            exchange.localAppRefused()
        } else if self.connection.hasBrokenProtocol || code == .protocolError || code == .http11Required,
            !self.answer.isComplete
        {
            exchange.receivedInvalidAnswer(.invalid("the local app broke HTTP/2"))
        } else {
            // RST_STREAM is an answer to this request: it is no reason to send it again.
            exchange.localAppClosed(failure: self.failure, mayRepeat: code == nil)
        }
    }
}
