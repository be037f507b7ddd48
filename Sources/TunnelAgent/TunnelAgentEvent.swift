package import SessionModel
package import UpstreamRelay

/// What an agent tells its owner while it runs.
///
/// Delivered on the agent's event loop, in order: take it and return at once.
package enum TunnelAgentEvent: Sendable, Equatable {
    /// Dialing the edge while no connection stands; `attempt` counts from 1 since the last success.
    case connecting(attempt: Int)
    /// A connection stands; `connections` is how many do now, `version` what they speak.
    case connected(connections: Int, version: Int)
    /// The last connection is gone, or could not be made; the next attempt starts in `retryIn`.
    case disconnected(reason: String, retryIn: Duration)
    /// The machine was asleep for this long; connections are being made anew.
    case wokeUp(after: Duration)
    /// The round-trip time to the edge, measured.
    case roundTrip(Duration)
    /// A request arrived from the edge.
    case requestStarted
    /// A request is over.
    case request(RelayedRequestSummary)
    /// The edge pushed the session's state (policy, pause, expiry, viewers) as a JSON object.
    case push(String)
    /// The local app stopped accepting connections.
    case localAppUnreachable
    /// The local app accepts connections again.
    case localAppReachable
    /// The local app accepts connections, but does not speak the HTTP/2 it was said to speak.
    case localAppSpeaksNoHTTP2
    /// The agent is done; the last event.
    case ended(TunnelAgentEnd)
}

/// Why an agent is done for good; the command line maps it to an exit code.
package enum TunnelAgentEnd: Sendable, Equatable {
    /// It was asked to stop.
    case stopped
    /// The edge does not accept the token.
    case unauthorized
    /// The edge does not let this agent in.
    case forbidden
    /// The session was closed by its owner.
    case sessionClosed
    /// The session's time is over.
    case sessionExpired
    /// Another agent serves the session.
    case taken
    /// Another agent took over.
    case replaced
    /// The configuration cannot work: a wrong address, or an edge that speaks something else.
    case misconfigured(String)

    /// The error `run()` throws for it; nil after an orderly stop.
    package var error: DaypassError? {
        switch self {
        case .stopped: nil
        case .unauthorized: DaypassError(.unauthorized, "The edge does not accept this session token.")
        case .forbidden: DaypassError(.forbidden, "The edge does not let this agent in.")
        case .sessionClosed: DaypassError(.sessionClosed)
        case .sessionExpired: DaypassError(.sessionExpired)
        case .taken: DaypassError(.tunnelTaken)
        case .replaced: DaypassError(.tunnelTaken, "Another agent took over this session.")
        case .misconfigured(let message): DaypassError(.validationError, message)
        }
    }
}

extension TunnelAgentEvent {
    /// What the relay to the local app tells, among what the agent tells.
    init(_ event: LocalRelayEvent) {
        self =
            switch event {
            case .requestStarted: .requestStarted
            case .request(let summary): .request(summary)
            case .localAppUnreachable: .localAppUnreachable
            case .localAppReachable: .localAppReachable
            case .localAppSpeaksNoHTTP2: .localAppSpeaksNoHTTP2
            }
    }
}
