import NIOCore
import NIOHTTP2
import ProxySemantics

/// How the edge speaks HTTP/2 to viewers: the limits, and the handlers of one connection.
///
/// What the known attacks use is bounded: streams at once, the header list (RFC 9113, 6.5.2), resets and stream errors
/// per time (CVE-2023-44487), control frames per time and waiting to be sent (CVE-2019-9512, -9515), empty DATA and
/// CONTINUATION frames in a row (CVE-2019-9518, CVE-2024-27983). Whoever exceeds one loses the connection.
enum ViewerHTTP2 {
    /// What an HTTP/2 client sends first (RFC 9113, 3.4).
    static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    /// Streams open at once on one connection.
    static let maximumStreams = 100
    /// Bytes of a stream that a viewer may send before the app took any.
    static let streamWindow = 128 << 10
    /// Bytes of all streams together that may be on their way.
    static let connectionWindow = 1 << 20
    /// The time over which frames are counted.
    private static let countingTime = TimeAmount.seconds(30)

    private static func connectionLimits(headBytes: Int) -> NIOHTTP2Handler.ConnectionConfiguration {
        var limits = NIOHTTP2Handler.ConnectionConfiguration()
        limits.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: Self.maximumStreams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: headBytes),
            HTTP2Setting(parameter: .initialWindowSize, value: Self.streamWindow),
            HTTP2Setting(parameter: .enableConnectProtocol, value: 1),
        ]
        limits.targetWindowSize = Self.connectionWindow
        limits.maximumBufferedControlFrames = 1000
        limits.maximumSequentialContinuationFrames = 8
        // Some gRPC clients ping once per round trip while they measure.
        limits.controlFrameRateLimit.maximumCount = 1000
        limits.controlFrameRateLimit.windowLength = Self.countingTime
        return limits
    }

    private static var streamLimits: NIOHTTP2Handler.StreamConfiguration {
        var limits = NIOHTTP2Handler.StreamConfiguration()
        limits.targetWindowSize = Self.streamWindow
        limits.outboundBufferSizeHighWatermark = 128 << 10
        limits.outboundBufferSizeLowWatermark = 64 << 10
        limits.streamResetFrameRateLimit.maximumCount = 200
        limits.streamResetFrameRateLimit.windowLength = Self.countingTime
        limits.streamErrorRateLimit.maximumCount = 200
        limits.streamErrorRateLimit.windowLength = Self.countingTime
        return limits
    }

    /// Adds the handlers behind what is in the pipeline already; the connection's first bytes, the preface included,
    /// must be read by them.
    static func install(
        in pipeline: ChannelPipeline.SynchronousOperations,
        edge: EdgeContext,
        peer: ViewerPeer,
        isTLS: Bool,
        eventLoop: any EventLoop
    ) throws {
        let limits = edge.configuration.parserLimits
        let connection = ViewerHTTP2ConnectionHandler(edge: edge, eventLoop: eventLoop)
        try pipeline.addHandler(FlushCoalescingHandler())
        try pipeline.addHandler(
            NIOHTTP2Handler(
                mode: .server,
                eventLoop: eventLoop,
                connectionConfiguration: Self.connectionLimits(headBytes: limits.maximumHeadBytes),
                streamConfiguration: Self.streamLimits,
                streamDelegate: ViewerHTTP2ConnectionHandler.StreamDelegate(
                    handler: NIOLoopBound(connection, eventLoop: eventLoop)
                ),
                inboundStreamInitializer: { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let stream = ViewerHTTP2StreamHandler(
                            edge: edge,
                            peer: peer,
                            isTLS: isTLS,
                            eventLoop: channel.eventLoop
                        )
                        try channel.pipeline.syncOperations.addHandler(stream)
                    }
                }
            )
        )
        try pipeline.addHandler(connection)
    }
}

/// Makes one flush of the many that the streams of a connection ask for in one turn of the event loop.
final class FlushCoalescingHandler: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var isScheduled = false

    func flush(context: ChannelHandlerContext) {
        guard !self.isScheduled else { return }
        self.isScheduled = true
        context.eventLoop.assumeIsolated()
            .execute {
                guard self.isScheduled else { return }
                self.isScheduled = false
                context.flush()
            }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if self.isScheduled {
            self.isScheduled = false
            context.flush()
        }
        context.close(mode: mode, promise: promise)
    }
}

@available(*, unavailable)
extension FlushCoalescingHandler: Sendable {}
