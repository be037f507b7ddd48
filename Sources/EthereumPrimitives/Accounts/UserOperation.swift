/// A user operation (ERC-4337) with the fields of the JSON-RPC form.
package struct UserOperation: Equatable, Sendable {
    /// Who deploys the account first.
    package struct Factory: Equatable, Sendable {
        /// The factory; `Factory.authorizationMarker` when an authorization (EIP-7702) stands for it.
        package var address: EthereumAddress
        /// What it is called with.
        package var data: [UInt8]

        /// Names a factory and what it is called with.
        package init(address: EthereumAddress, data: [UInt8]) {
            self.address = address
            self.data = data
        }

        /// What stands in the factory's place when the account is an EIP-7702 one: 0x7702 and zeros.
        package static let authorizationMarker =
            EthereumAddress(bytes: [0x77, 0x02] + [UInt8](repeating: 0, count: 18)) ?? .zero
    }

    /// Who pays.
    package struct Paymaster: Equatable, Sendable {
        /// The paymaster.
        package var address: EthereumAddress
        /// Gas for asking it.
        package var verificationGasLimit: UInt128
        /// Gas for telling it what happened.
        package var postOpGasLimit: UInt128
        /// What it is asked with.
        package var data: [UInt8]

        /// Names a paymaster, its gas and what it is asked with.
        package init(
            address: EthereumAddress,
            verificationGasLimit: UInt128,
            postOpGasLimit: UInt128,
            data: [UInt8]
        ) {
            self.address = address
            self.verificationGasLimit = verificationGasLimit
            self.postOpGasLimit = postOpGasLimit
            self.data = data
        }
    }

    /// The account.
    package var sender: EthereumAddress
    /// Key (192 bits) and sequence (64 bits).
    package var nonce: Word
    /// Who deploys the account first.
    package var factory: Factory?
    /// What the account is called with.
    package var callData: [UInt8]
    /// Gas for the call.
    package var callGasLimit: UInt128
    /// Gas for verifying.
    package var verificationGasLimit: UInt128
    /// Gas for the bundler.
    package var preVerificationGas: Word
    /// Price of gas at most.
    package var maxFeePerGas: UInt128
    /// The part of it that goes to who builds the block, at most.
    package var maxPriorityFeePerGas: UInt128
    /// Who pays instead of the account.
    package var paymaster: Paymaster?
    /// What the account verifies.
    package var signature: [UInt8]

    /// Makes a user operation.
    package init(
        sender: EthereumAddress,
        nonce: Word,
        factory: Factory? = nil,
        callData: [UInt8],
        callGasLimit: UInt128,
        verificationGasLimit: UInt128,
        preVerificationGas: Word,
        maxFeePerGas: UInt128,
        maxPriorityFeePerGas: UInt128,
        paymaster: Paymaster? = nil,
        signature: [UInt8] = []
    ) {
        self.sender = sender
        self.nonce = nonce
        self.factory = factory
        self.callData = callData
        self.callGasLimit = callGasLimit
        self.verificationGasLimit = verificationGasLimit
        self.preVerificationGas = preVerificationGas
        self.maxFeePerGas = maxFeePerGas
        self.maxPriorityFeePerGas = maxPriorityFeePerGas
        self.paymaster = paymaster
        self.signature = signature
    }
}
