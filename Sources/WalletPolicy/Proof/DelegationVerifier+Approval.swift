import EthereumPrimitives

/// What was proven about the owner's will.
struct ProvenApproval {
    var permission: Permission
    var digest: Word?
    var approval: VerifiedDelegation.Approval
}

extension DelegationBlob {
    /// The permission is among what the account does when it is made, byte for byte.
    func provePreinstalled(
        _ candidates: [Permission],
        _ account: ProvenAccount
    ) throws(DelegationRefusal) -> ProvenApproval {
        guard self.enableSignature == nil else {
            throw DelegationRefusal(.preinstalledAndSigned, at: "enableSignature")
        }
        guard let code = account.initCode else { throw DelegationRefusal(.notPreinstalled, at: "isPreInstalled") }
        for permission in candidates {
            let expected = KernelInitCode.installing(permission.id, enableData: permission.enableData)
            // No other call may be about it: a later one would replace what an earlier one installed.
            if code.callCount(naming: permission.id) == expected.count,
                expected.allSatisfy({ code.configuration.contains($0) })
            {
                return ProvenApproval(permission: permission, digest: nil, approval: .preinstalled)
            }
        }
        throw DelegationRefusal(.notPreinstalled, at: "isPreInstalled")
    }

    /// The owner signed one of the candidates for this account, chain, version and nonce.
    func proveApproval(
        _ candidates: [Permission],
        _ claim: DelegationClaim,
        _ account: ProvenAccount
    ) throws(DelegationRefusal) -> ProvenApproval {
        guard let bytes = self.enableSignature else {
            throw DelegationRefusal(.signatureMissing, at: "enableSignature")
        }
        // What the account installs when it is made, an approval at nonce 1 cannot enable.
        let candidates = candidates.filter { account.initCode?.callCount(naming: $0.id) ?? 0 == 0 }
        guard !candidates.isEmpty else {
            throw DelegationRefusal(.preinstalledAndSigned, at: "accountParams.initCode")
        }
        let signature = try OwnerSignature(bytes, of: account.root)
        var refusal = DelegationRefusal(.signatureNotByOwner, at: "enableSignature")
        for permission in candidates {
            let digest = permission.enableDigest(
                account: self.account,
                chainID: claim.chainID,
                version: account.version,
                nonce: account.nonce
            )
            do throws(DelegationRefusal) {
                let approval = try signature.prove(digest)
                return ProvenApproval(permission: permission, digest: digest, approval: approval)
            } catch {
                refusal = error
            }
        }
        throw refusal
    }
}

extension AccountRoot {
    /// Whose ECDSA key approves; refuses roots that are owned otherwise, or by nobody who is known.
    @discardableResult
    func checkOwner(at path: String) throws(DelegationRefusal) -> EthereumAddress {
        switch self.kind {
        case .passkey: throw DelegationRefusal(.rootUnsupportedPasskey, at: path)
        case .weighted: throw DelegationRefusal(.rootUnsupportedWeighted, at: path)
        case nil: throw DelegationRefusal(.rootUnknown, at: path)
        case .ecdsa, .multiChainECDSA, .accountKey: break
        }
        guard let owner = self.owner else { throw DelegationRefusal(.rootUnknown, at: path) }
        return owner
    }
}

/// The owner's signature in the forms that the root's validator takes.
struct OwnerSignature {
    /// Digests in a proof at most: as many as a tree of 2^32 leaves needs.
    static let maximumProofLength = 32

    private let signature: RecoverableSignature
    private let owner: EthereumAddress
    /// Whether a signature of the digest as a message counts.
    private let allowsMessage: Bool
    /// The root of the tree and the way to it.
    private let merkle: (root: Word, proof: [Word])?

    init(_ bytes: [UInt8], of root: AccountRoot) throws(DelegationRefusal) {
        let owner = try root.checkOwner(at: "enableSignature")
        let hasProof = root.kind == .multiChainECDSA && bytes.count != RecoverableSignature.byteCount
        do throws(RecoverableSignature.Problem) {
            self.signature = try RecoverableSignature(
                bytes: hasProof ? bytes.prefix(RecoverableSignature.byteCount) : bytes[...]
            )
        } catch {
            throw DelegationRefusal(error == .highS ? .signatureHighS : .signatureMalformed, at: "enableSignature")
        }
        self.owner = owner
        // Kernel compares the signer of the digest itself when the account signs with its own key.
        self.allowsMessage = root.kind != .accountKey
        self.merkle = hasProof ? try Self.merkle(bytes.dropFirst(RecoverableSignature.byteCount)) : nil
    }

    private static func merkle(_ bytes: ArraySlice<UInt8>) throws(DelegationRefusal) -> (root: Word, proof: [Word]) {
        guard bytes.count >= Word.byteCount, let root = Word(bytes: bytes.prefix(Word.byteCount)),
            let values = try? ABI.decode(bytes.dropFirst(Word.byteCount), as: [.array(.fixedBytes(count: 32))]),
            let proof = values.first?.elements, proof.count <= Self.maximumProofLength
        else { throw DelegationRefusal(.signatureMalformed, at: "enableSignature") }
        return (root, proof.compactMap(\.word))
    }

    /// The owner signed `digest`, or a tree that it is in.
    func prove(_ digest: Word) throws(DelegationRefusal) -> VerifiedDelegation.Approval {
        guard let merkle else {
            if self.signature.signer(of: digest) == self.owner { return .digest }
            if self.allowsMessage, self.isMessageSignature(of: digest) { return .message }
            throw DelegationRefusal(.signatureNotByOwner, at: "enableSignature")
        }
        // Pairs are hashed in the order of their values, so the proof need not say left or right.
        let root = merkle.proof.reduce(digest) { node, sibling in
            Keccak256.hash(min(node, sibling).bytes + max(node, sibling).bytes)
        }
        guard root == merkle.root else { throw DelegationRefusal(.merkleProofInvalid, at: "enableSignature") }
        guard self.signature.signer(of: root) == self.owner || self.isMessageSignature(of: root) else {
            throw DelegationRefusal(.signatureNotByOwner, at: "enableSignature")
        }
        return .merkleRoot
    }

    private func isMessageSignature(of digest: Word) -> Bool {
        self.signature.signer(of: digest.ethereumSignedMessageDigest) == self.owner
    }
}
