package import SessionModel

/// What an exchange that passed the gateway was judged on, for judging it again while it is open.
package struct GatewayTicket: Equatable, Sendable {
    /// The tenant.
    package let tenant: Slug
    /// The key.
    package let key: APIKeyID
    /// The page's web origin on the browser channel; nil on the server channel.
    package let webOrigin: WebOrigin?
    /// The secret of the key that was sent.
    package let secret: SecretDigest
    /// The route it went to.
    package let route: RoutePattern
    /// Its method.
    package let method: APIMethod
    /// The session, when the request had one, and when its token was issued, in seconds.
    package let session: BrowserSessionID?
    /// See `session`.
    package let issuedAt: Int64?
}

extension GatewaySnapshot {
    /// Why an exchange that passed may not go on: what it was judged on has been taken back; nil when it may.
    ///
    /// The end of a token's life does not end what was begun with it, nor does a limit.
    func refusal(
        ofOpen ticket: GatewayTicket,
        now: Timestamp,
        isRevoked: (BrowserSessionID) -> Bool
    ) -> GatewayError? {
        guard let key = self.key(id: ticket.key), key.tenant == ticket.tenant, let tenant = self.compiled(ticket.tenant)
        else { return GatewayError(.apiKeyInvalid) }
        if key.revokedAt != nil { return GatewayError(.apiKeyRevoked) }
        if let end = key.expiresAt, now >= end { return GatewayError(.apiKeyExpired) }
        switch key.secret(with: ticket.secret) {
        case .current: break
        case .retired(let worksUntil) where now < worksUntil: break
        case .retired, nil: return GatewayError(.apiKeyExpired)
        }
        let mayCome =
            ticket.webOrigin.map { key.channels != .server && key.origins.allows($0) } ?? (key.channels != .browser)
        if !mayCome { return GatewayError(.originNotAllowed) }
        if let code = tenant.record.status.refusal { return GatewayError(code) }
        let route = tenant.record.routes.first { $0.pattern.hasSameShape(as: ticket.route) && $0.takes(ticket.method) }
        guard let route else { return GatewayError(.routeNotFound) }
        if let module = route.module, !tenant.record.modules.contains(module) { return GatewayError(.moduleNotEnabled) }
        if !key.scopes.set.contains(route.scope) { return GatewayError(.scopeNotGranted) }
        guard let session = ticket.session else { return nil }
        let isVoid = key.sessionsNotBefore.map { (ticket.issuedAt ?? 0) * 1000 < $0.millisecondsSinceEpoch } ?? false
        return isVoid || isRevoked(session) ? GatewayError(.sessionInvalid) : nil
    }
}

extension TenantStatus {
    /// The code that requests to a tenant of this status are refused with; nil when they are served.
    var refusal: GatewayErrorCode? {
        switch self {
        case .active: nil
        case .suspended: .tenantSuspended
        case .cancelled: .subscriptionCancelled
        case .pastDue: .subscriptionPastDue
        }
    }
}

extension GatewaySnapshot {
    /// The ticket of a request that passed; nil for everything else, and when its tenant has gone since.
    package func ticket(for verdict: GatewayVerdict) -> GatewayTicket? {
        guard case .forward(let forwarding) = verdict.outcome, let key = verdict.key, let secret = verdict.secret,
            let tenant = self.compiled(verdict.tenant), tenant.record.routes.indices.contains(forwarding.route)
        else { return nil }
        return GatewayTicket(
            tenant: verdict.tenant,
            key: key,
            webOrigin: verdict.channel == .browser ? verdict.readableBy : nil,
            secret: secret,
            route: tenant.record.routes[forwarding.route].pattern,
            method: forwarding.method,
            session: forwarding.session,
            issuedAt: forwarding.tokenIssuedAt
        )
    }
}

extension GatewaySnapshot {
    /// What the token says that a request may have; nil when it may have none, or its key or tenant has gone since.
    package func claims(
        for verdict: GatewayVerdict,
        now: Timestamp,
        using generator: inout some RandomNumberGenerator
    ) -> SessionClaims? {
        guard case .mint(let webOrigin, let session) = verdict.outcome,
            let key = verdict.key.flatMap({ self.key(id: $0) }),
            let tenant = self.compiled(verdict.tenant)
        else { return nil }
        return SessionClaims(
            issuer: self.issuer,
            tenant: tenant.record,
            key: key.id,
            webOrigin: webOrigin,
            renewing: session,
            notIssuedBefore: key.sessionsNotBefore,
            now: now,
            using: &generator
        )
    }
}
