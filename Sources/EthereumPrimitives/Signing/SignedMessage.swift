extension Word {
    /// What a wallet signs when it is asked to sign this digest as a message (EIP-191, version 0x45).
    package var ethereumSignedMessageDigest: Word { SignedMessage.digest(of: self.bytes) }
}

/// Messages that people sign with a wallet (EIP-191, version 0x45).
package enum SignedMessage {
    /// What is signed for the message `bytes`.
    package static func digest(of bytes: [UInt8]) -> Word {
        var keccak = Keccak256()
        keccak.update("\u{19}Ethereum Signed Message:\n\(bytes.count)".utf8)
        keccak.update(bytes)
        return keccak.finalize()
    }
}
