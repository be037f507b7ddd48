package import Logging
package import NIOCore
import ServiceLifecycle
import SessionModel

/// The agent: keeps tunnels to the edge open and relays their requests to the local app.
///
/// Everything runs on one event loop of the group given.
package final class TunnelAgentService: Service, Sendable {
    private let configuration: TunnelAgentConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let onEvent: @Sendable (TunnelAgentEvent) -> Void

    /// Prepares an agent; nothing is dialed before `run()`.
    ///
    /// - Parameters:
    ///   - configuration: which session to serve, and how.
    ///   - eventLoopGroup: where the agent takes its one event loop from.
    ///   - logger: for connection changes; requests are not logged.
    ///   - onEvent: called on the agent's event loop, in order; it must return at once.
    package init(
        configuration: TunnelAgentConfiguration,
        eventLoopGroup: any EventLoopGroup,
        logger: Logger,
        onEvent: @escaping @Sendable (TunnelAgentEvent) -> Void
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoopGroup.next()
        self.logger = logger
        self.onEvent = onEvent
    }

    /// Serves the session until a graceful shutdown or cancellation, then returns.
    ///
    /// - Throws: a `DaypassError` when the session ended for good (`TunnelAgentEnd.error`).
    package func run() async throws {
        throw DaypassError(.serviceUnavailable, "The relay of this agent is not part of this build yet.")
    }
}
