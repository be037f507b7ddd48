/// Who delegates wallets, and what its delegations may look like.
package struct Organization: Equatable, Sendable {
    /// What delegations of an organization's wallets may allow.
    package struct Rules: Equatable, Sendable {
        /// How long sessions last at most; nil for the server's maximum.
        package var maximumLifetime: Duration?
        /// Whether owners' limits may leave the called contract open.
        package var allowsWildcardTargets: Bool
        /// Whether owners' limits may allow delegate calls.
        package var allowsDelegateCalls: Bool

        /// Sets rules; the default allows nothing unusual.
        package init(
            maximumLifetime: Duration? = nil,
            allowsWildcardTargets: Bool = false,
            allowsDelegateCalls: Bool = false
        ) {
            self.maximumLifetime = maximumLifetime
            self.allowsWildcardTargets = allowsWildcardTargets
            self.allowsDelegateCalls = allowsDelegateCalls
        }
    }

    /// Its identifier.
    package var id: OrganizationID
    /// What it is called; 1…128 characters.
    package var name: String
    /// What delegations may allow.
    package var rules: Rules
    /// When it was made.
    package var createdAt: Timestamp

    /// A record with every field given.
    package init(id: OrganizationID, name: String, rules: Rules = Rules(), createdAt: Timestamp) {
        self.id = id
        self.name = name
        self.rules = rules
        self.createdAt = createdAt
    }
}

/// What a token of an organization allows.
package enum OrganizationScope: String, Sendable, CaseIterable {
    /// See sessions and operations.
    case read
    /// Create and revoke sessions.
    case write
    /// Act through sessions, and read stored delegations.
    case execute
}

/// A credential of an organization, as it is stored: everything but the token itself, which is shown once.
package struct OrganizationToken: Equatable, Sendable {
    /// Its identifier.
    package var id: OrganizationTokenID
    /// The organization it acts for.
    package var organization: OrganizationID
    /// What it is called; 1…128 characters.
    package var label: String
    /// SHA-256 of the token.
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
}

/// Whose delegations a wallet's are, which is said when it is registered and never guessed.
package enum WalletKind: String, Sendable, CaseIterable {
    /// A Kernel account: everything about its delegations is proven.
    case kernel
    /// Any other vendor's: its delegations are kept as text, and the gateway does not act under them.
    case opaque
}

/// A smart-contract account that an organization has registered.
package struct Wallet: Equatable, Sendable {
    /// Its identifier.
    package var id: WalletID
    /// The organization it belongs to.
    package var organization: OrganizationID
    /// What it is called; 1…128 characters.
    package var name: String
    /// Whose delegations it has.
    package var kind: WalletKind
    /// The account.
    package var address: AccountAddress
    /// The Kernel version that its accounts must be of; nil for whichever is proven.
    package var kernelVersion: String?
    /// When it was registered.
    package var createdAt: Timestamp

    /// A record with every field given.
    package init(
        id: WalletID,
        organization: OrganizationID,
        name: String,
        kind: WalletKind,
        address: AccountAddress,
        kernelVersion: String? = nil,
        createdAt: Timestamp
    ) {
        self.id = id
        self.organization = organization
        self.name = name
        self.kind = kind
        self.address = address
        self.kernelVersion = kernelVersion
        self.createdAt = createdAt
    }
}
