import ControlAPI
import Hummingbird
import SessionModel
import Synchronization
import Testing

@Suite("Organizations' own calls")
struct WalletSessionCallTests {
    @Test("create, list, show and revoke, in the published shapes")
    func life() async throws {
        let harness = try await WalletHarness()
        let created = try await harness.call("POST", "/sessions", harness.body(extra: #","workflowId":"payroll""#))
        #expect(created.status == 200)
        let group = try created.json()
        #expect(group.names == ["createdAt", "sessionAddress", "sessionGroupId", "sessions", "walletId"])
        #expect(group["sessions"]?.elements.first?.names == ["chainId", "expiresAt", "id"])
        let id = try #require(group["sessions"]?.elements.first?["id"]?.string)

        let list = try await harness.call("GET", "/sessions?limit=1&offset=0")
        #expect(try list.json().names == ["items", "limit", "offset", "hasMore"])
        #expect(
            try list.json()["items"]?.elements.first?.names == [
                "id", "walletId", "workflowId", "sessionAddress", "policies", "createdAt", "expiresAt", "chainId",
            ]
        )
        let shown = try await harness.call("GET", "/sessions/\(id)")
        #expect(try shown.json()["proven"]?["approval"] == "digest")
        #expect(try shown.json()["rules"]?.elements.first?["enforcedBy"] == "chain")
        #expect(try shown.json()["state"] == "active")

        let revoked = try await harness.call("DELETE", "/sessions/\(id)")
        #expect(revoked.status == 200)
        #expect(try revoked.json().names == ["id", "revokedAt"])
        let again = try await harness.call("DELETE", "/sessions/\(id)")
        #expect(again.status == 409)
        #expect(again.number == 40_901)
        #expect(try await harness.call("GET", "/sessions").json()["items"] == [])
        #expect(try await harness.call("GET", "/sessions/\(id)").json()["state"] == "revoked")
        #expect(harness.wallets.state.withLock { $0.actors.last?.name }?.hasPrefix("token:otk_") == true)
        for answer in [created, list, shown, revoked] { #expect(!answer.body.contains("secretblob")) }
    }

    @Test("pages say whether more follow")
    func pages() async throws {
        let harness = try await WalletHarness()
        for _ in 0..<3 { _ = try await harness.makeSession() }
        let first = try await harness.call("GET", "/sessions?limit=2").json()
        #expect(first["items"]?.elements.count == 2 && first["hasMore"] == true && first["offset"] == 0)
        let second = try await harness.call("GET", "/sessions?limit=2&offset=2").json()
        #expect(second["items"]?.elements.count == 1 && second["hasMore"] == false && second["offset"] == 2)
        #expect(try await harness.call("GET", "/sessions").json()["limit"] == 20)
        for query in ["limit=0", "limit=101", "limit=x", "offset=-1", "offset=1000001", "limit=1&limit=2", "page=1"] {
            let answer = try await harness.call("GET", "/sessions?\(query)")
            #expect(answer.status == 400 && answer.number == 40_000, "\(query)")
            #expect(answer.faults.first?.hasPrefix("query.") == true)
        }
    }

    @Test("session keys, and delegations of opaque wallets")
    func keysAndDelegations() async throws {
        let harness = try await WalletHarness()
        let key = try await harness.call("POST", "/session-keys")
        #expect(key.status == 200)
        #expect(try key.json()["sessionAddress"]?.string == WalletHarness.address)
        let opaque = try await harness.makeSession(of: harness.opaque)
        let read = try await harness.call("GET", "/sessions/\(opaque)/delegation")
        #expect(try read.json()["serialized"] == "secretblob")
        let kernel = try await harness.makeSession()
        #expect(try await harness.call("GET", "/sessions/\(kernel)/delegation").status == 409)
    }

    @Test(
        "each call needs its scope",
        arguments: [
            ("POST", "/sessions", OrganizationScope.write), ("GET", "/sessions", .read),
            ("GET", "/sessions/ws_zzzzzzzzzzz0", .read), ("DELETE", "/sessions/ws_zzzzzzzzzzz0", .write),
            ("POST", "/session-keys", .write), ("GET", "/sessions/ws_zzzzzzzzzzz0/delegation", .execute),
        ]
    )
    func scopes(method: String, path: String, scope: OrganizationScope) async throws {
        let harness = try await WalletHarness()
        for each in OrganizationScope.allCases {
            let token = try await harness.makeToken([each])
            let answer = try await harness.call(method, path, method == "GET" ? nil : "{}", token: token)
            #expect((answer.status == 403) == (each != scope), "\(each): \(answer.body)")
            if each != scope { #expect(answer.number == 40_300) }
        }
    }

    @Test("nothing but a token of the organization opens them", arguments: [ControlAccess.open, .local, .required])
    func credentials(access: ControlAccess) async throws {
        let harness = try await WalletHarness(access: access)
        let target = "/v1/organizations/\(harness.organization.id)/sessions"
        let none = try await harness.api.call("GET", target)
        #expect(none.status == 401 && none.number == 40_100)
        #expect(none.fields["WWW-Authenticate"] != nil)
        #expect(try none.json().names == ["code", "message", "details", "requestId"])
        let admin = try await harness.api.call("GET", target, token: ControlHarness.adminToken)
        #expect(admin.status == 403)
        let console = try await harness.api.call("GET", target, fields: [("x-daypass-console", "1")])
        #expect(console.status == 401)
        let access = try await harness.api.makeToken([.manage]).secret
        for secret in [access, "dpo_" + String(repeating: "a", count: 40), "x"] {
            let answer = try await harness.api.call("GET", target, token: secret)
            #expect(answer.status == 401 && answer.number == 40_101, "\(secret)")
        }
        let basic = try await harness.api.call("GET", target, fields: [("authorization", "Basic YTpi")])
        #expect(basic.status == 401)
        let doubled = ("authorization", "Bearer \(harness.token)")
        #expect(try await harness.api.call("GET", target, fields: [doubled, doubled]).status == 401)
    }

    @Test("a token of an organization opens nothing else")
    func otherCalls() async throws {
        let harness = try await WalletHarness(access: .local)
        for target in ["/admin/v1/organizations", "/tokens", "/sessions", "/audit", "/admin/v1/chains"] {
            let answer = try await harness.api.call("GET", target, token: harness.token)
            #expect(answer.status == 401, "\(target)")
        }
    }

    @Test("what is another organization's is answered as what does not exist, without a look")
    func others() async throws {
        let harness = try await WalletHarness()
        let theirs = try await harness.makeToken(Set(OrganizationScope.allCases), of: harness.other)
        let mine = try await harness.makeSession()
        let lookups = harness.wallets.state.withLock { $0.lookups }
        var bodies: Set<String> = []
        for organization in [harness.organization.id.text, "org_zzzzzzzzzzz0", "nonsense"] {
            let answer = try await harness.call("GET", "/sessions", token: theirs, of: organization)
            #expect(answer.status == 404 && answer.number == 40_400)
            bodies.insert(answer.bodyWithoutRequestID)
        }
        #expect(harness.wallets.state.withLock { $0.lookups } == lookups)
        let own = harness.other.id.text
        for id in [mine, WalletHarness.unknown, "nonsense"] {
            for method in ["GET", "DELETE"] {
                let answer = try await harness.call(method, "/sessions/\(id)", token: theirs, of: own)
                #expect(answer.status == 404)
                bodies.insert(answer.bodyWithoutRequestID)
            }
        }
        #expect(bodies.count == 1, "\(bodies)")
        let wallets = [harness.otherWallet.id.text, "wal_zzzzzzzzzzz0", "nonsense"]
        for wallet in wallets {
            let body = harness.body().replacing(harness.wallet.id.text, with: wallet)
            let answer = try await harness.call("POST", "/sessions", body)
            #expect(answer.status == 404, "\(wallet)")
            bodies.insert(answer.bodyWithoutRequestID)
        }
        #expect(bodies.count == 1, "\(bodies)")
    }

    @Test("guessing tokens is limited for each address")
    func guessing() async throws {
        let harness = try await WalletHarness { $0.failedAttemptLimit = 3 }
        for _ in 0..<3 { #expect(try await harness.call("GET", "/sessions", token: "dpo_guess").status == 401) }
        let refused = try await harness.call("GET", "/sessions")
        #expect(refused.status == 429 && refused.number == 42_900)
        #expect(refused.fields["Retry-After"] != nil)
        let target = "/v1/organizations/\(harness.organization.id)/sessions"
        #expect(try await harness.api.call("GET", target, token: harness.token, peer: "203.0.113.8").status == 200)
    }
}

@Suite("Refusals under /v1/")
struct OrganizationRefusalTests {
    @Test("have one form, whatever is wrong")
    func form() async throws {
        let harness = try await WalletHarness()
        let unknown = try await harness.api.call("GET", "/v1/else")
        #expect(unknown.status == 404 && unknown.number == 40_400)
        #expect(try unknown.json().names == ["code", "message", "details", "requestId"])
        let method = try await harness.call("PUT", "/sessions", "{}")
        #expect(method.status == 405 && method.number == 40_500)
        #expect(method.fields["Allow"] == "GET, HEAD, POST")
        let type = try await harness.call("POST", "/sessions", "{}", fields: [("content-type", "text/plain")])
        #expect(type.status == 415 && type.number == 41_500)
        let large = try await harness.call("POST", "/session-keys", String(repeating: " ", count: 65_537))
        #expect(large.status == 413 && large.number == 41_300)
        #expect(large.fields["Connection"] == "close")
        let own = "/v1/organizations/\(harness.organization.id)/sessions"
        for path in ["\(own)/", "\(own)//x", "/v1/organizations//sessions", "\(own)/x/y", "/v1", "/v1/"] {
            let answer = try await harness.api.call("GET", path, token: harness.token)
            #expect(answer.status == 404 && answer.number == 40_400, "\(path)")
        }
        // Other paths keep theirs.
        #expect(try await harness.api.call("GET", "/v1else").json()["error"] != nil)
    }

    @Test(
        "of bodies that are not strict JSON",
        arguments: [
            "", "[]", "{", #"{"a":1,"a":1}"#, #"{"policies":{"x":{},"x":{}}}"#, String(repeating: "[", count: 100),
            "{} {}", "nul",
        ]
    )
    func json(body: String) async throws {
        let harness = try await WalletHarness()
        let answer = try await harness.call("POST", "/sessions", body)
        #expect(answer.status == 400 && answer.number == 40_000)
        let strict = try await harness.call("POST", "/sessions", harness.body(extra: #","more":1"#))
        #expect(strict.faults == ["more"])
    }

    @Test("say where and why a delegation was not accepted")
    func delegation() async throws {
        let harness = try await WalletHarness()
        let answer = try await harness.call("POST", "/sessions", harness.body(serialized: "refuse me"))
        #expect(answer.status == 400 && answer.number == 40_001)
        #expect(answer.faults == ["installs[0].serialized"])
        #expect(!answer.body.contains("refuse me"))
    }

    @Test("of bodies for which there is no room right now")
    func budget() async throws {
        let harness = try await WalletHarness { $0.maximumDelegationsBytesAtOnce = 4 * 1000 }
        #expect(try await harness.call("POST", "/sessions", harness.body()).status == 200)
        let padded = harness.body() + String(repeating: " ", count: 1000)
        let refused = try await harness.call("POST", "/sessions", padded)
        #expect(refused.status == 429 && refused.fields["Retry-After"] == "1")
        // What was reserved is given back.
        #expect(try await harness.call("POST", "/sessions", harness.body()).status == 200)
        // Without a length the largest body is reserved.
        let head: [(name: String, value: String)] = [
            ("content-type", "application/json"), ("transfer-encoding", "chunked"),
            ("authorization", "Bearer \(harness.token)"),
        ]
        let body = RequestBody(buffer: ByteBuffer(string: harness.body()))
        let target = "/v1/organizations/\(harness.organization.id)/sessions"
        #expect(try await harness.api.send("POST", target, body, fields: head).status == 429)
    }

    @Test("are not for want of room when the body is too large anyway")
    func tooLarge() async throws {
        let harness = try await WalletHarness { $0.maximumDelegationsBytes = 5000 }
        let answer = try await harness.call("POST", "/sessions", String(repeating: " ", count: 5001))
        #expect(answer.status == 413 && answer.number == 41_300)
    }

    @Test("where a server has no wallet sessions")
    func without() async throws {
        let api = try ControlHarness()
        let answer = try await api.call("GET", "/v1/organizations/org_aaaaaaaaaaaa/sessions", token: "dpo_x")
        #expect(answer.status == 503 && answer.number == 50_300)
        let admin = try await api.call("GET", "/admin/v1/organizations", token: ControlHarness.adminToken)
        #expect(admin.status == 503 && admin.code == "service_unavailable")
    }
}
