package import NIOCore

// What the owners of streams and of the connection ask for.
extension TunnelConnectionStateMachine {
    /// What became of something to send.
    package enum OnSend: Equatable {
        /// Queued (or dropped, where the version has no such thing).
        case queued
        /// Queued; stop reading the source until the stream comes out of `takeWritable`.
        case pause
        /// The stream is over; nothing was queued.
        case ignored
        /// It was out of order or over a limit: the stream was aborted, the peer is told; tell the owner.
        case reset(TunnelResetReason)
    }

    /// Opens a stream (edge).
    ///
    /// - Parameters:
    ///   - kind: What it carries. A webSocket request has no body, so `end` means nothing for it.
    ///   - head: The request head block.
    ///   - end: Whether no body follows.
    /// - Returns: Its number, nil when nothing can be opened or the head is too large for the peer.
    package mutating func openStream(_ kind: TunnelStreamKind, head: ByteBuffer, end: Bool) -> UInt32? {
        guard self.isAccepting, head.readableBytes > 0, head.readableBytes <= self.peer.maximumHeadBytes else {
            return nil
        }
        self.highestStream += 1
        let stream = self.highestStream
        var record = Stream(kind: kind, window: TunnelReceiveWindow(size: self.initialStreamWindow))
        record.localEndQueued = end && kind == .http
        self.streams.insert(stream, record)
        self.sender.open(stream, credit: self.peerStreamWindow)
        self.sender.enqueueRequest(kind, head, on: stream)
        self.budget.count(head.readableBytes)
        if record.localEndQueued { self.sender.enqueueEnd(trailers: nil, on: stream) }
        return stream
    }

    /// Sends a response head (agent).
    ///
    /// - Parameters:
    ///   - head: The head block; its status decides what may follow.
    ///   - end: Whether nothing follows.
    ///   - stream: Which stream.
    ///   - now: The current time.
    /// - Returns: What became of it.
    package mutating func sendHead(
        _ head: ByteBuffer,
        end: Bool,
        on stream: UInt32,
        now: NIODeadline
    ) -> OnSend {
        guard let index = self.sendable(stream) else { return .ignored }
        guard head.readableBytes <= self.peer.maximumHeadBytes else {
            return self.fail(stream, .headTooLarge, now: now)
        }
        guard self.role == .agent, !self.streams.values[index].hasFinalHead,
            let status = TunnelWire.status(ofResponse: head)
        else { return self.fail(stream, .protocolError, now: now) }
        if status < 200, status != 101 {
            if end { return self.fail(stream, .protocolError, now: now) }
            // Version 0 has no word for an informational answer.
            if self.version == .v0 { return .queued }
            self.enqueueResponse(head, on: stream)
            return .queued
        }
        let isWebSocket = self.streams.values[index].kind == .webSocket
        if status == 101, !isWebSocket || end { return self.fail(stream, .protocolError, now: now) }
        self.streams.values[index].hasFinalHead = true
        self.enqueueResponse(head, on: stream)
        if status == 101 {
            self.streams.values[index].isRaw = true
            self.sender.makeRaw(stream)
        } else if isWebSocket {
            // Declined: the edge sends nothing more on this stream.
            self.streams.values[index].remoteEnded = true
        }
        return end ? self.sendEnd(trailers: nil, on: stream, now: now) : .queued
    }

    /// Sends body bytes, or bytes of an upgraded stream.
    package mutating func sendData(_ data: ByteBuffer, on stream: UInt32, now: NIODeadline) -> OnSend {
        guard let index = self.sendable(stream) else { return .ignored }
        guard self.mayCarryData(at: index) else { return self.fail(stream, .protocolError, now: now) }
        let isPaused = self.sender.enqueueData(data, on: stream)
        self.budget.count(data.readableBytes)
        if isPaused, self.sender.queuedBytes(on: stream) > self.configuration.sendQueueLimit {
            return self.fail(stream, .bufferLimit, now: now)
        }
        return isPaused ? .pause : .queued
    }

    /// Ends this direction; version 0 drops trailers.
    package mutating func sendEnd(trailers: ByteBuffer?, on stream: UInt32, now: NIODeadline) -> OnSend {
        guard let index = self.sendable(stream) else { return .ignored }
        if self.role == .edge, self.streams.values[index].kind == .webSocket, !self.streams.values[index].isRaw {
            // An upgrade request has no body to end.
            return .ignored
        }
        guard self.mayCarryData(at: index) else { return self.fail(stream, .protocolError, now: now) }
        let trailerBytes = trailers?.readableBytes ?? 0
        if trailerBytes > self.peer.maximumHeadBytes { return self.fail(stream, .headTooLarge, now: now) }
        let before = self.sender.queuedBytes
        self.streams.values[index].localEndQueued = true
        self.sender.enqueueEnd(trailers: trailers, on: stream)
        self.budget.count(self.sender.queuedBytes - before)
        return .queued
    }

    /// Aborts a stream; its owner is not told anything any more.
    ///
    /// `noError` after `sendEnd` is not an abort: what is queued goes out, then the peer is told to stop sending, and what
    /// still arrives is dropped. Version 0 has no word for that: the end goes out and the rest is dropped.
    package mutating func reset(_ stream: UInt32, _ reason: TunnelResetReason, now: NIODeadline) {
        guard self.phase == .open, let index = self.streams.index(of: stream) else { return }
        let record = self.streams.values[index]
        guard reason == .noError, record.localEndQueued, !record.isFinished else {
            self.abort(stream, reason == .connectionLost ? .cancelled : reason, now: now)
            return
        }
        self.streams.values[index].isDiscarding = true
        let held = self.streams.values[index].window.unconsumed
        if held > 0 {
            _ = self.streams.values[index].window.consumed(held)
            self.giveBack(held, now: now)
        }
        if record.localEnded { self.stopPeer(stream, now: now) }
    }

    /// Tells the agent something (edge, version 1): false when there is nobody to tell or it is too long.
    package mutating func push(_ json: ByteBuffer) -> Bool {
        guard self.phase == .open, self.version == .v1, self.role == .edge,
            (2...TunnelWire.maximumPushBytes).contains(json.readableBytes),
            // Pushes are news, not history: a peer that does not read gets no more of them.
            self.sender.controlBacklog < 64
        else { return false }
        self.sender.enqueueControl(TunnelFrame(stream: 0, .push(json)))
        return true
    }

    /// Asks the edge to answer viewers with 503, or to stop that (agent).
    package mutating func pause(_ paused: Bool) {
        guard self.phase == .open, self.role == .agent else { return }
        self.sender.enqueueControl(TunnelFrame(stream: 0, paused ? .pause : .resume))
    }

    /// Nothing new is taken from here on.
    package mutating func drain(retryAfter: TimeAmount) {
        guard self.phase == .open, !self.isLocallyDraining else { return }
        self.isLocallyDraining = true
        self.drainDelay = retryAfter
        guard self.version == .v1 else { return }
        let milliseconds = UInt32(clamping: retryAfter.nanoseconds / 1_000_000)
        self.sender.enqueueControl(TunnelFrame(stream: 0, .drain(retryAfterMilliseconds: milliseconds)))
    }

    /// Nothing new is opened from here on, and the connection closes for this reason once nothing is open (edge).
    package mutating func retire(_ reason: TunnelCloseReason) {
        guard self.phase == .open, self.role == .edge, self.retirement == nil else { return }
        self.retirement = reason
    }

    // MARK: Timer

    /// When `timerFired` should be called next.
    package var nextTimer: NIODeadline { self.liveness.nextTick }

    /// What a tick of the timer means.
    package enum OnTimer: Equatable {
        /// A ping is queued.
        case flush
        /// The peer is not there.
        case close(TunnelCloseReason)
    }

    /// The time in `nextTimer` has come.
    package mutating func timerFired(now: NIODeadline) -> OnTimer {
        switch self.liveness.tick(now: now) {
        case .close(let reason): return .close(reason)
        case .ping(let token):
            self.sender.enqueueControl(TunnelFrame(stream: 0, .ping(token)))
        }
        if self.version == .v0 { self.expireLingering(now: now) }
        return .flush
    }

    // MARK: Going out

    /// The frame to send next, nil when nothing can be sent now.
    package mutating func nextFrame(now: NIODeadline) -> TunnelFrame? {
        guard self.phase != .closed, let frame = self.sender.nextFrame() else { return nil }
        switch frame.body {
        case .request(_, let bytes):
            self.budget.count(-bytes.readableBytes)
            if let index = self.streams.index(of: frame.stream) { self.streams.values[index].isAnnounced = true }
        case .data(let bytes), .webSocketData(let bytes), .response(let bytes), .trailers(let bytes):
            self.budget.count(-bytes.readableBytes)
        default: break
        }
        if frame.end, let index = self.streams.index(of: frame.stream), !self.streams.values[index].localEnded {
            self.streams.values[index].localEnded = true
            let isDiscarding = self.streams.values[index].isDiscarding
            if case .webSocketClose = frame.body { self.streams.values[index].lingerTicks = 2 }
            self.settle(frame.stream, at: index, wasFinished: false)
            if isDiscarding { self.stopPeer(frame.stream, now: now) }
        }
        return frame
    }

    // MARK: Pieces

    /// Our direction is complete and nothing more is wanted from the peer.
    private mutating func stopPeer(_ stream: UInt32, now: NIODeadline) {
        guard let index = self.streams.index(of: stream), !self.streams.values[index].isFinished else { return }
        self.abandon(stream, now: now)
        self.recentResets.insert(stream)
        if self.version == .v1 { self.sender.enqueueControl(TunnelFrame(stream: stream, .reset(.noError))) }
    }

    private mutating func expireLingering(now: NIODeadline) {
        for stream in self.streams.sortedKeys {
            guard let index = self.streams.index(of: stream), self.streams.values[index].lingerTicks > 0,
                !self.streams.values[index].remoteEnded
            else { continue }
            self.streams.values[index].lingerTicks -= 1
            if self.streams.values[index].lingerTicks == 0 {
                self.abort(stream, .cancelled, now: now)
                self.expired.append(stream)
            }
        }
    }

    private func sendable(_ stream: UInt32) -> Int? {
        guard self.phase == .open, let index = self.streams.index(of: stream),
            !self.streams.values[index].localEndQueued
        else { return nil }
        return index
    }

    private func mayCarryData(at index: Int) -> Bool {
        switch self.role {
        case .edge: self.streams.values[index].kind == .http || self.streams.values[index].isRaw
        case .agent: self.streams.values[index].hasFinalHead
        }
    }

    private mutating func enqueueResponse(_ head: ByteBuffer, on stream: UInt32) {
        self.sender.enqueueResponse(head, on: stream)
        self.budget.count(head.readableBytes)
    }

    private mutating func fail(_ stream: UInt32, _ reason: TunnelResetReason, now: NIODeadline) -> OnSend {
        self.abort(stream, reason, now: now)
        return .reset(reason)
    }
}
