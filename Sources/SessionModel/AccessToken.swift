/// What an access token allows on the control API.
package enum AccessScope: String, Sendable, Codable, CaseIterable {
    /// Create sessions; manage those it created.
    case create = "sessions:create"
    /// List all sessions and read their full records.
    case read = "sessions:read"
    /// Manage every session: policy, kick, pause, close, delete.
    case manage = "sessions:manage"
}

/// A scoped credential for the control API; the secret (`dp_` and 40 of `[a-z0-9]`) is shown once, its digest kept.
package struct AccessTokenRecord: Equatable, Sendable {
    /// `tok_` and 16 of `[a-z0-9]`.
    package var id: String
    /// What it is called by whoever made it; at most 128 characters.
    package var label: String
    /// Digest of the secret.
    package var digest: SecretDigest
    /// What it allows.
    package var scopes: Set<AccessScope>
    /// When it was made.
    package var createdAt: Timestamp
    /// When it stops working; nil means never.
    package var expiresAt: Timestamp?
    /// When it was revoked, if so.
    package var revokedAt: Timestamp?

    /// A record with every field given.
    package init(
        id: String,
        label: String,
        digest: SecretDigest,
        scopes: Set<AccessScope>,
        createdAt: Timestamp,
        expiresAt: Timestamp?,
        revokedAt: Timestamp? = nil
    ) {
        self.id = id
        self.label = label
        self.digest = digest
        self.scopes = scopes
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
    }

    /// Whether it may be used at `now`.
    package func isValid(now: Timestamp) -> Bool {
        self.revokedAt == nil && self.expiresAt.map { now < $0 } ?? true
    }
}
