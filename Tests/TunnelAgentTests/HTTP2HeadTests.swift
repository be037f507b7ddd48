import NIOCore
import NIOHPACK
import ProxySemantics
import Testing
import TunnelAgent
import UpstreamRelay

@Suite("Heads between the tunnel and an HTTP/2 app")
struct HTTP2HeadTests {
    private func request(
        _ lines: [String],
        target: String = "3000",
        host: HostHeader = .localhost,
        passesExpect: Bool = true
    ) throws -> [String] {
        let target = try LocalTarget(parsing: target)
        let block = ByteBuffer(string: lines.map { $0 + "\r\n" }.joined() + "\r\n")
        let head = try HTTPMessageParser.parseHead(block: block, role: .request)
        return LocalHeadMapping(target: target, hostHeader: host)
            .requestFields(head, scheme: target.scheme, passesExpect: passesExpect)
            .map { "\($0.name): \($0.value)" }
    }

    @Test func pseudoFieldsComeFirstAndNamesAreLowerCase() throws {
        let lines = try self.request([
            "POST /t.T/Unary?a=%20 HTTP/1.1", "X-One: 1", "Host: public.example", "Content-Type: application/grpc",
            "x-one: 2", "Cookie: a=b; c=d", "Content-Length: 5", "Grpc-Timeout: 1S",
        ])
        #expect(
            lines == [
                ":method: POST", ":scheme: http", ":authority: localhost:3000", ":path: /t.T/Unary?a=%20", "x-one: 1",
                "content-type: application/grpc", "x-one: 2", "cookie: a=b; c=d", "content-length: 5",
                "grpc-timeout: 1S", "te: trailers",
            ]
        )
    }

    @Test(arguments: [
        (HostHeader.preserve, ":authority: public.example"), (.value("app.test:1"), ":authority: app.test:1"),
        (.localhost, ":authority: localhost:8443"),
    ])
    func authorityIsTheHost(host: HostHeader, expected: String) throws {
        let lines = try self.request(
            ["GET / HTTP/1.1", "Host: public.example"],
            target: "https://localhost:8443",
            host: host
        )
        #expect(lines == [":method: GET", ":scheme: https", expected, ":path: /", "te: trailers"])
    }

    @Test func withoutHostThereIsNoAuthority() throws {
        let lines = try self.request(["OPTIONS * HTTP/1.1"], host: .preserve)
        #expect(lines == [":method: OPTIONS", ":scheme: http", ":path: *", "te: trailers"])
    }

    @Test func connectionFieldsAreRemoved() throws {
        let lines = try self.request([
            "GET / HTTP/1.1", "Connection: close, X-Hop", "X-Hop: 1", "Keep-Alive: 5", "TE: gzip", "Upgrade: h2c",
            "HTTP2-Settings: x", "Proxy-Connection: keep-alive", "Transfer-Encoding: chunked", "X-End: 1",
        ])
        #expect(lines.dropFirst(4) == ["x-end: 1", "te: trailers"])
    }

    @Test(arguments: [true, false])
    func expectIsPassedWhenItCanBeAnswered(passes: Bool) throws {
        let lines = try self.request(["PUT / HTTP/1.1", "Expect: 100-continue"], passesExpect: passes)
        #expect(lines.contains("expect: 100-continue") == passes)
    }

    @Test func answerBecomesText() throws {
        let head = try LocalHeadMapping.responseHead([
            ":status": "200", "content-type": "application/grpc", "set-cookie": "a=1", "x-empty": "",
        ])
        #expect(head.status == 200)
        #expect(
            String(buffer: head.bytes)
                == "HTTP/1.1 200\r\ncontent-type: application/grpc\r\nset-cookie: a=1\r\nx-empty: \r\n\r\n"
        )
    }

    /// Nothing an app says in a field may become another field, a head's end, or a field of the connection.
    @Test(
        arguments: [
            [], [("server", "x")], [(":status", "20")], [(":status", "2000")], [(":status", "2\r\n")],
            [(":status", "abc")], [(":status", "600")], [(":status", "101")], [("server", "x"), (":status", "200")],
            [(":status", "200"), (":status", "200")], [(":status", "200"), (":path", "/")],
            [(":status", "200"), ("X-Upper", "1")], [(":status", "200"), ("x y", "1")],
            [(":status", "200"), ("x:y", "1")], [(":status", "200"), ("", "1")], [(":status", "200"), ("x\r\ny", "1")],
            [(":status", "200"), ("x", "1\r\nSet-Cookie: a=b")], [(":status", "200"), ("x", "1\n")],
            [(":status", "200"), ("x", "1\r")], [(":status", "200"), ("x", "1\u{0}")],
            [(":status", "200"), ("connection", "close")], [(":status", "200"), ("transfer-encoding", "chunked")],
            [(":status", "200"), ("upgrade", "h2c")], [(":status", "200"), ("keep-alive", "timeout=5")],
            [(":status", "200"), ("proxy-connection", "close")],
        ] as [[(String, String)]]
    )
    func invalidAnswersAreRefused(fields: [(String, String)]) {
        #expect(throws: HTTPParseError.self) { try LocalHeadMapping.responseHead(HPACKHeaders(fields)) }
    }

    @Test func answerThatIsTooLargeIsRefused() {
        let fields = HPACKHeaders([(":status", "200"), ("x", String(repeating: "a", count: 70_000))])
        #expect(throws: HTTPParseError.headTooLarge) { try LocalHeadMapping.responseHead(fields) }
    }

    @Test func trailersBothWays() throws {
        let block = try LocalHeadMapping.responseTrailers(["grpc-status": "0", "grpc-message": ""])
        #expect(String(buffer: block) == "grpc-status: 0\r\ngrpc-message: \r\n\r\n")
        for bad in [(":status", "200"), ("A", "b"), ("a", "b\r\nc: d")] {
            #expect(throws: HTTPParseError.self) { try LocalHeadMapping.responseTrailers(HPACKHeaders([bad])) }
        }
        let fields = try LocalHeadMapping.trailerFields(ByteBuffer(string: "X-Sum: 1\r\nContent-Length: 3\r\n\r\n"))
        #expect(fields == ["x-sum": "1"])
        #expect(try LocalHeadMapping.trailerFields(ByteBuffer(string: "Host: a\r\n\r\n")) == nil)
        #expect(throws: HTTPParseError.self) { try LocalHeadMapping.trailerFields(ByteBuffer(string: "a b\r\n\r\n")) }
    }
}

@Suite("The account of an HTTP/2 answer")
struct HTTP2AnswerStateMachineTests {
    private static let ok: HPACKHeaders = [":status": "200"]
    private static let four: HPACKHeaders = [":status": "200", "content-length": "4"]

    @Test func wholeAnswer() throws {
        var answer = HTTP2AnswerStateMachine(answersHEAD: false)
        guard
            case .informational(let early) = try answer.fieldsReceived([":status": "103", "link": "</a>"], end: false)
        else { return #expect(Bool(false)) }
        #expect(early.status == 103)
        guard case .head(_, end: false) = try answer.fieldsReceived(Self.ok, end: false) else {
            return #expect(Bool(false))
        }
        try answer.dataReceived(5, end: false)
        try answer.dataReceived(0, end: false)
        #expect(!answer.isComplete)
        guard case .trailers(let block) = try answer.fieldsReceived(["grpc-status": "0"], end: true) else {
            return #expect(Bool(false))
        }
        #expect(String(buffer: block) == "grpc-status: 0\r\n\r\n")
        #expect(answer.isComplete)
    }

    @Test func answerOfOneSection() throws {
        var answer = HTTP2AnswerStateMachine(answersHEAD: false)
        guard
            case .head(let head, end: true) = try answer.fieldsReceived(
                [":status": "200", "grpc-status": "12"],
                end: true
            )
        else { return #expect(Bool(false)) }
        #expect(head.fields.count == 1)
        #expect(answer.isComplete)
    }

    @Test func lengthIsHeldTo() throws {
        var exact = HTTP2AnswerStateMachine(answersHEAD: false)
        _ = try exact.fieldsReceived(Self.four, end: false)
        try exact.dataReceived(3, end: false)
        try exact.dataReceived(1, end: true)
        #expect(exact.isComplete)
        var long = HTTP2AnswerStateMachine(answersHEAD: false)
        _ = try long.fieldsReceived(Self.four, end: false)
        #expect(throws: HTTPParseError.self) { try long.dataReceived(5, end: false) }
        var short = HTTP2AnswerStateMachine(answersHEAD: false)
        _ = try short.fieldsReceived(Self.four, end: false)
        #expect(throws: HTTPParseError.truncated) { try short.dataReceived(3, end: true) }
        var none = HTTP2AnswerStateMachine(answersHEAD: false)
        #expect(throws: HTTPParseError.truncated) { _ = try none.fieldsReceived(Self.four, end: true) }
    }

    @Test(arguments: [("204", false), ("304", false), ("200", true)])
    func answersWithoutBodyHaveNone(status: String, toHEAD: Bool) throws {
        let fields: HPACKHeaders = [":status": status, "content-length": "4"]
        var answer = HTTP2AnswerStateMachine(answersHEAD: toHEAD)
        _ = try answer.fieldsReceived(fields, end: true)
        #expect(answer.isComplete)
        var wrong = HTTP2AnswerStateMachine(answersHEAD: toHEAD)
        _ = try wrong.fieldsReceived(fields, end: false)
        #expect(throws: HTTPParseError.self) { try wrong.dataReceived(4, end: true) }
    }

    @Test func whatDoesNotBelongThereIsRefused() throws {
        var early = HTTP2AnswerStateMachine(answersHEAD: false)
        #expect(throws: HTTPParseError.self) { try early.dataReceived(1, end: false) }
        var interim = HTTP2AnswerStateMachine(answersHEAD: false)
        #expect(throws: HTTPParseError.truncated) { _ = try interim.fieldsReceived([":status": "100"], end: true) }
        var twice = HTTP2AnswerStateMachine(answersHEAD: false)
        _ = try twice.fieldsReceived(Self.ok, end: false)
        #expect(throws: HTTPParseError.self) { _ = try twice.fieldsReceived(Self.ok, end: false) }
        var late = HTTP2AnswerStateMachine(answersHEAD: false)
        _ = try late.fieldsReceived(Self.ok, end: true)
        #expect(throws: HTTPParseError.self) { try late.dataReceived(1, end: true) }
        #expect(throws: HTTPParseError.self) { _ = try late.fieldsReceived(["a": "b"], end: true) }
    }
}

@Suite("DATA frames in a stream of bytes")
struct HTTP2FrameScannerTests {
    @Test(arguments: [1, 2, 3, 8, 9, 10, 1000])
    func dataFramesAreFound(pieceLength: Int) {
        var bytes: [UInt8] = []
        func frame(_ type: UInt8, _ stream: UInt32, _ length: Int) {
            bytes += [UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), type, 1]
            bytes += (0..<4).map { UInt8(stream >> (24 - 8 * $0) & 0xFF) } + Array(repeating: 0, count: length)
        }
        frame(4, 0, 18)
        frame(0, 1, 5)
        frame(1, 3, 300)
        frame(0, 0x7FFF_FFFF, 0)
        frame(0, 0x8000_0103, 70_000)
        frame(6, 0, 8)
        frame(0, 5, 1)
        var scanner = HTTP2FrameScanner()
        var found: [Int] = []
        for start in stride(from: 0, to: bytes.count, by: pieceLength) {
            Array(bytes[start..<min(start + pieceLength, bytes.count)])
                .withUnsafeBytes { piece in scanner.scan(piece) { found.append($0) } }
        }
        #expect(found == [1, 0x7FFF_FFFF, 0x103, 5])
    }
}
