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

    /// A complete mapping.
    package init(pathPrefix: String, publicBase: String, localAuthorities: [String]) {
        self.pathPrefix = pathPrefix
        self.publicBase = publicBase
        self.localAuthorities = localAuthorities
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
        if let path = self.localPath(of: value) {
            let isMapped = self.isUnderPrefix(path)
            return self.publicBase + (isMapped ? "" : self.pathPrefix) + path
        }
        guard !self.pathPrefix.isEmpty, value.hasPrefix("/"), !value.hasPrefix("//"), !self.isUnderPrefix(value) else {
            return nil
        }
        return self.pathPrefix + value
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
        guard !self.pathPrefix.isEmpty, path.hasPrefix(self.pathPrefix) else { return self.pathPrefix.isEmpty }
        let next = path.dropFirst(self.pathPrefix.count).first
        return next == nil || next == "/" || next == "?"
    }

    /// The public form of a `Set-Cookie` value: its `Path` moves under the prefix.
    ///
    /// Nil when it stays as it is.
    package func setCookie(_ value: String) -> String? {
        guard !self.pathPrefix.isEmpty else { return nil }
        var parts = value.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
        var changed = false
        for index in parts.indices.dropFirst() {
            let part = parts[index]
            guard let equals = part.firstIndex(of: "=") else { continue }
            let name = part[..<equals].filter { $0 != " " && $0 != "\t" }
            guard name.lowercased() == "path" else { continue }
            let path = part[part.index(after: equals)...].filter { $0 != " " && $0 != "\t" }
            guard path.hasPrefix("/"), !self.isUnderPrefix(String(path)) else { continue }
            parts[index] = " Path=\(self.pathPrefix)\(path)"
            changed = true
        }
        return changed ? parts.joined(separator: ";") : nil
    }
}
