/// The permanent identifier of an API key: `key_` and 12 characters of `[a-z0-9]` (62 bits); not a secret.
///
/// Kept as a number, so that counters and claims compare it without text.
package struct APIKeyID: Hashable, Sendable, CustomStringConvertible {
    /// The identifier as a number below 36¹².
    package let number: UInt64

    /// Reads an identifier; nil unless it has exactly the published form.
    package init?(_ text: some StringProtocol) {
        guard let number = readBase36ID(text, prefix: "key_") else { return nil }
        self.number = number
    }

    /// Draws a new identifier.
    package static func random(using generator: inout some RandomNumberGenerator) -> APIKeyID {
        APIKeyID(number: UInt64.random(in: 0..<base36IDLimit, using: &generator))
    }

    private init(number: UInt64) { self.number = number }

    /// The identifier as it is published.
    package var text: String { writeBase36ID(self.number, prefix: "key_") }

    package var description: String { self.text }
}

/// The identifier of a browser session, the token's `sid`: `bs_` and 12 characters of `[a-z0-9]` (62 bits).
///
/// It is no secret: only the signed token proves a session. It stays the same when the token is renewed.
package struct BrowserSessionID: Hashable, Sendable, CustomStringConvertible {
    /// The identifier as a number below 36¹².
    package let number: UInt64

    /// Reads an identifier; nil unless it has exactly the published form.
    package init?(_ text: some StringProtocol) {
        guard let number = readBase36ID(text, prefix: "bs_") else { return nil }
        self.number = number
    }

    /// Draws a new identifier.
    package static func random(using generator: inout some RandomNumberGenerator) -> BrowserSessionID {
        BrowserSessionID(number: UInt64.random(in: 0..<base36IDLimit, using: &generator))
    }

    private init(number: UInt64) { self.number = number }

    /// The identifier as it is published.
    package var text: String { writeBase36ID(self.number, prefix: "bs_") }

    package var description: String { self.text }
}

let base36IDLimit: UInt64 = 4_738_381_338_321_616_896

func readBase36ID(_ text: some StringProtocol, prefix: String) -> UInt64? {
    guard text.utf8.count == prefix.utf8.count + 12, text.hasPrefix(prefix) else { return nil }
    var number: UInt64 = 0
    for byte in text.utf8.dropFirst(prefix.utf8.count) {
        guard isBase36(byte) else { return nil }
        number = number * 36 + UInt64(byte <= UInt8(ascii: "9") ? byte - 48 : byte - 87)
    }
    return number
}

func writeBase36ID(_ number: UInt64, prefix: String) -> String {
    let digits = String(number, radix: 36)
    return prefix + String(repeating: "0", count: 12 - digits.utf8.count) + digits
}

/// What a key may do, as its owner names it: `quotes:write`; routes ask for one.
package struct Scope: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 1…64 of `[a-z0-9:._-]`, starting with a letter or digit.
    package let rawValue: String

    /// Reads a scope; nil unless it has that form.
    ///
    /// Scopes are compared whole: `quotes` does not include `quotes:write`.
    package init?(_ text: some StringProtocol) {
        guard isPolicyName(text, extra: ":.") else { return nil }
        self.rawValue = String(text)
    }

    package static func < (lhs: Scope, rhs: Scope) -> Bool { lhs.rawValue < rhs.rawValue }

    package var description: String { self.rawValue }
}

/// The name of a module, a plan or a limit class: 1…64 of `[a-z0-9_-]`, starting with a letter or digit.
package struct PolicyName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The name as written.
    package let rawValue: String

    /// Reads a name; nil unless it has that form.
    package init?(_ text: some StringProtocol) {
        guard isPolicyName(text, extra: "") else { return nil }
        self.rawValue = String(text)
    }

    private init(literal: String) { self.rawValue = literal }

    package static func < (lhs: PolicyName, rhs: PolicyName) -> Bool { lhs.rawValue < rhs.rawValue }

    /// The limit class of requests that read (`GET`, `HEAD`).
    package static let reads = PolicyName(literal: "reads")
    /// The limit class of all other requests.
    package static let writes = PolicyName(literal: "writes")
    /// The limit class of creating session tokens.
    package static let sessions = PolicyName(literal: "sessions")
    /// The plan of keys that name none.
    package static let standard = PolicyName(literal: "standard")

    package var description: String { self.rawValue }
}

private func isPolicyName(_ text: some StringProtocol, extra: String) -> Bool {
    guard (1...64).contains(text.utf8.count), let first = text.utf8.first, isBase36(first) else { return false }
    return text.utf8.allSatisfy { byte in
        isBase36(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || extra.utf8.contains(byte)
    }
}
