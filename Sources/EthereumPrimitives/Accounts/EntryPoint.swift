/// The contract that runs user operations, in one of its versions, at an address.
package struct EntryPoint: Hashable, Sendable {
    /// A version; each has its own hash of a user operation.
    package enum Version: String, Sendable, CaseIterable {
        case v06 = "0.6"
        case v07 = "0.7"
        case v08 = "0.8"
    }

    /// The version.
    package let version: Version
    /// Where it is.
    package let address: EthereumAddress

    /// Names a version at an address.
    package init(_ version: Version, at address: EthereumAddress) {
        self.version = version
        self.address = address
    }

    /// Version 0.7 at its usual address.
    package static let v07 = EntryPoint(
        .v07,
        at: EthereumAddress(hex: "0x0000000071727De22E5E9d8BAf0edAc6f37da032") ?? .zero
    )
    /// Version 0.8 at its usual address.
    package static let v08 = EntryPoint(
        .v08,
        at: EthereumAddress(hex: "0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108") ?? .zero
    )
    /// Version 0.6 at its usual address.
    package static let v06 = EntryPoint(
        .v06,
        at: EthereumAddress(hex: "0x5FF137D4b0FDCD49DcA30c7CF57E578a026d2789") ?? .zero
    )

    /// What the account signs for `operation` on a chain; its signature is not part of it.
    ///
    /// `delegate` is what the account delegates to, for operations whose factory is the marker of EIP-7702; only
    /// version 0.8 hashes it.
    package func hash(
        _ operation: UserOperation,
        chainID: UInt64,
        delegate: EthereumAddress? = nil
    ) -> Word {
        switch self.version {
        case .v06: self.outer(Self.packedV06(operation), chainID)
        case .v07: self.outer(Self.packed(operation, initCode: Self.initCode(operation)), chainID)
        case .v08: self.typed(operation, chainID, delegate)
        }
    }

    private func outer(_ packed: [UInt8], _ chainID: UInt64) -> Word {
        Keccak256.hash(Keccak256.hash(packed).bytes + self.address.word.bytes + Word(chainID).bytes)
    }

    private func typed(_ operation: UserOperation, _ chainID: UInt64, _ delegate: EthereumAddress?) -> Word {
        var initCode = Self.initCode(operation)
        if operation.factory?.address == UserOperation.Factory.authorizationMarker, let delegate {
            initCode.replaceSubrange(..<EthereumAddress.byteCount, with: delegate.bytes)
        }
        let domain = EIP712Domain(
            name: "ERC4337",
            version: "1",
            chainID: Word(chainID),
            verifyingContract: self.address
        )
        let packed = Self.operationType.bytes + Self.packed(operation, initCode: initCode)
        return domain.digest(ofStruct: Keccak256.hash(packed))
    }

    private static let operationType = Keccak256.hash(
        ("PackedUserOperation(address sender,uint256 nonce,bytes initCode,bytes callData,bytes32 accountGasLimits,"
            + "uint256 preVerificationGas,bytes32 gasFees,bytes paymasterAndData)")
            .utf8
    )

    private static func initCode(_ operation: UserOperation) -> [UInt8] {
        operation.factory.map { $0.address.bytes + $0.data } ?? []
    }

    /// Two numbers of 128 bits in a word.
    private static func pair(_ high: UInt128, _ low: UInt128) -> [UInt8] {
        Word(uint128: high).bytes.suffix(16) + Word(uint128: low).bytes.suffix(16)
    }

    /// The fields as versions 0.7 and 0.8 hash them.
    private static func packed(_ operation: UserOperation, initCode: [UInt8]) -> [UInt8] {
        var paymaster: [UInt8] = []
        if let payer = operation.paymaster {
            paymaster = payer.address.bytes + Self.pair(payer.verificationGasLimit, payer.postOpGasLimit) + payer.data
        }
        var packed = operation.sender.word.bytes
        packed += operation.nonce.bytes
        packed += Keccak256.hash(initCode).bytes
        packed += Keccak256.hash(operation.callData).bytes
        packed += Self.pair(operation.verificationGasLimit, operation.callGasLimit)
        packed += operation.preVerificationGas.bytes
        packed += Self.pair(operation.maxPriorityFeePerGas, operation.maxFeePerGas)
        packed += Keccak256.hash(paymaster).bytes
        return packed
    }

    /// The fields as version 0.6 hashes them; its paymaster has no gas of its own.
    private static func packedV06(_ operation: UserOperation) -> [UInt8] {
        var packed = operation.sender.word.bytes
        packed += operation.nonce.bytes
        packed += Keccak256.hash(Self.initCode(operation)).bytes
        packed += Keccak256.hash(operation.callData).bytes
        packed += Word(uint128: operation.callGasLimit).bytes
        packed += Word(uint128: operation.verificationGasLimit).bytes
        packed += operation.preVerificationGas.bytes
        packed += Word(uint128: operation.maxFeePerGas).bytes
        packed += Word(uint128: operation.maxPriorityFeePerGas).bytes
        packed += Keccak256.hash(operation.paymaster.map { $0.address.bytes + $0.data } ?? []).bytes
        return packed
    }
}
