import AccessControl
import ControlAPI
import SessionModel
import Synchronization
import Testing

@Suite("Forward-auth")
struct ForwardAuthTests {
    typealias Field = (name: String, value: String)

    /// What Traefik and Caddy send about a request.
    private static func told(
        _ method: String,
        _ uri: String,
        host: String = "api.acme.example",
        client: String = "203.0.113.9"
    ) -> [Field] {
        [
            ("x-forwarded-method", method), ("x-forwarded-uri", uri), ("x-forwarded-host", host),
            ("x-forwarded-for", client),
        ]
    }

    private func ask(
        _ harness: GatewayHarness,
        _ fields: [Field],
        method: String = "GET",
        path: String = "/forward-auth",
        host: String? = "127.0.0.1:3001",
        peer: String? = "127.0.0.1"
    ) async throws -> ControlAnswer {
        try await harness.api.call(method, path, host: host, peer: peer, fields: fields)
    }

    // MARK: Decisions

    @Test("a request that may pass is answered 200 with what the upstream and the page are told")
    func allowed() async throws {
        let harness = try await GatewayHarness()
        let fields: [Field] = [("origin", GatewayHarness.shop), ("authorization", "Bearer \(harness.key.secret)")]
        let answer = try await self.ask(harness, Self.told("GET", "/api/v1/quotes?page=2") + fields)
        #expect((answer.status, answer.body) == (200, ""))
        var expected = [
            "Vary": "Origin", "Access-Control-Allow-Origin": GatewayHarness.shop,
            "Access-Control-Expose-Headers": GatewayHeaders.exposed, "X-RateLimit-Limit": "30",
            "X-RateLimit-Remaining": "29", "X-RateLimit-Reset": "1772638260", "X-Daypass-Tenant": "acme",
            "X-Daypass-Key-Id": harness.key.record.id.text, "X-Daypass-Scopes": "quotes:read",
            "X-Daypass-Channel": "browser", "X-Daypass-Web-Origin": GatewayHarness.shop, "X-Daypass-Session-Id": "",
        ]
        let recorded = harness.gateway.state.withLock { $0.recorded }
        let requestID = try #require(recorded.first?.requestID)
        expected["X-Daypass-Request-Id"] = requestID
        #expect(answer.fields == expected)
        #expect(requestID.hasPrefix("req_"))
        #expect(recorded == [.init(code: nil, method: "GET", address: "203.0.113.9", requestID: requestID)])
    }

    @Test("refusals are the gateway's, with status, body and fields")
    func refused() async throws {
        let harness = try await GatewayHarness()
        let missing = try await self.ask(harness, Self.told("GET", "/api/v1/quotes"))
        #expect(missing.status == 401)
        #expect(missing.body == GatewayError(.apiKeyRequired).json.text)
        #expect(
            missing.fields == [
                "Vary": "Origin", "WWW-Authenticate": "Bearer realm=\"daypass\"", "X-Daypass-Code": "API_KEY_REQUIRED",
                "X-Daypass-Message": GatewayError(.apiKeyRequired).message,
            ]
        )
        let key: [Field] = [("x-api-key", harness.serverKey.secret)]
        let method = try await self.ask(harness, Self.told("PATCH", "/api/v1/quotes") + key)
        #expect(method.status == 405)
        #expect(method.fields["Allow"] == "GET, HEAD, POST")
        let route = try await self.ask(harness, Self.told("GET", "/api/v1/nothing") + key)
        #expect(route.status == 404)
        let path = try await self.ask(harness, Self.told("GET", "/api/v1/a%2fb") + key)
        #expect(path.status == 400)
        #expect(path.body.contains(#""code":"VALIDATION_ERROR""#))
        let page: [Field] = [("origin", "https://evil.example"), ("x-api-key", harness.key.secret)]
        let origin = try await self.ask(harness, Self.told("GET", "/api/v1/quotes") + page)
        #expect(origin.status == 403)
        #expect(origin.fields["Access-Control-Allow-Origin"] == nil)
        let codes = harness.gateway.state.withLock { $0.recorded.map(\.code) }
        #expect(
            codes == [.apiKeyRequired, .methodNotAllowed, .routeNotFound, .validationError, .originNotAllowed]
        )
    }

    @Test("limits count by the client that the proxy names, and say when to come back")
    func limits() async throws {
        let harness = try await GatewayHarness()
        let key: [Field] = [("x-api-key", harness.serverKey.secret)]
        for _ in 0..<30 {
            #expect(try await self.ask(harness, Self.told("GET", "/api/v1/quotes") + key).status == 200)
        }
        let over = try await self.ask(harness, Self.told("GET", "/api/v1/quotes") + key)
        #expect(over.status == 429)
        #expect(over.fields["Retry-After"] == "60")
        #expect(over.fields["X-RateLimit-Remaining"] == "0")
        let other = Self.told("GET", "/api/v1/quotes", client: "203.0.113.10")
        #expect(try await self.ask(harness, other + key).status == 200)
    }

    @Test("preflights are answered 204 and clear what a client may have put in the upstream's fields")
    func preflight() async throws {
        let harness = try await GatewayHarness()
        let fields: [Field] = [("origin", GatewayHarness.shop), ("access-control-request-method", "POST")]
        let answer = try await self.ask(harness, Self.told("OPTIONS", "/api/v1/quotes") + fields)
        #expect((answer.status, answer.body) == (204, ""))
        #expect(answer.fields["Access-Control-Allow-Origin"] == GatewayHarness.shop)
        #expect(answer.fields["Access-Control-Allow-Headers"] == GatewayHeaders.allowed)
        #expect(answer.fields.filter { $0.key.hasPrefix("X-Daypass-") && $0.value.isEmpty }.count == 7)
    }

    @Test("tokens are made by the edge: asking here is refused, so that no page takes an empty answer for one")
    func mint() async throws {
        let harness = try await GatewayHarness()
        let fields: [Field] = [("origin", GatewayHarness.shop), ("x-api-key", harness.key.secret)]
        let answer = try await self.ask(harness, Self.told("POST", "/api/v1/sessions") + fields)
        #expect(answer.status == 421)
        #expect(answer.code == "misdirected_request")
        #expect(answer.fields["Access-Control-Allow-Origin"] == GatewayHarness.shop)
        #expect(answer.fields["X-Daypass-Tenant"] == nil)
    }

    @Test("a doubled credential is refused, and so is an Idempotency-Key that is missing")
    func fieldsOfTheRequest() async throws {
        let harness = try await GatewayHarness()
        let key: Field = ("x-api-key", harness.serverKey.secret)
        let doubled = try await self.ask(harness, Self.told("GET", "/api/v1/quotes") + [key, key])
        #expect(doubled.status == 400)
        #expect(doubled.body.contains("headers.X-Api-Key"))
        let post = try await self.ask(harness, Self.told("POST", "/api/v1/quotes") + [key])
        #expect(post.body.contains("IDEMPOTENCY_KEY_REQUIRED"))
        let idempotent: Field = ("idempotency-key", "abc")
        #expect(try await self.ask(harness, Self.told("POST", "/api/v1/quotes") + [key, idempotent]).status == 200)
    }

    // MARK: Who asks, and how

    /// One sub-request that is not what it should be.
    struct Attempt: Sendable, CustomTestStringConvertible {
        var name: String
        var path = "/forward-auth"
        var method = "GET"
        var host: String? = "127.0.0.1:3001"
        var peer: String? = "127.0.0.1"
        /// Left out of what the proxy tells.
        var without: Set<String> = []
        var with: [Field] = []
        var status: Int

        var testDescription: String { self.name }
    }

    private static let attempts = [
        Attempt(name: "as it should be", status: 200),
        Attempt(name: "asked with POST", method: "POST", status: 200),
        Attempt(name: "asked with another method", method: "PROPFIND", status: 200),
        Attempt(name: "IPv6 loopback", peer: "::1", status: 200),
        Attempt(name: "a page of the page's own proxy", with: [("sec-fetch-site", "cross-site")], status: 200),
        // Untrusted peers.
        Attempt(name: "another machine", peer: "192.0.2.1", status: 403),
        Attempt(name: "another machine that says it is here", host: "localhost", peer: "192.0.2.1", status: 403),
        Attempt(name: "no peer", peer: nil, status: 403),
        // Missing pieces.
        Attempt(name: "no method", without: ["x-forwarded-method"], status: 400),
        Attempt(name: "no URI", without: ["x-forwarded-uri"], status: 400),
        Attempt(name: "no host", without: ["x-forwarded-host"], status: 400),
        Attempt(name: "no client", without: ["x-forwarded-for"], status: 400),
        Attempt(
            name: "an empty method",
            without: ["x-forwarded-method"],
            with: [("x-forwarded-method", "")],
            status: 400
        ),
        Attempt(name: "an empty client", without: ["x-forwarded-for"], with: [("x-forwarded-for", "")], status: 400),
        // Pieces told twice: which one was the proxy's?
        Attempt(name: "two methods", with: [("x-forwarded-method", "GET")], status: 400),
        Attempt(name: "two URIs", with: [("x-forwarded-uri", "/api/v1/quotes")], status: 400),
        Attempt(name: "two hosts", with: [("x-forwarded-host", "api.acme.example")], status: 400),
        Attempt(name: "a method of each kind", with: [("x-original-method", "GET")], status: 400),
        Attempt(name: "a URI of each kind", with: [("x-original-uri", "/api/v1/quotes")], status: 400),
        Attempt(name: "fields and path", path: "/forward-auth/api/v1/quotes", host: "api.acme.example", status: 400),
        // Other spellings are other fields.
        Attempt(name: "underscores", with: [("x_forwarded_uri", "/api/v1/other")], status: 200),
        Attempt(
            name: "underscores only",
            without: ["x-forwarded-uri"],
            with: [("x_forwarded_uri", "/api/v1/quotes")],
            status: 400
        ),
        // Malformed pieces.
        Attempt(
            name: "a method of lower case",
            without: ["x-forwarded-method"],
            with: [("x-forwarded-method", "get")],
            status: 400
        ),
        Attempt(
            name: "a method with a break",
            without: ["x-forwarded-method"],
            with: [("x-forwarded-method", "GET /")],
            status: 400
        ),
        Attempt(
            name: "an absolute URI",
            without: ["x-forwarded-uri"],
            with: [("x-forwarded-uri", "http://api.acme.example/api/v1/quotes")],
            status: 400
        ),
        Attempt(
            name: "a relative URI",
            without: ["x-forwarded-uri"],
            with: [("x-forwarded-uri", "api/v1/quotes")],
            status: 400
        ),
        Attempt(
            name: "a space",
            without: ["x-forwarded-uri"],
            with: [("x-forwarded-uri", "/api/v1/quotes x")],
            status: 400
        ),
        Attempt(
            name: "beyond ASCII",
            without: ["x-forwarded-uri"],
            with: [("x-forwarded-uri", "/api/v1/ä")],
            status: 400
        ),
        Attempt(
            name: "a list of hosts",
            without: ["x-forwarded-host"],
            with: [("x-forwarded-host", "api.acme.example, b.example")],
            status: 400
        ),
        Attempt(
            name: "an encoded host",
            without: ["x-forwarded-host"],
            with: [("x-forwarded-host", "api%2eacme.example")],
            status: 400
        ),
        Attempt(
            name: "a user in the host",
            without: ["x-forwarded-host"],
            with: [("x-forwarded-host", "x@api.acme.example")],
            status: 400
        ),
        Attempt(
            name: "a path in the host",
            without: ["x-forwarded-host"],
            with: [("x-forwarded-host", "api.acme.example/x")],
            status: 400
        ),
        // Hosts.
        Attempt(
            name: "upper case and a port",
            without: ["x-forwarded-host"],
            with: [("x-forwarded-host", "API.acme.Example:8443")],
            status: 200
        ),
        Attempt(
            name: "a final dot",
            without: ["x-forwarded-host"],
            with: [("x-forwarded-host", "api.acme.example.")],
            status: 404
        ),
        Attempt(
            name: "a host of nobody's",
            without: ["x-forwarded-host"],
            with: [("x-forwarded-host", "b.example")],
            status: 404
        ),
        Attempt(
            name: "the edge, without a default tenant",
            without: ["x-forwarded-host"],
            with: [("x-forwarded-host", "localhost")],
            status: 404
        ),
    ]

    @Test("only a trusted proxy that tells each piece once is answered", arguments: attempts)
    func table(attempt: Attempt) async throws {
        let harness = try await GatewayHarness()
        let told = Self.told("GET", "/api/v1/quotes").filter { !attempt.without.contains($0.name) }
        let answer = try await self.ask(
            harness,
            told + attempt.with + [("x-api-key", harness.serverKey.secret)],
            method: attempt.method,
            path: attempt.path,
            host: attempt.host,
            peer: attempt.peer
        )
        #expect(answer.status == attempt.status, "\(answer.body)")
        let wasDecided = attempt.status == 200
        #expect(harness.gateway.state.withLock { $0.recorded.count } == (wasDecided ? 1 : 0))
        #expect((answer.fields["X-Daypass-Tenant"] == "acme") == wasDecided)
        #expect(!answer.body.contains(harness.serverKey.secret))
    }

    @Test("nginx' names for method and URI do as well")
    func originalFields() async throws {
        let harness = try await GatewayHarness()
        let fields: [Field] = [
            ("x-original-method", "GET"), ("x-original-uri", "/api/v1/quotes/7"),
            ("x-forwarded-host", "api.acme.example"), ("x-forwarded-for", "203.0.113.9"),
            ("x-api-key", harness.serverKey.secret),
        ]
        #expect(try await self.ask(harness, fields).status == 200)
    }

    @Test("Envoy asks for the original path under the prefix, with the original method and host")
    func prefixForm() async throws {
        let harness = try await GatewayHarness()
        let fields: [Field] = [("x-forwarded-for", "203.0.113.9"), ("x-api-key", harness.serverKey.secret)]
        func ask(_ method: String, _ path: String, host: String? = "api.acme.example") async throws -> Int {
            try await self.ask(harness, fields, method: method, path: path, host: host).status
        }
        #expect(try await ask("GET", "/forward-auth/api/v1/quotes?page=2") == 200)
        #expect(try await ask("DELETE", "/forward-auth/api/v1/quotes/7") == 200)
        #expect(try await ask("PUT", "/forward-auth/api/v1/quotes/7") == 405)
        #expect(try await ask("GET", "/forward-auth/api/v1/quotes", host: "b.example") == 404)
        #expect(try await ask("GET", "/forward-auth/api/v1/quotes", host: nil) == 400)
        #expect(try await ask("GET", "/forward-auth//api/v1/quotes") == 400)
        #expect(try await ask("GET", "/forward-authx/api/v1/quotes") == 404)
        let methods = harness.gateway.state.withLock { $0.recorded.map(\.method) }
        #expect(methods == ["GET", "DELETE", "PUT", "GET"])
        let twice = try await self.ask(
            harness,
            fields + [("host", "b.example")],
            path: "/forward-auth/api/v1/quotes",
            host: "api.acme.example"
        )
        #expect(twice.status == 400)
        let anonymous = try await self.ask(
            harness,
            [("x-api-key", harness.serverKey.secret)],
            path: "/forward-auth/api/v1/quotes",
            host: "api.acme.example"
        )
        #expect(anonymous.status == 400)
    }

    @Test("beyond local mode only configured proxies may ask, and they tell who the client is")
    func configuredProxies() async throws {
        let harness = try await GatewayHarness { configuration in
            configuration.access = .required
            configuration.trustedProxies = [AddressRange(parsing: "10.0.0.0/8")].compactMap(\.self)
        }
        let key: [Field] = [("x-api-key", harness.serverKey.secret)]
        func ask(_ peer: String, client: String) async throws -> Int {
            try await self.ask(harness, Self.told("GET", "/api/v1/quotes", client: client) + key, peer: peer).status
        }
        #expect(try await ask("127.0.0.1", client: "203.0.113.9") == 403)
        #expect(try await ask("203.0.113.1", client: "203.0.113.9") == 403)
        #expect(try await ask("10.1.2.3", client: "198.51.100.7, 203.0.113.9") == 200)
        #expect(try await ask("10.1.2.3", client: "198.51.100.7, 203.0.113.9, 10.9.9.9") == 200)
        #expect(try await ask("10.1.2.3", client: "unknown") == 200)
        let addresses = harness.gateway.state.withLock { $0.recorded.map(\.address) }
        #expect(addresses == ["203.0.113.9", "203.0.113.9", "10.1.2.3"])
    }

    @Test("the default tenant is served at the edge's own host")
    func defaultTenant() async throws {
        let harness = try await GatewayHarness(tenant: #""default":true"#)
        let key: [Field] = [("x-api-key", harness.serverKey.secret)]
        for (host, status) in [("localhost:3002", 200), ("127.0.0.1", 200), ("other.example", 404)] {
            let answer = try await self.ask(harness, Self.told("GET", "/api/v1/quotes", host: host) + key)
            #expect(answer.status == status, "\(host)")
        }
        let elsewhere = try await self.ask(harness, Self.told("GET", "/s/quiet-lime-42", host: "localhost") + key)
        #expect(elsewhere.status == 404)
    }

    @Test("it is counted by itself, and a server without the gateway has no such path")
    func counted() async throws {
        let harness = try await GatewayHarness()
        _ = try await self.ask(harness, Self.told("GET", "/api/v1/quotes"))
        let figures = try await harness.api.call("GET", "/metrics").body
        #expect(figures.contains(#"daypass_control_requests_total{operation="forwardAuth",status="401"} 1"#))
        let plain = try ControlHarness()
        #expect(try await plain.call("GET", "/forward-auth", fields: Self.told("GET", "/x")).status == 404)
    }
}
