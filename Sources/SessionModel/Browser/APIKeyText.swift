/// Whether a key may stand in a web page.
package enum APIKeyKind: String, Sendable, CaseIterable {
    /// `pk_`: safe to ship in a page, works from the web origins it names.
    case publishable
    /// `sk_`: for servers only.
    case secret
}

/// Whether a key is for real use or for trying out; the upstream may tell them apart by the key's prefix.
package enum APIKeyMode: String, Sendable, CaseIterable {
    case live
    case test
}

/// The form of an API key: `pk_live_`, `pk_test_`, `sk_live_` or `sk_test_`, 30 random characters and 6 of checksum.
///
/// The characters are base62 (`0-9A-Za-z`; 178 random bits). The checksum is the CRC-32 (IEEE) of everything before it,
/// so a mistyped key is refused without a lookup and secret scanners can tell a key from noise. It is no protection
/// against forging; the digest is.
package struct APIKeyText: Equatable, Sendable {
    /// Characters of a key: prefix, random part, checksum.
    package static let length = 44
    /// Characters of every prefix.
    package static let prefixLength = 8
    private static let checksumLength = 6

    /// Whether it may stand in a page.
    package let kind: APIKeyKind
    /// Live or test.
    package let mode: APIKeyMode

    /// Reads a key and verifies its checksum; nil unless it is exactly of the published form.
    package init?(parsing bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.length, let (kind, mode) = Self.prefix(of: bytes) else { return nil }
        let body = bytes.count - Self.checksumLength
        var given: UInt64 = 0
        for index in Self.prefixLength..<bytes.count {
            guard let digit = base62Value(bytes[index]) else { return nil }
            if index >= body { given = given * 62 + UInt64(digit) }
        }
        guard given == UInt64(checksum(UnsafeRawBufferPointer(rebasing: bytes[..<body]))) else { return nil }
        self.kind = kind
        self.mode = mode
    }

    /// As `init(parsing:)` for text.
    package init?(parsing text: some StringProtocol) {
        var copy = String(text)
        guard let parsed = copy.withUTF8({ Self(parsing: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = parsed
    }

    /// What keys of this kind and mode start with.
    package static func prefix(kind: APIKeyKind, mode: APIKeyMode) -> String {
        "\(kind == .publishable ? "pk" : "sk")_\(mode.rawValue)_"
    }

    /// Draws a new key, which is shown once and stored as its digest.
    package static func random(
        kind: APIKeyKind,
        mode: APIKeyMode,
        using generator: inout some RandomNumberGenerator
    ) -> String {
        let body = self.prefix(kind: kind, mode: mode) + randomBase62(30, using: &generator)
        let sum = Array(body.utf8).withUnsafeBytes { checksum($0) }
        return body + base62(UInt64(sum), width: self.checksumLength)
    }

    private static func prefix(of bytes: UnsafeRawBufferPointer) -> (APIKeyKind, APIKeyMode)? {
        func has(_ literal: StaticString) -> Bool {
            (0..<literal.utf8CodeUnitCount).allSatisfy { bytes[$0] == literal.utf8Start[$0] }
        }
        if has("pk_live_") { return (.publishable, .live) }
        if has("pk_test_") { return (.publishable, .test) }
        if has("sk_live_") { return (.secret, .live) }
        if has("sk_test_") { return (.secret, .test) }
        return nil
    }
}

/// Draws `count` characters of `[0-9A-Za-z]`, each equally likely.
package func randomBase62(_ count: Int, using generator: inout some RandomNumberGenerator) -> String {
    String(decoding: (0..<count).map { _ in base62Alphabet[Int.random(in: 0..<62, using: &generator)] }, as: UTF8.self)
}

private let base62Alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

private func base62(_ value: UInt64, width: Int) -> String {
    var rest = value
    var digits: [UInt8] = []
    for _ in 0..<width {
        digits.append(base62Alphabet[Int(rest % 62)])
        rest /= 62
    }
    return String(decoding: digits.reversed(), as: UTF8.self)
}

private func base62Value(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 36
    default: nil
    }
}

/// CRC-32 (IEEE 802.3) bit by bit: 38 bytes do not need a table.
private func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var sum: UInt32 = .max
    for byte in bytes {
        sum ^= UInt32(byte)
        for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return ~sum
}
