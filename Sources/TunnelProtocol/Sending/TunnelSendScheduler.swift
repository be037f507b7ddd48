package import NIOCore

/// Decides which frame goes out next: control frames first, then the ready streams in turn, body bytes under credit.
///
/// One turn of a stream is its head and at most `quantum` body bytes, so that a small answer waits for at most one
/// quantum of every other ready stream, never for a bulk answer. Order within a stream is the order of the calls.
/// Every queue is bounded by the caller's obedience to `.pause` and by the limit the state machine checks.
package struct TunnelSendScheduler: Sendable {
    /// Body bytes of one turn while several streams are ready; alone, a stream sends frames of twice that.
    package static let quantum = 16 << 10
    /// Small pieces are joined with the piece before them up to this many bytes, so that a queue of single bytes costs
    /// no more than its bytes.
    private static let joinBytes = 512

    private enum Piece {
        case request(TunnelStreamKind)
        case response
        case data
        case trailers
        case end
    }

    private struct Node {
        var piece: Piece
        var bytes: ByteBuffer
        var next: Int32
    }

    private enum Membership {
        case none
        case ready
        case blocked
    }

    private struct Queue {
        var first: Int32 = -1
        var last: Int32 = -1
        var queuedBytes = 0
        var credit = 0
        var isPaused = false
        /// Upgraded; with version 0 body bytes go as WS_DATA and the end as WS_CLOSE.
        var isRaw = false
        var membership = Membership.none
        var before: UInt32 = 0
        var after: UInt32 = 0
    }

    private struct List {
        var first: UInt32 = 0
        var last: UInt32 = 0
    }

    private let version: TunnelVersion
    private let highWater: Int
    private let lowWater: Int
    private var streams = StreamTable<Queue>(filler: Queue())
    private var nodes: [Node] = []
    private var freeNode: Int32 = -1
    private var ready = List()
    /// Streams with body bytes that only the connection's credit holds back.
    private var blocked = List()
    private var turnBytes = 0
    private var control: [TunnelFrame] = []
    private var controlIndex = 0
    private var writable: [UInt32] = []
    /// What the peer still accepts on all streams together.
    package private(set) var connectionCredit: Int
    /// Body, head and trailer bytes queued on all streams.
    package private(set) var queuedBytes = 0

    /// Makes the scheduler of one connection; version 0 has no credit.
    package init(version: TunnelVersion, highWater: Int, lowWater: Int) {
        self.version = version
        self.highWater = highWater
        self.lowWater = lowWater
        self.connectionCredit = version == .v0 ? .max : 0
    }

    /// Control frames waiting.
    package var controlBacklog: Int { self.control.count - self.controlIndex }

    /// Whether `nextFrame` would give something.
    package var hasFrames: Bool { self.controlBacklog > 0 || self.ready.first != 0 }

    /// Bytes queued on one stream.
    package func queuedBytes(on stream: UInt32) -> Int {
        self.streams.index(of: stream).map { self.streams.values[$0].queuedBytes } ?? 0
    }

    // MARK: Queueing

    /// Adds a stream.
    ///
    /// - Parameters:
    ///   - stream: Its number.
    ///   - credit: What the peer accepts on it; ignored for version 0.
    package mutating func open(_ stream: UInt32, credit: Int) {
        var queue = Queue()
        queue.credit = self.version == .v0 ? .max : credit
        self.streams.insert(stream, queue)
    }

    /// From here on the stream's bytes are those of an upgraded connection, which version 0 has frames of its own for.
    package mutating func makeRaw(_ stream: UInt32) {
        if let index = self.streams.index(of: stream) { self.streams.values[index].isRaw = true }
    }

    /// Queues a frame that goes before everything on streams.
    package mutating func enqueueControl(_ frame: TunnelFrame) {
        self.control.append(frame)
    }

    /// Queues a request head.
    package mutating func enqueueRequest(_ kind: TunnelStreamKind, _ head: ByteBuffer, on stream: UInt32) {
        self.append(.request(kind), head, on: stream)
    }

    /// Queues a response head.
    package mutating func enqueueResponse(_ head: ByteBuffer, on stream: UInt32) {
        self.append(.response, head, on: stream)
    }

    /// Queues body bytes.
    ///
    /// - Returns: Whether the stream holds more than the high-water mark; it is then listed by `takeWritable` once it
    ///   holds less than the low one.
    package mutating func enqueueData(_ data: ByteBuffer, on stream: UInt32) -> Bool {
        if data.readableBytes > 0 { self.append(.data, data, on: stream) }
        guard let index = self.streams.index(of: stream) else { return false }
        if self.streams.values[index].queuedBytes > self.highWater { self.streams.values[index].isPaused = true }
        return self.streams.values[index].isPaused
    }

    /// Queues the end of the direction, with trailers where the version has them.
    package mutating func enqueueEnd(trailers: ByteBuffer?, on stream: UInt32) {
        if let trailers, self.version == .v1, trailers.readableBytes > 0 {
            self.append(.trailers, trailers, on: stream)
        } else {
            self.append(.end, ByteBuffer(), on: stream)
        }
    }

    /// Forgets a stream and everything queued on it.
    ///
    /// - Returns: How many bytes were dropped.
    package mutating func remove(_ stream: UInt32) -> Int {
        guard let index = self.streams.index(of: stream) else { return 0 }
        self.unlink(stream)
        let queue = self.streams.values[index]
        var node = queue.first
        while node >= 0 { node = self.release(node) }
        self.queuedBytes -= queue.queuedBytes
        self.streams.remove(stream)
        return queue.queuedBytes
    }

    // MARK: Credit

    /// The peer accepts more on a stream; false when the window would exceed its maximum.
    package mutating func addCredit(_ credit: Int, to stream: UInt32) -> Bool {
        guard let index = self.streams.index(of: stream), self.version == .v1 else { return true }
        guard self.streams.values[index].credit <= TunnelWire.maximumWindow - credit else { return false }
        self.streams.values[index].credit += credit
        if self.streams.values[index].membership == .none, self.streams.values[index].first >= 0 {
            self.link(stream, .ready)
        }
        return true
    }

    /// The peer accepts more on the connection; false when the window would exceed its maximum.
    package mutating func addConnectionCredit(_ credit: Int) -> Bool {
        guard self.version == .v1 else { return true }
        guard self.connectionCredit <= TunnelWire.maximumWindow - credit else { return false }
        self.connectionCredit += credit
        while self.blocked.first != 0 {
            let stream = self.blocked.first
            self.unlink(stream)
            self.link(stream, .ready)
        }
        return true
    }

    // MARK: Sending

    /// The paused streams that have room again since the last call.
    package mutating func takeWritable() -> [UInt32] {
        if self.writable.isEmpty { return [] }
        let streams = self.writable
        self.writable.removeAll()
        return streams
    }

    /// The frame to send next; nil when nothing is queued that credit allows.
    package mutating func nextFrame() -> TunnelFrame? {
        if self.controlIndex < self.control.count {
            let frame = self.control[self.controlIndex]
            self.controlIndex += 1
            if self.controlIndex == self.control.count {
                self.control.removeAll(keepingCapacity: self.control.count <= 64)
                self.controlIndex = 0
            }
            return frame
        }
        while self.ready.first != 0 {
            let stream = self.ready.first
            guard let index = self.streams.index(of: stream) else { return nil }
            let node = self.streams.values[index].first
            guard node >= 0 else {
                self.unlink(stream)
                continue
            }
            switch self.nodes[Int(node)].piece {
            case .data:
                if self.streams.values[index].credit <= 0 {
                    self.unlink(stream)
                } else if self.connectionCredit <= 0 {
                    self.unlink(stream)
                    self.link(stream, .blocked)
                } else {
                    return self.nextData(stream, at: index, node: Int(node))
                }
            case let piece:
                return self.nextWhole(piece, stream, at: index, node: node)
            }
        }
        return nil
    }

    private mutating func nextData(_ stream: UInt32, at index: Int, node: Int) -> TunnelFrame {
        let isAlone = self.ready.first == self.ready.last
        let limit = isAlone ? 2 * Self.quantum : Self.quantum - self.turnBytes
        let whole = self.nodes[node].bytes.readableBytes
        let count = max(1, min(limit, whole, self.streams.values[index].credit, self.connectionCredit))
        var data: ByteBuffer
        if count == whole {
            data = self.nodes[node].bytes
            self.dequeue(at: index)
        } else {
            data = self.nodes[node].bytes.readSlice(length: count) ?? ByteBuffer()
        }
        if self.version == .v1 {
            self.streams.values[index].credit -= count
            self.connectionCredit -= count
        }
        self.account(-count, at: index, stream)
        let isRaw = self.streams.values[index].isRaw
        var end = false
        if self.version == .v1, self.frontIsEnd(at: index) {
            self.dequeue(at: index)
            end = true
        }
        self.finishTurn(stream, at: index, bytes: count)
        return TunnelFrame(stream: stream, end: end, isRaw && self.version == .v0 ? .webSocketData(data) : .data(data))
    }

    private mutating func nextWhole(_ piece: Piece, _ stream: UInt32, at index: Int, node: Int32) -> TunnelFrame {
        let bytes = self.nodes[Int(node)].bytes
        self.dequeue(at: index)
        self.account(-bytes.readableBytes, at: index, stream)
        var frame: TunnelFrame
        switch piece {
        case .request(let kind): frame = TunnelFrame(stream: stream, .request(kind, bytes))
        case .response: frame = TunnelFrame(stream: stream, .response(bytes))
        case .trailers: frame = TunnelFrame(stream: stream, end: true, .trailers(bytes))
        case .data, .end:
            let isRaw = self.streams.values[index].isRaw && self.version == .v0
            frame = TunnelFrame(stream: stream, end: true, isRaw ? .webSocketClose : .end)
        }
        // The END bit is not allowed on a 101, which is the last head of a raw stream.
        if self.version == .v1, !frame.end, !self.streams.values[index].isRaw, self.frontIsEnd(at: index) {
            self.dequeue(at: index)
            frame.end = true
        }
        self.finishTurn(stream, at: index, bytes: bytes.readableBytes)
        return frame
    }

    private mutating func finishTurn(_ stream: UInt32, at index: Int, bytes: Int) {
        self.turnBytes += bytes
        if self.streams.values[index].first < 0 {
            self.unlink(stream)
            self.turnBytes = 0
        } else if self.turnBytes >= Self.quantum {
            self.unlink(stream)
            self.link(stream, .ready)
            self.turnBytes = 0
        }
    }

    private mutating func account(_ change: Int, at index: Int, _ stream: UInt32) {
        self.queuedBytes += change
        self.streams.values[index].queuedBytes += change
        if self.streams.values[index].isPaused, self.streams.values[index].queuedBytes < self.lowWater {
            self.streams.values[index].isPaused = false
            self.writable.append(stream)
        }
    }

    // MARK: Queues of one stream

    private mutating func append(_ piece: Piece, _ bytes: ByteBuffer, on stream: UInt32) {
        guard let index = self.streams.index(of: stream) else { return }
        let count = bytes.readableBytes
        self.queuedBytes += count
        self.streams.values[index].queuedBytes += count
        let last = self.streams.values[index].last
        if case .data = piece, last >= 0, case .data = self.nodes[Int(last)].piece, count <= Self.joinBytes,
            self.nodes[Int(last)].bytes.readableBytes + count <= Self.quantum
        {
            self.nodes[Int(last)].bytes.writeImmutableBuffer(bytes)
            return
        }
        let node = Node(piece: piece, bytes: bytes, next: -1)
        let place: Int32
        if self.freeNode >= 0 {
            place = self.freeNode
            self.freeNode = self.nodes[Int(place)].next
            self.nodes[Int(place)] = node
        } else {
            place = Int32(self.nodes.count)
            self.nodes.append(node)
        }
        if last >= 0 {
            self.nodes[Int(last)].next = place
        } else {
            self.streams.values[index].first = place
        }
        self.streams.values[index].last = place
        if self.streams.values[index].membership == .none { self.link(stream, .ready) }
    }

    private func frontIsEnd(at index: Int) -> Bool {
        let node = self.streams.values[index].first
        guard node >= 0, case .end = self.nodes[Int(node)].piece else { return false }
        return true
    }

    private mutating func dequeue(at index: Int) {
        let next = self.release(self.streams.values[index].first)
        self.streams.values[index].first = next
        if next < 0 { self.streams.values[index].last = -1 }
    }

    /// Puts a node on the free list and answers with the one after it.
    private mutating func release(_ node: Int32) -> Int32 {
        let next = self.nodes[Int(node)].next
        self.nodes[Int(node)] = Node(piece: .end, bytes: ByteBuffer(), next: self.freeNode)
        self.freeNode = node
        return next
    }

    // MARK: Lists of streams

    private mutating func link(_ stream: UInt32, _ membership: Membership) {
        guard let index = self.streams.index(of: stream) else { return }
        var list = membership == .ready ? self.ready : self.blocked
        self.streams.values[index].membership = membership
        self.streams.values[index].before = list.last
        self.streams.values[index].after = 0
        if let previous = self.streams.index(of: list.last) {
            self.streams.values[previous].after = stream
        } else {
            list.first = stream
        }
        list.last = stream
        self.store(list, membership)
    }

    private mutating func unlink(_ stream: UInt32) {
        guard let index = self.streams.index(of: stream) else { return }
        let membership = self.streams.values[index].membership
        let before = self.streams.values[index].before
        let after = self.streams.values[index].after
        guard membership != .none else { return }
        var list = membership == .ready ? self.ready : self.blocked
        if membership == .ready, list.first == stream { self.turnBytes = 0 }
        if let previous = self.streams.index(of: before) {
            self.streams.values[previous].after = after
        } else {
            list.first = after
        }
        if let next = self.streams.index(of: after) {
            self.streams.values[next].before = before
        } else {
            list.last = before
        }
        self.store(list, membership)
        self.streams.values[index].membership = .none
        self.streams.values[index].before = 0
        self.streams.values[index].after = 0
    }

    private mutating func store(_ list: List, _ membership: Membership) {
        if membership == .ready {
            self.ready = list
        } else {
            self.blocked = list
        }
    }
}
