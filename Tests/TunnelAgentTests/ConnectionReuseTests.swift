import NIOCore
import Testing
import TunnelAgent
import TunnelProtocol
import UpstreamRelay

@Suite("Connections to the local app", .timeLimit(.minutes(5)))
struct ConnectionReuseTests {
    private static let empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    private func exchange(
        _ tunnel: FakeEdge.Tunnel,
        _ connection: @autoclosure () async throws -> LocalApp.Connection,
        answer: String = Self.empty
    ) async throws {
        let stream = try await tunnel.open(["GET / HTTP/1.1"])
        let connection = try await connection()
        _ = try await connection.readHead()
        try await connection.send(answer)
        let state = try await stream.over()
        #expect(state.hasEnded)
    }

    @Test func connectionIsUsedAgain() async throws {
        try await Setup.run { setup, tunnel in
            for _ in 0..<5 { try await self.exchange(tunnel, await setup.app.connection(0)) }
            #expect(setup.app.connectionCount == 1)
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore than announced",
        "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n",
    ])
    func connectionIsNotUsedAgain(answer: String) async throws {
        try await Setup.run { setup, tunnel in
            try await self.exchange(tunnel, await setup.app.connection(0), answer: answer)
            #expect(try await setup.app.connection(0).end() != nil)
            try await self.exchange(tunnel, await setup.app.connection(1))
        }
    }

    @Test func idleConnectionIsClosedInTime() async throws {
        var options = Setup.Options()
        options.timeouts.idle = .milliseconds(50)
        try await Setup.run(options: options) { setup, tunnel in
            try await self.exchange(tunnel, await setup.app.connection(0))
            #expect(try await setup.app.connection(0).end() == .closed)
        }
    }

    @Test func bytesNobodyAskedForCloseTheConnection() async throws {
        try await Setup.run { setup, tunnel in
            try await self.exchange(tunnel, await setup.app.connection(0))
            try await setup.app.connection(0).send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfake")
            #expect(try await setup.app.connection(0).end() != nil)
            try await self.exchange(tunnel, await setup.app.connection(1))
        }
    }

    @Test(arguments: ["GET", "HEAD", "DELETE"])
    func staleConnectionIsReplacedOnce(method: String) async throws {
        try await Setup.run { setup, tunnel in
            try await self.exchange(tunnel, await setup.app.connection(0))
            let stream = try await tunnel.open(["\(method) /again HTTP/1.1"])
            // The app closes instead of answering, as it may on a connection it considers idle.
            _ = try await setup.app.connection(0).readHead()
            try await setup.app.connection(0).close()
            let fresh = try await setup.app.connection(1)
            #expect(try await fresh.readHead().first == "\(method) /again HTTP/1.1")
            fresh.close()
            #expect(try await stream.over().reset == .upstreamAborted)
            #expect(setup.app.connectionCount == 2)
        }
    }

    @Test func requestThatChangesSomethingIsNotSentTwice() async throws {
        try await Setup.run { setup, tunnel in
            try await self.exchange(tunnel, await setup.app.connection(0))
            let stream = try await tunnel.open(["POST / HTTP/1.1", "Content-Length: 0"])
            _ = try await setup.app.connection(0).readHead()
            try await setup.app.connection(0).close()
            #expect(try await stream.over().reset == .upstreamAborted)
            #expect(setup.app.connectionCount == 1)
        }
    }

    @Test func answerThatBeganIsNotRetried() async throws {
        try await Setup.run { setup, tunnel in
            try await self.exchange(tunnel, await setup.app.connection(0))
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            _ = try await setup.app.connection(0).readHead()
            try await setup.app.connection(0).send("HTTP/1.1 2")
            try await setup.app.connection(0).close()
            #expect(try await stream.over().reset == .upstreamAborted)
            #expect(setup.app.connectionCount == 1)
        }
    }

    @Test func connectionsAndWaitingRequestsAreBounded() async throws {
        var options = Setup.Options()
        options.pool.maximumConnections = 1
        options.pool.maximumWaiting = 1
        try await Setup.run(options: options) { setup, tunnel in
            let first = try await tunnel.open(["GET /1 HTTP/1.1"])
            let connection = try await setup.app.connection(0)
            #expect(try await connection.readHead().first == "GET /1 HTTP/1.1")
            let second = try await tunnel.open(["GET /2 HTTP/1.1"])
            let third = try await tunnel.open(["GET /3 HTTP/1.1"])
            #expect(try await third.over().reset == .refused)
            try await connection.send(Self.empty)
            #expect(try await first.over().hasEnded)
            #expect(try await connection.readHead().first == "GET /2 HTTP/1.1")
            try await connection.send(Self.empty)
            #expect(try await second.over().hasEnded)
            #expect(setup.app.connectionCount == 1)
        }
    }
}
