/// A session key in custody, as it is stored; the private key is kept apart from it, encrypted.
package struct SessionKeyRecord: Equatable, Sendable {
    /// Its identifier.
    package var id: SessionKeyID
    /// The organization it acts for.
    package var organization: OrganizationID
    /// Its account.
    package var sessionAddress: AccountAddress
    /// When it was made.
    package var createdAt: Timestamp

    /// A record with every field given.
    package init(
        id: SessionKeyID,
        organization: OrganizationID,
        sessionAddress: AccountAddress,
        createdAt: Timestamp
    ) {
        self.id = id
        self.organization = organization
        self.sessionAddress = sessionAddress
        self.createdAt = createdAt
    }
}

/// A session of a wallet on one chain, as it is stored and listed; the delegation is kept apart from it, encrypted.
package struct WalletSession: Equatable, Sendable {
    /// Its identifier.
    package var id: WalletSessionID
    /// The sessions that were created in the same call.
    package var group: WalletSessionGroupID
    /// The organization it belongs to.
    package var organization: OrganizationID
    /// The wallet that is lent.
    package var wallet: WalletID
    /// What the organization calls the workflow that uses it.
    package var workflowID: String?
    /// The session key's account.
    package var sessionAddress: AccountAddress
    /// The chain.
    package var chainID: UInt64
    /// The policy of the request, as it was sent.
    package var policies: JSONValue
    /// When it was created.
    package var createdAt: Timestamp
    /// When it ends.
    package var expiresAt: Timestamp
    /// When it was revoked, if so.
    package var revokedAt: Timestamp?

    /// A record with every field given.
    package init(
        id: WalletSessionID,
        group: WalletSessionGroupID,
        organization: OrganizationID,
        wallet: WalletID,
        workflowID: String?,
        sessionAddress: AccountAddress,
        chainID: UInt64,
        policies: JSONValue,
        createdAt: Timestamp,
        expiresAt: Timestamp,
        revokedAt: Timestamp? = nil
    ) {
        self.id = id
        self.group = group
        self.organization = organization
        self.wallet = wallet
        self.workflowID = workflowID
        self.sessionAddress = sessionAddress
        self.chainID = chainID
        self.policies = policies
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
    }

    /// Whether the key may act at `now`.
    package func isActive(now: Timestamp) -> Bool { self.revokedAt == nil && now < self.expiresAt }
}
