/// The stable codes of the API gateway's refusals, and the one place that maps them to statuses and sentences.
///
/// Spelled as the published contract has them, unlike `ErrorCode` (spec: browser sessions, section 3).
package enum GatewayErrorCode: String, Sendable, CaseIterable {
    // Requests that cannot be understood.
    case validationError = "VALIDATION_ERROR"
    case idempotencyKeyRequired = "IDEMPOTENCY_KEY_REQUIRED"
    // Who calls.
    case apiKeyRequired = "API_KEY_REQUIRED"
    case apiKeyInvalid = "API_KEY_INVALID"
    case apiKeyRevoked = "API_KEY_REVOKED"
    case apiKeyExpired = "API_KEY_EXPIRED"
    case sessionRequired = "SESSION_REQUIRED"
    case sessionInvalid = "SESSION_INVALID"
    case sessionExpired = "SESSION_EXPIRED"
    // What they may.
    case originNotAllowed = "ORIGIN_NOT_ALLOWED"
    case scopeNotGranted = "SCOPE_NOT_GRANTED"
    case tenantSuspended = "TENANT_SUSPENDED"
    case subscriptionCancelled = "SUBSCRIPTION_CANCELLED"
    case subscriptionPastDue = "SUBSCRIPTION_PAST_DUE"
    case moduleNotEnabled = "MODULE_NOT_ENABLED"
    // What they ask for.
    case routeNotFound = "ROUTE_NOT_FOUND"
    case methodNotAllowed = "METHOD_NOT_ALLOWED"
    case requestInProgress = "REQUEST_IN_PROGRESS"
    case idempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED"
    case rateLimited = "RATE_LIMITED"
    // Behind the gateway.
    case upstreamUnreachable = "UPSTREAM_UNREACHABLE"
    case upstreamTimeout = "UPSTREAM_TIMEOUT"

    /// The HTTP status this code is answered with.
    package var httpStatus: Int {
        switch self {
        case .validationError, .idempotencyKeyRequired: 400
        case .apiKeyRequired, .apiKeyInvalid, .apiKeyRevoked, .apiKeyExpired, .sessionRequired, .sessionInvalid,
            .sessionExpired:
            401
        case .originNotAllowed, .scopeNotGranted, .tenantSuspended, .subscriptionCancelled, .subscriptionPastDue,
            .moduleNotEnabled:
            403
        case .routeNotFound: 404
        case .methodNotAllowed: 405
        case .requestInProgress: 409
        case .idempotencyKeyReused: 422
        case .rateLimited: 429
        case .upstreamUnreachable: 502
        case .upstreamTimeout: 504
        }
    }

    /// The sentence used when nothing more particular is known: what happened and what to do.
    package var defaultMessage: String {
        switch self {
        case .validationError: "The request is not valid."
        case .idempotencyKeyRequired: "Send an Idempotency-Key header with this request."
        case .apiKeyRequired: "Send an API key as Authorization: Bearer or in X-Api-Key."
        case .apiKeyInvalid: "This API key does not exist. Check that it was copied whole."
        case .apiKeyRevoked: "This API key was revoked. Use another one."
        case .apiKeyExpired: "This API key has expired. Use its successor."
        case .sessionRequired: "Create a session token with POST sessions and send it in X-Session-Token."
        case .sessionInvalid: "The session token is not valid here. Create a new one with POST sessions."
        case .sessionExpired: "The session token has expired. Create a new one with POST sessions."
        case .originNotAllowed: "This API key may not be used from here."
        case .scopeNotGranted: "This API key does not have the scope this route needs."
        case .tenantSuspended: "This account is suspended."
        case .subscriptionCancelled: "This account's subscription was cancelled."
        case .subscriptionPastDue: "This account's subscription is past due."
        case .moduleNotEnabled: "This account does not have the module this route belongs to."
        case .routeNotFound: "There is no such route."
        case .methodNotAllowed: "This route does not take that method."
        case .requestInProgress: "A request with this Idempotency-Key is still running. Try again in a moment."
        case .idempotencyKeyReused: "This Idempotency-Key was used with another request. Choose a new one."
        case .rateLimited: "Too many requests. Wait as long as Retry-After says."
        case .upstreamUnreachable: "The API behind this address did not accept the connection."
        case .upstreamTimeout: "The API behind this address did not answer in time."
        }
    }

    /// The value of `WWW-Authenticate`, which stands on every 401; nil for other statuses.
    ///
    /// The challenge names the scheme of the key also when only the session token is wrong, because no scheme is
    /// registered for that; `error` has the code (RFC 6750, section 3).
    package var challenge: String? {
        guard self.httpStatus == 401 else { return nil }
        return self == .apiKeyRequired
            ? "Bearer realm=\"daypass\"" : "Bearer realm=\"daypass\", error=\"\(self.rawValue)\""
    }
}

/// A refusal of the API gateway; safe to log and to show.
package struct GatewayError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The stable code; clients may switch on it.
    package var code: GatewayErrorCode
    /// A plain sentence for people, without secrets.
    package var message: String
    /// What is wrong where: `headers.Origin`, `path`.
    package var details: [DaypassError.Detail]

    /// Makes an error; with no message, the code's own sentence is used.
    package init(_ code: GatewayErrorCode, _ message: String? = nil, details: [DaypassError.Detail] = []) {
        self.code = code
        self.message = message ?? code.defaultMessage
        self.details = details
    }

    package var description: String { "\(self.code.rawValue): \(self.message)" }

    /// The body of the answer, exactly as the reference has it; `details` is left out when there are none.
    package var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("code", .string(self.code.rawValue)), .init("message", .string(self.message)),
        ]
        if !self.details.isEmpty {
            let details = self.details.map { detail in
                JSONValue.object([
                    .init("path", .string(detail.path)), .init("message", .string(detail.message)),
                ])
            }
            members.append(.init("details", .array(details)))
        }
        return .object([.init("error", .object(members))])
    }
}
