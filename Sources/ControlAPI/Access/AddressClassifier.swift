import SessionModel

/// What the text of a peer's address and of a `Host` field says about where a call comes from.
///
/// Pure.
package enum AddressClassifier {
    /// Whether a peer's address (no port) is this machine's: 127.0.0.0/8, `::1`, or the former written as IPv6.
    package static func isLoopback(peer address: String?) -> Bool {
        guard let address else { return false }
        let mapped = address.lowercased()
        if mapped.hasPrefix("::ffff:") { return isLoopbackHost(mapped.dropFirst(7)) }
        return isLoopbackHost(mapped)
    }

    /// The host of a `Host` field in lower case, without port; nil unless it is a name or a literal with, at most, a
    /// port of digits.
    package static func host(ofAuthority authority: String?) -> String? {
        guard let authority = authority?.lowercased(), authority.utf8.count <= 255 else { return nil }
        let end: String.Index
        if authority.hasPrefix("[") {
            guard let bracket = authority.firstIndex(of: "]") else { return nil }
            end = authority.index(after: bracket)
        } else {
            end = authority.firstIndex(of: ":") ?? authority.endIndex
        }
        let rest = authority[end...]
        guard rest.isEmpty || rest.first == ":" && rest.dropFirst().utf8.allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        let host = authority[..<end]
        return host.isEmpty ? nil : String(host)
    }

    /// Whether a host cannot be a name that a stranger's name server answers for: address literals, names without a
    /// dot, and names under `localhost`.
    ///
    /// Browsers can be made to reach this listener under any other name (DNS rebinding).
    package static func isUnrebindable(host: String) -> Bool {
        if host.hasPrefix("[") || host == "localhost" || host.hasSuffix(".localhost") { return true }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        if labels.count == 1 { return true }
        return labels.count == 4 && labels.allSatisfy { UInt8($0) != nil }
    }

    /// The group of addresses that share a bucket of failed attempts: one IPv4 address, or one IPv6 /64, which is what
    /// a single customer of a provider has.
    package static func bucket(of address: String) -> String {
        let address = address.lowercased()
        if address.hasPrefix("::ffff:"), address.contains(".") { return String(address.dropFirst(7)) }
        guard address.contains(":") else { return address }
        let withoutZone = address.prefix { $0 != "%" }
        let halves = withoutZone.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        let left = halves[0].split(separator: ":")
        let right = halves.count > 1 ? halves[1].split(separator: ":") : []
        let zeros = halves.count > 1 ? max(0, 8 - left.count - right.count) : 0
        let groups = left + Array(repeating: "0", count: zeros) + right
        return groups.prefix(4).joined(separator: ":") + "::/64"
    }
}
