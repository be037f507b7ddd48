package import NIOCore

/// One end of one tunnel connection: which frames are legal, which streams are open, who has how much credit, and what
/// goes out next.
///
/// Both versions, both roles; no channel, no clock, no logger.
///
/// ```
///   idle ──start──▶ awaitingHello (v1) ──HELLO──▶ open ──close──▶ closed
///     └────start (v0)──────────────────────────────▲
///
///   one stream, each direction on its own:
///
///            REQUEST(END)                    DATA, TRAILERS with END / STREAM_END / WS_CLOSE
///   edge ── open ──────▶ ended      agent ── awaiting head ──RESPONSE──▶ open ──────▶ ended
///
///   both ended ──▶ finished ──everything consumed──▶ released        RESET, from any state ──▶ released
/// ```
///
/// The caller decodes a frame, calls the one method for it, and acts on the answer; then it takes frames from
/// `nextFrame` while its channel is writable. Streams whose number comes out of `takeReleased` may be forgotten.
package struct TunnelConnectionStateMachine: ~Copyable {
    enum Phase: Equatable {
        case idle
        case awaitingHello
        case open
        case closed
    }

    struct Stream {
        var kind: TunnelStreamKind
        /// Our direction: an end was queued, an end went out.
        var localEndQueued = false
        var localEnded = false
        var remoteEnded = false
        /// The final response head was received (edge) or queued (agent).
        var hasFinalHead = false
        /// Upgraded: a raw duplex byte stream.
        var isRaw = false
        /// The request head left the queue (edge).
        var isAnnounced = false
        /// The owner wants nothing more (`noError` after its end): what arrives is dropped.
        var isDiscarding = false
        /// Version 0: WS_CLOSE went out and the peer has until the second tick to answer.
        var lingerTicks: UInt8 = 0
        var window: TunnelReceiveWindow
        /// DATA frames received and, as far as can be told, not consumed.
        var heldFrames = 0

        var isFinished: Bool { self.localEnded && self.remoteEnded }

        /// Both directions are over as far as the owner knows: it is told nothing any more.
        var isOverForOwner: Bool { self.localEndQueued && self.remoteEnded }
    }

    let role: TunnelRole
    let version: TunnelVersion
    let configuration: TunnelConfiguration
    let budget: TunnelByteBudget
    let initialStreamWindow: Int
    var phase = Phase.idle
    var sender: TunnelSendScheduler
    var streams: StreamTable<Stream>
    var receiveWindow: TunnelReceiveWindow
    var peer: TunnelPeer
    var peerStreamWindow = 0
    var highestStream: UInt32 = 0
    /// Streams of the table that are finished and wait only for their bytes to be consumed.
    var finishedCount = 0
    var recentResets = RecentStreams()
    var released: [UInt32] = []
    var expired: [UInt32] = []
    var liveness: TunnelLiveness
    /// Set by `drain` here or by the peer's DRAIN.
    var drainDelay: TimeAmount?
    var isLocallyDraining = false
    /// Set by `retire`: why the connection closes once nothing is open.
    var retirement: TunnelCloseReason?

    /// Makes the machine of one connection that is about to start.
    package init(role: TunnelRole, version: TunnelVersion, configuration: TunnelConfiguration) {
        self.role = role
        self.version = version
        self.configuration = configuration
        self.budget = configuration.budget
        self.sender = TunnelSendScheduler(
            version: version,
            highWater: configuration.sendQueueHighWater,
            lowWater: configuration.sendQueueLowWater
        )
        let hello = TunnelHello(configuration)
        self.receiveWindow = TunnelReceiveWindow(
            size: version == .v0 ? .max / 2 : Int(hello.initialConnectionWindow)
        )
        self.initialStreamWindow = version == .v0 ? .max / 2 : Int(hello.initialStreamWindow)
        self.streams = StreamTable(filler: Stream(kind: .http, window: TunnelReceiveWindow(size: 0)))
        self.peer = TunnelPeer(
            version: version,
            name: "",
            maximumStreams: configuration.maximumStreams,
            maximumHeadBytes: configuration.maximumHeadBytes
        )
        self.liveness = TunnelLiveness(
            interval: configuration.pingInterval,
            missedLimit: configuration.missedPongLimit
        )
    }

    // MARK: What the caller may ask

    /// Streams with at least one direction open.
    package var openStreamCount: Int { self.streams.count - self.finishedCount }

    /// Streams the machine keeps a record of, finished ones with unconsumed bytes included.
    package var trackedStreamCount: Int { self.streams.count }

    /// Whether `openStream` may succeed.
    package var isAccepting: Bool {
        self.phase == .open && self.role == .edge && self.drainDelay == nil && self.retirement == nil
            && self.highestStream < .max
            && self.openStreamCount < min(self.configuration.maximumStreams, self.peer.maximumStreams)
    }

    /// Whether frames wait to be sent.
    package var hasFrames: Bool { self.sender.hasFrames }

    /// Bytes queued for sending.
    package var queuedBytes: Int { self.sender.queuedBytes }

    /// Bytes received and not consumed.
    package var unconsumedBytes: Int { self.receiveWindow.unconsumed }

    /// The size of the connection's receive window; for tests and metrics.
    package var connectionWindow: Int { self.receiveWindow.size }

    /// The size of a stream's receive window, nil when there is no such stream; for tests and metrics.
    package func streamWindow(_ stream: UInt32) -> Int? {
        self.streams.index(of: stream).map { self.streams.values[$0].window.size }
    }

    /// Whether there is a record of a stream.
    package func isTracking(_ stream: UInt32) -> Bool { self.streams.index(of: stream) != nil }

    /// Whether frames wait to be sent, or streams are over that nobody was told about.
    package var needsAttention: Bool {
        self.sender.hasFrames || !self.released.isEmpty || self.drainDelay != nil || self.retirement != nil
    }

    /// Whether both directions of a stream are over and only its bytes are not consumed yet.
    package func isFinished(_ stream: UInt32) -> Bool {
        self.streams.index(of: stream).map { self.streams.values[$0].isFinished } ?? false
    }

    /// Bytes of one stream received and not consumed.
    package func unconsumedBytes(on stream: UInt32) -> Int {
        self.streams.index(of: stream).map { self.streams.values[$0].window.unconsumed } ?? 0
    }

    /// The smallest recent round trip; nil before the first pong.
    package var roundTrip: TimeAmount? { self.liveness.roundTrip }

    /// Why the edge closes the connection now: drained or retired, idle, and with nothing left to send; else nil.
    package var idleCloseReason: TunnelCloseReason? {
        guard self.phase == .open, self.role == .edge, self.openStreamCount == 0, !self.sender.hasFrames else {
            return nil
        }
        return self.retirement ?? self.drainDelay.map { .drained(retryAfter: $0) }
    }

    /// The streams that are over since the last call; nothing is said about them any more.
    package mutating func takeReleased() -> [UInt32] {
        if self.released.isEmpty { return [] }
        let streams = self.released
        self.released.removeAll()
        return streams
    }

    /// Version 0: the streams given up since the last call because the peer never answered WS_CLOSE.
    package mutating func takeExpired() -> [UInt32] {
        if self.expired.isEmpty { return [] }
        let streams = self.expired
        self.expired.removeAll()
        return streams
    }

    /// The paused streams that have room again since the last call.
    package mutating func takeWritable() -> [UInt32] { self.sender.takeWritable() }

    // MARK: Start and end

    /// What to do at the start.
    package enum OnStart: Equatable {
        /// Version 1: a HELLO is queued; wait for the peer's.
        case awaitHello
        /// Version 0: ready.
        case connected(TunnelPeer)
    }

    /// The upgrade is complete.
    package mutating func start(now: NIODeadline) -> OnStart {
        precondition(self.phase == .idle, "a connection starts once")
        self.liveness.start(now: now, timeout: self.version == .v1 ? self.configuration.helloTimeout : nil)
        switch self.version {
        case .v0:
            self.phase = .open
            self.sender.enqueueControl(TunnelFrame(stream: 0, .ping(self.liveness.ping(now: now))))
            return .connected(self.peer)
        case .v1:
            self.phase = .awaitingHello
            self.sender.enqueueControl(TunnelFrame(stream: 0, .hello(TunnelHello(self.configuration))))
            return .awaitHello
        }
    }

    /// The connection is over, for whatever reason: everything it holds is given back.
    ///
    /// - Returns: The streams whose owners must be told, in order.
    package mutating func closed() -> [UInt32] {
        guard self.phase != .closed else { return [] }
        self.phase = .closed
        var open: [UInt32] = []
        var dropped = 0
        for stream in self.streams.sortedKeys {
            dropped += self.sender.remove(stream)
            // What a finished stream delivered stays good, and its owner was promised silence.
            if let record = self.streams.remove(stream), !record.isOverForOwner, !record.isDiscarding {
                open.append(stream)
            }
        }
        self.finishedCount = 0
        self.budget.count(-dropped - self.receiveWindow.unconsumed)
        _ = self.receiveWindow.consumed(.max)
        return open
    }

    // MARK: Streams going away

    /// Both directions may be over: count the stream as finished, or forget it when nothing is unconsumed.
    mutating func settle(_ stream: UInt32, at index: Int, wasFinished: Bool) {
        guard self.streams.values[index].isFinished else { return }
        if !wasFinished {
            self.finishedCount += 1
            self.dropQueue(of: stream)
        }
        if self.streams.values[index].window.unconsumed == 0 {
            self.finishedCount -= 1
            self.streams.remove(stream)
            self.released.append(stream)
        }
    }

    mutating func dropQueue(of stream: UInt32) {
        self.budget.count(-self.sender.remove(stream))
    }

    /// Forgets a stream at once: its queue is dropped and its bytes count as consumed.
    mutating func abandon(_ stream: UInt32, now: NIODeadline) {
        guard let record = self.streams.remove(stream) else { return }
        if record.isFinished { self.finishedCount -= 1 }
        self.dropQueue(of: stream)
        self.released.append(stream)
        self.giveBack(record.window.unconsumed, now: now)
    }

    /// Aborts a stream from this side: forgotten, and the peer is told.
    mutating func abort(_ stream: UInt32, _ reason: TunnelResetReason, now: NIODeadline) {
        guard let index = self.streams.index(of: stream) else { return }
        let wasAnnounced = self.role == .agent || self.streams.values[index].isAnnounced
        let wasFinished = self.streams.values[index].isFinished
        self.abandon(stream, now: now)
        if wasAnnounced, !wasFinished {
            self.recentResets.insert(stream)
            self.sender.enqueueControl(TunnelFrame(stream: stream, .reset(reason)))
        }
    }
}

/// The streams reset most recently by this side, on which late frames are legal.
///
/// Bounded: what falls out raises a floor below which everything is taken for late, so that a burst of aborted requests
/// never looks like a broken peer.
struct RecentStreams {
    private static let limit = 1_024
    private var ring: [UInt32] = []
    private var next = 0
    private var floor: UInt32 = 0

    mutating func insert(_ stream: UInt32) {
        if self.ring.count < Self.limit {
            self.ring.append(stream)
        } else {
            self.floor = max(self.floor, self.ring[self.next])
            self.ring[self.next] = stream
            self.next = (self.next + 1) % Self.limit
        }
    }

    func contains(_ stream: UInt32) -> Bool {
        stream <= self.floor || self.ring.contains(stream)
    }
}
