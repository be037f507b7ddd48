import SessionModel

/// What the calls of the control API work on.
struct ControlDependencies: Sendable {
    let configuration: ControlAPIConfiguration
    let sessions: any SessionManagement
    let tokens: any AccessTokenManagement
    let live: any LiveSessions
    let metrics: [any MetricsSource]
    let readiness: @Sendable () async -> Bool
    let clock: WallClock
}
