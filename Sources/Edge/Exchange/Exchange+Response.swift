import NIOCore
import ProxySemantics
import SessionModel
import TunnelProtocol
import TunnelTransport

// The answer's side of an exchange: what the agent sends, on its way to the viewer.
extension Exchange: TunnelStreamDelegate {
    func tunnelStreamReceived(head block: ByteBuffer, end: Bool) {
        guard case .relaying = self.state else { return }
        do throws(HTTPParseError) {
            let head = try HTTPMessageParser.parseHead(block: block, role: .response)
            if head.status == 101 {
                try self.acceptUpgrade(head)
            } else if head.status < 200 {
                guard !end else { throw .invalid("an interim response ends the stream") }
                self.hasSentInterim = true
                self.responder.sendInterim(head, mapping: self.mapping)
            } else {
                try self.beginResponse(head, end: end)
            }
        } catch {
            self.refuse(DaypassError(.upstreamProtocolError), resetting: .protocolError)
        }
    }

    private func acceptUpgrade(_ head: HTTPHead) throws(HTTPParseError) {
        guard self.isWebSocket, let key = self.request.head.value(of: .secWebSocketKey),
            head.value(of: .secWebSocketAccept) == WebSocketHandshake.acceptValue(for: key)
        else { throw .invalid("the WebSocket handshake is not valid") }
        self.headSent = true
        self.state = .duplex
        self.responder.becomeDuplex(head, mapping: self.mapping)
    }

    private func beginResponse(_ head: HTTPHead, end: Bool) throws(HTTPParseError) {
        guard !self.headSent else { throw .invalid("there are two responses") }
        self.framing = try head.viewerFraming(
            toHEAD: self.isHEAD,
            viewerMinorVersion: self.responder.viewerMinorVersion,
            end: end
        )
        if case .length(let length) = self.framing { self.responseBytesLeft = length }
        if end, self.responseBytesLeft > 0 { throw .invalid("the body is missing") }
        self.headSent = true
        // A stream that asked for a WebSocket and got an ordinary answer sends nothing more.
        if self.isWebSocket, let stream, !self.requestEndSent {
            self.requestEndSent = true
            stream.sendEnd(trailers: nil)
        }
        self.gateway?.answerBegan(head)
        self.responder.sendHead(head, framing: self.framing, mapping: self.mapping, extra: self.extraFields)
        if end { self.endResponse(trailers: nil) }
    }

    func tunnelStreamReceived(data: ByteBuffer) {
        guard let stream else { return }
        let count = data.readableBytes
        switch self.state {
        case .duplex: break
        case .relaying:
            guard self.headSent else {
                self.refuse(DaypassError(.upstreamProtocolError), resetting: .protocolError)
                return
            }
            switch self.framing {
            case .none:
                // Bytes after a head that has no body are not passed on.
                stream.consumed(count)
                return
            case .length:
                self.responseBytesLeft -= count
                guard self.responseBytesLeft >= 0 else {
                    self.abortResponse(resetting: .protocolError)
                    return
                }
            case .chunked, .untilClose: break
            }
        case .new, .waitingForTunnel, .waitingForReservation, .comparing, .discarding, .collecting, .finished: return
        }
        self.gateway?.answerBody(data)
        self.bytesSent += count
        self.reportBytes()
        self.responder.sendData(data)
        // Credit goes back only once the viewer's transport is below its high-water mark.
        if self.responder.isWritable {
            stream.consumed(count + self.unconsumed)
            self.unconsumed = 0
        } else {
            self.unconsumed += count
        }
    }

    /// Counts what was sent on a stream that stays open: at once where pieces may be small and rare, else by the block.
    private func reportBytes() {
        guard let viewer = self.ticket?.viewer else { return }
        let unreported = self.bytesSent - self.bytesReported
        if case .length = self.framing, unreported < 256 << 10 { return }
        self.bytesReported = self.bytesSent
        self.session?.sent(unreported, to: viewer)
    }

    func tunnelStreamReceivedEnd(trailers: ByteBuffer?) {
        switch self.state {
        case .duplex:
            self.answerEnded = true
            if self.requestEndSent { self.finish(resetting: nil) }
            self.responder.endDuplexOutput()
        case .relaying:
            guard self.headSent, self.responseBytesLeft == 0 else {
                if self.headSent {
                    self.abortResponse(resetting: .protocolError)
                } else {
                    self.refuse(DaypassError(.upstreamProtocolError), resetting: .protocolError)
                }
                return
            }
            self.endResponse(trailers: trailers)
        case .new, .waitingForTunnel, .waitingForReservation, .comparing, .discarding, .collecting, .finished: return
        }
    }

    private func endResponse(trailers: ByteBuffer?) {
        if let gateway { self.edge.gateway.answered(gateway, hasTrailers: trailers != nil) }
        // An answer that comes before the request has ended stops the upload.
        self.finish(resetting: self.requestEndSent ? nil : .noError)
        self.responder.sendEnd(trailers: forwardedTrailers(trailers))
    }

    func tunnelStreamReset(_ reason: TunnelResetReason) {
        self.stream = nil
        if self.headSent {
            self.abortResponse(resetting: reason)
            return
        }
        if self.retries(after: reason) { return }
        let code: ErrorCode =
            switch reason {
            case .upstreamUnreachable: .upstreamUnreachable
            case .upstreamTimeout: .upstreamTimeout
            case .connectionLost, .refused: .tunnelOffline
            case .noError, .cancelled, .upstreamProtocolError, .upstreamAborted, .bufferLimit, .protocolError, .policy,
                .headTooLarge, .internalError:
                .upstreamProtocolError
            }
        self.refuse(DaypassError(code, retryAfterSeconds: code == .tunnelOffline ? 5 : nil))
    }

    func tunnelStreamWritable() {
        self.isUploadPaused = false
        self.responder.pauseReading(false)
    }
}
