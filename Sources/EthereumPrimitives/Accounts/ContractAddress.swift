extension EthereumAddress {
    /// Where a contract comes to be that `deployer` makes with CREATE2 (EIP-1014).
    package static func create2(deployer: EthereumAddress, salt: Word, initCodeHash: Word) -> EthereumAddress {
        EthereumAddress(
            truncating: Keccak256.hash([0xFF] + deployer.bytes + salt.bytes + initCodeHash.bytes)
        )
    }

    /// Where a contract comes to be that `deployer` makes with CREATE at its `nonce`.
    package static func create(deployer: EthereumAddress, nonce: UInt64) -> EthereumAddress {
        EthereumAddress(truncating: Keccak256.hash(RLPItem.list([.address(deployer), .integer(nonce)]).encoded))
    }
}
