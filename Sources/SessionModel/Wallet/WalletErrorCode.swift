/// The stable codes of refusals about wallet sessions, and the one place that maps them to numbers, statuses and
/// sentences.
///
/// The published error has an integer `code`: the HTTP status and two more digits.
package enum WalletErrorCode: String, Sendable, CaseIterable {
    // Requests that cannot be understood, or that are not believed.
    case invalidRequest = "invalid_request"
    case delegationRefused = "delegation_refused"
    case chainUnknown = "chain_unknown"
    case nodeMissing = "node_missing"
    case nodeUnavailable = "node_unavailable"
    case nodeOfOtherChain = "node_of_other_chain"
    // Who calls, and what they may.
    case tokenRequired = "token_required"
    case tokenInvalid = "token_invalid"
    case scopeMissing = "scope_missing"
    case walletOpaque = "wallet_opaque"
    // What they ask for.
    case notFound = "not_found"
    case methodNotAllowed = "method_not_allowed"
    case conflict = "conflict"
    case sessionEnded = "session_ended"
    case inUse = "in_use"
    case limitReached = "limit_reached"
    case permissionActive = "permission_active"
    case permissionRevoked = "permission_revoked"
    case bodyTooLarge = "body_too_large"
    case unsupportedMediaType = "unsupported_media_type"
    case rateLimited = "rate_limited"
    case internalError = "internal_error"

    /// The integer `code` of the published error; never changes and is never used again.
    package var number: Int {
        switch self {
        case .invalidRequest: 40_000
        case .delegationRefused: 40_001
        case .chainUnknown: 40_002
        case .nodeMissing: 40_003
        case .nodeUnavailable: 40_004
        case .nodeOfOtherChain: 40_005
        case .tokenRequired: 40_100
        case .tokenInvalid: 40_101
        case .scopeMissing: 40_300
        case .walletOpaque: 40_301
        case .notFound: 40_400
        case .methodNotAllowed: 40_500
        case .conflict: 40_900
        case .sessionEnded: 40_901
        case .inUse: 40_902
        case .limitReached: 40_903
        case .permissionActive: 40_904
        case .permissionRevoked: 40_905
        case .bodyTooLarge: 41_300
        case .unsupportedMediaType: 41_500
        case .rateLimited: 42_900
        case .internalError: 50_000
        }
    }

    /// The HTTP status this code is answered with.
    package var httpStatus: Int { self.number / 100 }

    /// The nearest code of the control API, for admin calls that answer in its form.
    package var controlCode: ErrorCode {
        switch self {
        case .invalidRequest, .delegationRefused, .chainUnknown, .nodeMissing, .nodeUnavailable, .nodeOfOtherChain:
            .validationError
        case .tokenRequired, .tokenInvalid: .unauthorized
        case .scopeMissing, .walletOpaque: .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .conflict, .sessionEnded, .inUse, .limitReached, .permissionActive, .permissionRevoked: .conflict
        case .bodyTooLarge: .bodyTooLarge
        case .unsupportedMediaType: .unsupportedMediaType
        case .rateLimited: .rateLimited
        case .internalError: .internalError
        }
    }

    /// The sentence used when nothing more particular is known: what happened and what to do.
    package var defaultMessage: String {
        switch self {
        case .invalidRequest: "The request has invalid fields."
        case .delegationRefused: "A delegation was not accepted; nothing was stored. See details for where and why."
        case .chainUnknown: "This server does not know the chain. Ask its operator to add it."
        case .nodeMissing: "This server has no node for the chain, and believes no delegation without asking one."
        case .nodeUnavailable: "The chain's node did not answer as it should. Try again later."
        case .nodeOfOtherChain: "The node that is set for this chain is on another one. Ask the server's operator."
        case .tokenRequired: "Send an organization token as Authorization: Bearer."
        case .tokenInvalid: "This token does not exist, was revoked or has expired."
        case .scopeMissing: "This token does not have the scope this call needs."
        case .walletOpaque: "Daypass keeps the delegations of this wallet and cannot act under them."
        case .notFound: "There is no such thing."
        case .methodNotAllowed: "That method is not allowed here."
        case .conflict: "This contradicts what is there."
        case .sessionEnded: "This session was revoked or has expired already."
        case .inUse: "This is still in use."
        case .limitReached: "There are as many of these as this server keeps."
        case .permissionActive: "A session has this permission on this chain already. Revoke it, or use it."
        case .permissionRevoked: "This permission was revoked here for good. Let the owner sign another one."
        case .bodyTooLarge: "The request body is too large."
        case .unsupportedMediaType: "Send the body as application/json."
        case .rateLimited: "Too many requests. Wait as long as Retry-After says."
        case .internalError: "Something went wrong here."
        }
    }
}

/// A refusal about wallet sessions; safe to log and to show: it never holds a delegation, a key or a URL.
package struct WalletError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The stable code.
    package var code: WalletErrorCode
    /// A plain sentence for people.
    package var message: String
    /// What is wrong where: `installs[2].serialized.privateKey`; a delegation's message begins with its stable reason.
    package var details: [DaypassError.Detail]
    /// Seconds after which trying again makes sense, sent as `Retry-After`.
    package var retryAfterSeconds: Int?

    /// Makes an error; with no message, the code's own sentence is used.
    package init(
        _ code: WalletErrorCode,
        _ message: String? = nil,
        details: [DaypassError.Detail] = [],
        retryAfterSeconds: Int? = nil
    ) {
        self.code = code
        self.message = message ?? code.defaultMessage
        self.details = details
        self.retryAfterSeconds = retryAfterSeconds
    }

    package var description: String { "\(self.code.rawValue): \(self.message)" }

    /// The same refusal in the control API's form, for admin calls.
    package var controlError: DaypassError {
        DaypassError(
            self.code.controlCode,
            self.message,
            details: self.details,
            retryAfterSeconds: self.retryAfterSeconds
        )
    }

    /// The body of the answer, exactly as the reference has it; `details` is always there, empty or not.
    package func json(requestID: String) -> JSONValue {
        let details = self.details.map { detail -> JSONValue in
            ["path": .string(detail.path), "message": .string(detail.message)]
        }
        return [
            "code": .integer(self.code.number), "message": .string(self.message), "details": .array(details),
            "requestId": .string(requestID),
        ]
    }
}
