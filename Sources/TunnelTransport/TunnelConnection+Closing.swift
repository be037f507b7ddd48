import NIOCore
package import TunnelProtocol

// How a connection ends.
extension TunnelConnection {
    /// Closes the connection, telling the peer why; every open stream is told `connectionLost`, then the delegate
    /// `tunnelClosed`.
    ///
    /// The transport stays open for up to two seconds so that the peer can read the reason.
    package func close(_ reason: TunnelCloseReason) {
        guard self.state == .open, let context = self.context else { return }
        self.finish(reason)
        if case .transportLost = reason {
            context.close(promise: nil)
            return
        }
        self.state = .closing
        self.writeClose(reason, context)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.closeTimeout) { self.closeTransport() }
    }

    /// The peer said CLOSE.
    func closedByPeer(_ reason: TunnelCloseReason) {
        guard self.state == .open, let context = self.context else { return }
        self.finish(reason)
        self.state = .closing
        let answer = self.writer.closeFrame(code: 1_000, reason: "")
        context.writeAndFlush(Self.wrapOutboundOut(answer)).assumeIsolated().whenComplete { _ in self.closeTransport() }
    }

    /// The peer sent a WebSocket close: the answer to ours, or (version 0) its own.
    func receivedClose(_ code: UInt16, _ reason: String) {
        switch self.state {
        case .open:
            let text = String(
                String.UnicodeScalarView(reason.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F })
            )
            self.closedByPeer(Self.reason(forWebSocketCode: code, text))
        case .closing: self.closeTransport()
        case .idle, .closed: break
        }
    }

    /// Everybody is told, once.
    func finish(_ reason: TunnelCloseReason) {
        guard self.state == .open || self.state == .idle else { return }
        self.state = .closed
        self.cancelTimer()
        for stream in self.machine.closed() {
            let owner = self.owner(of: stream)
            self.owners.remove(stream)
            owner?.tunnelStreamReset(.connectionLost)
        }
        while let deferred = self.deferredResets.popLast() { deferred.owner.tunnelStreamReset(deferred.reason) }
        self.owners = StreamTable(filler: nil)
        self.pendingPong = nil
        let delegate = self.delegate
        self.delegate = nil
        delegate?.tunnelClosed(reason)
    }

    private func writeClose(_ reason: TunnelCloseReason, _ context: ChannelHandlerContext) {
        if self.version == .v1 {
            let frame = TunnelFrame(stream: 0, .close(reason))
            var message = self.writer.makeMessage(capacity: TunnelFrameCodecV1.encodedBytes(frame))
            TunnelFrameCodecV1.encode(frame, to: &message)
            self.writer.seal(&message)
            context.write(Self.wrapOutboundOut(message), promise: nil)
        }
        let code = reason == .normal ? 1_000 : 4_000 + reason.wireCode
        let close = self.writer.closeFrame(code: code, reason: reason.text)
        context.writeAndFlush(Self.wrapOutboundOut(close), promise: nil)
    }

    private func closeTransport() {
        guard self.state == .closing, let context = self.context else { return }
        self.state = .closed
        context.close(promise: nil)
    }

    private static func reason(forWebSocketCode code: UInt16, _ text: String) -> TunnelCloseReason {
        switch code {
        case 1_001: .drained(retryAfter: .zero)
        case 1_002, 1_003, 1_007, 1_009: .protocolError(text)
        case 1_011: .internalError
        case 1_013: .overloaded(retryAfter: .zero)
        case 4_001...4_999: TunnelCloseReason(wireCode: code - 4_000, retryAfter: .zero, text: text)
        default: .normal
        }
    }
}
