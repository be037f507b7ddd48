import CSecp256k1

/// A secret that signs for an account; it never shows in descriptions.
package struct PrivateKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Bytes of a key.
    package static let byteCount = 32

    private let secret: Word
    /// The public key that belongs to it.
    package let publicKey: PublicKey

    /// Takes 32 bytes; nil for any other number, zero, and what is not below the order of the group.
    package init?(bytes: some Collection<UInt8>) {
        guard let secret = Word(bytes: bytes) else { return nil }
        let context = Secp256k1Context(blindedBy: Keccak256.hash("blinding".utf8 + secret.bytes))
        var key = secp256k1_pubkey()
        guard secp256k1_ec_pubkey_create(context.pointer, &key, secret.bytes) == 1 else { return nil }
        self.secret = secret
        self.publicKey = PublicKey(key)
    }

    /// The account this key signs for.
    package var address: EthereumAddress { self.publicKey.address }

    /// Signs a digest with the nonce of RFC 6979, so the same digest always gets the same signature.
    package func sign(_ digest: Word) -> RecoverableSignature {
        // The blinding hides the secret from who measures; its seed is as secret as the key, so it need not be random.
        let seed = Keccak256.hash("blinding".utf8 + self.secret.bytes + digest.bytes)
        let context = Secp256k1Context(blindedBy: seed)
        var signature = secp256k1_ecdsa_recoverable_signature()
        var compact = [UInt8](repeating: 0, count: 64)
        var parity: Int32 = 0
        let isSigned = secp256k1_ecdsa_sign_recoverable(
            context.pointer,
            &signature,
            digest.bytes,
            self.secret.bytes,
            secp256k1_nonce_function_rfc6979,
            nil
        )
        secp256k1_ecdsa_recoverable_signature_serialize_compact(context.pointer, &compact, &parity, &signature)
        guard isSigned == 1, let r = Word(bytes: compact[..<32]), let s = Word(bytes: compact[32...]),
            let result = try? RecoverableSignature(r: r, s: s, yParity: parity & 1 == 1)
        else {
            // The key was checked when it was read, and the library makes signatures with low s only. A parity above
            // one needs an r of which nobody knows how to find one.
            preconditionFailure("libsecp256k1 did not sign")
        }
        return result
    }

    /// The 32 bytes, for who stores them encrypted.
    package var secretBytes: [UInt8] { self.secret.bytes }

    package var description: String { "private key of \(self.address)" }
    package var debugDescription: String { self.description }
    /// What debuggers and `dump` see: the account, never the secret.
    package var customMirror: Mirror { Mirror(self, children: ["address": self.address]) }
}
