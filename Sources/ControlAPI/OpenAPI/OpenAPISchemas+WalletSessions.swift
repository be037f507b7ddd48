import SessionModel

// The schemas of wallet sessions themselves and of their audit trail.
extension OpenAPISchemas {
    private static func hexadecimal(_ digits: Int) -> JSONValue {
        ["type": "string", "pattern": .string("^[0-9a-f]{\(digits)}$")]
    }

    private static let textOrNull: JSONValue = ["type": ["string", "null"]]
    private static let anyObject: JSONValue = ["type": "object"]
    private static let exampleAddress: JSONValue = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

    private static let sessionFields: [JSONValue.Member] = [
        .init("id", reference("WalletSessionId")), .init("walletId", reference("WalletId")),
        .init("workflowId", string), .init("sessionAddress", reference("Address")), .init("policies", anyObject),
        .init("createdAt", time), .init("expiresAt", time), .init("chainId", reference("ChainId")),
    ]

    static let walletSessions: [JSONValue.Member] = [
        .init(
            "NewWalletSessions",
            object(
                [
                    .init("expiresAt", time),
                    .init(
                        "installs",
                        [
                            "type": "array", "minItems": .integer(WalletBounds.installs.lowerBound),
                            "maxItems": .integer(WalletBounds.installs.upperBound),
                            "items": object([
                                .init("chainId", reference("ChainId")),
                                .init(
                                    "serialized",
                                    [
                                        "type": "string", "minLength": 1,
                                        "maxLength": .integer(WalletBounds.serializedBytes),
                                        "description": "The delegation, exactly as the SDK serialized it.",
                                    ]
                                ),
                            ]),
                        ]
                    ),
                    .init(
                        "policies",
                        ["type": "object", "description": "Without members: what the owner signed, and nothing more."]
                    ),
                    .init("sessionAddress", reference("Address")),
                    .init(
                        "walletId",
                        ["type": "string", "minLength": 1, "maxLength": .integer(RequestBounds.labelLength)]
                    ),
                    .init(
                        "workflowId",
                        ["type": "string", "minLength": 1, "maxLength": .integer(RequestBounds.labelLength)]
                    ),
                ],
                optional: ["workflowId"],
                example: [
                    "expiresAt": "2026-12-01T00:00:00Z", "installs": [["chainId": 84_532, "serialized": "eyJ…"]],
                    "policies": .object([]), "sessionAddress": exampleAddress, "walletId": "wal_a1b2c3d4e5f6",
                    "workflowId": "payroll",
                ]
            )
        ),
        .init(
            "CreatedWalletSessions",
            object([
                .init("createdAt", time), .init("sessionAddress", reference("Address")),
                .init("sessionGroupId", ["type": "string", "pattern": "^wsg_[a-z0-9]{12}$"]),
                .init(
                    "sessions",
                    [
                        "type": "array", "minItems": 1,
                        "items": object([
                            .init("chainId", reference("ChainId")), .init("expiresAt", time),
                            .init("id", reference("WalletSessionId")),
                        ]),
                    ]
                ),
                .init("walletId", reference("WalletId")),
            ])
        ),
        .init("WalletSessionItem", object(sessionFields, optional: ["workflowId"])),
        .init(
            "WalletSessionPage",
            object([
                .init("items", list("WalletSessionItem")), .init("limit", count), .init("offset", count),
                .init("hasMore", bool),
            ])
        ),
        .init(
            "WalletSession",
            object(
                sessionFields + [
                    .init("sessionGroupId", ["type": "string", "pattern": "^wsg_[a-z0-9]{12}$"]),
                    .init("kind", reference("WalletKind")),
                    .init("state", oneOf(WalletSessionRecord.State.allCases.map(\.rawValue))),
                    .init("sessionKeyId", ["type": ["string", "null"], "pattern": "^sky_[a-z0-9]{12}$"]),
                    .init("revokedAt", timeOrNull),
                    .init("proven", ["oneOf": [reference("WalletProof"), ["type": "null"]]]),
                    .init("warnings", list("WalletWarning")), .init("rules", list("WalletRule")),
                ],
                optional: ["workflowId"]
            )
        ),
        .init(
            "WalletProof",
            object([
                .init("kernelVersion", string), .init("account", text("`init_code`, `chain` or `authorization`.")),
                .init("approval", text("`digest`, `message`, `merkle_root` or `preinstalled`.")),
                .init("root", string), .init("owner", textOrNull), .init("nonce", count),
                .init("permissionId", ["type": "string", "pattern": "^0x[0-9a-f]{8}$"]), .init("digest", textOrNull),
            ])
        ),
        .init("WalletWarning", object([.init("code", string), .init("message", string)])),
        .init(
            "WalletRule",
            object([
                .init("kind", string), .init("text", string),
                .init("enforcedBy", oneOf(WalletSessionProof.Enforcer.allCases.map(\.rawValue))),
            ])
        ),
        .init("RevokedWalletSession", object([.init("id", reference("WalletSessionId")), .init("revokedAt", time)])),
        .init("Delegation", object([.init("id", reference("WalletSessionId")), .init("serialized", string)])),
    ]

    // MARK: Audit

    static let walletEvents: [JSONValue.Member] = [
        .init(
            "WalletEvent",
            object([
                .init("ledger", reference("WalletLedger")), .init("sequence", count), .init("at", time),
                .init("actor", string), .init("address", string),
                .init("action", oneOf(WalletAuditRecord.Action.allCases.map(\.rawValue))), .init("subject", string),
                .init("details", anyObject), .init("previousHash", hexadecimal(64)), .init("hash", hexadecimal(64)),
            ])
        ),
        .init("WalletEventList", object([.init("records", list("WalletEvent"))])),
        .init(
            "WalletEventCheck",
            object([
                .init("intact", bool), .init("verified", count),
                .init("head", object([.init("sequence", count), .init("hash", hexadecimal(64))])),
                .init(
                    "problem",
                    [
                        "oneOf": [
                            object([
                                .init("reason", oneOf(WalletAuditVerifier.Problem.allCases.map(\.rawValue))),
                                .init("message", string), .init("sequence", count),
                            ]),
                            ["type": "null"],
                        ]
                    ]
                ),
            ])
        ),
    ]
}
