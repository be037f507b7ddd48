/// Where a client is, without a port: an IPv4 or IPv6 address.
///
/// Equality and hashing look at what identifies a client: the whole IPv4 address, or the first 64 bits of an IPv6
/// address, because one host is usually given a whole /64. The full address is kept for display, for forwarding and
/// for comparison with ranges. IPv4-mapped IPv6 addresses (`::ffff:a.b.c.d`) are IPv4 addresses.
package struct ClientAddress: Sendable {
    /// Whether this is an IPv4 address.
    package let isV4: Bool
    /// The first 64 bits of an IPv6 address; zero for IPv4.
    let high: UInt64
    /// The last 64 bits of an IPv6 address; for IPv4 the 32 bits of the address.
    let low: UInt64

    private init(isV4: Bool, high: UInt64, low: UInt64) {
        self.isV4 = isV4
        self.high = high
        self.low = low
    }

    private init(v6 high: UInt64, _ low: UInt64) {
        if high == 0, low >> 32 == 0xffff {
            self.init(isV4: true, high: 0, low: low & 0xffff_ffff)
        } else {
            self.init(isV4: false, high: high, low: low)
        }
    }

    /// An IPv4 address from its four bytes.
    package init(v4 bytes: (UInt8, UInt8, UInt8, UInt8)) {
        let low = UInt64(bytes.0) << 24 | UInt64(bytes.1) << 16 | UInt64(bytes.2) << 8 | UInt64(bytes.3)
        self.init(isV4: true, high: 0, low: low)
    }

    /// An address from its bytes in network order; nil unless there are 4 or 16.
    package init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4:
            self.init(isV4: true, high: 0, low: bytes.reduce(0) { $0 << 8 | UInt64($1) })
        case 16:
            self.init(
                v6: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
                bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
            )
        default:
            return nil
        }
    }

    /// Reads an address in its usual text form: dotted decimal without leading zeros, or RFC 4291 section 2.2.
    ///
    /// Nil for anything else: ports, brackets and zone identifiers (`%eth0`) included.
    package init?(parsing text: some StringProtocol) {
        let parsed =
            text.utf8.withContiguousStorageIfAvailable { Self.parse($0[...]) } ?? Self.parse(Array(text.utf8)[...])
        guard let parsed else { return nil }
        self = parsed
    }

    /// Reads one element of `X-Forwarded-For`: an address, which may have a port (`a.b.c.d:port`, `[v6]:port`).
    package init?(forwardedElement text: some StringProtocol) {
        var rest = Substring(text)
        if rest.utf8.first == UInt8(ascii: "[") {
            guard let bracket = rest.utf8.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            guard Self.isPortSuffix(rest[rest.index(after: bracket)...]) else { return nil }
            rest = rest[rest.index(after: rest.startIndex)..<bracket]
            guard rest.utf8.contains(UInt8(ascii: ":")) else { return nil }
        } else if let colon = rest.utf8.firstIndex(of: UInt8(ascii: ":")),
            rest.utf8[..<colon].contains(UInt8(ascii: "."))
        {
            guard Self.isPortSuffix(rest[colon...]) else { return nil }
            rest = rest[..<colon]
        }
        self.init(parsing: rest)
    }

    /// Whether this address lies in `range`.
    package func isContained(in range: AddressRange) -> Bool { range.contains(self) }

    /// The full address as text; IPv6 in the canonical form of RFC 5952.
    package var text: String {
        guard !self.isV4 else {
            return [24, 16, 8, 0].map { String(self.low >> $0 & 0xff) }.joined(separator: ".")
        }
        return Self.canonicalText(high: self.high, low: self.low)
    }

    /// What identifies the client, as text: the IPv4 address, or the /64 of the IPv6 address.
    package var identityText: String {
        self.isV4 ? self.text : Self.canonicalText(high: self.high, low: 0) + "/64"
    }

    /// What identifies the client, as bytes: 4 of an IPv4 address, or the first 8 of an IPv6 address.
    var identityBytes: [UInt8] {
        self.isV4
            ? [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: self.low >> $0) }
            : (0..<8).map { UInt8(truncatingIfNeeded: self.high >> UInt64(56 - 8 * $0)) }
    }

    /// Whether this is a loopback address (127.0.0.0/8 or ::1).
    package var isLoopback: Bool {
        self.isV4 ? self.low >> 24 == 127 : self.high == 0 && self.low == 1
    }
}

extension ClientAddress: Hashable {
    package static func == (lhs: ClientAddress, rhs: ClientAddress) -> Bool {
        lhs.isV4 == rhs.isV4 && (lhs.isV4 ? lhs.low == rhs.low : lhs.high == rhs.high)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.isV4)
        hasher.combine(self.isV4 ? self.low : self.high)
    }
}

extension ClientAddress: CustomStringConvertible {
    package var description: String { self.text }
}

extension ClientAddress {
    private static func isPortSuffix(_ text: Substring) -> Bool {
        guard let first = text.utf8.first else { return true }
        let digits = text.utf8.dropFirst()
        return first == UInt8(ascii: ":") && (1...5).contains(digits.count)
            && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func parse(_ bytes: some RandomAccessCollection<UInt8>) -> ClientAddress? {
        // The longest form is an IPv6 address whose last 32 bits are dotted decimal: 45 characters.
        guard (2...45).contains(bytes.count) else { return nil }
        guard bytes.contains(UInt8(ascii: ":")) else {
            return self.parseV4(bytes).map { ClientAddress(isV4: true, high: 0, low: UInt64($0)) }
        }
        return self.parseV6(bytes)
    }

    private static func parseV4(_ bytes: some RandomAccessCollection<UInt8>) -> UInt32? {
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var octet: UInt32 = 0
            for byte in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                octet = octet * 10 + UInt32(byte - UInt8(ascii: "0"))
            }
            guard octet <= 255 else { return nil }
            value = value << 8 | octet
        }
        return value
    }

    private static func parseV6(_ bytes: some RandomAccessCollection<UInt8>) -> ClientAddress? {
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count >= 3 else { return nil }
        var before: [UInt16] = []
        var after: [UInt16]? = nil
        for (index, part) in parts.enumerated() {
            if part.isEmpty {
                // "::" is one empty part in the middle, or two at an end.
                let isLeading = index == 0 && parts[1].isEmpty
                let isTrailing = index == parts.count - 1 && parts[index - 1].isEmpty
                if isLeading || isTrailing { continue }
                guard after == nil, index > 0, index < parts.count - 1 else { return nil }
                after = []
                continue
            }
            var groups: [UInt16] = []
            if index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let v4 = self.parseV4(part) else { return nil }
                groups = [UInt16(v4 >> 16), UInt16(v4 & 0xffff)]
            } else {
                guard part.count <= 4, let group = self.parseGroup(part) else { return nil }
                groups = [group]
            }
            if after != nil { after?.append(contentsOf: groups) } else { before.append(contentsOf: groups) }
        }
        let count = before.count + (after?.count ?? 0)
        if let after {
            guard count <= 7 else { return nil }
            before += Array(repeating: 0, count: 8 - count) + after
        } else {
            guard count == 8 else { return nil }
        }
        return ClientAddress(
            v6: before[..<4].reduce(0) { $0 << 16 | UInt64($1) },
            before[4...].reduce(0) { $0 << 16 | UInt64($1) }
        )
    }

    private static func parseGroup(_ digits: some Collection<UInt8>) -> UInt16? {
        var value: UInt16 = 0
        for byte in digits {
            guard let digit = hexDigitValue(byte) else { return nil }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    private static func canonicalText(high: UInt64, low: UInt64) -> String {
        let groups = [48, 32, 16, 0].map { high >> $0 & 0xffff } + [48, 32, 16, 0].map { low >> $0 & 0xffff }
        // RFC 5952: the longest run of two or more zero groups, the first of equals, becomes "::".
        var best = 0..<0
        var start = 0
        while start < groups.count {
            var end = start
            while end < groups.count, groups[end] == 0 { end += 1 }
            if end - start >= 2, end - start > best.count { best = start..<end }
            start = max(end, start + 1)
        }
        func joined(_ part: ArraySlice<UInt64>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !best.isEmpty else { return joined(groups[...]) }
        return joined(groups[..<best.lowerBound]) + "::" + joined(groups[best.upperBound...])
    }
}

/// The value of one hexadecimal digit, or nil.
func hexDigitValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
