import NIOCore
import TunnelProtocol

// Bytes to events to actions.
extension TunnelConnection {
    func receive(_ input: inout ByteBuffer) {
        do {
            while self.state == .open || self.state == .closing, let event = try self.parser.next(&input) {
                switch event {
                case .message(let message):
                    if self.state == .open { try self.receive(message: message) }
                case .ping(let payload):
                    self.pendingPong = payload
                case .pong: break
                case .close(let code, let reason): self.receivedClose(code, reason)
                }
            }
        } catch let error as WebSocketFramingError {
            self.close(.protocolError(error.text))
        } catch let error as TunnelFrameError {
            self.close(.protocolError(error.text))
        } catch {
            self.close(.internalError)
        }
    }

    private func receive(message: ByteBuffer) throws {
        switch self.version {
        case .v0: self.receive(try self.codecV0.decode(message))
        case .v1:
            var message = message
            if message.readableBytes == 0 { throw TunnelFrameError.badLength }
            while self.state == .open, let frame = try self.codecV1.decode(&message) { self.receive(frame) }
        }
    }

    private func receive(_ frame: TunnelFrame) {
        let stream = frame.stream
        switch frame.body {
        case .data(let data): self.receive(data, webSocket: false, frame)
        case .webSocketData(let data): self.receive(data, webSocket: true, frame)
        case .response(let head):
            let status = TunnelWire.status(ofResponse: head)
            let action = self.machine.responseReceived(stream, status: status, end: frame.end, now: .now())
            if self.mayDeliver(action, stream) {
                self.owner(of: stream)?.tunnelStreamReceived(head: head, end: frame.end)
            }
        case .request(let kind, let head): self.receive(request: head, kind, frame)
        case .end, .webSocketClose:
            let action = self.machine.endReceived(stream, webSocketClose: frame.body == .webSocketClose, now: .now())
            if self.mayDeliver(action, stream) { self.owner(of: stream)?.tunnelStreamReceivedEnd(trailers: nil) }
        case .trailers(let trailers):
            let action = self.machine.endReceived(stream, webSocketClose: false, now: .now())
            if self.mayDeliver(action, stream) { self.owner(of: stream)?.tunnelStreamReceivedEnd(trailers: trailers) }
        case .reset(let reason):
            _ = self.mayDeliver(self.machine.resetReceived(stream, reason, now: .now()), stream)
        case .window(let credit):
            _ = self.mayNotify(self.machine.windowReceived(Int(credit), on: stream))
        default: self.receive(connectionFrame: frame.body)
        }
    }

    private func receive(connectionFrame body: TunnelFrame.Body) {
        switch body {
        case .hello(let hello):
            switch self.machine.helloReceived(hello, now: .now()) {
            case .connected(let peer):
                self.scheduleTimer()
                self.delegate?.tunnelConnected(self, peer: peer)
            case .close(let reason): self.close(reason)
            }
        case .ping(let token): _ = self.mayNotify(self.machine.pingReceived(token))
        case .pong(let token):
            switch self.machine.pongReceived(token, now: .now()) {
            case .measured(let roundTrip): self.delegate?.tunnelMeasuredRoundTrip(roundTrip)
            case .ignore: break
            case .close(let reason): self.close(reason)
            }
        case .drain(let milliseconds):
            let delay = TimeAmount.milliseconds(Int64(milliseconds))
            if self.mayNotify(self.machine.drainReceived(retryAfter: delay)) {
                self.delegate?.tunnelIsDraining(retryAfter: delay)
            }
        case .push(let json):
            guard self.mayNotify(self.machine.noticeReceived()) else { return }
            if let text = String(validating: json.readableBytesView, as: UTF8.self) {
                self.delegate?.tunnelReceivedPush(TunnelPush(json: text))
            } else {
                self.close(.protocolError("a push that is not UTF-8"))
            }
        case .pause: if self.mayNotify(self.machine.noticeReceived()) { self.delegate?.tunnelReceivedPause(true) }
        case .resume: if self.mayNotify(self.machine.noticeReceived()) { self.delegate?.tunnelReceivedPause(false) }
        case .close(let reason): self.closedByPeer(reason)
        case .data, .webSocketData, .response, .request, .end, .webSocketClose, .trailers, .reset, .window: break
        }
    }

    private func receive(_ data: ByteBuffer, webSocket: Bool, _ frame: TunnelFrame) {
        let count = data.readableBytes
        let stream = frame.stream
        // An empty STREAM_DATA of version 0 says nothing.
        if count == 0 { return }
        self.load.count(count)
        let action = self.machine.dataReceived(
            count,
            on: stream,
            webSocket: webSocket,
            end: frame.end,
            now: .now()
        )
        guard self.mayDeliver(action, stream), let owner = self.owner(of: stream) else { return }
        // A slice keeps its whole message in memory. That is free while the owner keeps up, and a way to hold megabytes
        // by kilobytes when it does not.
        let isLagging = self.machine.unconsumedBytes(on: stream) > count
        if isLagging, data.storageCapacity / 8 > count {
            owner.tunnelStreamReceived(data: ByteBuffer(bytes: data.readableBytesView))
        } else {
            owner.tunnelStreamReceived(data: data)
        }
        // The call above may have reset the stream.
        if frame.end, self.state == .open { self.owner(of: stream)?.tunnelStreamReceivedEnd(trailers: nil) }
    }

    private func receive(request head: ByteBuffer, _ kind: TunnelStreamKind, _ frame: TunnelFrame) {
        switch self.machine.requestReceived(frame.stream, kind: kind, end: frame.end, now: .now()) {
        case .refuse: break
        case .close(let reason): self.close(reason)
        case .accept:
            let id = TunnelStreamID(frame.stream)
            let owner = self.delegate?.tunnelReceivedStream(id, kind: kind, head: head, end: frame.end, on: self)
            guard self.state == .open else { return }
            if let owner {
                // The call above may already have answered and reset it.
                if self.machine.isTracking(frame.stream) { self.owners.insert(frame.stream, owner) }
            } else {
                self.machine.reset(frame.stream, .refused, now: .now())
            }
        }
    }

    /// Acts on everything but a delivery; true when the frame goes to its owner.
    private func mayDeliver(_ action: TunnelConnectionStateMachine.OnStreamFrame, _ stream: UInt32) -> Bool {
        switch action {
        case .deliver: return true
        case .discard: return false
        case .reset(let reason):
            self.giveUp(stream, reason)
            return false
        case .deliverThenGiveUp(let largest):
            self.giveUp(largest, .bufferLimit)
            return true
        case .close(let reason):
            self.close(reason)
            return false
        }
    }

    private func giveUp(_ stream: UInt32, _ reason: TunnelResetReason) {
        let owner = self.owner(of: stream)
        self.owners.remove(stream)
        owner?.tunnelStreamReset(reason)
    }

    private func mayNotify(_ action: TunnelConnectionStateMachine.OnConnectionFrame) -> Bool {
        switch action {
        case .none: return false
        case .notify: return true
        case .close(let reason):
            self.close(reason)
            return false
        }
    }
}
