import AccessControl
import SessionModel

// What happened at the API gateway, and what would (spec: browser sessions, section 4).
extension ControlCalls {
    func listUsage(_ call: ControlCall) async throws -> ControlAnswer {
        let query = try UsageQuery(call.query(), now: self.dependencies.clock())
        let counts = try await self.gateway().management.usage(query)
        return ControlAnswer(200, ["usage": .array(counts.map(GatewayAnswers.count))])
    }

    func listRefusals(_ call: ControlCall) async throws -> ControlAnswer {
        let query = try call.query()
        let tenant = try ControlCall.tenant(query)
        let code = try ControlCall.choice(.code, GatewayErrorCode.self, query)
        let limit = try call.limit(query)
        let refusals = try await self.gateway().management.refusals(of: tenant, code: code, limit: limit)
        return ControlAnswer(200, ["refusals": .array(refusals.map(GatewayAnswers.refusal))])
    }

    func listGatewayEvents(_ call: ControlCall) async throws -> ControlAnswer {
        let query = try call.query()
        let tenant = try ControlCall.tenant(query)
        let limit = try call.limit(query)
        let events = try await self.gateway().management.gatewayAuditEvents(of: tenant, limit: limit)
        return ControlAnswer(200, ["events": .array(events.map(GatewayAnswers.event))])
    }

    // MARK: What would happen

    func explainRequest(_ call: ControlCall) async throws -> ControlAnswer {
        let body = try ExplainRequest(json: call.json())
        let gateway = try self.gateway()
        let now = self.dependencies.clock()
        let caller = call.head.client
        let tenants = try await gateway.management.tenants()
        guard let tenant = try self.tenant(of: body, among: tenants, gateway, caller, now) else {
            throw DaypassError(
                .validationError,
                details: [
                    .init(
                        path: body.host == nil ? "tenant" : "host",
                        message: body.host == nil
                            ? "is needed: neither the key nor the path says which tenant is meant"
                            : "is none at which a tenant is served"
                    )
                ]
            )
        }
        let request = body.request(basePath: tenant.basePath, caller: caller)
        guard let explanation = gateway.deciding.explain(request, tenant: tenant.slug, now: now) else {
            throw DaypassError(.notFound, "There is no such tenant.")
        }
        return ControlAnswer(200, GatewayAnswers.explanation(explanation, path: request.target))
    }

    /// The tenant a request is for: the one named, else the one at the host, else the one whose key it has, else the
    /// default one or the only one.
    private func tenant(
        of body: ExplainRequest,
        among tenants: [Tenant],
        _ gateway: GatewayDependencies,
        _ caller: ClientAddress,
        _ now: Timestamp
    ) throws(DaypassError) -> Tenant? {
        func named(_ slug: Slug?) -> Tenant? { tenants.first { $0.slug == slug } }
        if let slug = body.tenant {
            guard let tenant = named(slug) else { throw DaypassError(.notFound, "There is no such tenant.") }
            return tenant
        }
        let target = body.request(basePath: "", caller: caller).target
        if let host = body.host {
            if let slug = gateway.deciding.tenant(host: host, target: target) { return named(slug) }
            return self.isOwnHost(host) ? named(gateway.deciding.defaultTenant(target: target)) : nil
        }
        let owner = tenants.first { tenant in
            let request = body.request(basePath: tenant.basePath, caller: caller)
            return gateway.deciding.explain(request, tenant: tenant.slug, now: now)?.verdict.key != nil
        }
        return owner ?? tenants.first(where: \.isDefault) ?? (tenants.count == 1 ? tenants.first : nil)
    }

    private func isOwnHost(_ host: String) -> Bool {
        self.dependencies.configuration.isEdgeHost(host)
    }
}

extension UsageQuery {
    /// The longest stretch of time one answer tells of, by how long its buckets are: 31 days of hours, 400 of days.
    static func longest(_ interval: Interval) -> Duration { .seconds((interval == .hour ? 31 : 400) * 86_400) }

    /// Reads the query; the last 24 hours by default.
    ///
    /// Throws `validation_error`.
    init(_ query: [ControlOperation.QueryParameter: String], now: Timestamp) throws(DaypassError) {
        func time(_ parameter: ControlOperation.QueryParameter) throws(DaypassError) -> Timestamp? {
            guard let text = query[parameter] else { return nil }
            guard let time = Timestamp(utc: text) else {
                throw ControlCall.invalid(parameter, "must be a time in UTC such as 2026-03-04T15:30:00Z")
            }
            return time
        }
        let interval = try ControlCall.choice(.interval, Interval.self, query) ?? .hour
        let until = try time(.until) ?? now
        let from = try time(.from) ?? until + .seconds(-86_400)
        guard from < until else { throw ControlCall.invalid(.from, "must be before until") }
        guard until - from <= Self.longest(interval) else {
            let days = interval == .hour ? 31 : 400
            throw ControlCall.invalid(.from, "must be at most \(days) days before until, by \(interval.rawValue)")
        }
        self.init(
            tenant: try ControlCall.tenant(query),
            key: try ControlCall.keyID(.key, query),
            from: from,
            until: until,
            interval: interval
        )
    }
}

extension ControlCall {
    /// The `tenant` parameter; nil when absent.
    ///
    /// Throws `validation_error`.
    static func tenant(_ query: [ControlOperation.QueryParameter: String]) throws(DaypassError) -> Slug? {
        guard let text = query[.tenant] else { return nil }
        guard let slug = Slug(text) else { throw Self.invalid(.tenant, "must be a tenant's slug") }
        return slug
    }

    /// A parameter that is a key's identifier; nil when absent.
    ///
    /// Throws `validation_error`.
    static func keyID(
        _ parameter: ControlOperation.QueryParameter,
        _ query: [ControlOperation.QueryParameter: String]
    ) throws(DaypassError) -> APIKeyID? {
        guard let text = query[parameter] else { return nil }
        guard let id = APIKeyID(text) else { throw Self.invalid(parameter, "must be a key's identifier (key_…)") }
        return id
    }

    /// A parameter that is one of an enumeration's raw values; nil when absent.
    ///
    /// Throws `validation_error`.
    static func choice<Value: RawRepresentable & CaseIterable>(
        _ parameter: ControlOperation.QueryParameter,
        _: Value.Type,
        _ query: [ControlOperation.QueryParameter: String]
    ) throws(DaypassError) -> Value? where Value.RawValue == String {
        guard let text = query[parameter] else { return nil }
        guard let value = Value(rawValue: text) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw Self.invalid(parameter, "must be one of: \(known)")
        }
        return value
    }
}

extension Timestamp {
    /// Reads a time in UTC as answers write it, with or without fractions of a second (`2026-03-04T15:30:00Z`); nil
    /// for anything else, other offsets and leap seconds included.
    init?(utc text: String) {
        let bytes = Array(text.utf8)
        guard (20...30).contains(bytes.count), bytes.last == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard (48...57).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 48)
            }
            return value
        }
        let marks: [(Int, Unicode.Scalar)] = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")]
        guard marks.allSatisfy({ bytes[$0.0] == UInt8(ascii: $0.1) }), let year = number(0..<4),
            let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19), (1...12).contains(month), hour < 24,
            minute < 60, second < 60
        else { return nil }
        var milliseconds: Int64 = 0
        if bytes.count > 20 {
            guard bytes[19] == UInt8(ascii: "."), bytes.count > 21, number(20..<bytes.count - 1) != nil else {
                return nil
            }
            for index in 20..<23 {
                milliseconds = milliseconds * 10 + (index < bytes.count - 1 ? Int64(bytes[index] - 48) : 0)
            }
        }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard day >= 1, day <= lengths[Int(month) - 1] else { return nil }
        // Days before a year that starts in March (Hinnant, "chrono-compatible low-level date algorithms").
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second
        self.init(millisecondsSinceEpoch: seconds * 1000 + milliseconds)
    }
}
