import NIOCore
import ProxySemantics
import Testing
import TunnelAgent
import UpstreamRelay

@Suite("Heads between the tunnel and the local app")
struct LocalHeadMappingTests {
    private func request(
        _ lines: [String],
        target: String = "3000",
        host: HostHeader = .localhost,
        framing: LocalHeadMapping.RequestFraming = .asAnnounced,
        isWebSocket: Bool = false,
        passesExpect: Bool = true
    ) throws -> [String] {
        let mapping = LocalHeadMapping(target: try LocalTarget(parsing: target), hostHeader: host)
        let head = try HTTPMessageParser.parseHead(block: Self.block(lines), role: .request)
        var buffer = ByteBuffer()
        mapping.writeRequest(
            head,
            framing: framing,
            isWebSocket: isWebSocket,
            passesExpect: passesExpect,
            to: &buffer
        )
        return try Self.lines(of: buffer, role: .request)
    }

    private func response(_ lines: [String], target: String = "3000", isUpgrade: Bool = false) throws -> [String] {
        let mapping = LocalHeadMapping(target: try LocalTarget(parsing: target), hostHeader: .localhost)
        let head = try HTTPMessageParser.parseHead(block: Self.block(lines), role: .response)
        var buffer = ByteBuffer()
        mapping.writeResponse(head, isUpgrade: isUpgrade, to: &buffer)
        return try Self.lines(of: buffer, role: .response)
    }

    private static func block(_ lines: [String]) -> ByteBuffer {
        ByteBuffer(string: lines.map { $0 + "\r\n" }.joined() + "\r\n")
    }

    /// The lines of a head that is itself valid.
    private static func lines(of buffer: ByteBuffer, role: HTTPMessageRole) throws -> [String] {
        _ = try HTTPMessageParser.parseHead(block: buffer, role: role)
        let text = String(buffer: buffer)
        #expect(text.hasSuffix("\r\n\r\n"))
        return text.dropLast(2).split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test func hostIsTheLocalAppsAndEverythingElseStaysInOrder() throws {
        let lines = try self.request([
            "PROPFIND /a%2Fb?c=d%20e HTTP/1.1", "host: quiet-lime-42.example.org", "x-One:  1", "Accept: */*",
            "x-one: 2",
            "X-Empty:", "Cookie: a=b",
        ])
        #expect(
            lines == [
                "PROPFIND /a%2Fb?c=d%20e HTTP/1.1", "Host: localhost:3000", "x-One:  1", "Accept: */*", "x-one: 2",
                "X-Empty:", "Cookie: a=b",
            ]
        )
    }

    @Test(arguments: [
        (HostHeader.preserve, ["GET / HTTP/1.1", "Accept: a", "Host: viewer.example"]),
        (.value("app.test"), ["GET / HTTP/1.1", "Host: app.test", "Accept: a"]),
    ])
    func hostCanBeChosen(host: HostHeader, expected: [String]) throws {
        #expect(try self.request(["GET / HTTP/1.1", "Accept: a", "Host: viewer.example"], host: host) == expected)
    }

    @Test func bytesThatAreNotTextPass() throws {
        let mapping = LocalHeadMapping(target: LocalTarget(port: 1), hostHeader: .preserve)
        let value: [UInt8] = [0xFF, 0xFE, 0x80, 0xE9]
        var block = ByteBuffer(string: "GET /")
        block.writeBytes(value)
        block.writeString(" HTTP/1.1\r\nX-Bytes: ")
        block.writeBytes(value)
        block.writeString("\r\n\r\n")
        var buffer = ByteBuffer()
        mapping.writeRequest(
            try HTTPMessageParser.parseHead(block: block, role: .request),
            framing: .asAnnounced,
            isWebSocket: false,
            passesExpect: true,
            to: &buffer
        )
        #expect(buffer == block)
    }

    @Test func hopByHopFieldsAreRemovedAlsoWhenNamed() throws {
        let lines = try self.request([
            "GET / HTTP/1.1", "Connection: close, X-Hop, content-length", "Keep-Alive: 5", "X-Hop: 1", "TE: trailers",
            "Upgrade: h2c", "HTTP2-Settings: x", "Proxy-Connection: keep-alive", "Content-Length: 0", "X-End: 1",
        ])
        #expect(lines == ["GET / HTTP/1.1", "Host: localhost:3000", "Content-Length: 0", "X-End: 1"])
    }

    @Test func framingAndUpgradeFieldsAreOurs() throws {
        #expect(
            try self.request(["POST / HTTP/1.1", "Transfer-Encoding: chunked"], framing: .chunked)
                == ["POST / HTTP/1.1", "Host: localhost:3000", "Transfer-Encoding: chunked"]
        )
        #expect(
            try self.request(
                ["GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k"],
                isWebSocket: true
            ) == [
                "GET / HTTP/1.1", "Host: localhost:3000", "Sec-WebSocket-Key: k", "Connection: Upgrade",
                "Upgrade: websocket",
            ]
        )
    }

    @Test(arguments: [true, false])
    func expectIsPassedWhenItCanBeAnswered(passes: Bool) throws {
        let lines = try self.request(["PUT / HTTP/1.1", "Expect: 100-continue"], passesExpect: passes)
        #expect(lines.contains("Expect: 100-continue") == passes)
    }

    @Test func responseKeepsFieldsAndDropsHopByHop() throws {
        let lines = try self.response([
            "HTTP/1.1 404 Not Here", "Server: x", "Connection: keep-alive, X-Hop", "Keep-Alive: timeout=5", "X-Hop: a",
            "Set-Cookie: a=1", "Set-Cookie: b=2", "Transfer-Encoding: chunked", "Trailer: X-Sum", "content-length: 7",
        ])
        #expect(
            lines == ["HTTP/1.1 404", "Server: x", "Set-Cookie: a=1", "Set-Cookie: b=2", "content-length: 7"]
        )
    }

    @Test func upgradeAnswerKeepsItsConnectionFields() throws {
        let lines = try self.response(
            [
                "HTTP/1.1 101 Switching Protocols", "Upgrade: WebSocket", "Connection: upgrade",
                "Sec-WebSocket-Accept: a",
            ],
            isUpgrade: true
        )
        #expect(
            lines == ["HTTP/1.1 101", "Sec-WebSocket-Accept: a", "Connection: Upgrade", "Upgrade: websocket"]
        )
    }

    @Test(
        arguments: [
            ("http://localhost:3000/a?b#c", "/a?b#c"),
            ("HTTP://LocalHost:3000", "/"),
            ("https://127.0.0.1:3000/x", "/x"),
            ("//[::1]:3000/x", "/x"),
            ("http://localhost:3000?q", "/?q"),
            ("http://localhost:3000//evil.example/", "/.//evil.example/"),
            ("http://localhost:3000/\\evil.example/", "/./\\evil.example/"),
            ("http://localhost:3001/", nil),
            ("http://localhost/", nil),
            ("http://example.org/", nil),
            ("http://localhost:3000@evil.example/", nil),
            ("/already", nil),
            ("relative", nil),
        ] as [(String, String?)]
    )
    func locationOfTheLocalAppBecomesAPath(location: String, expected: String?) throws {
        let lines = try self.response(["HTTP/1.1 302 Found", "X-A: 1", "location: \(location)", "X-B: 2"])
        #expect(lines == ["HTTP/1.1 302", "X-A: 1", "location: \(expected ?? location)", "X-B: 2"])
    }

    @Test func locationWithoutTheDefaultPort() throws {
        let lines = try self.response(
            ["HTTP/1.1 302 Found", "Location: https://app.test/x"],
            target: "https://app.test"
        )
        #expect(lines.last == "Location: /x")
    }
}
