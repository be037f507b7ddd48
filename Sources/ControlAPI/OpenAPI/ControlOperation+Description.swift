import SessionModel

extension ControlOperation {
    /// The group the call is listed in.
    var tag: String {
        switch self {
        case .createSession, .listSessions, .getSession, .deleteSession, .getSessionBySlug, .updatePolicy, .listViewers,
            .kickViewer, .pauseSession, .resumeSession, .closeSession, .rotatePassword:
            "sessions"
        case .createToken, .listTokens, .revokeToken: "tokens"
        case .listTenants, .createTenant, .getTenant, .putTenant, .deleteTenant, .setTenantStatus, .listRoutes,
            .putRoutes, .listPlans, .putPlan, .deletePlan, .listKeys, .createKey, .getKey, .updateKey, .rotateKey,
            .revokeKey,
            .revokeKeySessions, .revokeBrowserSession, .listSigningKeys, .rotateSigningKey, .applyDeclaration,
            .listUsage, .listRefusals, .listGatewayEvents, .explainRequest:
            "gateway"
        case .createWalletSessions, .listWalletSessions, .getWalletSession, .revokeWalletSession, .createSessionKey,
            .listOrganizations, .createOrganization, .getOrganization, .updateOrganization, .listOrganizationTokens,
            .createOrganizationToken, .revokeOrganizationToken, .listWallets, .registerWallet,
            .listOrganizationSessions, .getOrganizationSession, .revokeOrganizationSession, .listWalletEvents,
            .verifyWalletEvents, .listChains, .putChain, .deleteChain, .readDelegation, .deleteOrganization, .getWallet,
            .deleteWallet, .listSessionKeys:
            "wallets"
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
        case .listTenants: "List tenants with their routes, by slug."
        case .createTenant: "Add a tenant."
        case .getTenant: "Show a tenant."
        case .putTenant: "Replace a tenant as a whole, or add it."
        case .deleteTenant: "Remove a tenant with its keys."
        case .setTenantStatus: "Suspend a tenant, or serve it again, at once."
        case .listRoutes: "List a tenant's routes."
        case .putRoutes: "Replace a tenant's routes."
        case .listPlans: "List plans, by name."
        case .putPlan: "Replace a plan, or add it."
        case .deletePlan: "Remove a plan that no key uses."
        case .listKeys: "List API keys without their secrets, newest first."
        case .createKey: "Make an API key. Its secret is in this answer and nowhere else."
        case .getKey: "Show an API key without its secret."
        case .updateKey: "Change some or all of what an API key allows."
        case .rotateKey: "Replace a key's secret; the old one works for the grace. The new one is in this answer only."
        case .revokeKey: "Withdraw an API key for good, with its sessions."
        case .revokeKeySessions: "Void every session token of a key issued until now."
        case .revokeBrowserSession: "Void the tokens of one browser session."
        case .listSigningKeys: "List the keys that verify session tokens, newest first."
        case .rotateSigningKey: "Publish a new signing key, which is used once verifiers had time to fetch it."
        case .applyDeclaration: "Bring tenants and plans to what is declared, all or nothing; what is not named stays."
        case .listUsage: "Count requests in buckets of an hour or a day."
        case .listRefusals: "List recent refusals of the gateway, newest first."
        case .listGatewayEvents: "List what was changed at the gateway, by whom and from where, newest first."
        case .explainRequest: "Say what the gateway would decide about a request, and why; nothing is counted."
        case .createWalletSessions: "Prove delegations of a wallet to a session key and keep them, one session a chain."
        case .listWalletSessions: "List active wallet sessions, newest first."
        case .getWalletSession: "Show a wallet session: what was proven, what is not enforced, and its rules."
        case .revokeWalletSession: "Revoke a wallet session for good, at once."
        case .createSessionKey: "Make a session key that this server keeps; the private key never leaves it."
        case .readDelegation: "Read the delegation of an opaque wallet's session, as it was sent."
        case .listOrganizations: "List organizations, by name."
        case .createOrganization: "Add an organization."
        case .getOrganization: "Show an organization."
        case .updateOrganization: "Change some or all of what an organization's sessions may be like."
        case .deleteOrganization: "Delete an organization that has no wallets, with its tokens; its audit trail stays."
        case .listOrganizationTokens: "List an organization's tokens without their secrets, newest first."
        case .createOrganizationToken: "Make a token of an organization. Its secret is in this answer and nowhere else."
        case .revokeOrganizationToken: "Withdraw a token of an organization for good."
        case .listWallets: "List an organization's wallets, newest first."
        case .registerWallet: "Register a wallet of an organization; its kind and address never change."
        case .getWallet: "Show a wallet."
        case .deleteWallet: "Remove a wallet without active sessions, with its ended ones."
        case .listSessionKeys: "List the session keys this server keeps for an organization, newest first."
        case .listOrganizationSessions: "List an organization's active wallet sessions, newest first."
        case .getOrganizationSession: "Show a wallet session of an organization."
        case .revokeOrganizationSession: "Revoke a wallet session of an organization for good, at once."
        case .listWalletEvents: "List the audit trail of an organization's wallets, or the server's, newest first."
        case .verifyWalletEvents: "Compute the hash chain of an audit trail again, and say where it stops being whole."
        case .listChains: "List the chains this server knows."
        case .putChain: "Replace a chain, or add it."
        case .deleteChain: "Forget a chain."
        }
    }

    /// Which credentials fit; the empty entry stands for calls that the access mode lets through without one.
    var security: JSONValue {
        switch self.audience {
        case .anyone: []
        case .admin, .organization: [["bearer": []]]
        case .metrics, .creators, .readers, .session, .owner: [.object([]), ["bearer": []]]
        }
    }

    /// The path's parameters.
    var pathParameters: [JSONValue] {
        self.path.split(separator: "/")
            .compactMap { segment in
                guard case .parameter(let name) = TemplateSegment(segment) else { return nil }
                return [
                    "name": .string(name.rawValue), "in": "path", "required": true,
                    "schema": OpenAPISchemas.reference(self.schema(of: name)),
                ]
            }
    }

    private func schema(of parameter: PathParameters.Name) -> String {
        switch parameter {
        case .sessionId: "SessionId"
        case .slug: "Slug"
        case .keyId: "APIKeyId"
        case .sid: "BrowserSessionId"
        case .name: "PolicyName"
        case .tokenId: self == .revokeToken ? "AccessTokenId" : "OrganizationTokenId"
        case .orgId: "OrganizationId"
        case .id: "WalletSessionId"
        case .walletId: "WalletId"
        case .ledger: "WalletLedger"
        case .chainId: "ChainId"
        }
    }

    /// The body the call takes; nil for calls that only read.
    var requestBody: JSONValue? {
        switch self {
        case .createSession: Self.body("NewSession", required: false)
        case .updatePolicy: Self.body("PolicyUpdate", required: false)
        case .kickViewer: Self.body("Kick", required: true)
        case .createToken: Self.body("NewAccessToken", required: true)
        case .createTenant, .putTenant: Self.body("NewTenant", required: true)
        case .setTenantStatus: Self.body("NewTenantStatus", required: true)
        case .putRoutes: Self.body("RouteList", required: true)
        case .putPlan: Self.body("Plan", required: true)
        case .createKey: Self.body("NewAPIKey", required: true)
        case .updateKey: Self.body("APIKeyUpdate", required: false)
        case .rotateKey: Self.body("KeyRotation", required: false)
        case .applyDeclaration: Self.body("Declaration", required: false)
        case .explainRequest: Self.body("RequestToExplain", required: true)
        case .createWalletSessions: Self.body("NewWalletSessions", required: true)
        case .createOrganization: Self.body("NewOrganization", required: true)
        case .updateOrganization: Self.body("OrganizationUpdate", required: false)
        case .createOrganizationToken: Self.body("NewOrganizationToken", required: true)
        case .registerWallet: Self.body("NewWallet", required: true)
        case .putChain: Self.body("NewChain", required: true)
        case .deleteSession, .pauseSession, .resumeSession, .closeSession, .rotatePassword, .revokeToken,
            .deleteTenant, .deletePlan, .revokeKey, .revokeKeySessions, .revokeBrowserSession, .rotateSigningKey,
            .revokeWalletSession, .createSessionKey, .revokeOrganizationToken, .revokeOrganizationSession, .deleteChain,
            .deleteOrganization, .deleteWallet:
            Self.body("Nothing", required: false)
        case .listSessions, .getSession, .getSessionBySlug, .listViewers, .listTokens, .listAuditEvents, .getHealth,
            .getReadiness, .getMetrics, .getOpenAPI, .listTenants, .getTenant, .listRoutes, .listPlans, .listKeys,
            .getKey, .listSigningKeys, .listUsage, .listRefusals, .listGatewayEvents, .listWalletSessions,
            .getWalletSession, .listOrganizations, .getOrganization, .listOrganizationTokens, .listWallets,
            .listOrganizationSessions, .getOrganizationSession, .listWalletEvents, .verifyWalletEvents, .listChains,
            .readDelegation, .getWallet, .listSessionKeys:
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
        case .listTenants: Self.answer("200", "All tenants.", "TenantList")
        case .createTenant: Self.answer("201", "The new tenant.", "Tenant")
        case .getTenant, .putTenant, .setTenantStatus: Self.answer("200", "The tenant as it is now.", "Tenant")
        case .listRoutes, .putRoutes: Self.answer("200", "The routes as they are now.", "RouteList")
        case .listPlans: Self.answer("200", "All plans.", "PlanList")
        case .putPlan: Self.answer("200", "The plan as it is now.", "Plan")
        case .listKeys: Self.answer("200", "One page.", "APIKeyPage")
        case .createKey: Self.answer("201", "The new key.", "CreatedAPIKey")
        case .getKey, .updateKey, .revokeKey, .revokeKeySessions:
            Self.answer("200", "The key as it is now.", "APIKey")
        case .rotateKey: Self.answer("200", "The key with its new secret.", "CreatedAPIKey")
        case .listSigningKeys, .rotateSigningKey:
            Self.answer("200", "The signing keys as they are now.", "SigningKeyList")
        case .applyDeclaration: Self.answer("200", "What changed, or would change.", "ChangeList")
        case .listUsage: Self.answer("200", "Counts, oldest first.", "UsageList")
        case .listRefusals: Self.answer("200", "The latest refusals.", "RefusalList")
        case .listGatewayEvents: Self.answer("200", "The latest events.", "GatewayEventList")
        case .explainRequest: Self.answer("200", "The decision with every check.", "Explanation")
        case .createWalletSessions: Self.answer("200", "The new sessions.", "CreatedWalletSessions")
        case .listWalletSessions, .listOrganizationSessions: Self.answer("200", "One page.", "WalletSessionPage")
        case .getWalletSession, .getOrganizationSession: Self.answer("200", "The session.", "WalletSession")
        case .revokeWalletSession, .revokeOrganizationSession:
            Self.answer("200", "Revoked.", "RevokedWalletSession")
        case .createSessionKey: Self.answer("200", "The new session key.", "SessionKey")
        case .readDelegation: Self.answer("200", "The delegation.", "Delegation")
        case .listOrganizations: Self.answer("200", "All organizations.", "OrganizationList")
        case .createOrganization: Self.answer("201", "The new organization.", "Organization")
        case .getOrganization, .updateOrganization:
            Self.answer("200", "The organization as it is now.", "Organization")
        case .listOrganizationTokens: Self.answer("200", "All tokens still kept.", "OrganizationTokenList")
        case .createOrganizationToken: Self.answer("201", "The new token.", "CreatedOrganizationToken")
        case .revokeOrganizationToken: Self.answer("200", "The token as it is now.", "OrganizationToken")
        case .listWallets: Self.answer("200", "One page.", "WalletPage")
        case .getWallet: Self.answer("200", "The wallet.", "Wallet")
        case .listSessionKeys: Self.answer("200", "One page.", "SessionKeyPage")
        case .registerWallet: Self.answer("201", "The new wallet.", "Wallet")
        case .listWalletEvents: Self.answer("200", "The latest events.", "WalletEventList")
        case .verifyWalletEvents: Self.answer("200", "What was found.", "WalletEventCheck")
        case .listChains: Self.answer("200", "All chains.", "ChainList")
        case .putChain: Self.answer("200", "The chain as it is now.", "Chain")
        case .deleteTenant, .deletePlan, .revokeBrowserSession, .deleteChain, .deleteOrganization, .deleteWallet:
            .init("204", ["description": "Done."])
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
        if self.part != .always { statuses.insert(503) }
        switch self {
        case .createSession: statuses.formUnion([409, 503])
        case .getSession, .getSessionBySlug, .deleteSession, .listViewers, .closeSession, .revokeToken:
            statuses.insert(404)
        case .kickViewer: statuses.formUnion([404, 409, 410])
        case .updatePolicy, .pauseSession, .resumeSession, .rotatePassword: statuses.formUnion([404, 410])
        case .createToken: statuses.insert(409)
        case .getReadiness: statuses.insert(503)
        case .createTenant, .applyDeclaration, .rotateSigningKey: statuses.insert(409)
        case .putTenant, .setTenantStatus, .putRoutes, .putPlan, .deletePlan, .createKey, .rotateKey:
            statuses.formUnion([404, 409])
        case .getTenant, .deleteTenant, .listRoutes, .getKey, .updateKey, .revokeKey, .revokeKeySessions,
            .revokeBrowserSession, .explainRequest:
            statuses.insert(404)
        case .createWalletSessions, .revokeWalletSession, .createSessionKey, .createOrganizationToken,
            .registerWallet, .revokeOrganizationSession, .readDelegation, .deleteOrganization, .deleteWallet:
            statuses.formUnion([404, 409])
        case .listWalletSessions, .getWalletSession, .getOrganization, .updateOrganization, .listOrganizationTokens,
            .revokeOrganizationToken, .listWallets, .listOrganizationSessions, .getOrganizationSession,
            .listWalletEvents, .verifyWalletEvents, .getWallet, .listSessionKeys:
            statuses.insert(404)
        case .createOrganization: statuses.insert(409)
        case .putChain, .deleteChain: statuses.formUnion([404, 409])
        case .listSessions, .listTokens, .listAuditEvents, .getHealth, .getMetrics, .getOpenAPI, .listTenants,
            .listPlans, .listKeys, .listSigningKeys, .listUsage, .listRefusals, .listGatewayEvents, .listOrganizations,
            .listChains:
            break
        }
        return statuses.sorted()
    }
}
