import EthereumPrimitives
import SessionModel

/// The names of policies in a blob.
private enum PolicyType: String, CaseIterable {
    case call
    case gas
    case rateLimit = "rate-limit"
    case signatureCaller = "signature-caller"
    case sudo
    case timestamp
}

extension PermissionPolicy {
    /// Reads a policy's `policyParams`; nil when something it needs is refused.
    init?(fields: inout RequestFields) {
        fields.require("type")
        let type = fields.choice("type", of: PolicyType.self)
        let flag = fields.parsed("policyFlag", "must be 0x0000, 0x0001 or 0x0002") { text in
            Hex.decode(text).flatMap { bytes in PassFlag.allCases.first { $0.bytes == bytes } }
        }
        let address = fields.address("policyAddress")
        let content: Content? =
            switch type {
            case .call: Self.call(&fields)
            case .gas: Self.gas(&fields)
            case .rateLimit: Self.rateLimit(&fields)
            case .signatureCaller: Self.signatureCaller(&fields)
            case .sudo: .sudo
            case .timestamp:
                .timestamp(
                    validAfter: fields.seconds("validAfter") ?? 0,
                    validUntil: fields.seconds("validUntil") ?? 0
                )
            case nil: nil
            }
        guard let content else { return nil }
        // The SDK's defaults: always, and the usual contract.
        self.init(content, flag: flag ?? .always, address: address)
    }

    private static func gas(_ fields: inout RequestFields) -> Content? {
        let allowed = fields.parsed("allowed", "must be a decimal string below 2^128") { Decimal.parse($0)?.uint128 }
        let enforces = fields.bool("enforcePaymaster")
        let paymaster = fields.address("allowedPaymaster")
        return .gas(allowed: allowed ?? 0, enforcesPaymaster: enforces ?? false, paymaster: paymaster ?? .zero)
    }

    private static func rateLimit(_ fields: inout RequestFields) -> Content? {
        fields.require("count")
        let interval = fields.seconds("interval")
        let count = fields.seconds("count")
        let startAt = fields.seconds("startAt")
        return count.map { .rateLimit(interval: interval ?? 0, count: $0, startAt: startAt ?? 0) }
    }

    private static func signatureCaller(_ fields: inout RequestFields) -> Content? {
        fields.require("allowedCallers")
        let texts = fields.strings("allowedCallers", count: 0...DelegationBlob.maximumCallers) { text in
            EthereumAddress(hex: text) == nil ? "must be an address of 20 bytes" : nil
        }
        return texts.map { .signatureCaller($0.compactMap { EthereumAddress(hex: $0) }) }
    }

    private static func call(_ fields: inout RequestFields) -> Content? {
        fields.require("policyVersion")
        fields.require("permissions")
        let version = fields.choice("policyVersion", of: CallPolicyVersion.self)
        guard let version else {
            _ = fields.any("permissions")
            return nil
        }
        let permissions = fields.objects("permissions", count: 0...DelegationBlob.maximumPermissions) {
            CallPermission(fields: &$0, version: version)
        }
        return permissions.map { .call(version: version, $0.compactMap(\.self)) }
    }
}

extension CallPermission {
    fileprivate init?(fields: inout RequestFields, version: CallPolicyVersion) {
        for name in ["target", "callType", "selector", "valueLimit", "rules"] { fields.require(name) }
        // What the SDK made selector and rules from; nobody signs it.
        for name in ["abi", "functionName", "args"] { _ = fields.any(name) }
        let target = fields.address("target")
        let callType = fields.parsed("callType", "must be 0x00, 0x01 or 0xff") { text in
            Hex.decode(text).flatMap { $0.count == 1 ? CallType(rawValue: $0[0]) : nil }
        }
        let selector = fields.parsed("selector", "must be four bytes") { FunctionSelector(hex: $0) }
        let valueLimit = fields.parsed("valueLimit", "must be a decimal string below 2^256") { Decimal.parse($0) }
        let rules = fields.objects("rules", count: 0...DelegationBlob.maximumRules) {
            Rule(fields: &$0, version: version)
        }
        guard let target, let callType, let selector, let valueLimit, let rules else { return nil }
        self.init(
            callType: callType,
            target: target,
            selector: selector,
            valueLimit: valueLimit,
            rules: rules.compactMap(\.self)
        )
    }
}

extension CallPermission.Rule {
    fileprivate init?(fields: inout RequestFields, version: CallPolicyVersion) {
        for name in ["condition", "offset", "params"] { fields.require(name) }
        let number = fields.integer("condition", in: 0...CallPermission.Condition.allCases.count - 1)
        let condition = number.flatMap { CallPermission.Condition(rawValue: UInt8($0)) }
        let offset = fields.number("offset")
        let parameters: [Word]?
        if version == .v1 {
            parameters = fields.parsed("params", "must be 32 bytes") { Word(hex: $0) }.map { [$0] }
        } else {
            let texts = fields.strings("params", count: 0...DelegationBlob.maximumParameters) { text in
                Word(hex: text) == nil ? "must be 32 bytes" : nil
            }
            parameters = texts.map { $0.compactMap { Word(hex: $0) } }
        }
        guard let condition, let offset, let parameters else { return nil }
        // Older contracts refuse to be installed with conditions that they do not have; without its values a rule never holds.
        if !condition.isKnown(in: version) {
            fields.refuse("condition", "is not known to version \(version.rawValue) of the policy")
        } else if parameters.count < condition.parameterCount {
            fields.refuse("params", "must be \(condition.parameterCount) at least")
        }
        self.init(condition, offset: offset, parameters: parameters)
    }
}
