package import EthereumPrimitives

/// The versions of Kernel whose accounts can be proven, with what was deployed for each on every chain.
package enum KernelVersion: String, Sendable, CaseIterable {
    case v030 = "0.3.0"
    case v031 = "0.3.1"
    case v032 = "0.3.2"
    case v033 = "0.3.3"

    /// The version in the EIP-712 domain of the account.
    package var domainVersion: String { self == .v030 ? "0.3.0-beta" : self.rawValue }

    /// The version with this domain; nil for others.
    package init?(domainVersion: String) {
        guard let version = Self.allCases.first(where: { $0.domainVersion == domainVersion }) else { return nil }
        self = version
    }

    /// The contract whose code accounts run.
    package var implementation: EthereumAddress {
        switch self {
        case .v030: .known("0x94F097E1ebEB4ecA3AAE54cabb08905B239A7D27")
        case .v031: .known("0xBAC849bB641841b44E965fB01A4Bf5F074f84b4D")
        case .v032: .known("0xD830D15D3dc0C269F3dBAa0F3e8626d33CFdaBe1")
        case .v033: .known("0xd6CEDDe84be40893d153Be9d467CD6aD37875b28")
        }
    }

    /// The contract that makes accounts.
    package var factory: EthereumAddress {
        switch self {
        case .v030: .known("0x6723b44Abeec4E71eBE3232BD5B455805baDD22f")
        case .v031: .known("0xaac5D4240AF87249B3f71BC8E4A2cae074A3E419")
        case .v032: .known("0x7a1dBAB750f12a90EB1B60D2Ae3aD17D4D81EfFe")
        case .v033: .known("0x2577507b78c2008Ff367261CB6285d44ba5eF2E9")
        }
    }

    /// The code that the factory deploys: a minimal ERC-1967 proxy in front of the implementation.
    package var creationCode: [UInt8] {
        Self.proxyHead + self.implementation.bytes + Self.proxyTail
    }

    /// The hash of `creationCode`, which the address of an account is made of.
    package var initCodeHash: Word { Keccak256.hash(self.creationCode) }

    private static let proxyHead: [UInt8] = [0x60, 0x3D, 0x3D, 0x81, 0x60, 0x22, 0x3D, 0x39, 0x73]
    private static let proxyTail =
        Hex.decode(
            "0x60095155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc545af43d6000"
                + "803e6038573d6000fd5b3d6000f3"
        ) ?? []
}

extension EthereumAddress {
    /// An address that stands in this code, with its checksum.
    static func known(_ text: StaticString) -> EthereumAddress {
        guard let address = EthereumAddress(parsing: text.description) else {
            preconditionFailure("\(text) is no address")
        }
        return address
    }
}
