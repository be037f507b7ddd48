import NIOCore
import NIOHPACK
import ProxySemantics
import Testing

/// Heads between HTTP/2 and HTTP/1.1 (RFC 9113, 8.3; RFC 8441).
@Suite struct HTTP2HeadTests {
    private static let pseudo: [(String, String)] = [
        (":method", "GET"), (":scheme", "https"), (":path", "/a%2Fb?x=1"), (":authority", "brave-otter-1000.localhost"),
    ]

    private func text(_ fields: [(String, String)]) throws -> String {
        let head = try HTTPHead.request(
            http2: HPACKHeaders(fields),
            webSocketKey: { "KEY" },
            limits: HTTPParserLimits()
        )
        return String(buffer: head.bytes)
    }

    @Test func aRequestKeepsOrderDuplicatesAndTarget() throws {
        let fields = Self.pseudo + [("x-a", "1"), ("x-b", "2"), ("x-a", "3"), ("content-length", "4")]
        #expect(
            try self.text(fields)
                == "GET /a%2Fb?x=1 HTTP/1.1\r\nhost: brave-otter-1000.localhost\r\nx-a: 1\r\nx-b: 2\r\nx-a: 3\r\ncontent-length: 4\r\n\r\n"
        )
    }

    @Test func cookieCrumbsAreJoined() throws {
        let fields = Self.pseudo + [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]
        #expect(try self.text(fields).hasSuffix("x: y\r\ncookie: a=1; b=2\r\n\r\n"))
    }

    @Test func aHostStandsForAMissingAuthority() throws {
        let fields = Self.pseudo.filter { $0.0 != ":authority" } + [("host", "a.test")]
        #expect(try self.text(fields).contains("\r\nhost: a.test\r\n"))
        #expect(try self.text(Self.pseudo + [("host", "BRAVE-otter-1000.localhost")]).components(of: "host:") == 1)
    }

    @Test func anExtendedConnectBecomesAHandshake() throws {
        let fields: [(String, String)] = [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/chat"),
            (":authority", "a.test"), ("sec-websocket-version", "13"), ("sec-websocket-key", "theirs"),
        ]
        let head = try HTTPHead.request(
            http2: HPACKHeaders(fields),
            webSocketKey: { "KEY" },
            limits: HTTPParserLimits()
        )
        #expect(head.asksForWebSocket)
        #expect(head.value(of: .secWebSocketKey) == "KEY" && head.count(of: .secWebSocketKey) == 1)
        #expect(head.isMethod("GET") && head.string(head.target) == "/chat")
    }

    @Test(arguments: [
        ["a": "b", ":method": "CONNECT"], [":path": "/a b"], [":path": "/ HTTP/1.1\r\nHost: evil\r\n\r\n"],
        [":method": "GE T"], [":method": "GET / HTTP/1.1\r\nx: y\r\n\r\n"], [":authority": "a\r\nb: c"],
        ["host": "other.test"],
        ["x": "a\r\nHost: evil"], ["x": "a\u{0}"], ["x y": "1"], ["cookie": "a\nb"],
        [":method": "CONNECT", ":protocol": "connect-udp"],
    ])
    func whatWouldBeAnotherRequestIsRefused(change: [String: String]) {
        var fields = Self.pseudo.map { ($0.0, change[$0.0] ?? $0.1) }
        fields += change.filter { name, _ in !fields.contains { $0.0 == name } }.map { ($0.key, $0.value) }
        #expect(throws: HTTPParseError.self) { try self.text(fields) }
    }

    @Test func aHeadOverTheLimitIsTooLarge() {
        let fields = Self.pseudo + (0..<70).map { ("x-\($0)", String(repeating: "v", count: 1000)) }
        #expect(throws: HTTPParseError.headTooLarge) { try self.text(fields) }
    }

    private func response(_ text: String, extra: String = "") throws -> HPACKHeaders {
        let head = try HTTPMessageParser.parseHead(block: ByteBuffer(string: text), role: .response)
        let mapping = AddressMapping(
            pathPrefix: "/s/x",
            publicBase: "https://p.test",
            localAuthorities: ["localhost:3000"]
        )
        return head.http2Response(mapping: mapping, extra: ByteBuffer(string: extra))
    }

    @Test func aResponseIsMappedAndLowerCase() throws {
        let headers = try self.response(
            "HTTP/1.1 302 Found\r\nX-One: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nLocation: http://localhost:3000/a\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=1; Path=/\r\nx-one: 2\r\n\r\n",
            extra: "Set-Cookie: b=2\r\n"
        )
        #expect(
            headers.map { "\($0.name): \($0.value)" } == [
                ":status: 302", "x-one: 1", "location: https://p.test/s/x/a", "set-cookie: a=1; Path=/s/x/", "x-one: 2",
                "set-cookie: b=2",
            ]
        )
    }

    @Test func a101AcceptsAnExtendedConnect() throws {
        let headers = try self.response(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
        )
        #expect(
            headers.map(\.name) == [":status", "sec-websocket-protocol"] && headers.first(name: ":status") == "200"
        )
    }

    @Test func trailersAreFieldsWithoutStatus() throws {
        var fields = HPACKHeaders()
        try fields.addLines(of: ByteBuffer(string: "Grpc-Status: 0\r\nA: b\r\n")) { _ in true }
        #expect(fields == ["grpc-status": "0", "a": "b"])
        let block = try HPACKHeaders([("a", "b"), ("a", "c")]).trailerBlock()
        #expect(String(buffer: block) == "a: b\r\na: c\r\n\r\n")
        #expect(throws: HTTPParseError.self) { try HPACKHeaders([("a", "b\r\nc: d")]).trailerBlock() }
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { self.ranges(of: part).count }
}
