import HTTPTypes
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import ServiceLifecycle
package import SessionModel

/// The control API's listener: serves until graceful shutdown, then finishes the requests it has.
package struct ControlAPIService: Service {
    private let configuration: ControlAPIConfiguration
    private let responder: ControlResponder
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) -> Void

    /// Composes the API; nothing is opened before `run()`.
    ///
    /// `readiness` is asked by `GET /ready`; `onListening` is called once with the bound port.
    package init(
        configuration: ControlAPIConfiguration,
        sessions: any SessionManagement,
        tokens: any AccessTokenManagement,
        live: any LiveSessions,
        metrics: [any MetricsSource],
        gateway: GatewayDependencies? = nil,
        wallets: (any WalletManagement)? = nil,
        readiness: @escaping @Sendable () async -> Bool,
        clock: @escaping WallClock,
        logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
        self.responder = ControlResponder(
            dependencies: ControlDependencies(
                configuration: configuration,
                sessions: sessions,
                tokens: tokens,
                live: live,
                metrics: metrics,
                gateway: gateway,
                wallets: wallets,
                readiness: readiness,
                clock: clock
            ),
            logger: logger
        )
    }

    /// Listens and answers until graceful shutdown; throws when the address cannot be bound.
    package func run() async throws {
        let application = Application(
            responder: self.responder,
            server: .http1(configuration: self.channelConfiguration),
            configuration: ApplicationConfiguration(
                address: .hostname(self.configuration.host, port: self.configuration.port),
                availableConnectionsDelegate: .maximum(self.configuration.maximumConnections, logger: self.logger)
            ),
            onServerRunning: { [onListening] channel in
                onListening(channel.localAddress?.port ?? 0)
            },
            logger: self.logger
        )
        try await application.run()
    }

    private var channelConfiguration: HTTP1Channel.Configuration {
        let requestTimeout = TimeAmount(self.configuration.requestTimeout)
        let configuration = self.configuration
        let routes = RouteTable()
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: [
                RequestArrivalHandler(requestTimeout: requestTimeout) { head in
                    let path = head.path.map { $0.prefix { $0 != "?" } } ?? ""
                    guard
                        case .operation(let operation, _) = routes.match(
                            method: head.method.rawValue,
                            path: String(path)
                        )
                    else { return configuration.maximumBodyBytes }
                    return configuration.maximumBodyBytes(of: operation)
                }
            ],
            // Also the time a head may take: the clock runs from the connection's start or the answer before.
            idleTimeout: TimeAmount(self.configuration.idleTimeout),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 * 1024,
                maxHeaderListSize: 32 * 1024,
                maxHeaderFieldCount: 100
            )
        )
    }
}
