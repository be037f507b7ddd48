import NIOCore
import NIOSSL
import ProxySemantics
import TunnelProtocol
import TunnelTransport

/// The answer's side of an exchange: what the carrier delivers, on its way to the edge.
extension LocalExchange {
    /// The final head arrived; `end` says that neither body nor trailers follow.
    ///
    /// `receivedEnd` is called nevertheless.
    func received(head: HTTPHead, end: Bool) {
        self.status = head.status
        self.answer = .streaming
        self.sent = nil
        self.hasSentEnd = end
        self.tunnel.sendHead(self.mapped(head), end: self.hasSentEnd, on: self.id)
    }

    /// Bytes of the answer's body arrived.
    func received(body bytes: ByteBuffer) {
        self.bytesOut += bytes.readableBytes
        if self.tunnel.sendData(bytes, on: self.id) == .pause { self.carrier?.holdReads() }
    }

    /// The answer is complete.
    func receivedEnd(trailers: ByteBuffer?) {
        guard self.answer == .streaming else { return }
        self.answer = .ended
        self.lastProgress = .now()
        if self.body.isComplete {
            // Credit for what was sent but not confirmed: the request is complete, nothing waits for it.
            if self.uncredited > 0 { self.tunnel.consumed(self.uncredited, on: self.id) }
            self.uncredited = 0
        }
        if !self.hasSentEnd { self.tunnel.sendEnd(trailers: forwardedTrailers(trailers), on: self.id) }
        if self.body.isComplete {
            self.complete()
        } else if self.carrier?.takesRestOfRequest != true {
            self.stopRequest()
        }
    }

    /// What the local app sent is not valid HTTP.
    func receivedInvalidAnswer(_ error: HTTPParseError) {
        self.fail(.upstreamProtocolError)
    }

    /// The local app's side is closed, and what it sent was not a complete answer, or the request goes on after one.
    ///
    /// - Parameters:
    ///   - failure: what broke the connection, if it was broken.
    ///   - mayRepeat: whether the connection may have been closed without regard to this request.
    func localAppClosed(failure: (any Error)?, mayRepeat: Bool = true) {
        guard !self.isFinished else { return }
        switch self.answer {
        case .ended: self.stopRequest()
        case .awaited where mayRepeat && self.mayRetry:
            self.hasRetried = true
            self.carrier?.close()
            self.carrier = nil
            self.acquireAgain()
        case .awaited where !self.startedOnReused && (failure is NIOSSLError || failure is BoringSSLError):
            self.fail(.upstreamUnreachable)
        case .awaited, .streaming, .raw: self.fail(.upstreamAborted)
        }
    }

    /// No carrier could be made.
    func localAppUnreachable(_ reason: TunnelResetReason = .upstreamUnreachable) {
        self.fail(reason)
    }

    /// An informational head other than 101 arrived.
    func receivedInformational(_ head: HTTPHead) {
        self.informationalCount += 1
        guard self.informationalCount <= Self.maximumInformational else { return self.fail(.upstreamProtocolError) }
        self.lastProgress = .now()
        if self.tunnel.version == .v1 { self.tunnel.sendHead(self.mapped(head), end: false, on: self.id) }
    }

    private func mapped(_ head: HTTPHead) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: head.bytes.readableBytes)
        self.relay.mapping.writeResponse(head, to: &buffer)
        return buffer
    }

    /// Whether the request can be sent again: the connection had been idle and was closed before it answered, which
    /// servers do, and sending the request twice changes nothing (RFC 9110, 9.2.2).
    private var mayRetry: Bool {
        self.startedOnReused && !self.hasRetried && !self.isWebSocket && self.body.isComplete && self.bytesIn == 0
            && self.informationalCount == 0 && self.carrier?.hasPartialAnswer == false && self.head.isIdempotent
    }
}

extension HTTPHead {
    /// How long the sender keeps the connection, if it says so (`Keep-Alive: timeout=5`).
    var announcedIdleTime: TimeAmount? {
        guard let field = self.first(.keepAlive) else { return nil }
        return self.withBytes(field.value) { bytes in
            var seconds: Int64?
            _ = forEachListElement(bytes) { element in
                let prefix: StaticString = "timeout="
                let length = prefix.utf8CodeUnitCount
                guard element.count > length, element.count <= length + 6,
                    equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: element[..<length]), prefix)
                else { return false }
                var value: Int64 = 0
                for byte in element[length...] {
                    guard byte &- 0x30 < 10 else { return false }
                    value = value * 10 + Int64(byte - 0x30)
                }
                seconds = value
                return true
            }
            return seconds.map { .seconds($0) }
        }
    }
}
