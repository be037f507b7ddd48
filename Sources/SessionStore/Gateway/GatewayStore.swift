package import SessionModel

/// Keeps what belongs to the API gateway: tenants, plans, keys, signing keys, revoked sessions, counts and usage.
///
/// Every call is atomic, and durable before it returns, like those of `SessionStore`. Whatever a person changes goes
/// through `change`, together with its audit event; what requests leave behind (counts, usage, last use) has calls of its
/// own without events. Errors other than `DaypassError` mean that the store itself failed. The conformance suite in
/// `DaypassTestSupport` says what every implementation must do.
package protocol GatewayStore: Sendable {
    /// Runs `body` in one transaction: all that it wrote is stored when it returns, nothing when it throws.
    ///
    /// It runs while other writers wait, at most once, and sees what it wrote itself. It must not keep the transaction.
    func change<Value: Sendable>(
        _ body: @escaping @Sendable (any GatewayTransaction) throws -> Value
    ) async throws -> Value

    // MARK: Policy

    /// All tenants, by slug.
    func tenants() async throws -> [Tenant]
    /// The tenant of this slug, or nil.
    func tenant(_ slug: Slug) async throws -> Tenant?
    /// All stored plans, by name; `standard` only if it was changed.
    func plans() async throws -> [Plan]
    /// The key with this identifier, or nil.
    func key(_ id: APIKeyID) async throws -> APIKeyRecord?
    /// Keys newest first (ties by id, descending) of one tenant or of all, starting after the key `after`, at most `limit`
    /// (1…1000, clamped). Throws `not_found` when `after` does not exist any more (never a page that leaves keys out).
    func keys(of tenant: Slug?, after: APIKeyID?, limit: Int) async throws -> [APIKeyRecord]
    /// Keys by identifier, starting after `after`, at most `limit` (1…10 000, clamped): the cheapest way to read all.
    func allKeys(after: APIKeyID?, limit: Int) async throws -> [APIKeyRecord]
    /// The signing keys, oldest first (by `signsFrom`, then id).
    func signingKeys() async throws -> [SigningKeyRecord]

    // MARK: What requests leave behind

    /// Browser sessions taken back, and until when that must be remembered; those whose time is over at `now` are left out.
    func revokedSessions(now: Timestamp) async throws -> [RevokedSession]
    /// Replaces the counts of these counters, whatever was stored for them before.
    func write(counts: [StoredCount]) async throws
    /// A page of counts and where the next one begins; begin with 0. At most `limit` (1…10 000, clamped); an empty page is
    /// the last.
    func counts(after position: Int64, limit: Int) async throws -> (counts: [StoredCount], position: Int64)
    /// Adds to the usage of these buckets; `start` is that of an hour, and its day counts too.
    func add(usage: [UsageCount]) async throws
    /// Counts of requests, by bucket, tenant, key and code, oldest first. Throws `validation_error` when there are more than
    /// `limit`.
    func usage(_ query: UsageQuery, limit: Int) async throws -> [UsageCount]
    /// Notes when keys were last used; an earlier time than the stored one, or an unknown key, changes nothing.
    func noteLastUse(_ uses: [KeyUse]) async throws
    /// Removes what nobody needs any more; returns how many rows went. May take several transactions, so that other writers
    /// need not wait for all of it.
    func prune(_ horizon: GatewayHorizon) async throws -> Int
    /// Audit events about the gateway newest first, of one tenant or of all, at most `limit` (1…1000, clamped).
    func gatewayAuditEvents(of tenant: Slug?, limit: Int) async throws -> [AuditEvent]
}

/// A browser session that was taken back.
package struct RevokedSession: Equatable, Sendable {
    /// Which.
    package var id: BrowserSessionID
    /// Until when a token of it could be used or renewed.
    package var until: Timestamp

    /// Names a session and the end of its last token.
    package init(id: BrowserSessionID, until: Timestamp) {
        self.id = id
        self.until = until
    }
}

/// When a key was last used.
package struct KeyUse: Equatable, Sendable {
    /// Which key.
    package var key: APIKeyID
    /// When.
    package var at: Timestamp

    /// Pairs a key with a time.
    package init(key: APIKeyID, at: Timestamp) {
        self.key = key
        self.at = at
    }
}

/// What `GatewayStore.prune` removes.
package struct GatewayHorizon: Equatable, Sendable {
    /// Now: revocations and counts whose time is over go; counts stay one more window, for clocks set back.
    package var now: Timestamp
    /// Hours of usage that begin before this go.
    package var hoursFrom: Timestamp
    /// Days of usage that begin before this go.
    package var daysFrom: Timestamp
    /// Signing keys that stopped signing before this go.
    package var signingKeysFrom: Timestamp
    /// How many counts of visitors and addresses stay; when there are more, those that have counted least go.
    package var openEndedCounts: Int

    /// A complete horizon.
    package init(
        now: Timestamp,
        hoursFrom: Timestamp,
        daysFrom: Timestamp,
        signingKeysFrom: Timestamp,
        openEndedCounts: Int
    ) {
        self.now = now
        self.hoursFrom = hoursFrom
        self.daysFrom = daysFrom
        self.signingKeysFrom = signingKeysFrom
        self.openEndedCounts = openEndedCounts
    }
}

extension AuditEvent.Action {
    /// Whether it tells of the API gateway and not of a tunnel session or an access token.
    package var isAboutGateway: Bool {
        switch self {
        case .tenantCreated, .tenantChanged, .tenantDeleted, .planChanged, .planDeleted, .keyCreated, .keyChanged,
            .keyRotated, .keyRevoked, .keyLeaked, .keySessionsRevoked, .browserSessionRevoked, .signingKeyRotated:
            true
        case .sessionCreated, .sessionClosed, .sessionDeleted, .sessionForgotten, .sessionPaused, .sessionResumed,
            .policyUpdated, .passwordRotated, .viewerKicked, .tokenCreated, .tokenRevoked:
            false
        }
    }
}
