package import EthereumPrimitives

extension Permission {
    /// The call policies that Kernel asks about user operations.
    private var callPolicies: [[CallPermission]] {
        self.policies.compactMap { policy in
            if case .call(_, let permissions) = policy.content, policy.flag != .notForOperations {
                permissions
            } else {
                nil
            }
        }
    }

    /// Whether the owner's limits let every contract be called.
    ///
    /// All policies must agree, so one call policy that names its targets is enough to say no.
    package var allowsAnyTarget: Bool {
        self.callPolicies.allSatisfy { $0.contains { $0.target == .zero } }
    }

    /// Whether the owner's limits let foreign code run with the account's storage.
    package var allowsDelegateCalls: Bool {
        self.callPolicies.allSatisfy { $0.contains { $0.callType == .delegate } }
    }

    /// Whether the owner's limits let the key call `account` itself or a contract that guards it.
    ///
    /// Kernel lets itself do everything: through its own `execute` the key reaches every contract and every function, through
    /// the validators' and policies' `onInstall` it changes owner and limits.
    package func allowsControl(of account: EthereumAddress) -> Bool {
        self.callPolicies.allSatisfy { permissions in
            permissions.contains { permission in
                permission.target == account || KernelContracts.guards.contains(permission.target)
                    || (permission.target == .zero && KernelFunctions.control.contains(permission.selector))
            }
        }
    }

    /// The earliest end in what the owner signed, in seconds since 1970; nil for none.
    ///
    /// No session may last longer, whatever the chain asks that policy about.
    package var validUntil: UInt64? { Self.end(self.policies) }

    /// The latest beginning that the chain asks about user operations, in seconds since 1970; nil for none.
    package var operationsValidAfter: UInt64? {
        self.policies
            .compactMap { policy in
                if case .timestamp(let start, _) = policy.content, policy.flag != .notForOperations {
                    start
                } else {
                    nil
                }
            }
            .max()
    }

    /// The earliest end that the chain asks about user operations, in seconds since 1970; nil for none.
    package var operationsValidUntil: UInt64? { Self.end(self.policies.filter { $0.flag != .notForOperations }) }

    private static func end(_ policies: [PermissionPolicy]) -> UInt64? {
        policies
            .compactMap { policy in
                if case .timestamp(_, let end) = policy.content, end > 0 { end } else { nil }
            }
            .min()
    }
}
