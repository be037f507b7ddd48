package import SessionModel

/// What the calls of the control API work on.
package struct ControlDependencies: Sendable {
    let configuration: ControlAPIConfiguration
    let sessions: any SessionManagement
    let tokens: any AccessTokenManagement
    let live: any LiveSessions
    let metrics: [any MetricsSource]
    let readiness: @Sendable () async -> Bool
    let clock: WallClock

    /// Names everything the calls need; `readiness` is asked by `GET /ready`.
    package init(
        configuration: ControlAPIConfiguration,
        sessions: any SessionManagement,
        tokens: any AccessTokenManagement,
        live: any LiveSessions,
        metrics: [any MetricsSource],
        readiness: @escaping @Sendable () async -> Bool,
        clock: @escaping WallClock
    ) {
        self.configuration = configuration
        self.sessions = sessions
        self.tokens = tokens
        self.live = live
        self.metrics = metrics
        self.readiness = readiness
        self.clock = clock
    }
}
