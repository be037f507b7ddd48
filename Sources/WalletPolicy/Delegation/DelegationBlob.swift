package import EthereumPrimitives

/// What a serialized delegation says, read strictly and not yet believed.
///
/// Fields that nobody signs and that limit nothing (`validityData`, `abi`, `functionName`, `args`) are checked for
/// their form and forgotten.
package struct DelegationBlob: Equatable, Sendable {
    /// Characters of the text at most.
    package static let maximumLength = 256 * 1024
    /// Arrays and objects inside each other at most.
    package static let maximumDepth = 32
    /// Policies at most.
    package static let maximumPolicies = 16
    /// Permissions of one call policy at most.
    package static let maximumPermissions = 256
    /// Rules of one permission at most.
    package static let maximumRules = 64
    /// Parameters of one rule at most.
    package static let maximumParameters = 256
    /// Addresses of one signature-caller policy at most.
    package static let maximumCallers = 256

    /// What may be called besides `execute`.
    package struct Action: Equatable, Sendable {
        /// The function.
        package var selector: FunctionSelector
        /// The contract whose code runs; zero for the account's own.
        package var address: EthereumAddress
        /// The hook; zero for none.
        package var hook: EthereumAddress
    }

    /// An authorization by which the account takes on code; its parts are not yet checked against each other.
    package struct Authorization: Equatable, Sendable {
        /// Whose code.
        package var delegate: EthereumAddress
        /// The chain; zero for all.
        package var chainID: UInt64
        /// The account's nonce.
        package var nonce: UInt64
        /// The first half of the signature.
        package var r: Word
        /// The second half of the signature.
        package var s: Word
        /// The parity.
        package var yParity: Bool
        /// The parity once more, as 27 or 28.
        package var v: UInt64?
    }

    /// The limits.
    package var policies: [PermissionPolicy]
    /// The permission's identifier; old blobs have none.
    package var permissionID: PermissionID?
    /// What may be called besides `execute`.
    package var action: Action
    /// What the factory is called with; empty for an account that takes on code.
    package var initCode: [UInt8]
    /// The account.
    package var account: EthereumAddress
    /// The owner's approval; nil when there is none.
    package var enableSignature: [UInt8]?
    /// Whether a private key is in it, whatever its value.
    package var hasPrivateKey: Bool
    /// How the account takes on code.
    package var authorization: Authorization?
    /// Whether the permission is said to be installed when the account is made.
    package var isPreinstalled: Bool
}
