// How the admin API, the store and declarations write what belongs to the API gateway. `Tenant(json:)` and `Plan(json:)`
// read what these write.

extension Tenant {
    /// The tenant with its routes, as it is read.
    package var json: JSONValue {
        .object([
            .init("slug", .string(self.slug.rawValue)), .init("hosts", .array(self.hosts.map { .string($0) })),
            .init("basePath", .string(self.basePath)), .init("upstream", .string(self.upstream.text)),
            .init("status", .string(self.status.rawValue)),
            .init("modules", .array(self.modules.sorted().map { .string($0.rawValue) })),
            .init("sessionMinutes", .integer(Int(self.sessionLifetime.components.seconds / 60))),
            .init("default", .bool(self.isDefault)), .init("routes", .array(self.routes.map(\.json))),
        ])
    }
}

extension APIRoute {
    /// The route, as it is read; what has its default is left out.
    package var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("methods", .array(self.methods.map { .string($0.rawValue) })),
            .init("path", .string(self.pattern.text)), .init("scope", .string(self.scope.rawValue)),
        ]
        if let module { members.append(.init("module", .string(module.rawValue))) }
        if let limitClass { members.append(.init("limitClass", .string(limitClass.rawValue))) }
        if let session { members.append(.init("session", .string(session.rawValue))) }
        if self.idempotency != .off { members.append(.init("idempotency", .string(self.idempotency.rawValue))) }
        return .object(members)
    }
}

extension Plan {
    /// The plan, as it is read.
    package var json: JSONValue {
        let limits = self.limits.map { limit in
            JSONValue.object([
                .init("class", .string(limit.limitClass.rawValue)),
                .init("windowSeconds", .integer(limit.windowSeconds)), .init("maximum", .integer(limit.maximum)),
                .init("per", .string(limit.per.rawValue)),
            ])
        }
        return .object([.init("name", .string(self.name.rawValue)), .init("limits", .array(limits))])
    }
}

extension APIKeyRecord {
    /// The key as lists and answers show it: everything but its digests.
    package var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("id", .string(self.id.text)), .init("tenant", .string(self.tenant.rawValue)),
            .init("name", .string(self.name)), .init("kind", .string(self.kind.rawValue)),
            .init("mode", .string(self.mode.rawValue)), .init("key", .string(self.masked)),
            .init("scopes", .array(self.scopes.sorted().map { .string($0.rawValue) })),
            .init("webOrigins", .array(self.webOrigins.map { .string($0.description) })),
            .init("channels", .string(self.channels.rawValue)), .init("plan", .string(self.plan.rawValue)),
            .init("createdAt", .string(self.createdAt.iso8601)),
        ]
        func add(_ name: String, _ time: Timestamp?) {
            members.append(.init(name, time.map { .string($0.iso8601) } ?? .null))
        }
        add("expiresAt", self.expiresAt)
        add("revokedAt", self.revokedAt)
        add("lastUsedAt", self.lastUsedAt)
        if let retired {
            let old: [JSONValue.Member] = [
                .init("key", .string("\(self.prefix)…\(retired.lastFour)")),
                .init("worksUntil", .string(retired.worksUntil.iso8601)),
            ]
            members.append(.init("previous", .object(old)))
        }
        return .object(members)
    }
}

extension APIKeyUpdate {
    /// Reads the body of a change; every field is optional.
    ///
    /// Throws `validation_error` with every problem.
    package init(json body: JSONValue?) throws(DaypassError) {
        var fields = RequestFields(body)
        self.init(
            name: fields.string("name", length: 1...RequestBounds.labelLength),
            scopes: fields.scopes("scopes"),
            webOrigins: fields.webOrigins("webOrigins"),
            channels: fields.choice("channels", of: KeyChannels.self),
            plan: fields.name("plan")
        )
        try fields.finish()
    }
}

extension GatewayDeclaration {
    /// The most tenants of one declaration.
    package static let maximumTenants = 1000
    /// The most plans of one declaration.
    package static let maximumPlans = 1000

    /// Reads a declaration: `plans` and `tenants`, both optional.
    ///
    /// Throws `validation_error` with every problem.
    package init(json body: JSONValue?) throws(DaypassError) {
        var fields = RequestFields(body)
        let plans = fields.objects("plans", count: 0...Self.maximumPlans) { Plan(fields: &$0) } ?? []
        let tenants = fields.objects("tenants", count: 0...Self.maximumTenants) { Tenant(fields: &$0) } ?? []
        Self.refuseRepeated(plans.map { $0?.name.rawValue }, "plans", "name", &fields)
        Self.refuseRepeated(tenants.map { $0?.slug.rawValue }, "tenants", "slug", &fields)
        try fields.finish()
        self.init(plans: plans.compactMap(\.self), tenants: tenants.compactMap(\.self))
    }

    private static func refuseRepeated(
        _ names: [String?],
        _ list: String,
        _ field: String,
        _ fields: inout RequestFields
    ) {
        var seen: Set<String> = []
        for (index, name) in names.enumerated() {
            guard let name else { continue }
            if !seen.insert(name).inserted { fields.refuse("\(list)[\(index)].\(field)", "stands in the list twice") }
        }
    }
}
