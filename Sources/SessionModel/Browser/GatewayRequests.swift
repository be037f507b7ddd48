/// The bounds of what the admin API may be asked for (spec: browser sessions, section 4).
package enum GatewayBounds {
    /// Routes of a tenant.
    package static let routes = 1000
    /// Hosts of a tenant.
    package static let hosts = 32
    /// Modules of a tenant.
    package static let modules = 100
    /// How long a replaced secret may keep working.
    package static let grace = Duration.seconds(30 * 86_400)
}

/// The body that makes a key.
package struct NewAPIKey: Equatable, Sendable {
    /// What it is called.
    package var name: String
    /// Whether it may stand in a page; the default is publishable.
    package var kind: APIKeyKind
    /// Live or test.
    package var mode: APIKeyMode
    /// What it allows.
    package var scopes: Set<Scope>
    /// Where pages may use it from.
    package var webOrigins: [WebOriginRule]
    /// Where it works; the default is the channel of its kind.
    package var channels: KeyChannels
    /// Whose limits hold.
    package var plan: PolicyName
    /// How long it works; nil until revoked.
    package var lifetime: Duration?

    /// Reads the body; throws `validation_error` with every problem.
    package init(json body: JSONValue?) throws(DaypassError) {
        var fields = RequestFields(body)
        fields.require("name")
        fields.require("scopes")
        let name = fields.string("name", length: 1...RequestBounds.labelLength)
        let kind = fields.choice("kind", of: APIKeyKind.self) ?? .publishable
        let mode = fields.choice("mode", of: APIKeyMode.self) ?? .live
        let scopes = fields.scopes("scopes")
        let origins = fields.webOrigins("webOrigins") ?? []
        let channels = fields.choice("channels", of: KeyChannels.self) ?? (kind == .secret ? .server : .browser)
        if kind == .secret, channels != .server {
            fields.refuse("channels", "must be server for a secret key, which never belongs in a page")
        }
        if kind == .publishable, channels == .server {
            fields.refuse("channels", "must be browser or both for a publishable key")
        }
        if channels != .server, origins.isEmpty {
            fields.refuse("webOrigins", "must name the web origins whose pages may use the key")
        }
        if channels == .server, !origins.isEmpty { fields.refuse("webOrigins", "must be empty for a secret key") }
        let plan = fields.name("plan") ?? .standard
        let lifetime = fields.lifetime("expiresIn", maximum: RequestBounds.tokenLifetime)
        try fields.finish()
        self.name = name ?? ""
        self.kind = kind
        self.mode = mode
        self.scopes = scopes ?? []
        self.webOrigins = origins
        self.channels = channels
        self.plan = plan
        self.lifetime = lifetime
    }
}

extension Tenant {
    /// Reads a tenant with its routes; throws `validation_error` with every problem.
    package init(json body: JSONValue?) throws(DaypassError) {
        var fields = RequestFields(body)
        let tenant = Tenant(fields: &fields)
        try fields.finish()
        guard let tenant else { throw DaypassError(.validationError) }
        self = tenant
    }

    /// Reads a tenant from an object that may be part of a larger body; nil when something it needs is refused.
    package init?(fields: inout RequestFields) {
        fields.require("slug")
        fields.require("upstream")
        let slug = fields.parsed("slug", length: 3...63, "must be lower-case words joined by hyphens") { Slug($0) }
        let hosts = fields.strings("hosts", count: 0...GatewayBounds.hosts) { host in
            Tenant.isHost(host) ? nil : "must be a host name in lower case, without port"
        }
        let basePath = fields.parsed("basePath", length: 0...1024, "must be a plain path such as /api/v1") { path in
            Tenant.isBasePath(path) ? path : nil
        }
        let upstream = fields.parsed("upstream", length: 1...2048, "must be an http(s) URL or tunnel:{slug}") {
            TenantUpstream(parsing: $0)
        }
        let status = fields.choice("status", of: TenantStatus.self) ?? .active
        let modules = fields.names("modules", count: 0...GatewayBounds.modules) ?? []
        let minutes = fields.integer("sessionMinutes", in: 5...60) ?? 60
        let isDefault = fields.bool("default") ?? false
        let routes = fields.objects("routes", count: 0...GatewayBounds.routes) { APIRoute(fields: &$0) } ?? []
        for (index, route) in routes.enumerated() {
            guard let route else { continue }
            let isTaken = routes[..<index].compactMap(\.self)
                .contains { earlier in
                    earlier.pattern.hasSameShape(as: route.pattern)
                        && APIMethod.allCases.contains { earlier.takes($0) && route.takes($0) }
                }
            if isTaken { fields.refuse("routes[\(index)]", "has the path and a method of an earlier route") }
            if route.methods.contains(.post), route.pattern.text == "/sessions" {
                fields.refuse("routes[\(index)]", "cannot take POST /sessions, which creates session tokens")
            }
        }
        guard let slug, let upstream else { return nil }
        self.init(
            slug: slug,
            hosts: hosts ?? [],
            basePath: basePath ?? Tenant.defaultBasePath,
            upstream: upstream,
            status: status,
            modules: Set(modules),
            sessionLifetime: .seconds(minutes * 60),
            isDefault: isDefault,
            routes: routes.compactMap(\.self)
        )
    }
}

extension APIRoute {
    /// Reads a route from an object that may be part of a larger body; nil when something it needs is refused.
    package init?(fields: inout RequestFields) {
        for name in ["methods", "path", "scope"] { fields.require(name) }
        let methods = fields.strings("methods", count: 1...APIMethod.allCases.count) { method in
            APIMethod(rawValue: method) == nil
                ? "must be one of: \(APIMethod.allCases.map(\.rawValue).joined(separator: ", "))" : nil
        }
        let pattern = fields.parsed("path", length: 1...1024, "must be a path such as /quotes/{id} or /files/**") {
            RoutePattern($0)
        }
        let scope = fields.parsed("scope", length: 1...64, RequestFields.scopeForm) { Scope($0) }
        let module = fields.name("module")
        let limitClass = fields.name("limitClass")
        let session = fields.choice("session", of: SessionRule.self)
        let idempotency = fields.choice("idempotency", of: IdempotencyRule.self) ?? .off
        guard let methods, let pattern, let scope else { return nil }
        self.init(
            methods: methods.compactMap { APIMethod(rawValue: $0) },
            pattern: pattern,
            scope: scope,
            module: module,
            limitClass: limitClass,
            session: session,
            idempotency: idempotency
        )
    }
}

extension Plan {
    /// Reads a plan; throws `validation_error` with every problem.
    package init(json body: JSONValue?) throws(DaypassError) {
        var fields = RequestFields(body)
        let plan = Plan(fields: &fields)
        try fields.finish()
        guard let plan else { throw DaypassError(.validationError) }
        self = plan
    }

    /// Reads a plan from an object that may be part of a larger body; nil when something it needs is refused.
    package init?(fields: inout RequestFields) {
        fields.require("name")
        fields.require("limits")
        let name = fields.name("name")
        let limits = fields.objects("limits", count: 1...Plan.maximumLimits) { fields -> Limit? in
            for name in ["class", "maximum", "per"] { fields.require(name) }
            let limitClass = fields.name("class")
            let window = fields.integer("windowSeconds", in: Limit.windows) ?? 60
            let maximum = fields.integer("maximum", in: Limit.maxima)
            let per = fields.choice("per", of: LimitSubject.self)
            guard let limitClass, let maximum, let per else { return nil }
            return Limit(limitClass, windowSeconds: window, maximum: maximum, per: per)
        }
        for (index, limit) in (limits ?? []).enumerated() {
            guard let limit else { continue }
            let earlier = (limits ?? [])[..<index].compactMap(\.self).filter { $0.limitClass == limit.limitClass }
            if earlier.contains(where: { $0.per == limit.per && $0.windowSeconds == limit.windowSeconds }) {
                fields.refuse("limits[\(index)]", "repeats the class, window and subject of an earlier limit")
            }
            if earlier.count == Plan.maximumLimitsPerClass {
                fields.refuse("limits[\(index)]", "is one more than a class may have")
            }
        }
        guard let name, let limits else { return nil }
        self.init(name: name, limits: limits.compactMap(\.self))
    }
}

extension RequestFields {
    /// What a scope must look like.
    static let scopeForm = "must be 1 to 64 of a-z, 0-9, colon, dot, hyphen and underscore"

    /// A string field read by `parse`, which answers nil for what is not of the `form` the message describes.
    package mutating func parsed<Value>(
        _ name: String,
        length: ClosedRange<Int>,
        _ form: String,
        parse: (String) -> Value?
    ) -> Value? {
        guard let text = self.string(name, length: length) else { return nil }
        let value = parse(text)
        if value == nil { self.refuse(name, form) }
        return value
    }

    /// The name of a plan, a module or a limit class.
    package mutating func name(_ name: String) -> PolicyName? {
        self.parsed(name, length: 1...64, "must be 1 to 64 of a-z, 0-9, hyphen and underscore") { PolicyName($0) }
    }

    /// A list of names.
    package mutating func names(_ name: String, count: ClosedRange<Int>) -> [PolicyName]? {
        self.strings(name, count: count) { text in
            PolicyName(text) == nil ? "must be 1 to 64 of a-z, 0-9, hyphen and underscore" : nil
        }?
        .compactMap { PolicyName($0) }
    }

    /// A list of scopes, at least one.
    package mutating func scopes(_ name: String) -> Set<Scope>? {
        self.strings(name, count: 1...APIKeyRecord.maximumScopes) { Scope($0) == nil ? Self.scopeForm : nil }
            .map { Set($0.compactMap { Scope($0) }) }
    }

    /// A list of web origins, normalised.
    package mutating func webOrigins(_ name: String) -> [WebOriginRule]? {
        var rules: [WebOriginRule] = []
        let texts = self.strings(name, count: 0...APIKeyRecord.maximumWebOrigins) { text in
            do throws(WebOriginRule.Problem) {
                let rule = try WebOriginRule(parsing: text)
                if !rules.contains(rule) { rules.append(rule) }
                return nil
            } catch {
                return error.message
            }
        }
        return texts == nil ? nil : rules
    }
}
