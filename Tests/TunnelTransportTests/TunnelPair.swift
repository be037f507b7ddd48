import NIOCore
import NIOEmbedded
import TunnelProtocol
import TunnelTransport

/// Notes what one stream's owner was told, and can consume and answer.
final class RecordingOwner: TunnelStreamDelegate {
    var heads: [String] = []
    var data = ByteBuffer()
    var chunks = 0
    var ended = false
    var trailers: String?
    var reset: TunnelResetReason?
    var writable = 0
    /// Calls after the last one that the protocol of the delegate allows.
    var callsTooMany = 0
    var isOver = false
    var onData: ((ByteBuffer) -> Void)?

    func tunnelStreamReceived(head: ByteBuffer, end: Bool) {
        self.note()
        self.heads.append(String(buffer: head))
        if end { self.ended = true }
    }

    func tunnelStreamReceived(data: ByteBuffer) {
        self.note()
        self.data.writeImmutableBuffer(data)
        self.chunks += 1
        self.onData?(data)
    }

    func tunnelStreamReceivedEnd(trailers: ByteBuffer?) {
        self.note()
        self.ended = true
        self.trailers = trailers.map { String(buffer: $0) }
    }

    func tunnelStreamReset(_ reason: TunnelResetReason) {
        self.note()
        self.reset = reason
        self.isOver = true
    }

    func tunnelStreamWritable() { self.writable += 1 }

    private func note() {
        if self.isOver { self.callsTooMany += 1 }
    }
}

/// Notes what one connection's owner was told.
final class RecordingConnectionOwner: TunnelConnectionDelegate {
    struct Opened {
        var id: TunnelStreamID
        var kind: TunnelStreamKind
        var head: String
        var end: Bool
        var owner: RecordingOwner
    }

    var peer: TunnelPeer?
    var opened: [Opened] = []
    var pushes: [String] = []
    var pauses: [Bool] = []
    var roundTrips = 0
    var draining: TimeAmount?
    var closed: [TunnelCloseReason] = []
    var refuses = false
    var onOpen: ((Opened, TunnelConnection) -> Void)?

    func tunnelConnected(_ connection: TunnelConnection, peer: TunnelPeer) { self.peer = peer }

    func tunnelReceivedStream(
        _ id: TunnelStreamID,
        kind: TunnelStreamKind,
        head: ByteBuffer,
        end: Bool,
        on connection: TunnelConnection
    ) -> (any TunnelStreamDelegate)? {
        if self.refuses { return nil }
        let opened = Opened(id: id, kind: kind, head: String(buffer: head), end: end, owner: RecordingOwner())
        self.opened.append(opened)
        self.onOpen?(opened, connection)
        return opened.owner
    }

    func tunnelReceivedPush(_ push: TunnelPush) { self.pushes.append(push.json) }
    func tunnelReceivedPause(_ paused: Bool) { self.pauses.append(paused) }
    func tunnelMeasuredRoundTrip(_ roundTrip: TimeAmount) { self.roundTrips += 1 }
    func tunnelIsDraining(retryAfter: TimeAmount) { self.draining = retryAfter }
    func tunnelClosed(_ reason: TunnelCloseReason) { self.closed.append(reason) }
}

/// An edge and an agent connected back to back over two embedded channels.
final class TunnelPair {
    let edge: TunnelConnection
    let agent: TunnelConnection
    let edgeOwner = RecordingConnectionOwner()
    let agentOwner = RecordingConnectionOwner()
    let edgeChannel = EmbeddedChannel()
    let agentChannel = EmbeddedChannel()
    let edgeBudget = TunnelByteBudget()
    let agentBudget = TunnelByteBudget()
    /// How many bytes travel in one piece; nil for as they were written.
    var pieceBytes: Int?

    init(
        _ version: TunnelVersion,
        pieceBytes: Int? = nil,
        edge configureEdge: (inout TunnelConfiguration) -> Void = { _ in },
        agent configureAgent: (inout TunnelConfiguration) -> Void = { _ in }
    ) throws {
        var edgeConfiguration = TunnelConfiguration(budget: self.edgeBudget)
        edgeConfiguration.name = "edge"
        configureEdge(&edgeConfiguration)
        var agentConfiguration = TunnelConfiguration(budget: self.agentBudget)
        agentConfiguration.name = "agent"
        configureAgent(&agentConfiguration)
        self.pieceBytes = pieceBytes
        self.edge = TunnelConnection(
            role: .edge,
            version: version,
            configuration: edgeConfiguration,
            delegate: self.edgeOwner
        )
        self.agent = TunnelConnection(
            role: .agent,
            version: version,
            configuration: agentConfiguration,
            delegate: self.agentOwner
        )
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        for (channel, handler) in [(self.edgeChannel, self.edge), (self.agentChannel, self.agent)] {
            channel.connect(to: address, promise: nil)
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        try self.pump()
    }

    /// Carries bytes both ways until nothing moves any more.
    func pump() throws {
        var moved = true
        while moved {
            moved = false
            self.edgeChannel.embeddedEventLoop.run()
            self.agentChannel.embeddedEventLoop.run()
            moved = try self.carry(from: self.edgeChannel, to: self.agentChannel) || moved
            moved = try self.carry(from: self.agentChannel, to: self.edgeChannel) || moved
        }
    }

    /// Carries what one side wrote.
    func carry(from: EmbeddedChannel, to: EmbeddedChannel) throws -> Bool {
        var moved = false
        while var bytes = try from.readOutbound(as: ByteBuffer.self) {
            moved = true
            guard to.isActive else { continue }
            if let pieceBytes = self.pieceBytes {
                while let piece = bytes.readSlice(length: min(pieceBytes, bytes.readableBytes)),
                    piece.readableBytes > 0, to.isActive
                {
                    try to.writeInbound(piece)
                }
            } else {
                try to.writeInbound(bytes)
            }
        }
        return moved
    }

    /// Opens a GET without body and waits until the agent has it.
    func get(_ path: String, owner: RecordingOwner) throws -> TunnelStreamID? {
        let head = ByteBuffer(string: "GET \(path) HTTP/1.1\r\nHost: example\r\n\r\n")
        let id = self.edge.openStream(kind: .http, head: head, end: true, delegate: owner)
        try self.pump()
        return id
    }
}
