/// Whoever delegates wallets: it has tokens, wallets, session keys and sessions.
package struct Organization: Equatable, Sendable {
    /// Its identifier.
    package var id: OrganizationID
    /// What it is called; 1…128 characters.
    package var name: String
    /// Whether sessions may allow delegate calls, which run foreign code with the account's storage.
    package var allowsDelegateCalls: Bool
    /// Whether sessions may leave the called contract open.
    package var allowsWildcardTargets: Bool
    /// When it was made.
    package var createdAt: Timestamp

    /// An organization with every field given.
    package init(
        id: OrganizationID,
        name: String,
        allowsDelegateCalls: Bool = false,
        allowsWildcardTargets: Bool = false,
        createdAt: Timestamp
    ) {
        self.id = id
        self.name = name
        self.allowsDelegateCalls = allowsDelegateCalls
        self.allowsWildcardTargets = allowsWildcardTargets
        self.createdAt = createdAt
    }
}

/// A change of an organization; nil leaves a field as it is.
package struct OrganizationUpdate: Equatable, Sendable {
    /// What it is called.
    package var name: String?
    /// Whether sessions may allow delegate calls.
    package var allowsDelegateCalls: Bool?
    /// Whether sessions may leave the called contract open.
    package var allowsWildcardTargets: Bool?

    /// A change of the fields given.
    package init(name: String? = nil, allowsDelegateCalls: Bool? = nil, allowsWildcardTargets: Bool? = nil) {
        self.name = name
        self.allowsDelegateCalls = allowsDelegateCalls
        self.allowsWildcardTargets = allowsWildcardTargets
    }

    /// What `organization` is after the change.
    package func applied(to organization: Organization) -> Organization {
        var changed = organization
        if let name { changed.name = name }
        if let allowsDelegateCalls { changed.allowsDelegateCalls = allowsDelegateCalls }
        if let allowsWildcardTargets { changed.allowsWildcardTargets = allowsWildcardTargets }
        return changed
    }
}

/// What an organization's token allows; none includes another.
package enum OrganizationScope: String, Sendable, CaseIterable {
    /// List and read sessions, wallets and operations.
    case read
    /// Create and revoke sessions and session keys.
    case write
    /// Act under sessions, and read the delegations of opaque wallets.
    case execute
}

/// A token of an organization, as it is stored: everything but the secret, which is shown once.
///
/// The secret is `dpo_` and 40 characters of `[a-z0-9]` (206 bits).
package struct OrganizationTokenRecord: Equatable, Sendable {
    /// What secrets start with.
    package static let secretPrefix = "dpo_"

    /// Its identifier.
    package var id: OrganizationTokenID
    /// The organization it belongs to.
    package var organization: OrganizationID
    /// What it is called; 1…128 characters.
    package var label: String
    /// Digest of the secret.
    package var digest: SecretDigest
    /// What it allows.
    package var scopes: Set<OrganizationScope>
    /// When it was made.
    package var createdAt: Timestamp
    /// When it stops working; nil means never.
    package var expiresAt: Timestamp?
    /// When it was revoked, if so.
    package var revokedAt: Timestamp?

    /// A record with every field given.
    package init(
        id: OrganizationTokenID,
        organization: OrganizationID,
        label: String,
        digest: SecretDigest,
        scopes: Set<OrganizationScope>,
        createdAt: Timestamp,
        expiresAt: Timestamp? = nil,
        revokedAt: Timestamp? = nil
    ) {
        self.id = id
        self.organization = organization
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

    /// Draws a new secret.
    package static func randomSecret(using generator: inout some RandomNumberGenerator) -> String {
        self.secretPrefix + randomBase36(40, using: &generator)
    }

    /// Whether `text` has the form of a secret; anything else is refused without a look at the store.
    package static func isSecret(_ text: some StringProtocol) -> Bool {
        text.utf8.count == 44 && text.hasPrefix(self.secretPrefix)
            && text.utf8.dropFirst(4).allSatisfy { isBase36($0) }
    }
}

/// A new token together with the one showing of its secret.
package struct CreatedOrganizationToken: Sendable {
    /// The stored record.
    package var record: OrganizationTokenRecord
    /// The secret, which exists nowhere else.
    package var secret: String

    /// Pairs the record with its secret.
    package init(record: OrganizationTokenRecord, secret: String) {
        self.record = record
        self.secret = secret
    }
}
