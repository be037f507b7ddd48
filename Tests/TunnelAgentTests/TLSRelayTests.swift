import NIOCore
import Testing
import TunnelAgent
import TunnelProtocol
import UpstreamRelay

@Suite("A local app with TLS", .timeLimit(.minutes(5)))
struct TLSRelayTests {
    private func run(
        _ app: LocalApp,
        host: String = "localhost",
        body: (FakeEdge.Tunnel) async throws -> Void
    ) async throws {
        let edge = try await FakeEdge.start()
        let agent = Agent(edge: edge, target: LocalTarget(scheme: .https, host: host, port: app.port))
        do {
            try await body(edge.tunnel())
        } catch {
            agent.cancel()
            throw error
        }
        agent.cancel()
        _ = await agent.result()
        try await edge.stop()
        try await app.stop()
    }

    @Test(arguments: ["localhost", "127.0.0.1"])
    func selfSignedCertificateOfThisMachineIsAccepted(host: String) async throws {
        let app = try await LocalApp.start(tls: SelfSigned.context())
        try await self.run(app, host: host) { tunnel in
            for round in 0..<2 {
                let stream = try await tunnel.open(["PUT /\(round) HTTP/1.1"], end: false)
                try await stream.send("hello")
                try await stream.end()
                let connection = try await app.connection(0)
                #expect(try await connection.readHead().first == "PUT /\(round) HTTP/1.1")
                #expect(try await connection.read(through: "0\r\n\r\n") == "5\r\nhello\r\n0\r\n\r\n")
                try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                #expect(try await String(buffer: stream.over().body) == "ok")
            }
            #expect(app.connectionCount == 1)
        }
    }

    @Test func halfSentUploadHasNoPoliteEnd() async throws {
        let app = try await LocalApp.start(tls: SelfSigned.context())
        try await self.run(app) { tunnel in
            let stream = try await tunnel.open(["PUT / HTTP/1.1", "Content-Length: 5"], end: false)
            try await stream.send("123")
            let connection = try await app.connection(0)
            _ = try await connection.readHead()
            try await stream.reset()
            #expect(try await connection.end() == .reset)
        }
    }

    @Test func appWithoutTLSIsUnreachable() async throws {
        let app = try await LocalApp.start()
        try await self.run(app) { tunnel in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            try await app.connection(0).send("HTTP/1.1 400 Bad Request\r\n\r\n")
            #expect(try await stream.over().reset == .upstreamUnreachable)
        }
    }
}
