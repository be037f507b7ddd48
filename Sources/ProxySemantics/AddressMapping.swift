package import SessionModel

/// How addresses in an app's answers become addresses a viewer can use.
package struct AddressMapping: Sendable, Equatable {
    /// `/s/{slug}` in path mode, empty when the session has a host of its own.
    package var pathPrefix: String
    /// Scheme and authority the viewer used, `https://example.org`.
    package var publicBase: String
    /// Authorities by which the local app may call itself, lower case with port (`localhost:3000`), and the public
    /// authority itself, which apps use when they see the viewer's `Host`.
    package var localAuthorities: [String]
    /// What stands before the app's paths on its own side, in place of `pathPrefix`; empty for tunnel sessions.
    package var localPrefix: String
    /// Whether the API gateway gives the fields of cross-origin access, rates and the request's name itself, and the
    /// app's own are dropped.
    package var replacesGatewayFields: Bool

    /// A complete mapping.
    package init(
        pathPrefix: String,
        publicBase: String,
        localAuthorities: [String],
        localPrefix: String = "",
        replacesGatewayFields: Bool = false
    ) {
        self.pathPrefix = pathPrefix
        self.publicBase = publicBase
        self.localAuthorities = localAuthorities
        self.localPrefix = localPrefix
        self.replacesGatewayFields = replacesGatewayFields
    }

    /// The mapping for a session whose app listens on `port`, seen by a viewer who asked `host` with `scheme`.
    package init(slug: Slug, naming: RequestRoute.Naming, scheme: String, host: String, port: Int) {
        self.init(
            pathPrefix: naming == .host ? "" : "/s/\(slug)",
            publicBase: "\(scheme)://\(host)",
            localAuthorities: ["localhost:\(port)", "127.0.0.1:\(port)", "[::1]:\(port)", host.lowercased()]
        )
    }

    /// The public form of a `Location` value; nil when it stays as it is.
    package func location(_ value: String) -> String? {
        if let path = self.localPath(of: value) { return self.publicBase + (self.publicPath(path) ?? path) }
        guard value.hasPrefix("/"), !value.hasPrefix("//") else { return nil }
        return self.publicPath(value)
    }

    /// The public form of a path of the app; nil when it stays as it is.
    private func publicPath(_ path: String) -> String? {
        guard self.pathPrefix != self.localPrefix else { return nil }
        if !self.localPrefix.isEmpty {
            guard Self.isUnder(self.localPrefix, path) else { return nil }
            return self.pathPrefix + path.dropFirst(self.localPrefix.count)
        }
        return self.isUnderPrefix(path) ? nil : self.pathPrefix + path
    }

    private static func isUnder(_ prefix: String, _ path: String) -> Bool {
        guard path.hasPrefix(prefix) else { return false }
        let next = path.dropFirst(prefix.count).first
        return next == nil || next == "/" || next == "?"
    }

    /// The path of an absolute URL that points at the local app, `/` if it has none; nil for every other URL.
    private func localPath(of value: String) -> String? {
        let lower = value.lowercased()
        for scheme in ["http://", "https://"] where lower.hasPrefix(scheme) {
            let rest = value.dropFirst(scheme.count)
            let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
            guard self.localAuthorities.contains(rest[..<end].lowercased()) else { return nil }
            let path = String(rest[end...])
            return path.hasPrefix("/") ? path : "/" + path
        }
        return nil
    }

    private func isUnderPrefix(_ path: String) -> Bool {
        self.pathPrefix.isEmpty || Self.isUnder(self.pathPrefix, path)
    }

    /// The public form of a `Set-Cookie` value: its `Path` moves under the prefix.
    ///
    /// Nil when it stays as it is.
    package func setCookie(_ value: String) -> String? {
        guard self.pathPrefix != self.localPrefix else { return nil }
        var parts = value.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
        var changed = false
        for index in parts.indices.dropFirst() {
            let part = parts[index]
            guard let equals = part.firstIndex(of: "=") else { continue }
            let name = part[..<equals].filter { $0 != " " && $0 != "\t" }
            guard name.lowercased() == "path" else { continue }
            let path = part[part.index(after: equals)...].filter { $0 != " " && $0 != "\t" }
            guard path.hasPrefix("/"), let mapped = self.publicPath(String(path)) else { continue }
            parts[index] = " Path=\(mapped)"
            changed = true
        }
        return changed ? parts.joined(separator: ";") : nil
    }
}
