import SessionModel

extension ControlOperation {
    /// The group the call is listed in.
    var tag: String {
        switch self {
        case .createSession, .listSessions, .getSession, .deleteSession, .getSessionBySlug, .updatePolicy, .listViewers,
            .kickViewer, .pauseSession, .resumeSession, .closeSession, .rotatePassword:
            "sessions"
        case .createToken, .listTokens, .revokeToken: "tokens"
        case .listAuditEvents, .getHealth, .getReadiness, .getMetrics, .getOpenAPI: "server"
        }
    }

    /// What the call does, in a sentence.
    var summary: String {
        switch self {
        case .createSession: "Create a session. Its owner token is in this answer and nowhere else."
        case .listSessions: "List sessions, newest first."
        case .getSession: "Show a session; all of it to its owner, link and status to anybody else."
        case .deleteSession: "Close a session and forget it."
        case .getSessionBySlug: "Show a session by its slug."
        case .updatePolicy: "Change some or all of a session's policy, at once and for what is open too."
        case .listViewers: "List the viewers who are there now."
        case .kickViewer: "Remove a viewer for good."
        case .pauseSession: "Turn viewers away until resumed."
        case .resumeSession: "Let viewers in again."
        case .closeSession: "Close a session for good."
        case .rotatePassword: "Replace the basic password, or else the policy's password, by a new random one."
        case .createToken: "Make an access token. Its secret is in this answer and nowhere else."
        case .listTokens: "List access tokens, without their secrets."
        case .revokeToken: "Withdraw an access token for good."
        case .listAuditEvents: "List what was changed, by whom and from where, newest first."
        case .getHealth: "Say that the process answers."
        case .getReadiness: "Say whether the server can do its work."
        case .getMetrics: "Show the server's figures in Prometheus' text format."
        case .getOpenAPI: "Show this document."
        }
    }

    /// Which credentials fit; the empty entry stands for calls that the access mode lets through without one.
    var security: JSONValue {
        switch self.audience {
        case .anyone: []
        case .admin: [["bearer": []]]
        case .metrics, .creators, .readers, .session, .owner: [.object([]), ["bearer": []]]
        }
    }

    /// The path's parameter, if it has one.
    var pathParameter: [JSONValue] {
        if self.path.contains("{sessionId}") { return [Self.pathParameter("sessionId", schema: "SessionId")] }
        if self.path.contains("{slug}") { return [Self.pathParameter("slug", schema: "Slug")] }
        if self.path.contains("{id}") { return [Self.pathParameter("id", schema: "AccessTokenId")] }
        return []
    }

    private static func pathParameter(_ name: String, schema: String) -> JSONValue {
        ["name": .string(name), "in": "path", "required": true, "schema": OpenAPISchemas.reference(schema)]
    }

    /// The body the call takes; nil for calls that only read.
    var requestBody: JSONValue? {
        switch self {
        case .createSession: Self.body("NewSession", required: false)
        case .updatePolicy: Self.body("PolicyUpdate", required: false)
        case .kickViewer: Self.body("Kick", required: true)
        case .createToken: Self.body("NewAccessToken", required: true)
        case .deleteSession, .pauseSession, .resumeSession, .closeSession, .rotatePassword, .revokeToken:
            Self.body("Nothing", required: false)
        case .listSessions, .getSession, .getSessionBySlug, .listViewers, .listTokens, .listAuditEvents, .getHealth,
            .getReadiness, .getMetrics, .getOpenAPI:
            nil
        }
    }

    private static func body(_ schema: String, required: Bool) -> JSONValue {
        [
            "required": .bool(required),
            "content": ["application/json": ["schema": OpenAPISchemas.reference(schema)]],
        ]
    }

    /// The answer when all goes well: its status and description.
    var success: JSONValue.Member {
        switch self {
        case .createSession:
            .init(
                "201",
                [
                    "description": "The new session.",
                    "headers": [
                        "Location": [
                            "required": true, "schema": ["type": "string"],
                            "description": "Where the session is shown.",
                        ]
                    ],
                    "content": ["application/json": ["schema": OpenAPISchemas.reference("CreatedSession")]],
                ]
            )
        case .createToken: Self.answer("201", "The new token.", "CreatedAccessToken")
        case .listSessions: Self.answer("200", "One page.", "SessionPage")
        case .getSession, .getSessionBySlug: Self.answer("200", "The session.", "AnySession")
        case .updatePolicy: Self.answer("200", "The whole policy as it is now.", "PolicyResult")
        case .listViewers: Self.answer("200", "Live viewers, most recently seen first.", "ViewerList")
        case .kickViewer: Self.answer("200", "Everybody removed so far.", "KickResult")
        case .pauseSession, .resumeSession, .closeSession:
            Self.answer("200", "The session's status now.", "StatusResult")
        case .rotatePassword: Self.answer("200", "The new password.", "PasswordResult")
        case .deleteSession: Self.answer("200", "Done.", "Done")
        case .listTokens: Self.answer("200", "All tokens still kept, newest first.", "AccessTokenList")
        case .revokeToken: Self.answer("200", "Withdrawn.", "RevokeResult")
        case .listAuditEvents: Self.answer("200", "The latest events.", "AuditEventList")
        case .getHealth: Self.answer("200", "It answers.", "Health")
        case .getReadiness: Self.answer("200", "It can.", "Readiness")
        case .getMetrics:
            .init(
                "200",
                [
                    "description": "Figures.",
                    "content": ["text/plain; version=0.0.4; charset=utf-8": ["schema": ["type": "string"]]],
                ]
            )
        case .getOpenAPI:
            .init(
                "200",
                ["description": "OpenAPI 3.1.", "content": ["application/json": ["schema": ["type": "object"]]]]
            )
        }
    }

    private static func answer(_ status: String, _ description: String, _ schema: String) -> JSONValue.Member {
        .init(
            status,
            [
                "description": .string(description),
                "content": ["application/json": ["schema": OpenAPISchemas.reference(schema)]],
            ]
        )
    }

    /// The statuses the call can be refused with.
    package var refusals: [Int] {
        var statuses: Set<Int> = [413, 500]
        if self.audience != .anyone { statuses.formUnion([400, 401, 403, 421, 429]) }
        if self.method != .get { statuses.formUnion([400, 415]) }
        switch self {
        case .createSession: statuses.formUnion([409, 503])
        case .getSession, .getSessionBySlug, .deleteSession, .listViewers, .closeSession, .revokeToken:
            statuses.insert(404)
        case .kickViewer: statuses.formUnion([404, 409, 410])
        case .updatePolicy, .pauseSession, .resumeSession, .rotatePassword: statuses.formUnion([404, 410])
        case .createToken: statuses.insert(409)
        case .getReadiness: statuses.insert(503)
        case .listSessions, .listTokens, .listAuditEvents, .getHealth, .getMetrics, .getOpenAPI: break
        }
        return statuses.sorted()
    }
}

extension ControlOperation.QueryParameter {
    /// The parameter as the document has it.
    var description: JSONValue {
        let (schema, text): (JSONValue, String) =
            switch self {
            case .after: (OpenAPISchemas.reference("SessionId"), "The last identifier of the page before.")
            case .limit:
                (
                    ["type": "integer", "minimum": 1, "maximum": 100, "default": 20],
                    "How many entries to answer at most."
                )
            case .session: (OpenAPISchemas.reference("SessionId"), "Only events of this session.")
            }
        return ["name": .string(self.rawValue), "in": "query", "description": .string(text), "schema": schema]
    }
}
