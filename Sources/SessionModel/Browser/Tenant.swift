/// Whether a tenant's API is served.
package enum TenantStatus: String, Sendable, CaseIterable {
    case active
    case suspended
    case pastDue = "past_due"
    case cancelled
}

/// Where a tenant's API is.
package enum TenantUpstream: Equatable, Sendable {
    /// An HTTP server the gateway connects to.
    case url(UpstreamURL)
    /// The local app behind a tunnel session.
    case tunnel(Slug)

    /// The upstream as it is stored and shown: a URL, or `tunnel:{slug}`.
    package var text: String {
        switch self {
        case .url(let url): url.text
        case .tunnel(let slug): "tunnel:\(slug)"
        }
    }

    /// Reads `http(s)://…` or `tunnel:{slug}`; nil for anything else.
    package init?(parsing text: String) {
        if text.hasPrefix("tunnel:") {
            guard let slug = Slug(text.dropFirst(7)) else { return nil }
            self = .tunnel(slug)
        } else {
            guard let url = UpstreamURL(parsing: text) else { return nil }
            self = .url(url)
        }
    }
}

/// An absolute http(s) URL with an optional path, to which what follows a tenant's base path is appended.
package struct UpstreamURL: Equatable, Sendable {
    /// Scheme, host and port.
    package let address: PublicAddress
    /// The path, empty or starting with `/` and not ending in one.
    package let path: String

    /// Reads a URL; nil when it has a user, a query, a fragment, dot segments or escapes, or is no http(s) URL.
    package init?(parsing text: String) {
        guard text.utf8.count <= 2048, text.hasPrefix("http") else { return nil }
        // The third slash begins the path.
        let slash = text.indices.filter { text[$0] == "/" }.dropFirst(2).first ?? text.endIndex
        guard let address = PublicAddress(url: String(text[..<slash])) else { return nil }
        var path = String(text[slash...])
        if path.hasSuffix("/") { path.removeLast() }
        guard path.isEmpty || isPlainPath(path) else { return nil }
        self.address = address
        self.path = path
    }

    /// The URL as it is stored and shown.
    package var text: String { self.address.base + self.path }
}

/// One customer of the API gateway: where its API is and where it is served.
package struct Tenant: Equatable, Sendable {
    /// The default of `basePath`.
    package static let defaultBasePath = "/api/v1"
    /// How long session tokens may be valid.
    package static let sessionLifetimes = Duration.seconds(300)...Duration.seconds(3600)

    /// Its name in the admin API, in tokens (`tid`) and towards the upstream.
    package var slug: Slug
    /// Host names under which it is served, lower case, without port; at most 32, no two tenants share one with the same
    /// base path.
    package var hosts: [String]
    /// What comes before its routes: starts with `/`, does not end in one, or is empty.
    package var basePath: String
    /// Where its API is.
    package var upstream: TenantUpstream
    /// Whether it is served.
    package var status: TenantStatus
    /// What it has bought; routes may ask for one.
    package var modules: Set<PolicyName>
    /// How long a session token is valid, within `sessionLifetimes`.
    package var sessionLifetime: Duration
    /// Whether it is also served on the edge's own host (local mode; at most one tenant).
    package var isDefault: Bool
    /// Its routes; whatever none of them names is refused.
    package var routes: [APIRoute]

    /// A tenant; only its name and upstream are needed.
    package init(
        slug: Slug,
        hosts: [String] = [],
        basePath: String = Tenant.defaultBasePath,
        upstream: TenantUpstream,
        status: TenantStatus = .active,
        modules: Set<PolicyName> = [],
        sessionLifetime: Duration = .seconds(3600),
        isDefault: Bool = false,
        routes: [APIRoute] = []
    ) {
        self.slug = slug
        self.hosts = hosts
        self.basePath = basePath
        self.upstream = upstream
        self.status = status
        self.modules = modules
        self.sessionLifetime = sessionLifetime
        self.isDefault = isDefault
        self.routes = routes
    }

    /// Whether `host` may stand in `hosts`: a DNS name or IPv4 address in lower case, as it would stand in a web origin.
    package static func isHost(_ host: String) -> Bool {
        !host.contains(":") && !host.hasPrefix("[") && WebOrigin(header: "https://\(host)") != nil
    }

    /// Whether `path` may be a base path: empty, or plain segments.
    package static func isBasePath(_ path: String) -> Bool { path.isEmpty || isPlainPath(path) }
}

/// Whether `path` is one or more segments of `[A-Za-z0-9._~-]`, each after a `/`, none of them dots only.
func isPlainPath(_ path: String) -> Bool {
    guard path.utf8.first == UInt8(ascii: "/"), path.utf8.count <= 1024 else { return false }
    return path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).allSatisfy(isPlainSegment)
}

/// Whether `segment` is 1 or more of `[A-Za-z0-9._~-]` and does not end in a dot.
func isPlainSegment(_ segment: some StringProtocol) -> Bool {
    guard !segment.isEmpty, !segment.hasSuffix(".") else { return false }
    return segment.utf8.allSatisfy { byte in
        isBase36(byte) || byte &- 65 < 26 || "._~-".utf8.contains(byte)
    }
}
