package import SessionModel

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
    // The API gateway.
    case listTenants
    case createTenant
    case getTenant
    case putTenant
    case deleteTenant
    case setTenantStatus
    case listRoutes
    case putRoutes
    case listPlans
    case putPlan
    case deletePlan
    case listKeys
    case createKey
    case getKey
    case updateKey
    case rotateKey
    case revokeKey
    case revokeKeySessions
    case revokeBrowserSession
    case listSigningKeys
    case rotateSigningKey
    case applyDeclaration
    case listUsage
    case listRefusals
    case listGatewayEvents
    case explainRequest
    // Wallet sessions: organizations' own calls.
    case createWalletSessions
    case listWalletSessions
    case getWalletSession
    case revokeWalletSession
    case createSessionKey
    case readDelegation
    // Wallet sessions: the admin's calls.
    case listOrganizations
    case createOrganization
    case getOrganization
    case updateOrganization
    case deleteOrganization
    case listOrganizationTokens
    case createOrganizationToken
    case revokeOrganizationToken
    case listWallets
    case registerWallet
    case getWallet
    case deleteWallet
    case listSessionKeys
    case listOrganizationSessions
    case getOrganizationSession
    case revokeOrganizationSession
    case listWalletEvents
    case verifyWalletEvents
    case listChains
    case putChain
    case deleteChain

    /// The methods calls are made with; `HEAD` is answered wherever `GET` is.
    package enum Method: String, CaseIterable, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
    }

    /// How the call is made.
    package var method: Method {
        switch self {
        case .createSession, .updatePolicy, .kickViewer, .pauseSession, .resumeSession, .closeSession,
            .rotatePassword, .createToken, .createTenant, .setTenantStatus, .createKey, .updateKey, .rotateKey,
            .revokeKey, .revokeKeySessions, .revokeBrowserSession, .rotateSigningKey, .applyDeclaration,
            .explainRequest, .createWalletSessions, .createSessionKey, .createOrganization, .updateOrganization,
            .createOrganizationToken, .revokeOrganizationToken, .registerWallet, .revokeOrganizationSession:
            .post
        case .putTenant, .putRoutes, .putPlan, .putChain: .put
        case .deleteSession, .revokeToken, .deleteTenant, .deletePlan, .revokeWalletSession, .deleteChain,
            .deleteOrganization, .deleteWallet:
            .delete
        case .listSessions, .getSession, .getSessionBySlug, .listViewers, .listTokens, .listAuditEvents, .getHealth,
            .getReadiness, .getMetrics, .getOpenAPI, .listTenants, .getTenant, .listRoutes, .listPlans, .listKeys,
            .getKey, .listSigningKeys, .listUsage, .listRefusals, .listGatewayEvents, .listWalletSessions,
            .getWalletSession, .listOrganizations, .getOrganization, .listOrganizationTokens, .listWallets,
            .listOrganizationSessions, .getOrganizationSession, .listWalletEvents, .verifyWalletEvents, .listChains,
            .readDelegation, .getWallet, .listSessionKeys:
            .get
        }
    }

    /// Where the call lives; segments in braces are parameters, no name twice.
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
        case .revokeToken: "/tokens/{tokenId}"
        case .listAuditEvents: "/audit"
        case .getHealth: "/health"
        case .getReadiness: "/ready"
        case .getMetrics: "/metrics"
        case .getOpenAPI: "/openapi.json"
        case .listTenants, .createTenant: "/admin/v1/tenants"
        case .getTenant, .putTenant, .deleteTenant: "/admin/v1/tenants/{slug}"
        case .setTenantStatus: "/admin/v1/tenants/{slug}/status"
        case .listRoutes, .putRoutes: "/admin/v1/routes/{slug}"
        case .listPlans: "/admin/v1/plans"
        case .putPlan, .deletePlan: "/admin/v1/plans/{name}"
        case .listKeys, .createKey: "/admin/v1/keys"
        case .getKey, .updateKey: "/admin/v1/keys/{keyId}"
        case .rotateKey: "/admin/v1/keys/{keyId}/rotate"
        case .revokeKey: "/admin/v1/keys/{keyId}/revoke"
        case .revokeKeySessions: "/admin/v1/keys/{keyId}/revoke-sessions"
        case .revokeBrowserSession: "/admin/v1/browser-sessions/{sid}/revoke"
        case .listSigningKeys: "/admin/v1/signing-keys"
        case .rotateSigningKey: "/admin/v1/signing-keys/rotate"
        case .applyDeclaration: "/admin/v1/apply"
        case .listUsage: "/admin/v1/usage"
        case .listRefusals: "/admin/v1/refusals"
        case .listGatewayEvents: "/admin/v1/audit"
        case .explainRequest: "/admin/v1/explain"
        case .createWalletSessions, .listWalletSessions: "/v1/organizations/{orgId}/sessions"
        case .getWalletSession, .revokeWalletSession: "/v1/organizations/{orgId}/sessions/{id}"
        case .createSessionKey: "/v1/organizations/{orgId}/session-keys"
        case .readDelegation: "/v1/organizations/{orgId}/sessions/{id}/delegation"
        case .listOrganizations, .createOrganization: "/admin/v1/organizations"
        case .getOrganization, .updateOrganization, .deleteOrganization: "/admin/v1/organizations/{orgId}"
        case .listOrganizationTokens, .createOrganizationToken: "/admin/v1/organizations/{orgId}/tokens"
        case .revokeOrganizationToken: "/admin/v1/organizations/{orgId}/tokens/{tokenId}/revoke"
        case .listWallets, .registerWallet: "/admin/v1/organizations/{orgId}/wallets"
        case .getWallet, .deleteWallet: "/admin/v1/organizations/{orgId}/wallets/{walletId}"
        case .listSessionKeys: "/admin/v1/organizations/{orgId}/session-keys"
        case .listOrganizationSessions: "/admin/v1/organizations/{orgId}/sessions"
        case .getOrganizationSession: "/admin/v1/organizations/{orgId}/sessions/{id}"
        case .revokeOrganizationSession: "/admin/v1/organizations/{orgId}/sessions/{id}/revoke"
        case .listWalletEvents: "/admin/v1/wallet-audit/{ledger}"
        case .verifyWalletEvents: "/admin/v1/wallet-audit/{ledger}/verify"
        case .listChains: "/admin/v1/chains"
        case .putChain, .deleteChain: "/admin/v1/chains/{chainId}"
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
        /// A token of the organization the path names, with this scope; nobody else, the admin included.
        case organization(OrganizationScope)
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
        case .createToken, .listTokens, .revokeToken, .listTenants, .createTenant, .getTenant, .putTenant,
            .deleteTenant, .setTenantStatus, .listRoutes, .putRoutes, .listPlans, .putPlan, .deletePlan, .listKeys,
            .createKey, .getKey, .updateKey, .rotateKey, .revokeKey, .revokeKeySessions, .revokeBrowserSession,
            .listSigningKeys, .rotateSigningKey, .applyDeclaration, .listUsage, .listRefusals, .listGatewayEvents,
            .explainRequest, .listOrganizations, .createOrganization, .getOrganization, .updateOrganization,
            .listOrganizationTokens, .createOrganizationToken, .revokeOrganizationToken, .listWallets, .registerWallet,
            .listOrganizationSessions, .getOrganizationSession, .revokeOrganizationSession, .listWalletEvents,
            .verifyWalletEvents, .listChains, .putChain, .deleteChain, .deleteOrganization, .getWallet, .deleteWallet,
            .listSessionKeys:
            .admin
        case .readDelegation: .organization(.execute)
        case .listWalletSessions, .getWalletSession: .organization(.read)
        case .createWalletSessions, .revokeWalletSession, .createSessionKey: .organization(.write)
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
        case .listKeys: [.tenant, .after, .limit]
        case .listUsage: [.tenant, .key, .from, .until, .interval]
        case .listRefusals: [.tenant, .code, .limit]
        case .listGatewayEvents: [.tenant, .limit]
        case .listWalletSessions, .listOrganizationSessions, .listWallets, .listSessionKeys: [.limit, .offset]
        case .listWalletEvents: [.before, .limit]
        default: []
        }
    }

    /// A query parameter of a list.
    package enum QueryParameter: String, CaseIterable, Sendable {
        /// Where a page begins: the last identifier of the page before.
        case after
        /// How many entries to answer at most.
        case limit
        /// How many entries to skip.
        case offset
        /// The place in a ledger before which to begin.
        case before
        /// The session to show events of.
        case session
        /// The tenant of the API gateway to look at.
        case tenant
        /// The API key to look at.
        case key
        /// The code of refusals to look at.
        case code
        /// Where a stretch of time begins.
        case from
        /// Where a stretch of time ends.
        case until
        /// How long the buckets of counts are.
        case interval
    }

    /// How many entries a list answers: the bounds and the default of `limit`.
    package var pageSize: (range: ClosedRange<Int>, standard: Int) {
        switch self {
        case .listRefusals: (1...500, 50)
        case .listGatewayEvents, .listWalletEvents: (1...1000, 50)
        default: (1...100, 20)
        }
    }

    /// How large a call's body may be.
    package enum BodySize: Sendable {
        /// Most calls.
        case usual
        /// A tenant with all the routes it may have.
        case declaration
        /// As many delegations as one call may create sessions with.
        case delegations
    }

    /// How large the call's body may be.
    package var bodySize: BodySize {
        switch self {
        case .applyDeclaration, .createTenant, .putTenant, .putRoutes: .declaration
        case .createWalletSessions: .delegations
        default: .usual
        }
    }

    /// Which part of the server the call needs, which it may run without.
    package enum Part: Sendable {
        /// What every server has.
        case always
        /// The API gateway.
        case gateway
        /// Wallet sessions.
        case wallets
    }

    /// Which part of the server the call needs.
    package var part: Part {
        if self.path.hasPrefix("/v1/") || self.path.hasPrefix("/admin/v1/organizations") { return .wallets }
        if self.path.hasPrefix("/admin/v1/chains") || self.path.hasPrefix("/admin/v1/wallet-audit") { return .wallets }
        return self.path.hasPrefix("/admin/v1/") ? .gateway : .always
    }
}
