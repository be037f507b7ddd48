import AccessControl
import SessionModel

extension HotPath {
    /// A page's read of a tenant with 1000 keys and 100 routes, judged by the API gateway.
    static func gateway(_ count: Int) throws -> Int { try Self.gateway(count, isWrite: false) }

    /// The same for a write with a session token that was seen before.
    static func gatewayWrite(_ count: Int) throws -> Int { try Self.gateway(count, isWrite: true) }

    private static func gateway(_ count: Int, isWrite: Bool) throws -> Int {
        let now = Timestamp(millisecondsSinceEpoch: 1_772_638_200_000)
        var generator = SystemRandomNumberGenerator()
        guard let slug = Slug("acme"), let upstream = TenantUpstream(parsing: "http://127.0.0.1:9000"),
            let scope = Scope("quotes"), let pageOrigin = WebOrigin(header: "https://shop.example"),
            let address = ClientAddress(parsing: "192.0.2.7")
        else { return 0 }
        let routes = (0..<100).compactMap { RoutePattern("/things-\($0)/{id}") }
            .map { APIRoute(methods: [.get, .post], pattern: $0, scope: scope) }
        let tenant = Tenant(slug: slug, hosts: ["api.example.com"], upstream: upstream, routes: routes)
        let body = try JSONParser.parse(
            Array(#"{"name":"shop","scopes":["quotes"],"webOrigins":["https://shop.example"],"plan":"large"}"#.utf8)
        )
        let wanted = try NewAPIKey(json: body)
        let made = (0..<1000).map { _ in APIKeyRecord.make(wanted, tenant: slug, now: now, using: &generator) }
        guard let large = PolicyName("large"), let key = made.last else { return 0 }
        let limits = [PolicyName.reads, .writes]
            .flatMap { name in
                [LimitSubject.key, .visitor].map { Limit(name, maximum: 1_000_000_000, per: $0) }
            }
        let snapshot = GatewaySnapshot(
            issuer: "https://api.example.com",
            tenants: [tenant],
            keys: made.map(\.record),
            plans: [Plan(name: large, limits: limits)]
        )
        let claims = SessionClaims(
            issuer: snapshot.issuer,
            tenant: tenant,
            key: key.record.id,
            webOrigin: pageOrigin,
            renewing: nil,
            now: now,
            using: &generator
        )
        let signed = String(decoding: UnverifiedToken.signingInput(keyID: "k1", claims: claims), as: UTF8.self)
        var state = GatewayState(tokens: VerifiedTokens(keyIDs: ["k1"], isGood: { _ in true }))
        let request = GatewayRequest(
            method: isWrite ? "POST" : "GET",
            target: "/api/v1/things-77/4711?expand=lines",
            address: address,
            origin: GatewayField("https://shop.example"),
            authorization: GatewayField("Bearer \(key.secret)"),
            sessionToken: GatewayField(isWrite ? signed + "." + String(repeating: "A", count: 86) : nil)
        )
        var fields = 0
        for _ in 0..<count {
            guard let found = snapshot.tenant(host: "api.example.com", target: request.target),
                let verdict = snapshot.decide(request, tenant: found, now: now, ledger: &state)
            else { return 0 }
            guard verdict.refusal == nil else { return 0 }
            fields += verdict.answerFields().count
        }
        return fields
    }
}
