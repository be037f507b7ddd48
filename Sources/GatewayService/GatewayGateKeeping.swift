package import AccessControl
package import SessionModel

/// The live gate, where every request is decided, as far as its keepers must reach it; implemented beside the edge.
///
/// All calls are synchronous, cheap, and in force for every request that starts after the return. They are made from any
/// thread; changes of policy come one at a time, in the order in which the store took them.
package protocol GatewayGateKeeping: Sendable {
    /// Adds a tenant or replaces the one of its slug.
    func put(_ tenant: Tenant)
    /// Removes a tenant with its keys, as one change.
    func remove(tenant slug: Slug, keys: [APIKeyID])
    /// Adds a key or replaces the one with its identifier: older secrets of it are forgotten unless they are its retired one.
    func put(_ key: APIKeyRecord)
    /// Removes a key.
    func remove(key id: APIKeyID)
    /// Replaces all plans; `standard` is among them.
    func setPlans(_ plans: [Plan])
    /// Takes a browser session back until that time, and cuts its live streams; false when there is no room to remember it.
    func revoke(_ session: BrowserSessionID, until: Timestamp, now: Timestamp) -> Bool
    /// Replaces what signs and verifies session tokens, and the JSON Web Key Set that is published; what was remembered as
    /// verified is forgotten.
    ///
    /// `isGood` verifies with exactly the key the token names, `sign` makes a whole token; both are synchronous, thread-safe
    /// and take about 50 µs.
    func useTokens(
        keyIDs: Set<String>,
        keySet: String,
        isGood: @escaping @Sendable (UnverifiedToken) -> Bool,
        sign: @escaping @Sendable (SessionClaims) throws -> String
    )

    /// Recent refusals, newest first, at most `limit`.
    func refusals(tenant: Slug?, code: GatewayErrorCode?, limit: Int) -> [GatewayRefusal]

    /// The requests counted since the last call.
    func drainUsage() -> [UsageCount]
    /// When keys were used since the last call, one entry for each key.
    func drainLastUsed() -> [(APIKeyID, Timestamp)]
    /// The secret keys that came from web pages since the last call.
    func drainLeaked() -> Set<APIKeyID>
    /// The counts with long windows that must be written, reservations ahead included, since the last call.
    func drainCounts() -> [StoredCount]
    /// The store has these counts now; or, `failed`, could not take them, and they are to be drained again.
    func markPersisted(_ counts: [StoredCount], failed: Bool)
    /// Every count with a long window as it is, without what was reserved ahead: written at an orderly end.
    func finalCounts() -> [StoredCount]
}
