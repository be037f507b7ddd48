import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SessionModel
import Testing
import TunnelAgent
import TunnelProtocol
import TunnelTransport
import UpstreamRelay

@Suite("The life of the tunnels", .timeLimit(.minutes(5)))
struct TunnelLifeTests {
    private func agent(
        _ edge: FakeEdge,
        configure: (inout TunnelAgentConfiguration) -> Void = { $0.connections = 1 }
    ) -> Agent {
        Agent(edge: edge, target: LocalTarget(host: "127.0.0.1", port: 9), configure: configure)
    }

    @Test func dialsWithTokenVersionAndPool() async throws {
        let edge = try await FakeEdge.start()
        let agent = self.agent(edge) {
            $0.connections = 2
            $0.takeover = true
            $0.agentID = "pool-1"
        }
        _ = try await edge.tunnel(1)
        let requests = edge.requests.value
        for request in requests {
            #expect(request.hasPrefix("GET /tunnel HTTP/1.1\r\nHost: 127.0.0.1:\(edge.port)\r\n"))
            #expect(request.contains("\r\nAuthorization: Bearer quiet-lime-42.secret\r\n"))
            #expect(request.contains("\r\nSec-WebSocket-Protocol: daypass.v1\r\n"))
            #expect(request.contains("\r\nX-Daypass-Agent-Id: pool-1\r\n"))
        }
        // Only the first connection takes over; the second joins the first.
        #expect(requests.map { $0.contains("X-Daypass-Takeover: 1") } == [true, false])
        let two = try await agent.event { event in
            if case .connected(2, let version) = event { version } else { nil }
        }
        #expect(two == 1)
        agent.cancel()
        try await agent.result().get()
        #expect(agent.events.value.last == .ended(.stopped))
        try await edge.stop()
    }

    @Test func version0UsesOneConnection() async throws {
        let edge = try await FakeEdge.start([.accept(.v0)])
        let agent = self.agent(edge) { $0.connections = 4 }
        let version = try await agent.event { event in
            if case .connected(_, let version) = event { version } else { nil }
        }
        #expect(version == 0)
        #expect(edge.tunnelCount == 1)
        agent.cancel()
        _ = await agent.result()
        try await edge.stop()
    }

    @Test(arguments: [
        ("401 Unauthorized\r\n\r\n", TunnelAgentEnd.unauthorized, ErrorCode.unauthorized),
        ("403 Forbidden\r\n\r\n", .forbidden, .forbidden),
        ("409 Conflict\r\n\r\n", .taken, .tunnelTaken),
        ("410 Gone\r\n\r\n", .sessionClosed, .sessionClosed),
        (
            "410 Gone\r\nContent-Type: application/json\r\n\r\n{\"error\":\"over\",\"code\":\"session_expired\"}",
            .sessionExpired, .sessionExpired
        ),
    ])
    func permanentAnswersEndTheAgent(answer: String, end: TunnelAgentEnd, code: ErrorCode) async throws {
        let edge = try await FakeEdge.start([.refuse("HTTP/1.1 " + answer)])
        let agent = self.agent(edge)
        await #expect {
            try await agent.result().get()
        } throws: { error in
            (error as? DaypassError)?.code == code
        }
        #expect(agent.events.value.last == .ended(end))
        #expect(edge.requests.value.count == 1)
        try await edge.stop()
    }

    @Test(arguments: [
        "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
    ])
    func somethingElseAtTheAddressEndsTheAgent(answer: String) async throws {
        let edge = try await FakeEdge.start([.refuse(answer)])
        let agent = self.agent(edge)
        await #expect(throws: DaypassError.self) { try await agent.result().get() }
        try await edge.stop()
    }

    @Test func busyEdgeIsTriedAgain() async throws {
        let edge = try await FakeEdge.start([
            .refuse("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), .refuse("HTTP/1.1 429 Slow\r\n\r\n"),
            .accept(.v1),
        ])
        let agent = self.agent(edge)
        _ = try await edge.tunnel()
        #expect(edge.requests.value.count == 3)
        let reasons = agent.events.value.compactMap { event in
            if case .disconnected(let reason, _) = event { reason } else { nil }
        }
        #expect(reasons == ["the edge answered 503", "the edge answered 429"])
        agent.cancel()
        _ = await agent.result()
        try await edge.stop()
    }

    @Test func retryAfterIsHonoured() async throws {
        let edge = try await FakeEdge.start([.refuse("HTTP/1.1 503 Busy\r\nRetry-After: 40\r\n\r\n")])
        let agent = self.agent(edge)
        let wait = try await agent.event { event in
            if case .disconnected(_, let retryIn) = event { retryIn } else { nil }
        }
        #expect(wait >= .seconds(40) && wait <= .seconds(60))
        agent.cancel()
        _ = await agent.result()
        try await edge.stop()
    }

    @Test func silentEdgeIsGivenUp() async throws {
        let edge = try await FakeEdge.start([.ignore, .accept(.v1)])
        let agent = self.agent(edge) {
            $0.connections = 1
            $0.timeouts.dial = .milliseconds(100)
        }
        let reason = try await agent.event { event in
            if case .disconnected(let reason, _) = event { reason } else { nil }
        }
        #expect(reason == "the edge did not answer in time")
        agent.cancel()
        _ = await agent.result()
        try await edge.stop()
    }

    @Test func reconnectsWhenTheEdgeGoesAway() async throws {
        let edge = try await FakeEdge.start()
        let agent = self.agent(edge)
        try await edge.tunnel(0).breakOff()
        _ = try await edge.tunnel(1)
        try await agent.events.wait { events in
            events.count {
                if case .connected = $0 { true } else { false }
            } == 2
        }
        agent.cancel()
        _ = await agent.result()
        try await edge.stop()
    }

    @Test(arguments: [
        (TunnelCloseReason.replaced, TunnelAgentEnd.replaced), (.sessionClosed, .sessionClosed),
        (.sessionExpired, .sessionExpired), (.unauthorized, .unauthorized),
    ])
    func permanentCloseEndsTheAgent(reason: TunnelCloseReason, end: TunnelAgentEnd) async throws {
        let edge = try await FakeEdge.start()
        let agent = self.agent(edge) { $0.connections = 2 }
        let tunnel = try await edge.tunnel(1)
        try await tunnel.run { $0.close(reason) }
        await #expect(throws: DaypassError.self) { try await agent.result().get() }
        #expect(agent.events.value.last == .ended(end))
        try await edge.stop()
    }

    @Test func drainingEdgeIsLeftOnlyAfterANewConnectionStands() async throws {
        try await Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await setup.app.connection()
            _ = try await connection.readHead()
            try await tunnel.run { $0.drain(retryAfter: .zero) }
            let next = try await setup.edge.tunnel(1)
            #expect(tunnel.state.value.closed == nil)
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            #expect(try await String(buffer: stream.over().body) == "ok")
            #expect(try await tunnel.closed() != nil)
            let second = try await next.open(["GET / HTTP/1.1"])
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            #expect(try await second.over().hasEnded)
        }
    }

    @Test func sleepMakesEveryConnectionAnew() async throws {
        let slept = Watched(Duration.zero)
        let edge = try await FakeEdge.start()
        let agent = self.agent(edge) {
            $0.connections = 2
            $0.timeouts.clockCheck = .milliseconds(5)
            $0.readClocks = { ClockReadings(continuous: slept.value, suspending: .zero) }
        }
        let first = try await edge.tunnel(0)
        let second = try await edge.tunnel(1)
        slept.update { $0 = .seconds(3600) }
        let wake = try await agent.event { event in
            if case .wokeUp(let after) = event { after } else { nil }
        }
        #expect(wake == .seconds(3600))
        _ = try await edge.tunnel(3)
        #expect(try await first.closed() != nil)
        #expect(try await second.closed() != nil)
        agent.cancel()
        _ = await agent.result()
        #expect(edge.tunnelCount == 4)
        try await edge.stop()
    }

    @Test func pushesAreReported() async throws {
        try await Setup.run { setup, tunnel in
            try await tunnel.run { $0.sendPush("{\"viewers\":3}") }
            let push = try await setup.agent.event { event in
                if case .push(let json) = event { json } else { nil }
            }
            #expect(push == "{\"viewers\":3}")
        }
    }

    @Test func gracefulShutdownFinishesOpenRequests() async throws {
        let app = try await LocalApp.start()
        let edge = try await FakeEdge.start()
        var configuration = TunnelAgentConfiguration(
            edgeURL: "ws://127.0.0.1:\(edge.port)/tunnel",
            sessionToken: "t",
            target: LocalTarget(host: "127.0.0.1", port: app.port)
        )
        configuration.connections = 1
        configuration.timeouts.drain = .seconds(60)
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let service = TunnelAgentService(
            configuration: configuration,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: logger,
            onEvent: { _ in }
        )
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: logger
            )
        )
        let running = Task { try await group.run() }
        let tunnel = try await edge.tunnel()
        let stream = try await tunnel.open(["GET / HTTP/1.1"])
        let connection = try await app.connection()
        _ = try await connection.readHead()
        await group.triggerGracefulShutdown()
        try await tunnel.state.wait { $0.isDraining }
        try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        #expect(try await String(buffer: stream.over().body) == "done")
        #expect(try await tunnel.closed() != nil)
        try await running.value
        try await edge.stop()
        try await app.stop()
    }

    @Test func wrongConfigurationIsAnError() async throws {
        let service = TunnelAgentService(
            configuration: TunnelAgentConfiguration(
                edgeURL: "nonsense",
                sessionToken: "t",
                target: LocalTarget(port: 1)
            ),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            onEvent: { _ in }
        )
        await #expect {
            try await service.run()
        } throws: { error in
            (error as? DaypassError)?.code == .validationError
        }
    }
}
