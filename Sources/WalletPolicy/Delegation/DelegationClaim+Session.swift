package import EthereumPrimitives
package import SessionModel

extension EthereumAddress {
    /// The address of a request; nil when its letters' case is a wrong checksum.
    package init?(_ address: AccountAddress) { self.init(parsing: address.text) }
}

extension AccountAddress {
    /// An address with its checksum, as answers have it.
    package init(_ address: EthereumAddress) {
        guard let text = AccountAddress(address.checksummed) else { preconditionFailure("an address has 40 digits") }
        self = text
    }
}

extension DelegationRules {
    /// An organization's rules on a server that allows sessions of `maximumLifetime`.
    package init(_ rules: Organization.Rules, maximumLifetime: Duration) {
        self.init(
            maximumLifetime: rules.maximumLifetime.map { min($0, maximumLifetime) } ?? maximumLifetime,
            allowsWildcardTargets: rules.allowsWildcardTargets,
            allowsDelegateCalls: rules.allowsDelegateCalls
        )
    }
}
