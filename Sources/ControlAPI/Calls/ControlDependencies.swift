package import SessionModel

/// What the calls of the control API work on.
package struct ControlDependencies: Sendable {
    let configuration: ControlAPIConfiguration
    let sessions: any SessionManagement
    let tokens: any AccessTokenManagement
    let live: any LiveSessions
    let metrics: [any MetricsSource]
    let gateway: GatewayDependencies?
    let wallets: (any WalletManagement)?
    let readiness: @Sendable () async -> Bool
    let clock: WallClock

    /// Names everything the calls need; `readiness` is asked by `GET /ready`.
    ///
    /// Without `gateway` the calls about the API gateway are refused, and forward-auth is not there; without `wallets`
    /// those about wallet sessions are.
    package init(
        configuration: ControlAPIConfiguration,
        sessions: any SessionManagement,
        tokens: any AccessTokenManagement,
        live: any LiveSessions,
        metrics: [any MetricsSource],
        gateway: GatewayDependencies? = nil,
        wallets: (any WalletManagement)? = nil,
        readiness: @escaping @Sendable () async -> Bool,
        clock: @escaping WallClock
    ) {
        self.configuration = configuration
        self.sessions = sessions
        self.tokens = tokens
        self.live = live
        self.metrics = metrics
        self.gateway = gateway
        self.wallets = wallets
        self.readiness = readiness
        self.clock = clock
    }
}
