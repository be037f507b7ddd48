package import NIOCore

// One method per frame that can arrive.
extension TunnelConnectionStateMachine {
    /// What a frame of a stream means for its owner.
    package enum OnStreamFrame: Equatable {
        /// Hand it to the owner.
        case deliver
        /// Hand it to the owner, then tell the owner of that stream (maybe another) that it was reset with
        /// `bufferLimit`: more is held than the limits allow.
        case deliverThenGiveUp(UInt32)
        /// It came too late; nobody is told.
        case discard
        /// The stream was aborted, by the peer or by a limit that the peer is told about; tell the owner.
        case reset(TunnelResetReason)
        /// The peer broke the protocol.
        case close(TunnelCloseReason)
    }

    /// What a HELLO means.
    package enum OnHello: Equatable {
        /// Ready.
        case connected(TunnelPeer)
        /// The peer broke the protocol.
        case close(TunnelCloseReason)
    }

    /// What a REQUEST means.
    package enum OnRequest: Equatable {
        /// Find an owner for it; `reset` with `refused` when there is none.
        case accept
        /// Too many are open, or nothing new is taken: the edge is told.
        case refuse
        /// The peer broke the protocol.
        case close(TunnelCloseReason)
    }

    /// What a frame of the connection means.
    package enum OnConnectionFrame: Equatable {
        /// Nothing more to do than sending what is queued.
        case none
        /// Tell the owner of the connection.
        case notify
        /// The peer broke the protocol.
        case close(TunnelCloseReason)
    }

    /// What a PONG means.
    package enum OnPong: Equatable {
        /// A round trip was measured.
        case measured(TimeAmount)
        /// Nothing.
        case ignore
        /// The peer broke the protocol.
        case close(TunnelCloseReason)
    }

    private enum Lookup {
        case found(Int)
        case late
        case unknown
    }

    /// The backlog of control frames above which the peer is taken to not read at all.
    private static var controlLimit: Int { 8_192 }

    // MARK: Connection frames

    /// HELLO, version 1.
    package mutating func helloReceived(_ hello: TunnelHello, now: NIODeadline) -> OnHello {
        guard self.phase == .awaitingHello else { return .close(.protocolError("a second hello")) }
        self.phase = .open
        self.liveness.heard()
        self.liveness.helloReceived(now: now)
        self.peer = TunnelPeer(
            version: .v1,
            name: hello.name,
            maximumStreams: Int(hello.maximumStreams),
            maximumHeadBytes: Int(hello.maximumHeadBytes)
        )
        self.peerStreamWindow = Int(hello.initialStreamWindow)
        _ = self.sender.addConnectionCredit(Int(hello.initialConnectionWindow))
        self.sender.enqueueControl(TunnelFrame(stream: 0, .ping(self.liveness.ping(now: now))))
        return .connected(self.peer)
    }

    /// PING, both versions: a pong is queued.
    package mutating func pingReceived(_ token: UInt64) -> OnConnectionFrame {
        if let refusal = self.checkOpen() { return .close(refusal) }
        self.sender.enqueueControl(TunnelFrame(stream: 0, .pong(token)))
        return .none
    }

    /// PONG, both versions.
    package mutating func pongReceived(_ token: UInt64, now: NIODeadline) -> OnPong {
        if let refusal = self.checkOpen() { return .close(refusal) }
        switch self.liveness.pong(token: self.version == .v1 ? token : nil, now: now) {
        case .measured(let roundTrip): return .measured(roundTrip)
        case .ignore: return .ignore
        case .illegal: return .close(.protocolError("a pong without its ping"))
        }
    }

    /// DRAIN, version 1: nothing new is opened from here on.
    package mutating func drainReceived(retryAfter: TimeAmount) -> OnConnectionFrame {
        if let refusal = self.checkOpen() { return .close(refusal) }
        if self.drainDelay == nil { self.drainDelay = retryAfter }
        return .notify
    }

    /// PUSH (agent), PAUSE and RESUME (edge).
    package mutating func noticeReceived() -> OnConnectionFrame {
        if let refusal = self.checkOpen() { return .close(refusal) }
        return .notify
    }

    /// WINDOW, version 1.
    package mutating func windowReceived(_ credit: Int, on stream: UInt32) -> OnConnectionFrame {
        if let refusal = self.checkOpen() { return .close(refusal) }
        if stream == 0 {
            return self.sender.addConnectionCredit(credit)
                ? .none : .close(.protocolError("the connection's window is too large"))
        }
        // Credit for a stream that is over is normal: the peer consumed its last bytes after our end went out.
        if stream > self.highestStream { return .close(.protocolError("a frame on a stream that was never opened")) }
        guard self.sender.addCredit(credit, to: stream) else {
            return .close(.protocolError("a stream's window is too large"))
        }
        return .none
    }

    // MARK: Stream frames

    /// REQUEST, or version 0's OPEN_STREAM and WS_UPGRADE (agent).
    package mutating func requestReceived(
        _ stream: UInt32,
        kind: TunnelStreamKind,
        end: Bool,
        now: NIODeadline
    ) -> OnRequest {
        if let refusal = self.checkOpen() { return .close(refusal) }
        guard stream > self.highestStream else { return .close(.protocolError("a stream number was used again")) }
        self.highestStream = stream
        // With version 1 a request that crossed our DRAIN is still served; version 0 has no DRAIN to cross.
        let isFull = self.openStreamCount >= self.configuration.maximumStreams
        if isFull || (self.version == .v0 && self.isLocallyDraining) {
            self.recentResets.insert(stream)
            self.sender.enqueueControl(TunnelFrame(stream: stream, .reset(.refused)))
            return .refuse
        }
        var record = Stream(kind: kind, window: TunnelReceiveWindow(size: self.initialStreamWindow))
        record.isAnnounced = true
        record.remoteEnded = end
        self.streams.insert(stream, record)
        self.sender.open(stream, credit: self.peerStreamWindow)
        return .accept
    }

    /// RESPONSE, or version 0's RESPONSE_HEADERS (edge).
    ///
    /// - Parameters:
    ///   - stream: Which stream.
    ///   - status: The head's status, nil when it has none that can be read.
    ///   - end: Whether the direction ends with it.
    ///   - now: The current time.
    /// - Returns: What it means for the stream's owner.
    package mutating func responseReceived(
        _ stream: UInt32,
        status: Int?,
        end: Bool,
        now: NIODeadline
    ) -> OnStreamFrame {
        if let refusal = self.checkOpen() { return .close(refusal) }
        let index: Int
        switch self.lookup(stream) {
        case .found(let place): index = place
        case .late: return .discard
        case .unknown: return self.unknown()
        }
        if self.streams.values[index].isDiscarding { return self.discardEnd(stream, at: index, end: end) }
        guard !self.streams.values[index].remoteEnded, !self.streams.values[index].hasFinalHead else {
            return self.violation(stream, "a head after the final head", now: now)
        }
        guard let status else {
            self.abort(stream, .upstreamProtocolError, now: now)
            return .reset(.upstreamProtocolError)
        }
        if status < 200, status != 101 {
            return end ? self.violation(stream, "an informational head cannot be the end", now: now) : .deliver
        }
        let isWebSocket = self.streams.values[index].kind == .webSocket
        if status == 101 {
            guard isWebSocket, !end else { return self.violation(stream, "a 101 that nobody asked for", now: now) }
            self.streams.values[index].isRaw = true
            self.sender.makeRaw(stream)
        } else if isWebSocket {
            // An upgrade request has no body: when it is declined, our direction is over without a frame.
            self.streams.values[index].localEndQueued = true
            self.streams.values[index].localEnded = true
        }
        self.streams.values[index].hasFinalHead = true
        if end { self.streams.values[index].remoteEnded = true }
        self.settle(stream, at: index, wasFinished: false)
        return .deliver
    }

    /// DATA, or version 0's STREAM_DATA and WS_DATA.
    ///
    /// - Parameters:
    ///   - bytes: How many.
    ///   - stream: Which stream.
    ///   - webSocket: Whether it was version 0's WS_DATA.
    ///   - end: Whether the direction ends with it.
    ///   - now: The current time.
    /// - Returns: What it means for the stream's owner.
    package mutating func dataReceived(
        _ bytes: Int,
        on stream: UInt32,
        webSocket: Bool,
        end: Bool,
        now: NIODeadline
    ) -> OnStreamFrame {
        if let refusal = self.checkOpen() { return .close(refusal) }
        guard self.receiveWindow.received(bytes, now: now) else {
            return .close(.protocolError("more data than the connection's window allows"))
        }
        self.budget.count(bytes)
        let index: Int
        switch self.lookup(stream) {
        case .found(let place): index = place
        case .late:
            self.giveBack(bytes, now: now)
            return .discard
        case .unknown:
            self.giveBack(bytes, now: now)
            return self.unknown()
        }
        if self.streams.values[index].isDiscarding {
            self.giveBack(bytes, now: now)
            return self.discardEnd(stream, at: index, end: end)
        }
        if let text = self.dataViolation(at: index, webSocket: webSocket) {
            self.giveBack(bytes, now: now)
            return self.violation(stream, text, now: now)
        }
        guard self.streams.values[index].window.received(bytes, now: now) else {
            self.giveBack(bytes, now: now)
            return .close(.protocolError("more data than the stream's window allows"))
        }
        self.streams.values[index].heldFrames += 1
        let largest = self.streamToGiveUp(after: stream, at: index, now: now)
        if end {
            self.streams.values[index].remoteEnded = true
            self.settle(stream, at: index, wasFinished: false)
        }
        guard let largest, let place = self.streams.index(of: largest) else { return .deliver }
        let record = self.streams.values[place]
        // The owner of a stream that is over is not told; only the accounts are closed.
        let isSilent = record.isFinished || (largest != stream && record.isOverForOwner) || record.isDiscarding
        self.abort(largest, .bufferLimit, now: now)
        if isSilent { return .deliver }
        return largest == stream ? .reset(.bufferLimit) : .deliverThenGiveUp(largest)
    }

    /// The peer's direction ended: STREAM_END, WS_CLOSE, TRAILERS, or an empty DATA with END.
    package mutating func endReceived(
        _ stream: UInt32,
        webSocketClose: Bool,
        now: NIODeadline
    ) -> OnStreamFrame {
        if let refusal = self.checkOpen() { return .close(refusal) }
        let index: Int
        switch self.lookup(stream) {
        case .found(let place): index = place
        case .late: return .discard
        case .unknown: return self.unknown()
        }
        if self.streams.values[index].isDiscarding { return self.discardEnd(stream, at: index, end: true) }
        if self.version == .v0, self.role == .agent, self.streams.values[index].kind == .webSocket,
            !self.streams.values[index].isRaw, !webSocketClose
        {
            // An upgrade request has no body; a gateway that says so anyway does no harm.
            return .discard
        }
        if webSocketClose, !self.streams.values[index].isRaw {
            // The viewer gave up before the answer.
            self.abort(stream, .cancelled, now: now)
            return .reset(.cancelled)
        }
        // On an upgraded stream WS_CLOSE is the end, and so is STREAM_END.
        if let text = self.dataViolation(at: index, webSocket: self.streams.values[index].isRaw) {
            return self.violation(stream, text, now: now)
        }
        let wasFinished = self.streams.values[index].isFinished
        self.streams.values[index].remoteEnded = true
        if webSocketClose, !self.streams.values[index].localEnded {
            // WS_CLOSE closes both directions: what was still queued has no reader.
            self.endLocally(stream, at: index)
            self.sender.enqueueControl(TunnelFrame(stream: stream, .webSocketClose))
        }
        self.settle(stream, at: index, wasFinished: wasFinished)
        return .deliver
    }

    /// RESET, or version 0's STREAM_CANCEL.
    package mutating func resetReceived(
        _ stream: UInt32,
        _ reason: TunnelResetReason,
        now: NIODeadline
    ) -> OnStreamFrame {
        if let refusal = self.checkOpen() { return .close(refusal) }
        guard let index = self.streams.index(of: stream) else {
            return stream > self.highestStream ? self.unknown() : .discard
        }
        // A finished stream has no direction left to abort; its last bytes stay good.
        if self.streams.values[index].isFinished { return .discard }
        if self.streams.values[index].isDiscarding || self.streams.values[index].isOverForOwner {
            self.endLocally(stream, at: index)
            if self.streams.values[index].remoteEnded {
                self.settle(stream, at: index, wasFinished: false)
            } else {
                self.abandon(stream, now: now)
            }
            return .discard
        }
        if reason == .noError, self.streams.values[index].remoteEnded {
            // The answer is complete and the rest of the request unwanted: only our direction is over.
            self.endLocally(stream, at: index)
            self.settle(stream, at: index, wasFinished: false)
            return .reset(.noError)
        }
        self.abandon(stream, now: now)
        // Truncation never looks like success.
        return .reset(reason == .noError ? .cancelled : reason)
    }

    // MARK: Checks

    /// Nil when frames other than HELLO are legal now.
    ///
    /// Whatever arrives may make us answer with control frames; a peer that does not read them gets no more of them.
    private mutating func checkOpen() -> TunnelCloseReason? {
        guard self.phase == .open else { return .protocolError("a frame before the hello") }
        self.liveness.heard()
        return self.sender.controlBacklog > Self.controlLimit ? .backlogLimit : nil
    }

    private func lookup(_ stream: UInt32) -> Lookup {
        if let index = self.streams.index(of: stream) { return .found(index) }
        if stream > self.highestStream { return .unknown }
        // Version 0 peers forget streams without a word; anything late is harmless.
        return self.version == .v0 || self.recentResets.contains(stream) ? .late : .unknown
    }

    private func unknown() -> OnStreamFrame { .close(.protocolError("a frame on a stream that is not open")) }

    /// What is wrong with bytes or an end on this stream now, if anything.
    private func dataViolation(at index: Int, webSocket: Bool) -> String? {
        let record = self.streams.values[index]
        if record.remoteEnded { return "a frame after the end" }
        if self.role == .edge, !record.hasFinalHead { return "data before the head" }
        if record.kind == .webSocket, self.role == .agent, !record.isRaw { return "data before the upgrade" }
        if self.version == .v0, webSocket != record.isRaw { return "data of the wrong type" }
        return nil
    }

    /// A stream was used against the protocol: version 1 closes the connection; version 0, whose peers are not ours,
    /// loses the stream only.
    private mutating func violation(_ stream: UInt32, _ text: String, now: NIODeadline) -> OnStreamFrame {
        if self.version == .v1 { return .close(.protocolError(text)) }
        guard let index = self.streams.index(of: stream), !self.streams.values[index].isFinished else {
            return .discard
        }
        let isOver = self.streams.values[index].isOverForOwner
        self.abort(stream, .protocolError, now: now)
        return isOver ? .discard : .reset(.protocolError)
    }

    /// Our direction is over without a frame of ours; what was queued has no reader.
    private mutating func endLocally(_ stream: UInt32, at index: Int) {
        self.dropQueue(of: stream)
        self.streams.values[index].localEndQueued = true
        self.streams.values[index].localEnded = true
    }

    private mutating func discardEnd(_ stream: UInt32, at index: Int, end: Bool) -> OnStreamFrame {
        if end, !self.streams.values[index].remoteEnded {
            self.streams.values[index].remoteEnded = true
            self.settle(stream, at: index, wasFinished: false)
        }
        return .discard
    }
}
