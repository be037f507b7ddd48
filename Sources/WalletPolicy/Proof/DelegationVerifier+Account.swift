import EthereumPrimitives

/// What was proven about the account.
struct ProvenAccount {
    var version: KernelVersion
    var root: AccountRoot
    /// The nonce that the next approval carries.
    var nonce: UInt32
    var proof: VerifiedDelegation.AccountProof
    /// The init code, when there is one and the address follows from it.
    var initCode: KernelInitCode?
    /// Whether the account takes on foreign code (EIP-7702).
    var delegates = false
    /// Whether there is no code yet.
    var isUndeployed = false
}

extension DelegationBlob {
    /// The account is the wallet, is a Kernel account, and has this root.
    func proveAccount(_ claim: DelegationClaim, _ state: AccountState) throws(DelegationRefusal) -> ProvenAccount {
        if state == .unknown { throw DelegationRefusal(.stateUnknown) }
        guard self.account == claim.wallet else {
            throw DelegationRefusal(.walletMismatch, at: "accountParams.accountAddress")
        }
        let proven = self.initCode.isEmpty ? self.provenByChain(state) : try self.provenByInitCode(state)
        guard claim.version == nil || claim.version == proven.version else {
            throw DelegationRefusal(.versionMismatch, at: "accountParams.initCode")
        }
        return proven
    }

    /// An account without init code: one that takes on code, or one that the chain knows.
    private func provenByChain(_ state: AccountState) -> ProvenAccount {
        if case .kernel(let kernel) = state {
            return ProvenAccount(
                version: kernel.version,
                root: kernel.root,
                nonce: kernel.nonce,
                proof: .chain,
                delegates: kernel.delegate != nil
            )
        }
        // It has no code yet; `proveAuthorization` demands that it takes on that of this version.
        return ProvenAccount(
            version: .v033,
            root: AccountRoot(kind: .accountKey, validator: .zero, owner: self.account),
            nonce: 1,
            proof: .authorization,
            delegates: true,
            isUndeployed: true
        )
    }

    private func provenByInitCode(_ state: AccountState) throws(DelegationRefusal) -> ProvenAccount {
        let path = "accountParams.initCode"
        guard let code = KernelInitCode(self.initCode) else { throw DelegationRefusal(.initCodeNotCanonical, at: path) }
        let version = code.version(provenBy: self.account)
        if case .kernel(let kernel) = state {
            // The chain knows best; but an address that does not follow from the code needs its root to agree.
            guard version != nil || kernel.root == code.root else { throw DelegationRefusal(.rootMismatch, at: path) }
            // What was installed when it was made is not asked, so it must be known from the code.
            guard !self.isPreinstalled || code.isPlain else { throw DelegationRefusal(.initCodeUnknownCalls, at: path) }
            return ProvenAccount(
                version: kernel.version,
                root: kernel.root,
                nonce: kernel.nonce,
                proof: .chain,
                initCode: version == nil ? nil : code,
                delegates: kernel.delegate != nil
            )
        }
        guard let version else { throw DelegationRefusal(.addressNotProven, at: "accountParams.accountAddress") }
        guard code.isPlain else { throw DelegationRefusal(.initCodeUnknownCalls, at: path) }
        return ProvenAccount(
            version: version,
            root: code.root,
            nonce: 1,
            proof: .initCode,
            initCode: code,
            isUndeployed: true
        )
    }
}
