import Crypto

/// The permanent identifier of a session: `sess_` and 32 characters of `[a-z0-9]`.
package struct SessionID: Hashable, Sendable, CustomStringConvertible {
    /// The identifier as it is published.
    package let rawValue: String

    /// Reads an identifier; nil unless it has exactly the published form.
    package init?(_ rawValue: String) {
        guard rawValue.utf8.count == 37, rawValue.hasPrefix("sess_"), rawValue.utf8.dropFirst(5).allSatisfy(isBase36)
        else { return nil }
        self.rawValue = rawValue
    }

    /// Draws a new identifier (165 bits).
    package static func random(using generator: inout some RandomNumberGenerator) -> SessionID {
        SessionID(unchecked: "sess_" + randomBase36(32, using: &generator))
    }

    private init(unchecked rawValue: String) { self.rawValue = rawValue }

    package var description: String { self.rawValue }
}

/// The human-readable name of a session, `adjective-noun-number`; a valid DNS label of 5 to 63 characters.
///
/// An owner may choose another label (`daypass http --slug`), so any DNS label of lower-case letters, digits and
/// single inner hyphens is a slug.
package struct Slug: Hashable, Sendable, CustomStringConvertible {
    /// The slug as it stands in URLs.
    package let rawValue: String

    /// Reads a slug; nil unless it is 3…63 of `[a-z0-9-]`, starts and ends without a hyphen, and has no two hyphens
    /// in a row (which also keeps `xn--` names out).
    package init?(_ rawValue: some StringProtocol) {
        let bytes = rawValue.utf8
        guard (3...63).contains(bytes.count) else { return nil }
        var previousIsHyphen = true
        for byte in bytes {
            let isHyphen = byte == UInt8(ascii: "-")
            guard isHyphen ? !previousIsHyphen : isBase36(byte) else { return nil }
            previousIsHyphen = isHyphen
        }
        guard !previousIsHyphen else { return nil }
        self.rawValue = String(rawValue)
    }

    package var description: String { self.rawValue }
}

/// A secret that is shown once and stored only as its SHA-256 digest (32 bytes).
///
/// All such secrets are at least 160 random bits, so an unsalted fast hash is enough; comparison of digests is in
/// constant time.
package struct SecretDigest: Hashable, Sendable {
    /// The 32 bytes of SHA-256.
    package let bytes: [UInt8]

    /// Hashes a secret.
    package init(of secret: some StringProtocol) {
        self.bytes = Array(SHA256.hash(data: Array(secret.utf8)))
    }

    /// Hashes a secret that is there as bytes.
    package init(ofBytes secret: [UInt8]) {
        var hash = SHA256()
        secret.withUnsafeBytes { hash.update(bufferPointer: $0) }
        self.bytes = hash.finalize().withUnsafeBytes { Array($0) }
    }

    /// Restores a stored digest; nil unless it is 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == SHA256.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Whether `secret` is the one this digest was made of; takes the same time whatever differs.
    package func matches(_ secret: some StringProtocol) -> Bool {
        constantTimeEquals(self.bytes, SecretDigest(of: secret).bytes)
    }
}

/// Compares two byte strings in a time that depends only on their lengths.
@inlinable
package func constantTimeEquals(_ lhs: some Collection<UInt8>, _ rhs: some Collection<UInt8>) -> Bool {
    guard lhs.count == rhs.count else { return false }
    var difference: UInt8 = 0
    for (left, right) in zip(lhs, rhs) { difference |= left ^ right }
    return difference == 0
}

/// Draws `count` characters of `[a-z0-9]`, each equally likely.
package func randomBase36(_ count: Int, using generator: inout some RandomNumberGenerator) -> String {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
    let bytes = (0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
    return String(decoding: bytes, as: UTF8.self)
}

/// Whether `byte` is one of `[a-z0-9]`.
package func isBase36(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

/// The combined credential of the reference page: `slug.ownerToken`.
package struct SessionToken: Sendable {
    /// The session it is for.
    package let slug: Slug
    /// The owner token: 32 of `[a-z0-9]`.
    package let ownerToken: String

    /// Combines a slug and an owner token.
    package init(slug: Slug, ownerToken: String) {
        self.slug = slug
        self.ownerToken = ownerToken
    }

    /// Reads `slug.ownerToken`; nil unless both parts have their published form.
    package init?(parsing text: some StringProtocol) {
        guard text.utf8.count <= 96, let dot = text.lastIndex(of: "."), let slug = Slug(text[..<dot]) else {
            return nil
        }
        let owner = text[text.index(after: dot)...]
        guard owner.utf8.count == 32, owner.utf8.allSatisfy(isBase36) else { return nil }
        self.init(slug: slug, ownerToken: String(owner))
    }

    /// The published text form.
    package var text: String { "\(self.slug.rawValue).\(self.ownerToken)" }
}
