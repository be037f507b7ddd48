/// A web origin: scheme, host and port of a page, in the one form browsers send (RFC 6454, section 6.2).
///
/// Two are the same when all three parts are; nothing is ever compared as a prefix, suffix or pattern. Hosts are DNS
/// names of lower-case letters, digits and inner hyphens (Unicode names in their `xn--` form), IPv4 addresses in dotted
/// decimal, or `[::1]`; other IPv6 literals are not supported. Numbers that some read as IPv4 (`127.1`, `0x7f.0.0.1`)
/// are refused.
package struct WebOrigin: Hashable, Sendable, CustomStringConvertible {
    /// The longest origin that is looked at, in bytes: scheme, a DNS name of 253 and a port.
    package static let maximumLength = 267

    /// Whether the scheme is `https` (else `http`).
    package let isSecure: Bool
    /// The host as it stands in the origin.
    package let host: String
    /// The port, also when it is the scheme's default.
    package let port: UInt16

    private init(isSecure: Bool, host: String, port: UInt16) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
    }

    /// Reads the value of an `Origin` header, which must be exactly what a browser writes.
    ///
    /// Nil for anything else: `null`, nothing, several, upper case, a trailing dot, the scheme's own port, a user, a
    /// path, a host that is not ASCII, other schemes.
    package init?(header bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= Self.maximumLength, let parts = Self.split(bytes) else { return nil }
        let host = UnsafeRawBufferPointer(rebasing: bytes[parts.host])
        guard Self.isHost(host), let port = Self.port(bytes[parts.port], isSecure: parts.isSecure) else { return nil }
        self.init(isSecure: parts.isSecure, host: String(decoding: host, as: UTF8.self), port: port)
    }

    /// As `init(header:)` for text.
    package init?(header text: some StringProtocol) {
        var copy = String(text)
        guard let origin = copy.withUTF8({ Self(header: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = origin
    }

    /// Reads what an admin wrote and normalises it: letter case, the scheme's own port and one final `/` do not matter.
    package init?(configured text: some StringProtocol) {
        var text = Substring(text)
        guard text.utf8.count <= 2 * Self.maximumLength, text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
        if text.hasSuffix("/"), !text.hasSuffix("//") { text = text.dropLast() }
        var lower = text.lowercased()
        for (scheme, port) in [("https://", ":443"), ("http://", ":80")] where lower.hasPrefix(scheme) {
            if lower.hasSuffix(port) { lower = String(lower.dropLast(port.utf8.count)) }
        }
        self.init(header: lower)
    }

    /// The origin as browsers write it, without the scheme's own port.
    package var text: String {
        let isDefault = self.port == (self.isSecure ? 443 : 80)
        return "\(self.isSecure ? "https" : "http")://\(self.host)\(isDefault ? "" : ":\(self.port)")"
    }

    package var description: String { self.text }

    /// Whether the host is an address and not a name.
    package var isAddress: Bool { self.host.hasPrefix("[") || self.host.utf8.last.map { $0 &- 48 < 10 } ?? false }

    /// The same origin without the first label of its host; nil for addresses and names of one label.
    package var parent: WebOrigin? {
        guard !self.isAddress, let dot = self.host.utf8.firstIndex(of: UInt8(ascii: ".")) else { return nil }
        let rest = self.host[self.host.utf8.index(after: dot)...]
        return WebOrigin(isSecure: self.isSecure, host: String(rest), port: self.port)
    }

    private static func split(
        _ bytes: UnsafeRawBufferPointer
    ) -> (isSecure: Bool, host: Range<Int>, port: Range<Int>)? {
        func has(_ literal: StaticString) -> Bool {
            bytes.count > literal.utf8CodeUnitCount
                && (0..<literal.utf8CodeUnitCount).allSatisfy { bytes[$0] == literal.utf8Start[$0] }
        }
        let isSecure = has("https://")
        guard isSecure || has("http://") else { return nil }
        let start = isSecure ? 8 : 7
        var end = start
        if bytes[start] == UInt8(ascii: "[") {
            while end < bytes.count, bytes[end] != UInt8(ascii: "]") { end += 1 }
            end = min(end + 1, bytes.count)
        } else {
            while end < bytes.count, bytes[end] != UInt8(ascii: ":") { end += 1 }
        }
        return (isSecure, start..<end, end..<bytes.count)
    }

    /// The port written after the host, `:8080`, or the scheme's own when nothing is; nil when it is not in that form.
    private static func port(_ bytes: Slice<UnsafeRawBufferPointer>, isSecure: Bool) -> UInt16? {
        guard let colon = bytes.first else { return isSecure ? 443 : 80 }
        let digits = bytes.dropFirst()
        guard colon == UInt8(ascii: ":"), (1...5).contains(digits.count), digits.first != UInt8(ascii: "0") else {
            return nil
        }
        var port = 0
        for byte in digits {
            guard byte &- 48 < 10 else { return nil }
            port = port * 10 + Int(byte - 48)
        }
        return port == (isSecure ? 443 : 80) ? nil : UInt16(exactly: port)
    }

    private static func isHost(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard (1...253).contains(bytes.count) else { return false }
        if bytes[0] == UInt8(ascii: "[") { return bytes.elementsEqual("[::1]".utf8) }
        var labelStart = 0
        var lastLabel = 0
        for index in 0...bytes.count {
            if index < bytes.count, bytes[index] != UInt8(ascii: ".") {
                guard isBase36(bytes[index]) || bytes[index] == UInt8(ascii: "-") else { return false }
                continue
            }
            guard (1...63).contains(index - labelStart), bytes[labelStart] != UInt8(ascii: "-"),
                bytes[index - 1] != UInt8(ascii: "-")
            else { return false }
            lastLabel = labelStart
            labelStart = index + 1
        }
        // URL parsers read a host whose last label looks like a number as an IPv4 address.
        guard Self.looksLikeNumber(bytes[lastLabel...]) else { return true }
        return Self.isDottedDecimal(bytes)
    }

    private static func looksLikeNumber(_ label: Slice<UnsafeRawBufferPointer>) -> Bool {
        if label.allSatisfy({ $0 &- 48 < 10 }) { return true }
        return label.starts(with: "0x".utf8)
            && label.dropFirst(2).allSatisfy { $0 &- 48 < 10 || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
    }

    private static func isDottedDecimal(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                part.count <= 3 && part.allSatisfy { $0 &- 48 < 10 } && (part.count == 1 || part.first != 48)
                    && part.reduce(0) { $0 * 10 + Int($1 - 48) } <= 255
            }
    }
}

/// What a key's list of web origins may hold: one origin, or every origin one label below a name.
package enum WebOriginRule: Hashable, Sendable, CustomStringConvertible {
    /// This origin only.
    case exact(WebOrigin)
    /// `https://*.example.com`: origins whose host is one label and this host. Holds `https://example.com`.
    case subdomains(WebOrigin)

    /// Why text is not a rule.
    package struct Problem: Error, Equatable, Sendable {
        /// A sentence fragment for people.
        package let message: String
    }

    /// Reads what an admin wrote.
    ///
    /// Wildcards stand for exactly one label, need `https`, and never stand directly on a public suffix
    /// (`PublicSuffixes`), where strangers could register a matching name.
    package init(parsing text: String) throws(Problem) {
        let rule = try WebOriginRule(stored: text)
        if case .subdomains(let base) = rule, PublicSuffixes.contains(base.host) {
            throw Problem(message: "may not have * directly below \(base.host), where anybody can register names")
        }
        self = rule
    }

    /// Reads what was stored: as above, but public suffixes are not looked for, because the list may have grown since.
    package init(stored text: String) throws(Problem) {
        guard text.contains("*") else {
            guard let origin = WebOrigin(configured: text) else {
                throw Problem(message: "must be a web origin such as https://shop.example, without path or user")
            }
            self = .exact(origin)
            return
        }
        let prefix = "https://*."
        guard text.lowercased().hasPrefix(prefix), let base = WebOrigin(configured: "https://\(text.dropFirst(10))"),
            !base.isAddress
        else { throw Problem(message: "may have one * in place of the first label: https://*.example.com") }
        self = .subdomains(base)
    }

    /// Whether `origin` is meant by this rule.
    package func allows(_ origin: WebOrigin) -> Bool {
        switch self {
        case .exact(let allowed): origin == allowed
        case .subdomains(let base): origin.parent == base
        }
    }

    /// The rule as it is stored and shown.
    package var description: String {
        switch self {
        case .exact(let origin): origin.text
        case .subdomains(let base): "https://*.\(base.text.dropFirst(8))"
        }
    }
}
