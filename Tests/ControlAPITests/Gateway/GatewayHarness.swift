import AccessControl
import ControlAPI
import SessionModel
import Testing

/// A control API over a gateway with one tenant, `acme`, and its keys.
struct GatewayHarness {
    static let shop = "https://shop.example"

    let api: ControlHarness
    let gateway: FakeGateway
    /// A publishable key of `acme` for `shop`, with the scope `quotes:read`.
    let key: CreatedAPIKey
    /// A secret key of `acme`, with both scopes.
    let serverKey: CreatedAPIKey

    static let routes = """
        [{"methods":["GET"],"path":"/quotes","scope":"quotes:read"},
         {"methods":["GET","DELETE"],"path":"/quotes/{id}","scope":"quotes:read","session":"never"},
         {"methods":["POST"],"path":"/quotes","scope":"quotes:write","idempotency":"required"}]
        """

    init(
        tenant: String = #""hosts":["api.acme.example"]"#,
        configure: (inout ControlAPIConfiguration) -> Void = { _ in }
    ) async throws {
        let clock = ManualClock()
        let gateway = FakeGateway(clock: clock)
        self.gateway = gateway
        self.api = try ControlHarness(clock: clock, gateway: gateway, configure: configure)
        let body = #"{"slug":"acme","upstream":"http://127.0.0.1:4000",\#(tenant),"routes":\#(Self.routes)}"#
        let actor = Actor(name: "test", address: "")
        let acme = try await gateway.put(Tenant(json: JSONParser.parse(Array(body.utf8))), onlyNew: true, by: actor)
        func make(_ json: String) async throws -> CreatedAPIKey {
            let request = try NewAPIKey(json: JSONParser.parse(Array(json.utf8)))
            return try await gateway.createKey(request, tenant: acme.slug, by: actor)
        }
        self.key = try await make(
            #"{"name":"shop","scopes":["quotes:read"],"webOrigins":["\#(Self.shop)"]}"#
        )
        self.serverKey = try await make(
            #"{"name":"server","kind":"secret","scopes":["quotes:read","quotes:write"]}"#
        )
    }

    /// Calls with the admin token.
    @discardableResult
    func call(_ method: String, _ target: String, _ body: String? = nil) async throws -> ControlAnswer {
        try await self.api.call(method, target, body: body, token: ControlHarness.adminToken)
    }
}
