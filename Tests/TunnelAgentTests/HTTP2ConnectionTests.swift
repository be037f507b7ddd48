import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOSSL
import Testing
import TunnelAgent
import TunnelProtocol
import UpstreamRelay

@Suite("HTTP/2 connections to the local app", .timeLimit(.minutes(5)))
struct HTTP2ConnectionTests {
    private static func allow(_ streams: Int) -> HTTP2Settings {
        [HTTP2Setting(parameter: .maxConcurrentStreams, value: streams)]
    }

    /// The streams an app did not look at go to a new connection, the others finish where they are.
    @Test func goAwayMovesWhatWasNotProcessed() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let kept = try await tunnel.open(["GET /kept HTTP/1.1"])
            let first = try await setup.app.connection(0)
            try await first.request(1)
            let moved = try await tunnel.open(["POST /moved HTTP/1.1"], end: false)
            try await moved.send("some of it ")
            try await first.request(3) { $0.body.readableBytes == 11 }
            try await first.goAway(last: 1)
            let second = try await setup.app.connection(1)
            try await second.request(1)
            try await moved.send("and the rest")
            try await moved.end()
            let request = try await second.request(1) { $0.hasEnded }
            #expect(request.fields.first(name: ":path") == "/moved")
            #expect(String(buffer: request.body) == "some of it and the rest")
            try await second.answer("moved", on: 1)
            #expect(try await String(buffer: moved.over().body) == "moved")
            try await first.answer("kept", on: 1)
            #expect(try await String(buffer: kept.over().body) == "kept")
            try await first.state.wait { $0.isClosed }
            let next = try await tunnel.open(["GET /next HTTP/1.1"])
            try await second.request(3)
            try await second.answer("next", on: 3)
            #expect(try await next.over().hasEnded)
            #expect(setup.app.connectionCount == 2)
        }
    }

    @Test func goAwayOfAnIdleConnectionClosesIt() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            for index in 0..<2 {
                let stream = try await tunnel.open(["GET / HTTP/1.1"])
                let connection = try await setup.app.connection(index)
                try await connection.request(1)
                try await connection.answer("ok")
                #expect(try await stream.over().hasEnded)
                try await connection.goAway(last: .maxID)
                try await connection.state.wait { $0.isClosed }
            }
        }
    }

    @Test func refusedStreamIsSentOnceMore() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["POST / HTTP/1.1"], end: false)
            try await stream.send("body")
            try await stream.end(trailers: "x-sum: 4\r\n\r\n")
            let connection = try await setup.app.connection()
            for id: HTTP2StreamID in [1, 3] {
                let request = try await connection.request(id) { $0.hasEnded }
                #expect(String(buffer: request.body) == "body" && request.trailers == ["x-sum": "4"])
                try await connection.send(.rstStream(.refusedStream), on: id)
            }
            #expect(try await stream.over().reset == .refused)
            #expect(setup.app.connectionCount == 1)
        }
    }

    @Test func refusedUploadThatIsTooLongToKeepIsNotSentAgain() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["POST / HTTP/1.1"], end: false)
            for _ in 0..<5 { _ = try await stream.send(ByteBuffer(repeating: 0x61, count: 16 << 10)) }
            let connection = try await setup.app.connection()
            try await connection.request { $0.body.readableBytes == 80 << 10 }
            try await connection.send(.rstStream(.refusedStream))
            #expect(try await stream.over().reset == .refused)
        }
    }

    @Test func lostConnectionAbortsItsStreams() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let waiting = try await tunnel.open(["POST / HTTP/1.1"], end: false)
            let connection = try await setup.app.connection()
            try await connection.request(1)
            let streaming = try await tunnel.open(["GET / HTTP/1.1"])
            try await connection.request(3)
            try await connection.send(fields: [(":status", "200")], on: 3)
            try await streaming.state.wait { !$0.heads.isEmpty }
            connection.close()
            #expect(try await waiting.over().reset == .upstreamAborted)
            let state = try await streaming.over()
            #expect(state.reset == .upstreamAborted && !state.hasEnded)
            let next = try await tunnel.open(["GET / HTTP/1.1"])
            let fresh = try await setup.app.connection(1)
            try await fresh.request(1)
            try await fresh.answer("ok")
            #expect(try await next.over().hasEnded)
        }
    }

    @Test func staleConnectionIsReplacedOnceForAGet() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let first = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await setup.app.connection()
            try await connection.request(1)
            try await connection.answer("ok")
            #expect(try await first.over().hasEnded)
            let second = try await tunnel.open(["GET / HTTP/1.1"])
            try await connection.request(3)
            connection.close()
            let fresh = try await setup.app.connection(1)
            try await fresh.request(1)
            fresh.close()
            #expect(try await second.over().reset == .upstreamAborted)
            #expect(setup.app.connectionCount == 2)
        }
    }

    /// As many streams as the app allows, then another connection, then waiting, then refusal.
    @Test func streamsConnectionsAndWaitingAreBounded() async throws {
        var options = Setup.Options()
        options.pool.maximumHTTP2Connections = 2
        options.pool.maximumWaiting = 1
        try await HTTP2Setup.run(settings: Self.allow(1), options: options) { setup, tunnel in
            let first = try await tunnel.open(["GET /1 HTTP/1.1"])
            let one = try await setup.app.connection(0)
            try await one.request(1)
            let second = try await tunnel.open(["GET /2 HTTP/1.1"])
            let two = try await setup.app.connection(1)
            try await two.request(1)
            let third = try await tunnel.open(["GET /3 HTTP/1.1"])
            let fourth = try await tunnel.open(["GET /4 HTTP/1.1"])
            #expect(try await fourth.over().reset == .refused)
            try await two.answer("2", on: 1)
            #expect(try await second.over().hasEnded)
            #expect(try await two.request(3).fields.first(name: ":path") == "/3")
            try await two.answer("3", on: 3)
            #expect(try await third.over().hasEnded)
            try await one.answer("1", on: 1)
            #expect(try await first.over().hasEnded)
            #expect(setup.app.connectionCount == 2)
        }
    }

    @Test func streamsInAllAreBounded() async throws {
        var options = Setup.Options()
        options.pool.maximumConnections = 2
        try await HTTP2Setup.run(options: options) { setup, tunnel in
            var streams: [FakeEdge.Stream] = []
            for number in 1...3 { streams.append(try await tunnel.open(["GET /\(number) HTTP/1.1"])) }
            let connection = try await setup.app.connection()
            try await connection.request(3)
            #expect(connection.state.value.requests.count == 2)
            try await connection.answer("1", on: 1)
            #expect(try await connection.request(5).fields.first(name: ":path") == "/3")
            #expect(setup.app.connectionCount == 1)
        }
    }

    @Test func idleConnectionIsClosedInTime() async throws {
        var options = Setup.Options()
        options.timeouts.idle = .milliseconds(50)
        try await HTTP2Setup.run(options: options) { setup, tunnel in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await setup.app.connection()
            try await connection.request(1)
            try await connection.answer("ok")
            #expect(try await stream.over().hasEnded)
            #expect(try await connection.state.wait { $0.isClosed }.goAway == .noError)
        }
    }

    @Test func appThatIsNotThereIsUnreachable() async throws {
        let reserved = try ReservedPort()
        defer { reserved.release() }
        let edge = try await FakeEdge.start()
        let agent = Agent(edge: edge, target: LocalTarget(host: "127.0.0.1", port: reserved.port)) {
            $0.relay.upstreamProtocol = .http2
        }
        let tunnel = try await edge.tunnel()
        let streams = [try await tunnel.open(["GET / HTTP/1.1"]), try await tunnel.open(["GET / HTTP/1.1"])]
        for stream in streams { #expect(try await stream.over().reset == .upstreamUnreachable) }
        _ = try await agent.event { $0 == .localAppUnreachable ? true : nil }
        agent.cancel()
        _ = await agent.result()
        try await edge.stop()
    }
}

/// Apps that speak something else, or through TLS.
@Suite("HTTP/2 asked of a local app", .timeLimit(.minutes(5)))
struct HTTP2NegotiationTests {
    private func run(
        _ target: LocalTarget,
        body: (FakeEdge.Tunnel, Agent) async throws -> Void
    ) async throws {
        let edge = try await FakeEdge.start()
        let agent = Agent(edge: edge, target: target) {
            $0.connections = 1
            $0.relay.upstreamProtocol = .http2
        }
        defer { agent.cancel() }
        try await body(edge.tunnel(), agent)
        agent.cancel()
        _ = await agent.result()
        try await edge.stop()
    }

    @Test(arguments: ["HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "", "220 mail.example ESMTP\r\n"])
    func appThatSpeaksSomethingElseIsNamed(greeting: String) async throws {
        let app = try await LocalApp.start()
        try await self.run(LocalTarget(host: "127.0.0.1", port: app.port)) { tunnel, agent in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await app.connection(0)
            try await connection.send(greeting)
            connection.close()
            #expect(try await stream.over().reset == .upstreamProtocolError)
            _ = try await agent.event { $0 == .localAppSpeaksNoHTTP2 ? true : nil }
        }
        try await app.stop()
    }

    @Test func webSocketGoesOverHTTP1() async throws {
        let app = try await LocalApp.start()
        try await self.run(LocalTarget(host: "127.0.0.1", port: app.port)) { tunnel, _ in
            let stream = try await tunnel.open(
                [
                    "GET /ws HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket",
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                ],
                kind: .webSocket
            )
            let connection = try await app.connection(0)
            #expect(try await connection.readHead().first == "GET /ws HTTP/1.1")
            try await connection.send(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nraw"
            )
            try await stream.state.wait { $0.bodyBytes == 3 }
            try await stream.send("back")
            #expect(try await connection.read(count: 4) == "back")
        }
        try await app.stop()
    }

    @Test func chosenByALPN() async throws {
        let app = try await HTTP2App.start(tls: SelfSigned.context(applicationProtocols: ["h2", "http/1.1"]))
        try await self.run(LocalTarget(scheme: .https, port: app.port)) { tunnel, _ in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await app.connection()
            #expect(try await connection.request().fields.first(name: ":scheme") == "https")
            try await connection.answer("secret")
            #expect(try await String(buffer: stream.over().body) == "secret")
        }
        try await app.stop()
    }

    @Test(arguments: [([], TunnelResetReason.upstreamProtocolError), (["http/1.1"], .upstreamUnreachable)])
    func notChosenByALPN(protocols: [String], reason: TunnelResetReason) async throws {
        let app = try await LocalApp.start(tls: SelfSigned.context(applicationProtocols: protocols))
        try await self.run(LocalTarget(scheme: .https, port: app.port)) { tunnel, _ in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let reset = try await stream.over().reset
            #expect(reset == reason || (protocols == ["http/1.1"] && reset == .upstreamProtocolError))
        }
        try await app.stop()
    }
}
