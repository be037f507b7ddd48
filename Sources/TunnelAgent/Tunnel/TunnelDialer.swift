import NIOCore
import NIOPosix
import NIOSSL
import TunnelProtocol
import TunnelTransport

/// Opens tunnel connections to the edge: TCP, TLS if the address says so, and the WebSocket upgrade, within one bound.
///
/// Confined to the agent's event loop.
final class TunnelDialer {
    private let configuration: TunnelAgentConfiguration
    private let address: EdgeAddress
    private let eventLoop: any EventLoop
    private let tls: NIOSSLContext?
    /// One count of buffered bytes for all connections of this agent.
    private let budget = TunnelByteBudget()

    /// Prepares to dial.
    ///
    /// - Throws: `validation_error` for a bad address; an error of NIOSSL when trust roots cannot be loaded.
    init(configuration: TunnelAgentConfiguration, eventLoop: any EventLoop) throws {
        self.configuration = configuration
        self.address = try EdgeAddress(configuration.edgeURL)
        self.eventLoop = eventLoop
        if self.address.isSecure {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.applicationProtocols = ["http/1.1"]
            if let path = configuration.edgeTrustRootsPath { tls.trustRoots = .file(path) }
            self.tls = try NIOSSLContext(configuration: tls)
        } else {
            self.tls = nil
        }
    }

    /// Starts one attempt.
    ///
    /// - Parameters:
    ///   - place: the connection's number in the agent's pool; the edge closes an older one of the same number.
    ///   - takesOver: whether to ask the edge to replace another agent.
    ///   - delegate: the owner of the tunnel connection.
    ///   - completion: called once on the event loop; a success means that the edge agreed to the upgrade.
    /// - Returns: the attempt, which can be given up.
    func dial(
        place: Int,
        takesOver: Bool,
        delegate: any TunnelConnectionDelegate,
        completion: @escaping (Result<TunnelConnection, DialFailure>) -> Void
    ) -> Attempt {
        let attempt = Attempt(completion: completion)
        let loop = self.eventLoop.assumeIsolated()
        let limit = TimeAmount(self.configuration.timeouts.dial)
        attempt.deadline = loop.scheduleTask(in: limit) {
            attempt.finish(.failure(.temporary(reason: "the edge did not answer in time", after: nil)))
        }
        ClientBootstrap(group: self.eventLoop)
            .connectTimeout(limit)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 2 << 10, initial: 16 << 10, maximum: 128 << 10)
            )
            .connect(host: self.address.host, port: self.address.port)
            .assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success(let channel):
                    guard !attempt.isFinished else { return channel.close(promise: nil) }
                    attempt.channel = channel
                    do {
                        try self.install(attempt, in: channel, place: place, takesOver: takesOver, delegate: delegate)
                    } catch {
                        attempt.finish(.failure(.temporary(reason: Self.sentence(for: error), after: nil)))
                    }
                case .failure(let error):
                    attempt.finish(.failure(.temporary(reason: Self.sentence(for: error), after: nil)))
                }
            }
        return attempt
    }

    private func install(
        _ attempt: Attempt,
        in channel: any Channel,
        place: Int,
        takesOver: Bool,
        delegate: any TunnelConnectionDelegate
    ) throws {
        guard channel.isActive, let options = channel.syncOptions else { throw ChannelError.ioOnClosedChannel }
        let operations = channel.pipeline.syncOperations
        if let tls = self.tls {
            let isAddress = (try? SocketAddress(ipAddress: self.address.host, port: 0)) != nil
            try operations.addHandler(
                NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : self.address.host)
            )
        }
        let key = WebSocketHandshake.randomKey()
        var tunnelConfiguration = TunnelConfiguration(budget: self.budget)
        tunnelConfiguration.maximumStreams = self.configuration.maximumStreamsPerTunnel
        tunnelConfiguration.name = self.configuration.agentName
        try operations.addHandler(
            TunnelUpgradeHandler(
                request: self.upgradeRequest(key: key, place: place, takesOver: takesOver),
                key: key,
                offersV1: self.configuration.protocolVersions == .newest,
                onUpgrade: { version, _ in
                    let connection = TunnelConnection(
                        role: .agent,
                        version: version,
                        configuration: tunnelConfiguration,
                        delegate: delegate
                    )
                    attempt.finish(.success(connection))
                    return connection
                },
                onFailure: { attempt.finish(.failure($0)) }
            )
        )
        try TunnelSocket.configure(channel)
        try options.setOption(.autoRead, value: true)
    }

    private func upgradeRequest(key: String, place: Int, takesOver: Bool) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeString(
            """
            GET \(self.address.requestTarget) HTTP/1.1\r
            Host: \(self.address.authority)\r
            Connection: Upgrade\r
            Upgrade: websocket\r
            Sec-WebSocket-Version: 13\r
            Sec-WebSocket-Key: \(key)\r
            Authorization: Bearer \(Self.fieldValue(self.configuration.sessionToken))\r
            X-Daypass-Agent-Id: \(Self.fieldValue(self.configuration.agentID))\r
            X-Daypass-Connection: \(place)\r
            User-Agent: \(Self.fieldValue(self.configuration.agentName))\r

            """
        )
        if self.configuration.protocolVersions == .newest {
            buffer.writeString("Sec-WebSocket-Protocol: \(WebSocketHandshake.v1Subprotocol)\r\n")
        }
        if takesOver { buffer.writeString("X-Daypass-Takeover: 1\r\n") }
        buffer.writeString("\r\n")
        return buffer
    }

    /// The text without anything that could end a header line.
    private static func fieldValue(_ text: String) -> String {
        String(decoding: text.utf8.filter { $0 >= 0x20 && $0 != 0x7F }, as: UTF8.self)
    }

    /// Why connecting failed, as a sentence fragment for people, without addresses or secrets.
    static func sentence(for error: any Error) -> String {
        switch error {
        case let error as IOError where error.errnoCode == ECONNREFUSED: "the edge refused the connection"
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { Self.sentence(for: $0.error) } ?? "the edge's name was not found"
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: "TLS with the edge failed: \(error)"
        case ChannelError.connectTimeout: "the edge did not answer in time"
        default: "the edge could not be reached"
        }
    }

    /// One attempt to open a tunnel connection; decided exactly once.
    final class Attempt {
        fileprivate var deadline: Scheduled<Void>?
        fileprivate var channel: (any Channel)?
        private var completion: ((Result<TunnelConnection, DialFailure>) -> Void)?

        fileprivate init(completion: @escaping (Result<TunnelConnection, DialFailure>) -> Void) {
            self.completion = completion
        }

        /// Whether the attempt is decided.
        var isFinished: Bool { self.completion == nil }

        /// Gives the attempt up; nothing is called.
        func cancel() {
            self.completion = nil
            self.deadline?.cancel()
            self.channel?.close(promise: nil)
            self.channel = nil
        }

        fileprivate func finish(_ result: Result<TunnelConnection, DialFailure>) {
            guard let completion = self.completion else { return }
            self.completion = nil
            self.deadline?.cancel()
            if case .failure = result { self.channel?.close(promise: nil) }
            self.channel = nil
            completion(result)
        }
    }
}
