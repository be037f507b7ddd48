/// Whose word about the client's address is believed.
///
/// `X-Forwarded-For` grows to the right: each proxy appends the address it received the request from. Only what
/// trusted proxies appended is known to be true, so the client is the rightmost address that is not one of them, and
/// nothing further left is ever looked at.
package struct TrustedProxies: Sendable {
    /// How many addresses are looked at in one request; a longer chain of trusted proxies is cut there.
    package static let maximumHops = 16

    private let ranges: [AddressRange]

    /// Trusts the proxies in `ranges`; with none, only the peer's own address counts.
    package init(_ ranges: [AddressRange] = []) { self.ranges = ranges }

    /// Whether no proxy is trusted.
    package var isEmpty: Bool { self.ranges.isEmpty }

    /// Whether `address` is a trusted proxy.
    package func isTrusted(_ address: ClientAddress) -> Bool { self.ranges.contains { $0.contains(address) } }

    /// Who the client is, given the peer of the connection and the lines of `X-Forwarded-For` in their order.
    ///
    /// An element that is not an address ends the walk: the client is then the proxy that wrote it.
    package func client(peer: ClientAddress, forwardedFor lines: [String]) -> ClientAddress {
        guard !lines.isEmpty, !self.ranges.isEmpty, self.isTrusted(peer) else { return peer }
        var client = peer
        var hops = 0
        for line in lines.reversed() {
            var rest = line[...]
            while true {
                let comma = rest.utf8.lastIndex(of: UInt8(ascii: ","))
                let element = Self.trimmed(rest[(comma.map { rest.utf8.index(after: $0) } ?? rest.startIndex)...])
                hops += 1
                guard hops <= Self.maximumHops, let address = ClientAddress(forwardedElement: element) else {
                    return client
                }
                client = address
                guard self.isTrusted(address) else { return client }
                guard let comma else { break }
                rest = rest[..<comma]
            }
        }
        return client
    }

    /// As `client(peer:forwardedFor:)` with one line.
    package func client(peer: ClientAddress, forwardedFor line: some StringProtocol) -> ClientAddress {
        self.client(peer: peer, forwardedFor: [String(line)])
    }

    private static func trimmed(_ text: Substring) -> Substring {
        func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard let first = text.utf8.firstIndex(where: { !isSpace($0) }),
            let last = text.utf8.lastIndex(where: { !isSpace($0) })
        else { return text[..<text.startIndex] }
        return text[first...last]
    }
}
