/// What the admin API, the console and the command line may do to the API gateway; the composition root supplies the
/// implementation (spec: browser sessions, section 4).
///
/// Every change is durable, audited and in force before the call returns: on one node it holds for every request that
/// starts after the return. Refusals are `DaypassError`: `not_found` for unknown names, `conflict` for what is taken or
/// still in use, `validation_error` for what contradicts something else. Any other error means that the store failed.
package protocol GatewayManagement: Sendable {
    // MARK: Tenants

    /// All tenants, by slug.
    func tenants() async throws -> [Tenant]
    /// One tenant. Throws `not_found`.
    func tenant(_ slug: Slug) async throws -> Tenant
    /// Adds a tenant, or replaces the one of that slug as a whole; `onlyNew` throws `conflict` instead of replacing.
    ///
    /// Throws `conflict` when another tenant has one of its hosts with the same base path, or is the default already.
    func put(_ tenant: Tenant, onlyNew: Bool, by actor: Actor) async throws -> Tenant
    /// Changes a tenant's status only; idempotent. Throws `not_found`.
    func setStatus(_ status: TenantStatus, of slug: Slug, by actor: Actor) async throws -> Tenant
    /// Replaces a tenant's routes only. Throws `not_found`.
    func setRoutes(_ routes: [APIRoute], of slug: Slug, by actor: Actor) async throws -> Tenant
    /// Removes a tenant with its keys. Throws `not_found`.
    func deleteTenant(_ slug: Slug, by actor: Actor) async throws

    // MARK: Plans

    /// All plans, by name; `standard` is among them, as it was changed or as it is built in.
    func plans() async throws -> [Plan]
    /// Adds or replaces a plan. Throws `conflict` when there are as many as the server keeps (1000).
    func put(_ plan: Plan, by actor: Actor) async throws -> Plan
    /// Removes a plan; `standard` falls back to what is built in. Throws `not_found`, and `conflict` while keys use it.
    func deletePlan(_ name: PolicyName, by actor: Actor) async throws

    // MARK: Keys

    /// One page of keys, newest first, of one tenant or of all; `after` is the last identifier of the page before.
    /// `limit` is 1…1000.
    func keys(of tenant: Slug?, after: APIKeyID?, limit: Int) async throws -> [APIKeyRecord]
    /// One key. Throws `not_found`.
    func key(_ id: APIKeyID) async throws -> APIKeyRecord
    /// Makes a key. Throws `not_found` for an unknown tenant, `validation_error` for an unknown plan.
    func createKey(_ request: NewAPIKey, tenant: Slug, by actor: Actor) async throws -> CreatedAPIKey
    /// Changes what a key allows. Throws `not_found`, and `validation_error` when the result contradicts itself.
    func updateKey(_ id: APIKeyID, _ update: APIKeyUpdate, by actor: Actor) async throws -> APIKeyRecord
    /// Draws a new secret; the old one works for `grace` (0…30 days). Throws `not_found`, `conflict` for a revoked key.
    func rotateKey(_ id: APIKeyID, grace: Duration, by actor: Actor) async throws -> CreatedAPIKey
    /// Revokes a key for good, with its sessions; idempotent. Throws `not_found`.
    func revokeKey(_ id: APIKeyID, by actor: Actor) async throws -> APIKeyRecord
    /// Voids every session token of a key issued until now. Throws `not_found`.
    func revokeSessions(of id: APIKeyID, by actor: Actor) async throws -> APIKeyRecord

    // MARK: Sessions and their signing keys

    /// Takes one browser session back; idempotent, also for sessions nobody has heard of.
    func revokeSession(_ id: BrowserSessionID, by actor: Actor) async throws
    /// The keys that verify session tokens, newest first.
    func signingKeys() async throws -> [SigningKeySummary]
    /// Publishes a new signing key, which is used once verifiers had time to fetch it.
    func rotateSigningKey(by actor: Actor) async throws -> [SigningKeySummary]

    // MARK: Declarations

    /// Brings tenants, routes and plans to what `declaration` says, all or nothing; what it does not name stays.
    ///
    /// Answers what changed; with `isDryRun` what would change, and nothing is changed.
    func apply(_ declaration: GatewayDeclaration, isDryRun: Bool, by actor: Actor) async throws -> [GatewayChangeLine]

    // MARK: What happened

    /// Counts of requests in buckets, oldest first.
    func usage(_ query: UsageQuery) async throws -> [UsageCount]
    /// Recent refusals, newest first, at most `limit` (1…500); kept in memory, 2000 at most.
    func refusals(of tenant: Slug?, code: GatewayErrorCode?, limit: Int) async -> [GatewayRefusal]
    /// Audit events about the gateway, newest first, of one tenant or of all, at most `limit` (1…1000).
    func gatewayAuditEvents(of tenant: Slug?, limit: Int) async throws -> [AuditEvent]
}

/// A new or rotated key together with the one showing of its secret.
package struct CreatedAPIKey: Sendable {
    /// The stored record.
    package var record: APIKeyRecord
    /// The key itself, which exists nowhere else.
    package var secret: String

    /// Pairs the record with its secret.
    package init(record: APIKeyRecord, secret: String) {
        self.record = record
        self.secret = secret
    }
}

/// A partial change of a key; nil leaves a field as it is.
package struct APIKeyUpdate: Equatable, Sendable {
    /// What it is called.
    package var name: String?
    /// What it allows.
    package var scopes: Set<Scope>?
    /// Where pages may use it from.
    package var webOrigins: [WebOriginRule]?
    /// Where it works.
    package var channels: KeyChannels?
    /// Whose limits hold.
    package var plan: PolicyName?

    /// A change of the fields given.
    package init(
        name: String? = nil,
        scopes: Set<Scope>? = nil,
        webOrigins: [WebOriginRule]? = nil,
        channels: KeyChannels? = nil,
        plan: PolicyName? = nil
    ) {
        self.name = name
        self.scopes = scopes
        self.webOrigins = webOrigins
        self.channels = channels
        self.plan = plan
    }
}

/// A key that signs, signed or will sign session tokens, as the admin sees it.
package struct SigningKeySummary: Equatable, Sendable {
    /// Where a key is in its life.
    package enum State: String, Sendable, CaseIterable {
        /// Published, not used yet.
        case next
        /// Signs new tokens.
        case current
        /// Signs no more; its last tokens may still be valid.
        case retired
    }

    /// The `kid`.
    package var id: String
    /// Where it is in its life.
    package var state: State
    /// When it was made.
    package var createdAt: Timestamp
    /// When it begins, or began, to sign.
    package var signsFrom: Timestamp

    /// A complete summary.
    package init(id: String, state: State, createdAt: Timestamp, signsFrom: Timestamp) {
        self.id = id
        self.state = state
        self.createdAt = createdAt
        self.signsFrom = signsFrom
    }
}

/// Tenants and plans as a file declares them.
package struct GatewayDeclaration: Equatable, Sendable {
    /// The plans.
    package var plans: [Plan]
    /// The tenants with their routes.
    package var tenants: [Tenant]

    /// A declaration of these.
    package init(plans: [Plan] = [], tenants: [Tenant] = []) {
        self.plans = plans
        self.tenants = tenants
    }
}

/// One thing that applying a declaration changes.
package struct GatewayChangeLine: Equatable, Sendable {
    /// What happens to it.
    package enum Kind: String, Sendable, CaseIterable {
        case added
        case changed
        case unchanged
    }

    /// What happens.
    package var kind: Kind
    /// `tenant acme`, `plan basic`.
    package var subject: String
    /// The fields that change, as they are named in the file.
    package var fields: [String]

    /// A complete line.
    package init(kind: Kind, subject: String, fields: [String] = []) {
        self.kind = kind
        self.subject = subject
        self.fields = fields
    }
}

/// Which counts of requests to answer.
package struct UsageQuery: Equatable, Sendable {
    /// How long a bucket is.
    package enum Interval: String, Sendable, CaseIterable {
        case hour
        case day

        /// Its length in seconds.
        package var seconds: Int64 { self == .hour ? 3600 : 86_400 }
    }

    /// One tenant, or all.
    package var tenant: Slug?
    /// One key, or all.
    package var key: APIKeyID?
    /// From this bucket on.
    package var from: Timestamp
    /// Up to, and without, this point.
    package var until: Timestamp
    /// The buckets.
    package var interval: Interval

    /// A complete query.
    package init(
        tenant: Slug? = nil,
        key: APIKeyID? = nil,
        from: Timestamp,
        until: Timestamp,
        interval: Interval = .hour
    ) {
        self.tenant = tenant
        self.key = key
        self.from = from
        self.until = until
        self.interval = interval
    }
}

/// How many requests ended in one way in one bucket.
package struct UsageCount: Equatable, Sendable {
    /// When the bucket begins.
    package var start: Timestamp
    /// The tenant.
    package var tenant: Slug
    /// The key; nil for requests without one that passed.
    package var key: APIKeyID?
    /// Why the gateway refused them; nil for requests that were passed on, or answered with a token.
    package var code: GatewayErrorCode?
    /// How many.
    package var count: Int

    /// A complete count.
    package init(start: Timestamp, tenant: Slug, key: APIKeyID?, code: GatewayErrorCode?, count: Int) {
        self.start = start
        self.tenant = tenant
        self.key = key
        self.code = code
        self.count = count
    }
}

/// One refused request, for whoever asks why: no secret, no query, no body.
package struct GatewayRefusal: Equatable, Sendable {
    /// When.
    package var at: Timestamp
    /// The tenant.
    package var tenant: Slug
    /// The key, when it was recognised.
    package var key: APIKeyID?
    /// The code it was answered with.
    package var code: GatewayErrorCode
    /// The sentence it was answered with.
    package var message: String
    /// The method.
    package var method: String
    /// The path without its query, at most 256 bytes.
    package var path: String
    /// The `Origin` as sent, at most 128 bytes; nil without one.
    package var webOrigin: String?
    /// The client's address.
    package var address: String
    /// The `X-Request-Id` of the answer.
    package var requestID: String

    /// A complete record.
    package init(
        at: Timestamp,
        tenant: Slug,
        key: APIKeyID?,
        code: GatewayErrorCode,
        message: String,
        method: String,
        path: String,
        webOrigin: String?,
        address: String,
        requestID: String
    ) {
        self.at = at
        self.tenant = tenant
        self.key = key
        self.code = code
        self.message = message
        self.method = method
        self.path = path
        self.webOrigin = webOrigin
        self.address = address
        self.requestID = requestID
    }
}
