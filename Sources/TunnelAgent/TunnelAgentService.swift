package import Logging
package import NIOCore
import ServiceLifecycle
import SessionModel
import TunnelTransport

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
    /// A graceful shutdown lets open requests finish within `Timeouts.drain`; cancellation cuts them.
    ///
    /// - Throws: a `DaypassError` when the session ended for good (`TunnelAgentEnd.error`) or the configuration cannot
    ///   work.
    package func run() async throws {
        FileDescriptorLimit.raised()
        let ended = self.eventLoop.makePromise(of: TunnelAgentEnd.self)
        let (configuration, eventLoop, logger, onEvent) = (
            self.configuration, self.eventLoop, self.logger, self.onEvent
        )
        let supervisor: NIOLoopBound<TunnelSupervisor>
        do {
            supervisor =
                try await eventLoop.submit {
                    let supervisor = try TunnelSupervisor(
                        configuration: configuration,
                        eventLoop: eventLoop,
                        logger: logger,
                        onEvent: onEvent,
                        onEnd: { ended.succeed($0) }
                    )
                    supervisor.start()
                    return NIOLoopBound(supervisor, eventLoop: eventLoop)
                }
                .get()
        } catch {
            // Nothing was started.
            ended.fail(error)
            _ = try? await ended.futureResult.get()
            let failure = Self.configurationError(error)
            onEvent(.ended(.misconfigured(failure.message)))
            throw failure
        }
        let end = try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await ended.futureResult.get()
            } onGracefulShutdown: {
                eventLoop.execute { supervisor.value.stopGracefully() }
            }
        } onCancel: {
            eventLoop.execute { supervisor.value.stop() }
        }
        if let error = end.error { throw error }
    }

    private static func configurationError(_ error: any Error) -> DaypassError {
        (error as? DaypassError)
            ?? DaypassError(.validationError, "The trust roots for TLS cannot be loaded: \(error)")
    }
}
