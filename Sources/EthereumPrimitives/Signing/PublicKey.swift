import CSecp256k1

/// A point of secp256k1 that checks signatures and names an account.
package struct PublicKey: Hashable, Sendable {
    /// The two coordinates: 64 bytes.
    package let coordinates: [UInt8]

    /// Reads the compressed (33 bytes) or uncompressed (65 bytes) form; nil for what is no point of the curve.
    package init?(bytes: [UInt8]) {
        var key = secp256k1_pubkey()
        guard secp256k1_ec_pubkey_parse(Secp256k1Context.shared.pointer, &key, bytes, bytes.count) == 1 else {
            return nil
        }
        self.init(key)
    }

    /// Takes a point that the library has made.
    init(_ key: secp256k1_pubkey) {
        var key = key
        var bytes = [UInt8](repeating: 0, count: 65)
        var count = bytes.count
        secp256k1_ec_pubkey_serialize(
            Secp256k1Context.shared.pointer,
            &bytes,
            &count,
            &key,
            UInt32(SECP256K1_EC_UNCOMPRESSED)
        )
        self.coordinates = Array(bytes.dropFirst())
    }

    /// The account of this key.
    package var address: EthereumAddress { EthereumAddress(truncating: Keccak256.hash(self.coordinates)) }

    /// Whether the holder of this key signed `digest`; the parity is not looked at.
    package func verifies(_ signature: RecoverableSignature, of digest: Word) -> Bool {
        let context = Secp256k1Context.shared.pointer
        var key = secp256k1_pubkey()
        var parsed = secp256k1_ecdsa_signature()
        let bytes = [0x04] + self.coordinates
        guard secp256k1_ec_pubkey_parse(context, &key, bytes, bytes.count) == 1,
            secp256k1_ecdsa_signature_parse_compact(context, &parsed, signature.r.bytes + signature.s.bytes) == 1
        else { return false }
        return secp256k1_ecdsa_verify(context, &parsed, digest.bytes, &key) == 1
    }
}
