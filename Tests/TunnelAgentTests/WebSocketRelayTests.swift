import NIOCore
import Testing
import TunnelAgent
import TunnelProtocol
import TunnelTransport
import UpstreamRelay

@Suite("WebSockets", .timeLimit(.minutes(5)))
struct WebSocketRelayTests {
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    private static let request = [
        "GET /chat HTTP/1.1", "Host: public.example", "Connection: Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Key: \(key)", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: a, b",
    ]
    private static let answer = """
        HTTP/1.1 101 Switching Protocols\r
        Upgrade: WebSocket\r
        Connection: upgrade\r
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r
        Sec-WebSocket-Protocol: b\r
        \r

        """

    private func open(
        _ setup: Setup,
        _ tunnel: FakeEdge.Tunnel,
        version: TunnelVersion = .v1
    ) async throws -> (FakeEdge.Stream, LocalApp.Connection) {
        let stream = try await tunnel.open(Self.request, kind: .webSocket, end: false)
        return (stream, try await setup.app.connection())
    }

    @Test(arguments: [TunnelVersion.v0, .v1])
    func bytesPassBothWaysAndEachSideEndsOnItsOwn(version: TunnelVersion) async throws {
        try await Setup.run(version) { setup, tunnel in
            let (stream, connection) = try await self.open(setup, tunnel)
            let head = try await connection.readHead()
            #expect(head.contains("Host: localhost:\(setup.app.port)"))
            #expect(head.suffix(2) == ["Connection: Upgrade", "Upgrade: websocket"])
            #expect(head.contains("Sec-WebSocket-Protocol: a, b"))
            try await connection.send(Self.answer + "with the head")
            let opened = try await stream.state.wait { $0.body.readableBytes == 13 }
            #expect(
                opened.heads == [
                    "HTTP/1.1 101\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: b\r\n"
                        + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                ]
            )
            try await stream.send("ping")
            #expect(try await connection.read(count: 4) == "ping")
            try await stream.end()
            #expect(try await connection.end() == .closed)
            if version == .v1 {
                try await connection.send("still here")
                try await stream.state.wait { String(buffer: $0.body) == "with the headstill here" }
            }
            try await connection.closeOutput()
            #expect(try await stream.over().reset == nil)
            let summary = try await setup.agent.summaries(1)[0]
            #expect(summary.isWebSocket && summary.status == 101 && summary.outcome == .completed)
        }
    }

    @Test func appMayEndFirst() async throws {
        try await Setup.run { setup, tunnel in
            let (stream, connection) = try await self.open(setup, tunnel)
            _ = try await connection.readHead()
            try await connection.send(Self.answer)
            try await connection.closeOutput()
            try await stream.state.wait { $0.hasEnded }
            try await stream.send("last words")
            #expect(try await connection.read(count: 10) == "last words")
            try await stream.end()
            #expect(try await connection.end() == .closed)
        }
    }

    @Test func brokenAppResetsTheStream() async throws {
        try await Setup.run { setup, tunnel in
            let (stream, connection) = try await self.open(setup, tunnel)
            _ = try await connection.readHead()
            try await connection.send(Self.answer)
            try await stream.state.wait { !$0.heads.isEmpty }
            connection.reset()
            let state = try await stream.over()
            #expect(state.reset == .upstreamAborted && !state.hasEnded)
        }
    }

    @Test func brokenTunnelResetsTheApp() async throws {
        try await Setup.run { setup, tunnel in
            let (stream, connection) = try await self.open(setup, tunnel)
            _ = try await connection.readHead()
            try await connection.send(Self.answer)
            try await stream.state.wait { !$0.heads.isEmpty }
            tunnel.breakOff()
            #expect(try await connection.end() == .reset)
        }
    }

    @Test(arguments: [
        "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        "HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    ])
    func wrongUpgradeIsAnError(answer: String) async throws {
        try await Setup.run { setup, tunnel in
            let (stream, connection) = try await self.open(setup, tunnel)
            _ = try await connection.readHead()
            try await connection.send(answer)
            #expect(try await stream.over().reset == .upstreamProtocolError)
        }
    }

    @Test func declinedUpgradeIsAnOrdinaryAnswer() async throws {
        try await Setup.run { setup, tunnel in
            let (stream, connection) = try await self.open(setup, tunnel)
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            let state = try await stream.state.wait { $0.hasEnded }
            #expect(state.heads == ["HTTP/1.1 403\r\nContent-Length: 2\r\n\r\n"])
            #expect(String(buffer: state.body) == "no")
            #expect(try await connection.end() != nil)
        }
    }

    @Test func webSocketsAreBounded() async throws {
        var options = Setup.Options()
        options.pool.maximumWebSockets = 1
        try await Setup.run(options: options) { setup, tunnel in
            let (first, connection) = try await self.open(setup, tunnel)
            _ = try await connection.readHead()
            let second = try await tunnel.open(Self.request, kind: .webSocket, end: false)
            #expect(try await second.over().reset == .refused)
            try await first.reset()
            #expect(try await connection.end() == .reset)
        }
    }
}
