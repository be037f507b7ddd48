import AccessControl
import SessionModel

// The schemas of the calls about the API gateway.
extension OpenAPISchemas {
    private static func strings(_ items: JSONValue, _ count: ClosedRange<Int>) -> JSONValue {
        var members: [JSONValue.Member] = [.init("type", "array"), .init("items", items)]
        if count.lowerBound > 0 { members.append(.init("minItems", .integer(count.lowerBound))) }
        members.append(.init("maxItems", .integer(count.upperBound)))
        return .object(members)
    }

    private static func integer(_ range: ClosedRange<Int>) -> JSONValue {
        ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
    }

    private static func choice<Value: RawRepresentable & CaseIterable>(_: Value.Type) -> JSONValue
    where Value.RawValue == String { self.oneOf(Value.allCases.map(\.rawValue)) }

    private static func orNull(_ pattern: String) -> JSONValue {
        ["type": ["string", "null"], "pattern": .string(pattern)]
    }

    private static func shortText(_ length: ClosedRange<Int>, _ description: String) -> JSONValue {
        [
            "type": "string", "minLength": .integer(length.lowerBound), "maxLength": .integer(length.upperBound),
            "description": .string(description),
        ]
    }

    private static func form(_ pattern: String, upTo length: Int, _ description: String) -> JSONValue {
        [
            "type": "string", "pattern": .string("^\(pattern)$"), "maxLength": .integer(length),
            "description": .string(description),
        ]
    }

    /// A segment of a path that every server reads alike.
    private static let segment = "[A-Za-z0-9._~-]*[A-Za-z0-9_~-]"

    private static let textOrNull: JSONValue = ["type": ["string", "null"]]
    private static let keyOrNull: JSONValue = orNull("^key_[a-z0-9]{12}$")

    /// Every schema of the gateway.
    static var gateway: [JSONValue.Member] {
        self.gatewayNames + self.tenants + self.plansAndChanges + self.keys + self.reports + self.explanations
    }

    private static let gatewayNames: [JSONValue.Member] = [
        .init("APIKeyId", ["type": "string", "pattern": "^key_[a-z0-9]{12}$"]),
        .init("BrowserSessionId", ["type": "string", "pattern": "^bs_[a-z0-9]{12}$"]),
        .init("PolicyName", ["type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"]),
        .init("Scope", ["type": "string", "pattern": "^[a-z0-9][a-z0-9:._-]{0,63}$"]),
        .init("GatewayErrorCode", choice(GatewayErrorCode.self)),
    ]

    // MARK: Tenants

    private static let tenantFields: [JSONValue.Member] = [
        .init("slug", reference("Slug")),
        .init(
            "hosts",
            strings(form("[a-z0-9._-]+", upTo: 255, "In lower case, without port."), 0...GatewayBounds.hosts)
        ),
        .init("basePath", form("(/\(segment))*", upTo: 1024, "What comes before its routes: `/api/v1`, or empty.")),
        .init(
            "upstream",
            form(
                "(https?://[A-Za-z0-9.:\\[\\]-]+(/\(segment))*/?|tunnel:[a-z0-9]+(-[a-z0-9]+)*)",
                upTo: 2048,
                "Where its API is: an http(s) URL, or `tunnel:{slug}`."
            )
        ),
        .init("status", choice(TenantStatus.self)),
        .init("modules", strings(reference("PolicyName"), 0...GatewayBounds.modules)),
        .init("sessionMinutes", integer(5...60)), .init("default", bool),
        .init("routes", strings(reference("Route"), 0...GatewayBounds.routes)),
    ]

    private static let tenantExample: JSONValue = [
        "slug": "acme", "hosts": ["api.acme.example"], "basePath": "/api/v1", "upstream": "http://127.0.0.1:4000",
        "status": "active", "modules": ["quotes"], "sessionMinutes": 60, "default": false,
        "routes": [["methods": ["POST"], "path": "/quotes", "scope": "quotes:write", "module": "quotes"]],
    ]

    private static let tenants: [JSONValue.Member] = [
        .init(
            "Route",
            object(
                [
                    .init("methods", strings(choice(APIMethod.self), 1...APIMethod.allCases.count)),
                    .init(
                        "path",
                        form(
                            "(/|(/(\(segment)|\\{\(segment)\\}))+(/\\*\\*)?|/\\*\\*)",
                            upTo: 1024,
                            "`/quotes/{id}`, `/files/**`; after the base path."
                        )
                    ),
                    .init("scope", reference("Scope")), .init("module", reference("PolicyName")),
                    .init("limitClass", reference("PolicyName")), .init("session", choice(SessionRule.self)),
                    .init("idempotency", choice(IdempotencyRule.self)),
                ],
                optional: ["module", "limitClass", "session", "idempotency"]
            )
        ),
        .init("RouteList", object([.init("routes", strings(reference("Route"), 0...GatewayBounds.routes))])),
        .init("Tenant", object(tenantFields, example: tenantExample)),
        .init(
            "NewTenant",
            object(
                tenantFields,
                optional: ["hosts", "basePath", "status", "modules", "sessionMinutes", "default", "routes"],
                example: tenantExample
            )
        ),
        .init("NewTenantStatus", object([.init("status", choice(TenantStatus.self))])),
        .init("TenantList", object([.init("tenants", list("Tenant"))])),
    ]

    // MARK: Plans and declarations

    private static let plansAndChanges: [JSONValue.Member] = [
        .init(
            "Limit",
            object(
                [
                    .init("class", reference("PolicyName")), .init("windowSeconds", integer(Limit.windows)),
                    .init("maximum", integer(Limit.maxima)), .init("per", choice(LimitSubject.self)),
                ],
                optional: ["windowSeconds"],
                example: ["class": "reads", "windowSeconds": 60, "maximum": 300, "per": "key"]
            )
        ),
        .init(
            "Plan",
            object([
                .init("name", reference("PolicyName")),
                .init("limits", strings(reference("Limit"), 1...Plan.maximumLimits)),
            ])
        ),
        .init("PlanList", object([.init("plans", list("Plan"))])),
        .init(
            "Declaration",
            object(
                [
                    .init("tenants", strings(reference("NewTenant"), 0...GatewayDeclaration.maximumTenants)),
                    .init("plans", strings(reference("Plan"), 0...GatewayDeclaration.maximumPlans)),
                    .init("dryRun", bool),
                ],
                optional: ["tenants", "plans", "dryRun"]
            )
        ),
        .init(
            "Change",
            object([
                .init("kind", choice(GatewayChangeLine.Kind.self)), .init("subject", text("`tenant acme`.")),
                .init("fields", ["type": "array", "items": string]),
            ])
        ),
        .init("ChangeList", object([.init("changes", list("Change"))])),
    ]

    // MARK: Keys

    private static let origins = strings(
        form(
            "[hH][tT][tT][pP][sS]?://[^/\\s]+/?",
            upTo: 2048,
            "`https://shop.example`, or `https://*.shop.example` for one label."
        ),
        0...APIKeyRecord.maximumWebOrigins
    )
    private static let scopes = strings(reference("Scope"), 1...APIKeyRecord.maximumScopes)
    private static let keyName = shortText(1...RequestBounds.labelLength, "What it is called.")

    private static let keyFields: [JSONValue.Member] = [
        .init("id", reference("APIKeyId")), .init("tenant", reference("Slug")), .init("name", string),
        .init("kind", choice(APIKeyKind.self)), .init("mode", choice(APIKeyMode.self)),
        .init("key", text("Prefix and last four characters: `pk_live_…a1B2`.")), .init("scopes", list("Scope")),
        .init("webOrigins", ["type": "array", "items": string]), .init("channels", choice(KeyChannels.self)),
        .init("plan", reference("PolicyName")), .init("createdAt", time), .init("expiresAt", timeOrNull),
        .init("revokedAt", timeOrNull), .init("lastUsedAt", timeOrNull),
        .init("previous", object([.init("key", string), .init("worksUntil", time)])),
    ]

    private static let keys: [JSONValue.Member] = [
        .init("APIKey", object(keyFields, optional: ["previous"])),
        .init(
            "CreatedAPIKey",
            object(
                keyFields + [
                    .init(
                        "secret",
                        [
                            "type": "string", "pattern": "^(pk|sk)_(live|test)_[0-9A-Za-z]{36}$",
                            "description": "The key itself; shown once.",
                        ]
                    )
                ],
                optional: ["previous"]
            )
        ),
        .init(
            "APIKeyPage",
            object([.init("keys", list("APIKey")), .init("next", keyOrNull)])
        ),
        .init(
            "NewAPIKey",
            object(
                [
                    .init("tenant", reference("Slug")), .init("name", keyName), .init("scopes", scopes),
                    .init("webOrigins", origins), .init("kind", choice(APIKeyKind.self)),
                    .init("mode", choice(APIKeyMode.self)), .init("channels", choice(KeyChannels.self)),
                    .init("plan", reference("PolicyName")),
                    .init("expiresIn", lifetime(maximum: RequestBounds.tokenLifetime)),
                ],
                optional: ["webOrigins", "kind", "mode", "channels", "plan", "expiresIn"],
                example: [
                    "tenant": "acme", "name": "shop", "scopes": ["quotes:write"],
                    "webOrigins": ["https://shop.example"],
                ]
            )
        ),
        .init(
            "APIKeyUpdate",
            object(
                [
                    .init("name", keyName), .init("scopes", scopes), .init("webOrigins", origins),
                    .init("channels", choice(KeyChannels.self)), .init("plan", reference("PolicyName")),
                ],
                optional: ["name", "scopes", "webOrigins", "channels", "plan"]
            )
        ),
        .init(
            "KeyRotation",
            object([.init("grace", lifetime(maximum: GatewayBounds.grace))], optional: ["grace"])
        ),
        .init(
            "SigningKey",
            object([
                .init("id", string), .init("state", choice(SigningKeySummary.State.self)), .init("createdAt", time),
                .init("signsFrom", time),
            ])
        ),
        .init("SigningKeyList", object([.init("signingKeys", list("SigningKey"))])),
    ]

    // MARK: What happened

    private static let reports: [JSONValue.Member] = [
        .init(
            "Usage",
            object([
                .init("start", time), .init("tenant", reference("Slug")), .init("key", keyOrNull),
                .init("code", ["oneOf": [reference("GatewayErrorCode"), ["type": "null"]]]), .init("count", count),
            ])
        ),
        .init("UsageList", object([.init("usage", list("Usage"))])),
        .init(
            "Refusal",
            object([
                .init("at", time), .init("tenant", reference("Slug")), .init("key", keyOrNull),
                .init("code", reference("GatewayErrorCode")), .init("message", string), .init("method", string),
                .init("path", text("Without the query.")), .init("webOrigin", textOrNull), .init("address", string),
                .init("requestId", string),
            ])
        ),
        .init("RefusalList", object([.init("refusals", list("Refusal"))])),
        .init(
            "GatewayEvent",
            object([
                .init("at", time), .init("actor", string), .init("address", string),
                .init("action", choice(AuditEvent.Action.self)), .init("tenant", textOrNull),
                .init("summary", text("What exactly, without secrets.")),
            ])
        ),
        .init("GatewayEventList", object([.init("events", list("GatewayEvent"))])),
    ]

    // MARK: What would happen

    private static let checks = oneOf(GatewayCheck.order.map(\.rawValue))

    private static let explanations: [JSONValue.Member] = [
        .init(
            "RequestToExplain",
            object(
                [
                    .init("method", ["type": "string", "pattern": "^[A-Z]{1,16}$"]),
                    .init(
                        "path",
                        [
                            "type": "string", "pattern": "^/[!-~]*$", "maxLength": 8192,
                            "description":
                                "With its query. A path that does not begin with the base path is one below it.",
                        ]
                    ),
                    .init("tenant", reference("Slug")),
                    .init(
                        "host",
                        form(
                            "([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]*)?",
                            upTo: 255,
                            "Instead of the tenant: where it is sent to."
                        )
                    ),
                    .init("origin", shortText(0...2048, "`Origin`; without it, the server channel.")),
                    .init("key", shortText(0...512, "Neither answered nor logged.")),
                    .init("sessionToken", shortText(0...8192, "Neither answered nor logged.")),
                    .init("idempotencyKey", shortText(0...1024, "`Idempotency-Key`.")),
                    .init(
                        "address",
                        form("[0-9A-Fa-f.:]{2,45}", upTo: 45, "Where it comes from; the caller's by default.")
                    ),
                ],
                optional: ["tenant", "host", "origin", "key", "sessionToken", "idempotencyKey", "address"],
                example: ["method": "POST", "path": "/quotes", "origin": "https://shop.example", "tenant": "acme"]
            )
        ),
        .init(
            "Explanation",
            object(
                [
                    .init("decision", oneOf(["allowed", "refused", "preflight"])),
                    .init("code", reference("GatewayErrorCode")), .init("message", string),
                    .init("decidedBy", ["oneOf": [checks, ["type": "null"]]]), .init("tenant", reference("Slug")),
                    .init("keyId", keyOrNull), .init("channel", oneOf(["browser", "server"])),
                    .init("path", text("The path that was judged, without its query.")), .init("route", textOrNull),
                    .init(
                        "steps",
                        [
                            "type": "array",
                            "items": object([
                                .init("check", checks), .init("outcome", oneOf(["passed", "failed", "skipped"])),
                                .init("reason", string),
                            ]),
                        ]
                    ),
                    .init(
                        "limits",
                        [
                            "type": "array",
                            "items": object([
                                .init("class", reference("PolicyName")), .init("windowSeconds", integer(Limit.windows)),
                                .init("maximum", integer(Limit.maxima)), .init("per", choice(LimitSubject.self)),
                                .init("remaining", count), .init("resetsAt", time),
                            ]),
                        ]
                    ),
                ],
                optional: ["code", "message"]
            )
        ),
    ]
}
