import NIOCore
import NIOHTTP2
import NIOSSL
import NIOTLS

/// One HTTP/2 connection to the local app: opens streams and knows how many more it takes.
///
/// Confined to its event loop. It stands in the pipeline behind SwiftNIO's HTTP/2 handler, which frames, multiplexes
/// and keeps windows; here arrive the frames that belong to no stream.
///
/// ```
/// greeting ──the local app's SETTINGS──▶ open ──GOAWAY──▶ draining ──last stream──▶ closed
///     └─anything else─▶ closed             └──lost, broken, idle──────────────────▶ closed
/// ```
final class LocalHTTP2Connection: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    private enum State {
        case greeting
        case open
        case draining
        case closed
    }

    /// The streams assumed to be allowed while the local app does not say.
    private static let assumedStreams = 100
    /// DATA frames that may wait for viewers, of one stream and of all: what a window holds has fewer, unless its frames are
    /// smaller than any that say something.
    private static let maximumUnreadFramesOfStream = 32 << 10
    private static let maximumUnreadFrames = 128 << 10
    /// Stream numbers are not used up to their end (RFC 9113, 5.1.1).
    private static let maximumStreamsInAll = 1 << 29

    /// Whether an exchange was completed on it before.
    private(set) var isReused = false
    /// Whether the local app broke the rules of HTTP/2, or does not speak it.
    private(set) var hasBrokenProtocol = false
    /// Whether the local app showed that it speaks HTTP/2.
    private(set) var hasOpened = false

    private weak var pool: LocalHTTP2Pool?
    private let scheme: LocalTarget.Scheme
    private let idleTimeout: TimeAmount
    private var context: ChannelHandlerContext?
    private var multiplexer: NIOHTTP2Handler.StreamMultiplexer?
    private var state: State = .greeting
    private var streams: [LocalHTTP2Stream] = []
    private var numberedStreams: [Int: LocalHTTP2Stream] = [:]
    private var unreadFrames = 0
    private var hasTooManyUnreadFrames = false
    private var maximumStreams = 0
    private var openedStreams = 0
    /// Until when SETTINGS must come, and later until when it may stand without a stream.
    private var deadline: NIODeadline

    /// A connection that is about to be made.
    init(pool: LocalHTTP2Pool, scheme: LocalTarget.Scheme, greetingTimeout: TimeAmount, idleTimeout: TimeAmount) {
        self.pool = pool
        self.scheme = scheme
        self.idleTimeout = idleTimeout
        self.deadline = .now() + greetingTimeout
    }

    // MARK: Used by the pool

    /// Whether the local app has not yet shown that it speaks HTTP/2.
    var isGreeting: Bool { self.state == .greeting }

    /// Whether it may ever take a stream from now on.
    var isUsable: Bool { self.state == .greeting || self.state == .open }

    /// Whether it takes another stream now.
    var hasRoom: Bool {
        self.state == .open && self.streams.count < self.maximumStreams && self.context?.channel.isActive == true
    }

    /// Whether a stream that is being opened can go on.
    var takesStreams: Bool { self.state == .open }

    /// How many streams it carries.
    var streamCount: Int { self.streams.count }

    /// Adds this and what it needs to a new channel.
    func install(in channel: any Channel) throws {
        let handler = Self.makeHandler(eventLoop: channel.eventLoop)
        let operations = channel.pipeline.syncOperations
        try operations.addHandler(HTTP2FrameCountHandler(connection: self))
        try operations.addHandler(handler)
        self.multiplexer = try handler.syncMultiplexer()
        try operations.addHandler(self)
    }

    /// Opens a stream for `exchange`; only when there is room.
    func open(for exchange: LocalExchange) {
        guard let multiplexer = self.multiplexer, let context = self.context else { return }
        let stream = LocalHTTP2Stream(
            connection: self,
            for: exchange,
            scheme: self.scheme,
            isReused: self.isReused
        )
        stream.index = self.streams.count
        self.streams.append(stream)
        self.openedStreams += 1
        if self.openedStreams >= Self.maximumStreamsInAll {
            self.state = .draining
            self.pool?.placeIsFree()
        }
        let bound = NIOLoopBound(stream, eventLoop: context.eventLoop)
        // This happens a little later, when the connection may be gone already.
        multiplexer.createStreamChannel(promise: nil) { channel in
            channel.eventLoop.makeCompletedFuture {
                guard channel.parent?.isActive == true else {
                    bound.value.cannotStart()
                    throw ChannelError.ioOnClosedChannel
                }
                try channel.pipeline.syncOperations.addHandler(bound.value)
            }
        }
    }

    /// Ends what took too long.
    ///
    /// - Parameters:
    ///   - now: the current time.
    ///   - isWaitedFor: whether exchanges are about to be given a place, so that a connection that has one is not idle.
    func sweep(now: NIODeadline, isWaitedFor: Bool) {
        for stream in self.streams where stream.lingerDeadline <= now { stream.abort() }
        if self.deadline <= now, self.streams.isEmpty, !(isWaitedFor && self.hasRoom) { self.close() }
    }

    /// Says goodbye and closes; streams that are open are cut.
    func close() {
        guard self.state != .closed, let context = self.context else { return }
        self.state = .closed
        let goodbye = HTTP2Frame(
            streamID: .rootStream,
            payload: .goAway(lastStreamID: .rootStream, errorCode: .noError, opaqueData: nil)
        )
        context.writeAndFlush(NIOAny(goodbye), promise: nil)
        context.close(mode: .all, promise: nil)
    }

    /// Closes once the frame that is being read has been handled.
    private func closeIfDrained() {
        guard self.state == .draining, let context = self.context else { return }
        context.eventLoop.assumeIsolated().execute { if self.streams.isEmpty { self.close() } }
    }

    // MARK: Frames nobody has taken yet

    /// A DATA frame arrived; told before the stream sees it.
    func dataFrameArrived(on id: Int) {
        guard let stream = self.numberedStreams[id], stream.isDelivering else { return }
        stream.unreadFrames += 1
        self.unreadFrames += 1
        if stream.unreadFrames > Self.maximumUnreadFramesOfStream { self.hasTooManyUnreadFrames = true }
    }

    /// Streams delivered this many frames, or will never do so.
    func framesRead(_ count: Int) {
        self.unreadFrames -= count
    }

    /// Gives up the streams that hold too many frames: those over the limit, then those that hold most.
    func boundUnreadFrames() {
        guard self.hasTooManyUnreadFrames || self.unreadFrames > Self.maximumUnreadFrames else { return }
        self.hasTooManyUnreadFrames = false
        for stream in self.streams where stream.unreadFrames > Self.maximumUnreadFramesOfStream { stream.giveUp() }
        while self.unreadFrames > Self.maximumUnreadFrames,
            let largest = self.streams.max(by: { $0.unreadFrames < $1.unreadFrames }), largest.unreadFrames > 0
        {
            largest.giveUp()
        }
    }

    // MARK: Told by the streams

    /// A stream got its number.
    func started(_ stream: LocalHTTP2Stream, id: HTTP2StreamID) {
        self.numberedStreams[Int(id)] = stream
    }

    /// An exchange was completed.
    func completedExchange() {
        self.isReused = true
    }

    /// A stream is over.
    func streamEnded(_ stream: LocalHTTP2Stream) {
        let last = self.streams.count - 1
        self.streams.swapAt(stream.index, last)
        self.streams[stream.index].index = stream.index
        self.streams.removeLast()
        if let id = stream.id { self.numberedStreams[Int(id)] = nil }
        if self.streams.isEmpty {
            self.deadline = .now() + self.idleTimeout
            self.closeIfDrained()
        }
        self.pool?.placeIsFree()
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.multiplexer = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data).payload {
        case .settings(.settings(let settings)): self.received(settings)
        case .goAway(let last, _, _): self.receivedGoAway(last)
        default: break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted(let negotiated):
            if negotiated != "h2" { self.fail(brokenProtocol: true, context: context) }
        case ChannelEvent.inputClosed:
            // Nothing more can be answered.
            self.fail(brokenProtocol: !self.hasOpened, context: context)
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Our first bytes could not even be written.
        if self.state == .greeting { self.hasBrokenProtocol = true }
        self.state = .closed
        self.pool?.closed(self)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The streams hear of their own errors; this one is about a frame nobody waits for any more.
        if error is NIOHTTP2Errors.StreamError || error is NIOHTTP2Errors.StreamClosed { return }
        let isTLS = error is NIOSSLError || error is BoringSSLError
        // Before its SETTINGS a reset is what an HTTP/1.1 server makes of our first bytes.
        let isLoss = self.hasOpened && (error is IOError || error is ChannelError)
        self.fail(brokenProtocol: !isTLS && !isLoss, context: context)
    }

    private func fail(brokenProtocol: Bool, context: ChannelHandlerContext) {
        guard self.state != .closed else { return }
        self.state = .closed
        self.hasBrokenProtocol = brokenProtocol
        context.close(mode: .all, promise: nil)
    }

    private func received(_ settings: HTTP2Settings) {
        if let limit = settings.last(where: { $0.parameter == .maxConcurrentStreams }) {
            self.maximumStreams = limit.value
        } else if self.state == .greeting {
            self.maximumStreams = Self.assumedStreams
        }
        if self.state == .greeting {
            self.state = .open
            self.hasOpened = true
            self.deadline = .now() + self.idleTimeout
            self.pool?.opened(self)
        } else {
            self.pool?.placeIsFree()
        }
    }

    /// The local app takes no more streams, and did not look at those after `last`; they end right after this.
    private func receivedGoAway(_ last: HTTP2StreamID) {
        guard self.state == .open || self.state == .draining else { return }
        self.state = .draining
        for stream in self.streams {
            if let id = stream.id, id > last { stream.refuse() }
        }
        if self.streams.isEmpty { self.closeIfDrained() }
        self.pool?.placeIsFree()
    }

    // MARK: The handler

    /// SwiftNIO's handler with the bounds of this use.
    ///
    /// Heads and lengths are validated by the streams (`HTTP2AnswerStateMachine`), so that one bad answer costs one stream;
    /// what the handler still objects to costs the connection. The rates of pings and resets that are normal for servers
    /// that measure their bandwidth are far over its defaults.
    private static func makeHandler(eventLoop: any EventLoop) -> NIOHTTP2Handler {
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .enablePush, value: 0),
            HTTP2Setting(parameter: .maxHeaderListSize, value: 128 << 10),
            HTTP2Setting(parameter: .initialWindowSize, value: Self.streamWindow),
        ]
        connection.headerBlockValidation = .disabled
        connection.contentLengthValidation = .disabled
        connection.targetWindowSize = 1 << 20
        connection.maximumSequentialEmptyDataFrames = 16
        connection.maximumBufferedControlFrames = 2048
        connection.maximumRecentlyResetStreams = 1024
        connection.controlFrameRateLimit.maximumCount = 4096
        connection.controlFrameRateLimit.windowLength = .milliseconds(100)
        var stream = NIOHTTP2Handler.StreamConfiguration()
        stream.targetWindowSize = Self.streamWindow
        stream.outboundBufferSizeHighWatermark = 128 << 10
        stream.outboundBufferSizeLowWatermark = 32 << 10
        stream.streamResetFrameRateLimit.maximumCount = 4096
        stream.streamResetFrameRateLimit.windowLength = .milliseconds(100)
        return NIOHTTP2Handler(
            mode: .client,
            eventLoop: eventLoop,
            connectionConfiguration: connection,
            streamConfiguration: stream
        ) { channel in
            // Pushed streams are forbidden by our settings; the handler refuses them before this.
            channel.close()
        }
    }

    /// What the local app may send on one stream beyond what was taken.
    private static let streamWindow = 128 << 10
}
