/// A signed statement by which an account without code takes on a contract's code (EIP-7702).
package struct CodeAuthorization: Equatable, Sendable {
    /// The chain; zero stands for every chain.
    package var chainID: UInt64
    /// Whose code is taken on.
    package var delegate: EthereumAddress
    /// The account's nonce when it is used.
    package var nonce: UInt64
    /// The account's signature.
    package var signature: RecoverableSignature

    /// Joins the statement and its signature.
    package init(chainID: UInt64, delegate: EthereumAddress, nonce: UInt64, signature: RecoverableSignature) {
        self.chainID = chainID
        self.delegate = delegate
        self.nonce = nonce
        self.signature = signature
    }

    /// What is signed.
    package static func digest(chainID: UInt64, delegate: EthereumAddress, nonce: UInt64) -> Word {
        Keccak256.hash(
            [0x05] + RLPItem.list([.integer(chainID), .address(delegate), .integer(nonce)]).encoded
        )
    }

    /// The account that made the statement; nil when none could have.
    package var authority: EthereumAddress? {
        self.signature.signer(
            of: Self.digest(chainID: self.chainID, delegate: self.delegate, nonce: self.nonce)
        )
    }

    /// The code of an account that has taken on that of `delegate`.
    package static func code(delegatingTo delegate: EthereumAddress) -> [UInt8] { [0xEF, 0x01, 0x00] + delegate.bytes }

    /// To whom an account with this code delegates; nil when it does not.
    package static func delegate(in code: [UInt8]) -> EthereumAddress? {
        guard code.starts(with: [0xEF, 0x01, 0x00]) else { return nil }
        return EthereumAddress(bytes: code.dropFirst(3))
    }
}
