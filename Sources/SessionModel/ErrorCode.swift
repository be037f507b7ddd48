/// The stable codes of every refusal, and the one place that maps them to HTTP statuses and sentences
/// (spec: tunnel sessions, section 2, "Answers by the edge itself", and section 1, "Validation").
package enum ErrorCode: String, Sendable, CaseIterable {
    // Requests that cannot be understood.
    case badRequest = "bad_request"
    case validationError = "validation_error"
    case requestTimeout = "request_timeout"
    case bodyTooLarge = "body_too_large"
    case unsupportedMediaType = "unsupported_media_type"
    case misdirectedRequest = "misdirected_request"
    case headersTooLarge = "headers_too_large"
    case methodNotAllowed = "method_not_allowed"
    case notFound = "not_found"
    case upgradeRequired = "upgrade_required"
    // Control API.
    case unauthorized = "unauthorized"
    case forbidden = "forbidden"
    case tooManySessions = "too_many_sessions"
    case conflict = "conflict"
    // Sessions.
    case sessionNotFound = "session_not_found"
    case sessionClosed = "session_closed"
    case sessionExpired = "session_expired"
    // The tunnel and the local app.
    case tunnelOffline = "tunnel_offline"
    case tunnelTaken = "tunnel_taken"
    case upstreamUnreachable = "upstream_unreachable"
    case upstreamProtocolError = "upstream_protocol_error"
    case upstreamTimeout = "upstream_timeout"
    // Policy.
    case tunnelPaused = "tunnel_paused"
    case basicAuthRequired = "basic_auth_required"
    case passwordRequired = "password_required"
    case sessionPrivate = "session_private"
    case viewerRemoved = "viewer_removed"
    case pathBlocked = "path_blocked"
    case tooManyViewers = "too_many_viewers"
    case rateLimited = "rate_limited"
    // Everything else.
    case serviceUnavailable = "service_unavailable"
    case internalError = "internal_error"

    /// The HTTP status this code is answered with.
    package var httpStatus: Int {
        switch self {
        case .badRequest, .validationError: 400
        case .unauthorized, .basicAuthRequired, .passwordRequired, .sessionPrivate: 401
        case .forbidden, .viewerRemoved, .pathBlocked: 403
        case .notFound, .sessionNotFound: 404
        case .methodNotAllowed: 405
        case .requestTimeout: 408
        case .conflict, .tunnelTaken: 409
        case .sessionClosed, .sessionExpired: 410
        case .bodyTooLarge: 413
        case .unsupportedMediaType: 415
        case .misdirectedRequest: 421
        case .upgradeRequired: 426
        case .tooManyViewers, .rateLimited, .tooManySessions: 429
        case .headersTooLarge: 431
        case .internalError: 500
        case .tunnelOffline, .upstreamUnreachable, .upstreamProtocolError: 502
        case .tunnelPaused, .serviceUnavailable: 503
        case .upstreamTimeout: 504
        }
    }

    /// The sentence used when nothing more particular is known.
    package var defaultMessage: String {
        switch self {
        case .badRequest: "The request is not valid HTTP."
        case .validationError: "The request has invalid fields."
        case .requestTimeout: "The request did not arrive in time."
        case .bodyTooLarge: "The request body is too large."
        case .unsupportedMediaType: "Send the body as application/json."
        case .misdirectedRequest: "This server does not answer for that host."
        case .headersTooLarge: "The request's header section is too large."
        case .methodNotAllowed: "That method is not allowed here."
        case .notFound: "There is nothing at this address."
        case .upgradeRequired: "Open this address as a WebSocket."
        case .unauthorized: "A valid credential is required."
        case .forbidden: "This credential does not allow that."
        case .tooManySessions: "Too many sessions are open. Close one, or wait until one expires."
        case .conflict: "The request conflicts with the current state."
        case .sessionNotFound: "Session not found"
        case .sessionClosed: "This session was closed by its owner."
        case .sessionExpired: "This session has expired."
        case .tunnelOffline: "The app behind this link is not connected right now. Try again in a moment."
        case .tunnelTaken: "Another agent already serves this session. Start with --takeover to replace it."
        case .upstreamUnreachable: "The app behind this link did not accept the connection."
        case .upstreamProtocolError: "The app behind this link gave an answer that is not valid HTTP."
        case .upstreamTimeout: "The app behind this link did not answer in time."
        case .tunnelPaused: "The owner has paused this link. Try again later."
        case .basicAuthRequired: "This link needs a user name and a password."
        case .passwordRequired: "This link needs a password."
        case .sessionPrivate: "This link is private. Ask its owner for access."
        case .viewerRemoved: "The owner has removed you from this session."
        case .pathBlocked: "The owner does not share this page."
        case .tooManyViewers: "As many people as the owner allows are here already. Try again in a moment."
        case .rateLimited: "Too many requests. Wait a moment and try again."
        case .serviceUnavailable: "The server cannot take this request right now. Try again in a moment."
        case .internalError: "Something went wrong on this server."
        }
    }
}
