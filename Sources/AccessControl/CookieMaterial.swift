import Crypto

/// Keys and encodings shared by the signed cookies.
///
/// Every purpose has its own key, derived from the server's signing key by HMAC-SHA256 over the purpose's name, so
/// that a value made for one purpose never verifies for another.
struct PurposeKey: Sendable {
    /// Ready to take the message; copied for every use.
    private let prepared: HMAC<SHA256>

    /// Derives the key for `purpose`; `master` must be 32 bytes.
    init(master: [UInt8], purpose: String) {
        precondition(master.count == 32, "the signing key must have 32 bytes")
        let code = HMAC<SHA256>.authenticationCode(for: Array(purpose.utf8), using: SymmetricKey(data: master))
        self.prepared = HMAC<SHA256>(key: SymmetricKey(data: Array(code)))
    }

    /// HMAC-SHA256 of `text` under this key: 32 bytes.
    func code(for text: String) -> [UInt8] { self.code(for: Array(text.utf8)) }

    /// HMAC-SHA256 of `bytes` under this key: 32 bytes.
    func code(for bytes: [UInt8]) -> [UInt8] {
        var hmac = self.prepared
        hmac.update(data: bytes)
        return hmac.finalize().withUnsafeBytes { Array($0) }
    }
}

/// Base64url without padding (RFC 4648 section 5).
func base64URL(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: base64URLBytes(bytes), as: UTF8.self)
}

/// As `base64URL`, as bytes of ASCII.
func base64URLBytes(_ bytes: some Collection<UInt8>) -> [UInt8] {
    let alphabet = base64URLAlphabet
    var output: [UInt8] = []
    output.reserveCapacity((bytes.count * 4 + 2) / 3)
    var bits: UInt32 = 0
    var count = 0
    for byte in bytes {
        bits = bits << 8 | UInt32(byte)
        count += 8
        while count >= 6 {
            count -= 6
            output.append(alphabet[Int(bits >> UInt32(count) & 63)])
        }
    }
    if count > 0 { output.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
    return output
}

private let base64URLAlphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

/// Decodes base64 as it must stand in an `Authorization: Basic` header (RFC 4648 section 4): padded, canonical,
/// without white space; nil otherwise.
func decodedBase64(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard text.count.isMultiple(of: 4) else { return nil }
    var digits = Array(text)
    while text.count - digits.count < 2, digits.last == UInt8(ascii: "=") { digits.removeLast() }
    return decodedSextets(digits, last: (UInt8(ascii: "+"), UInt8(ascii: "/")))
}

/// The bytes that characters of six bits each stand for, `last` being those for 62 and 63; nil for any other character,
/// a length that no bytes have, or stray bits at the end.
func decodedSextets(_ text: some Collection<UInt8>, last: (UInt8, UInt8)) -> [UInt8]? {
    guard text.count % 4 != 1 else { return nil }
    var output: [UInt8] = []
    output.reserveCapacity(text.count / 4 * 3 + 2)
    var bits: UInt32 = 0
    var count = 0
    for byte in text {
        let value: UInt8
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0") + 52
        case last.0: value = 62
        case last.1: value = 63
        default: return nil
        }
        bits = bits << 6 | UInt32(value)
        count += 6
        if count >= 8 {
            count -= 8
            output.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            bits &= 1 << UInt32(count) - 1
        }
    }
    return bits == 0 ? output : nil
}
