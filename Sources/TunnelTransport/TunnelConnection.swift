package import NIOCore
package import TunnelProtocol

/// One end of one tunnel: the channel handler between the bytes of an upgraded WebSocket connection and its streams.
///
/// Added to the pipeline right after the 101. Confined to its event loop: every method is called there.
package final class TunnelConnection: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// What to do after `sendData`.
    package enum SendResult: Sendable, Equatable {
        /// Go on.
        case more
        /// Stop reading the source until `tunnelStreamWritable`.
        case pause
    }

    /// Which end this is.
    package let role: TunnelRole
    /// The version negotiated by the upgrade.
    package let version: TunnelVersion
    /// The limits this end keeps.
    package let configuration: TunnelConfiguration
    private let delegate: any TunnelConnectionDelegate
    private var context: ChannelHandlerContext?

    /// Makes the handler for a connection whose upgrade was answered with 101.
    package init(
        role: TunnelRole,
        version: TunnelVersion,
        configuration: TunnelConfiguration,
        delegate: any TunnelConnectionDelegate
    ) {
        self.role = role
        self.version = version
        self.configuration = configuration
        self.delegate = delegate
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    /// The event loop everything here is confined to; nil before the handler was added and after it was removed.
    package var eventLoop: (any EventLoop)? { self.context?.eventLoop }

    /// How many streams are open.
    package var openStreamCount: Int { 0 }

    /// Whether `openStream` may succeed: connected, not draining, below the stream limit.
    package var isAccepting: Bool { false }

    /// Opens a stream (edge role). Nil when at the stream limit, draining, closed, or when the head is larger than the
    /// peer accepts.
    package func openStream(
        kind: TunnelStreamKind,
        head: ByteBuffer,
        end: Bool,
        delegate: any TunnelStreamDelegate
    ) -> TunnelStreamID? {
        nil
    }

    /// Sends a response head (agent role). Informational heads (1xx except 101) may come before the final one; with
    /// version 0 they are dropped.
    package func sendHead(_ head: ByteBuffer, end: Bool, on id: TunnelStreamID) {}

    /// Queues body bytes. `.pause` means: stop reading the source until `tunnelStreamWritable`.
    package func sendData(_ data: ByteBuffer, on id: TunnelStreamID) -> SendResult { .more }

    /// Ends this direction. Version 0 drops trailers.
    package func sendEnd(trailers: ByteBuffer?, on id: TunnelStreamID) {}

    /// Aborts a stream in both directions; its delegate is not called again. `.noError` after `sendEnd` lets what is
    /// queued go out first and only stops the peer from sending more.
    package func reset(_ id: TunnelStreamID, _ reason: TunnelResetReason) {}

    /// Says that the downstream took bytes of this stream, which gives the peer credit for as many.
    package func consumed(_ bytes: Int, on id: TunnelStreamID) {}

    /// Tells the agent something about its session (edge role, version 1): the text of one JSON object of at most
    /// 64 KiB. Version 0 has no such frame: nothing is sent.
    package func sendPush(_ json: String) {}

    /// Asks the edge to answer viewers with 503, or to stop that (agent role).
    package func sendPause(_ paused: Bool) {}

    /// Announces that nothing new will be taken; open streams go on. The edge closes the connection with `.drained`
    /// when none is left.
    package func drain(retryAfter: TimeAmount) {}

    /// Closes the connection, telling the peer why; every open stream is told `connectionLost`.
    package func close(_ reason: TunnelCloseReason) {}
}

@available(*, unavailable)
extension TunnelConnection: Sendable {}
