package import SessionModel

extension GatewaySnapshot {
    /// Decides about a request for the tenant that is served where it arrived (`tenant(host:target:)`).
    ///
    /// Counts it against its limits when nothing else stands against it, and wrong keys against their address. Nil when
    /// the snapshot has no such tenant.
    package func decide(
        _ request: GatewayRequest,
        tenant slug: Slug,
        now: Timestamp,
        ledger: inout some GatewayLedger
    ) -> GatewayVerdict? {
        guard let tenant = self.compiled(slug) else { return nil }
        var passage = GatewayPassage(self, tenant, request, now, isDryRun: false)
        for check in GatewayCheck.order {
            switch passage.run(check, &ledger) {
            case .passed, .skipped: continue
            case .answered(let outcome, _): return passage.verdict(outcome, by: check, ledger)
            case .failed(let error, _, let allow):
                return passage.verdict(.refused(error, allow: allow), by: check, ledger)
            }
        }
        return passage.verdict(passage.permission, by: nil, ledger)
    }

    /// Makes the same checks as `decide` and says what came of each, without counting anything.
    package func explain(
        _ request: GatewayRequest,
        tenant slug: Slug,
        now: Timestamp,
        ledger: some GatewayLedger
    ) -> GatewayExplanation? {
        guard let tenant = self.compiled(slug) else { return nil }
        var ledger = ledger
        var passage = GatewayPassage(self, tenant, request, now, isDryRun: true)
        var end: (outcome: GatewayOutcome, check: GatewayCheck)?
        let steps = GatewayCheck.order.map { check -> GatewayStep in
            guard end == nil else {
                return GatewayStep(check: check, outcome: .skipped, reason: "an earlier check decided")
            }
            switch passage.run(check, &ledger) {
            case .passed(let reason):
                return GatewayStep(check: check, outcome: .passed, reason: reason.description)
            case .skipped(let reason):
                return GatewayStep(check: check, outcome: .skipped, reason: reason.description)
            case .answered(let outcome, let reason):
                end = (outcome, check)
                return GatewayStep(check: check, outcome: .passed, reason: reason.description)
            case .failed(let error, let reason, let allow):
                end = (.refused(error, allow: allow), check)
                return GatewayStep(check: check, outcome: .failed, reason: "\(error.code.rawValue): \(reason)")
            }
        }
        let verdict = passage.verdict(end?.outcome ?? passage.permission, by: end?.check, ledger)
        let limits = passage.demands()
            .map { limit, demand in
                GatewayLimitState(
                    limit: limit,
                    state: ledger.peek([demand], now: now)
                        ?? RateState(maximum: limit.maximum, remaining: limit.maximum, resetsAt: 0)
                )
            }
        return GatewayExplanation(
            verdict: verdict,
            steps: steps,
            route: passage.route.map { tenant.record.routes[$0].pattern },
            limits: limits
        )
    }
}
