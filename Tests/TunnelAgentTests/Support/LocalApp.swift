import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A local app made of raw connections: tests read what the agent sent and write whatever they want.
final class LocalApp: Sendable {
    let port: Int
    private let channel: any Channel
    private let accepted: Watched<[Connection]>

    /// Listens on a free port of `host`, or on `reserved`.
    static func start(
        host: String = "127.0.0.1",
        on reserved: ReservedPort? = nil,
        tls: NIOSSLContext? = nil
    ) async throws -> LocalApp {
        let accepted = Watched<[Connection]>([])
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    }
                    let connection = Connection(channel: channel)
                    try channel.pipeline.syncOperations.addHandler(Receiver(connection: connection))
                    accepted.update { $0.append(connection) }
                }
            }
        let binding = reserved.map { bootstrap.withBoundSocket($0.descriptor) } ?? bootstrap.bind(host: host, port: 0)
        return LocalApp(channel: try await binding.get(), accepted: accepted)
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

    /// How the agent ended its side.
    enum End: Sendable {
        case closed
        case reset
    }

    struct Received: Sendable {
        /// What was read and not taken yet, of the first mebibyte.
        var bytes = ByteBuffer()
        /// How much was read in all.
        var total = 0
        var end: End?
    }

    /// One connection of the agent.
    final class Connection: Sendable {
        let received = Watched(Received())
        private let channel: any Channel
        private let outputClosed = Mutex(false)

        init(channel: any Channel) {
            self.channel = channel
        }

        /// Waits for a whole request head and takes it, without its empty line.
        func readHead() async throws -> [String] {
            let head = try await self.read { bytes in
                let text = String(decoding: bytes, as: UTF8.self)
                return text.firstRange(of: "\r\n\r\n")
                    .map { text.utf8.distance(from: text.startIndex, to: $0.upperBound) }
            }
            return head.dropLast(2).split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        }

        /// Waits for exactly this many bytes and takes them.
        func read(count: Int) async throws -> String {
            try await self.read { $0.count >= count ? count : nil }
        }

        /// Waits until the bytes end with `suffix` and takes them.
        func read(through suffix: String) async throws -> String {
            try await self.read { bytes in
                String(decoding: bytes, as: UTF8.self).hasSuffix(suffix) ? bytes.count : nil
            }
        }

        private func read(_ length: @escaping @Sendable ([UInt8]) -> Int?) async throws -> String {
            let state = try await self.received.wait {
                length(Array($0.bytes.readableBytesView)) != nil || $0.end != nil
            }
            guard let count = length(Array(state.bytes.readableBytesView)) else { throw ChannelError.eof }
            self.received.update { $0.bytes.moveReaderIndex(forwardBy: count) }
            return String(decoding: state.bytes.readableBytesView.prefix(count), as: UTF8.self)
        }

        /// Waits for the agent to end its side.
        func end() async throws -> End? {
            try await self.received.wait { $0.end != nil }.end
        }

        func send(_ text: String) async throws {
            try await self.channel.writeAndFlush(ByteBuffer(string: text))
        }

        func send(_ bytes: ByteBuffer) async throws {
            try await self.channel.writeAndFlush(bytes)
        }

        var hasClosedOutput: Bool { self.outputClosed.withLock { $0 } }

        func closeOutput() async throws {
            self.outputClosed.withLock { $0 = true }
            try await self.channel.close(mode: .output)
        }

        func close() {
            self.channel.close(promise: nil)
        }

        /// Breaks the connection off.
        func reset() {
            let channel = self.channel
            channel.eventLoop.execute {
                if let options = channel as? any SocketOptionProvider {
                    _ = options.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                }
                channel.close(promise: nil)
            }
        }

        func setReading(_ reads: Bool) async throws {
            try await self.channel.setOption(.autoRead, value: reads).get()
        }
    }

    private final class Receiver: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let connection: Connection
        private var sawEOF = false
        private var sawError = false

        init(connection: Connection) {
            self.connection = connection
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = self.unwrapInboundIn(data)
            self.connection.received.update {
                $0.total += bytes.readableBytes
                if $0.total <= 1 << 20 { $0.bytes.writeImmutableBuffer(bytes) }
            }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let event = event as? ChannelEvent, event == .inputClosed {
                self.sawEOF = true
                self.connection.received.update { $0.end = .closed }
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            // After our own side was closed the end of the other one comes as this alone.
            let isClosed = self.sawEOF || (self.connection.hasClosedOutput && !self.sawError)
            self.connection.received.update { if $0.end == nil { $0.end = isClosed ? .closed : .reset } }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            self.sawError = true
            context.close(promise: nil)
        }
    }
}
