import SessionModel

/// The schemas of the OpenAPI document.
///
/// Objects of ours allow no further properties.
enum OpenAPISchemas {
    /// A reference to a schema by name.
    static func reference(_ name: String) -> JSONValue { ["$ref": .string("#/components/schemas/\(name)")] }

    /// Every schema, by name.
    static func all(maximumLifetime: Duration) -> JSONValue {
        .object(
            self.texts + self.requests(maximumLifetime: maximumLifetime) + self.sessions + self.others + self.gateway
                + self.wallets
        )
    }

    // MARK: Building blocks

    static func object(
        _ properties: [JSONValue.Member],
        optional: Set<String> = [],
        example: JSONValue? = nil
    ) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("type", "object"), .init("additionalProperties", false),
            .init("properties", .object(properties)),
        ]
        let required = properties.map(\.name).filter { !optional.contains($0) }
        if !required.isEmpty { members.append(.init("required", .array(required.map { .string($0) }))) }
        if let example { members.append(.init("examples", [example])) }
        return .object(members)
    }

    private static func allOptional(_ properties: [JSONValue.Member], example: JSONValue) -> JSONValue {
        self.object(properties, optional: Set(properties.map(\.name)), example: example)
    }

    static func list(_ schema: String) -> JSONValue { ["type": "array", "items": self.reference(schema)] }

    static func oneOf(_ values: [String]) -> JSONValue {
        ["type": "string", "enum": .array(values.map { .string($0) })]
    }

    static func text(_ description: String) -> JSONValue {
        ["type": "string", "description": .string(description)]
    }

    static let string: JSONValue = ["type": "string"]
    static let bool: JSONValue = ["type": "boolean"]
    static let count: JSONValue = ["type": "integer", "minimum": 0]
    static let time: JSONValue = ["type": "string", "format": "date-time"]
    static let timeOrNull: JSONValue = ["type": ["string", "null"], "format": "date-time"]
    private static let yes: JSONValue = ["type": "boolean", "const": true]

    /// A regular expression for the decimal numbers 1…`maximum` without leading zeros.
    static func numberPattern(upTo maximum: Int) -> String {
        let digits = String(maximum)
        var alternatives: [String] = []
        if digits.count > 1 { alternatives.append(digits.count == 2 ? "[1-9]" : "[1-9][0-9]{0,\(digits.count - 2)}") }
        for (index, character) in digits.enumerated() {
            let lowest = index == 0 ? 1 : 0
            guard let digit = character.wholeNumberValue, digit > lowest else { continue }
            let rest = digits.count - index - 1
            alternatives.append(
                "\(digits.prefix(index))[\(lowest)-\(digit - 1)]" + (rest > 0 ? "[0-9]{\(rest)}" : "")
            )
        }
        alternatives.append(digits)
        return "(" + alternatives.joined(separator: "|") + ")"
    }

    /// A lifetime of at most `maximum`, exactly as the reader of requests takes it.
    static func lifetime(maximum: Duration) -> JSONValue {
        let seconds = Int(maximum.components.seconds)
        let alternatives = SessionLifetime.units.compactMap { unit -> String? in
            let count = min(seconds / unit.seconds, 999_999_999)
            return count > 0 ? self.numberPattern(upTo: count) + String(unit.letter) : nil
        }
        return [
            "type": "string",
            "pattern": .string("^(" + alternatives.joined(separator: "|") + ")$"),
            "description": .string(
                "A number and a unit: s, m, h or d; at most \(SessionLifetime.text(maximum))."
            ),
        ]
    }

    // MARK: Texts

    private static let texts: [JSONValue.Member] = [
        .init("SessionId", ["type": "string", "pattern": "^sess_[a-z0-9]{32}$"]),
        .init(
            "Slug",
            ["type": "string", "minLength": 3, "maxLength": 63, "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"]
        ),
        .init("AccessTokenId", ["type": "string", "pattern": "^tok_[a-z0-9]{16}$"]),
        .init("AuthMode", oneOf(AuthMode.allCases.map(\.rawValue))),
        .init("AccessScope", oneOf(AccessScope.allCases.map(\.rawValue))),
        .init("Status", oneOf(["waiting", "connected", "paused", "closed", "expired"])),
        .init(
            "Error",
            object(
                [
                    .init("error", text("A sentence for people.")),
                    .init("code", oneOf(ErrorCode.allCases.map(\.rawValue))),
                    .init(
                        "details",
                        [
                            "type": "array",
                            "items": object([
                                .init("path", text("The field at fault, as a dotted path.")),
                                .init("message", text("What is wrong with it.")),
                            ]),
                        ]
                    ),
                    .init("requestId", text("With internal_error: what to look for in the server's log.")),
                ],
                optional: ["code", "details", "requestId"],
                example: ["error": "Session not found"]
            )
        ),
    ]

    // MARK: Requests

    private static let policyFields: [JSONValue.Member] = [
        .init("public", bool),
        .init(
            "maxConcurrentViewers",
            [
                "type": "integer", "minimum": .integer(RequestBounds.viewers.lowerBound),
                "maximum": .integer(RequestBounds.viewers.upperBound),
            ]
        ),
        .init(
            "blockPaths",
            [
                "type": "array", "maxItems": .integer(RequestBounds.blockPathCount),
                "items": [
                    "type": "string", "pattern": "^/", "maxLength": .integer(RequestBounds.blockPathLength),
                ],
            ]
        ),
        .init(
            "password",
            [
                "type": "string", "maxLength": .integer(RequestBounds.passwordLength),
                "description": "The empty string means none.",
            ]
        ),
    ]

    private static let policyExample: JSONValue = [
        "public": false, "maxConcurrentViewers": 5, "blockPaths": ["/admin", "/api/internal"], "password": "secure123",
    ]

    private static func requests(maximumLifetime: Duration) -> [JSONValue.Member] {
        [
            .init(
                "NewSession",
                allOptional(
                    [
                        .init(
                            "port",
                            [
                                "type": "integer", "minimum": .integer(RequestBounds.port.lowerBound),
                                "maximum": .integer(RequestBounds.port.upperBound), "default": 3000,
                            ]
                        ),
                        .init("authMode", reference("AuthMode")),
                        .init("expiresIn", lifetime(maximum: maximumLifetime)),
                        .init("slug", reference("Slug")),
                        .init("policy", reference("PolicyUpdate")),
                    ],
                    example: ["port": 3000, "authMode": "none", "expiresIn": "1h"]
                )
            ),
            .init("PolicyUpdate", allOptional(policyFields, example: policyExample)),
            .init(
                "Kick",
                object(
                    [
                        .init(
                            "viewerId",
                            ["type": "string", "maxLength": 128, "pattern": "^(vw|ip)_[A-Za-z0-9_-]+$"]
                        )
                    ],
                    example: ["viewerId": "vw_7hq2m0x4k9d1s8f3"]
                )
            ),
            .init("Nothing", object([])),
            .init(
                "NewAccessToken",
                object(
                    [
                        .init(
                            "label",
                            ["type": "string", "minLength": 1, "maxLength": .integer(RequestBounds.labelLength)]
                        ),
                        .init(
                            "scopes",
                            [
                                "type": "array", "minItems": 1, "maxItems": .integer(AccessScope.allCases.count),
                                "items": reference("AccessScope"),
                            ]
                        ),
                        .init("expiresIn", lifetime(maximum: RequestBounds.tokenLifetime)),
                    ],
                    optional: ["expiresIn"],
                    example: ["label": "build server", "scopes": ["sessions:create"], "expiresIn": "30d"]
                )
            ),
        ]
    }

    // MARK: Sessions

    private static let sessions: [JSONValue.Member] = [
        .init("Policy", object(policyFields, example: policyExample)),
        .init(
            "CreatedSession",
            object(
                [
                    .init("sessionId", reference("SessionId")), .init("slug", reference("Slug")),
                    .init("publicUrl", text("The link for viewers.")),
                    .init("ownerUrl", text("The link for the owner; it carries the owner token.")),
                    .init("overlayScriptUrl", string), .init("edgeUrl", text("Where the agent connects.")),
                    .init("sessionToken", text("`slug.ownerToken`; shown once.")), .init("expiresAt", time),
                    .init("username", string), .init("password", string),
                ],
                optional: ["username", "password"],
                example: [
                    "sessionId": "sess_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
                    "slug": "quiet-lime-42",
                    "publicUrl": "https://wormkey.io/s/quiet-lime-42",
                    "ownerUrl":
                        "https://wormkey.io/.wormkey/owner?slug=quiet-lime-42&token=x7y8z9a0b1c2d3e4f5g6h7i8j9k0l1m2",
                    "overlayScriptUrl": "https://wormkey.io/.wormkey/overlay.js?slug=quiet-lime-42",
                    "edgeUrl": "wss://wormkey.io/tunnel",
                    "sessionToken": "quiet-lime-42.x7y8z9a0b1c2d3e4f5g6h7i8j9k0l1m2",
                    "expiresAt": "2026-03-04T15:30:00.000Z",
                ]
            )
        ),
        .init(
            "Session",
            object(
                [
                    .init("sessionId", reference("SessionId")), .init("slug", reference("Slug")),
                    .init("publicUrl", string), .init("overlayScriptUrl", string), .init("edgeUrl", string),
                    .init("port", ["type": "integer", "minimum": 1, "maximum": 65_535]),
                    .init("status", reference("Status")), .init("createdAt", time), .init("expiresAt", time),
                    .init("closed", bool), .init("authMode", reference("AuthMode")), .init("username", string),
                    .init("password", string), .init("policy", reference("Policy")), .init("activeViewers", count),
                    .init("kickedViewerIds", ["type": "array", "items": string]), .init("tunnelConnections", count),
                ],
                optional: ["username", "password"]
            )
        ),
        .init(
            "SessionLink",
            object([
                .init("slug", reference("Slug")), .init("publicUrl", string), .init("status", reference("Status")),
                .init("expiresAt", time),
            ])
        ),
        .init("AnySession", ["oneOf": [reference("Session"), reference("SessionLink")]]),
        .init(
            "SessionPage",
            object([
                .init("sessions", list("Session")),
                .init(
                    "next",
                    [
                        "type": ["string", "null"], "pattern": "^sess_[a-z0-9]{32}$",
                        "description": "What to send as `after` for the next page; null on the last one.",
                    ]
                ),
            ])
        ),
        .init("PolicyResult", object([.init("ok", yes), .init("policy", reference("Policy"))])),
        .init("StatusResult", object([.init("ok", yes), .init("status", reference("Status"))])),
        .init(
            "PasswordResult",
            object(
                [.init("ok", yes), .init("username", string), .init("password", string)],
                optional: ["username"]
            )
        ),
        .init(
            "KickResult",
            object([
                .init("ok", yes), .init("viewerId", string),
                .init("kickedViewerIds", ["type": "array", "items": string]),
            ])
        ),
        .init("Done", object([.init("ok", yes)])),
        .init(
            "Viewer",
            object([
                .init("id", string), .init("label", text("What the invite calls them; else empty.")),
                .init("ip", string), .init("userAgent", string), .init("firstSeen", time), .init("lastSeen", time),
                .init("requests", count), .init("bytes", count), .init("openStreams", count),
            ])
        ),
        .init("ViewerList", object([.init("viewers", list("Viewer"))])),
    ]

    // MARK: Tokens and the server

    private static let tokenFields: [JSONValue.Member] = [
        .init("id", reference("AccessTokenId")), .init("label", string), .init("scopes", list("AccessScope")),
        .init("createdAt", time), .init("expiresAt", timeOrNull), .init("revokedAt", timeOrNull),
    ]

    private static let others: [JSONValue.Member] = [
        .init("AccessToken", object(tokenFields)),
        .init(
            "CreatedAccessToken",
            object(
                tokenFields + [
                    .init(
                        "token",
                        ["type": "string", "pattern": "^dp_[a-z0-9]{40}$", "description": "The secret; shown once."]
                    )
                ]
            )
        ),
        .init("AccessTokenList", object([.init("tokens", list("AccessToken"))])),
        .init(
            "RevokeResult",
            object([.init("ok", yes), .init("id", reference("AccessTokenId")), .init("revokedAt", timeOrNull)])
        ),
        .init(
            "AuditEvent",
            object([
                .init("at", time), .init("action", oneOf(AuditEvent.Action.allCases.map(\.rawValue))),
                .init("actor", text("`owner`, `admin`, `token:{id}`, `local` or `system`.")),
                .init("address", text("Where from; empty for the server itself.")),
                .init("sessionId", ["type": ["string", "null"], "pattern": "^sess_[a-z0-9]{32}$"]),
                .init("summary", text("What exactly, without secrets.")),
            ])
        ),
        .init("AuditEventList", object([.init("events", list("AuditEvent"))])),
        .init("Health", object([.init("status", ["type": "string", "const": "ok"])])),
        .init("Readiness", object([.init("status", ["type": "string", "const": "ready"])])),
    ]
}
