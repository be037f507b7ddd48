package import SessionModel
package import SessionStore

/// Tenants, plans, keys and events for tests, each different from the others and the same at every run.
package struct SampleGateway {
    private var generator: SeededGenerator
    private var number = 0
    /// When the next record is made.
    package var now: Timestamp
    /// Who makes them.
    package let actor = Actor(name: "admin", address: "127.0.0.1")

    /// Samples that depend only on `seed`.
    package init(seed: UInt64 = 1, now: Timestamp = SampleSessions().now) {
        self.generator = SeededGenerator(seed: seed)
        self.now = now
    }

    /// A tenant with two routes, served at `hosts`.
    package mutating func tenant(_ slug: String, hosts: [String] = [], isDefault: Bool = false) -> Tenant {
        self.number += 1
        return Tenant(
            slug: Self.slug(slug),
            hosts: hosts,
            upstream: Self.required(TenantUpstream(parsing: "http://127.0.0.1:\(9000 + self.number)/base")),
            modules: [Self.name("quotes"), Self.name("reports")],
            sessionLifetime: .seconds(300),
            isDefault: isDefault,
            routes: [
                APIRoute(
                    methods: [.get, .post],
                    pattern: Self.required(RoutePattern("/quotes/{id}")),
                    scope: Self.scope("quotes"),
                    module: Self.name("quotes"),
                    limitClass: Self.name("heavy"),
                    session: .always,
                    idempotency: .required
                ),
                APIRoute(
                    methods: [.delete],
                    pattern: Self.required(RoutePattern("/files/**")),
                    scope: Self.scope("files:write")
                ),
            ]
        )
    }

    /// A plan with limits of two classes.
    package func plan(_ name: String, maximum: Int = 1000) -> Plan {
        Plan(
            name: Self.name(name),
            limits: [
                Limit(.reads, windowSeconds: 86_400, maximum: maximum, per: .key),
                Limit(.writes, windowSeconds: 60, maximum: 6, per: .visitor),
            ]
        )
    }

    /// A publishable key of `tenant` and nothing that knows its secret.
    package mutating func key(of tenant: Slug, plan: PolicyName = .standard) -> APIKeyRecord {
        self.number += 1
        return APIKeyRecord(
            id: .random(using: &self.generator),
            tenant: tenant,
            name: "key \(self.number)",
            kind: .publishable,
            mode: .live,
            digest: SecretDigest(of: randomBase36(40, using: &self.generator)),
            lastFour: randomBase36(4, using: &self.generator),
            scopes: [Self.scope("quotes"), Self.scope("files:write")],
            webOrigins: ["https://shop.example", "http://localhost:3000", "https://*.shops.example"].map(Self.origin),
            channels: .both,
            plan: plan,
            createdAt: self.now
        )
    }

    /// A signing key of random bytes, from now on.
    package mutating func signingKey(signsUntil: Timestamp? = nil) -> SigningKeyRecord {
        SigningKeyRecord(
            id: randomBase36(16, using: &self.generator),
            privateKey: SecretBytes((0..<32).map { _ in UInt8.random(in: 0...255, using: &self.generator) }),
            createdAt: self.now,
            signsFrom: self.now,
            signsUntil: signsUntil
        )
    }

    /// A browser session.
    package mutating func session() -> BrowserSessionID { .random(using: &self.generator) }

    /// An event about `tenant`.
    package func event(
        _ action: AuditEvent.Action,
        of tenant: Slug? = nil,
        summary: String = "sample"
    ) -> AuditEvent {
        AuditEvent(
            sessionID: nil,
            tenant: tenant,
            at: self.now,
            actor: self.actor,
            action: action,
            summary: summary
        )
    }

    /// The slug `text`, which must be one.
    package static func slug(_ text: String) -> Slug { self.required(Slug(text)) }

    /// The name `text`, which must be one.
    package static func name(_ text: String) -> PolicyName { self.required(PolicyName(text)) }

    /// The scope `text`, which must be one.
    package static func scope(_ text: String) -> Scope { self.required(Scope(text)) }

    /// The web origin `text`, which must be one.
    package static func origin(_ text: String) -> WebOriginRule { self.required(try? WebOriginRule(parsing: text)) }

    private static func required<Value>(_ value: Value?) -> Value {
        guard let value else { preconditionFailure("a constant of a test is malformed") }
        return value
    }
}
