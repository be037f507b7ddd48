package import SessionModel

/// An Ed25519 key that signs session tokens, as the store keeps it.
package struct SigningKeyRecord: Equatable, Sendable {
    /// Its `kid`.
    package var id: String
    /// The 32 bytes of the private key; encrypted wherever they are kept, and never shown.
    package var privateKey: SecretBytes
    /// When it was made.
    package var createdAt: Timestamp
    /// When it begins to sign.
    package var signsFrom: Timestamp
    /// When its successor begins to sign; nil while it has none.
    package var signsUntil: Timestamp?

    /// A complete record.
    package init(
        id: String,
        privateKey: SecretBytes,
        createdAt: Timestamp,
        signsFrom: Timestamp,
        signsUntil: Timestamp? = nil
    ) {
        self.id = id
        self.privateKey = privateKey
        self.createdAt = createdAt
        self.signsFrom = signsFrom
        self.signsUntil = signsUntil
    }

    /// Where the key is in its life at `now`.
    package func state(now: Timestamp) -> SigningKeySummary.State {
        if now < self.signsFrom { return .next }
        return self.signsUntil.map { $0 <= now } ?? false ? .retired : .current
    }
}

/// Bytes that no description shows.
package struct SecretBytes: Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The bytes themselves.
    package let bytes: [UInt8]

    /// Wraps secret bytes.
    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var description: String { "(secret)" }
    package var debugDescription: String { "(secret)" }
}
