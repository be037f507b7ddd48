import Logging
import NIOCore
import NIOPosix
import TunnelAgent
import TunnelProtocol
import UpstreamRelay

/// A running agent between a fake edge and a local app.
struct Setup: Sendable {
    let edge: FakeEdge
    let app: LocalApp
    let agent: Agent

    /// What differs from the defaults.
    struct Options {
        var timeouts = LocalRelayConfiguration.Timeouts()
        var pool = LocalRelayConfiguration.PoolLimits()
    }

    /// Runs `body` with an agent that has connected, and takes everything down afterwards.
    static func run(
        _ version: TunnelVersion = .v1,
        options: Options = Options(),
        body: (Setup, FakeEdge.Tunnel) async throws -> Void
    ) async throws {
        let app = try await LocalApp.start()
        let edge = try await FakeEdge.start([.accept(version)])
        let agent = Agent(edge: edge, target: LocalTarget(host: "127.0.0.1", port: app.port)) {
            $0.connections = 1
            $0.relay.timeouts = options.timeouts
            $0.relay.pool = options.pool
        }
        do {
            try await body(Setup(edge: edge, app: app, agent: agent), edge.tunnel())
        } catch {
            agent.cancel()
            try? await edge.stop()
            try? await app.stop()
            throw error
        }
        agent.cancel()
        _ = await agent.result()
        try await edge.stop()
        try? await app.stop()
    }
}

/// An agent in a task of its own, and what it said.
final class Agent: Sendable {
    let events = Watched<[TunnelAgentEvent]>([])
    private let task: Task<Void, any Error>

    init(
        edge: FakeEdge,
        target: LocalTarget,
        configure: (inout TunnelAgentConfiguration) -> Void = { $0.connections = 1 }
    ) {
        var configuration = TunnelAgentConfiguration(
            edgeURL: "ws://127.0.0.1:\(edge.port)/tunnel",
            sessionToken: "quiet-lime-42.secret",
            target: target
        )
        configure(&configuration)
        let events = self.events
        let service = TunnelAgentService(
            configuration: configuration,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            onEvent: { event in events.update { $0.append(event) } }
        )
        self.task = Task { try await service.run() }
    }

    func cancel() { self.task.cancel() }

    func result() async -> Result<Void, any Error> { await self.task.result }

    /// Waits for an event and returns the first that fits.
    func event<Found: Sendable>(_ find: @escaping @Sendable (TunnelAgentEvent) -> Found?) async throws -> Found {
        let events = try await self.events.wait { $0.contains { find($0) != nil } }
        guard let found = events.lazy.compactMap(find).first else { throw CancellationError() }
        return found
    }

    /// The summaries so far, once there are `count`.
    func summaries(_ count: Int) async throws -> [RelayedRequestSummary] {
        let events = try await self.events.wait { events in events.count(where: { $0.summary != nil }) >= count }
        return events.compactMap(\.summary)
    }
}

extension TunnelAgentEvent {
    var summary: RelayedRequestSummary? {
        if case .request(let summary) = self { summary } else { nil }
    }
}
