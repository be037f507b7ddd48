//! DaypassServer: the composition root.
//!
//! The only place that names every server target and a store driver: reads the configuration (`ServerConfiguration`),
//! opens the data folder and the store, connects control API and edge through the protocols of SessionModel, and runs
//! them as one service group.
import AccessControl
import ControlAPI
import Edge
import Foundation
package import Logging
import NIOCore
import SQLiteStore
package import ServiceLifecycle
package import SessionModel
import SessionStore
import TunnelTransport
package import UnixSignals

/// A whole server: store, control API and edge, ready to run.
package struct DaypassServer: Sendable {
    /// Where a running server is reached.
    package struct Addresses: Equatable, Sendable {
        /// The control API's base URL.
        package var control: String
        /// The edge's base URL on this machine.
        package var edge: String
        /// The base URL of public links.
        package var publicURL: String
    }

    private let configuration: ServerConfiguration
    private let clock: WallClock
    private let logger: Logger
    private let data: DataDirectory
    private let store: SQLiteSessionStore

    /// Opens the data folder and the store; nothing listens yet.
    ///
    /// Throws `DaypassError` with a sentence for whoever starts the server.
    package init(
        configuration: ServerConfiguration,
        clock: @escaping WallClock,
        logger: Logger
    ) throws {
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        self.data = try DataDirectory(path: configuration.dataPath)
        self.store = try SQLiteSessionStore(in: self.data)
    }

    /// The admin token if it was made just now: this is the only time it can be shown.
    package var firstAdminToken: String? { self.data.firstAdminToken }

    /// The services in order of dependency, as one group; shutdown goes the other way, so that the edge stops accepting
    /// first.
    ///
    /// `onReady` is called once both listeners are bound.
    ///
    /// The control API starts when the edge is bound: only then the links in its answers are known, because the edge's
    /// port may be 0. Throws when the store cannot be read.
    package func group(
        signals: [UnixSignal],
        onReady: @escaping @Sendable (Addresses) -> Void
    ) async throws -> ServiceGroup {
        let feed = InProcessSessionChangeFeed()
        let gateway = try await GatewayParts(
            store: self.store,
            configuration: self.configuration.gateway,
            // With port 0 it changes once the edge is bound.
            issuer: self.configuration.publicAddress(edgePort: self.configuration.edge.port).base,
            clock: self.clock,
            logger: self.logger
        )
        let sessions = SessionService(
            store: self.store,
            feed: feed,
            configuration: self.configuration.sessions,
            isReserved: { gateway.gate.snapshot.usesTunnel($0) },
            clock: self.clock
        )
        let (bound, edgeIsBound) = AsyncStream.makeStream(of: SocketAddress.self, bufferingPolicy: .bufferingNewest(1))
        let wallets = WalletParts(store: self.store, configuration: self.configuration.wallets, clock: self.clock)
        // Viewers may use up what the system allows but not the descriptors everything else needs.
        var edgeConfiguration = self.configuration.edge
        edgeConfiguration.inheritedSocket = InheritedSockets.ofThisProcess().socket(named: "edge")
        let descriptors = FileDescriptorLimit.raised() - FileDescriptorLimit.reserve
        edgeConfiguration.maximumConnections = min(edgeConfiguration.maximumConnections, max(64, descriptors))
        let edge = EdgeService(
            configuration: edgeConfiguration,
            sessions: sessions,
            feed: feed,
            initialSessions: try await self.rememberedSessions(),
            gate: gateway.gate,
            signingKey: self.data.signingKey,
            clock: self.clock,
            logger: self.logger
        ) { edgeIsBound.yield($0) }
        let control = ControlAfterEdge(bound: bound) { port in
            self.control(
                edgePort: port,
                sessions: sessions,
                edge: edge,
                gateway: gateway,
                wallets: wallets,
                onReady: onReady
            )
        }
        let forgetter = SessionForgetter(
            store: self.store,
            feed: feed,
            configuration: self.configuration.forgetting,
            clock: self.clock,
            logger: self.logger
        )
        let services: [any Service] = [
            forgetter, gateway.flusher, wallets.node,
            Listener(name: "the control API", address: self.configuration.controlAddress, service: control),
            Listener(name: "the edge", address: self.configuration.edgeAddress, service: edge),
        ]
        var group = ServiceGroupConfiguration(
            services: services.map {
                .init(
                    service: $0,
                    successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup
                )
            },
            gracefulShutdownSignals: signals,
            logger: self.logger
        )
        group.maximumGracefulShutdownDuration = self.configuration.shutdownLimit
        return ServiceGroup(configuration: group)
    }

    private func control(
        edgePort: Int,
        sessions: SessionService,
        edge: EdgeService,
        gateway: GatewayParts,
        wallets: WalletParts,
        onReady: @escaping @Sendable (Addresses) -> Void
    ) -> ControlAPIService {
        let publicAddress = self.configuration.publicAddress(edgePort: edgePort)
        gateway.gate.update { $0.issuer = publicAddress.base }
        var control = self.configuration.control
        control.publicAddress = publicAddress
        control.access = self.configuration.access ?? .suited(to: publicAddress)
        control.adminTokenDigest = control.adminTokenDigest ?? self.data.adminTokenDigest
        let store = self.store
        let configuration = self.configuration
        return ControlAPIService(
            configuration: control,
            sessions: sessions,
            tokens: AccessTokenService(
                store: self.store,
                configuration: self.configuration.sessions,
                clock: self.clock
            ),
            live: edge,
            metrics: [edge],
            gateway: GatewayDependencies(
                management: gateway.manager,
                deciding: LiveGateway(gate: gateway.gate, clock: self.clock)
            ),
            wallets: wallets.manager,
            readiness: { (try? await store.ping()) != nil },
            clock: self.clock,
            logger: self.logger,
            onListening: { controlPort in
                onReady(
                    Addresses(
                        control: "http://\(ServerConfiguration.authority(configuration.control.host, controlPort))",
                        edge: "\(configuration.edgeScheme)://"
                            + ServerConfiguration.authority(configuration.edge.host, edgePort),
                        publicURL: publicAddress.base
                    )
                )
            }
        )
    }

    /// Every session the store remembers: the edge answers for closed and expired ones too.
    private func rememberedSessions() async throws -> [SessionRecord] {
        var records: [SessionRecord] = []
        while true {
            let page = try await self.store.sessions(after: records.last?.id, limit: 500)
            records += page
            if page.count < 500 { return records }
        }
    }
}

/// The control API, started once the edge is bound.
private struct ControlAfterEdge: Service {
    let bound: AsyncStream<SocketAddress>
    let makeControl: @Sendable (_ edgePort: Int) -> ControlAPIService

    func run() async throws {
        let port = await cancelWhenGracefulShutdown {
            await self.bound.first { _ in true }?.port
        }
        guard let port else { return }
        try await self.makeControl(port).run()
    }
}

/// A listener whose failure to bind is said in one sentence with its name and address.
private struct Listener: Service {
    let name: String
    let address: String
    let service: any Service

    func run() async throws {
        do {
            try await self.service.run()
        } catch let error as IOError {
            throw DaypassError(.serviceUnavailable, self.sentence(error))
        }
    }

    private func sentence(_ error: IOError) -> String {
        switch error.errnoCode {
        case EADDRINUSE:
            "The address \(self.address) is already in use. Stop the program that uses it, or choose another one for "
                + "\(self.name)."
        case EACCES: "This user may not open the port of \(self.address) for \(self.name). Choose one above 1023."
        case EADDRNOTAVAIL: "The address \(self.address) for \(self.name) is not one of this machine."
        default: "Cannot open \(self.name) on \(self.address): \(String(cString: strerror(error.errnoCode)))."
        }
    }
}
