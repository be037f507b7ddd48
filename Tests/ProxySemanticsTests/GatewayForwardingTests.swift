import NIOCore
import ProxySemantics
import SessionModel
import Testing

/// One tenant on hosts of its own, one on the edge's own host, one for everything else there.
private struct Tenants: TenantDirectory {
    func tenant(host: String, target: [UInt8]) -> Slug? {
        ["api.acme.example": Slug("acme"), "acme.localhost": Slug("acme"), "pub.example": Slug("shared")][host] ?? nil
    }

    func isServed(_ target: [UInt8], by tenant: Slug) -> Bool {
        ["/shared/v1/", "/s/", "/tunnel", "/.wormkey/"].contains { target.starts(with: $0.utf8) }
    }

    func defaultTenant(target: [UInt8]) -> Slug? {
        target.starts(with: "/api/v1/".utf8) ? Slug("fallback") : nil
    }
}

@Suite struct TenantRoutingTests {
    private func route(_ target: String, _ host: String, fields: String = "") throws -> RequestRoute.Destination {
        let address = try #require(PublicAddress(url: "https://pub.example"))
        let head = try requestHead("GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n")
        return try RequestRouter(publicAddress: address).route(head, tenants: Tenants()).destination
    }

    @Test(arguments: [
        ("/api/v1/quotes", "api.acme.example", "acme"), ("/anything", "API.acme.example:8443", "acme"),
        ("/s/quiet-lime-42/", "api.acme.example.", "acme"), ("/tunnel", "acme.localhost:3002", "acme"),
        ("/.wormkey/room", "acme.localhost", "acme"), ("/shared/v1/x", "pub.example", "shared"),
        ("/api/v1/x", "pub.example", "fallback"), ("/api/v1/x", "127.0.0.1:3002", "fallback"),
    ])
    func `hosts and base paths of tenants come first`(_ target: String, host: String, tenant: String) throws {
        #expect(try self.route(target, host) == .tenant(try #require(Slug(tenant))))
    }

    @Test func `the edge's own host stays the edge's own besides`() throws {
        #expect(try self.route("/tunnel", "pub.example") == .tunnel)
        #expect(try self.route("/.wormkey/room", "pub.example") == .reserved(nil))
        #expect(try self.route("/", "pub.example") == .nothing)
        #expect(try self.route("/s/quiet-lime-42/", "pub.example") == .session(Slug("quiet-lime-42")!, .path))
        #expect(try self.route("/", "other-one-1.localhost") == .session(Slug("other-one-1")!, .host))
        #expect(try self.route("/", "evil.example") == .misdirected)
        // A cookie of some app does not take a tenant's requests away.
        let cookie = "Cookie: daypass_route=quiet-lime-42\r\n"
        #expect(try self.route("/api/v1/x", "pub.example", fields: cookie) == .tenant(Slug("fallback")!))
        #expect(try self.route("/x", "pub.example", fields: cookie) == .session(Slug("quiet-lime-42")!, .cookie))
    }

    @Test func `what everybody may read is on tenants' hosts and on the own one`() throws {
        for host in ["pub.example", "api.acme.example"] {
            #expect(try self.route("/.well-known/jwks.json?x=1", host) == .published(.tokenKeys))
            #expect(try self.route("/.well-known/daypass/client.js", host) == .published(.clientScript))
        }
        #expect(try self.route("/.well-known/jwks.json", "quiet-lime-42.localhost") != .published(.tokenKeys))
        #expect(try self.route("/.well-known/other", "api.acme.example") == .tenant(Slug("acme")!))
    }
}

@Suite struct GatewayRewritingTests {
    private func forwarded(_ target: String, cut: Int, to prefix: String) throws -> String {
        let head = try requestHead("GET \(target) HTTP/1.1\r\nHost: a\r\nX-Secret: 1\r\nKept: 2\r\n\r\n")
        var buffer = ByteBuffer()
        let gateway = ForwardingContext.GatewayRewriting(
            cut: cut,
            pathPrefix: prefix,
            isStripped: { equalsIgnoringCase($0, "x-secret") },
            lines: ByteBuffer(string: "X-Daypass-Tenant: acme\r\n")
        )
        let context = ForwardingContext(peerAddress: "203.0.113.9", scheme: "http", gateway: gateway)
        head.writeForwardedRequest(target: head.target, context: context, asWebSocket: false, to: &buffer)
        _ = try HTTPMessageParser.parseHead(block: buffer, role: .request)
        let text = String(buffer: buffer)
        #expect(
            text.contains("\r\nX-Daypass-Tenant: acme\r\n") && !text.contains("X-Secret") && text.contains("Kept: 2")
        )
        return String(text.prefix { $0 != "\r\n" })
    }

    @Test(arguments: [
        ("/api/v1/quotes?x=1", "/v2", "GET /v2/quotes?x=1 HTTP/1.1"), ("/api/v1/quotes", "", "GET /quotes HTTP/1.1"),
        ("/api/v1", "", "GET / HTTP/1.1"), ("/api/v1?x", "", "GET /?x HTTP/1.1"),
        ("/api/v1?x", "/v2", "GET /v2?x HTTP/1.1"),
        ("/api/v1/", "/v2", "GET /v2/ HTTP/1.1"), ("/api/v1", "/v2", "GET /v2 HTTP/1.1"),
    ])
    func `the base path becomes the upstream's path`(_ target: String, prefix: String, expected: String) throws {
        #expect(try self.forwarded(target, cut: 7, to: prefix) == expected)
    }

    @Test(arguments: [
        ("/v2/quotes/5", "/api/v1/quotes/5"), ("/v2", "/api/v1"), ("/v2?x=1", "/api/v1?x=1"), ("/v21/x", nil),
        ("/elsewhere", nil), ("http://127.0.0.1:9000/v2/q", "https://pub.example/api/v1/q"),
        ("http://127.0.0.1:9000/other", "https://pub.example/other"), ("https://other.example/v2/q", nil),
        ("//x/v2", nil),
    ])
    func `addresses of the upstream become addresses of the gateway`(_ location: String, expected: String?) {
        let mapping = AddressMapping(
            pathPrefix: "/api/v1",
            publicBase: "https://pub.example",
            localAuthorities: ["127.0.0.1:9000"],
            localPrefix: "/v2"
        )
        #expect(mapping.location(location) == expected)
        #expect(mapping.setCookie("a=1; Path=/v2/q") == "a=1; Path=/api/v1/q")
        #expect(mapping.setCookie("a=1; Path=/x") == nil)
    }

    @Test func `an upstream without a path of its own is put under the base path`() {
        let mapping = AddressMapping(pathPrefix: "/api/v1", publicBase: "https://pub.example", localAuthorities: [])
        #expect(mapping.location("/quotes/5") == "/api/v1/quotes/5")
        #expect(mapping.location("/api/v1/quotes/5") == nil)
        let same = AddressMapping(
            pathPrefix: "/api/v1",
            publicBase: "https://pub.example",
            localAuthorities: [],
            localPrefix: "/api/v1"
        )
        #expect(same.location("/api/v1/quotes/5") == nil)
        #expect(same.location("/other") == nil)
    }

    @Test func `fields the gateway gives itself replace the upstream's`() throws {
        let head = try responseHead(
            "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n"
                + "X-RateLimit-Limit: 5\r\nx-request-id: up\r\nIdempotency-Replayed: true\r\nVary: Accept\r\nETag: x\r\n\r\n"
        )
        func fields(_ replaces: Bool) -> String {
            var buffer = ByteBuffer()
            head.writeForwardedResponse(
                framing: .none,
                keepAlive: true,
                viewerMinorVersion: 1,
                mapping: AddressMapping(
                    pathPrefix: "",
                    publicBase: "",
                    localAuthorities: [],
                    replacesGatewayFields: replaces
                ),
                extra: ByteBuffer(),
                to: &buffer
            )
            return String(buffer: buffer)
        }
        #expect(fields(true) == "HTTP/1.1 200 OK\r\nVary: Accept\r\nETag: x\r\n\r\n")
        #expect(fields(false).contains("Access-Control-Allow-Credentials: true"))
    }
}
