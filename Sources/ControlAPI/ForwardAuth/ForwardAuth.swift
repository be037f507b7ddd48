import AccessControl
import SessionModel

/// The API gateway's decision as a sub-request for another proxy (spec: browser sessions, section 3, "Forward-auth").
///
/// The proxy lets a request pass when the answer is 2xx, and hands any other answer to the client. It is no call of the
/// control API: `Authorization` is the original request's, so whoever asks is known by address alone.
struct ForwardAuth: Sendable {
    private let configuration: ControlAPIConfiguration
    private let configured: TrustedProxies
    private let proxies: TrustedProxies
    private let gateway: any GatewayDeciding
    private let clock: WallClock

    /// Answers with the decisions of `gateway`.
    init(configuration: ControlAPIConfiguration, gateway: any GatewayDeciding, clock: @escaping WallClock) {
        self.configuration = configuration
        self.configured = TrustedProxies(configuration.trustedProxies)
        let loopback = configuration.access == .local ? ["127.0.0.0/8", "::1"] : []
        self.proxies = TrustedProxies(
            configuration.trustedProxies + loopback.compactMap { AddressRange(parsing: $0) }
        )
        self.gateway = gateway
        self.clock = clock
    }

    /// Answers one sub-request.
    func answer(_ head: CallHead, requestID: String) async -> ControlAnswer {
        do throws(DaypassError) {
            guard let peer = head.peer, self.proxies.isTrusted(peer) else {
                throw DaypassError(
                    .forbidden,
                    "Only a proxy that control.trustedProxies names, or one on the same machine in local mode, may ask."
                )
            }
            let forwarded = try ForwardedRequest(head, peer: peer, proxies: self.proxies)
            return await self.answer(forwarded, requestID: requestID)
        } catch {
            return ControlAnswer(refusal: error)
        }
    }

    private func answer(_ forwarded: ForwardedRequest, requestID: String) async -> ControlAnswer {
        let now = self.clock()
        guard let tenant = self.tenant(of: forwarded),
            let verdict = await self.gateway.decide(forwarded.request, tenant: tenant, now: now)
        else { return Self.refusal(GatewayError(.routeNotFound, "No API is served at this host and path."), [:]) }
        self.gateway.record(
            verdict,
            of: forwarded.request,
            method: forwarded.method,
            requestID: requestID,
            now: now
        )
        return Self.answer(verdict, requestID: requestID)
    }

    private func tenant(of forwarded: ForwardedRequest) -> Slug? {
        let target = forwarded.request.target
        if let slug = self.gateway.tenant(host: forwarded.host, target: target) { return slug }
        return self.configuration.isEdgeHost(forwarded.host) ? self.gateway.defaultTenant(target: target) : nil
    }

    // MARK: Answers

    private static func answer(_ verdict: GatewayVerdict, requestID: String) -> ControlAnswer {
        var fields: [String: String] = [:]
        for (name, value) in verdict.answerFields() { fields[name] = value }
        switch verdict.outcome {
        case .refused(let error, _): return self.refusal(error, fields)
        case .mint:
            // No proxy can make a token; a success without one would lead the page astray.
            var answer = ControlAnswer(
                refusal: DaypassError(
                    .misdirectedRequest,
                    "Session tokens are made by the edge: let the proxy send POST sessions there, not to forward-auth."
                )
            )
            answer.fields.merge(fields) { $1 }
            return answer
        case .preflight:
            return ControlAnswer(emptyWith: 204, fields: fields.merging(self.noUpstreamFields) { $1 })
        case .forward:
            var upstream = self.noUpstreamFields
            for (name, value) in verdict.upstreamFields(requestID: requestID) { upstream[name] = value }
            return ControlAnswer(emptyWith: 200, fields: fields.merging(upstream) { $1 })
        }
    }

    /// A refusal, whose code and sentence stand in fields too: nginx drops the body of a sub-request, and puts it together
    /// again from these.
    private static func refusal(_ error: GatewayError, _ fields: [String: String]) -> ControlAnswer {
        var fields = fields
        fields["X-Daypass-Code"] = error.code.rawValue
        fields["X-Daypass-Message"] = error.message.filter { $0.isASCII && $0 != "\"" && $0 != "\\" && $0 != "\n" }
        return ControlAnswer(error.code.httpStatus, error.json, fields: fields)
    }

    /// Every field for the upstream, empty.
    ///
    /// All of them stand on every answer that lets a request pass, so that a proxy which copies them replaces whatever a
    /// client has sent under these names.
    private static let noUpstreamFields: [String: String] = Dictionary(
        uniqueKeysWithValues: [
            "Tenant", "Key-Id", "Scopes", "Channel", "Web-Origin", "Session-Id", "Request-Id",
        ]
        .map { ("X-Daypass-\($0)", "") }
    )
}

extension ControlAPIConfiguration {
    /// Whether the edge itself is reached at `host` (lower case, without port), where the default tenant is served.
    func isEdgeHost(_ host: String) -> Bool {
        host == self.publicAddress.host || self.publicAddress.isLoopback && isLoopbackHost(host)
    }
}
