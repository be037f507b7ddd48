import EthereumPrimitives

extension DelegationBlob {
    /// An account that takes on code took, or signed that it takes, that of a Kernel that is known.
    func proveAuthorization(
        _ claim: DelegationClaim,
        _ account: ProvenAccount,
        _ state: AccountState
    ) throws(DelegationRefusal) -> CodeAuthorization? {
        let path = "eip7702Auth"
        if case .kernel(let kernel) = state, let delegate = kernel.delegate, delegate != Self.knownDelegate {
            throw DelegationRefusal(.authorizationDelegateUnknown, at: path)
        }
        guard let authorization = self.authorization else {
            guard !account.delegates || !account.isUndeployed else { throw DelegationRefusal(.authorizationMissing) }
            return nil
        }
        guard account.delegates else { throw DelegationRefusal(.authorizationUnexpected, at: path) }
        guard authorization.chainID != 0 else {
            throw DelegationRefusal(.authorizationEveryChain, at: "\(path).chainId")
        }
        guard authorization.chainID == claim.chainID else {
            throw DelegationRefusal(.authorizationOtherChain, at: "\(path).chainId")
        }
        guard authorization.delegate == Self.knownDelegate else {
            throw DelegationRefusal(.authorizationDelegateUnknown, at: "\(path).address")
        }
        guard authorization.v == nil || authorization.v == (authorization.yParity ? 28 : 27),
            let signature = try? RecoverableSignature(
                r: authorization.r,
                s: authorization.s,
                yParity: authorization.yParity
            )
        else { throw DelegationRefusal(.authorizationInvalid, at: path) }
        let signed = CodeAuthorization(
            chainID: authorization.chainID,
            delegate: authorization.delegate,
            nonce: authorization.nonce,
            signature: signature
        )
        guard signed.authority == self.account else { throw DelegationRefusal(.authorizationInvalid, at: path) }
        guard case .undeployed(let nonce) = state else {
            // The code is there already; the authorization has been used.
            return nil
        }
        guard nonce == authorization.nonce else { throw DelegationRefusal(.authorizationNonce, at: "\(path).nonce") }
        return signed
    }

    /// Whose code accounts may take on.
    private static let knownDelegate = KernelVersion.v033.implementation
}
