package import EthereumPrimitives

/// When Kernel asks a policy or a permission: the two bytes before its address.
package enum PassFlag: UInt16, Sendable, CaseIterable {
    /// Always.
    case always = 0
    /// Not for user operations.
    case notForOperations = 1
    /// Not for signatures (ERC-1271).
    case notForSignatures = 2

    /// The two bytes.
    package var bytes: [UInt8] { [UInt8(self.rawValue >> 8), UInt8(self.rawValue & 0xFF)] }
}

/// One limit of a permission, as the owner signed it.
package struct PermissionPolicy: Equatable, Sendable {
    /// What is limited.
    package enum Content: Equatable, Sendable {
        /// Which calls; for version 0.0.1 each rule has exactly one parameter.
        case call(version: CallPolicyVersion, [CallPermission])
        /// How much gas in all, in wei, and who must pay it.
        case gas(allowed: UInt128, enforcesPaymaster: Bool, paymaster: EthereumAddress)
        /// How often: each `interval` seconds, `count` times, from `startAt`.
        case rateLimit(interval: UInt64, count: UInt64, startAt: UInt64)
        /// Who may ask for signatures.
        case signatureCaller([EthereumAddress])
        /// Nothing.
        case sudo
        /// When, in seconds since 1970; a zero `validUntil` is no end.
        case timestamp(validAfter: UInt64, validUntil: UInt64)
    }

    /// The highest `uint48`.
    package static let maximumSeconds = UInt64(1) << 48 - 1

    /// When Kernel asks it.
    package var flag: PassFlag
    /// The contract that Kernel asks.
    package var address: EthereumAddress
    /// What it limits.
    package var content: Content

    /// Makes a policy; with no address, the one of its kind.
    package init(_ content: Content, flag: PassFlag = .always, address: EthereumAddress? = nil) {
        self.content = content
        self.flag = flag
        self.address = address ?? content.usualAddress
    }

    /// Whether the contract is the one that does what `content` says.
    package var isKnown: Bool {
        if case .rateLimit(_, _, let startAt) = self.content {
            return self.address == KernelContracts.rateLimitPolicy
                || (self.address == KernelContracts.resettingRateLimitPolicy && startAt == 0)
        }
        return self.address == self.content.usualAddress
    }

    /// What the contract is installed with.
    package var data: [UInt8] {
        switch self.content {
        case .call(let version, let permissions):
            return ABI.encode([.array(permissions.map { $0.value(of: version) })])
        case .gas(let allowed, let enforcesPaymaster, let paymaster):
            return ABI.encode([
                .word(Word(uint128: allowed)), .bool(enforcesPaymaster), .address(paymaster),
            ])
        case .rateLimit(let interval, let count, let startAt):
            let parts =
                self.address == KernelContracts.resettingRateLimitPolicy
                ? [interval, count] : [interval, count, startAt]
            return parts.flatMap { Word($0).bytes.suffix(6) }
        case .signatureCaller(let callers):
            return ABI.encode([.array(callers.map { .address($0) })])
        case .sudo: return []
        case .timestamp(let validAfter, let validUntil):
            return ABI.encode([.uint(validAfter), .uint(validUntil)])
        }
    }

    /// What the owner signs for this policy.
    package var bytes: [UInt8] { self.flag.bytes + self.address.bytes + self.data }
}

extension PermissionPolicy.Content {
    /// The contract that the SDK takes for this kind.
    package var usualAddress: EthereumAddress {
        switch self {
        case .call(let version, _): version.contract
        case .gas: KernelContracts.gasPolicy
        case .rateLimit: KernelContracts.rateLimitPolicy
        case .signatureCaller: KernelContracts.signatureCallerPolicy
        case .sudo: KernelContracts.sudoPolicy
        case .timestamp: KernelContracts.timestampPolicy
        }
    }
}
