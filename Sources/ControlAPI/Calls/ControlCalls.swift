import SessionModel

/// What every call does once it is admitted.
struct ControlCalls: Sendable {
    let dependencies: ControlDependencies
    let gate: CallerGate
    let answers: SessionAnswers
    /// The OpenAPI document's text.
    let openAPI: String
    let requestCounts: ControlRequestCounts

    /// Runs a call.
    ///
    /// Throws `DaypassError` for refusals, anything else for failures.
    func run(_ call: ControlCall) async throws -> ControlAnswer {
        if call.operation.audience != .anyone { _ = try call.query() }
        if call.operation.part == .wallets { _ = try self.wallets() }
        return switch call.operation {
        case .createSession: try await self.createSession(call)
        case .listSessions: try await self.listSessions(call)
        case .getSession, .getSessionBySlug: try await self.showSession(call)
        case .deleteSession: try await self.deleteSession(call)
        case .updatePolicy: try await self.updatePolicy(call)
        case .listViewers: try await self.listViewers(call)
        case .kickViewer: try await self.kickViewer(call)
        case .pauseSession: try await self.setPaused(true, call)
        case .resumeSession: try await self.setPaused(false, call)
        case .closeSession: try await self.closeSession(call)
        case .rotatePassword: try await self.rotatePassword(call)
        case .createToken: try await self.createToken(call)
        case .listTokens: try await self.listTokens()
        case .revokeToken: try await self.revokeToken(call)
        case .listAuditEvents: try await self.listAuditEvents(call)
        case .getHealth: ControlAnswer(200, ["status": "ok"])
        case .getReadiness: try await self.readiness()
        case .getMetrics: self.metrics()
        case .getOpenAPI: ControlAnswer(text: self.openAPI, contentType: "application/json")
        case .listTenants: try await self.listTenants()
        case .createTenant: try await self.createTenant(call)
        case .getTenant: try await self.getTenant(call)
        case .putTenant: try await self.putTenant(call)
        case .deleteTenant: try await self.deleteTenant(call)
        case .setTenantStatus: try await self.setTenantStatus(call)
        case .listRoutes: try await self.listRoutes(call)
        case .putRoutes: try await self.putRoutes(call)
        case .listPlans: try await self.listPlans()
        case .putPlan: try await self.putPlan(call)
        case .deletePlan: try await self.deletePlan(call)
        case .listKeys: try await self.listKeys(call)
        case .createKey: try await self.createKey(call)
        case .getKey: try await self.getKey(call)
        case .updateKey: try await self.updateKey(call)
        case .rotateKey: try await self.rotateKey(call)
        case .revokeKey: try await self.revokeKey(call)
        case .revokeKeySessions: try await self.revokeKeySessions(call)
        case .revokeBrowserSession: try await self.revokeBrowserSession(call)
        case .listSigningKeys: try await self.listSigningKeys()
        case .rotateSigningKey: try await self.rotateSigningKey(call)
        case .applyDeclaration: try await self.applyDeclaration(call)
        case .listUsage: try await self.listUsage(call)
        case .listRefusals: try await self.listRefusals(call)
        case .listGatewayEvents: try await self.listGatewayEvents(call)
        case .explainRequest: try await self.explainRequest(call)
        case .createWalletSessions: try await self.createWalletSessions(call)
        case .listWalletSessions, .listOrganizationSessions: try await self.listWalletSessions(call)
        case .getWalletSession, .getOrganizationSession: try await self.showWalletSession(call)
        case .revokeWalletSession, .revokeOrganizationSession: try await self.revokeWalletSession(call)
        case .createSessionKey: try await self.createSessionKey(call)
        case .readDelegation: try await self.readDelegation(call)
        case .listOrganizations: try await self.listOrganizations()
        case .createOrganization: try await self.createOrganization(call)
        case .getOrganization: try await self.getOrganization(call)
        case .updateOrganization: try await self.updateOrganization(call)
        case .deleteOrganization: try await self.deleteOrganization(call)
        case .listOrganizationTokens: try await self.listOrganizationTokens(call)
        case .createOrganizationToken: try await self.createOrganizationToken(call)
        case .revokeOrganizationToken: try await self.revokeOrganizationToken(call)
        case .listWallets: try await self.listWallets(call)
        case .registerWallet: try await self.registerWallet(call)
        case .getWallet: try await self.getWallet(call)
        case .deleteWallet: try await self.deleteWallet(call)
        case .listSessionKeys: try await self.listSessionKeys(call)
        case .listWalletEvents: try await self.listWalletEvents(call)
        case .verifyWalletEvents: try await self.verifyWalletEvents(call)
        case .listChains: try await self.listChains()
        case .putChain: try await self.putChain(call)
        case .deleteChain: try await self.deleteChain(call)
        }
    }

    // MARK: Access tokens and audit

    private func createToken(_ call: ControlCall) async throws -> ControlAnswer {
        let request = try NewAccessToken(json: call.json())
        let created = try await self.dependencies.tokens.create(
            label: request.label,
            scopes: request.scopes,
            lifetime: request.lifetime,
            by: call.actor
        )
        let secret = JSONValue.Member("token", .string(created.secret))
        return ControlAnswer(201, .object(SessionAnswers.token(created.record) + [secret]))
    }

    private func listTokens() async throws -> ControlAnswer {
        let tokens = try await self.dependencies.tokens.list()
        return ControlAnswer(200, ["tokens": .array(tokens.map { .object(SessionAnswers.token($0)) })])
    }

    private func revokeToken(_ call: ControlCall) async throws -> ControlAnswer {
        _ = try EmptyRequest(json: call.json())
        // A token's identifier is not a secret; one that does not exist is answered by the service as not found.
        let token = try await self.dependencies.tokens.revoke(id: call.parameters[.tokenId], by: call.actor)
        let revokedAt = token.revokedAt.map { JSONValue.string($0.iso8601) } ?? .null
        return ControlAnswer(200, ["ok": true, "id": .string(token.id), "revokedAt": revokedAt])
    }

    private func listAuditEvents(_ call: ControlCall) async throws -> ControlAnswer {
        let query = try call.query()
        let session = try ControlCall.sessionID(.session, query)
        let limit = try call.limit(query)
        let events = try await self.dependencies.sessions.auditEvents(of: session, limit: limit)
        return ControlAnswer(200, ["events": .array(events.map(SessionAnswers.event))])
    }

    // MARK: The server itself

    private func readiness() async throws -> ControlAnswer {
        guard await self.dependencies.readiness() else {
            throw DaypassError(.serviceUnavailable, "The server is not ready.", retryAfterSeconds: 1)
        }
        return ControlAnswer(200, ["status": "ready"])
    }

    private func metrics() -> ControlAnswer {
        let samples = self.dependencies.metrics.flatMap { $0.metricSamples() } + self.requestCounts.metricSamples()
        return ControlAnswer(
            text: PrometheusText.write(samples),
            contentType: "text/plain; version=0.0.4; charset=utf-8"
        )
    }
}
