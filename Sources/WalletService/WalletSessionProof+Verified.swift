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
        let isEndedByChain = verified.permission.operationsValidUntil.map { end in
            UInt64(expiresAt.millisecondsSinceEpoch / 1000) >= end
        }
        let end = Rule(
            kind: "end",
            text: "The session ends at \(expiresAt.iso8601).",
            enforcedBy: isEndedByChain ?? false ? .chain : .gateway
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

extension DelegationWarning {
    /// A plain sentence.
    fileprivate var sentence: String {
        switch self {
        case .signsAnything:
            "On the chain the key may sign messages for the account, outside of every rule about calls."
        case .noTimeLimit: "What the owner signed has no end of user operations; only Daypass ends this session."
        case .anyTarget: "Every contract may be called."
        case .accountControl:
            "The account itself or a contract that guards it may be called: through these the key can do everything."
        case .valueLimitPerCall: "A limit of value holds for each call, not for their sum."
        case .emptySelector: "A permission for calls without data also matches data that begins with four zeros."
        case .batchMatchesNothing: "A permission for batches matches nothing."
        case .paymasterNotEnforced: "A gas limit demands a paymaster and names none, which demands nothing."
        case .rateLimitNeverWaits: "A rate limit without a start only counts down; it never waits."
        case .rateLimitReplaceable: "The account itself can install a rate limit anew, larger."
        case .installedStateNotRead:
            "The permission was installed when the account was made; whether it still is was not read from the chain."
        case .earlierCodeNotRead:
            "The account may have had code before; when its nonce or root of that time is still kept, the chain refuses "
                + "the approval."
        }
    }
}
