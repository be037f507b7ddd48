import EthereumPrimitives
import SessionModel
import WalletPolicy

extension WalletSessionProof {
    /// What is kept and shown of a proven delegation.
    ///
    /// `policies` is the request's policy: what it demands beyond the owner's limits is not evaluated yet, and a warning
    /// says so.
    init(_ verified: VerifiedDelegation, policies: JSONValue, expiresAt: Timestamp) {
        var warnings = verified.warnings.map { Warning(code: $0.rawValue, message: $0.sentence) }
        if let warning = Warning(policies: policies) { warnings.append(warning) }
        let end = Rule(
            kind: "end",
            text: "The session ends at \(expiresAt.iso8601).",
            enforcedBy: verified.permission.validUntil.map { UInt64(expiresAt.millisecondsSinceEpoch / 1000) >= $0 }
                ?? false ? .chain : .gateway
        )
        self.init(
            kernelVersion: verified.version.rawValue,
            account: verified.accountProof.rawValue,
            approval: verified.approval.rawValue,
            root: verified.root.kind.map { $0.name } ?? "unknown",
            owner: verified.root.owner.map { WalletAddress($0) },
            nonce: Int(verified.nonce),
            permissionID: verified.permissionID.description,
            digest: verified.digest?.hex,
            warnings: warnings,
            rules: verified.permission.policies.flatMap(\.rules) + [end]
        )
    }
}

extension RootValidatorKind {
    /// As answers have it.
    fileprivate var name: String {
        switch self {
        case .ecdsa: "ecdsa"
        case .multiChainECDSA: "multi_chain_ecdsa"
        case .accountKey: "account_key"
        case .passkey: "passkey"
        case .weighted: "weighted"
        }
    }
}

extension PermissionPolicy {
    /// The policy in words; the chain enforces all of it, when it is asked.
    fileprivate var rules: [WalletSessionProof.Rule] {
        let scope =
            switch self.flag {
            case .always: ""
            case .notForOperations: " (asked for signatures only)"
            case .notForSignatures: " (asked for operations only)"
            }
        func rule(_ kind: String, _ text: String) -> WalletSessionProof.Rule {
            WalletSessionProof.Rule(kind: kind, text: "\(text)\(scope).", enforcedBy: .chain)
        }
        switch self.content {
        case .call(_, let permissions): return permissions.map { rule("call", $0.sentence) }
        case .gas(let allowed, let enforcesPaymaster, let paymaster):
            let payer = enforcesPaymaster && paymaster != .zero ? ", paid by \(paymaster.checksummed)" : ""
            return [rule("gas", "At most \(allowed) wei of gas in all\(payer)")]
        case .rateLimit(let interval, let count, let startAt):
            let start = startAt == 0 ? "" : ", from \(Self.time(startAt)) on"
            return [rule("rate", "At most \(count) operations, one in \(interval) seconds\(start)")]
        case .signatureCaller(let callers):
            let names = callers.map(\.checksummed).joined(separator: ", ")
            return [rule("signature", "Signatures are for these only: \(names)")]
        case .sudo: return [rule("sudo", "No limit")]
        case .timestamp(let after, let until):
            let end = until == 0 ? "" : " until \(Self.time(until))"
            return [rule("time", "From \(Self.time(after))\(end)")]
        }
    }

    private static func time(_ seconds: UInt64) -> String {
        Timestamp(millisecondsSinceEpoch: Int64(clamping: seconds) * 1000).iso8601WholeSeconds
    }
}

extension CallPermission {
    fileprivate var sentence: String {
        let kind = self.callType == .delegate ? "Delegate calls of" : "Calls of"
        let target = self.target == .zero ? "any contract" : self.target.checksummed
        let value = self.valueLimit == .zero ? "without value" : "with at most \(self.valueLimit.hex) wei each"
        let count = self.rules.count
        let rules = count == 0 ? "" : ", under \(count) \(count == 1 ? "rule" : "rules") about arguments"
        return "\(kind) \(self.selector) on \(target), \(value)\(rules)"
    }
}

extension DelegationWarning {
    /// A plain sentence.
    fileprivate var sentence: String {
        switch self {
        case .signsAnything:
            "On the chain the key may sign messages for the account, outside of every rule about calls."
        case .noTimeLimit: "What the owner signed has no end; only Daypass ends this session."
        case .anyTarget: "Every contract may be called."
        case .valueLimitPerCall: "A limit of value holds for each call, not for their sum."
        case .emptySelector: "A permission for calls without data also matches data that begins with four zeros."
        case .batchMatchesNothing: "A permission for batches matches nothing."
        case .paymasterNotEnforced: "A gas limit demands a paymaster and names none, which demands nothing."
        case .rateLimitNeverWaits: "A rate limit without a start only counts down; it never waits."
        case .rateLimitReplaceable: "The account itself can install a rate limit anew, larger."
        case .installedStateNotRead:
            "The permission was installed when the account was made; whether it still is was not read from the chain."
        }
    }
}
