import AccessControl
import ControlAPI
import SessionModel
import Synchronization
import Testing

@Suite("The admin API of the gateway: what happened, and what would")
struct GatewayReportTests {
    @Test("usage is the last day by default, or what is asked for")
    func usage() async throws {
        let harness = try await GatewayHarness()
        let now = harness.api.clock.now
        let key = harness.key.record.id
        #expect(
            try await harness.call("GET", "/admin/v1/usage").body == """
                {"usage":[{"start":"2026-03-03T15:30:00.000Z","tenant":"acme","key":"\(key)","code":null,"count":12},\
                {"start":"2026-03-03T15:30:00.000Z","tenant":"acme","key":null,"code":"API_KEY_INVALID","count":3}]}
                """
        )
        let asked = "tenant=acme&key=\(key)&from=2026-02-01T00:00:00Z&until=2026-03-01T12:00:00.25Z&interval=day"
        #expect(try await harness.call("GET", "/admin/v1/usage?\(asked)").status == 200)
        #expect(
            harness.gateway.state.withLock { $0.usageQueries } == [
                UsageQuery(from: now + .seconds(-86_400), until: now),
                UsageQuery(
                    tenant: Slug("acme"),
                    key: key,
                    from: Timestamp(millisecondsSinceEpoch: 1_769_904_000_000),
                    until: Timestamp(millisecondsSinceEpoch: 1_772_366_400_250),
                    interval: .day
                ),
            ]
        )
    }

    @Test("refusals and audit events are listed with all their fields")
    func lists() async throws {
        let harness = try await GatewayHarness()
        let refusals = try await harness.call("GET", "/admin/v1/refusals?tenant=acme&code=RATE_LIMITED&limit=500")
        #expect(
            refusals.body == """
                {"refusals":[{"at":"2026-03-04T15:30:00.000Z","tenant":"acme","key":null,"code":"RATE_LIMITED",\
                "message":"Send an API key as Authorization: Bearer or in X-Api-Key.","method":"GET",\
                "path":"/api/v1/quotes","webOrigin":null,"address":"203.0.113.9","requestId":"req_1"}]}
                """
        )
        let events = try await harness.call("GET", "/admin/v1/audit?tenant=acme")
        #expect(
            events.body == """
                {"events":[{"at":"2026-03-04T15:30:00.000Z","actor":"system","address":"","action":"key.leaked",\
                "tenant":"acme","summary":"a secret key came from a page"}]}
                """
        )
        #expect(harness.gateway.state.withLock { $0.limits } == [500, 50])
    }

    private func explain(_ harness: GatewayHarness, _ body: String) async throws -> JSONValue {
        let answer = try await harness.call("POST", "/admin/v1/explain", body)
        #expect(answer.status == 200, "\(answer.body)")
        for secret in [harness.key.secret, harness.serverKey.secret] { #expect(!answer.body.contains(secret)) }
        return try answer.json()
    }

    @Test("an explanation says the decision, who made it, and what is left of each limit; nothing is counted")
    func explains() async throws {
        let harness = try await GatewayHarness()
        for _ in 0..<3 {
            let body = #"{"method":"GET","path":"/quotes?page=2","key":"\#(harness.serverKey.secret)"}"#
            let allowed = try await self.explain(harness, body)
            #expect(allowed["decision"] == "allowed")
            #expect(allowed["code"] == nil)
            #expect(allowed["decidedBy"] == .null)
            #expect(allowed["tenant"] == "acme")
            #expect(allowed["channel"] == "server")
            #expect(allowed["keyId"]?.string == harness.serverKey.record.id.text)
            #expect(allowed["route"] == "/quotes")
            #expect(allowed["path"] == "/api/v1/quotes")
            #expect(allowed["steps"]?.elements.map { $0["check"]?.string } == GatewayCheck.order.map(\.rawValue))
            #expect(allowed["limits"]?.elements.map { $0["remaining"] } == [300, 30])
            #expect(allowed["limits"]?.elements.first?["resetsAt"]?.string == "2026-03-04T15:31:00.000Z")
        }
        let body = """
            {"method":"POST","path":"/api/v1/quotes","origin":"https://evil.example","key":"\(harness.key.secret)"}
            """
        let refused = try await self.explain(harness, body)
        #expect(refused["decision"] == "refused")
        #expect(refused["code"] == "ORIGIN_NOT_ALLOWED")
        #expect(refused["decidedBy"] == "origin")
        let outcomes = refused["steps"]?.elements.map { $0["outcome"]?.string }
        #expect(outcomes?.prefix(5) == ["passed", "skipped", "passed", "passed", "failed"])
        #expect(outcomes?.dropFirst(5).allSatisfy { $0 == "skipped" } == true)
        let preflight = try await self.explain(
            harness,
            #"{"method":"OPTIONS","path":"/quotes","origin":"\#(GatewayHarness.shop)","tenant":"acme"}"#
        )
        #expect(preflight["decision"] == "preflight")
        let minted = try await self.explain(
            harness,
            #"{"method":"POST","path":"/sessions","origin":"\#(GatewayHarness.shop)","key":"\#(harness.key.secret)"}"#
        )
        #expect(minted["decision"] == "allowed")
        #expect(minted["limits"]?.elements.map { $0["class"] } == ["sessions", "sessions"])
    }

    @Test("the tenant is the one named, else the one at the host, else the key's, else the default, else the only one")
    func tenantOfExplanation() async throws {
        let harness = try await GatewayHarness()
        func tenant(_ more: String) async throws -> JSONValue? {
            try await self.explain(harness, #"{"method":"GET","path":"/quotes"\#(more)}"#)["tenant"]
        }
        #expect(try await tenant("") == "acme")
        let bolt = #"{"slug":"bolt","upstream":"http://a","hosts":["bolt.example"],"basePath":"/b"}"#
        try await harness.call("POST", "/admin/v1/tenants", bolt)
        let unclear = try await harness.call("POST", "/admin/v1/explain", #"{"method":"GET","path":"/quotes"}"#)
        #expect(unclear.faults == ["tenant"])
        #expect(try await tenant(#","host":"bolt.example:443""#) == "bolt")
        #expect(try await tenant(#","tenant":"bolt","host":"api.acme.example""#) == "bolt")
        #expect(try await tenant(#","key":"\#(harness.serverKey.secret)""#) == "acme")
        let nowhere = #"{"method":"GET","path":"/quotes","host":"nowhere.example"}"#
        #expect(try await harness.call("POST", "/admin/v1/explain", nowhere).faults == ["host"])
        let nobody = #"{"method":"GET","path":"/quotes","tenant":"nobody"}"#
        #expect(try await harness.call("POST", "/admin/v1/explain", nobody).status == 404)
        let standard = bolt.replacing(#""basePath""#, with: #""default":true,"basePath""#)
        try await harness.call("PUT", "/admin/v1/tenants/bolt", standard)
        #expect(try await tenant("") == "bolt")
        let atEdge = #"{"method":"GET","path":"/b/quotes","host":"localhost:3002"}"#
        #expect(try await self.explain(harness, atEdge)["tenant"] == "bolt")
    }

    @Test(
        "requests that cannot be are refused without repeating what was sent",
        arguments: [
            (#"{"path":"/x"}"#, ["method"]), (#"{"method":"GET"}"#, ["path"]),
            (#"{"method":"get","path":"/x"}"#, ["method"]), (#"{"method":"GET","path":"x"}"#, ["path"]),
            (#"{"method":"GET","path":"/ä"}"#, ["path"]), (#"{"method":"GET","path":"/a b"}"#, ["path"]),
            (#"{"method":"GET","path":"/x","address":"local"}"#, ["address"]),
            (#"{"method":"GET","path":"/x","host":"a/b"}"#, ["host"]),
            (#"{"method":"GET","path":"/x","key":1,"sessionToken":["pk_live_x"]}"#, ["key", "sessionToken"]),
            (#"{"method":"GET","path":"/x","tenant":"A","token":"pk_live_x"}"#, ["tenant", "token"]),
        ]
    )
    func badExplanations(body: String, faults: [String]) async throws {
        let harness = try await GatewayHarness()
        let answer = try await harness.call("POST", "/admin/v1/explain", body)
        #expect(answer.status == 400)
        #expect(answer.faults == faults)
        #expect(!answer.body.contains("pk_live"))
    }

    @Test("an address that was refused for wrong keys is told apart from others")
    func addressOfExplanation() async throws {
        let harness = try await GatewayHarness()
        let bad = try #require(ClientAddress(parsing: "203.0.113.9"))
        for _ in 0..<20 {
            let request = GatewayRequest(
                method: "GET",
                target: "/api/v1/quotes",
                address: bad,
                apiKey: GatewayField("no")
            )
            _ = await harness.gateway.decide(
                request,
                tenant: try #require(Slug("acme")),
                now: harness.api.clock.now
            )
        }
        let start = #"{"method":"GET","path":"/quotes","key":"\#(harness.serverKey.secret)""#
        #expect(try await self.explain(harness, start + "}")["decision"] == "allowed")
        let from = try await self.explain(harness, start + #","tenant":"acme","address":"203.0.113.9"}"#)
        #expect(from["decidedBy"] == "attempts")
        #expect(from["code"] == "RATE_LIMITED")
    }
}

@Suite("The document's forms of what belongs to the gateway")
struct GatewayFormTests {
    private static let segments = [
        "a", "A-z_0.9~", "a.", ".", "..", "", "a b", "{id}", "{}", "{a/b}", "**", "*", "%41", "ä",
    ]

    private func pattern(_ path: [String]) throws -> Regex<AnyRegexOutput> {
        let address = try #require(PublicAddress(url: "http://localhost:3002"))
        let document = OpenAPIDocument(configuration: ControlAPIConfiguration(publicAddress: address)).json
        let schema = try #require(path.reduce(document["components"]?["schemas"]) { $0?[$1] })
        return try Regex(try #require(schema["pattern"]?.string))
    }

    @Test("paths of routes are exactly those that are taken")
    func routes() throws {
        let pattern = try self.pattern(["Route", "properties", "path"])
        var texts = ["", "/", "a", "//"]
        for first in Self.segments {
            texts.append("/\(first)")
            for second in Self.segments { texts.append("/\(first)/\(second)") }
        }
        for text in texts {
            #expect((text.wholeMatch(of: pattern) != nil) == (RoutePattern(text) != nil), "\(text)")
        }
    }

    @Test("base paths are exactly those that are taken")
    func basePaths() throws {
        let pattern = try self.pattern(["NewTenant", "properties", "basePath"])
        for text in ["", "/", "a", "//", "/api/v1", "/api/v1/"] + Self.segments.map({ "/x/\($0)" }) {
            #expect((text.wholeMatch(of: pattern) != nil) == Tenant.isBasePath(text), "\(text)")
        }
    }

    @Test(
        "upstreams that are taken have the form",
        arguments: [
            "http://127.0.0.1:4000", "https://api.example.com/v1/", "http://[::1]:80/a.b", "tunnel:quiet-lime-42",
            "http://x",
        ]
    )
    func upstreams(text: String) throws {
        let upstream = try #require(TenantUpstream(parsing: text))
        let pattern = try self.pattern(["NewTenant", "properties", "upstream"])
        #expect(text.wholeMatch(of: pattern) != nil)
        #expect(upstream.text.wholeMatch(of: pattern) != nil)
    }
}
