package import SessionModel

/// One transaction of a `GatewayStore`: reads see what it has written so far.
///
/// The rules between records (whose host, which default, which plan) are held here, inside the transaction, so that two
/// callers can never break them together. Not thread-safe; valid only inside `GatewayStore.change`.
package protocol GatewayTransaction {
    /// The tenant of this slug, or nil.
    func tenant(_ slug: Slug) throws -> Tenant?
    /// How many tenants there are.
    func tenantCount() throws -> Int
    /// Adds these tenants or replaces those of the same slugs.
    ///
    /// Throws `conflict` when afterwards two tenants would have one host with the same base path, or two would be the
    /// default; tenants may swap hosts in one call.
    func put(_ tenants: [Tenant]) throws
    /// Removes a tenant with its keys; returns their identifiers. Throws `not_found`.
    func deleteTenant(_ slug: Slug) throws -> [APIKeyID]

    /// The stored plan of this name, or nil; `standard` only if it was changed.
    func plan(_ name: PolicyName) throws -> Plan?
    /// All stored plans, by name.
    func plans() throws -> [Plan]
    /// Adds a plan or replaces the one of the same name.
    func put(_ plan: Plan) throws
    /// Removes a plan. Throws `not_found`, and `conflict` while keys use it, unless it is `standard`, to which the built-in
    /// one succeeds.
    func deletePlan(_ name: PolicyName) throws

    /// The key with this identifier, or nil.
    func key(_ id: APIKeyID) throws -> APIKeyRecord?
    /// How many keys there are, revoked ones included.
    func keyCount() throws -> Int
    /// Adds a key, or replaces the one with the same identifier.
    ///
    /// Throws `not_found` for an unknown tenant, `validation_error` for an unknown plan, `conflict` when another key has the
    /// digest.
    func put(_ key: APIKeyRecord) throws

    /// The signing keys, oldest first (by `signsFrom`, then id).
    func signingKeys() throws -> [SigningKeyRecord]
    /// Adds a signing key, or replaces the one with the same identifier.
    func put(_ key: SigningKeyRecord) throws

    /// Until when a session is revoked, or nil.
    func revocation(of session: BrowserSessionID) throws -> Timestamp?
    /// How many sessions are revoked at `now`.
    func revocationCount(now: Timestamp) throws -> Int
    /// Notes that a session was taken back.
    func put(_ session: RevokedSession) throws

    /// Adds an audit event.
    func append(_ event: AuditEvent) throws
}

/// The refusals that every store answers alike.
package enum GatewayRefusals {
    /// Another tenant is served at the same place.
    package static func placeTaken(host: String, basePath: String, by other: Slug) -> DaypassError {
        DaypassError(.conflict, "The tenant \(other) is served at \(host)\(basePath) already.")
    }

    /// Another tenant is the default.
    package static func defaultTaken(by other: Slug) -> DaypassError {
        DaypassError(.conflict, "The tenant \(other) is the default already.")
    }

    /// No such tenant.
    package static func unknownTenant(_ slug: Slug) -> DaypassError {
        DaypassError(.notFound, "There is no tenant \(slug).")
    }

    /// No such plan, asked for by name.
    package static func missingPlan(_ name: PolicyName) -> DaypassError {
        DaypassError(.notFound, "There is no plan \(name).")
    }

    /// A key names a plan that does not exist.
    package static func unknownPlan(_ name: PolicyName) -> DaypassError {
        let message = "names the plan \(name), which does not exist"
        return DaypassError(.validationError, details: [.init(path: "plan", message: message)])
    }

    /// Keys use the plan.
    package static func planInUse(_ name: PolicyName, keys: Int) -> DaypassError {
        DaypassError(.conflict, "The plan \(name) is in use by \(keys == 1 ? "1 key" : "\(keys) keys").")
    }

    /// A page of keys cannot begin after a key that is gone.
    package static func unknownKey(_ id: APIKeyID) -> DaypassError {
        DaypassError(.notFound, "There is no key \(id).")
    }

    /// The answer would be too long.
    package static func tooMuchUsage(_ limit: Int) -> DaypassError {
        DaypassError(
            .validationError,
            "That is more than \(limit) counts. Ask for one tenant or key, fewer hours, or days."
        )
    }
}
