import ControlAPI
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SessionModel
import SessionStore
import Testing

@Suite("The listener", .timeLimit(.minutes(5)))
struct ListenerTests {
    /// Runs a control API on a free port while `body` runs, then shuts it down gracefully.
    private func withListener<Result: Sendable>(
        configure: (inout ControlAPIConfiguration) -> Void = { _ in },
        _ body: (Int) async throws -> Result
    ) async throws -> Result {
        var configuration = ControlAPIConfiguration(
            port: 0,
            publicAddress: try #require(PublicAddress(url: "http://localhost:3002"))
        )
        configuration.idleTimeout = .seconds(10)
        configure(&configuration)
        let store = InMemorySessionStore()
        let clock = ManualClock()
        let (ports, listening) = AsyncStream<Int>.makeStream()
        let logger = Logger(label: "control", factory: { _ in SwiftLogNoOpLogHandler() })
        let service = ControlAPIService(
            configuration: configuration,
            sessions: SessionService(store: store, feed: InProcessSessionChangeFeed(), clock: { clock.now }),
            tokens: AccessTokenService(store: store, clock: { clock.now }),
            live: StubLiveSessions(),
            metrics: [],
            readiness: { true },
            clock: { clock.now },
            logger: logger,
            onListening: { listening.yield($0) }
        )
        let group = ServiceGroup(configuration: .init(services: [service], logger: logger))
        async let running: Void = group.run()
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        let result: Result
        do {
            result = try await body(port)
        } catch {
            await group.triggerGracefulShutdown()
            try await running
            throw error
        }
        await group.triggerGracefulShutdown()
        try await running
        return result
    }

    @Test("answers with the fields every answer has")
    func answers() async throws {
        try await self.withListener { port in
            let answer = try await RawExchange.send(
                "POST /sessions HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n",
                port: port
            )
            #expect(answer.hasPrefix("HTTP/1.1 201 Created\r\n"))
            for field in [
                "Content-Type: application/json", "Cache-Control: no-store", "X-Content-Type-Options: nosniff",
                "X-Request-Id: req_", "Location: /sessions/sess_",
            ] {
                #expect(answer.lowercased().contains("\r\n" + field.lowercased()), "\(field)")
            }
        }
    }

    @Test("HEAD has the fields of GET and no body")
    func head() async throws {
        try await self.withListener { port in
            func send(_ method: String) async throws -> (head: String, body: String) {
                let request = "\(method) /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                let answer = try await RawExchange.send(request, port: port)
                let end = try #require(answer.firstRange(of: "\r\n\r\n"))
                return (answer[..<end.lowerBound].lowercased(), String(answer[end.upperBound...]))
            }
            let get = try await send("GET")
            let head = try await send("HEAD")
            #expect(get.body == #"{"status":"ok"}"#)
            #expect(head.body.isEmpty)
            #expect(head.head.contains("content-length: 15"))
            #expect(head.head.hasPrefix("http/1.1 200"))
        }
    }

    @Test("a body that goes on after the refusal does not hold the connection")
    func bodyTooLarge() async throws {
        try await self.withListener { port in
            let head = "POST /sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            let announced = try await RawExchange.send(head + "Content-Length: 10000000000\r\n\r\n{", port: port)
            #expect(announced.hasPrefix("HTTP/1.1 413 "))
            let chunk = "4000\r\n" + String(repeating: " ", count: 0x4000) + "\r\n"
            let chunked = try await RawExchange.send(
                head + "Transfer-Encoding: chunked\r\n\r\n" + String(repeating: chunk, count: 5),
                port: port
            )
            #expect(chunked.hasPrefix("HTTP/1.1 413 "))
            #expect(chunked.contains("body_too_large"))
        }
    }

    @Test("a body that waits for permission is asked for, unless it is not wanted")
    func expectContinue() async throws {
        try await self.withListener { port in
            let head = """
                POST /sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Expect: 100-continue\r\nConnection: close\r\n
                """
            let wanted = try await RawExchange.send(head + "Content-Length: 2\r\n\r\n{}", port: port)
            #expect(wanted.hasPrefix("HTTP/1.1 100 Continue\r\n"))
            #expect(wanted.contains("HTTP/1.1 201 "))
            let unwanted = try await RawExchange.send(head + "Content-Length: 999999\r\n\r\n", port: port)
            #expect(unwanted.hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test(
        "what is not HTTP is refused and the connection closed",
        arguments: [
            "GARBAGE\r\n\r\n", "POST /sessions HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            "GET /health HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 20_000))\r\n\r\n",
        ]
    )
    func notHTTP(request: String) async throws {
        try await self.withListener { port in
            let answer = try await RawExchange.send(request, port: port)
            #expect(answer.hasPrefix("HTTP/1.1 400 "))
        }
    }

    @Test("a request that does not arrive loses its connection", arguments: [true, false])
    func slowRequest(hasHead: Bool) async throws {
        let answer = try await self.withListener { configuration in
            configuration.idleTimeout = .milliseconds(200)
            configuration.requestTimeout = .milliseconds(200)
        } _: { port in
            let rest = hasHead ? "Content-Type: application/json\r\nContent-Length: 5\r\n\r\n{" : "Content-"
            return try await RawExchange.send("POST /sessions HTTP/1.1\r\nHost: localhost\r\n" + rest, port: port)
        }
        #expect(!answer.contains("201"))
    }
}

/// One request as raw bytes, and everything that comes back until the server closes.
enum RawExchange {
    static func send(_ request: String, port: Int) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true)
                    )
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            // The server may refuse before everything is sent.
            try? await outbound.write(ByteBuffer(string: request))
            var answer = ByteBuffer()
            do {
                for try await part in inbound { answer.writeImmutableBuffer(part) }
            } catch {
                // A reset after the answer ends it too.
            }
            return String(buffer: answer)
        }
    }
}
