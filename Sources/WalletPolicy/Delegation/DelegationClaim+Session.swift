package import EthereumPrimitives
package import SessionModel

extension EthereumAddress {
    /// The address of a request; nil when its letters' case is a wrong checksum.
    package init?(_ address: WalletAddress) { self.init(parsing: address.text) }
}

extension WalletAddress {
    /// An address with its checksum, as answers have it.
    package init(_ address: EthereumAddress) {
        guard let text = WalletAddress(address.checksummed) else { preconditionFailure("an address has 40 digits") }
        self = text
    }
}

extension DelegationRules {
    /// An organization's rules on a server that allows sessions of `maximumLifetime`.
    package init(_ organization: Organization, maximumLifetime: Duration) {
        self.init(
            maximumLifetime: maximumLifetime,
            allowsWildcardTargets: organization.allowsWildcardTargets,
            allowsDelegateCalls: organization.allowsDelegateCalls
        )
    }
}
