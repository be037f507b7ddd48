package import AccessControl
import DaypassTestSupport
package import SessionModel
import Testing

/// A tenant with keys and routes, and requests to it.
package struct GatewayFixture {
    package let now = Fixture.start
    package var tenant: Tenant
    package var keys: [APIKeyRecord] = []
    package var secrets: [String: String] = [:]
    package var plans: [Plan] = []
    private var generator = SeededGenerator(seed: 77)

    package static let origin = "https://shop.example"
    package static let issuer = "https://api.example"

    package init() throws {
        self.tenant = Tenant(
            slug: try #require(Slug("acme")),
            hosts: ["api.acme.example"],
            upstream: try #require(TenantUpstream(parsing: "http://127.0.0.1:9000")),
            modules: [try #require(PolicyName("quotes"))]
        )
        func route(_ methods: [APIMethod], _ path: String, _ scope: String = "quotes") throws -> APIRoute {
            APIRoute(methods: methods, pattern: try #require(RoutePattern(path)), scope: try #require(Scope(scope)))
        }
        var modular = try route([.get], "/reports")
        modular.module = PolicyName("reports")
        var repeated = try route([.post], "/orders")
        repeated.session = .never
        repeated.idempotency = .required
        var always = try route([.get], "/me")
        always.session = .always
        self.tenant.routes = [
            try route([.get, .post], "/quotes"), try route([.get], "/quotes/{id}"),
            try route([.get], "/quotes/admin", "admin"),
            try route([.get], "/files/**"), modular, repeated, always,
        ]
        try self.add("pk", .publishable, .browser, origins: [Self.origin, "https://*.shops.example"])
        try self.add("both", .publishable, .both, origins: [Self.origin])
        try self.add("sk", .secret, .server, origins: [])
        try self.add("other-origin", .publishable, .browser, origins: ["https://other.example"])
        try self.add("expired", .publishable, .browser, origins: [Self.origin]) { $0.expiresAt = Fixture.start }
        try self.add("revoked", .publishable, .browser, origins: [Self.origin]) {
            $0.revokedAt = Fixture.start
            $0.expiresAt = Fixture.start
        }
    }

    package mutating func add(
        _ name: String,
        _ kind: APIKeyKind,
        _ channels: KeyChannels,
        origins: [String],
        change: (inout APIKeyRecord) -> Void = { _ in }
    ) throws {
        let secret = APIKeyText.random(kind: kind, mode: .live, using: &self.generator)
        var record = APIKeyRecord(
            id: .random(using: &self.generator),
            tenant: self.tenant.slug,
            name: name,
            kind: kind,
            mode: .live,
            digest: SecretDigest(of: secret),
            lastFour: String(secret.suffix(4)),
            scopes: [try #require(Scope("quotes"))],
            webOrigins: try origins.map { try WebOriginRule(parsing: $0) },
            channels: channels,
            createdAt: self.now
        )
        change(&record)
        self.keys.append(record)
        self.secrets[name] = secret
    }

    package var snapshot: GatewaySnapshot {
        GatewaySnapshot(issuer: Self.issuer, tenants: [self.tenant], keys: self.keys, plans: self.plans)
    }

    package func id(_ name: String) throws -> APIKeyID { try #require(self.keys.first { $0.name == name }).id }

    /// A ledger for which a signature is good when its first byte is 7.
    package var state: GatewayState {
        GatewayState(tokens: VerifiedTokens(keyIDs: ["k1"], isGood: { $0.signature.first == 7 }))
    }

    package func claims(_ name: String = "pk", at time: Timestamp, origin: String = origin) throws -> SessionClaims {
        var generator = SeededGenerator(seed: 5)
        return SessionClaims(
            issuer: Self.issuer,
            tenant: self.tenant,
            key: try self.id(name),
            webOrigin: try #require(WebOrigin(header: origin)),
            renewing: nil,
            now: time,
            using: &generator
        )
    }

    package static func token(_ claims: SessionClaims, keyID: String = "k1", signature: UInt8 = 7) -> String {
        let signed = UnverifiedToken.signingInput(keyID: keyID, claims: claims)
        return String(decoding: signed, as: UTF8.self) + "."
            + self.encoded([signature] + [UInt8](repeating: 0, count: 63))
    }

    /// Base64url without padding.
    package static func encoded(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let bits = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
            for index in 0...part.count { text.append(alphabet[bits >> (18 - 6 * index) & 63]) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    package func request(
        _ method: String = "GET",
        _ path: String = "/api/v1/quotes",
        key: String? = "pk",
        origin: String? = origin,
        token: String? = nil,
        change: (inout GatewayRequest) -> Void = { _ in }
    ) throws -> GatewayRequest {
        var request = GatewayRequest(
            method: method,
            target: path,
            address: try Fixture.address("198.51.100.7"),
            origin: GatewayField(origin),
            authorization: GatewayField(key.map { "Bearer \(self.secrets[$0] ?? $0)" }),
            sessionToken: GatewayField(token)
        )
        change(&request)
        return request
    }

    package func decide(_ request: GatewayRequest, _ state: inout GatewayState, at time: Timestamp? = nil) throws
        -> GatewayVerdict
    {
        let time = time ?? self.now
        let snapshot = self.snapshot
        let explained = try #require(snapshot.explain(request, tenant: self.tenant.slug, now: time, ledger: state))
        let verdict = try #require(snapshot.decide(request, tenant: self.tenant.slug, now: time, ledger: &state))
        // Explaining decides alike.
        #expect(explained.verdict.outcome == verdict.outcome)
        #expect(explained.verdict.decidedBy == verdict.decidedBy)
        #expect(explained.steps.map(\.check) == GatewayCheck.order)
        return verdict
    }
}
