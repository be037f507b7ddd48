import NIOCore
import NIOHPACK
import NIOHTTP2
import Testing
import TunnelAgent
import TunnelProtocol
import TunnelTransport
import UpstreamRelay

/// Requests and answers, between a fake edge and a local app that speaks HTTP/2.
@Suite("Relaying over HTTP/2", .timeLimit(.minutes(5)))
struct HTTP2RelayTests {
    @Test(arguments: [TunnelVersion.v0, .v1])
    func requestsAndAnswersPassOverOneConnection(version: TunnelVersion) async throws {
        try await HTTP2Setup.run(version) { setup, tunnel in
            for id: HTTP2StreamID in [1, 3] {
                let stream = try await tunnel.open(
                    ["GET /a%2Fb?x=%20 HTTP/1.1", "Host: public.example", "X-A: 1"],
                    end: version == .v1
                )
                if version == .v0 { try await stream.end() }
                let connection = try await setup.app.connection()
                let request = try await connection.request(id) { $0.hasEnded }
                #expect(
                    request.lines == [
                        ":method: GET", ":scheme: http", ":authority: localhost:\(setup.app.port)",
                        ":path: /a%2Fb?x=%20", "x-a: 1", "te: trailers",
                    ]
                )
                try await connection.send(fields: [(":status", "201"), ("set-cookie", "a=1")], on: id)
                try await connection.send("body", end: true, on: id)
                let answer = try await stream.over()
                #expect(answer.heads == ["HTTP/1.1 201\r\nset-cookie: a=1\r\n\r\n"])
                #expect(String(buffer: answer.body) == "body" && answer.hasEnded && answer.reset == nil)
            }
            #expect(setup.app.connectionCount == 1)
            #expect(try await setup.agent.summaries(2)[1].status == 201)
        }
    }

    @Test func bodyAndTrailersOfARequest() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["POST /u HTTP/1.1"], end: false)
            try await stream.send("hello ")
            try await stream.send("you")
            try await stream.end(trailers: "X-Sum: 7\r\nContent-Length: 3\r\n\r\n")
            let connection = try await setup.app.connection()
            let request = try await connection.request { $0.hasEnded }
            #expect(String(buffer: request.body) == "hello you")
            #expect(request.trailers == ["x-sum": "7"])
            try await connection.answer("ok")
            #expect(try await stream.over().hasEnded)
        }
    }

    @Test func bodyWithLengthEndsWithoutTrailers() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            for (id, text): (HTTP2StreamID, String) in [(1, "hello"), (3, "")] {
                let stream = try await tunnel.open(
                    ["POST / HTTP/1.1", "Content-Length: \(text.utf8.count)"],
                    end: false
                )
                if !text.isEmpty { try await stream.send(text) }
                try await stream.end()
                let connection = try await setup.app.connection()
                let request = try await connection.request(id) { $0.hasEnded }
                #expect(String(buffer: request.body) == text && request.trailers == nil)
                #expect(request.fields.first(name: "content-length") == "\(text.utf8.count)")
                try await connection.answer("ok", on: id)
                #expect(try await stream.over().hasEnded)
            }
        }
    }

    /// As in a gRPC call with two streams: the answer goes on while the request does, and ends with trailers.
    @Test func bothDirectionsAtOnce() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["POST /t.T/Bidi HTTP/1.1"], end: false)
            let connection = try await setup.app.connection()
            try await connection.request()
            try await connection.send(fields: [(":status", "103"), ("link", "</a>")])
            try await connection.send(fields: [(":status", "200")])
            try await stream.state.wait { $0.heads == ["HTTP/1.1 103\r\nlink: </a>\r\n\r\n", "HTTP/1.1 200\r\n\r\n"] }
            for round in 1...3 {
                try await stream.send("ping")
                try await connection.request { $0.body.readableBytes == 4 * round }
                try await connection.send("pong")
                try await stream.state.wait { $0.bodyBytes == 4 * round }
            }
            try await stream.end()
            try await connection.request { $0.hasEnded }
            try await connection.send(fields: [("grpc-status", "0"), ("grpc-message", "")], end: true)
            let answer = try await stream.over()
            #expect(answer.hasEnded && answer.trailers == "grpc-status: 0\r\ngrpc-message: \r\n")
        }
    }

    @Test func answerOfOneFieldSection() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["POST / HTTP/1.1"], end: false)
            try await stream.send("x")
            try await stream.end()
            let connection = try await setup.app.connection()
            try await connection.request { $0.hasEnded }
            try await connection.send(fields: [(":status", "200"), ("grpc-status", "12")], end: true)
            let answer = try await stream.over()
            #expect(answer.heads == ["HTTP/1.1 200\r\ngrpc-status: 12\r\n\r\n"])
            #expect(answer.hasEnded && answer.bodyBytes == 0 && answer.trailers == nil)
        }
    }

    @Test func locationOfTheLocalAppBecomesAPath() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await setup.app.connection()
            try await connection.request()
            let location = "http://localhost:\(setup.app.port)/next"
            try await connection.send(fields: [(":status", "302"), ("location", location)], end: true)
            #expect(try await stream.over().heads == ["HTTP/1.1 302\r\nlocation: /next\r\n\r\n"])
        }
    }

    @Test(arguments: [HTTP2ErrorCode.internalError, .cancel, .noError, .enhanceYourCalm])
    func resetBeforeTheAnswerIsTold(code: HTTP2ErrorCode) async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await setup.app.connection()
            try await connection.request()
            try await connection.send(.rstStream(code))
            let state = try await stream.over()
            #expect(state.reset == .upstreamAborted && !state.hasEnded)
        }
    }

    @Test(arguments: [HTTP2ErrorCode.internalError, .cancel, .noError, .refusedStream])
    func resetInsideTheAnswerIsNoEnd(code: HTTP2ErrorCode) async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            let connection = try await setup.app.connection()
            try await connection.request()
            try await connection.send(fields: [(":status", "200")])
            try await connection.send("half")
            try await connection.send(.rstStream(code))
            let state = try await stream.over()
            #expect(state.reset == .upstreamAborted && !state.hasEnded)
            #expect(try await setup.agent.summaries(1)[0].outcome == .failed)
        }
    }

    @Test func resetAfterTheAnswerStopsTheRequest() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["POST / HTTP/1.1"], end: false)
            let connection = try await setup.app.connection()
            try await connection.request()
            try await connection.answer("enough")
            try await connection.send(.rstStream(.noError))
            let state = try await stream.state.wait { $0.reset != nil }
            #expect(state.reset == .noError && state.hasEnded && String(buffer: state.body) == "enough")
            #expect(try await setup.agent.summaries(1)[0].outcome == .completed)
        }
    }

    @Test func requestGoesOnAfterTheAnswer() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["POST / HTTP/1.1"], end: false)
            let connection = try await setup.app.connection()
            try await connection.request()
            try await connection.answer("early")
            #expect(try await stream.over().hasEnded)
            try await stream.send("the rest")
            try await stream.end()
            let request = try await connection.request { $0.hasEnded }
            #expect(String(buffer: request.body) == "the rest")
            #expect(try await setup.agent.summaries(1)[0].outcome == .completed)
        }
    }

    @Test(arguments: [false, true])
    func viewerThatLeavesCancelsTheStreamAlone(afterHead: Bool) async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let other = try await tunnel.open(["GET /other HTTP/1.1"])
            let connection = try await setup.app.connection()
            try await connection.request(1)
            let stream = try await tunnel.open(["POST / HTTP/1.1"], end: false)
            try await connection.request(3)
            if afterHead {
                try await connection.send(fields: [(":status", "200")], on: 3)
                try await stream.state.wait { !$0.heads.isEmpty }
            }
            try await stream.reset()
            #expect(try await connection.request(3) { $0.reset != nil }.reset == .cancel)
            try await connection.answer("still here", on: 1)
            #expect(try await String(buffer: other.over().body) == "still here")
        }
    }

    @Test(arguments: [("too few", "123"), ("too many", "123456")])
    func halfSentUploadIsCancelledAtTheApp(name: String, body: String) async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let stream = try await tunnel.open(["PUT / HTTP/1.1", "Content-Length: 5"], end: false)
            let connection = try await setup.app.connection()
            try await connection.request()
            try await stream.send(body)
            if body.utf8.count < 5 { try await stream.end() }
            let request = try await connection.request { $0.reset != nil }
            #expect(request.reset == .cancel && !request.hasEnded)
            #expect(try await stream.over().reset == .protocolError)
        }
    }

    @Test(
        arguments: [
            [(":status", "200"), ("X-Upper", "1")], [(":status", "200"), ("x", "1\r\nset-cookie: a=b")],
            [(":status", "101")], [("server", "x")], [(":status", "200"), ("connection", "close")],
            [(":status", "200"), ("content-length", "3")],
            [(":status", "200"), ("content-length", "5"), ("content-length", "5")],
            [(":status", "200"), ("content-length", "100")],
        ] as [[(String, String)]]
    )
    func invalidAnswerCostsOneStream(fields: [(String, String)]) async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let other = try await tunnel.open(["GET /other HTTP/1.1"])
            let connection = try await setup.app.connection()
            try await connection.request(1)
            let stream = try await tunnel.open(["GET / HTTP/1.1"])
            try await connection.request(3)
            try await connection.send(fields: fields, on: 3)
            try? await connection.send("five5", end: true, on: 3)
            let state = try await stream.over()
            #expect(state.reset == .upstreamProtocolError && !state.hasEnded)
            try await connection.answer("fine", on: 1)
            #expect(try await String(buffer: other.over().body) == "fine")
            #expect(setup.app.connectionCount == 1)
        }
    }

    @Test func silentAppIsGivenUp() async throws {
        var options = Setup.Options()
        options.timeouts.responseHead = .milliseconds(50)
        try await HTTP2Setup.run(options: options) { setup, tunnel in
            // The time limit counts from the call, so a busy machine may give one up before the app has seen it.
            var hasArrived = false
            while !hasArrived {
                let stream = try await tunnel.open(["GET / HTTP/1.1"])
                #expect(try await stream.over().reset == .upstreamTimeout)
                hasArrived = try await setup.app.connection().state.value.requests[1] != nil
            }
            let request = try await setup.app.connection().request { $0.reset != nil }
            #expect(request.reset == .cancel)
        }
    }

    /// A viewer that reads nothing: the app can send its window and what the tunnel holds, and not more.
    @Test func slowViewerClosesTheWindow() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let total = 24 << 20
            let stream = try await tunnel.open(["GET / HTTP/1.1"], consumes: false)
            let connection = try await setup.app.connection()
            try await connection.request()
            try await connection.send(fields: [(":status", "200"), ("content-length", "\(total)")])
            let sent = Watched(0)
            let writer = Task {
                let piece = ByteBuffer(repeating: 0x61, count: 64 << 10)
                for _ in 0..<(total / piece.readableBytes) {
                    try await connection.send(data: piece)
                    sent.update { $0 += piece.readableBytes }
                }
                try await connection.send(data: ByteBuffer(), end: true)
            }
            // Other streams are not held back by the one that waits.
            for round in 0..<10 {
                let id = HTTP2StreamID(3 + 2 * round)
                let other = try await tunnel.open(["GET /small HTTP/1.1"])
                try await connection.request(id)
                try await connection.answer("small", on: id)
                #expect(try await other.over().hasEnded)
            }
            #expect(sent.value < 8 << 20)
            #expect(stream.state.value.bodyBytes < 8 << 20)
            var consumed = 0
            while consumed < total {
                let already = consumed
                let received = try await stream.state.wait { $0.bodyBytes > already || $0.isOver }.bodyBytes
                if received == already { break }
                try await stream.consume(received - consumed)
                consumed = received
            }
            try await writer.value
            let state = try await stream.over()
            #expect(state.hasEnded && state.bodyBytes == total)
        }
    }

    /// Frames of one byte cost more than a window bounds: a stream that holds too many of them is given up, alone.
    @Test func floodOfTinyFramesEndsItsStream() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let other = try await tunnel.open(["GET /other HTTP/1.1"])
            let connection = try await setup.app.connection()
            try await connection.request(1)
            let stream = try await tunnel.open(["GET / HTTP/1.1"], consumes: false)
            try await connection.request(3)
            try await connection.send(fields: [(":status", "200")], on: 3)
            connection.sendBytes(1 << 20, on: 3)
            let state = try await stream.over()
            #expect(state.reset == .bufferLimit && !state.hasEnded)
            try await connection.answer("fine", on: 1)
            #expect(try await String(buffer: other.over().body) == "fine")
        }
    }

    /// An app that reads nothing: the edge is told to stop, and the upload arrives whole once the app reads.
    @Test func slowAppSlowsTheUploadDown() async throws {
        try await HTTP2Setup.run { setup, tunnel in
            let piece = ByteBuffer(repeating: 0x61, count: 64 << 10)
            let total = 48 << 20
            let stream = try await tunnel.open(["PUT / HTTP/1.1", "Content-Length: \(total)"], end: false)
            let connection = try await setup.app.connection()
            try await connection.request()
            try await connection.setReading(false)
            var sent = 0
            while sent < total {
                let result = try await stream.send(piece)
                sent += piece.readableBytes
                if result == .pause { break }
            }
            #expect(sent < total)
            try await connection.setReading(true)
            while sent < total {
                let calls = stream.state.value.writableCalls
                let result = try await stream.send(piece)
                sent += piece.readableBytes
                if result == .pause { try await stream.state.wait { $0.writableCalls > calls } }
            }
            try await stream.end()
            try await connection.request { $0.hasEnded && $0.body.readableBytes == total }
            try await connection.answer("")
            #expect(try await stream.over().hasEnded)
        }
    }
}
