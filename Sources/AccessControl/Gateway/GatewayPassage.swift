import SessionModel

/// One request on its way through the checks: what has been found out so far.
struct GatewayPassage {
    enum Result {
        case passed(StaticString)
        case skipped(StaticString)
        case answered(GatewayOutcome, StaticString)
        case failed(GatewayError, StaticString, allow: [APIMethod])

        static func failed(_ code: GatewayErrorCode, _ reason: StaticString) -> Result {
            .failed(GatewayError(code), reason, allow: [])
        }

        static func invalid(_ path: String, _ message: String, _ reason: StaticString) -> Result {
            .failed(
                GatewayError(.validationError, details: [.init(path: path, message: message)]),
                reason,
                allow: []
            )
        }
    }

    let snapshot: GatewaySnapshot
    let tenant: CompiledTenant
    let request: GatewayRequest
    let now: Timestamp
    let isDryRun: Bool

    var path: [UInt8] = []
    let origin: WebOrigin?
    let channel: GatewayChannel
    var key: CompiledKey?
    var secret: SecretDigest?
    var usedRetiredSecret = false
    var route: Int?
    var isMint = false
    var session: BrowserSessionID?
    var rate: RateState?
    var retryAfter: Int?
    var report: GatewayReport?
    var idempotencyKey: String?
    var tokenIssuedAt: Int64?
    var needsReservation = false

    init(
        _ snapshot: GatewaySnapshot,
        _ tenant: CompiledTenant,
        _ request: GatewayRequest,
        _ now: Timestamp,
        isDryRun: Bool
    ) {
        self.snapshot = snapshot
        self.tenant = tenant
        self.request = request
        self.now = now
        self.isDryRun = isDryRun
        self.channel = request.origin == .absent ? .server : .browser
        self.origin = request.origin.bytes.flatMap { $0.withUnsafeBytes { WebOrigin(header: $0) } }
    }

    /// What may be done when nothing stands against it.
    var permission: GatewayOutcome {
        if self.isMint, let origin { return .mint(webOrigin: origin, renewing: self.session) }
        return .forward(
            GatewayForwarding(
                route: self.route ?? 0,
                method: self.request.method ?? .get,
                session: self.session,
                tokenIssuedAt: self.tokenIssuedAt,
                idempotencyKey: self.idempotencyKey
            )
        )
    }

    /// The decision with everything that was found out.
    func verdict(
        _ outcome: GatewayOutcome,
        by check: GatewayCheck?,
        _ ledger: some GatewayLedger
    ) -> GatewayVerdict {
        var verdict = GatewayVerdict(
            outcome: outcome,
            decidedBy: check,
            tenant: self.tenant.record.slug,
            channel: self.channel,
            readableBy: self.origin.flatMap { self.snapshot.knows($0, tenant: self.tenant.record.slug) ? $0 : nil },
            retryAfter: self.retryAfter,
            report: self.report
        )
        verdict.rate = self.rate
        guard let key else { return verdict }
        verdict.key = key.id
        verdict.secret = self.secret
        verdict.usedRetiredSecret = self.usedRetiredSecret
        verdict.needsReservation = self.needsReservation
        verdict.scopes = key.scopes.text
        verdict.rate = self.rate ?? ledger.peek(self.demands().map(\.demand), now: self.now)
        return verdict
    }

    /// The counters of the request: those of its route's class, or of reads or writes while the route is not known.
    func demands() -> [(limit: Limit, demand: CounterDemand)] {
        guard let key else { return [] }
        let isSafe = self.request.method?.isSafe ?? self.request.isOptions
        let limitClass =
            self.isMint
            ? GatewaySnapshot.sessionClass
            : self.route.map { isSafe ? self.tenant.classes[$0].read : self.tenant.classes[$0].write }
                ?? (isSafe ? GatewaySnapshot.readClass : GatewaySnapshot.writeClass)
        return self.snapshot.limits(of: key, class: limitClass, isSafe: isSafe)
            .map { compiled in
                let limit = compiled.limit
                let address = self.request.address.identityNumber
                let isKeys = limit.per == .key || limit.per == .visitor
                let counter = CounterKey(
                    limit: compiled.number,
                    windowSeconds: UInt32(limit.windowSeconds),
                    owner: isKeys ? key.id.number : self.tenant.number,
                    // A token being minted is not a session yet, so that nobody gets more by renewing.
                    session: limit.per == .visitor && !self.isMint ? self.session?.number ?? 0 : 0,
                    address: limit.per == .visitor || limit.per == .address ? address : 0
                )
                return (limit, CounterDemand(key: counter, maximum: limit.maximum))
            }
    }

    /// Makes one check.
    mutating func run(_ check: GatewayCheck, _ ledger: inout some GatewayLedger) -> Result {
        switch check {
        case .syntax: self.syntax()
        case .preflight:
            self.request.isPreflight
                ? .answered(.preflight, "a preflight is answered from the tenant's web origins")
                : .skipped("not a preflight")
        case .attempts: self.attempts(&ledger)
        case .key: self.keyCheck(&ledger)
        case .origin: self.originCheck()
        case .tenant: self.tenantCheck()
        case .route: self.routeCheck()
        case .scope: self.scopeCheck()
        case .session: self.sessionCheck(&ledger)
        case .limits: self.limitCheck(&ledger)
        case .idempotency: self.idempotencyCheck()
        }
    }

    private mutating func syntax() -> Result {
        let fields: [(String, GatewayField)] = [
            ("Origin", self.request.origin), ("Authorization", self.request.authorization),
            ("X-Api-Key", self.request.apiKey), ("X-Session-Token", self.request.sessionToken),
            ("Idempotency-Key", self.request.idempotencyKey),
            ("Access-Control-Request-Method", self.request.requestMethod),
        ]
        for (name, field) in fields where field == .several {
            return .invalid("headers.\(name)", "must stand in a request once", "a header is doubled")
        }
        guard let path = RoutePath.read(self.request.target) else {
            return .invalid(
                "path",
                "must be a path that every server reads alike",
                "servers might read the path differently"
            )
        }
        self.path = path
        return .passed("the request is well-formed")
    }

    private mutating func attempts(_ ledger: inout some GatewayLedger) -> Result {
        let attempt = GatewayAttempt(tenant: self.tenant.number, address: self.request.address)
        guard let seconds = ledger.refusal(of: attempt, now: self.now) else {
            return .passed("few wrong keys came from this address")
        }
        self.retryAfter = seconds
        self.rate = RateState(
            maximum: GatewayState.attemptLimit,
            remaining: 0,
            resetsAt: self.now.millisecondsSinceEpoch / 1000 + Int64(seconds),
            retryAfter: seconds
        )
        return .failed(
            GatewayError(
                .rateLimited,
                "Too many wrong keys or forged tokens came from this address. Try again in \(seconds) s."
            ),
            "too many wrong keys came from this address",
            allow: []
        )
    }

    private func fail(
        _ code: GatewayErrorCode,
        _ reason: StaticString,
        _ ledger: inout some GatewayLedger
    ) -> Result {
        if !self.isDryRun {
            ledger.recordFailure(
                of: GatewayAttempt(tenant: self.tenant.number, address: self.request.address),
                now: self.now
            )
        }
        return .failed(code, reason)
    }

    private mutating func keyCheck(_ ledger: inout some GatewayLedger) -> Result {
        guard let text = self.request.key, !text.isEmpty else {
            return .failed(.apiKeyRequired, "there is no key in Authorization or X-Api-Key")
        }
        guard text.withUnsafeBytes({ APIKeyText(parsing: $0) }) != nil else {
            return self.fail(.apiKeyInvalid, "this is no key, or it is mistyped", &ledger)
        }
        let digest = SecretDigest(ofBytes: text)
        guard let (key, secret) = self.snapshot.key(with: digest) else {
            return self.fail(.apiKeyInvalid, "there is no such key", &ledger)
        }
        guard key.tenant == self.tenant.record.slug else {
            return self.fail(.apiKeyInvalid, "the key belongs to another tenant", &ledger)
        }
        if key.revokedAt != nil { return .failed(.apiKeyRevoked, "the key was revoked") }
        if let end = key.expiresAt, self.now >= end { return .failed(.apiKeyExpired, "the key has expired") }
        if case .retired(let worksUntil) = secret {
            guard self.now < worksUntil else {
                return .failed(.apiKeyExpired, "the key was rotated and the grace is over")
            }
            self.usedRetiredSecret = true
        }
        self.key = key
        self.secret = digest
        return .passed("the key is known and works")
    }

    private mutating func originCheck() -> Result {
        guard let key else { return .skipped("no key") }
        if self.channel == .server {
            return key.channels == .browser
                ? .failed(.originNotAllowed, "the key works from web pages only, and there is no Origin")
                : .passed("the key works on the server channel")
        }
        if key.kind == .secret {
            self.report = .leakedSecretKey(key.id)
            return .failed(
                GatewayError(
                    .originNotAllowed,
                    "This is a secret key, and it was sent from a web page. Revoke it, and use a publishable key there."
                ),
                "a secret key was sent from a web page: it has leaked",
                allow: []
            )
        }
        guard key.channels != .server else {
            return .failed(.originNotAllowed, "the key does not work from web pages")
        }
        guard let origin else {
            return .failed(.originNotAllowed, "the Origin is not one that a browser writes")
        }
        return key.origins.allows(origin)
            ? .passed("the key names this web origin")
            : .failed(.originNotAllowed, "the key does not name this web origin")
    }

    private func tenantCheck() -> Result {
        guard let code = self.tenant.record.status.refusal else { return .passed("the tenant is active") }
        return .failed(code, "the tenant's status does not allow it")
    }

    private mutating func routeCheck() -> Result {
        guard isUnder(self.tenant.basePath, self.request.target) else {
            return .failed(.routeNotFound, "the path is not under the tenant's base path")
        }
        let (path, count) = (self.path, self.tenant.basePath.count)
        let match = path.withUnsafeBytes { bytes -> RouteTable.Match in
            let rest = UnsafeRawBufferPointer(rebasing: bytes[count...])
            if self.request.method == .post, rest.elementsEqual("/sessions".utf8) { return .route(-1) }
            // The base path itself, with or without a slash, is the pattern "/".
            return self.tenant.routes.match(
                rest.count == 1 ? UnsafeRawBufferPointer(rebasing: rest[1...]) : rest,
                method: self.request.method
            )
        }
        switch match {
        case .route(-1):
            self.isMint = true
            return self.channel == .browser
                ? .passed("POST sessions creates a session token")
                : .failed(.originNotAllowed, "there are no sessions on the server channel")
        case .route(let number):
            self.route = number
            if let module = self.tenant.record.routes[number].module, !self.tenant.record.modules.contains(module) {
                return .failed(.moduleNotEnabled, "the tenant does not have the route's module")
            }
            return .passed("a route names this path and method")
        case .otherMethods(let methods):
            return .failed(GatewayError(.methodNotAllowed), "routes name this path with other methods", allow: methods)
        case .none: return .failed(.routeNotFound, "no route names this path")
        }
    }

    private func scopeCheck() -> Result {
        guard let route, let key else { return .skipped("creating a session needs no scope") }
        return key.scopes.set.contains(self.tenant.record.routes[route].scope)
            ? .passed("the key has the route's scope") : .failed(.scopeNotGranted, "the key lacks the route's scope")
    }

    private mutating func sessionCheck(_ ledger: inout some GatewayLedger) -> Result {
        let rule: SessionRule =
            self.route.map { self.tenant.record.routes[$0].sessionRule(for: self.request.method ?? .post) } ?? .never
        let isNeeded = rule == .always || rule == .browser && self.channel == .browser
        guard isNeeded || self.isMint && self.request.sessionToken.bytes?.isEmpty == false else {
            return .skipped("no session is needed")
        }
        guard let token = self.request.sessionToken.bytes, !token.isEmpty else {
            return .failed(.sessionRequired, "the route needs a session token")
        }
        guard let key, let origin else { return .failed(.sessionInvalid, "sessions belong to the browser channel") }
        guard let claims = ledger.claims(in: token) else {
            return self.fail(.sessionInvalid, "the token is malformed or was not signed here", &ledger)
        }
        let expectation = SessionExpectation(
            issuer: self.snapshot.issuer,
            tenant: self.tenant.record.slug,
            key: key.id,
            webOrigin: origin,
            notIssuedBefore: key.sessionsNotBefore
        )
        let grace = self.isMint ? SessionClaims.renewalGrace : 0
        switch expectation.problem(with: claims, now: self.now, grace: grace) {
        case nil: break
        case .sessionExpired: return .failed(.sessionExpired, "the token has expired")
        case .some: return .failed(.sessionInvalid, "the token is for another key, web origin, tenant or time")
        }
        guard !ledger.isRevoked(claims.session) else { return .failed(.sessionInvalid, "the session was revoked") }
        self.session = claims.session
        self.tokenIssuedAt = claims.issuedAt
        return .passed(self.isMint ? "the token can be renewed" : "the session is good for this key and web origin")
    }

    private mutating func limitCheck(_ ledger: inout some GatewayLedger) -> Result {
        let demands = self.demands().map(\.demand)
        if self.isDryRun {
            self.rate = ledger.peek(demands, now: self.now)
        } else {
            let taking = ledger.take(demands, now: self.now)
            self.rate = taking.state
            self.needsReservation = taking.needsReservation
        }
        self.retryAfter = self.rate?.retryAfter
        guard self.retryAfter != nil else { return .passed("within the limits") }
        return .failed(.rateLimited, "a limit is used up")
    }

    private mutating func idempotencyCheck() -> Result {
        let rule = self.route.map { self.tenant.record.routes[$0].idempotency } ?? .off
        guard rule != .off else { return .skipped("the route has no idempotency keys") }
        guard let value = self.request.idempotencyKey.bytes else {
            return rule == .required
                ? .failed(.idempotencyKeyRequired, "the route needs an Idempotency-Key") : .passed("none was sent")
        }
        guard IdempotencyID.isValid(value) else {
            return .invalid(
                "headers.Idempotency-Key",
                "must be 1 to 255 visible ASCII characters",
                "the Idempotency-Key is malformed"
            )
        }
        self.idempotencyKey = String(decoding: value, as: UTF8.self)
        return .passed("the request can be repeated safely")
    }
}
