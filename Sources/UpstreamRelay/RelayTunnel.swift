package import NIOCore
package import TunnelProtocol
package import TunnelTransport

/// Where a relayed request comes from and its answer goes to: one end of a tunnel, or of a stream inside this process.
///
/// Confined to the event loop of the relay. What the calls mean is said at `TunnelConnection`, which is one.
package protocol RelayTunnel: AnyObject {
    /// What can be said on it: version 0 has no informational answers and ends both directions of a WebSocket at once.
    var version: TunnelVersion { get }
    /// Sends a response head.
    func sendHead(_ head: ByteBuffer, end: Bool, on id: TunnelStreamID)
    /// Sends body bytes; `.pause` asks to send no more until `tunnelStreamWritable`.
    func sendData(_ data: ByteBuffer, on id: TunnelStreamID) -> TunnelConnection.SendResult
    /// Ends this direction.
    func sendEnd(trailers: ByteBuffer?, on id: TunnelStreamID)
    /// Aborts both directions; the stream's delegate is not called again.
    func reset(_ id: TunnelStreamID, _ reason: TunnelResetReason)
    /// Gives credit for bytes that were taken.
    func consumed(_ bytes: Int, on id: TunnelStreamID)
}

extension TunnelConnection: RelayTunnel {}
