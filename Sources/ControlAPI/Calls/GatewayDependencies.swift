package import AccessControl
package import SessionModel

/// The API gateway as the control API meets it.
package struct GatewayDependencies: Sendable {
    let management: any GatewayManagement
    let deciding: any GatewayDeciding

    /// Names what changes the gateway and what decides for it.
    package init(management: any GatewayManagement, deciding: any GatewayDeciding) {
        self.management = management
        self.deciding = deciding
    }
}

/// The gateway's decisions on its live state, for forward-auth and for explanations; the composition root supplies the
/// implementation.
package protocol GatewayDeciding: Sendable {
    /// Decides about a request and counts it; nil when the tenant is not there any more.
    ///
    /// Asynchronous because part of a quota may have to be reserved durably first.
    func decide(_ request: GatewayRequest, tenant: Slug, now: Timestamp) async -> GatewayVerdict?
    /// What would be decided, and why, without counting anything; nil when the tenant is not there.
    func explain(_ request: GatewayRequest, tenant: Slug, now: Timestamp) -> GatewayExplanation?
    /// The tenant served at a host (lower case, without port) for a request target; nil when none is.
    func tenant(host: String, target: [UInt8]) -> Slug?
    /// The tenant served on the edge's own host for a request target; nil when there is none.
    func defaultTenant(target: [UInt8]) -> Slug?
    /// Keeps what became of a request that the gateway did not carry itself: usage, the list of refusals, reports.
    ///
    /// `method` is the method as sent, of which the request keeps only those that routes may name.
    func record(
        _ verdict: GatewayVerdict,
        of request: GatewayRequest,
        method: String,
        requestID: String,
        now: Timestamp
    )
}
