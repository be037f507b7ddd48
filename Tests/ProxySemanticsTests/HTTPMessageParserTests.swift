import NIOCore
import ProxySemantics
import Testing

/// Everything a parser made of a byte string.
private struct Parsed: Equatable {
    var heads: [String] = []
    var bodies: [String] = []
    var trailers: [String?] = []
    var error: HTTPParseError?
}

/// Feeds `text` in pieces of `step` bytes and collects what comes out.
private func parse(
    _ bytes: [UInt8],
    role: HTTPMessageRole = .request,
    step: Int = .max,
    limits: HTTPParserLimits = HTTPParserLimits(),
    toHEAD: Bool = false,
    closes: Bool = false
) -> Parsed {
    var parser = HTTPMessageParser(role: role, limits: limits)
    parser.expectResponse(toHEAD: toHEAD)
    var parsed = Parsed()
    var body: [UInt8] = []
    var buffer = ByteBuffer()
    func take(_ part: HTTPMessagePart) {
        switch part {
        case .head(let head):
            parsed.heads.append(String(buffer: head.bytes))
            body = []
        case .body(let bytes): body += Array(bytes.readableBytesView)
        case .end(let trailers):
            parsed.bodies.append(String(decoding: body, as: UTF8.self))
            parsed.trailers.append(trailers.map { String(buffer: $0) })
        }
    }
    do throws(HTTPParseError) {
        var index = 0
        while index < bytes.count {
            let end = step > bytes.count ? bytes.count : min(bytes.count, index + step)
            buffer.writeBytes(bytes[index..<end])
            index = end
            while let part = try parser.next(&buffer) { take(part) }
        }
        if closes, let part = try parser.finish(buffer) { take(part) }
    } catch {
        parsed.error = error
    }
    return parsed
}

private func parse(_ text: String, role: HTTPMessageRole = .request, step: Int = .max, closes: Bool = false) -> Parsed {
    parse(Array(text.utf8), role: role, step: step, closes: closes)
}

@Suite struct HTTPMessageParserTests {
    static let requests: [(String, bodies: [String])] = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", [""]),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", [""]),
        ("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", ["hello"]),
        ("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n", ["", ""]),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n3\r\n, w\r\n0\r\n\r\n", ["hello, w"]),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n",
            ["0123456789"]
        ),
        ("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.0\r\n\r\n", ["", ""]),
        ("GET / HTTP/1.1\r\nX:\r\nY: \t padded \t\r\n\r\n", [""]),
    ]

    @Test(arguments: requests.indices, [1, 2, 7, Int.max])
    func `good requests are split whatever the pieces`(_ index: Int, step: Int) {
        let (text, bodies) = Self.requests[index]
        let parsed = parse(text, step: step)
        #expect(parsed.error == nil)
        #expect(parsed.bodies == bodies)
        #expect(parsed.heads.count == bodies.count)
    }

    static let bad: [String] = [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\n: a\r\n\r\n",
        "GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\u{0}b\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\u{7F}b\r\n\r\n",
        "GET / HTTP/1.1\r\nX\u{E9}: a\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / x HTTP/1.1\r\n\r\n",
        "GET /\t HTTP/1.1\r\n\r\n",
        "GET /a#b HTTP/1.1\r\n\r\n",
        "G@T / HTTP/1.1\r\n\r\n",
        " GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.2\r\n\r\n",
        "GET / http/1.1\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "GET /\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\nx",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\nx",
        "POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\nx",
        "POST / HTTP/1.1\r\nContent-Length: \r\n\r\nx",
        "POST / HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n\r\nx",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n 1\r\nx\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1111111111111111\r\nx\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
    ]

    @Test(arguments: bad.indices, [1, Int.max])
    func `ambiguous requests are refused`(_ index: Int, step: Int) {
        let parsed = parse(Self.bad[index], step: step)
        #expect(parsed.error != nil, "accepted: \(Self.bad[index].debugDescription)")
    }

    static let responses: [(String, toHEAD: Bool, closes: Bool, bodies: [String])] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, false, ["ok"]),
        ("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", false, false, ["ok"]),
        ("HTTP/1.1 200 OK\r\n\r\nuntil close", false, true, ["until close"]),
        ("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n", true, false, [""]),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 200\r\n\r\n", false, false, [""]),
        ("HTTP/1.1 204 No Content\r\n\r\n", false, false, [""]),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", false, false, ["", "x"]),
        ("HTTP/1.0 200 \u{FC}ber\r\n\r\nx", false, true, ["x"]),
    ]

    @Test(arguments: responses.indices, [1, Int.max])
    func `responses end where their framing says`(_ index: Int, step: Int) {
        let (text, toHEAD, closes, bodies) = Self.responses[index]
        let parsed = parse(Array(text.utf8), role: .response, step: step, toHEAD: toHEAD, closes: closes)
        #expect(parsed.error == nil)
        #expect(parsed.bodies == bodies)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
    ])
    func `a message cut short is never an end`(_ text: String) {
        let parsed = parse(text, role: .response, closes: true)
        #expect(parsed.error == .truncated)
        #expect(parsed.bodies.isEmpty)
    }

    @Test(arguments: [
        "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ])
    func `malformed responses are refused`(_ text: String) {
        #expect(parse(text, role: .response).error != nil)
    }

    @Test func `heads, fields and trailers are bounded`() {
        let limits = HTTPParserLimits(maximumHeadBytes: 200, maximumFields: 3, maximumTrailerBytes: 64)
        func error(_ text: String) -> HTTPParseError? { parse(Array(text.utf8), limits: limits).error }
        let long = String(repeating: "a", count: 200)
        #expect(error("GET /\(long) HTTP/1.1\r\n\r\n") == .headTooLarge)
        #expect(error("GET / HTTP/1.1\r\nX: \(long)") == .headTooLarge)
        #expect(error("GET / HTTP/1.1\r\na: 1\r\nb: 1\r\nc: 1\r\n\r\n") == nil)
        #expect(error("GET / HTTP/1.1\r\na: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\n\r\n") == .headTooLarge)
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(error("\(chunked)0\r\nX: \(long)\r\n\r\n") == .headTooLarge)
        #expect(error("\(chunked)1;\(long)\r\nx\r\n") == .headTooLarge)
    }

    @Test func `many small chunks do not use up the extension budget`() {
        let limits = HTTPParserLimits(maximumHeadBytes: 200, maximumFields: 3, maximumTrailerBytes: 64)
        let body = String(repeating: "1\r\nx\r\n", count: 5000)
        let text = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\(body)0\r\n\r\n"
        let parsed = parse(Array(text.utf8), limits: limits)
        #expect(parsed.error == nil)
        #expect(parsed.bodies == [String(repeating: "x", count: 5000)])
    }

    @Test func `random bytes never crash the parser, and pieces never change the outcome`() {
        var generator = SplitMix(seed: 7)
        let alphabet = Array("GET /HTP1.\r\n\r\n: Content-Length:5chunked0Trasfe;\u{0}x".utf8)
        for _ in 0..<3000 {
            var bytes = Array("POST / HTTP/1.1\r\nHost: a\r\n".utf8)
            let count = Int.random(in: 0..<60, using: &generator)
            bytes += (0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
            let whole = parse(bytes)
            let pieces = parse(bytes, step: 1)
            #expect((whole.error == nil) == (pieces.error == nil))
            #expect(whole.bodies == pieces.bodies)
        }
    }
}

/// A small seeded generator (Steele, Lea, Flood: SplitMix64).
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Bytes are looked at eight at a time; wherever one stands, it must be seen.
@Suite struct EightBytesAtATimeTests {
    @Test(arguments: 0..<40)
    func aBadByteInAValueIsFoundAtEveryPlace(place: Int) {
        for bad in Array(UInt8(0)..<0x20) + [0x7F] where bad != 0x09 {
            var value = [UInt8](repeating: 0x61, count: 40)
            value[place] = bad
            let head = Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + value + Array("\r\n\r\n".utf8)
            #expect(throws: HTTPParseError.self) {
                try HTTPMessageParser.parseHead(block: ByteBuffer(bytes: head), role: .request)
            }
        }
    }

    @Test(arguments: 0..<40)
    func everyOtherByteIsKeptAtEveryPlace(place: Int) throws {
        for good in Array(UInt8(0x20)..<0x7F) + Array(UInt8(0x80)...0xFF) + [0x09] {
            var value = [UInt8](repeating: 0x61, count: 40)
            if place > 0, place < 39 { value[place] = good }
            let head = Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + value + Array("\r\n\r\n".utf8)
            let parsed = try HTTPMessageParser.parseHead(block: ByteBuffer(bytes: head), role: .request)
            #expect(parsed.withBytes(parsed.fields[1].value) { Array($0) } == value)
        }
    }

    /// The end of a head is found wherever the buffer is cut.
    @Test(arguments: 0..<24)
    func theEndIsFoundAtEveryPlace(padding: Int) throws {
        let head = "GET /\(String(repeating: "a", count: padding)) HTTP/1.1\r\nHost: a\r\n\r\n"
        for cut in 0...head.utf8.count {
            var parser = HTTPMessageParser(role: .request)
            var buffer = ByteBuffer(bytes: Array(head.utf8.prefix(cut)))
            let early = try parser.next(&buffer)
            #expect((early == nil) == (cut < head.utf8.count))
            guard early == nil else { continue }
            buffer.writeBytes(Array(head.utf8.dropFirst(cut)) + Array("GET /next".utf8))
            guard case .head(let parsed)? = try parser.next(&buffer) else {
                Issue.record("no head")
                continue
            }
            #expect(String(buffer: parsed.bytes) == head)
        }
    }
}
