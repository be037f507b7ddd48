import NIOCore
import NIOPosix
import Synchronization
import TunnelProtocol
import TunnelTransport

/// An edge without viewers: accepts agents as tests say and opens streams for them.
final class FakeEdge: Sendable {
    /// What an agent that dials is answered.
    enum Answer: Sendable {
        case accept(TunnelVersion)
        /// A status line, fields and a body, then close.
        case refuse(String)
        /// Nothing at all.
        case ignore
    }

    let port: Int
    /// The upgrade requests, in order.
    let requests: Watched<[String]>
    private let tunnels: Watched<[Tunnel]>
    private let channel: any Channel
    private let answers: Answers

    /// What the next agents are answered; the last answer stays.
    final class Answers: Sendable {
        private let list: Mutex<[Answer]>
        init(_ list: [Answer]) { self.list = Mutex(list) }
        func next() -> Answer {
            self.list.withLock { list in list.count > 1 ? list.removeFirst() : list[0] }
        }
    }

    static func start(_ answers: [Answer] = [.accept(.v1)], port: Int = 0) async throws -> FakeEdge {
        let tunnels = Watched<[Tunnel]>([])
        let requests = Watched<[String]>([])
        let answers = Answers(answers)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Upgrader(answers: answers, requests: requests, tunnels: tunnels)
                    )
                }
            }
            .bind(host: "127.0.0.1", port: port)
            .get()
        return FakeEdge(channel: channel, answers: answers, requests: requests, tunnels: tunnels)
    }

    private init(
        channel: any Channel,
        answers: Answers,
        requests: Watched<[String]>,
        tunnels: Watched<[Tunnel]>
    ) {
        self.channel = channel
        self.port = channel.localAddress?.port ?? 0
        self.answers = answers
        self.requests = requests
        self.tunnels = tunnels
    }

    /// The tunnel accepted as number `index`, once it is usable.
    func tunnel(_ index: Int = 0) async throws -> Tunnel {
        let tunnel = try await self.tunnels.wait { $0.count > index }[index]
        try await tunnel.state.wait { $0.peer != nil || $0.closed != nil }
        return tunnel
    }

    var tunnelCount: Int { self.tunnels.value.count }

    func stop() async throws {
        try await self.channel.close()
        for tunnel in self.tunnels.value { tunnel.breakOff() }
    }

    struct TunnelState: Sendable {
        var peer: TunnelPeer?
        var closed: TunnelCloseReason?
        var isDraining = false
    }

    /// One tunnel of an agent.
    final class Tunnel: Sendable {
        let state = Watched(TunnelState())
        fileprivate let connection: NIOLoopBound<TunnelConnection>
        private let channel: any Channel

        fileprivate init(channel: any Channel, version: TunnelVersion) {
            self.channel = channel
            let owner = Owner(state: self.state)
            self.connection = NIOLoopBound(
                TunnelConnection(
                    role: .edge,
                    version: version,
                    configuration: TunnelConfiguration(budget: TunnelByteBudget()),
                    delegate: owner
                ),
                eventLoop: channel.eventLoop
            )
        }

        /// Opens a stream; `lines` are the head's lines.
        func open(
            _ lines: [String],
            kind: TunnelStreamKind = .http,
            end: Bool = true,
            consumes: Bool = true
        ) async throws -> Stream {
            let head = ByteBuffer(string: lines.map { $0 + "\r\n" }.joined() + "\r\n")
            return try await self.channel.eventLoop
                .submit {
                    let owner = StreamOwner(consumes: consumes, connection: self.connection.value)
                    guard let id = self.connection.value.openStream(kind: kind, head: head, end: end, delegate: owner)
                    else { throw ChannelError.operationUnsupported }
                    owner.id = id
                    return Stream(id: id, tunnel: self, state: owner.state)
                }
                .get()
        }

        func run(_ body: @escaping @Sendable (TunnelConnection) -> Void) async throws {
            try await self.channel.eventLoop.submit { body(self.connection.value) }.get()
        }

        /// Ends the transport without a word.
        func breakOff() {
            self.channel.close(promise: nil)
        }

        func closed() async throws -> TunnelCloseReason? {
            try await self.state.wait { $0.closed != nil }.closed
        }
    }

    struct StreamState: Sendable {
        var heads: [String] = []
        /// The body's first mebibyte.
        var body = ByteBuffer()
        /// How long it is so far.
        var bodyBytes = 0
        var hasEnded = false
        var trailers: String?
        var reset: TunnelResetReason?
        var writableCalls = 0
        var isOver: Bool { self.hasEnded || self.reset != nil }
    }

    /// One stream opened by the test.
    final class Stream: Sendable {
        let id: TunnelStreamID
        let state: Watched<StreamState>
        private let tunnel: Tunnel

        fileprivate init(id: TunnelStreamID, tunnel: Tunnel, state: Watched<StreamState>) {
            self.id = id
            self.tunnel = tunnel
            self.state = state
        }

        func send(_ text: String) async throws {
            _ = try await self.send(ByteBuffer(string: text))
        }

        func send(_ data: ByteBuffer) async throws -> TunnelConnection.SendResult {
            let result = Watched<TunnelConnection.SendResult?>(nil)
            let id = self.id
            try await self.tunnel.run { connection in
                let answer = connection.sendData(data, on: id)
                result.update { $0 = answer }
            }
            return result.value ?? .pause
        }

        func end(trailers: String? = nil) async throws {
            let id = self.id
            try await self.tunnel.run { $0.sendEnd(trailers: trailers.map { ByteBuffer(string: $0) }, on: id) }
        }

        func reset(_ reason: TunnelResetReason = .cancelled) async throws {
            let id = self.id
            try await self.tunnel.run { $0.reset(id, reason) }
        }

        func consume(_ count: Int) async throws {
            let id = self.id
            try await self.tunnel.run { $0.consumed(count, on: id) }
        }

        /// Waits for the end or the reset.
        func over() async throws -> StreamState {
            try await self.state.wait { $0.isOver }
        }
    }

    private final class StreamOwner: TunnelStreamDelegate {
        let state = Watched(StreamState())
        var id: TunnelStreamID?
        private let consumes: Bool
        private let connection: TunnelConnection

        init(consumes: Bool, connection: TunnelConnection) {
            self.consumes = consumes
            self.connection = connection
        }

        func tunnelStreamReceived(head: ByteBuffer, end: Bool) {
            self.state.update {
                $0.heads.append(String(buffer: head))
                if end { $0.hasEnded = true }
            }
        }

        func tunnelStreamReceived(data: ByteBuffer) {
            self.state.update {
                $0.bodyBytes += data.readableBytes
                if $0.bodyBytes <= 1 << 20 { $0.body.writeImmutableBuffer(data) }
            }
            if self.consumes, let id = self.id { self.connection.consumed(data.readableBytes, on: id) }
        }

        func tunnelStreamReceivedEnd(trailers: ByteBuffer?) {
            self.state.update {
                $0.hasEnded = true
                $0.trailers = trailers.map { String(buffer: $0) }
            }
        }

        func tunnelStreamReset(_ reason: TunnelResetReason) {
            self.state.update { $0.reset = reason }
        }

        func tunnelStreamWritable() {
            self.state.update { $0.writableCalls += 1 }
        }
    }

    private final class Owner: TunnelConnectionDelegate {
        private let state: Watched<TunnelState>

        init(state: Watched<TunnelState>) {
            self.state = state
        }

        func tunnelConnected(_ connection: TunnelConnection, peer: TunnelPeer) {
            self.state.update { $0.peer = peer }
        }

        func tunnelReceivedStream(
            _ id: TunnelStreamID,
            kind: TunnelStreamKind,
            head: ByteBuffer,
            end: Bool,
            on connection: TunnelConnection
        ) -> (any TunnelStreamDelegate)? { nil }

        func tunnelReceivedPush(_ push: TunnelPush) {}
        func tunnelReceivedPause(_ paused: Bool) {}
        func tunnelMeasuredRoundTrip(_ roundTrip: TimeAmount) {}

        func tunnelIsDraining(retryAfter: TimeAmount) {
            self.state.update { $0.isDraining = true }
        }

        func tunnelClosed(_ reason: TunnelCloseReason) {
            self.state.update { $0.closed = reason }
        }
    }

    private final class Upgrader: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let answers: Answers
        private let requests: Watched<[String]>
        private let tunnels: Watched<[Tunnel]>
        private var received = ByteBuffer()

        init(answers: Answers, requests: Watched<[String]>, tunnels: Watched<[Tunnel]>) {
            self.answers = answers
            self.requests = requests
            self.tunnels = tunnels
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.received.writeImmutableBuffer(self.unwrapInboundIn(data))
            let text = String(buffer: self.received)
            guard text.hasSuffix("\r\n\r\n") else { return }
            self.requests.update { $0.append(text) }
            switch self.answers.next() {
            case .ignore: break
            case .refuse(let answer):
                context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
                context.close(promise: nil)
            case .accept(let version):
                let key = text.split(separator: "\r\n").first { $0.hasPrefix("Sec-WebSocket-Key: ") }?.dropFirst(19)
                var answer = """
                    HTTP/1.1 101 Switching Protocols\r
                    Connection: Upgrade\r
                    Upgrade: websocket\r
                    Sec-WebSocket-Accept: \(WebSocketHandshake.acceptValue(for: String(key ?? "")))\r

                    """
                if version == .v1 { answer += "Sec-WebSocket-Protocol: daypass.v1\r\n" }
                let tunnel = Tunnel(channel: context.channel, version: version)
                // Counted first: the agent may tell of its tunnel as soon as the answer is out.
                self.tunnels.update { $0.append(tunnel) }
                context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: answer + "\r\n")), promise: nil)
                let operations = context.pipeline.syncOperations
                // The handler was made on this event loop a line above.
                try? operations.addHandler(tunnel.connection.value, position: .after(self))
                operations.removeHandler(self, promise: nil)
            }
        }
    }
}
