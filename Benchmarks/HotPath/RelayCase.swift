import NIOCore
import NIOEmbedded
import TunnelProtocol
import TunnelTransport

/// Both ends of a tunnel back to back over embedded channels, as the data plane uses them: one GET at a time.
final class RelayCase {
    /// The edge's side of a stream: takes the answer and gives credit back at once.
    private final class Viewer: TunnelStreamDelegate {
        let edge: TunnelConnection
        var id: TunnelStreamID?
        var bytes = 0

        init(edge: TunnelConnection) { self.edge = edge }
        func tunnelStreamReceived(head: ByteBuffer, end: Bool) {}
        func tunnelStreamReceived(data: ByteBuffer) {
            self.bytes += data.readableBytes
            if let id { self.edge.consumed(data.readableBytes, on: id) }
        }
        func tunnelStreamReceivedEnd(trailers: ByteBuffer?) {}
        func tunnelStreamReset(_ reason: TunnelResetReason) {}
        func tunnelStreamWritable() {}
    }

    /// An agent that answers every request at once, without a local app.
    private final class Answers: TunnelConnectionDelegate, TunnelStreamDelegate {
        let head: ByteBuffer
        let body = ByteBuffer(repeating: 0x61, count: 1024)

        init(head: ByteBuffer) { self.head = head }
        func tunnelReceivedStream(
            _ id: TunnelStreamID,
            kind: TunnelStreamKind,
            head: ByteBuffer,
            end: Bool,
            on connection: TunnelConnection
        ) -> (any TunnelStreamDelegate)? {
            connection.sendHead(self.head, end: false, on: id)
            _ = connection.sendData(self.body, on: id)
            connection.sendEnd(trailers: nil, on: id)
            return self
        }
        func tunnelConnected(_ connection: TunnelConnection, peer: TunnelPeer) {}
        func tunnelReceivedPush(_ push: TunnelPush) {}
        func tunnelReceivedPause(_ paused: Bool) {}
        func tunnelMeasuredRoundTrip(_ roundTrip: TimeAmount) {}
        func tunnelIsDraining(retryAfter: TimeAmount) {}
        func tunnelClosed(_ reason: TunnelCloseReason) {}
        func tunnelStreamReceived(head: ByteBuffer, end: Bool) {}
        func tunnelStreamReceived(data: ByteBuffer) {}
        func tunnelStreamReceivedEnd(trailers: ByteBuffer?) {}
        func tunnelStreamReset(_ reason: TunnelResetReason) {}
        func tunnelStreamWritable() {}
    }

    private let edge: TunnelConnection
    private let agent: TunnelConnection
    private let edgeChannel = EmbeddedChannel()
    private let agentChannel = EmbeddedChannel()

    /// Connects both ends; `responseHead` is what the agent answers with.
    init(responseHead: ByteBuffer) throws {
        let answers = Answers(head: responseHead)
        self.edge = TunnelConnection(
            role: .edge,
            version: .v1,
            configuration: TunnelConfiguration(budget: TunnelByteBudget()),
            delegate: answers
        )
        self.agent = TunnelConnection(
            role: .agent,
            version: .v1,
            configuration: TunnelConfiguration(budget: TunnelByteBudget()),
            delegate: answers
        )
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        for (channel, handler) in [(self.edgeChannel, self.edge), (self.agentChannel, self.agent)] {
            channel.connect(to: address, promise: nil)
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        try self.carry()
    }

    /// Sends this many requests, each after the answer to the one before; returns the body bytes that came back.
    func run(_ count: Int, requestHead: ByteBuffer) throws -> Int {
        var bytes = 0
        for _ in 0..<count {
            let viewer = Viewer(edge: self.edge)
            viewer.id = self.edge.openStream(kind: .http, head: requestHead, end: true, delegate: viewer)
            try self.carry()
            bytes += viewer.bytes
        }
        return bytes
    }

    private func carry() throws {
        var moved = true
        while moved {
            moved = false
            self.edgeChannel.embeddedEventLoop.run()
            self.agentChannel.embeddedEventLoop.run()
            while let bytes = try self.edgeChannel.readOutbound(as: ByteBuffer.self) {
                try self.agentChannel.writeInbound(bytes)
                moved = true
            }
            while let bytes = try self.agentChannel.readOutbound(as: ByteBuffer.self) {
                try self.edgeChannel.writeInbound(bytes)
                moved = true
            }
        }
    }
}
