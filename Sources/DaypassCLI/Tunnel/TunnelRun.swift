import Foundation
import Logging
import NIOPosix
import ServiceLifecycle
import SessionModel
import TunnelAgent
import UpstreamRelay

/// One run of `daypass http` or `daypass run`: target, server, session, agent, screen, and the way back.
///
/// Each step is a scope around the next one, so that every way out undoes what was done: the session is closed, the
/// servers are stopped, the command is ended and the terminal given back.
struct TunnelRun: Sendable {
    /// What to share.
    enum Shared: Sendable {
        case app(LocalTarget)
        case folder(String)
    }

    let options: TunnelOptions
    let hostHeader: HostHeader
    let context: CommandContext
    let inputs: InputSources
    let logger: Logger
    let isInteractive: Bool
    /// The command `daypass run` started.
    var child: ChildProcess?

    /// How long open requests may take once a signal or the end of the command ends the tunnel; somebody at a terminal
    /// is not kept waiting as long.
    private static let drainTime = Duration.seconds(10)
    private static let serverGrace = Duration.seconds(3)
    private static let childGrace = Duration.seconds(10)

    /// Shares the target until the owner ends it.
    ///
    /// Throws `CommandFailure`, `DaypassError`, or `PassedOnExit` after a command has run; returns after an orderly end
    /// without one.
    func run(_ shared: Shared) async throws {
        do {
            try await self.withTarget(shared) { target, name in
                try await self.waitForApp(target)
                try await self.withServer { choice in
                    try await ControlClient.with(
                        server: choice.server,
                        token: choice.token,
                        isDefaultServer: choice.isDefault
                    ) { client in
                        let opener = SessionOpener(options: self.options, state: self.context.state, choice: choice)
                        let tunnel = try await self.inputs.stop.racing {
                            try await opener.open(client, port: target.port, target: name)
                        }
                        try await self.serve(tunnel, target: target, edgeURL: choice.edgeURL)
                    }
                }
            }
        } catch is StopRequest.Stopped {
            if let child { throw PassedOnExit(code: await self.end(child)) }
        } catch let passed as PassedOnExit {
            throw passed
        } catch {
            if let child { _ = await child.end(with: SIGTERM, grace: Self.childGrace) }
            throw error
        }
    }

    private func end(_ child: ChildProcess) async -> Int32 {
        await child.end(with: self.inputs.stop.signal ?? SIGTERM, grace: Self.childGrace)
    }

    // MARK: Around the session

    private func withTarget(
        _ shared: Shared,
        _ body: @escaping @Sendable (LocalTarget, String) async throws -> Void
    ) async throws {
        switch shared {
        case .app(let target): try await body(target, target.displayName)
        case .folder(let path):
            let (ports, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
            let server = try FolderServer(path: path, logger: self.logger) { continuation.yield($0) }
            try await withRunning(server, grace: Self.serverGrace, logger: self.logger) {
                guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
                try await body(LocalTarget(host: "127.0.0.1", port: port), path)
            }
        }
    }

    private func waitForApp(_ target: LocalTarget) async throws {
        guard self.options.waitFor != nil || self.child != nil else { return }
        let probe = LocalAppProbe(
            target: target,
            path: self.options.waitFor,
            timeout: self.options.timeout.duration
        )
        try await self.inputs.stop.racing {
            guard let child = self.child else { return try await probe.wait() }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await probe.wait() }
                tasks.addTask {
                    let code = try await child.exitCodeUnlessCancelled()
                    self.context.note("The command ended before its app answered.")
                    throw PassedOnExit(code: code)
                }
                try await tasks.next()
                tasks.cancelAll()
            }
        }
    }

    private func withServer(_ body: @escaping @Sendable (ServerChoice) async throws -> Void) async throws {
        guard self.options.standalone else {
            return try await body(
                ServerChoice.resolve(option: self.options.server.server, environment: self.context.environment)
            )
        }
        guard let launcher = CommandEnvironment.standaloneLauncher else {
            throw CommandFailure(.failure, "This build of daypass has no server in it.")
        }
        try await launcher.withServer(logger: self.logger) { server in
            try await body(ServerChoice(server: server, token: nil, isDefault: false, isExplicit: true))
        }
    }

    // MARK: The session

    private func serve(_ tunnel: OpenTunnel, target: LocalTarget, edgeURL: String?) async throws {
        var configuration = TunnelAgentConfiguration(
            edgeURL: edgeURL ?? tunnel.saved.edgeUrl,
            sessionToken: tunnel.saved.sessionToken,
            target: target
        )
        configuration.relay.hostHeader = self.hostHeader
        configuration.relay.upstreamProtocol = self.options.upstreamHTTP2 ? .http2 : .http1
        configuration.connections = self.options.connections
        configuration.takeover = self.options.takeover
        configuration.edgeTrustRootsPath = self.options.edgeCA
        configuration.agentName = "daypass/\(DaypassVersion.current)"
        configuration.timeouts.drain = self.isInteractive ? .seconds(1) : Self.drainTime
        let monitor = TunnelMonitor(
            screen: StatusScreen(
                facts: StatusScreen.Facts(
                    publicURL: tunnel.saved.publicUrl,
                    ownerURL: tunnel.saved.ownerUrl,
                    target: tunnel.saved.target,
                    credentials: tunnel.credentials.map { ($0.username, $0.password) },
                    password: self.options.password
                ),
                expiresAt: Timestamp(iso8601: tunnel.saved.expiresAt)
            ),
            keepsLines: !self.isInteractive,
            clock: Timestamp.wallClock
        )
        let agent = TunnelAgentService(
            configuration: configuration,
            eventLoopGroup: .singletonMultiThreadedEventLoopGroup,
            logger: self.logger,
            onEvent: monitor.handle
        )
        let server = try ServerAddress(tunnel.saved.server)
        try await ControlClient.with(server: server, token: tunnel.saved.sessionToken) { owner in
            let presenter = TunnelPresenter(
                tunnel: tunnel,
                monitor: monitor,
                owner: owner,
                inputs: self.inputs,
                context: self.context,
                options: self.options
            )
            let closer = SessionCloser(tunnel: tunnel, owner: owner, state: self.context.state)
            do {
                let code = try await withRunning(
                    AgentUntilClosed(agent: agent, monitor: monitor),
                    grace: Self.drainTime + .seconds(2),
                    logger: self.logger
                ) {
                    let code = try await self.present(presenter)
                    monitor.beginClosing()
                    return code
                }
                // After the agent: requests that were open have been answered, those that came meanwhile wait at the edge.
                await closer.close()
                presenter.sayGoodbye(isInteractive: self.isInteractive)
                if let code { throw PassedOnExit(code: code) }
            } catch let end as DaypassError {
                await closer.cleanUp(after: end, wasTakenOver: self.options.takeover)
                throw end
            }
        }
    }

    /// Shows the tunnel until the owner, a signal or the end of the command ends it; gives the command's exit code.
    private func present(_ presenter: TunnelPresenter) async throws -> Int32? {
        try await withThrowingTaskGroup(of: Int32??.self) { tasks in
            tasks.addTask {
                if self.isInteractive { await presenter.runScreen() } else { try await presenter.runLines() }
                return nil
            }
            tasks.addTask {
                await self.inputs.stop.wait()
                try Task.checkCancellation()
                guard let child = self.child else { return .some(nil) }
                return await self.end(child)
            }
            if let child {
                tasks.addTask { .some(try await child.exitCodeUnlessCancelled()) }
            }
            defer { tasks.cancelAll() }
            while let ended = try await tasks.next() {
                if let code = ended { return code }
            }
            throw CancellationError()
        }
    }
}

/// The agent, whose end is no failure once the owner has asked for it.
private struct AgentUntilClosed: Service {
    let agent: TunnelAgentService
    let monitor: TunnelMonitor

    func run() async throws {
        do {
            try await self.agent.run()
        } catch {
            guard self.monitor.isClosing else { throw error }
        }
    }
}
