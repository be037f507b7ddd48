package import EthereumPrimitives
package import SessionModel

/// What a request says a delegation is good for.
package struct DelegationClaim: Equatable, Sendable {
    /// The chain.
    package var chainID: UInt64
    /// The wallet's account.
    package var wallet: EthereumAddress
    /// The session key's account.
    package var sessionAddress: EthereumAddress
    /// When the session ends.
    package var expiresAt: Timestamp
    /// The Kernel version that the wallet was registered with; nil for whichever is proven.
    package var version: KernelVersion?

    /// Joins what a request says.
    package init(
        chainID: UInt64,
        wallet: EthereumAddress,
        sessionAddress: EthereumAddress,
        expiresAt: Timestamp,
        version: KernelVersion? = nil
    ) {
        self.chainID = chainID
        self.wallet = wallet
        self.sessionAddress = sessionAddress
        self.expiresAt = expiresAt
        self.version = version
    }
}

/// What an organization and its server allow.
package struct DelegationRules: Equatable, Sendable {
    /// How long sessions last at most.
    package var maximumLifetime: Duration
    /// Whether limits may leave the called contract open.
    package var allowsWildcardTargets: Bool
    /// Whether limits may allow delegate calls.
    package var allowsDelegateCalls: Bool

    /// Sets the rules.
    package init(maximumLifetime: Duration, allowsWildcardTargets: Bool = false, allowsDelegateCalls: Bool = false) {
        self.maximumLifetime = maximumLifetime
        self.allowsWildcardTargets = allowsWildcardTargets
        self.allowsDelegateCalls = allowsDelegateCalls
    }
}

/// A delegation that was proven, with everything that is needed to act under it.
package struct VerifiedDelegation: Equatable, Sendable {
    /// How the account is known to be what it is.
    package enum AccountProof: String, Sendable {
        /// Its address is made of the factory and the init code.
        case initCode = "init_code"
        /// The chain says so.
        case chain
        /// It signed that it takes on Kernel's code.
        case authorization
    }

    /// How the owner is known to have approved.
    package enum Approval: String, Sendable {
        /// Signed the digest.
        case digest
        /// Signed the digest as a message (EIP-191).
        case message
        /// Signed the root of a tree of digests, for several chains.
        case merkleRoot = "merkle_root"
        /// Made the account with the permission in it.
        case preinstalled
    }

    /// The chain.
    package var chainID: UInt64
    /// The account.
    package var account: EthereumAddress
    /// Its version.
    package var version: KernelVersion
    /// Its root.
    package var root: AccountRoot
    /// The nonce that the owner signed.
    package var nonce: UInt32
    /// What is delegated.
    package var permission: Permission
    /// The permission's identifier.
    package var permissionID: PermissionID
    /// What the owner signed; nil for a permission that was installed when the account was made.
    package var digest: Word?
    /// The owner's approval, for the first user operation.
    package var enableSignature: [UInt8]
    /// What the factory is called with, for the first user operation; empty when there is nothing to deploy.
    package var initCode: [UInt8]
    /// How the account takes on code, for the first user operation.
    package var authorization: CodeAuthorization?
    /// How the account is known.
    package var accountProof: AccountProof
    /// How the owner's approval is known.
    package var approval: Approval
    /// What the chain does not enforce although one might think so.
    package var warnings: [DelegationWarning]
}
