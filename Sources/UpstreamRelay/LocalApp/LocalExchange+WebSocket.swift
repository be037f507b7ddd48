import NIOCore
import ProxySemantics
import TunnelProtocol
import TunnelTransport

/// A WebSocket after its 101: bytes both ways, each direction ended on its own.
extension LocalExchange {
    /// The local app agrees to change protocols; anything but the right answer to a WebSocket is an error.
    func receivedUpgrade(_ head: HTTPHead, on connection: LocalConnection) {
        guard self.isWebSocket, let key = self.head.value(of: .secWebSocketKey),
            head.listContains(.upgrade, "websocket"), head.listContains(.connection, "upgrade"),
            head.count(of: .secWebSocketAccept) == 1,
            head.value(of: .secWebSocketAccept) == WebSocketHandshake.acceptValue(for: key)
        else { return self.fail(.upstreamProtocolError) }
        self.status = 101
        self.rawConnection = connection
        self.answer = .raw
        connection.becomeRaw()
        var buffer = ByteBufferAllocator().buffer(capacity: head.bytes.readableBytes)
        self.relay.mapping.writeResponse(head, isUpgrade: true, to: &buffer)
        self.tunnel.sendHead(buffer, end: false, on: self.id)
        self.forwardQueued()
    }

    /// The local app sent bytes.
    func received(raw bytes: ByteBuffer) {
        self.received(body: bytes)
    }

    /// The local app's direction is over; with a failure if it broke off.
    func receivedRawEnd(failure: (any Error)?) {
        guard self.answer == .raw else { return }
        guard failure == nil else { return self.fail(.upstreamAborted) }
        self.answer = .ended
        self.tunnel.sendEnd(trailers: nil, on: self.id)
        if self.hasRequestEnded { self.completeRaw() }
    }

    /// The viewer's direction is over.
    func forwardRawEnd() {
        guard let rawConnection = self.rawConnection else { return }
        // Version 0 knows only a close of both directions.
        if self.answer == .ended || self.tunnel.version == .v0 {
            self.completeRaw()
        } else {
            rawConnection.closeOutput()
        }
    }
}
