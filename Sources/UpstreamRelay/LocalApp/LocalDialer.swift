import NIOCore
import NIOPosix
import NIOSSL

/// Opens connections to the local app.
///
/// Confined to its event loop. `localhost` means both loopback addresses: IPv6 is tried first (RFC 8305, 4),
/// and the one that answered last is tried first the next time.
final class LocalDialer {
    /// Adds to a new channel's pipeline, behind TLS, what speaks to the local app.
    typealias Installer = (any Channel) throws -> Void

    private let target: LocalTarget
    private let eventLoop: any EventLoop
    private let timeout: TimeAmount
    private let tls: NIOSSLContext?
    /// Addresses in the order to try them; empty for a name that must be resolved each time.
    private var addresses: [SocketAddress]
    private var isStopped = false

    /// The receive buffer asked of the kernel, so that an app that writes and closes cannot make the agent read
    /// megabytes that no viewer has taken yet.
    private static let receiveBufferBytes = 256 << 10

    /// Prepares to dial `target`.
    ///
    /// - Parameters:
    ///   - target: where to connect.
    ///   - eventLoop: where the connections live.
    ///   - timeout: how long connecting may take.
    ///   - applicationProtocol: what is asked for in a TLS handshake (RFC 7301).
    /// - Throws: an error of NIOSSL when the system's trust roots cannot be loaded.
    init(
        target: LocalTarget,
        eventLoop: any EventLoop,
        timeout: TimeAmount,
        applicationProtocol: String = "http/1.1"
    ) throws {
        self.target = target
        self.eventLoop = eventLoop
        self.timeout = timeout
        if target.isLocalhostName {
            self.addresses = try ["::1", "127.0.0.1"].map { try SocketAddress(ipAddress: $0, port: target.port) }
        } else {
            self.addresses = (try? SocketAddress(ipAddress: target.host, port: target.port)).map { [$0] } ?? []
        }
        switch target.scheme {
        case .http: self.tls = nil
        case .https:
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.applicationProtocols = [applicationProtocol]
            if target.isLoopback { configuration.certificateVerification = .none }
            self.tls = try NIOSSLContext(configuration: configuration)
        }
    }

    /// Nobody wants connections any more: one that is being made is closed, and its dial fails.
    func stop() { self.isStopped = true }

    /// Whether the local app is spoken to through TLS.
    var usesTLS: Bool { self.tls != nil }

    /// Connects and fills the new channel's pipeline.
    ///
    /// - Parameters:
    ///   - install: adds the handlers of the new connection.
    ///   - completion: called on the event loop; with the last error when no address answered.
    func dial(_ install: @escaping Installer, completion: @escaping (Result<Void, any Error>) -> Void) {
        guard !self.addresses.isEmpty else {
            let future = self.bootstrap().connect(host: self.target.host, port: self.target.port)
            future.assumeIsolated()
                .whenComplete { result in
                    completion(result.flatMap { channel in Result { try self.fill(channel, with: install) } })
                }
            return
        }
        self.dial(install, addresses: self.addresses[...], completion: completion)
    }

    private func dial(
        _ install: @escaping Installer,
        addresses: ArraySlice<SocketAddress>,
        completion: @escaping (Result<Void, any Error>) -> Void
    ) {
        guard let address = addresses.first else { return }
        self.bootstrap().connect(to: address).assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success(let channel):
                    if let index = self.addresses.firstIndex(of: address), index > 0 { self.addresses.swapAt(0, index) }
                    completion(Result { try self.fill(channel, with: install) })
                case .failure(let error):
                    if addresses.count > 1 {
                        self.dial(install, addresses: addresses.dropFirst(), completion: completion)
                    } else {
                        completion(.failure(error))
                    }
                }
            }
    }

    private func bootstrap() -> ClientBootstrap {
        // Reading starts when the handlers are in place.
        ClientBootstrap(group: self.eventLoop)
            .connectTimeout(self.timeout)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_rcvbuf), value: SocketOptionValue(Self.receiveBufferBytes))
            .channelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10))
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1 << 10, initial: 4 << 10, maximum: 64 << 10)
            )
            // Makes the end of input an event of its own: a channel that goes inactive without it was reset, which
            // must not look like the end of a body that lasts until the connection closes.
            .channelOption(.allowRemoteHalfClosure, value: true)
    }

    private func fill(_ channel: any Channel, with install: Installer) throws {
        guard !self.isStopped else {
            channel.close(promise: nil)
            throw ChannelError.ioOnClosedChannel
        }
        guard channel.isActive, let options = channel.syncOptions else {
            throw ChannelError.ioOnClosedChannel
        }
        let operations = channel.pipeline.syncOperations
        if let tls = self.tls {
            let isAddress = (try? SocketAddress(ipAddress: self.target.host, port: 0)) != nil
            try operations.addHandler(
                NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : self.target.host)
            )
        }
        try install(channel)
        try options.setOption(.autoRead, value: true)
    }
}
