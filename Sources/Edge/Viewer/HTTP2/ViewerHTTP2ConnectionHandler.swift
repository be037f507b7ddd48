import Logging
import NIOCore
import NIOExtras
import NIOHTTP2

/// One viewer's HTTP/2 connection as a whole: how long it may be without streams, and how it ends.
///
/// Confined to the channel's event loop. Requests are the business of its streams' own handlers.
///
/// ```
/// open ──(server stops)──▶ GOAWAY, streams still taken ──(grace)──▶ GOAWAY with the last stream ──(none open)──▶ closed
///   └──(no stream for a while)──▶ GOAWAY ──────────────────────────────────────────────────────────────────────────▲
/// ```
final class ViewerHTTP2ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    /// Tells the handler of streams that begin and end.
    struct StreamDelegate: NIOHTTP2StreamDelegate {
        let handler: NIOLoopBound<ViewerHTTP2ConnectionHandler>

        func streamCreated(_ id: HTTP2StreamID, channel: any Channel) { self.handler.value.streamCreated(id) }
        func streamClosed(_ id: HTTP2StreamID, channel: any Channel) { self.handler.value.streamClosed() }
    }

    private let edge: EdgeContext
    private let eventLoop: any EventLoop
    private var context: ChannelHandlerContext?
    private var openStreams = 0
    private var lastStream = HTTP2StreamID.rootStream
    private var isEnding = false
    /// Whether the viewer was told the last stream that is served.
    private var hasSaidLastStream = false
    private var timer: Scheduled<Void>?

    init(edge: EdgeContext, eventLoop: any EventLoop) {
        self.edge = edge
        self.eventLoop = eventLoop
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.edge.counters.viewerConnectionOpened()
        self.endUnlessUsed(within: self.edge.configuration.headTimeout)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.timer?.cancel()
        self.edge.counters.viewerConnectionClosed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Frames of the connection itself; the library has acted on them.
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: self.end()
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A stream's own error has reset that stream already.
        guard !(error is NIOHTTP2Errors.StreamError) else { return }
        self.edge.logger.debug("viewer connection failed", metadata: ["error": "\(type(of: error))"])
        self.edge.counters.requestRefused()
        context.close(promise: nil)
    }

    // MARK: Streams

    private func streamCreated(_ id: HTTP2StreamID) {
        self.openStreams += 1
        self.lastStream = max(self.lastStream, id)
        if !self.isEnding { self.timer?.cancel() }
    }

    private func streamClosed() {
        self.openStreams -= 1
        guard self.openStreams == 0 else { return }
        if !self.isEnding {
            self.endUnlessUsed(within: self.edge.configuration.idleTimeout)
        } else if self.hasSaidLastStream {
            self.closeAfterWrites()
        }
    }

    // MARK: The end

    private func endUnlessUsed(within time: TimeAmount) {
        self.setTimer(time) {
            self.isEnding = true
            self.sayLastStream()
        }
    }

    /// Announces the end, serves what is on its way already, and closes when nothing is open (RFC 9113, 6.8).
    private func end() {
        guard !self.isEnding else { return }
        self.isEnding = true
        self.sayGoAway(lastStream: .maxID)
        self.setTimer(EdgeContext.quiescingTime) { self.sayLastStream() }
    }

    private func sayLastStream() {
        self.hasSaidLastStream = true
        self.sayGoAway(lastStream: self.lastStream)
        if self.openStreams == 0 { self.closeAfterWrites() }
    }

    private func sayGoAway(lastStream: HTTP2StreamID) {
        let frame = HTTP2Frame(
            streamID: .rootStream,
            payload: .goAway(lastStreamID: lastStream, errorCode: .noError, opaqueData: nil)
        )
        self.context?.writeAndFlush(Self.wrapOutboundOut(frame), promise: nil)
    }

    /// Closes once the viewer has taken what is queued, for which it has as long as it may be idle.
    private func closeAfterWrites() {
        self.setTimer(self.edge.configuration.idleTimeout) { self.context?.close(promise: nil) }
        // In a turn of its own: the frame that ended the last stream is not flushed yet.
        self.eventLoop.assumeIsolated()
            .execute {
                guard let context = self.context else { return }
                let written = self.eventLoop.makePromise(of: Void.self)
                written.futureResult.assumeIsolated().whenComplete { _ in self.context?.close(promise: nil) }
                context.close(mode: .output, promise: written)
            }
    }

    private func setTimer(_ time: TimeAmount, _ action: @escaping () -> Void) {
        self.timer?.cancel()
        self.timer = self.eventLoop.assumeIsolated().scheduleTask(in: time) { action() }
    }
}

@available(*, unavailable)
extension ViewerHTTP2ConnectionHandler: Sendable {}
