import SessionModel

/// What the text of a `Host` field says about where a call may come from.
package enum HostClassifier {
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

    /// As `host(ofAuthority:)`, for a field that another program wrote: nil also for characters that no name and no literal
    /// has, such as the comma of a list or an escape.
    package static func plainHost(ofAuthority authority: String?) -> String? {
        guard let host = self.host(ofAuthority: authority) else { return nil }
        let isLiteral = host.hasPrefix("[")
        let isPlain = host.utf8.allSatisfy { byte in
            isBase36(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                || isLiteral && (byte == UInt8(ascii: ":") || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]"))
        }
        return isPlain ? host : nil
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
}
