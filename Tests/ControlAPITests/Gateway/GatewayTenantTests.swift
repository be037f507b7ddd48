import ControlAPI
import SessionModel
import Synchronization
import Testing

@Suite("The admin API of the gateway: tenants, routes, plans, declarations")
struct GatewayTenantTests {
    private static let bolt = """
        {"slug":"bolt","hosts":["api.bolt.example"],"basePath":"/v2","upstream":"tunnel:quiet-lime-42","status":"active",\
        "modules":["quotes"],"sessionMinutes":15,"default":true,"routes":[{"methods":["GET"],"path":"/x","scope":"x"}]}
        """

    @Test("a tenant is made once, shown, replaced and deleted")
    func lifecycle() async throws {
        let harness = try await GatewayHarness()
        let made = try await harness.call("POST", "/admin/v1/tenants", Self.bolt)
        #expect(made.status == 201)
        #expect(made.body == Self.bolt)
        #expect(try await harness.call("POST", "/admin/v1/tenants", Self.bolt).status == 409)
        #expect(try await harness.call("GET", "/admin/v1/tenants/bolt").body == Self.bolt)
        let smaller = #"{"slug":"bolt","upstream":"http://127.0.0.1:1"}"#
        let replaced = try await harness.call("PUT", "/admin/v1/tenants/bolt", smaller)
        #expect(replaced.status == 200)
        #expect(try replaced.json()["hosts"] == [])
        #expect(try replaced.json()["basePath"] == "/api/v1")
        let all = try await harness.call("GET", "/admin/v1/tenants").json()["tenants"]?.elements
        #expect(all?.map { $0["slug"]?.string } == ["acme", "bolt"])
        let gone = try await harness.call("DELETE", "/admin/v1/tenants/bolt")
        #expect((gone.status, gone.body, gone.contentType) == (204, "", nil))
        #expect(try await harness.call("GET", "/admin/v1/tenants/bolt").code == "not_found")
        #expect(try await harness.call("DELETE", "/admin/v1/tenants/bolt").status == 404)
        // Changes are the admin's, from where they came.
        let actors = harness.gateway.state.withLock { $0.actors.dropFirst() }
        #expect(actors.allSatisfy { $0 == Actor(name: "admin", address: "127.0.0.1") } && actors.count == 3)
    }

    @Test("the name in the body is the one in the path")
    func names() async throws {
        let harness = try await GatewayHarness()
        #expect(try await harness.call("PUT", "/admin/v1/tenants/other", Self.bolt).faults == ["slug"])
        #expect(harness.gateway.state.withLock { $0.tenants.count } == 1)
        let plan = #"{"name":"basic","limits":[{"class":"reads","maximum":5,"per":"key"}]}"#
        #expect(try await harness.call("PUT", "/admin/v1/plans/other", plan).faults == ["name"])
        #expect(try await harness.call("PUT", "/admin/v1/plans/basic", plan).status == 200)
    }

    @Test(
        "a parameter that can be nobody's name is not found, whatever the body",
        arguments: [
            ("GET", "/admin/v1/tenants/A"), ("PUT", "/admin/v1/tenants/a%20b"), ("DELETE", "/admin/v1/tenants/.."),
            ("POST", "/admin/v1/tenants/x/status"), ("GET", "/admin/v1/routes/UP"), ("PUT", "/admin/v1/routes/a"),
            ("PUT", "/admin/v1/plans/Gold"), ("DELETE", "/admin/v1/plans/%2e"), ("GET", "/admin/v1/keys/key_1"),
            ("POST", "/admin/v1/keys/key_AAAAAAAAAAAA"), ("POST", "/admin/v1/keys/x/rotate"),
            ("POST", "/admin/v1/keys/x/revoke"), ("POST", "/admin/v1/keys/x/revoke-sessions"),
            ("POST", "/admin/v1/browser-sessions/sess_1/revoke"),
        ]
    )
    func malformedNames(method: String, path: String) async throws {
        let harness = try await GatewayHarness()
        let answer = try await harness.call(method, path, method == "GET" ? nil : #"{"no":"such"}"#)
        #expect(answer.status == 404)
        #expect(answer.code == "not_found")
    }

    @Test("every problem of a tenant is named by its place")
    func problems() async throws {
        let harness = try await GatewayHarness()
        let body = """
            {"slug":"A","hosts":["UP"],"upstream":"ftp://x","status":"odd","sessionMinutes":4,"routes":[{"methods":["GET"],\
            "path":"/a/{x}","scope":"s"},{"methods":["GET"],"path":"/a/{y}","scope":"s"}],"color":"red"}
            """
        let answer = try await harness.call("POST", "/admin/v1/tenants", body)
        #expect(answer.status == 400)
        #expect(
            answer.faults.sorted() == [
                "color", "hosts[0]", "routes[1]", "sessionMinutes", "slug", "status", "upstream",
            ]
        )
    }

    @Test("a status is changed alone")
    func status() async throws {
        let harness = try await GatewayHarness()
        let path = "/admin/v1/tenants/acme/status"
        for status in TenantStatus.allCases {
            let answer = try await harness.call("POST", path, #"{"status":"\#(status.rawValue)"}"#)
            #expect(try answer.json()["status"]?.string == status.rawValue)
        }
        #expect(try await harness.call("POST", path, #"{"status":"gone"}"#).faults == ["status"])
        #expect(try await harness.call("POST", path).faults == ["status"])
        let nobody = "/admin/v1/tenants/nobody/status"
        #expect(try await harness.call("POST", nobody, #"{"status":"active"}"#).status == 404)
    }

    @Test("routes are read and replaced, and may not repeat each other")
    func routes() async throws {
        let harness = try await GatewayHarness()
        let path = "/admin/v1/routes/acme"
        #expect(try await harness.call("GET", path).json()["routes"]?.elements.count == 3)
        let one = #"{"routes":[{"methods":["GET","HEAD"],"path":"/a/{id}","scope":"a:read","session":"always"}]}"#
        #expect(try await harness.call("PUT", path, one).body == one)
        #expect(try await harness.call("GET", path).body == one)
        let twice = """
            {"routes":[{"methods":["GET"],"path":"/a/{b}","scope":"a"},{"methods":["GET"],"path":"/a/{c}","scope":"a"}]}
            """
        #expect(try await harness.call("PUT", path, twice).faults == ["routes[1]"])
        // GET includes HEAD, and POST /sessions is the gateway's.
        let hidden = """
            {"routes":[{"methods":["GET"],"path":"/a/{b}","scope":"a"},{"methods":["HEAD"],"path":"/a/{c}","scope":"a"},
            {"methods":["GET","POST"],"path":"/sessions","scope":"a"}]}
            """
        #expect(try await harness.call("PUT", path, hidden).faults == ["routes[1]", "routes[2]"])
        #expect(try await harness.call("PUT", path, "{}").faults == ["routes"])
        #expect(try await harness.call("PUT", path, #"{"routes":[],"hosts":[]}"#).faults == ["hosts"])
        #expect(try await harness.call("GET", path).body == one)
    }

    @Test("plans are listed, replaced and deleted")
    func plans() async throws {
        let harness = try await GatewayHarness()
        let plan = #"{"name":"basic","limits":[{"class":"reads","windowSeconds":60,"maximum":5,"per":"key"}]}"#
        #expect(try await harness.call("PUT", "/admin/v1/plans/basic", plan).body == plan)
        let all = try await harness.call("GET", "/admin/v1/plans").json()["plans"]?.elements
        #expect(all?.map { $0["name"]?.string } == ["basic", "standard"])
        #expect(try await harness.call("DELETE", "/admin/v1/plans/standard").status == 409)
        #expect(try await harness.call("DELETE", "/admin/v1/plans/basic").status == 204)
        #expect(try await harness.call("DELETE", "/admin/v1/plans/basic").status == 404)
    }

    @Test("a declaration is applied, or only told")
    func apply() async throws {
        let harness = try await GatewayHarness()
        let tenants = """
            [{"slug":"acme","upstream":"http://127.0.0.1:9"},{"slug":"bolt","upstream":"http://127.0.0.1:8"}]
            """
        let told = """
            {"changes":[{"kind":"changed","subject":"tenant acme","fields":["upstream"]},\
            {"kind":"added","subject":"tenant bolt","fields":[]}]}
            """
        let dryRun = #"{"dryRun":true,"tenants":\#(tenants)}"#
        #expect(try await harness.call("POST", "/admin/v1/apply", dryRun).body == told)
        #expect(harness.gateway.state.withLock { $0.tenants.count } == 1)
        #expect(try await harness.call("POST", "/admin/v1/apply", #"{"tenants":\#(tenants)}"#).body == told)
        #expect(harness.gateway.state.withLock { $0.tenants.count } == 2)
        #expect(try await harness.call("POST", "/admin/v1/apply").body == #"{"changes":[]}"#)
        #expect(try await harness.call("POST", "/admin/v1/apply", #"{"dryRun":"yes"}"#).faults == ["dryRun"])
        #expect(try await harness.call("POST", "/admin/v1/apply", #"{"keys":[]}"#).faults == ["keys"])
        #expect(try await harness.call("POST", "/admin/v1/apply", "[]").status == 400)
        let repeated = #"{"tenants":[{"slug":"abc","upstream":"http://a"},{"slug":"abc","upstream":"http://a"}]}"#
        #expect(try await harness.call("POST", "/admin/v1/apply", repeated).faults == ["tenants[1].slug"])
    }

    @Test("declarations may be larger than other bodies")
    func sizes() async throws {
        let harness = try await GatewayHarness()
        let routes = (0..<1000)
            .map { #"{"methods":["GET","POST"],"path":"/a-route-of-some-length/\#($0)/{id}","scope":"thing:read"}"# }
            .joined(separator: ",")
        let tenant = #"{"slug":"large","upstream":"http://127.0.0.1:8","routes":[\#(routes)]}"#
        #expect(tenant.utf8.count > 64 * 1024)
        #expect(try await harness.call("POST", "/admin/v1/apply", #"{"tenants":[\#(tenant)]}"#).status == 200)
        #expect(try await harness.call("PUT", "/admin/v1/tenants/large", tenant).status == 200)
        #expect(try await harness.call("PUT", "/admin/v1/routes/large", #"{"routes":[\#(routes)]}"#).status == 200)
        let space = String(repeating: " ", count: 64 * 1024)
        #expect(try await harness.call("POST", "/admin/v1/explain", "{\(space)}").status == 413)
        #expect(try await harness.call("POST", "/admin/v1/tenants/large/status", "{\(space)}").status == 413)
        let limit = harness.api.configuration.maximumDeclarationBytes
        #expect(limit == 1024 * 1024)
        let whole = "{\(String(repeating: " ", count: limit - 2))}"
        #expect(try await harness.call("POST", "/admin/v1/apply", whole).status == 200)
        #expect(try await harness.call("POST", "/admin/v1/apply", whole + " ").status == 413)
    }

    @Test("only the admin token opens these calls, and they say so when there is no gateway")
    func admission() async throws {
        let harness = try await GatewayHarness { $0.failedAttemptLimit = 1000 }
        let plain = try ControlHarness()
        let token = try await harness.api.makeToken([.manage]).secret
        for operation in ControlOperation.allCases where operation.path.hasPrefix("/admin/v1/") {
            let path = operation.path.replacing("{slug}", with: "acme").replacing("{name}", with: "standard")
                .replacing("{keyId}", with: harness.key.record.id.text).replacing("{sid}", with: "bs_000000000001")
            let method = operation.method.rawValue
            #expect(try await harness.api.call(method, path).status == 401)
            #expect(try await harness.api.call(method, path, token: token).status == 403)
            #expect(try await harness.api.call(method, path, token: String(repeating: "x", count: 40)).status == 401)
            // Bodies are read before the gateway is looked for.
            let body = operation == .createTenant || operation == .putTenant ? Self.tenant : Self.bodies[operation]
            let answer = try await plain.call(method, path, body: body, token: ControlHarness.adminToken)
            #expect(answer.code == "service_unavailable", "\(method) \(path)")
        }
    }

    private static let tenant = #"{"slug":"acme","upstream":"http://127.0.0.1:1"}"#
    private static let bodies: [ControlOperation: String] = [
        .setTenantStatus: #"{"status":"active"}"#, .putRoutes: #"{"routes":[]}"#,
        .putPlan: #"{"name":"standard","limits":[{"class":"reads","maximum":1,"per":"key"}]}"#,
        .createKey: #"{"tenant":"acme","name":"x","scopes":["a"],"webOrigins":["https://a.example"]}"#,
        .explainRequest: #"{"method":"GET","path":"/"}"#,
    ]
}
