package import SessionModel

/// The checks in the order they are made; the first failure answers (spec: browser sessions, section 3).
package enum GatewayCheck: String, Sendable, CaseIterable {
    case syntax
    case preflight
    case attempts
    case key
    case origin
    case tenant
    case route
    case scope
    case session
    case limits
    case idempotency

    /// All checks, first to last.
    package static let order = GatewayCheck.allCases
}

/// How a request reached the gateway.
package enum GatewayChannel: String, Sendable {
    /// With an `Origin` header: from a page.
    case browser
    /// Without one: from a program.
    case server
}

/// What a request is allowed to do.
package enum GatewayOutcome: Equatable, Sendable {
    /// Answer 204 to a preflight.
    case preflight
    /// Sign a session token for this web origin; `renewing` is the session it continues.
    case mint(webOrigin: WebOrigin, renewing: BrowserSessionID?)
    /// Send it to the upstream.
    case forward(GatewayForwarding)
    /// Answer with this refusal. `allow` has the methods for a 405.
    case refused(GatewayError, allow: [APIMethod])
}

/// What the forwarding of a request needs.
package struct GatewayForwarding: Equatable, Sendable {
    /// The route's number in the tenant's list.
    package var route: Int
    /// The request's method.
    package var method: APIMethod
    /// The session, when the request had one.
    package var session: BrowserSessionID?
    /// When the session's token was issued, in seconds; nil without one.
    package var tokenIssuedAt: Int64?
    /// The request's `Idempotency-Key`, when the route has them and it is there.
    package var idempotencyKey: String?
}

/// Something the operator should hear of.
package enum GatewayReport: Equatable, Sendable {
    /// A secret key came from a page: whoever can see the page has it.
    case leakedSecretKey(APIKeyID)
}

/// A decision with what the answer and the log need.
package struct GatewayVerdict: Equatable, Sendable {
    /// What may be done.
    package var outcome: GatewayOutcome
    /// The check that made the decision; nil when all passed.
    package var decidedBy: GatewayCheck?
    /// The tenant.
    package var tenant: Slug
    /// The key, once it passed its check.
    package var key: APIKeyID?
    /// The secret of the key that was sent, once it passed its check.
    package var secret: SecretDigest?
    /// Whether a replaced secret of the key was used, whose grace will end.
    package var usedRetiredSecret = false
    /// Whether the request was counted beyond what the store knows: it may only go on once more has been reserved
    /// (`GatewayGate.reserve`).
    package var needsReservation = false
    /// Browser or server.
    package var channel: GatewayChannel
    /// The web origin that may read the answer: one of the tenant's.
    package var readableBy: WebOrigin?
    /// What is left of the tightest limit; nil before the key check has passed.
    package var rate: RateState?
    /// Whole seconds to wait before trying again, at least 1; with `RATE_LIMITED` only.
    package var retryAfter: Int?
    /// What to report, if anything.
    package var report: GatewayReport?
    /// The key's scopes, separated by spaces.
    package var scopes = ""

    /// The refusal, if it is one.
    package var refusal: GatewayError? {
        if case .refused(let error, _) = self.outcome { error } else { nil }
    }
}

/// One check of an explained decision.
package struct GatewayStep: Equatable, Sendable {
    /// Which check.
    package let check: GatewayCheck
    /// What came of it.
    package let outcome: AccessStep.Outcome
    /// Why, in words without secrets.
    package let reason: String
}

/// The state of one limit, in an explanation.
package struct GatewayLimitState: Equatable, Sendable {
    /// The limit.
    package let limit: Limit
    /// What is left of it.
    package let state: RateState
}

/// A decision with the checks that led to it, without its effects.
package struct GatewayExplanation: Equatable, Sendable {
    /// The decision as it would be made.
    package let verdict: GatewayVerdict
    /// Every check, in order.
    package let steps: [GatewayStep]
    /// The pattern of the route, when one was found.
    package let route: RoutePattern?
    /// The limits of the request's class, when the key passed its check.
    package let limits: [GatewayLimitState]
}
