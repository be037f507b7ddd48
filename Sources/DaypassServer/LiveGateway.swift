import AccessControl
import ControlAPI
import SessionModel

/// The gate as the control API asks it: for forward-auth and for explanations.
struct LiveGateway: GatewayDeciding {
    let gate: GatewayGate
    let clock: WallClock

    func decide(_ request: GatewayRequest, tenant: Slug, now: Timestamp) async -> GatewayVerdict? {
        guard var verdict = self.gate.decide(request, tenant: tenant, now: now) else { return nil }
        guard verdict.needsReservation, verdict.refusal == nil else { return verdict }
        let isReserved = await withCheckedContinuation { continuation in
            self.gate.reserve { continuation.resume(returning: $0) }
        }
        // What cannot be counted is not let through.
        if !isReserved {
            verdict.outcome = .refused(GatewayError(.rateLimited, "Quotas cannot be counted right now."), allow: [])
            verdict.retryAfter = 1
        } else if let ticket = self.gate.snapshot.ticket(for: verdict),
            let error = self.gate.refusal(ofOpen: ticket, now: self.clock())
        {
            // Something was taken back meanwhile.
            verdict.outcome = .refused(error, allow: [])
        }
        return verdict
    }

    func explain(_ request: GatewayRequest, tenant: Slug, now: Timestamp) -> GatewayExplanation? {
        self.gate.explain(request, tenant: tenant, now: now)
    }

    func tenant(host: String, target: [UInt8]) -> Slug? { self.gate.snapshot.tenant(host: host, target: target) }

    func defaultTenant(target: [UInt8]) -> Slug? { self.gate.snapshot.defaultTenant(target: target) }

    func record(
        _ verdict: GatewayVerdict,
        of request: GatewayRequest,
        method: String,
        requestID: String,
        now: Timestamp
    ) {
        let refusal = verdict.refusal.map { error in
            GatewayRefusal(
                error,
                of: verdict,
                at: now,
                method: method,
                target: String(decoding: request.target, as: UTF8.self),
                webOrigin: request.origin.bytes.map { String(decoding: $0, as: UTF8.self) },
                address: request.address,
                requestID: requestID
            )
        }
        self.gate.record(verdict, refusal: refusal, now: now)
    }
}
