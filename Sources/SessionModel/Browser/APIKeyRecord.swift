/// On which channels a key works.
package enum KeyChannels: String, Sendable, CaseIterable {
    /// Requests with an `Origin` header.
    case browser
    /// Requests without one.
    case server
    /// Both; for publishable keys only. A secret key that arrives with an `Origin` has leaked, whatever it says.
    case both
}

/// An API key of a tenant, as it is stored: everything but the key itself.
package struct APIKeyRecord: Equatable, Sendable {
    /// A secret of this key that a newer one has replaced.
    package struct Retired: Equatable, Sendable {
        /// Digest of the old secret.
        package var digest: SecretDigest
        /// The last four characters of it.
        package var lastFour: String
        /// Until when it still works.
        package var worksUntil: Timestamp

        /// Names a replaced secret.
        package init(digest: SecretDigest, lastFour: String, worksUntil: Timestamp) {
            self.digest = digest
            self.lastFour = lastFour
            self.worksUntil = worksUntil
        }
    }

    /// The most web origins of a key.
    package static let maximumWebOrigins = 100
    /// The most scopes of a key.
    package static let maximumScopes = 100

    /// Its identifier, which rotation does not change.
    package var id: APIKeyID
    /// The tenant it belongs to.
    package var tenant: Slug
    /// What it is called; 1…128 characters.
    package var name: String
    /// Whether it may stand in a page.
    package var kind: APIKeyKind
    /// Live or test.
    package var mode: APIKeyMode
    /// SHA-256 of the whole key.
    package var digest: SecretDigest
    /// The last four characters of the key, so that people can tell keys apart.
    package var lastFour: String
    /// What it allows.
    package var scopes: Set<Scope>
    /// The web origins whose pages may use it.
    package var webOrigins: [WebOriginRule]
    /// Where it works.
    package var channels: KeyChannels
    /// The plan whose limits hold.
    package var plan: PolicyName
    /// When it was made.
    package var createdAt: Timestamp
    /// When it stops working; nil means never.
    package var expiresAt: Timestamp?
    /// When it was revoked, if so.
    package var revokedAt: Timestamp?
    /// The secret before the last rotation, while its grace lasts and a while longer, so that it is refused as expired.
    package var retired: Retired?
    /// Session tokens issued before this are void; nil when none are.
    package var sessionsNotBefore: Timestamp?
    /// When it was last used, within a minute; nil means never.
    package var lastUsedAt: Timestamp?

    /// A record with every field given.
    package init(
        id: APIKeyID,
        tenant: Slug,
        name: String,
        kind: APIKeyKind,
        mode: APIKeyMode,
        digest: SecretDigest,
        lastFour: String,
        scopes: Set<Scope>,
        webOrigins: [WebOriginRule],
        channels: KeyChannels,
        plan: PolicyName = .standard,
        createdAt: Timestamp,
        expiresAt: Timestamp? = nil,
        revokedAt: Timestamp? = nil,
        retired: Retired? = nil,
        sessionsNotBefore: Timestamp? = nil,
        lastUsedAt: Timestamp? = nil
    ) {
        self.id = id
        self.tenant = tenant
        self.name = name
        self.kind = kind
        self.mode = mode
        self.digest = digest
        self.lastFour = lastFour
        self.scopes = scopes
        self.webOrigins = webOrigins
        self.channels = channels
        self.plan = plan
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
        self.retired = retired
        self.sessionsNotBefore = sessionsNotBefore
        self.lastUsedAt = lastUsedAt
    }

    /// What the key starts with: `pk_live_`.
    package var prefix: String { APIKeyText.prefix(kind: self.kind, mode: self.mode) }

    /// The key as lists show it: `pk_live_…a1B2`.
    package var masked: String { "\(self.prefix)…\(self.lastFour)" }

    /// Makes a key from a request: the record to store, and the key to show once.
    package static func make(
        _ request: NewAPIKey,
        tenant: Slug,
        now: Timestamp,
        using generator: inout some RandomNumberGenerator
    ) -> (record: APIKeyRecord, secret: String) {
        let secret = APIKeyText.random(kind: request.kind, mode: request.mode, using: &generator)
        let record = APIKeyRecord(
            id: .random(using: &generator),
            tenant: tenant,
            name: request.name,
            kind: request.kind,
            mode: request.mode,
            digest: SecretDigest(of: secret),
            lastFour: String(secret.suffix(4)),
            scopes: request.scopes,
            webOrigins: request.webOrigins,
            channels: request.channels,
            plan: request.plan,
            createdAt: now,
            expiresAt: request.lifetime.map { now + $0 }
        )
        return (record, secret)
    }

    /// Replaces the secret, which keeps working for `grace`; answers the new one, to show once.
    ///
    /// Identifier, policy, counters and sessions stay. A secret that was replaced before ends at once.
    package mutating func rotate(
        grace: Duration,
        now: Timestamp,
        using generator: inout some RandomNumberGenerator
    ) -> String {
        let secret = APIKeyText.random(kind: self.kind, mode: self.mode, using: &generator)
        self.retired = Retired(digest: self.digest, lastFour: self.lastFour, worksUntil: now + grace)
        self.digest = SecretDigest(of: secret)
        self.lastFour = String(secret.suffix(4))
        return secret
    }
}
