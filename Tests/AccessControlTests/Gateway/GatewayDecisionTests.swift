import AccessControl
import SessionModel
import Testing

@Suite("Gateway decisions")
struct GatewayDecisionTests {
    /// One request that must be refused; the name is the rule.
    struct Row: CustomTestStringConvertible, Sendable {
        let rule: String
        let code: GatewayErrorCode?
        var method = "GET"
        var path = "/api/v1/quotes"
        var key: String? = "pk"
        var origin: String? = GatewayFixture.origin
        var change: @Sendable (inout GatewayRequest) -> Void = { _ in }
        var testDescription: String { self.rule }
    }

    static let paths: [Row] =
        [
            "/api/v1//quotes", "/api/v1/./quotes", "/api/v1/../quotes", "/api/v1/quotes/..", "/api/v1/quotes/.",
            "/api/v1/quotes/%2e%2e", "/api/v1/quotes/%2E", "/api/v1/quotes%2fx", "/api/v1/quotes%5cx",
            "/api/v1/quotes\\x", "/api/v1/quotes;x=1", "/api/v1/quotes%3bx", "/api/v1/quotes/%00", "/api/v1/quotes/%0a",
            "/api/v1/quotes/%252e", "/api/v1/quotes/%", "/api/v1/quotes/%zz", "/api/v1/quotes/%ff",
            "/api/v1/quotes/%c0%ae", "/api/v1/quotes/%3f", "/api/v1/quotes/%23", "/api/v1/quotes/x.",
            "/api/v1/quotes/x%20", "", "quotes",
        ]
        .map { Row(rule: "syntax: the path \($0) may be read differently", code: .validationError, path: $0) }
        + [
            "/api/v1/quotes/%61dmin", "/api/v1/quotes/admin",
        ]
        .map { Row(rule: "scope: \($0) is the literal route", code: .scopeNotGranted, path: $0) }
        + [
            "/api/v1", "/api/v1/", "/api/v10/quotes", "/api/v2/quotes", "/quotes", "/api/v1/quotes/", "/api/v1/Quotes",
            "/api/v1/quotes/a/b", "/api/v1/quotes/Admin", "/api/v1/quotes/aDMIN?x=1", "/api%2dv1/quotes",
            "/api/v1quotes",
            "/API/v1/quotes", "/api/v1/unknown",
        ]
        .map { Row(rule: "route: \($0) is not named", code: .routeNotFound, path: $0) }
        + [
            "/api/v1/quotes?x=../..", "/api/v1/quotes/17", "/api/v1/quotes/a%20b", "/api/v1/quotes/%C3%A9",
            "/api/v1/files/a/b/c", "/api/v1/files",
        ]
        .map { Row(rule: "\($0) passes", code: nil, path: $0) }

    static let origins: [Row] =
        [
            "", "null", "https://SHOP.example", "https://shop.example.", "https://shop.example:443",
            "https://user@shop.example", "https://shop.example/", "https://shop.example.evil.example",
            "https://evilshop.example", "https://shop.example, https://shop.example", "https://shöp.example",
            "http://shop.example", "https://shop.example:8443", "https://a.b.shops.example", "https://shops.example",
        ]
        .map { (text: String) in Row(rule: "origin: \(text) is not allowed", code: .originNotAllowed, origin: text) }
        + [Row(rule: "origin: one label under a wildcard passes", code: nil, origin: "https://a.shops.example")]

    static let others: [Row] = [
        Row(rule: "key: none", code: .apiKeyRequired, key: nil),
        Row(rule: "key: empty bearer", code: .apiKeyRequired, change: { $0.authorization = GatewayField("Bearer ") }),
        Row(
            rule: "key: basic is no key",
            code: .apiKeyRequired,
            change: { $0.authorization = GatewayField("Basic eDp5") }
        ),
        Row(rule: "key: not of the form", code: .apiKeyInvalid, key: "hello"),
        Row(rule: "key: a wrong checksum", code: .apiKeyInvalid, key: "pk_live_" + String(repeating: "0", count: 36)),
        Row(rule: "key: revoked goes before expired", code: .apiKeyRevoked, key: "revoked"),
        Row(rule: "key: expired", code: .apiKeyExpired, key: "expired"),
        Row(rule: "key goes before origin", code: .apiKeyRequired, key: nil, origin: "null"),
        Row(rule: "origin goes before route", code: .originNotAllowed, path: "/api/v1/nowhere", origin: "null"),
        Row(rule: "origin: a publishable key without one", code: .originNotAllowed, origin: nil),
        Row(rule: "origin: a secret key from a page", code: .originNotAllowed, key: "sk"),
        Row(rule: "origin: listed for another key", code: .originNotAllowed, key: "other-origin"),
        Row(rule: "origin: a key for both without one", code: nil, key: "both", origin: nil),
        Row(rule: "origin: a secret key without one", code: nil, key: "sk", origin: nil),
        Row(rule: "method: DELETE is not named", code: .methodNotAllowed, method: "DELETE"),
        Row(rule: "method: TRACE is never named", code: .methodNotAllowed, method: "TRACE"),
        Row(rule: "method: HEAD comes with GET", code: nil, method: "HEAD"),
        Row(rule: "method: they are case-sensitive", code: .methodNotAllowed, method: "get"),
        Row(rule: "module: not enabled", code: .moduleNotEnabled, path: "/api/v1/reports"),
        Row(rule: "session: a write from a page", code: .sessionRequired, method: "POST"),
        Row(rule: "session: a write from a server needs none", code: nil, method: "POST", key: "sk", origin: nil),
        Row(
            rule: "session: always, on the server channel",
            code: .sessionRequired,
            path: "/api/v1/me",
            key: "sk",
            origin: nil
        ),
        Row(
            rule: "session: minting without Origin",
            code: .originNotAllowed,
            method: "POST",
            path: "/api/v1/sessions",
            key: "both",
            origin: nil
        ),
        Row(
            rule: "idempotency: a key is required",
            code: .idempotencyKeyRequired,
            method: "POST",
            path: "/api/v1/orders"
        ),
        Row(
            rule: "idempotency: an empty key",
            code: .validationError,
            method: "POST",
            path: "/api/v1/orders",
            change: { $0.idempotencyKey = GatewayField("") }
        ),
        Row(
            rule: "idempotency: a key with spaces",
            code: .validationError,
            method: "POST",
            path: "/api/v1/orders",
            change: { $0.idempotencyKey = GatewayField("a b") }
        ),
        Row(
            rule: "idempotency: a good key",
            code: nil,
            method: "POST",
            path: "/api/v1/orders",
            change: { $0.idempotencyKey = GatewayField("a-1") }
        ),
        Row(
            rule: "syntax: two Origin lines, before the key",
            code: .validationError,
            key: nil,
            change: { $0.origin = .several }
        ),
        Row(rule: "syntax: two Authorization lines", code: .validationError, change: { $0.authorization = .several }),
        Row(rule: "syntax: two X-Api-Key lines", code: .validationError, change: { $0.apiKey = .several }),
        Row(rule: "syntax: two X-Session-Token lines", code: .validationError, change: { $0.sessionToken = .several }),
        Row(
            rule: "syntax: two Idempotency-Key lines",
            code: .validationError,
            change: { $0.idempotencyKey = .several }
        ),
    ]

    @Test("refuse and allow as the table says", arguments: paths + origins + others)
    func table(row: Row) throws {
        let fixture = try GatewayFixture()
        var state = fixture.state
        let request = try fixture.request(row.method, row.path, key: row.key, origin: row.origin, change: row.change)
        let verdict = try fixture.decide(request, &state)
        #expect(verdict.refusal?.code == row.code)
        let names = verdict.answerFields().map(\.name)
        #expect(names.contains("WWW-Authenticate") == (row.code?.httpStatus == 401))
        #expect(names.contains("X-RateLimit-Limit") == (verdict.key != nil))
        #expect(!names.contains("Access-Control-Allow-Credentials"))
        #expect(names.contains("Vary"))
        if let allowed = verdict.answerFields().first(where: { $0.name == "Access-Control-Allow-Origin" }) {
            #expect(allowed.value == row.origin)
        }
        if let refusal = verdict.refusal {
            #expect(!refusal.description.contains("pk_live_"))
        }
    }

    @Test("preflights are answered from the union, without a key")
    func preflight() throws {
        let fixture = try GatewayFixture()
        var state = fixture.state
        for (origin, isKnown) in [
            (GatewayFixture.origin, true), ("https://other.example", true), ("https://x.shops.example", true),
            ("https://evil.example", false), ("null", false),
        ] {
            let request = try fixture.request("OPTIONS", "/api/v1/quotes", key: nil, origin: origin) {
                $0.requestMethod = GatewayField("POST")
            }
            let verdict = try fixture.decide(request, &state)
            #expect(verdict.outcome == .preflight)
            let fields = verdict.answerFields()
            #expect(fields.contains { $0.name == "Access-Control-Allow-Origin" && $0.value == origin } == isKnown)
            #expect(fields.contains { $0.name == "Access-Control-Allow-Headers" } == isKnown)
        }
    }

    @Test("the tenant's status goes after the origin and before the route", arguments: TenantStatus.allCases)
    func status(status: TenantStatus) throws {
        var fixture = try GatewayFixture()
        fixture.tenant.status = status
        var state = fixture.state
        let codes: [TenantStatus: GatewayErrorCode] = [
            .suspended: .tenantSuspended, .cancelled: .subscriptionCancelled, .pastDue: .subscriptionPastDue,
        ]
        let nowhere = try fixture.decide(try fixture.request("GET", "/api/v1/nowhere"), &state)
        #expect(nowhere.refusal?.code == codes[status] ?? .routeNotFound)
        let foreign = try fixture.decide(try fixture.request(origin: "null"), &state)
        #expect(foreign.refusal?.code == .originNotAllowed)
    }

    @Test("a secret key from a page is reported as leaked")
    func leaked() throws {
        let fixture = try GatewayFixture()
        var state = fixture.state
        let verdict = try fixture.decide(try fixture.request(key: "sk"), &state)
        #expect(verdict.report == .leakedSecretKey(try fixture.id("sk")))
    }

    @Test("wrong keys are slowed down by address, before a right one is looked at, but not preflights")
    func attempts() throws {
        let fixture = try GatewayFixture()
        var state = fixture.state
        for _ in 0..<20 { _ = try fixture.decide(try fixture.request(key: "wrong"), &state) }
        let verdict = try fixture.decide(try fixture.request(), &state)
        #expect(verdict.decidedBy == .attempts)
        #expect(verdict.refusal?.code == .rateLimited)
        #expect(verdict.answerFields().contains { $0.name == "Retry-After" && $0.value == "60" })
        let preflight = try fixture.request("OPTIONS", key: nil) { $0.requestMethod = GatewayField("GET") }
        #expect(try fixture.decide(preflight, &state).outcome == .preflight)
        let elsewhere = try fixture.request { $0.address = ClientAddress(v4: (203, 0, 113, 1)) }
        #expect(try fixture.decide(elsewhere, &state).refusal == nil)
    }

    @Test("a visitor gets its maximum, then 429 with the wait; explaining counts nothing")
    func limits() throws {
        let fixture = try GatewayFixture()
        var state = fixture.state
        for number in 0..<30 {
            let verdict = try fixture.decide(try fixture.request(), &state)
            #expect(verdict.refusal == nil)
            #expect(verdict.rate?.remaining == 29 - number)
        }
        let refused = try fixture.decide(try fixture.request(), &state)
        #expect(refused.refusal?.code == .rateLimited)
        #expect(refused.retryAfter.map { (1...60).contains($0) } == true)
        #expect(refused.rate?.remaining == 0)
        #expect(try fixture.decide(try fixture.request(), &state, at: fixture.now + .seconds(60)).refusal == nil)
    }

    @Test("a rotated key works during the grace, and is expired after")
    func rotation() throws {
        var fixture = try GatewayFixture()
        var generator = SystemRandomNumberGenerator()
        let old = try #require(fixture.secrets["pk"])
        fixture.secrets["pk"] = fixture.keys[0].rotate(grace: .seconds(60), now: fixture.now, using: &generator)
        var state = fixture.state
        #expect(try fixture.decide(try fixture.request(), &state).usedRetiredSecret == false)
        #expect(try fixture.decide(try fixture.request(key: old), &state).usedRetiredSecret)
        let late = try fixture.decide(try fixture.request(key: old), &state, at: fixture.now + .seconds(60))
        #expect(late.refusal?.code == .apiKeyExpired)
    }

    @Test("the upstream is told who calls, and spoofed names are stripped in every spelling")
    func upstream() throws {
        let fixture = try GatewayFixture()
        var state = fixture.state
        let fields = try fixture.decide(try fixture.request(), &state).upstreamFields(requestID: "r1")
        #expect(
            fields.map(\.name) == [
                "X-Daypass-Tenant", "X-Daypass-Key-Id", "X-Daypass-Scopes", "X-Daypass-Channel",
                "X-Daypass-Web-Origin", "X-Daypass-Request-Id",
            ]
        )
        for name in [
            "X-Daypass-Tenant", "x_daypass_tenant", "X-DAYPASS-New", "x.daypass.key-id", "X_API_KEY", "x-session_token",
        ] {
            #expect(Array(name.utf8).withUnsafeBytes { GatewayHeaders.isStripped($0) })
        }
        for name in ["X-Day", "X-Daypas-x", "Authorization", "X-Api-Keys"] {
            #expect(!Array(name.utf8).withUnsafeBytes { GatewayHeaders.isStripped($0) })
        }
    }
}
