package import EthereumPrimitives

/// What an owner delegates to a session key, rebuilt as the bytes that are signed and installed.
package struct Permission: Equatable, Sendable {
    /// The limits, in the order in which they are signed.
    package var policies: [PermissionPolicy]
    /// What the key may be used for at all.
    package var flag: PassFlag
    /// The session key's account.
    package var sessionAddress: EthereumAddress

    /// Joins limits and key.
    package init(policies: [PermissionPolicy], flag: PassFlag, sessionAddress: EthereumAddress) {
        self.policies = policies
        self.flag = flag
        self.sessionAddress = sessionAddress
    }

    private var signer: [UInt8] { KernelContracts.ecdsaSigner.bytes + self.sessionAddress.bytes }

    /// What Kernel installs: policies, then the signer.
    package var enableData: [UInt8] {
        let parts = self.policies.map { ABIValue.bytes($0.bytes) } + [.bytes(self.flag.bytes + self.signer)]
        return ABI.encode([.array(parts)])
    }

    /// The identifier that the SDK gives such a permission.
    package var id: PermissionID {
        let policies = ABI.encode([.array(self.policies.map { .bytes($0.bytes) })])
        let parts: [ABIValue] = [.bytes(policies), .bytes(self.flag.bytes), .bytes(ABI.encode([.bytes(self.signer)]))]
        return PermissionID(of: Keccak256.hash(ABI.encode([.array(parts)])))
    }

    /// What the owner approves besides: calls of `execute`, without a hook, and without another contract's code.
    package static let selectorData: [UInt8] =
        KernelFunctions.execute.selector.bytes + EthereumAddress.zero.bytes + EthereumAddress.zero.bytes
        + ABI.encode([.bytes([0xFF]), .bytes([0x00, 0x00])])

    private static let enableType = Keccak256.hash(
        ("Enable(bytes21 validationId,uint32 nonce,address hook,bytes validatorData,bytes hookData,"
            + "bytes selectorData)")
            .utf8
    )

    /// What the owner of `account` signs to enable this permission.
    package func enableDigest(
        account: EthereumAddress,
        chainID: UInt64,
        version: KernelVersion,
        nonce: UInt32
    ) -> Word {
        var fields = Self.enableType.bytes
        fields += self.id.validationID.bytes
        fields += Word(UInt64(nonce)).bytes
        fields += Word.zero.bytes
        fields += Keccak256.hash(self.enableData).bytes
        fields += Keccak256.hash([]).bytes
        fields += Keccak256.hash(Self.selectorData).bytes
        let domain = EIP712Domain(
            name: "Kernel",
            version: version.domainVersion,
            chainID: Word(chainID),
            verifyingContract: account
        )
        return domain.digest(ofStruct: Keccak256.hash(fields))
    }
}
