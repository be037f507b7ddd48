package import AccessControl
package import Logging
import NIOCertificateReloading
package import NIOCore
import NIOExtras
import NIOHTTP2
import NIOPosix
import NIOSSL
import ServiceLifecycle
package import SessionModel
import TunnelProtocol
import TunnelTransport

/// The edge: accepts viewers and agents and enforces sessions, until it is told to shut down.
///
/// Sessions come from `initialSessions` and the change feed. On graceful shutdown it stops accepting, asks agents to
/// come back elsewhere, lets open exchanges finish for at most `drainTimeout`, and closes.
package final class EdgeService: Service, Sendable {
    private let context: EdgeContext
    private let group: MultiThreadedEventLoopGroup
    private let quiescing: ServerQuiescingHelper
    private let onListening: @Sendable (SocketAddress) -> Void

    /// Prepares the edge.
    ///
    /// `gate` judges requests to tenants; `signingKey` is 32 secret bytes for cookies; `onListening` is called once with the bound address.
    package init(
        configuration: EdgeConfiguration,
        sessions: any SessionManagement,
        feed: any SessionChangeFeed,
        initialSessions: [SessionRecord],
        gate: GatewayGate,
        signingKey: [UInt8],
        clock: @escaping WallClock,
        logger: Logger,
        onListening: @escaping @Sendable (SocketAddress) -> Void = { _ in }
    ) {
        // One event loop: a viewer's connection and the tunnels it uses share it, so nothing hops between threads.
        self.group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.quiescing = ServerQuiescingHelper(group: self.group)
        let directory = SessionDirectory(
            signer: ViewerCookieSigner(key: signingKey),
            configuration: configuration,
            clock: clock,
            timers: self.group.any()
        )
        self.context = EdgeContext(
            configuration: configuration,
            directory: directory,
            sessions: sessions,
            gateway: EdgeGateway(gate: gate, configuration: configuration, clock: clock, eventLoop: self.group.any()),
            signingKey: signingKey,
            clock: clock,
            logger: logger
        )
        self.onListening = onListening
        feed.subscribe { change in directory.apply(change) }
        for record in initialSessions { directory.apply(.updated(record)) }
    }

    /// Listens until graceful shutdown; throws when the address cannot be bound or the certificate not be read.
    package func run() async throws {
        do {
            try await self.serve()
        } catch {
            try? await self.group.shutdownGracefully()
            throw error
        }
        try await self.group.shutdownGracefully()
    }

    private func serve() async throws {
        let reloader = try self.certificateReloader()
        let tls: NIOSSLContext? = try reloader.map { reloader in
            var configuration = try TLSConfiguration.makeServerConfiguration(certificateReloader: reloader)
            configuration.applicationProtocols = NIOHTTP2SupportedALPNProtocols
            return try NIOSSLContext(configuration: configuration)
        }
        let listener = try await self.bind(tls: tls)
        if let address = listener.localAddress {
            self.context.setBoundPort(address.port ?? 0)
            self.onListening(address)
        }
        let ticks = self.group.any()
            .scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
                let now = self.context.clock()
                for session in self.context.directory.all { session.pushIfChanged(now: now) }
                // Keys end at their time, also under what is open.
                self.context.gateway.reconsider(now: self.context.clock)
            }
        defer { ticks.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            if let reloader { tasks.addTask { try await reloader.run() } }
            try await withGracefulShutdownHandler {
                try await listener.closeFuture.get()
            } onGracefulShutdown: {
                self.context.startDraining()
                // Stops listening and tells every connection.
                self.quiescing.initiateShutdown(promise: nil)
            }
            tasks.cancelAll()
        }
        await self.drain()
    }

    private func certificateReloader() throws -> TimedCertificateReloader? {
        let configuration = self.context.configuration
        guard let certificate = configuration.tlsCertificatePath, let key = configuration.tlsKeyPath else { return nil }
        do {
            return try TimedCertificateReloader.makeReloaderValidatingSources(
                refreshInterval: .seconds(2),
                certificateSource: .init(location: .file(path: certificate), format: .pem),
                privateKeySource: .init(location: .file(path: key), format: .pem),
                logger: self.context.logger
            )
        } catch {
            throw DaypassError(
                .validationError,
                "The TLS certificate \(certificate) and key \(key) cannot be used: \(error)"
            )
        }
    }

    private func bind(tls: NIOSSLContext?) async throws -> any Channel {
        let context = self.context
        let configuration = context.configuration
        let quiescing = self.quiescing
        let bootstrap = ServerBootstrap(group: self.group)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        quiescing.makeServerChannelHandler(channel: channel)
                    )
                }
            }
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard context.counters.openConnections < configuration.maximumConnections else {
                        throw DaypassError(.serviceUnavailable)
                    }
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.addHandler(
                        ViewerHTTP1Handler(edge: context, isTLS: tls != nil, eventLoop: channel.eventLoop)
                    )
                }
            }
        do {
            if let socket = configuration.inheritedSocket { return try await bootstrap.withBoundSocket(socket).get() }
            return try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
        } catch let error as IOError {
            let reason = error.errnoCode == EADDRINUSE ? "the address is in use" : "error \(error.errnoCode)"
            throw DaypassError(
                .serviceUnavailable,
                "The edge cannot listen on \(configuration.host):\(configuration.port): \(reason)."
            )
        }
    }

    /// Lets viewers' last requests come in, then tells agents to come back, and waits for open exchanges up to the drain
    /// timeout.
    private func drain() async {
        let directory = self.context.directory
        let quiet = ContinuousClock.now + Duration(EdgeContext.quiescingTime) * 1.5
        while ContinuousClock.now < quiet, self.context.counters.openConnections > 0 {
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
        }
        for session in directory.all {
            for tunnel in session.tunnels() { tunnel.run { $0.drain(retryAfter: .milliseconds(500)) } }
        }
        let deadline = ContinuousClock.now + self.context.configuration.drainTimeout
        // A connection outlives its last exchange until the viewer has taken what was written.
        while ContinuousClock.now < deadline,
            self.context.counters.openConnections > 0 || directory.all.contains(where: { $0.openStreamCount > 0 })
        {
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
        }
    }
}

extension EdgeService: LiveSessions {
    package func viewers(of id: SessionID) -> [ViewerSummary] {
        self.context.directory.session(id: id)?.presentViewers(now: self.context.clock()) ?? []
    }

    package func viewer(_ viewerID: String, of id: SessionID) -> KickedViewer? {
        self.context.directory.session(id: id)?.kickable(viewerID, now: self.context.clock())
    }

    package func tunnelConnections(of id: SessionID) -> Int {
        self.context.directory.session(id: id)?.tunnelCount ?? 0
    }
}

extension EdgeService: MetricsSource {
    package func metricSamples() -> [MetricSample] {
        let sessions = self.context.directory.all
        return self.context.counters.samples(bufferedBytes: self.context.tunnelConfiguration.budget.bufferedBytes) + [
            MetricSample(
                name: "daypass_edge_sessions",
                help: "Sessions the edge knows.",
                kind: .gauge,
                value: Double(sessions.count)
            ),
            MetricSample(
                name: "daypass_edge_tunnels_open",
                help: "Agents' connections open now.",
                kind: .gauge,
                value: Double(sessions.reduce(0) { $0 + $1.tunnelCount })
            ),
            MetricSample(
                name: "daypass_edge_streams_open",
                help: "Requests and WebSockets open now.",
                kind: .gauge,
                value: Double(sessions.reduce(0) { $0 + $1.openStreamCount })
            ),
        ]
    }
}
