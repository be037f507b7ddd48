package import SessionModel

/// The OpenAPI 3.1 description of the control API, made from the same enumeration that routes its calls, so that
/// neither can have what the other lacks.
package struct OpenAPIDocument: Sendable {
    private let configuration: ControlAPIConfiguration

    /// The description of an API with this configuration (its longest lifetime is part of the schemas).
    package init(configuration: ControlAPIConfiguration) {
        self.configuration = configuration
    }

    /// The whole document.
    package var json: JSONValue {
        [
            "openapi": "3.1.0",
            "info": [
                "title": "Daypass control API",
                "version": "1.0.0",
                "summary": "Create, watch and take back tunnel sessions.",
                "description": .string(Self.description),
            ],
            "servers": [["url": "/"]],
            "tags": [
                ["name": "sessions", "description": "Lending out a local app."],
                ["name": "tokens", "description": "Scoped credentials for programs."],
                ["name": "gateway", "description": "The API gateway: tenants, API keys, browser sessions."],
                [
                    "name": "wallets",
                    "description": "Delegating wallets: organizations, their tokens, wallets and sessions.",
                ],
                ["name": "server", "description": "The server itself."],
            ],
            "paths": self.paths,
            "components": [
                "securitySchemes": [
                    "bearer": [
                        "type": "http",
                        "scheme": "bearer",
                        "description": """
                        The admin token, an access token (`dp_…`), a token of an organization (`dpo_…`), or for calls about one session its session token \
                        (`slug.ownerToken`) or owner token.
                        """,
                    ]
                ],
                "schemas": OpenAPISchemas.all(maximumLifetime: self.configuration.maximumLifetime),
                "responses": Self.refusalComponents,
            ],
        ]
    }

    private static let description = """
        Bodies are JSON, at most 64 KiB, and 1 MiB where tenants or routes are written. Every refusal is `{"error","code"}`, with `details` where fields are at fault; \
        `code` is stable. Under `/v1/` it is `{"code","message","details","requestId"}` with the status and two more digits as `code`; bodies \
        with delegations may have 6.125 MiB there, and only tokens of the organization open these calls. Who may call without a credential depends on the server: in local mode programs on the same \
        machine, in required mode nobody, in open mode anybody but web pages of other origins. Repeated failed \
        attempts are answered 429 for a while.
        """

    private var paths: JSONValue {
        var paths: [JSONValue.Member] = []
        for operation in ControlOperation.allCases {
            let member = JSONValue.Member(operation.method.rawValue.lowercased(), self.describe(operation))
            if let index = paths.firstIndex(where: { $0.name == operation.path }) {
                guard case .object(let members) = paths[index].value else { continue }
                paths[index].value = .object(members + [member])
            } else {
                paths.append(.init(operation.path, .object([member])))
            }
        }
        return .object(paths)
    }

    private func describe(_ operation: ControlOperation) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("operationId", .string(operation.rawValue)),
            .init("tags", [.string(operation.tag)]),
            .init("summary", .string(operation.summary)),
            .init("security", operation.security),
        ]
        let parameters = operation.pathParameters + operation.queryParameters.map { $0.description(for: operation) }
        if !parameters.isEmpty { members.append(.init("parameters", .array(parameters))) }
        if let body = operation.requestBody { members.append(.init("requestBody", body)) }
        var responses = [operation.success]
        for status in operation.refusals {
            let name = operation.path.hasPrefix("/v1/") ? "OrganizationRefusal\(status)" : "Refusal\(status)"
            responses.append(.init(String(status), ["$ref": .string("#/components/responses/\(name)")]))
        }
        members.append(.init("responses", .object(responses)))
        return .object(members)
    }

    /// One reusable answer for every status a call can be refused with.
    private static var refusalComponents: JSONValue {
        let (organizations, others) = (
            ControlOperation.allCases.filter { $0.path.hasPrefix("/v1/") },
            ControlOperation.allCases.filter { !$0.path.hasPrefix("/v1/") }
        )
        return .object(
            self.refusals(of: others, prefix: "Refusal", schema: "Error")
                + self.refusals(of: organizations, prefix: "OrganizationRefusal", schema: "OrganizationError")
        )
    }

    private static func refusals(
        of operations: [ControlOperation],
        prefix: String,
        schema: String
    ) -> [JSONValue.Member] {
        Set(operations.flatMap(\.refusals)).sorted()
            .map { status in
                var members: [JSONValue.Member] = [.init("description", .string(self.describe(status: status)))]
                let headers = self.headers(status: status)
                if !headers.isEmpty { members.append(.init("headers", .object(headers))) }
                let content: JSONValue = ["application/json": ["schema": OpenAPISchemas.reference(schema)]]
                members.append(.init("content", content))
                return .init("\(prefix)\(status)", .object(members))
            }
    }

    private static func headers(status: Int) -> [JSONValue.Member] {
        switch status {
        case 401:
            [
                .init(
                    "WWW-Authenticate",
                    ["required": true, "schema": ["type": "string"], "description": "`Bearer`."]
                )
            ]
        case 429, 503:
            [
                .init(
                    "Retry-After",
                    [
                        "schema": ["type": "integer", "minimum": 1],
                        "description": "Seconds after which to try again.",
                    ]
                )
            ]
        default: []
        }
    }

    private static func describe(status: Int) -> String {
        switch status {
        case 400: "The body is not JSON, or has invalid or unknown fields; `details` names every one."
        case 401: "A credential is missing or not valid."
        case 403: "The credential does not allow this call, or a web page of another origin made it."
        case 404: "There is no such thing, or not any more."
        case 409: "The request conflicts with what is there."
        case 410: "The session is closed or has expired."
        case 413: "The body is larger than the call takes."
        case 415: "The body is not sent as `application/json`."
        case 421: "The server does not answer for that host without a credential."
        case 429: "Too many failed attempts, or too many open sessions."
        case 500: "The server failed; `requestId` is in its log."
        case 503: "The server cannot take the call right now."
        default: "Refused."
        }
    }
}
