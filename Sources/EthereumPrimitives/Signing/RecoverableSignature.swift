import CSecp256k1

/// An ECDSA signature on secp256k1 from which the signer can be told.
///
/// Only the form with the lower of the two possible `s` is a value of this type, so a signature has one form.
package struct RecoverableSignature: Hashable, Sendable {
    /// Bytes of the form that contracts take.
    package static let byteCount = 65
    /// Half the order of the group: the highest `s`.
    package static let maximumS = Word(
        limbs: 0x7FFF_FFFF_FFFF_FFFF,
        0xFFFF_FFFF_FFFF_FFFF,
        0x5D57_6E73_57A4_501D,
        0xDFE9_2F46_681B_20A0
    )
    /// The order of the group.
    package static let order = Word(
        limbs: 0xFFFF_FFFF_FFFF_FFFF,
        0xFFFF_FFFF_FFFF_FFFE,
        0xBAAE_DCE6_AF48_A03B,
        0xBFD2_5E8C_D036_4141
    )

    /// What is wrong with bytes that should be a signature.
    package enum Problem: Error, Equatable, Sendable {
        /// They are not 65.
        case length
        /// The last byte is neither 27 nor 28.
        case recoveryByte
        /// `r` or `s` is zero or not below the order of the group.
        case outOfRange
        /// `s` is the higher one of two.
        case highS
    }

    /// The first half.
    package let r: Word
    /// The second half.
    package let s: Word
    /// Which of two points `r` stands for.
    package let yParity: Bool

    /// Takes the two numbers and the parity; throws for what no signer makes.
    package init(r: Word, s: Word, yParity: Bool) throws(Problem) {
        let range = Word(1)..<Self.order
        guard range.contains(r), range.contains(s) else { throw .outOfRange }
        guard s <= Self.maximumS else { throw .highS }
        self.r = r
        self.s = s
        self.yParity = yParity
    }

    /// Reads `r`, `s` and 27 or 28: exactly 65 bytes.
    package init(bytes: some Collection<UInt8>) throws(Problem) {
        let bytes = Array(bytes)
        guard bytes.count == Self.byteCount, let r = Word(bytes: bytes[0..<32]), let s = Word(bytes: bytes[32..<64])
        else { throw .length }
        guard bytes[64] == 27 || bytes[64] == 28 else { throw .recoveryByte }
        try self.init(r: r, s: s, yParity: bytes[64] == 28)
    }

    /// The 65 bytes.
    package var bytes: [UInt8] { self.r.bytes + self.s.bytes + [self.yParity ? 28 : 27] }

    /// The public key that made this signature over `digest`; nil when none could have.
    package func publicKey(signing digest: Word) -> PublicKey? {
        let context = Secp256k1Context.shared.pointer
        var signature = secp256k1_ecdsa_recoverable_signature()
        var key = secp256k1_pubkey()
        guard
            secp256k1_ecdsa_recoverable_signature_parse_compact(
                context,
                &signature,
                self.r.bytes + self.s.bytes,
                self.yParity ? 1 : 0
            ) == 1, secp256k1_ecdsa_recover(context, &key, &signature, digest.bytes) == 1
        else { return nil }
        return PublicKey(key)
    }

    /// The account that made this signature over `digest`; nil when none could have.
    package func signer(of digest: Word) -> EthereumAddress? { self.publicKey(signing: digest)?.address }
}
