import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import NIOSSL
import Synchronization
import TunnelAgent
import TunnelProtocol
import UpstreamRelay

/// A local app made of HTTP/2 frames: tests read what the agent sent on each stream and send whatever frames they want.
final class HTTP2App: Sendable {
    let port: Int
    private let channel: any Channel
    private let accepted: Watched<[Connection]>

    /// Listens on a free port.
    static func start(settings: HTTP2Settings = [], tls: NIOSSLContext? = nil) async throws -> HTTP2App {
        let accepted = Watched<[Connection]>([])
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let operations = channel.pipeline.syncOperations
                    if let tls { try operations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try operations.addHandler(
                        NIOHTTP2Handler(
                            mode: .server,
                            initialSettings: settings,
                            headerBlockValidation: .disabled,
                            contentLengthValidation: .disabled
                        )
                    )
                    let connection = Connection(channel: channel)
                    try operations.addHandler(Receiver(connection: connection))
                    accepted.update { $0.append(connection) }
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        return HTTP2App(channel: channel, accepted: accepted)
    }

    private init(channel: any Channel, accepted: Watched<[Connection]>) {
        self.channel = channel
        self.port = channel.localAddress?.port ?? 0
        self.accepted = accepted
    }

    var connectionCount: Int { self.accepted.value.count }

    /// The connection accepted as number `index`.
    func connection(_ index: Int = 0) async throws -> Connection {
        try await self.accepted.wait { $0.count > index }[index]
    }

    func stop() async throws {
        try await self.channel.close()
        for connection in self.accepted.value { connection.close() }
    }

    /// What arrived on one stream.
    struct Request: Sendable {
        var fields = HPACKHeaders()
        var body = ByteBuffer()
        var trailers: HPACKHeaders?
        var hasEnded = false
        var reset: HTTP2ErrorCode?

        /// `name: value` lines.
        var lines: [String] { self.fields.map { "\($0.name): \($0.value)" } }
    }

    struct State: Sendable {
        var requests: [HTTP2StreamID: Request] = [:]
        var goAway: HTTP2ErrorCode?
        var isClosed = false
    }

    /// One connection of the agent.
    final class Connection: Sendable {
        let state = Watched(State())
        private let channel: any Channel

        init(channel: any Channel) {
            self.channel = channel
        }

        /// The request on stream `id` once `isRight`; streams of an agent are 1, 3, 5 ….
        @discardableResult
        func request(
            _ id: HTTP2StreamID = 1,
            until isRight: @escaping @Sendable (Request) -> Bool = { _ in true }
        ) async throws -> Request {
            let state = try await self.state.wait { $0.requests[id].map(isRight) ?? $0.isClosed }
            guard let request = state.requests[id] else { throw ChannelError.eof }
            return request
        }

        func send(_ payload: HTTP2Frame.FramePayload, on id: HTTP2StreamID = 1) async throws {
            try await self.channel.writeAndFlush(HTTP2Frame(streamID: id, payload: payload))
        }

        func send(fields: [(String, String)], end: Bool = false, on id: HTTP2StreamID = 1) async throws {
            try await self.send(.headers(.init(headers: HPACKHeaders(fields), endStream: end)), on: id)
        }

        func send(data: ByteBuffer, end: Bool = false, on id: HTTP2StreamID = 1) async throws {
            try await self.send(.data(.init(data: .byteBuffer(data), endStream: end)), on: id)
        }

        func send(_ text: String, end: Bool = false, on id: HTTP2StreamID = 1) async throws {
            try await self.send(data: ByteBuffer(string: text), end: end, on: id)
        }

        /// Sends this many frames of one byte, some at a time: others use the event loop too.
        func sendBytes(_ count: Int, on id: HTTP2StreamID = 1) {
            guard count > 0 else { return }
            self.channel.eventLoop.execute {
                let byte = HTTP2Frame(streamID: id, payload: .data(.init(data: .byteBuffer(ByteBuffer(bytes: [0x61])))))
                let some = min(count, 1 << 14)
                for _ in 0..<some { self.channel.write(byte, promise: nil) }
                self.channel.flush()
                self.sendBytes(count - some, on: id)
            }
        }

        /// Answers 200 with a body.
        func answer(_ text: String, on id: HTTP2StreamID = 1) async throws {
            try await self.send(fields: [(":status", "200")], on: id)
            try await self.send(text, end: true, on: id)
        }

        func goAway(last: HTTP2StreamID, _ code: HTTP2ErrorCode = .noError) async throws {
            try await self.send(
                .goAway(lastStreamID: last, errorCode: code, opaqueData: nil),
                on: .rootStream
            )
        }

        func setReading(_ reads: Bool) async throws {
            try await self.channel.setOption(.autoRead, value: reads).get()
        }

        func close() {
            self.channel.close(promise: nil)
        }
    }

    private final class Receiver: ChannelInboundHandler {
        typealias InboundIn = HTTP2Frame
        private let connection: Connection

        init(connection: Connection) {
            self.connection = connection
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = self.unwrapInboundIn(data)
            self.connection.state.update { state in
                let id = frame.streamID
                switch frame.payload {
                case .headers(let section):
                    if state.requests[id] == nil {
                        state.requests[id] = Request(fields: section.headers)
                    } else {
                        state.requests[id]?.trailers = section.headers
                    }
                    if section.endStream { state.requests[id]?.hasEnded = true }
                case .data(let data):
                    if case .byteBuffer(let bytes) = data.data { state.requests[id]?.body.writeImmutableBuffer(bytes) }
                    if data.endStream { state.requests[id]?.hasEnded = true }
                case .rstStream(let code): state.requests[id]?.reset = code
                case .goAway(_, let code, _): state.goAway = code
                default: break
                }
            }
            if case .data(let data) = frame.payload, data.data.readableBytes > 0 {
                // Without a multiplexer nobody opens the windows again.
                let count = data.data.readableBytes
                var ids: [HTTP2StreamID] = [.rootStream]
                if !data.endStream { ids.append(frame.streamID) }
                for id in ids {
                    let update = HTTP2Frame(streamID: id, payload: .windowUpdate(windowSizeIncrement: count))
                    context.write(NIOAny(update), promise: nil)
                }
                context.flush()
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.connection.state.update { $0.isClosed = true }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }
}

/// A running agent between a fake edge and an HTTP/2 app.
struct HTTP2Setup: Sendable {
    let app: HTTP2App
    let agent: Agent

    /// Runs `body` with an agent that has connected, and takes everything down afterwards.
    static func run(
        _ version: TunnelVersion = .v1,
        settings: HTTP2Settings = [],
        options: Setup.Options = Setup.Options(),
        body: (HTTP2Setup, FakeEdge.Tunnel) async throws -> Void
    ) async throws {
        let app = try await HTTP2App.start(settings: settings)
        let edge = try await FakeEdge.start([.accept(version)])
        let agent = Agent(edge: edge, target: LocalTarget(host: "127.0.0.1", port: app.port)) {
            $0.connections = 1
            $0.relay.upstreamProtocol = .http2
            $0.relay.timeouts = options.timeouts
            $0.relay.pool = options.pool
        }
        func tearDown() async {
            agent.cancel()
            _ = await agent.result()
            try? await edge.stop()
            try? await app.stop()
        }
        do {
            try await body(HTTP2Setup(app: app, agent: agent), edge.tunnel())
        } catch {
            await tearDown()
            throw error
        }
        await tearDown()
    }
}
