import EthereumPrimitives

/// What somebody who reads a delegation's limits might believe, and the chain does not do.
package enum DelegationWarning: String, Sendable, CaseIterable {
    /// The key may sign messages for the account (ERC-1271), outside of every rule about calls.
    case signsAnything = "signs_anything"
    /// There is no end of user operations in what the owner signed.
    case noTimeLimit = "no_time_limit"
    /// Every contract may be called.
    case anyTarget = "any_target"
    /// The account itself or a contract that guards it may be called, and so anything may be done.
    case accountControl = "account_control"
    /// A limit of value holds for each call, not for their sum.
    case valueLimitPerCall = "value_limit_per_call"
    /// A permission for calls without data also matches data that begins with four zeros.
    case emptySelector = "empty_selector"
    /// A permission for batches matches nothing.
    case batchMatchesNothing = "batch_matches_nothing"
    /// A gas limit demands a paymaster and names none, which demands nothing.
    case paymasterNotEnforced = "paymaster_not_enforced"
    /// A rate limit without a start only counts down; it never waits.
    case rateLimitNeverWaits = "rate_limit_never_waits"
    /// A rate limit can be installed anew, larger, by the account itself.
    case rateLimitReplaceable = "rate_limit_replaceable"
    /// The permission was installed when the account was made; whether it still is was not read from the chain.
    case installedStateNotRead = "installed_state_not_read"
    /// The account has no code, but may have had some; what it kept of that time was not read from the chain.
    case earlierCodeNotRead = "earlier_code_not_read"

    /// The warnings about a permission of `account`.
    static func about(_ permission: Permission, of account: EthereumAddress) -> [DelegationWarning] {
        var warnings: Set<DelegationWarning> = []
        let limitsSignatures =
            permission.flag == .notForSignatures
            || permission.policies.contains { policy in
                if case .signatureCaller = policy.content { policy.flag != .notForSignatures } else { false }
            }
        if !limitsSignatures { warnings.insert(.signsAnything) }
        if permission.operationsValidUntil == nil { warnings.insert(.noTimeLimit) }
        if permission.allowsAnyTarget { warnings.insert(.anyTarget) }
        if permission.allowsControl(of: account) { warnings.insert(.accountControl) }
        for policy in permission.policies {
            switch policy.content {
            case .call(_, let permissions):
                if permissions.contains(where: { $0.valueLimit > .zero }) { warnings.insert(.valueLimitPerCall) }
                if permissions.contains(where: { $0.selector == FunctionSelector(0) }) {
                    warnings.insert(.emptySelector)
                }
                if permissions.contains(where: { $0.callType == .batch }) { warnings.insert(.batchMatchesNothing) }
            case .gas(_, let enforces, let paymaster):
                if enforces, paymaster == .zero { warnings.insert(.paymasterNotEnforced) }
            case .rateLimit(_, _, let startAt):
                if policy.address == KernelContracts.resettingRateLimitPolicy {
                    warnings.insert(.rateLimitReplaceable)
                } else if startAt == 0 {
                    warnings.insert(.rateLimitNeverWaits)
                }
            case .signatureCaller, .sudo, .timestamp: break
            }
        }
        return Self.allCases.filter { warnings.contains($0) }
    }
}
