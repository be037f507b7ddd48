package import EthereumPrimitives

/// The contracts around Kernel that are known to do what the rules here assume of them.
package enum KernelContracts {
    /// Deploys through the factory of each version.
    package static let metaFactory = EthereumAddress.known("0xd703aaE79538628d27099B8c4f621bE4CCd142d5")
    /// Checks that a session key signed.
    package static let ecdsaSigner = EthereumAddress.known("0x6A6F069E2a08c2468e7724Ab3250CdBFBA14D4FF")

    /// The call policy of version 0.0.1, whose rules have one parameter.
    package static let callPolicy1 = EthereumAddress.known("0xe4Fec84B7B002273ecC86baa65a831ddB92d30a8")
    /// The call policy of version 0.0.2.
    package static let callPolicy2 = EthereumAddress.known("0x67Fa43ca2D689beA4d10b9F2C96828828A2Ab275")
    /// The call policy of version 0.0.3.
    package static let callPolicy3 = EthereumAddress.known("0xB3CB5f502250360335614df1421f2AAbE98CE503")
    /// The call policy of version 0.0.4.
    package static let callPolicy4 = EthereumAddress.known("0x9a52283276A0ec8740DF50bF01B28A80D880eaf2")
    /// The call policy of version 0.0.5.
    package static let callPolicy5 = EthereumAddress.known("0x85770b902D1e503D5f5141d9eaC16d0d08eEaDd2")
    /// Limits gas.
    package static let gasPolicy = EthereumAddress.known("0xaeFC5AbC67FfD258abD0A3E54f65E70326F84b23")
    /// Limits how often.
    package static let rateLimitPolicy = EthereumAddress.known("0xf63d4139B25c836334edD76641356c6b74C86873")
    /// Limits how often in each interval.
    package static let resettingRateLimitPolicy = EthereumAddress.known("0x6a06358e6b283921deceabe7e8a3741d506cca9b")
    /// Limits who may ask for the key's signatures.
    package static let signatureCallerPolicy = EthereumAddress.known("0xF6A936c88D97E6fad13b98d2FD731Ff17eeD591d")
    /// Limits nothing.
    package static let sudoPolicy = EthereumAddress.known("0x67b436caD8a6D025DF6C82C5BB43fbF11fC5B9B7")
    /// Limits when.
    package static let timestampPolicy = EthereumAddress.known("0xB9f8f524bE6EcD8C945b1b87f9ae5C192FdCE20F")

    /// What guards accounts: calls of these by an account change who may do what with it.
    package static let guards: Set<EthereumAddress> = {
        let policies =
            CallPolicyVersion.allCases.map(\.contract)
            + [
                gasPolicy, rateLimitPolicy, resettingRateLimitPolicy, signatureCallerPolicy, sudoPolicy,
                timestampPolicy,
            ]
        let factories = KernelVersion.allCases.map(\.factory) + [metaFactory]
        let entryPoints =
            [EntryPoint.v06, .v07, .v08].map(\.address) + [.known("0x433709009B8330FDa32311DF1C2AFA402eD8D009")]
        return Set(policies + factories + entryPoints + RootValidatorKind.allContracts + [ecdsaSigner])
    }()
}

/// How an account's owner signs: which contract checks it.
package enum RootValidatorKind: String, Sendable, CaseIterable {
    /// One ECDSA key.
    case ecdsa
    /// One ECDSA key, also over several chains at once.
    case multiChainECDSA
    /// The account's own key (EIP-7702).
    case accountKey
    /// A passkey.
    case passkey
    /// Several keys with weights.
    case weighted

    /// The kind of a validator contract; nil for contracts that are not known.
    package init?(contract: EthereumAddress) {
        guard let kind = Self.contracts[contract] else { return nil }
        self = kind
    }

    /// Every contract that is known, of each kind.
    package static var allContracts: [EthereumAddress] { Array(Self.contracts.keys) }

    private static let contracts: [EthereumAddress: RootValidatorKind] = [
        .known("0x845ADb2C711129d4f3966735eD98a9F09fC4cE57"): .ecdsa,
        .known("0x8104e3Ad430EA6d354d013A6789fDFc71E671c43"): .ecdsa,
        .known("0x5C97aA67Ba578E3c54ec5942A7563Ea9130E4f5F"): .multiChainECDSA,
        .known("0xD990393C670dCcE8b4d8F858FB98c9912dBFAa06"): .passkey,
        .known("0xbA45a2BFb8De3D24cA9D7F1B551E14dFF5d690Fd"): .passkey,
        .known("0x7ab16Ff354AcB328452F1D445b3Ddee9a91e9e69"): .passkey,
        .known("0x56Bf68A3Eb0b95A4EC0880E5F39Cf45CF58dAe70"): .passkey,
        .known("0xF98365FAD8403C340b1D5F017b2EBdaE641104ff"): .passkey,
        .known("0x2E29537bBaf8AB5dC8037Fa4Bc3DEB2c289498A3"): .weighted,
        .known("0x144F02c15a8CB2E01D35bf2af8e9eFD96401e44b"): .weighted,
    ]
}

/// An account's root: the contract that checks its owner's signatures, and the owner.
package struct AccountRoot: Equatable, Sendable {
    /// What kind of contract; nil for one that is not known.
    package var kind: RootValidatorKind?
    /// The contract; zero for an account that signs with its own key.
    package var validator: EthereumAddress
    /// Whose ECDSA key; nil for other kinds.
    package var owner: EthereumAddress?

    /// Names the root.
    package init(kind: RootValidatorKind?, validator: EthereumAddress, owner: EthereumAddress?) {
        self.kind = kind
        self.validator = validator
        self.owner = owner
    }

    /// Whether one ECDSA key can approve delegations.
    package var isECDSA: Bool {
        switch self.kind {
        case .ecdsa, .multiChainECDSA, .accountKey: self.owner != nil
        case .passkey, .weighted, nil: false
        }
    }
}
