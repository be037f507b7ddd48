import NIOCore
import ProxySemantics
import SessionModel
import Testing

func requestHead(_ text: String) throws -> HTTPHead {
    try HTTPMessageParser.parseHead(block: ByteBuffer(string: text), role: .request)
}

func responseHead(_ text: String) throws -> HTTPHead {
    try HTTPMessageParser.parseHead(block: ByteBuffer(string: text), role: .response)
}

@Suite struct RequestForwardingTests {
    private func forwarded(_ text: String, trusted: Bool = false, webSocket: Bool = false) throws -> String {
        let head = try requestHead(text)
        var buffer = ByteBuffer()
        let context = ForwardingContext(
            peerAddress: "203.0.113.9",
            scheme: "http",
            peerIsTrusted: trusted
        )
        head.writeForwardedRequest(target: head.target, context: context, asWebSocket: webSocket, to: &buffer)
        // What is sent must be a head that the other side accepts.
        _ = try HTTPMessageParser.parseHead(block: buffer, role: .request)
        return String(buffer: buffer)
    }

    static let added =
        "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n"
        + "Forwarded: for=203.0.113.9;host=\"a\";proto=http\r\n\r\n"

    @Test func `end-to-end fields keep order, case, duplicates and bytes`() throws {
        let text = "GET /a%2Fb?x=1 HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nx-two: 2\r\nX-One: 3\r\nAccept: */*\r\n"
        #expect(try self.forwarded(text + "\r\n") == text + Self.added)
    }

    @Test func `hop-by-hop fields and those Connection names are removed`() throws {
        let text = """
            GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Private, close\r\nKeep-Alive: 5\r\nX-Private: 1\r\n\
            TE: trailers\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nTransfer-Encoding: chunked\r\n\
            Content-Length-X: 1\r\nx-private: 2\r\nKept: yes\r\n\r\n
            """
        #expect(
            try self.forwarded(text) == "GET / HTTP/1.1\r\nHost: a\r\nContent-Length-X: 1\r\nKept: yes\r\n" + Self.added
        )
    }

    @Test func `Connection cannot remove the framing or the host`() throws {
        let text = "GET / HTTP/1.1\r\nHost: a\r\nConnection: host, content-length\r\nContent-Length: 0\r\n\r\n"
        #expect(try self.forwarded(text) == "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" + Self.added)
    }

    @Test func `a client's own forwarding fields are dropped`() throws {
        let text = """
            GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nx-forwarded-proto: https\r\nForwarded: for=x\r\n\
            X-Real-IP: 1.2.3.4\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\n\r\n
            """
        #expect(try self.forwarded(text) == "GET / HTTP/1.1\r\nHost: a\r\n" + Self.added)
    }

    @Test func `a trusted proxy's chain is kept and extended`() throws {
        let text = """
            GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\n\
            X-Forwarded-Host: public\r\nForwarded: for=198.51.100.7\r\n\r\n
            """
        let result = try self.forwarded(text, trusted: true)
        #expect(result.contains("X-Forwarded-For: 198.51.100.7, 203.0.113.9\r\n"))
        #expect(result.contains("X-Forwarded-Proto: https\r\n"))
        #expect(!result.contains("X-Forwarded-Proto: http\r\n"))
        #expect(result.contains("X-Forwarded-Host: public\r\n"))
        #expect(result.contains("Forwarded: for=198.51.100.7, for=203.0.113.9;"))
    }

    @Test(arguments: [
        ("a=1; daypass_v_x=s; b=2", "Cookie: a=1; b=2\r\n"), ("daypass_route=x", ""),
        ("DAYPASS_P_x=1; c", "Cookie: c\r\n"), ("daypas=1;b=2;  c", "Cookie: daypas=1;b=2;  c\r\n"),
    ])
    func `Daypass cookies never reach the app`(_ cookies: String, expected: String) throws {
        let result = try self.forwarded("GET / HTTP/1.1\r\nHost: a\r\nCookie: \(cookies)\r\nX: y\r\n\r\n")
        #expect(result == "GET / HTTP/1.1\r\nHost: a\r\n\(expected)X: y\r\n" + Self.added)
    }

    @Test func `a WebSocket handshake gets its connection fields back`() throws {
        let text =
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n"
        let result = try self.forwarded(text, webSocket: true)
        #expect(result.hasSuffix("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
        #expect(result.contains("Sec-WebSocket-Key: k\r\n"))
    }
}

@Suite struct ResponseForwardingTests {
    private let mapping = AddressMapping(
        pathPrefix: "/s/quiet-lime-42",
        publicBase: "https://pub.example",
        localAuthorities: ["localhost:3000", "pub.example"]
    )

    private func written(_ text: String, framing: ResponseFraming, keepAlive: Bool = true) throws -> String {
        var buffer = ByteBuffer()
        try responseHead(text)
            .writeForwardedResponse(
                framing: framing,
                keepAlive: keepAlive,
                viewerMinorVersion: 1,
                mapping: self.mapping,
                extra: ByteBuffer(string: "X-Extra: 1\r\n"),
                to: &buffer
            )
        return String(buffer: buffer)
    }

    @Test func `framing belongs to this hop`() throws {
        let text =
            "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nConnection: close, X-A\r\nX-A: 1\r\nX-B: 2\r\n\r\n"
        #expect(
            try self.written(text, framing: .chunked)
                == "HTTP/1.1 200 OK\r\nX-B: 2\r\nTransfer-Encoding: chunked\r\nX-Extra: 1\r\n\r\n"
        )
        #expect(try self.written(text, framing: .length(0)).contains("Content-Length: 0\r\n"))
        #expect(try self.written(text, framing: .untilClose, keepAlive: false).contains("Connection: close\r\n"))
    }

    @Test func `an app cannot set cookies of ours`() throws {
        let text = "HTTP/1.1 200 OK\r\nSet-Cookie: daypass_route=x\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"
        let result = try self.written(text, framing: .length(0))
        #expect(!result.contains("daypass_route"))
        #expect(result.contains("Set-Cookie: a=1\r\n"))
    }

    @Test(
        arguments: [
            ("/login", "/s/quiet-lime-42/login"),
            ("http://localhost:3000/a?b", "https://pub.example/s/quiet-lime-42/a?b"),
            ("HTTP://LOCALHOST:3000", "https://pub.example/s/quiet-lime-42/"),
            ("https://pub.example/x", "https://pub.example/s/quiet-lime-42/x"),
            ("https://pub.example/s/quiet-lime-42/x", "https://pub.example/s/quiet-lime-42/x"),
            ("/s/quiet-lime-42/y", nil), ("/s/quiet-lime-421/y", "/s/quiet-lime-42/s/quiet-lime-421/y"),
            ("relative", nil), ("//other/x", nil), ("https://other.example/", nil), ("http://localhost:3001/", nil),
        ] as [(String, String?)]
    )
    func `locations point at public addresses`(_ value: String, expected: String?) {
        #expect(self.mapping.location(value) == expected)
    }

    @Test(
        arguments: [
            ("a=1; Path=/", "a=1; Path=/s/quiet-lime-42/"),
            ("a=1; path = /x; Secure", "a=1; Path=/s/quiet-lime-42/x; Secure"),
            ("a=1", nil), ("a=1; Path=relative", nil), ("a=1; Path=/s/quiet-lime-42/z", nil),
        ] as [(String, String?)]
    )
    func `cookie paths move under the prefix`(_ value: String, expected: String?) {
        #expect(self.mapping.setCookie(value) == expected)
    }

    @Test func `with a host of its own nothing but local addresses changes`() {
        let mapping = AddressMapping(
            pathPrefix: "",
            publicBase: "http://s.localhost:3002",
            localAuthorities: ["localhost:3000"]
        )
        #expect(mapping.location("/login") == nil)
        #expect(mapping.location("http://localhost:3000/x") == "http://s.localhost:3002/x")
        #expect(mapping.setCookie("a=1; Path=/") == nil)
    }

    @Test func `the length an app announces must be one number`() throws {
        let head = try responseHead("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n")
        #expect(throws: HTTPParseError.self) {
            try head.viewerFraming(toHEAD: false, viewerMinorVersion: 1, end: false)
        }
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, 1, false, ResponseFraming.length(3)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, 1, true, .none),
        ("HTTP/1.1 204 No\r\n\r\n", false, 1, true, .none), ("HTTP/1.1 304 No\r\n\r\n", false, 1, true, .none),
        ("HTTP/1.1 200 OK\r\n\r\n", false, 1, false, .chunked),
        ("HTTP/1.1 200 OK\r\n\r\n", false, 0, false, .untilClose),
        ("HTTP/1.1 200 OK\r\n\r\n", false, 1, true, .length(0)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, 1, false, .chunked),
    ])
    func `framing towards viewers`(_ text: String, toHEAD: Bool, minor: Int, end: Bool, expected: ResponseFraming)
        throws
    {
        let head = try responseHead(text)
        #expect(try head.viewerFraming(toHEAD: toHEAD, viewerMinorVersion: minor, end: end) == expected)
    }

    @Test func `trailers lose what may not stand there`() throws {
        var buffer = ByteBuffer()
        let block = ByteBuffer(string: "X-Sum: 1\r\nContent-Length: 5\r\nSet-Cookie: a\r\nX-Two: 2\r\n\r\n")
        #expect(try writeForwardedTrailers(block, to: &buffer))
        #expect(String(buffer: buffer) == "X-Sum: 1\r\nX-Two: 2\r\n")
    }
}
