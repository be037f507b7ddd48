import NIOCore
import Testing
import TunnelAgent
import TunnelProtocol
import UpstreamRelay

/// One request and its answer, between a fake edge and a local app made of raw sockets.
@Suite("Relaying", .timeLimit(.minutes(5)))
struct RelayTests {
    @Test(arguments: [TunnelVersion.v0, .v1])
    func requestAndAnswerPassUnchanged(version: TunnelVersion) async throws {
        try await Setup.run(version) { setup, tunnel in
            let stream = try await tunnel.open(
                ["GET /a%2Fb?x=%20 HTTP/1.1", "Host: public.example", "X-A: 1", "x-a: 2", "Cookie: c=d"],
                end: version == .v1
            )
            if version == .v0 { try await stream.end() }
            let connection = try await setup.app.connection()
            #expect(
                try await connection.readHead() == [
                    "GET /a%2Fb?x=%20 HTTP/1.1", "Host: localhost:\(setup.app.port)", "X-A: 1", "x-a: 2", "Cookie: c=d",
                ]
            )
            try await connection.send(
                "HTTP/1.1 201 Made\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 4\r\n\r\n\u{0}\u{1}\r\n"
            )
            let answer = try await stream.over()
            #expect(answer.heads == ["HTTP/1.1 201\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 4\r\n\r\n"])
            #expect(String(buffer: answer.body) == "\u{0}\u{1}\r\n")
            #expect(answer.hasEnded && answer.reset == nil)
            let summary = try await setup.agent.summaries(1)[0]
            #expect(summary.method == "GET")
            #expect(summary.path == "/a%2Fb")
            #expect(summary.status == 201)
            #expect(summary.bytesOut == 4)
            #expect(summary.outcome == .completed)
        }
    }

    @Test(arguments: [TunnelVersion.v0, .v1])
    func uploadWithLength(version: TunnelVersion) async throws {
        try await Setup.run(version) { setup, tunnel in
            let stream = try await tunnel.open(["PUT /u HTTP/1.1", "Content-Length: 10"], end: false)
            try await stream.send("01234")
            try await stream.send("56789")
            try await stream.end()
            let connection = try await setup.app.connection()
            #expect(try await connection.readHead().last == "Content-Length: 10")
            #expect(try await connection.read(count: 10) == "0123456789")
            try await connection.send("HTTP/1.1 204 No Content\r\n\r\n")
            #expect(try await stream.over().heads == ["HTTP/1.1 204\r\n\r\n"])
            #expect(try await setup.agent.summaries(1)[0].bytesIn == 10)
        }
    }

    @Test(arguments: [TunnelVersion.v0, .v1])
    func uploadWithoutLengthIsChunked(version: TunnelVersion) async throws {
        try await Setup.run(version) { setup, tunnel in
            let stream = try await tunnel.open(["POST /u HTTP/1.1"], end: false)
            try await stream.send("hello")
            let connection = try await setup.app.connection()
            #expect(try await connection.readHead().last == "Transfer-Encoding: chunked")
            #expect(try await connection.read(count: 8) == "5\r\nhello")
            try await stream.send(String(repeating: "x", count: 2000))
            try await stream.end(trailers: version == .v1 ? "X-Sum: 7\r\nContent-Length: 3\r\n\r\n" : nil)
            let rest = try await connection.read(through: "0\r\n\(version == .v1 ? "X-Sum: 7\r\n" : "")\r\n")
            #expect(rest.hasPrefix("\r\n7d0\r\nxxx"))
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            #expect(try await stream.over().hasEnded)
        }
    }

    @Test func chunkedAnswerWithTrailersAndInformational() async throws {
        try await Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await setup.app.connection()
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n")
            try await connection.send("Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n1\r\n!\r\n")
            try await connection.send("0\r\nX-Sum: 9\r\nContent-Length: 1\r\n\r\n")
            let answer = try await stream.over()
            #expect(answer.heads == ["HTTP/1.1 103\r\nLink: </a>\r\n\r\n", "HTTP/1.1 200\r\n\r\n"])
            #expect(String(buffer: answer.body) == "hello!")
            #expect(answer.trailers == "X-Sum: 9\r\n")
        }
    }

    @Test func expectContinueTravelsBothWays() async throws {
        try await Setup.run { setup, tunnel in
            let stream = try await tunnel.open(
                ["PUT / HTTP/1.1", "Content-Length: 2", "Expect: 100-continue"],
                end: false
            )
            let connection = try await setup.app.connection()
            #expect(try await connection.readHead().contains("Expect: 100-continue"))
            try await connection.send("HTTP/1.1 100 Continue\r\n\r\n")
            try await stream.state.wait { $0.heads == ["HTTP/1.1 100\r\n\r\n"] }
            try await stream.send("ok")
            try await stream.end()
            #expect(try await connection.read(count: 2) == "ok")
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            #expect(try await stream.over().hasEnded)
        }
    }

    @Test func version0KeepsExpectAndInformationalToItself() async throws {
        try await Setup.run(.v0) { setup, tunnel in
            let stream = try await tunnel.open(
                ["PUT / HTTP/1.1", "Content-Length: 0", "Expect: 100-continue"],
                end: false
            )
            try await stream.end()
            let connection = try await setup.app.connection()
            #expect(try await !connection.readHead().contains("Expect: 100-continue"))
            try await connection.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            #expect(try await stream.over().heads == ["HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"])
        }
    }

    @Test(arguments: [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
    ])
    func answersWithoutBodyEndWithTheirHead(method: String, answer: String) async throws {
        try await Setup.run { setup, tunnel in
            let connections = 1
            for _ in 0..<2 {
                let stream = try await tunnel.open(["\(method) / HTTP/1.1"])
                let connection = try await setup.app.connection()
                _ = try await connection.readHead()
                try await connection.send(answer)
                let state = try await stream.over()
                #expect(state.hasEnded && state.heads.count == 1 && state.body.readableBytes == 0)
            }
            #expect(setup.app.connectionCount == connections)
        }
    }

    @Test func bodyUntilCloseEndsNormallyOnlyWhenClosedInOrder() async throws {
        try await Setup.run { setup, tunnel in
            let whole = try await tunnel.open(["GET / HTTP/1.1"])
            let first = try await setup.app.connection(0)
            _ = try await first.readHead()
            try await first.send("HTTP/1.0 200 OK\r\n\r\nall of it")
            first.close()
            let answer = try await whole.over()
            #expect(answer.hasEnded && String(buffer: answer.body) == "all of it")

            let cut = try await tunnel.open(["GET / HTTP/1.1"])
            let second = try await setup.app.connection(1)
            _ = try await second.readHead()
            try await second.send("HTTP/1.1 200 OK\r\n\r\nhalf")
            try await cut.state.wait { $0.body.readableBytes == 4 }
            second.reset()
            let state = try await cut.over()
            #expect(state.reset == .upstreamAborted && !state.hasEnded)
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "HTTP/1.1 200 OK\r\nContent-", "",
    ])
    func truncatedAnswerIsReset(answer: String) async throws {
        try await Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await setup.app.connection()
            _ = try await connection.readHead()
            try await connection.send(answer)
            connection.close()
            let state = try await stream.over()
            #expect(state.reset == .upstreamAborted && !state.hasEnded)
            #expect(try await setup.agent.summaries(1)[0].outcome == .failed)
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 1\n\n",
        "NONSENSE\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ])
    func invalidAnswerIsReset(answer: String) async throws {
        try await Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await setup.app.connection()
            _ = try await connection.readHead()
            try await connection.send(answer)
            #expect(try await stream.over().reset == .upstreamProtocolError)
            #expect(try await connection.end() != nil)
        }
    }

    @Test(arguments: [("too few", "123"), ("too many", "123456")])
    func halfSentUploadIsAbortedAtTheApp(name: String, body: String) async throws {
        try await Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["PUT / HTTP/1.1", "Content-Length: 5"], end: false)
            let connection = try await setup.app.connection()
            _ = try await connection.readHead()
            try await stream.send(body)
            if body.count < 5 { try await stream.end() }
            #expect(try await stream.over().reset == .protocolError)
            #expect(try await connection.end() == .reset)
        }
    }

    @Test(arguments: [["Content-Length: 5"], []])
    func uploadGivenUpByTheViewerIsAbortedAtTheApp(fields: [String]) async throws {
        try await Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["PUT / HTTP/1.1"] + fields, end: false)
            let connection = try await setup.app.connection()
            try await stream.send("123")
            _ = try await connection.readHead()
            try await stream.reset()
            #expect(try await connection.end() == .reset)
            #expect(try await setup.agent.summaries(1)[0].outcome == .cancelled)
        }
    }

    @Test func lostTunnelAbortsTheUpload() async throws {
        try await Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["PUT / HTTP/1.1", "Content-Length: 5"], end: false)
            let connection = try await setup.app.connection()
            try await stream.send("123")
            _ = try await connection.readHead()
            tunnel.breakOff()
            #expect(try await connection.end() == .reset)
        }
    }

    @Test func earlyAnswerStopsTheUpload() async throws {
        try await Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["PUT / HTTP/1.1", "Content-Length: 5000"], end: false)
            let connection = try await setup.app.connection()
            try await stream.send("123")
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
            connection.close()
            let state = try await stream.state.wait { $0.hasEnded }
            #expect(state.heads == ["HTTP/1.1 413\r\nContent-Length: 2\r\n\r\n"])
            #expect(String(buffer: state.body) == "no")
            #expect(try await setup.agent.summaries(1)[0].outcome == .completed)
        }
    }

    @Test func uploadGoesOnAfterAnEarlyAnswerThatKeepsTheConnection() async throws {
        try await Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["PUT / HTTP/1.1", "Content-Length: 6"], end: false)
            let connection = try await setup.app.connection()
            try await stream.send("123")
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            try await stream.state.wait { $0.hasEnded }
            try await stream.send("456")
            try await stream.end()
            #expect(try await connection.read(count: 6) == "123456")
            #expect(try await setup.agent.summaries(1)[0].outcome == .completed)
            let next = try await tunnel.open(["GET /next HTTP/1.1"])
            #expect(try await connection.readHead().first == "GET /next HTTP/1.1")
            try await connection.send("HTTP/1.1 204 No Content\r\n\r\n")
            #expect(try await next.over().hasEnded)
            #expect(setup.app.connectionCount == 1)
        }
    }

    @Test func endlessInformationalAnswersAreCut() async throws {
        try await Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await setup.app.connection()
            _ = try await connection.readHead()
            try await connection.send(String(repeating: "HTTP/1.1 102 Processing\r\n\r\n", count: 100))
            let state = try await stream.over()
            #expect(state.reset == .upstreamProtocolError)
            #expect(state.heads.count <= 32)
        }
    }

    @Test(arguments: [
        ["GET http://example.org/ HTTP/1.1"], ["CONNECT / HTTP/1.1"], ["GET / HTTP/1.1", "Host: a", "Host: b"],
        ["GET / HTTP/1.1", "Content-Length: 5"], ["GET / HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked"],
    ])
    func requestThatMustNotReachTheAppIsRefused(lines: [String]) async throws {
        try await Setup.run { setup, tunnel in
            let stream = try await tunnel.open(lines)
            #expect(try await stream.over().reset == .protocolError)
            #expect(setup.app.connectionCount == 0)
        }
    }

    @Test func noAnswerInTimeIsReset() async throws {
        var options = Setup.Options()
        options.timeouts.responseHead = .milliseconds(100)
        try await Setup.run(options: options) { setup, tunnel in
            // The time limit counts from the call, so a busy machine may give one up before the app has seen it.
            var hasArrived = false
            while !hasArrived {
                let stream = try await tunnel.open(["GET / HTTP/1.1"])
                #expect(try await stream.over().reset == .upstreamTimeout)
                let received = try await setup.app.connection().received.value
                hasArrived = received.total > 0 || received.end != nil
            }
            #expect(try await setup.app.connection().end() == .reset)
        }
    }

    @Test func appThatRefusesIsReportedAndRecovers() async throws {
        let reserved = try ReservedPort()
        let edge = try await FakeEdge.start()
        let agent = Agent(edge: edge, target: LocalTarget(host: "127.0.0.1", port: reserved.port))
        let tunnel = try await edge.tunnel()
        let stream = try await tunnel.open(["GET / HTTP/1.1"])
        #expect(try await stream.over().reset == .upstreamUnreachable)
        _ = try await agent.event { $0 == .localAppUnreachable ? true : nil }
        let app = try await LocalApp.start(on: reserved)
        let second = try await tunnel.open(["GET / HTTP/1.1"])
        let connection = try await app.connection()
        _ = try await connection.readHead()
        try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(try await second.over().hasEnded)
        _ = try await agent.event { $0 == .localAppReachable ? true : nil }
        agent.cancel()
        _ = await agent.result()
        try await edge.stop()
        try await app.stop()
    }

    @Test func localhostMeansBothLoopbackAddresses() async throws {
        let app = try await LocalApp.start(host: "127.0.0.1")
        let edge = try await FakeEdge.start()
        let agent = Agent(edge: edge, target: LocalTarget(port: app.port))
        let tunnel = try await edge.tunnel()
        for _ in 0..<2 {
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await app.connection()
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            #expect(try await stream.over().hasEnded)
        }
        agent.cancel()
        _ = await agent.result()
        try await edge.stop()
        try await app.stop()
    }
}
