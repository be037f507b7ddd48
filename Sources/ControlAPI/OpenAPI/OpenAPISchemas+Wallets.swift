import SessionModel

// The schemas of the calls about wallet sessions.
extension OpenAPISchemas {
    /// Every schema of wallet sessions.
    static var wallets: [JSONValue.Member] {
        self.walletNames + self.organizations + self.walletsAndChains + self.walletSessions + self.walletEvents
    }

    private static func identifier(_ prefix: String) -> JSONValue {
        ["type": "string", "pattern": .string("^\(prefix)[a-z0-9]{12}$")]
    }

    private static func choice<Value: RawRepresentable & CaseIterable>(_: Value.Type) -> JSONValue
    where Value.RawValue == String { self.oneOf(Value.allCases.map(\.rawValue)) }

    private static func orNull(_ pattern: String) -> JSONValue {
        ["type": ["string", "null"], "pattern": .string(pattern)]
    }

    private static func page(_ schema: String) -> JSONValue {
        object([
            .init("items", list(schema)), .init("limit", count), .init("offset", count), .init("hasMore", bool),
        ])
    }

    private static let label: JSONValue = [
        "type": "string", "minLength": 1, "maxLength": .integer(RequestBounds.labelLength),
    ]
    private static let textOrNull: JSONValue = ["type": ["string", "null"]]
    private static let addressPattern = "^0x[0-9a-fA-F]{40}$"
    private static let exampleAddress: JSONValue = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

    // MARK: Names

    private static let walletNames: [JSONValue.Member] = [
        .init("OrganizationId", identifier(OrganizationIDKind.prefix)),
        .init("OrganizationTokenId", identifier(OrganizationTokenIDKind.prefix)),
        .init("WalletId", identifier(WalletIdentifierKind.prefix)),
        .init("WalletSessionId", identifier(WalletSessionIDKind.prefix)),
        .init("SessionKeyId", identifier(SessionKeyIDKind.prefix)),
        .init(
            "WalletLedger",
            [
                "type": "string", "pattern": "^(server|org_[a-z0-9]{12})$",
                "description": "`server`, or the identifier of an organization.",
            ]
        ),
        .init("Address", ["type": "string", "pattern": .string(addressPattern)]),
        .init(
            "ChainId",
            [
                "type": "integer", "minimum": .integer(WalletChain.ids.lowerBound),
                "maximum": .integer(WalletChain.ids.upperBound),
            ]
        ),
        .init("OrganizationScope", choice(OrganizationScope.self)),
        .init("WalletKind", choice(WalletKind.self)),
        .init(
            "OrganizationError",
            object(
                [
                    .init(
                        "code",
                        [
                            "type": "integer", "minimum": 40_000, "maximum": 59_999,
                            "description": "The status and two more digits.",
                        ]
                    ),
                    .init("message", text("A sentence for people.")),
                    .init(
                        "details",
                        [
                            "type": "array",
                            "items": object([
                                .init("path", text("The field at fault, as a dotted path.")),
                                .init("message", text("What is wrong with it; a delegation's begins with a reason.")),
                            ]),
                        ]
                    ),
                    .init("requestId", text("What to look for in the server's log.")),
                ],
                example: [
                    "code": 40_400, "message": "There is no such thing.", "details": [], "requestId": "req_1",
                ]
            )
        ),
    ]

    // MARK: Organizations

    private static let organizationFields: [JSONValue.Member] = [
        .init("name", label), .init("allowDelegatecall", bool), .init("allowWildcard", bool),
    ]

    private static let organizationTokenFields: [JSONValue.Member] = [
        .init("id", reference("OrganizationTokenId")), .init("organizationId", reference("OrganizationId")),
        .init("label", string), .init("scopes", list("OrganizationScope")), .init("createdAt", time),
        .init("expiresAt", timeOrNull), .init("revokedAt", timeOrNull),
    ]

    private static let organizations: [JSONValue.Member] = [
        .init(
            "Organization",
            object([.init("id", reference("OrganizationId"))] + organizationFields + [.init("createdAt", time)])
        ),
        .init("OrganizationList", object([.init("organizations", list("Organization"))])),
        .init(
            "NewOrganization",
            object(
                organizationFields,
                optional: ["allowDelegatecall", "allowWildcard"],
                example: ["name": "Treasury"]
            )
        ),
        .init(
            "OrganizationUpdate",
            object(organizationFields, optional: Set(organizationFields.map(\.name)), example: ["allowWildcard": false])
        ),
        .init("OrganizationToken", object(organizationTokenFields)),
        .init("OrganizationTokenList", object([.init("tokens", list("OrganizationToken"))])),
        .init(
            "CreatedOrganizationToken",
            object(
                organizationTokenFields + [
                    .init(
                        "token",
                        ["type": "string", "pattern": "^dpo_[a-z0-9]{40}$", "description": "The secret; shown once."]
                    )
                ]
            )
        ),
        .init(
            "NewOrganizationToken",
            object(
                [
                    .init("label", label),
                    .init(
                        "scopes",
                        [
                            "type": "array", "minItems": 1, "maxItems": .integer(OrganizationScope.allCases.count),
                            "items": reference("OrganizationScope"),
                        ]
                    ),
                    .init("expiresIn", lifetime(maximum: RequestBounds.tokenLifetime)),
                ],
                optional: ["expiresIn"],
                example: ["label": "payroll", "scopes": ["read", "write"], "expiresIn": "90d"]
            )
        ),
    ]

    // MARK: Wallets and chains

    private static func chainURL(_ description: String) -> JSONValue {
        [
            "type": "string", "minLength": 1, "maxLength": .integer(ChainURL.maximumLength),
            "pattern": "^https?://[A-Za-z0-9._-]+(:[1-9][0-9]{0,3})?(/[!-\"$-~]*)?$",
            "description": .string(description),
        ]
    }

    private static let walletsAndChains: [JSONValue.Member] = [
        .init(
            "Wallet",
            object([
                .init("id", reference("WalletId")), .init("organizationId", reference("OrganizationId")),
                .init("name", string), .init("kind", reference("WalletKind")), .init("address", orNull(addressPattern)),
                .init("kernelVersion", textOrNull),
                .init("createdAt", time),
            ])
        ),
        .init("WalletPage", page("Wallet")),
        .init(
            "NewWallet",
            object(
                [
                    .init("name", label), .init("kind", reference("WalletKind")),
                    .init("address", reference("Address")),
                    .init("kernelVersion", ["type": "string", "minLength": 1, "maxLength": 16]),
                ],
                optional: ["kind", "address", "kernelVersion"],
                example: ["name": "Payroll", "kind": "kernel", "address": exampleAddress]
            )
        ),
        .init(
            "SessionKey",
            object([
                .init("id", reference("SessionKeyId")), .init("sessionAddress", reference("Address")),
                .init("createdAt", time),
            ])
        ),
        .init("SessionKeyPage", page("SessionKey")),
        .init(
            "Chain",
            object([
                .init("chainId", reference("ChainId")), .init("name", string), .init("nodeUrl", textOrNull),
                .init("bundlerUrl", textOrNull),
            ])
        ),
        .init("ChainList", object([.init("chains", list("Chain"))])),
        .init(
            "NewChain",
            object(
                [
                    .init("name", label),
                    .init("nodeUrl", chainURL("The node asked about accounts; shown without path and query.")),
                    .init("bundlerUrl", chainURL("Where user operations go; shown without path and query.")),
                ],
                optional: ["name", "nodeUrl", "bundlerUrl"],
                example: ["name": "Base Sepolia", "nodeUrl": "https://node.example/v3/key"]
            )
        ),
    ]
}
