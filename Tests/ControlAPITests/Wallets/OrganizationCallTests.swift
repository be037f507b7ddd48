import ControlAPI
import SessionModel
import Synchronization
import Testing

@Suite("The admin's calls about wallets")
struct OrganizationCallTests {
    @Test(
        "are for the admin only",
        arguments: ControlOperation.allCases.filter { $0.part == .wallets && $0.audience == .admin }
    )
    func adminOnly(operation: ControlOperation) async throws {
        let harness = try await WalletHarness(access: .open)
        let path = operation.path.replacing(/\{[a-zA-Z]+\}/, with: "x")
        let token = try await harness.api.makeToken([.manage]).secret
        let body = operation.method == .get ? nil : "{}"
        #expect(try await harness.api.call(operation.method.rawValue, path, body: body).status == 401)
        #expect(try await harness.api.call(operation.method.rawValue, path, body: body, token: token).status == 403)
        let own = try await harness.api.call(operation.method.rawValue, path, body: body, token: harness.token)
        #expect(own.status == 401)
    }

    @Test("organizations are made, changed and deleted")
    func organizations() async throws {
        let harness = try await WalletHarness()
        let made = try await harness.admin("POST", "/organizations", #"{"name":"Three"}"#)
        #expect(made.status == 201)
        #expect(try made.json()["allowWildcard"] == false)
        let id = try #require(made.json()["id"]?.string)
        let changed = try await harness.admin("POST", "/organizations/\(id)", #"{"allowWildcard":true}"#)
        #expect(try changed.json()["allowWildcard"] == true && changed.json()["name"] == "Three")
        #expect(try await harness.admin("GET", "/organizations").json()["organizations"]?.elements.count == 3)
        #expect(try await harness.admin("GET", "/organizations/\(id)").status == 200)
        #expect(try await harness.admin("DELETE", "/organizations/\(id)").status == 204)
        #expect(try await harness.admin("GET", "/organizations/\(id)").code == "not_found")
        #expect(try await harness.admin("DELETE", "/organizations/\(harness.organization.id)").status == 409)
        for body in [#"{}"#, #"{"name":""}"#, #"{"name":1}"#, #"{"name":"x","more":1}"#] {
            #expect(try await harness.admin("POST", "/organizations", body).code == "validation_error", "\(body)")
        }
    }

    @Test("a token is shown once and ends when revoked")
    func tokens() async throws {
        let harness = try await WalletHarness()
        let path = "/organizations/\(harness.organization.id)/tokens"
        let made = try await harness.admin("POST", path, #"{"label":"ci","scopes":["read"],"expiresIn":"1d"}"#)
        #expect(made.status == 201)
        let secret = try #require(made.json()["token"]?.string)
        #expect(try await harness.call("GET", "/sessions", token: secret).status == 200)
        let list = try await harness.admin("GET", path)
        #expect(!list.body.contains(secret) && list.body.contains("\"ci\""))
        let id = try #require(made.json()["id"]?.string)
        let revoked = try await harness.admin("POST", "\(path)/\(id)/revoke")
        #expect(try revoked.json()["revokedAt"]?.string != nil)
        #expect(try await harness.call("GET", "/sessions", token: secret).status == 401)
        let elsewhere = "/organizations/\(harness.other.id)/tokens/\(id)/revoke"
        #expect(try await harness.admin("POST", elsewhere).status == 404)
        let bad = try await harness.admin("POST", path, #"{"label":"ci","scopes":["admin"]}"#)
        #expect(bad.faults == ["scopes[0]"])
    }

    @Test("wallets are registered and removed")
    func wallets() async throws {
        let harness = try await WalletHarness()
        let path = "/organizations/\(harness.organization.id)/wallets"
        let body = #"{"name":"Payroll","address":"\#(WalletHarness.address)"}"#
        let made = try await harness.admin("POST", path, body)
        #expect(made.status == 201)
        #expect(try made.json()["kind"] == "kernel")
        let id = try #require(made.json()["id"]?.string)
        #expect(try await harness.admin("GET", "\(path)?limit=2").json()["hasMore"] == true)
        #expect(try await harness.admin("GET", "\(path)/\(id)").status == 200)
        #expect(try await harness.admin("DELETE", "\(path)/\(id)").status == 204)
        #expect(try await harness.admin("GET", "\(path)/\(id)").status == 404)
        #expect(try await harness.admin("POST", path, #"{"name":"x"}"#).faults == ["address"])
        #expect(try await harness.admin("POST", path, #"{"name":"x","address":"0x1"}"#).faults == ["address"])
        _ = try await harness.call("POST", "/session-keys")
        let keys = try await harness.admin("GET", "/organizations/\(harness.organization.id)/session-keys")
        #expect(try keys.json()["items"]?.elements.count == 1)
    }

    @Test("chains are shown without what may be a provider's key")
    func chains() async throws {
        let harness = try await WalletHarness()
        let put = try await harness.admin(
            "PUT",
            "/chains/84532",
            #"{"name":"Base Sepolia","nodeUrl":"https://node.example/v3/topsecret"}"#
        )
        #expect(put.status == 200)
        #expect(try put.json()["nodeUrl"] == "https://node.example/…")
        #expect(try await harness.admin("GET", "/chains").json()["chains"]?.elements.count == 1)
        #expect(try await harness.admin("DELETE", "/chains/84532").status == 204)
        #expect(try await harness.admin("DELETE", "/chains/84532").status == 404)
        for id in ["0", "-1", "01", "1e3", "9007199254740992", "x"] {
            #expect(try await harness.admin("PUT", "/chains/\(id)", "{}").status == 404, "\(id)")
        }
        let bad = try await harness.admin("PUT", "/chains/1", #"{"nodeUrl":"ftp://node.example"}"#)
        #expect(bad.faults == ["nodeUrl"])
    }

    @Test("sessions are seen and revoked, and never made")
    func sessions() async throws {
        let harness = try await WalletHarness()
        let id = try await harness.makeSession()
        let path = "/organizations/\(harness.organization.id)/sessions"
        #expect(try await harness.admin("GET", path).json()["items"]?.elements.count == 1)
        #expect(try await harness.admin("GET", "\(path)/\(id)").json()["state"] == "active")
        #expect(try await harness.admin("POST", path, harness.body()).status == 405)
        #expect(try await harness.admin("POST", "\(path)/\(id)/revoke").status == 200)
        let again = try await harness.admin("POST", "\(path)/\(id)/revoke")
        #expect(again.status == 409 && again.code == "conflict")
        #expect(harness.wallets.state.withLock { $0.actors.last?.name } == "admin")
    }

    @Test("the audit trail is listed and computed again")
    func audit() async throws {
        let harness = try await WalletHarness()
        _ = try await harness.makeSession()
        let ledger = "/wallet-audit/\(harness.organization.id)"
        let records = try await harness.admin("GET", "\(ledger)?limit=2").json()["records"]?.elements ?? []
        #expect(records.first?["action"] == "session.created")
        #expect(records.count == 2)
        let before = try await harness.admin("GET", "\(ledger)?before=2").json()["records"]?.elements ?? []
        #expect(before.count == 1)
        #expect(try await harness.admin("GET", "\(ledger)/verify").json()["intact"] == true)
        harness.wallets.state.withLock { state in
            state.audit[.organization(harness.organization.id)]?[1].subject = "another"
        }
        let verdict = try await harness.admin("GET", "\(ledger)/verify").json()
        #expect(verdict["intact"] == false && verdict["problem"]?["sequence"] == 2)
        #expect(try await harness.admin("GET", "/wallet-audit/server").status == 200)
        #expect(try await harness.admin("GET", "/wallet-audit/nobody").status == 404)
        #expect(try await harness.admin("GET", "\(ledger)?before=0").faults == ["query.before"])
    }
}
