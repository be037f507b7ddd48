package import NIOCore
package import TunnelProtocol

/// One end of one tunnel: the channel handler between the bytes of an upgraded WebSocket connection and its streams.
///
/// Added to the pipeline right after the 101. Confined to its event loop: every method is called there. It decides
/// nothing about the protocol: it decodes, calls the state machine, and acts on the answer. Frames go out when a burst
/// of reads is over or in the next turn of the event loop, as few writes as possible, and only while the channel is
/// writable.
package final class TunnelConnection: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// What to do after `sendData`.
    package enum SendResult: Sendable, Equatable {
        /// Go on.
        case more
        /// Stop reading the source until `tunnelStreamWritable`.
        case pause
    }

    enum State {
        /// Not started.
        case idle
        case open
        /// Our close went out; the peer may answer it.
        case closing
        case closed
    }

    /// How long the peer may take to answer a close before the transport is closed under it.
    static let closeTimeout = TimeAmount.seconds(2)
    /// A message of version 1 is sent once it holds this many bytes, so that no receiver waits long for its end.
    static let messageBytes = 32 << 10

    /// Which end this is.
    package let role: TunnelRole
    /// The version negotiated by the upgrade.
    package let version: TunnelVersion
    /// The limits this end keeps.
    package let configuration: TunnelConfiguration
    let codecV0: TunnelFrameCodecV0
    let codecV1: TunnelFrameCodecV1
    var delegate: (any TunnelConnectionDelegate)?
    var machine: TunnelConnectionStateMachine
    var parser: WebSocketFrameParser
    var writer: WebSocketFrameWriter
    var owners = StreamTable<(any TunnelStreamDelegate)?>(filler: nil)
    var state = State.idle
    var context: ChannelHandlerContext?
    /// Owners to be told about a reset that one of their own calls caused; told outside of that call.
    var deferredResets: [(owner: any TunnelStreamDelegate, reason: TunnelResetReason)] = []
    /// The answer to the latest WebSocket ping; a flood of pings is answered once.
    var pendingPong: ByteBuffer?
    private var isReading = false
    /// The first bytes may be handed over without a `channelReadComplete` after them; every later burst has one.
    private var hasSeenReadComplete = false
    private var isFlushing = false
    private var isFlushScheduled = false
    private var timer: Scheduled<Void>?
    /// What the connection carries lately; asked by whoever chooses among several.
    package var load = TunnelLoadMeter()

    /// Makes the handler for a connection whose upgrade was answered with 101.
    package init(
        role: TunnelRole,
        version: TunnelVersion,
        configuration: TunnelConfiguration,
        delegate: any TunnelConnectionDelegate
    ) {
        self.role = role
        self.version = version
        self.configuration = configuration
        self.delegate = delegate
        self.machine = TunnelConnectionStateMachine(role: role, version: version, configuration: configuration)
        let messageLimit = version == .v0 ? TunnelWire.maximumMessageBytesV0 : TunnelWire.maximumMessageBytesV1
        self.parser = WebSocketFrameParser(role: role, maximumMessageBytes: messageLimit)
        self.writer = WebSocketFrameWriter(role: role)
        let headLimit = Int(TunnelHello(configuration).maximumHeadBytes)
        self.codecV0 = TunnelFrameCodecV0(role: role, maximumHeadBytes: headLimit)
        self.codecV1 = TunnelFrameCodecV1(role: role, maximumHeadBytes: headLimit)
    }

    /// The event loop everything here is confined to; nil before the handler was added and after it was removed.
    package var eventLoop: (any EventLoop)? { self.context?.eventLoop }

    /// How many streams have a direction open.
    package var openStreamCount: Int { self.machine.openStreamCount }

    /// Whether `openStream` may succeed: connected, not draining, below the stream limit.
    package var isAccepting: Bool { self.state == .open && self.machine.isAccepting }

    /// The smallest of the last eight round trips; nil before the first.
    package var roundTrip: TimeAmount? { self.machine.roundTrip }

    // MARK: Channel events

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { self.start() }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.finish(.transportLost)
        self.state = .closed
        self.context = nil
    }

    package func channelActive(context: ChannelHandlerContext) {
        self.start()
        context.fireChannelActive()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        self.finish(.transportLost)
        self.state = .closed
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.finish(.transportLost)
        context.close(promise: nil)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.isReading = self.hasSeenReadComplete
        var input = Self.unwrapInboundIn(data)
        self.receive(&input)
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        self.isReading = false
        self.hasSeenReadComplete = true
        self.flush()
        context.fireChannelReadComplete()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.flush() }
        context.fireChannelWritabilityChanged()
    }

    private func start() {
        guard self.state == .idle else { return }
        self.state = .open
        let action = self.machine.start(now: .now())
        self.scheduleTimer()
        switch action {
        case .awaitHello: break
        case .connected(let peer): self.delegate?.tunnelConnected(self, peer: peer)
        }
        self.scheduleFlush()
    }

    // MARK: Timer

    func scheduleTimer() {
        self.timer?.cancel()
        guard let context = self.context, self.state == .open else { return }
        self.timer = context.eventLoop.assumeIsolated()
            .scheduleTask(deadline: self.machine.nextTimer) {
                self.timerFired()
            }
    }

    func cancelTimer() {
        self.timer?.cancel()
        self.timer = nil
    }

    private func timerFired() {
        guard self.state == .open else { return }
        switch self.machine.timerFired(now: .now()) {
        case .close(let reason): self.close(reason)
        case .flush:
            for stream in self.machine.takeExpired() { self.owner(of: stream)?.tunnelStreamReset(.cancelled) }
            self.releaseOrphans()
            self.scheduleTimer()
            self.flush()
        }
    }

    /// Finished streams whose owner exists nowhere but here: nobody will say that their bytes were consumed.
    private func releaseOrphans() {
        guard self.machine.trackedStreamCount > self.machine.openStreamCount else { return }
        for stream in self.owners.sortedKeys where self.machine.isFinished(stream) {
            guard let index = self.owners.index(of: stream) else { continue }
            var owner = self.takeOwner(at: index)
            if owner == nil || isKnownUniquelyReferenced(&owner) {
                self.machine.reset(stream, .cancelled, now: .now())
            } else {
                self.owners.values[index] = owner as? any TunnelStreamDelegate
            }
        }
    }

    // MARK: Flushing

    /// Sends what is queued in the next turn of the event loop, or when the current burst of reads is over.
    func scheduleFlush() {
        guard !self.isReading, !self.isFlushing, !self.isFlushScheduled, let context = self.context else { return }
        self.isFlushScheduled = true
        context.eventLoop.assumeIsolated()
            .execute {
                self.isFlushScheduled = false
                self.flush()
            }
    }

    private func flush() {
        guard !self.isFlushing, self.state == .open, let context = self.context else { return }
        self.isFlushing = true
        var wrote = true
        while wrote, self.state == .open {
            wrote = false
            if let pong = self.pendingPong, context.channel.isWritable {
                self.pendingPong = nil
                context.write(Self.wrapOutboundOut(self.writer.controlFrame(opcode: 10, payload: pong)), promise: nil)
                wrote = true
            }
            while context.channel.isWritable, let message = self.nextMessage() {
                context.write(Self.wrapOutboundOut(message), promise: nil)
                wrote = true
            }
            if wrote { context.flush() }
            self.settleOwners()
        }
        self.isFlushing = false
        guard self.state == .open else { return }
        if let reason = self.machine.idleCloseReason { return self.close(reason) }
        // An owner that was told something may have queued more.
        if self.machine.hasFrames, context.channel.isWritable { self.scheduleFlush() }
    }

    /// The next WebSocket message: one frame in version 0, as many as fit well in version 1.
    private func nextMessage() -> ByteBuffer? {
        let now = NIODeadline.now()
        guard var frame = self.machine.nextFrame(now: now) else { return nil }
        if self.version == .v0 {
            var message = self.writer.makeMessage(capacity: TunnelFrameCodecV0.encodedBytes(frame))
            TunnelFrameCodecV0.encode(frame, to: &message)
            self.writer.seal(&message)
            return message
        }
        let rest = min(self.machine.queuedBytes + 64, Self.messageBytes)
        var message = self.writer.makeMessage(capacity: TunnelFrameCodecV1.encodedBytes(frame) + rest)
        while true {
            TunnelFrameCodecV1.encode(frame, to: &message)
            guard message.readableBytes < Self.messageBytes, let next = self.machine.nextFrame(now: now) else { break }
            frame = next
        }
        self.writer.seal(&message)
        self.load.count(message.readableBytes)
        return message
    }

    /// Tells owners what sending changed, and forgets those whose streams are over.
    private func settleOwners() {
        for stream in self.machine.takeReleased() { self.owners.remove(stream) }
        while let deferred = self.deferredResets.popLast() { deferred.owner.tunnelStreamReset(deferred.reason) }
        for stream in self.machine.takeWritable() { self.owner(of: stream)?.tunnelStreamWritable() }
    }

    func owner(of stream: UInt32) -> (any TunnelStreamDelegate)? {
        self.owners.index(of: stream).flatMap { self.owners.values[$0] }
    }

    /// Moves an owner out of the table, so that nothing here refers to it any more.
    private func takeOwner(at index: Int) -> AnyObject? {
        let owner = self.owners.values[index]
        self.owners.values[index] = nil
        return owner
    }
}

@available(*, unavailable)
extension TunnelConnection: Sendable {}
