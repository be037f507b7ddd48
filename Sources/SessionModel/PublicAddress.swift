/// Where the edge is reached from outside, and the links made from it (reference: create session).
package struct PublicAddress: Equatable, Sendable {
    /// How sessions are told apart in public URLs.
    package enum Style: String, Sendable, CaseIterable {
        /// `{public-url}/s/{slug}`.
        case path
        /// `https://{slug}.{public host}`.
        case subdomain
    }

    /// `http` or `https`.
    package let scheme: String
    /// Lower-case host name or address literal (IPv6 in brackets), without port.
    package let host: String
    /// The port, nil for the scheme's default.
    package let port: Int?
    /// Which of the two link forms is published; the edge accepts both.
    package let style: Style

    /// Reads an absolute http(s) URL without path, query, fragment or user; nil if it is anything else.
    package init?(url: String, style: Style = .path) {
        var rest = Substring(url)
        if rest.hasPrefix("https://") {
            self.scheme = "https"
        } else if rest.hasPrefix("http://") {
            self.scheme = "http"
        } else {
            return nil
        }
        rest = rest.dropFirst(self.scheme.count + 3)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        let hostEnd: Substring.Index
        if rest.hasPrefix("[") {
            guard let bracket = rest.firstIndex(of: "]") else { return nil }
            hostEnd = rest.index(after: bracket)
        } else {
            hostEnd = rest.firstIndex(of: ":") ?? rest.endIndex
        }
        let host = rest[..<hostEnd].lowercased()
        guard Self.isHost(host) else { return nil }
        let portText = rest[hostEnd...]
        if portText.isEmpty {
            self.port = nil
        } else {
            guard portText.utf8.dropFirst().allSatisfy({ (48...57).contains($0) }), portText.first == ":",
                let port = Int(portText.dropFirst()), (1...65535).contains(port)
            else { return nil }
            self.port = port == (self.scheme == "https" ? 443 : 80) ? nil : port
        }
        self.host = host
        self.style = style
    }

    private static func isHost(_ host: String) -> Bool {
        if host.hasPrefix("[") {
            return host.hasSuffix("]") && host.utf8.count > 2
                && host.utf8.dropFirst().dropLast().allSatisfy { isBase36($0) || $0 == UInt8(ascii: ":") || $0 == 46 }
        }
        return !host.isEmpty && host.utf8.allSatisfy { isBase36($0) || $0 == UInt8(ascii: "-") || $0 == 46 }
    }

    /// The default edge of a developer's machine.
    package static let loopback = PublicAddress(scheme: "http", host: "127.0.0.1", port: 3002, style: .path)

    private init(scheme: String, host: String, port: Int?, style: Style) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.style = style
    }

    /// `host` or `host:port`.
    package var authority: String { self.port.map { "\(self.host):\($0)" } ?? self.host }

    /// The base URL without a trailing slash.
    package var base: String { "\(self.scheme)://\(self.authority)" }

    /// Whether only this machine can reach it: loopback addresses, `localhost` and names under it.
    package var isLoopback: Bool { isLoopbackHost(self.host) }

    /// The link viewers open.
    package func publicURL(for slug: Slug) -> String {
        switch self.style {
        case .path: "\(self.base)/s/\(slug)"
        case .subdomain: "\(self.scheme)://\(slug).\(self.authority)"
        }
    }

    /// The owner's link; the only URL that carries a secret, because the reference page has it so.
    package func ownerURL(for slug: Slug, ownerToken: String) -> String {
        "\(self.base)/.wormkey/owner?slug=\(slug)&token=\(ownerToken)"
    }

    /// The script a page includes to get the overlay.
    package func overlayScriptURL(for slug: Slug) -> String { "\(self.base)/.wormkey/overlay.js?slug=\(slug)" }

    /// Where agents connect.
    package var edgeURL: String { "\(self.scheme == "https" ? "wss" : "ws")://\(self.authority)/tunnel" }
}

/// Whether `host` (lower case, no port) names this machine: `localhost`, names under it, 127.0.0.0/8 or `[::1]`.
package func isLoopbackHost(_ host: some StringProtocol) -> Bool {
    if host == "localhost" || host.hasSuffix(".localhost") || host == "[::1]" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127"
        && parts.allSatisfy { part in UInt8(part) != nil && part.utf8.allSatisfy { (48...57).contains($0) } }
}
