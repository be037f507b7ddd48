package import NIOCore
package import TunnelProtocol

/// The owner of one stream: an exchange on the edge, a relay to the local app in the agent.
///
/// Every call happens on the tunnel's event loop. After both directions have ended (ours with `sendEnd`, the peer's
/// with an end), after a reset by the peer, or after the owner itself called `reset`, nothing more is called. Bytes
/// delivered before that still want their `consumed`.
package protocol TunnelStreamDelegate: AnyObject {
    /// A head arrived: on the edge a response's (informational ones may come first).
    ///
    /// The bytes are a whole HTTP/1.1 head block up to and including the empty line; not validated beyond its status.
    /// `end` says that nothing else follows in this direction (`tunnelStreamReceivedEnd` is not called then).
    func tunnelStreamReceived(head: ByteBuffer, end: Bool)

    /// Body bytes arrived. The owner calls `TunnelConnection.consumed(_:on:)` when its downstream took them.
    func tunnelStreamReceived(data: ByteBuffer)

    /// The peer's direction is complete; `trailers` is a raw `Name: value` block when there are any.
    func tunnelStreamReceivedEnd(trailers: ByteBuffer?)

    /// The stream was aborted, by the peer, by a limit, or because the connection went away; the last call.
    ///
    /// `.noError` comes only after the peer's end: its answer is complete and it wants nothing more of ours.
    func tunnelStreamReset(_ reason: TunnelResetReason)

    /// The queue has room again after `sendData` answered `.pause`.
    func tunnelStreamWritable()
}

/// The owner of one tunnel connection.
///
/// Every call happens on the tunnel's event loop.
package protocol TunnelConnectionDelegate: AnyObject {
    /// The tunnel is usable. With version 0 this is called while the handler is being added to the pipeline, with
    /// version 1 after the exchange of hellos.
    func tunnelConnected(_ connection: TunnelConnection, peer: TunnelPeer)

    /// The edge opened a stream (agent role only); nil refuses it, which tells the edge that trying again is safe.
    ///
    /// The head is a raw HTTP/1.1 request head block, not validated. `end` says that no body follows; with version 0 it
    /// is always false and the end arrives on its own.
    func tunnelReceivedStream(
        _ id: TunnelStreamID,
        kind: TunnelStreamKind,
        head: ByteBuffer,
        end: Bool,
        on connection: TunnelConnection
    ) -> (any TunnelStreamDelegate)?

    /// The edge told something about the session (agent role, version 1).
    func tunnelReceivedPush(_ push: TunnelPush)

    /// The agent asked for a pause or its end (edge role, both versions).
    func tunnelReceivedPause(_ paused: Bool)

    /// A ping was answered after this long.
    func tunnelMeasuredRoundTrip(_ roundTrip: TimeAmount)

    /// The peer is going away: nothing new is opened here, open streams go on, and when none is left the edge closes
    /// the connection with `.drained`.
    func tunnelIsDraining(retryAfter: TimeAmount)

    /// The connection is over; called exactly once, last, after every open stream was told `connectionLost`.
    func tunnelClosed(_ reason: TunnelCloseReason)
}
