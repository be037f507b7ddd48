/// Every call of the control API.
///
/// What a call is named, where it lives, who may make it and what it does are exhaustive switches over these cases, and
/// so is its description in the OpenAPI document.
package enum ControlOperation: String, CaseIterable, Sendable {
    case createSession
    case listSessions
    case getSession
    case deleteSession
    case getSessionBySlug
    case updatePolicy
    case listViewers
    case kickViewer
    case pauseSession
    case resumeSession
    case closeSession
    case rotatePassword
    case createToken
    case listTokens
    case revokeToken
    case listAuditEvents
    case getHealth
    case getReadiness
    case getMetrics
    case getOpenAPI

    /// The methods calls are made with; `HEAD` is answered wherever `GET` is.
    package enum Method: String, CaseIterable, Sendable {
        case get = "GET"
        case post = "POST"
        case delete = "DELETE"
    }

    /// How the call is made.
    package var method: Method {
        switch self {
        case .createSession, .updatePolicy, .kickViewer, .pauseSession, .resumeSession, .closeSession,
            .rotatePassword, .createToken:
            .post
        case .deleteSession, .revokeToken: .delete
        case .listSessions, .getSession, .getSessionBySlug, .listViewers, .listTokens, .listAuditEvents, .getHealth,
            .getReadiness, .getMetrics, .getOpenAPI:
            .get
        }
    }

    /// Where the call lives; at most one segment is a parameter in braces.
    package var path: String {
        switch self {
        case .createSession, .listSessions: "/sessions"
        case .getSession, .deleteSession: "/sessions/{sessionId}"
        case .getSessionBySlug: "/sessions/by-slug/{slug}"
        case .updatePolicy: "/sessions/by-slug/{slug}/policy"
        case .listViewers: "/sessions/by-slug/{slug}/viewers"
        case .kickViewer: "/sessions/by-slug/{slug}/kick"
        case .pauseSession: "/sessions/by-slug/{slug}/pause"
        case .resumeSession: "/sessions/by-slug/{slug}/resume"
        case .closeSession: "/sessions/by-slug/{slug}/close"
        case .rotatePassword: "/sessions/by-slug/{slug}/rotate-password"
        case .createToken, .listTokens: "/tokens"
        case .revokeToken: "/tokens/{id}"
        case .listAuditEvents: "/audit"
        case .getHealth: "/health"
        case .getReadiness: "/ready"
        case .getMetrics: "/metrics"
        case .getOpenAPI: "/openapi.json"
        }
    }

    /// Who may make a call.
    package enum Audience: Equatable, Sendable {
        /// Anybody from anywhere.
        case anyone
        /// Programs on this machine, or a credential that may read.
        case metrics
        /// A credential that may create sessions.
        case creators
        /// A credential that may read every session.
        case readers
        /// Anybody may ask about a session; how much is shown depends on who asks.
        case session
        /// The session's owner, or a credential that may manage it.
        case owner
        /// The admin, never an unauthenticated caller: what is made here outlives the access mode.
        case admin
    }

    /// Who may make this call.
    package var audience: Audience {
        switch self {
        case .createSession: .creators
        case .listSessions: .readers
        case .getSession, .getSessionBySlug: .session
        case .deleteSession, .updatePolicy, .listViewers, .kickViewer, .pauseSession, .resumeSession, .closeSession,
            .rotatePassword:
            .owner
        case .createToken, .listTokens, .revokeToken: .admin
        case .listAuditEvents: .readers
        case .getHealth, .getReadiness, .getOpenAPI: .anyone
        case .getMetrics: .metrics
        }
    }

    /// The query parameters the call knows.
    package var queryParameters: [QueryParameter] {
        switch self {
        case .listSessions: [.after, .limit]
        case .listAuditEvents: [.session, .limit]
        default: []
        }
    }

    /// A query parameter of a list.
    package enum QueryParameter: String, CaseIterable, Sendable {
        /// Where a page begins: the last identifier of the page before.
        case after
        /// How many entries to answer at most.
        case limit
        /// The session to show events of.
        case session
    }
}

/// Finds the call a request is for.
package struct RouteTable: Sendable {
    /// What a method and a path lead to.
    package enum Match: Equatable, Sendable {
        /// This call, with the value of the path's parameter if it has one.
        case operation(ControlOperation, parameter: String?)
        /// The path is known, the method is not; `allow` lists those that are.
        case methodNotAllowed(allow: String)
        /// There is nothing at this path.
        case unknown
    }

    private struct Entry: Sendable {
        let segments: [Substring]
        let operations: [ControlOperation]
    }

    private let entries: [Entry]

    /// The table of all operations.
    package init() {
        var byPath: [String: [ControlOperation]] = [:]
        for operation in ControlOperation.allCases { byPath[operation.path, default: []].append(operation) }
        self.entries = byPath.map { path, operations in
            Entry(segments: Self.segments(of: path), operations: operations)
        }
    }

    private static func segments(of path: String) -> [Substring] {
        path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    }

    /// Finds the call for a method and a path without query.
    ///
    /// Paths are compared as they are: no decoding, no tolerance for doubled or trailing slashes, because no identifier
    /// of ours needs them.
    package func match(method: String, path: String) -> Match {
        guard path.utf8.first == UInt8(ascii: "/"), path.utf8.count <= 1024 else { return .unknown }
        let segments = Self.segments(of: path)
        for entry in self.entries where entry.segments.count == segments.count {
            guard let parameter = Self.parameter(entry.segments, segments) else { continue }
            let wanted = method == "HEAD" ? "GET" : method
            if let operation = entry.operations.first(where: { $0.method.rawValue == wanted }) {
                return .operation(operation, parameter: parameter.first)
            }
            var allowed = Set(entry.operations.map(\.method.rawValue))
            if allowed.contains("GET") { allowed.insert("HEAD") }
            return .methodNotAllowed(allow: allowed.sorted().joined(separator: ", "))
        }
        return .unknown
    }

    /// The parameters a path has by a template (none or one), or nil when it does not match.
    private static func parameter(_ template: [Substring], _ path: [Substring]) -> [String]? {
        var parameters: [String] = []
        for (expected, actual) in zip(template, path) {
            if expected.first == "{" {
                guard !actual.isEmpty else { return nil }
                parameters.append(String(actual))
            } else if expected != actual {
                return nil
            }
        }
        return parameters
    }
}
