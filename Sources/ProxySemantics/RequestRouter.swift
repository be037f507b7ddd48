package import SessionModel

/// What a request at the edge is for.
package struct RequestRoute: Equatable, Sendable {
    /// How the session was named.
    package enum Naming: Equatable, Sendable {
        /// By the host `{slug}.{public host}`.
        case host
        /// By the path `/s/{slug}/…`.
        case path
        /// By the routing cookie that a visit to `/s/{slug}/` set.
        case cookie
    }

    /// Where the request goes.
    package enum Destination: Equatable, Sendable {
        /// A session's app; the target to ask the app for is `RequestRoute.target`.
        case session(Slug, Naming)
        /// `/s/{slug}` without the slash: answered by a redirect to `/s/{slug}/`, keeping the query.
        case addSlash(Slug)
        /// `/tunnel`: an agent connects.
        case tunnel
        /// `/.wormkey/…`: the edge's own pages. The slug is present when the host names a session.
        case reserved(Slug?)
        /// The API of a tenant, through the gateway.
        case tenant(Slug)
        /// Something the gateway publishes for everybody.
        case published(PublishedResource)
        /// A slug or path that cannot exist here.
        case nothing
        /// The host is not one of ours.
        case misdirected
    }

    /// What the gateway publishes on tenants' hosts and on its own.
    package enum PublishedResource: Equatable, Sendable {
        /// The keys that verify session tokens, as a JWK set (RFC 7517).
        case tokenKeys
        /// The module for web pages.
        case clientScript
    }

    /// Where the request goes.
    package var destination: Destination
    /// The path and query for the destination, as a range of the head's bytes with the `/s/{slug}` prefix removed;
    /// nil stands for `/` (an absolute-form target without a path).
    package var target: Range<Int>?

    /// A complete route.
    package init(_ destination: Destination, target: Range<Int>?) {
        self.destination = destination
        self.target = target
    }
}

/// Where tenants of the API gateway are served.
package protocol TenantDirectory {
    /// The tenant served at `host` (lower case, without port) for a request target; nil when none is served there.
    func tenant(host: String, target: [UInt8]) -> Slug?
    /// Whether `target` is under the base path of a tenant.
    func isServed(_ target: [UInt8], by tenant: Slug) -> Bool
    /// The tenant served on the edge's own host for a request target.
    func defaultTenant(target: [UInt8]) -> Slug?
}

/// Decides which session a request is for, from one parse of host, path and routing cookie, in this order and never
/// from a query parameter (spec: tunnel sessions, section 2).
package struct RequestRouter: Sendable {
    private let publicHost: [UInt8]
    private let publicHostText: String

    /// A router for an edge reached at `publicAddress`.
    package init(publicAddress: PublicAddress) {
        self.publicHost = Array(publicAddress.host.utf8)
        self.publicHostText = publicAddress.host
    }

    /// Routes a request; `tenants` is nil when there are none.
    ///
    /// A host that a tenant names is the tenant's, whatever else it could be, except the edge's own: there only what lies
    /// under a tenant's base path is, and is not for tunnels or the edge's pages.
    ///
    /// Throws `.invalid` for a missing, doubled or malformed `Host`, and for a target that names another authority.
    package func route(
        _ head: HTTPHead,
        tenants: (any TenantDirectory)? = nil
    ) throws(HTTPParseError) -> RequestRoute {
        guard head.count(of: .host) <= 1 else { throw .invalid("there is more than one Host") }
        guard let host = head.first(.host) else { throw .invalid("the Host is missing") }
        let target = try self.originForm(of: head, host: host.value)
        let place: HostPlace = head.withBytes(host.value) { self.place(of: $0) }
        if let tenants, let route = self.tenantRoute(head, target, host.value, place, tenants) { return route }
        switch place {
        case .invalid: throw .invalid("the Host is not valid")
        case .other: return RequestRoute(.misdirected, target: target)
        case .session(let slug):
            return RequestRoute(
                self.isReserved(head, target) ? .reserved(slug) : .session(slug, .host),
                target: target
            )
        case .base: return self.routeOnBase(head, target)
        }
    }

    /// The route of a request to the API gateway; nil when it is for something else.
    private func tenantRoute(
        _ head: HTTPHead,
        _ target: Range<Int>?,
        _ host: Range<Int>,
        _ place: HostPlace,
        _ tenants: any TenantDirectory
    ) -> RequestRoute? {
        if case .invalid = place { return nil }
        let name = head.withBytes(host) { bytes -> String in
            var name = String(decoding: bytes[0..<(Self.hostEnd(bytes) ?? 0)], as: UTF8.self).lowercased()
            if name.hasSuffix("."), name.utf8.count > 1 { name.removeLast() }
            return name
        }
        let path = target.map { head.withBytes($0) { Array($0) } } ?? [UInt8(ascii: "/")]
        let named = tenants.tenant(host: name, target: path)
        guard case .base = place else {
            guard let named else { return nil }
            return RequestRoute(Self.published(path).map { .published($0) } ?? .tenant(named), target: target)
        }
        if let published = Self.published(path) { return RequestRoute(.published(published), target: target) }
        // Whatever base path an admin chose, agents and links keep working.
        if Self.isEdgesOwn(path) { return nil }
        if let named, tenants.isServed(path, by: named) { return RequestRoute(.tenant(named), target: target) }
        return tenants.defaultTenant(target: path).map { RequestRoute(.tenant($0), target: target) }
    }

    private static func published(_ target: [UInt8]) -> RequestRoute.PublishedResource? {
        guard target.starts(with: "/.well-known/".utf8) else { return nil }
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        if path.elementsEqual("/.well-known/jwks.json".utf8) { return .tokenKeys }
        return path.elementsEqual("/.well-known/daypass/client.js".utf8) ? .clientScript : nil
    }

    /// Whether a path of the edge's own host is for tunnels or the edge's pages.
    private static func isEdgesOwn(_ target: [UInt8]) -> Bool {
        target.withUnsafeBytes { bytes in
            let path = UnsafeRawBufferPointer(rebasing: bytes.prefix { $0 != UInt8(ascii: "?") })
            return equalsIgnoringCase(path, "/tunnel") || Self.hasPrefix(path, "/.wormkey/")
                || Self.hasPrefix(path, "/s/")
        }
    }

    private enum HostPlace {
        case base
        case session(Slug)
        case other
        case invalid
    }

    /// Reads `host[:port]`: the base host, a session's host, or neither.
    private func place(of bytes: UnsafeRawBufferPointer) -> HostPlace {
        guard let end = Self.hostEnd(bytes) else { return .invalid }
        var host = UnsafeRawBufferPointer(rebasing: bytes[0..<end])
        if host.last == UInt8(ascii: "."), host.count > 1 { host = UnsafeRawBufferPointer(rebasing: host.dropLast()) }
        if Self.equals(host, self.publicHost) { return .base }
        let text = String(decoding: host, as: UTF8.self).lowercased()
        if let slug = self.slug(in: text, under: self.publicHostText) ?? self.slug(in: text, under: "localhost") {
            return .session(slug)
        }
        // An address literal cannot be rebound by DNS, so a server listening on its network may be asked by address.
        if isLoopbackHost(text) || text.hasPrefix("[") || Self.isIPv4Literal(text) { return .base }
        return .other
    }

    private func slug(in host: String, under base: String) -> Slug? {
        guard host.hasSuffix(base), host.utf8.count > base.utf8.count + 1 else { return nil }
        let label = host.dropLast(base.count)
        guard label.last == "." else { return nil }
        return Slug(label.dropLast())
    }

    private func routeOnBase(_ head: HTTPHead, _ target: Range<Int>?) -> RequestRoute {
        guard let target else { return self.routeByCookie(head, target) }
        enum Found {
            case tunnel
            case reserved
            case session(Slug, rest: Int)
            case bareSession(Slug)
            case badSlug
            case nothing
        }
        let found: Found = head.withBytes(target) { bytes in
            let pathEnd = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.count
            let path = UnsafeRawBufferPointer(rebasing: bytes[0..<pathEnd])
            if equalsIgnoringCase(path, "/tunnel") { return .tunnel }
            if Self.hasPrefix(path, "/.wormkey/") { return .reserved }
            guard Self.hasPrefix(path, "/s/") else { return .nothing }
            let rest = path[3...]
            let slugEnd = rest.firstIndex(of: UInt8(ascii: "/")) ?? path.count
            guard let slug = Slug(String(decoding: path[3..<slugEnd], as: UTF8.self)) else { return .badSlug }
            return slugEnd == path.count ? .bareSession(slug) : .session(slug, rest: slugEnd)
        }
        switch found {
        case .tunnel: return RequestRoute(.tunnel, target: target)
        case .reserved: return RequestRoute(.reserved(nil), target: target)
        case .badSlug: return RequestRoute(.nothing, target: target)
        case .bareSession(let slug): return RequestRoute(.addSlash(slug), target: target)
        case .session(let slug, let rest):
            return RequestRoute(.session(slug, .path), target: (target.lowerBound + rest)..<target.upperBound)
        case .nothing: return self.routeByCookie(head, target)
        }
    }

    private func routeByCookie(_ head: HTTPHead, _ target: Range<Int>?) -> RequestRoute {
        guard let value = head.cookie(DaypassCookie.route), let slug = Slug(value) else {
            return RequestRoute(.nothing, target: target)
        }
        return RequestRoute(.session(slug, .cookie), target: target)
    }

    private func isReserved(_ head: HTTPHead, _ target: Range<Int>?) -> Bool {
        guard let target else { return false }
        return head.withBytes(target) { Self.hasPrefix($0, "/.wormkey/") }
    }

    /// The path and query of the target, whatever its form; refuses an authority other than the `Host`.
    private func originForm(of head: HTTPHead, host: Range<Int>) throws(HTTPParseError) -> Range<Int>? {
        let target = head.target
        enum Form {
            case origin
            case absolute(authority: Range<Int>)
            case invalid
        }
        let form: Form = head.withBytes(target) { bytes in
            if bytes[0] == UInt8(ascii: "/") {
                // `//authority/…` is read as another authority by many clients and servers.
                return bytes.count > 1 && bytes[1] == UInt8(ascii: "/") ? .invalid : .origin
            }
            let scheme = Self.hasPrefix(bytes, "http://") ? 7 : Self.hasPrefix(bytes, "https://") ? 8 : 0
            guard scheme > 0 else { return .invalid }
            let end = bytes[scheme...].firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
            return .absolute(authority: scheme..<(end ?? bytes.count))
        }
        switch form {
        case .invalid: throw .invalid("the request target is not a path of this host")
        case .origin: return target
        case .absolute(let authority):
            let range = (target.lowerBound + authority.lowerBound)..<(target.lowerBound + authority.upperBound)
            guard head.string(range).lowercased() == head.string(host).lowercased() else {
                throw .invalid("the request target names another authority")
            }
            let rest = range.upperBound..<target.upperBound
            guard !rest.isEmpty else { return nil }
            let isPath = head.withBytes(rest) { bytes in
                bytes[0] == UInt8(ascii: "/") && !(bytes.count > 1 && bytes[1] == UInt8(ascii: "/"))
            }
            guard isPath else { throw .invalid("the request target is not a path of this host") }
            return rest
        }
    }

    /// Where the host part of `host[:port]` ends; nil if the value is not of that form.
    private static func hostEnd(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard !bytes.isEmpty, bytes.count <= 300 else { return nil }
        var index = 0
        if bytes[0] == UInt8(ascii: "[") {
            guard let bracket = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            for byte in bytes[1..<bracket] where !Self.isHexOrColonOrDot(byte) { return nil }
            index = bracket + 1
        } else {
            while index < bytes.count, bytes[index] != UInt8(ascii: ":") {
                let byte = asciiLowercased(bytes[index])
                guard isBase36(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == 0x5F else {
                    return nil
                }
                index += 1
            }
        }
        guard index > 0 else { return nil }
        if index < bytes.count {
            let port = bytes[(index + 1)...]
            guard bytes[index] == UInt8(ascii: ":"), port.count <= 5, port.allSatisfy({ $0 &- 0x30 < 10 }) else {
                return nil
            }
        }
        return index
    }

    private static func isHexOrColonOrDot(_ byte: UInt8) -> Bool {
        let lower = asciiLowercased(byte)
        return byte &- 0x30 < 10 || (lower >= 0x61 && lower <= 0x66) || byte == 0x3A || byte == 0x2E
    }

    private static func isIPv4Literal(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil && !$0.hasPrefix("+") }
    }

    private static func hasPrefix(_ bytes: UnsafeRawBufferPointer, _ literal: StaticString) -> Bool {
        bytes.count >= literal.utf8CodeUnitCount
            && equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: bytes[0..<literal.utf8CodeUnitCount]), literal)
    }

    private static func equals(_ bytes: UnsafeRawBufferPointer, _ lower: [UInt8]) -> Bool {
        guard bytes.count == lower.count else { return false }
        for index in 0..<bytes.count where asciiLowercased(bytes[index]) != lower[index] { return false }
        return true
    }
}
