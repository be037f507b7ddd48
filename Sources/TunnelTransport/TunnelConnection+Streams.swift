package import NIOCore
package import TunnelProtocol

// What the owners call. Everything is queued and goes out together.
extension TunnelConnection {
    /// Opens a stream (edge role).
    ///
    /// - Parameters:
    ///   - kind: What it carries. A webSocket stream carries bytes only after its 101; before that, and when the
    ///     upgrade is declined, it has no request body and `end` means nothing.
    ///   - head: The request head block, up to and including the empty line.
    ///   - end: Whether no body follows.
    ///   - delegate: Its owner; kept until both directions are over and every byte was consumed.
    /// - Returns: Its number; nil when at the stream limit, draining, closed, or when the head is larger than the peer
    ///   accepts.
    package func openStream(
        kind: TunnelStreamKind,
        head: ByteBuffer,
        end: Bool,
        delegate: any TunnelStreamDelegate
    ) -> TunnelStreamID? {
        guard self.state == .open, let stream = self.machine.openStream(kind, head: head, end: end) else { return nil }
        self.owners.insert(stream, delegate)
        self.scheduleFlush()
        return TunnelStreamID(stream)
    }

    /// Sends a response head (agent role).
    ///
    /// Informational heads (1xx except 101) may come before the final one; with version 0 they are dropped. A head that
    /// the protocol does not allow here resets the stream, as does one larger than the edge accepts.
    package func sendHead(_ head: ByteBuffer, end: Bool, on id: TunnelStreamID) {
        guard self.state == .open else { return }
        self.act(on: self.machine.sendHead(head, end: end, on: id.rawValue, now: .now()), id)
    }

    /// Queues body bytes, or bytes of an upgraded stream.
    ///
    /// - Returns: `.pause` when the source should not be read until `tunnelStreamWritable`; bytes sent nevertheless are
    ///   queued up to a limit, then the stream is reset.
    package func sendData(_ data: ByteBuffer, on id: TunnelStreamID) -> SendResult {
        guard self.state == .open else { return .more }
        let action = self.machine.sendData(data, on: id.rawValue, now: .now())
        self.act(on: action, id)
        return action == .pause ? .pause : .more
    }

    /// Ends this direction.
    ///
    /// - Parameters:
    ///   - trailers: A raw `Name: value` block; version 0 drops it.
    ///   - id: Which stream.
    package func sendEnd(trailers: ByteBuffer?, on id: TunnelStreamID) {
        guard self.state == .open else { return }
        self.act(on: self.machine.sendEnd(trailers: trailers, on: id.rawValue, now: .now()), id)
    }

    /// Aborts a stream in both directions; its delegate is not called again.
    ///
    /// `.noError` after `sendEnd` is not an abort: what is queued goes out first, and the peer is only told to send
    /// nothing more.
    package func reset(_ id: TunnelStreamID, _ reason: TunnelResetReason) {
        guard self.state == .open else { return }
        if let index = self.owners.index(of: id.rawValue) { self.owners.values[index] = nil }
        self.machine.reset(id.rawValue, reason, now: .now())
        self.scheduleFlush()
    }

    /// Says that the downstream took bytes of this stream, which gives the peer credit for as many.
    ///
    /// Also to be called for bytes still on their way when both directions are already over. Calls for streams that
    /// are gone do nothing.
    package func consumed(_ bytes: Int, on id: TunnelStreamID) {
        guard self.state == .open, bytes > 0 else { return }
        self.machine.consumed(bytes, on: id.rawValue, now: .now())
        if self.machine.needsAttention { self.scheduleFlush() }
    }

    /// Tells the agent something about its session (edge role, version 1).
    ///
    /// - Parameter json: The text of one JSON object of at most 64 KiB.
    /// - Returns: False when it was dropped: version 0, not connected, too long, or an agent that does not read.
    @discardableResult
    package func sendPush(_ json: String) -> Bool {
        guard self.state == .open, json.utf8.first == UInt8(ascii: "{") else { return false }
        let sent = self.machine.push(ByteBuffer(string: json))
        self.scheduleFlush()
        return sent
    }

    /// Asks the edge to answer viewers with 503, or to stop that (agent role, both versions).
    package func sendPause(_ paused: Bool) {
        guard self.state == .open else { return }
        self.machine.pause(paused)
        self.scheduleFlush()
    }

    /// Announces that nothing new will be taken; open streams go on.
    ///
    /// When none is left the edge closes the connection with `.drained`, whichever side announced it. Version 0 has no
    /// such frame: an edge stops opening, an agent cancels what is opened from here on and closes by itself.
    package func drain(retryAfter: TimeAmount) {
        guard self.state == .open else { return }
        self.machine.drain(retryAfter: retryAfter)
        self.scheduleFlush()
    }

    /// Opens nothing more, lets open streams go on for at most `limit`, then closes for this reason (edge role).
    package func retire(_ reason: TunnelCloseReason, within limit: TimeAmount) {
        guard self.state == .open, let context = self.context else { return }
        self.machine.retire(reason)
        context.eventLoop.assumeIsolated().scheduleTask(in: limit) { self.close(reason) }
        self.scheduleFlush()
    }

    private func act(on action: TunnelConnectionStateMachine.OnSend, _ id: TunnelStreamID) {
        switch action {
        case .queued, .pause: self.scheduleFlush()
        case .ignored: break
        case .reset(let reason):
            if let owner = self.owner(of: id.rawValue) { self.deferredResets.append((owner, reason)) }
            self.owners.remove(id.rawValue)
            self.scheduleFlush()
        }
    }
}
