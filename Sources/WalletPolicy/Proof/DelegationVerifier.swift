import EthereumPrimitives
package import SessionModel

extension DelegationBlob {
    /// Proves this delegation, or says at which step it fails.
    ///
    /// `state` is what the chain's node said about the wallet's account (`AccountReader`); without it nothing is
    /// believed.
    package func verify(
        _ claim: DelegationClaim,
        state: AccountState,
        rules: DelegationRules,
        now: Timestamp
    ) throws(DelegationRefusal) -> VerifiedDelegation {
        guard !self.hasPrivateKey else { throw DelegationRefusal(.privateKeyPresent, at: "privateKey") }
        let account = try self.proveAccount(claim, state)
        let candidates = try self.rebuild(sessionAddress: claim.sessionAddress)
        if let unknown = self.policies.firstIndex(where: { !$0.isKnown }) {
            throw DelegationRefusal(
                .policyContractUnknown,
                at: "permissionParams.policies[\(unknown)].policyParams.policyAddress"
            )
        }
        try self.checkAction()
        let authorization = try self.proveAuthorization(claim, account, state)
        try account.root.checkOwner(at: self.isPreinstalled ? "isPreInstalled" : "enableSignature")
        let approved =
            try self.isPreinstalled
            ? self.provePreinstalled(candidates, account)
            : self.proveApproval(candidates, claim, account)
        var result = VerifiedDelegation(
            chainID: claim.chainID,
            account: self.account,
            version: account.version,
            root: account.root,
            nonce: account.nonce,
            permission: approved.permission,
            permissionID: approved.permission.id,
            digest: approved.digest,
            enableSignature: self.enableSignature ?? [],
            initCode: self.initCode,
            authorization: authorization,
            accountProof: account.proof,
            approval: approved.approval,
            warnings: DelegationWarning.about(approved.permission, of: self.account)
        )
        if self.isPreinstalled, account.proof == .chain { result.warnings.append(.installedStateNotRead) }
        // An account's first authorization raises its nonce from 0: only then is there surely nothing kept.
        if let authorization, authorization.nonce > 0 { result.warnings.append(.earlierCodeNotRead) }
        try Self.checkExpiry(claim.expiresAt, approved.permission, rules, now: now)
        if approved.permission.allowsAnyTarget, !rules.allowsWildcardTargets {
            throw DelegationRefusal(.wildcardTarget, at: "permissionParams.policies")
        }
        if approved.permission.allowsDelegateCalls, !rules.allowsDelegateCalls {
            throw DelegationRefusal(.delegateCall, at: "permissionParams.policies")
        }
        if approved.permission.allowsControl(of: self.account),
            !(rules.allowsWildcardTargets && rules.allowsDelegateCalls)
        {
            throw DelegationRefusal(.accountControl, at: "permissionParams.policies")
        }
        return result
    }

    /// The permission with each flag that is worth having, of which only those with the blob's identifier are left.
    ///
    /// The flag is signed but not in the blob. A key that may not be used for operations would be of no use.
    private func rebuild(sessionAddress: EthereumAddress) throws(DelegationRefusal) -> [Permission] {
        let all = [PassFlag.always, .notForSignatures]
            .map { Permission(policies: self.policies, flag: $0, sessionAddress: sessionAddress) }
        guard let id = self.permissionID else { return all }
        let matching = all.filter { $0.id == id }
        guard !matching.isEmpty else {
            throw DelegationRefusal(.permissionIDMismatch, at: "permissionParams.permissionId")
        }
        return matching
    }

    private func checkAction() throws(DelegationRefusal) {
        guard self.action.address == .zero else { throw DelegationRefusal(.actionFallback, at: "action.address") }
        guard self.action.selector == KernelFunctions.execute.selector else {
            throw DelegationRefusal(.actionNotExecute, at: "action.selector")
        }
        guard self.action.hook == .zero else { throw DelegationRefusal(.actionHook, at: "action.hook") }
    }

    private static func checkExpiry(
        _ expiresAt: Timestamp,
        _ permission: Permission,
        _ rules: DelegationRules,
        now: Timestamp
    ) throws(DelegationRefusal) {
        guard expiresAt > now else { throw DelegationRefusal(.expiryPast) }
        guard expiresAt <= now + rules.maximumLifetime else { throw DelegationRefusal(.expiryTooFar) }
        if let start = permission.operationsValidAfter,
            expiresAt <= Timestamp(millisecondsSinceEpoch: Int64(start) * 1000)
        {
            throw DelegationRefusal(.expiryBeforePolicy)
        }
        if let end = permission.validUntil, expiresAt > Timestamp(millisecondsSinceEpoch: Int64(end) * 1000) {
            throw DelegationRefusal(.expiryAfterPolicy)
        }
    }
}
