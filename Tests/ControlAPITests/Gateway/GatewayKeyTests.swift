import ControlAPI
import SessionModel
import Synchronization
import Testing

@Suite("The admin API of the gateway: keys, sessions, signing keys")
struct GatewayKeyTests {
    @Test("a key's secret is in the answer that makes it, and in no other")
    func secretOnce() async throws {
        let harness = try await GatewayHarness()
        let body = """
            {"tenant":"acme","name":"web","scopes":["b","a"],"webOrigins":["HTTPS://Shop.example:443"],"mode":"test",\
            "expiresIn":"1h"}
            """
        let made = try await harness.call("POST", "/admin/v1/keys", body)
        #expect(made.status == 201)
        let key = try made.json()
        let secret = try #require(key["secret"]?.string)
        #expect(APIKeyText(parsing: secret)?.mode == .test)
        #expect(key["key"]?.string == "pk_test_…\(secret.suffix(4))")
        #expect(key["webOrigins"] == ["https://shop.example"])
        #expect(key["expiresAt"]?.string == (harness.api.clock.now + .seconds(3600)).iso8601)
        let id = try #require(key["id"]?.string)
        for (method, path) in [
            ("GET", "/admin/v1/keys/\(id)"), ("GET", "/admin/v1/keys"), ("POST", "/admin/v1/keys/\(id)"),
            ("POST", "/admin/v1/keys/\(id)/revoke-sessions"), ("POST", "/admin/v1/keys/\(id)/revoke"),
        ] {
            let answer = try await harness.call(method, path)
            #expect(answer.status == 200)
            #expect(answer.body.contains(id))
            #expect(!answer.body.contains(secret.dropFirst(8)))
            #expect(!answer.body.contains("\"secret\":"))
        }
    }

    @Test("problems of the key and of its tenant are named together")
    func problems() async throws {
        let harness = try await GatewayHarness()
        let body = #"{"tenant":"A","name":"","scopes":[],"plan":"UP","color":1}"#
        let answer = try await harness.call("POST", "/admin/v1/keys", body)
        #expect(answer.faults.sorted() == ["color", "name", "plan", "scopes", "tenant", "webOrigins"])
        #expect(try await harness.call("POST", "/admin/v1/keys", "{}").faults.sorted().first == "name")
        let nobody = #"{"tenant":"nobody","name":"x","scopes":["a"],"webOrigins":["https://a.example"]}"#
        #expect(try await harness.call("POST", "/admin/v1/keys", nobody).status == 404)
        #expect(harness.gateway.state.withLock { $0.keys.count } == 2)
    }

    @Test("keys are listed in pages, newest first, of one tenant or of all")
    func pages() async throws {
        let harness = try await GatewayHarness()
        let ids = [harness.serverKey.record.id.text, harness.key.record.id.text]
        let first = try await harness.call("GET", "/admin/v1/keys?limit=1&tenant=acme").json()
        #expect(first["keys"]?.elements.map { $0["id"]?.string } == [ids[0]])
        #expect(first["next"]?.string == ids[0])
        let second = try await harness.call("GET", "/admin/v1/keys?limit=1&after=\(ids[0])").json()
        #expect(second["keys"]?.elements.map { $0["id"]?.string } == [ids[1]])
        #expect(second["next"] == .null)
        #expect(try await harness.call("GET", "/admin/v1/keys?tenant=other").json()["keys"] == [])
        #expect(try await harness.call("GET", "/admin/v1/keys?after=key_000000000000").faults == ["query.after"])
        #expect(harness.gateway.state.withLock { $0.limits } == [2, 2, 21, 21])
    }

    @Test(
        "query parameters that make no sense are named",
        arguments: [
            ("keys?after=x", "after"), ("keys?limit=0", "limit"), ("keys?limit=101", "limit"),
            ("keys?tenant=A", "tenant"),
            ("keys?session=x", "session"), ("refusals?limit=501", "limit"), ("refusals?code=NOPE", "code"),
            ("refusals?tenant=", "tenant"), ("audit?limit=1001", "limit"), ("audit?limit=-1", "limit"),
            ("usage?interval=week", "interval"), ("usage?key=key_", "key"), ("usage?from=yesterday", "from"),
            ("usage?until=2026-02-29T00:00:00Z", "until"), ("usage?until=2026-01-01T00:00:00%2B01:00", "until"),
            ("usage?from=2026-01-02T00:00:00Z&until=2026-01-02T00:00:00Z", "from"),
            ("usage?from=2026-01-01T00:00:00Z&until=2026-02-01T00:00:01Z", "from"),
            ("usage?from=2024-01-01T00:00:00Z&until=2026-02-01T00:00:00Z&interval=day", "from"),
        ]
    )
    func badQueries(target: String, parameter: String) async throws {
        let harness = try await GatewayHarness()
        let answer = try await harness.call("GET", "/admin/v1/\(target)")
        #expect(answer.status == 400)
        #expect(answer.faults == ["query.\(parameter)"])
    }

    @Test("a key is changed, rotated with a grace, and revoked")
    func changes() async throws {
        let harness = try await GatewayHarness()
        let path = "/admin/v1/keys/\(harness.key.record.id)"
        let changed = try await harness.call("POST", path, #"{"name":"new","scopes":["c"]}"#).json()
        #expect(changed["name"] == "new")
        #expect(changed["scopes"] == ["c"])
        #expect(changed["webOrigins"] == [.string(GatewayHarness.shop)])
        #expect(try await harness.call("POST", path, #"{"kind":"secret"}"#).faults == ["kind"])
        let rotated = try await harness.call("POST", path + "/rotate", #"{"grace":"24h"}"#).json()
        #expect(rotated["previous"]?["key"]?.string == harness.key.record.masked)
        #expect(rotated["previous"]?["worksUntil"]?.string == (harness.api.clock.now + .seconds(86_400)).iso8601)
        #expect(rotated["secret"]?.string != harness.key.secret)
        #expect(try await harness.call("POST", path + "/rotate").status == 200)
        #expect(harness.gateway.state.withLock { $0.graces } == [.seconds(86_400), .zero])
        for grace in ["31d", "0s", "soon"] {
            #expect(try await harness.call("POST", path + "/rotate", #"{"grace":"\#(grace)"}"#).faults == ["grace"])
        }
        let revoked = try await harness.call("POST", path + "/revoke").json()
        #expect(revoked["revokedAt"]?.string == harness.api.clock.now.iso8601)
        #expect(try await harness.call("POST", path + "/revoke", #"{"x":1}"#).status == 400)
        #expect(try await harness.call("POST", path + "/revoke-sessions").status == 200)
        #expect(harness.gateway.state.withLock { $0.keys[0].sessionsNotBefore } == harness.api.clock.now)
        #expect(try await harness.call("GET", "/admin/v1/keys/key_000000000000").status == 404)
    }

    @Test("one browser session is taken back by its identifier")
    func revokeSession() async throws {
        let harness = try await GatewayHarness()
        let answer = try await harness.call("POST", "/admin/v1/browser-sessions/bs_0000000000zz/revoke")
        #expect((answer.status, answer.body) == (204, ""))
        #expect(harness.gateway.state.withLock { $0.revokedSessions.map(\.text) } == ["bs_0000000000zz"])
    }

    @Test("signing keys are listed and rotated")
    func signingKeys() async throws {
        let harness = try await GatewayHarness()
        #expect(try await harness.call("GET", "/admin/v1/signing-keys").body == #"{"signingKeys":[]}"#)
        let rotated = try await harness.call("POST", "/admin/v1/signing-keys/rotate").body
        #expect(
            rotated == """
                {"signingKeys":[{"id":"k0","state":"next","createdAt":"2026-03-04T15:30:00.000Z",\
                "signsFrom":"2026-03-04T15:40:00.000Z"}]}
                """
        )
    }
}
