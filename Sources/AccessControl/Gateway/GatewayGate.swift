package import SessionModel
import Synchronization

/// What every enforcement point of the API gateway shares: the snapshot, and everything that changes with requests.
///
/// Shared between event loops and threads; each part has its own lock, held for one short step, so that a signature is
/// never checked under the lock of the counters. A change of the snapshot is in force for every decision that begins
/// after `update` has returned.
package final class GatewayGate: Sendable {
    /// What open exchanges have to look at again.
    package enum Event: Equatable, Sendable {
        /// Tenants, keys or sessions changed.
        case changed
    }

    /// A snapshot behind one reference, so that reading it is one retain.
    private final class Prepared: Sendable {
        let snapshot: GatewaySnapshot
        init(_ snapshot: GatewaySnapshot) { self.snapshot = snapshot }
    }

    private let prepared: Mutex<Prepared>
    /// Held while a change is made, so that two changes never start from the same snapshot.
    private let changing = Mutex(())
    private let attempts = Mutex(AttemptLimiter<GatewayAttempt>(capacity: 20_000, limit: 20))
    private let counters = Mutex(WindowCounters())
    private let revoked = Mutex(RevokedSessions())
    private let tokens = Mutex(VerifiedTokens(keyIDs: [], isGood: { _ in false }))
    private let signer = Mutex<(@Sendable (SessionClaims) throws -> String)?>(nil)
    private let keySet = Mutex(#"{"keys":[]}"#)
    private let usage = Mutex(GatewayUsage())
    private let receivers = Mutex<[@Sendable (Event) -> Void]>([])
    private let reserver = Mutex<(@Sendable (@escaping @Sendable (Bool) -> Void) -> Void)?>(nil)

    /// A gate over `snapshot` that verifies and signs nothing yet (`useTokens`).
    package init(snapshot: GatewaySnapshot) { self.prepared = Mutex(Prepared(snapshot)) }

    // MARK: Policy

    /// What decisions are made on now.
    package var snapshot: GatewaySnapshot { self.prepared.withLock { $0 }.snapshot }

    /// Changes the policy; when it returns, every later decision sees the change.
    ///
    /// Open exchanges hear of it then.
    package func update(_ change: (inout GatewaySnapshot) -> Void) {
        self.changing.withLock { _ in
            var snapshot = self.snapshot
            change(&snapshot)
            let prepared = Prepared(snapshot)
            self.prepared.withLock { $0 = prepared }
        }
        self.announce()
    }

    /// Adds somebody who hears, on the changing thread, of what open exchanges have to look at again; must not block.
    package func subscribe(_ receiver: @escaping @Sendable (Event) -> Void) {
        self.receivers.withLock { $0.append(receiver) }
    }

    private func announce() {
        for receiver in self.receivers.withLock({ $0 }) { receiver(.changed) }
    }

    // MARK: Deciding

    /// Decides about a request, counting it (`GatewaySnapshot.decide`); `snapshot` is one just read, or the current one.
    ///
    /// What a verdict says of routes is meant in the snapshot it was made on.
    package func decide(
        _ request: GatewayRequest,
        tenant: Slug,
        now: Timestamp,
        on snapshot: GatewaySnapshot? = nil
    ) -> GatewayVerdict? {
        var ledger = Ledger(gate: self)
        return (snapshot ?? self.snapshot).decide(request, tenant: tenant, now: now, ledger: &ledger)
    }

    /// Says how it would decide, without counting (`GatewaySnapshot.explain`).
    package func explain(_ request: GatewayRequest, tenant: Slug, now: Timestamp) -> GatewayExplanation? {
        self.snapshot.explain(request, tenant: tenant, now: now, ledger: Ledger(gate: self))
    }

    /// Why an exchange that passed may not go on; nil when it may.
    package func refusal(ofOpen ticket: GatewayTicket, now: Timestamp) -> GatewayError? {
        self.snapshot.refusal(ofOpen: ticket, now: now, isRevoked: { self.isRevoked($0) })
    }

    // MARK: Tokens

    /// Replaces the keys that verify tokens, what signs them, and the text of the JWK set that is published (RFC 7517).
    package func useTokens(
        keyIDs: Set<String>,
        keySet: String,
        isGood: @escaping @Sendable (UnverifiedToken) -> Bool,
        sign: @escaping @Sendable (SessionClaims) throws -> String
    ) {
        self.tokens.withLock { $0 = VerifiedTokens(keyIDs: keyIDs, isGood: isGood) }
        self.signer.withLock { $0 = sign }
        self.keySet.withLock { $0 = keySet }
    }

    /// The public keys of tokens as a JWK set.
    package var tokenKeySet: String { self.keySet.withLock { $0 } }

    /// Signs a token; throws when there is no key to sign with.
    package func sign(_ claims: SessionClaims) throws -> String {
        guard let sign = self.signer.withLock({ $0 }) else { throw DaypassError(.serviceUnavailable) }
        return try sign(claims)
    }

    /// Takes a session back at once; false when there is no room to remember it (`RevokedSessions.revoke`).
    package func revoke(_ session: BrowserSessionID, until: Timestamp, now: Timestamp) -> Bool {
        let isKept = self.revoked.withLock { $0.revoke(session, until: until, now: now) }
        self.announce()
        return isKept
    }

    private func isRevoked(_ session: BrowserSessionID) -> Bool { self.revoked.withLock { $0.contains(session) } }

    // MARK: Quotas that survive crashes

    /// Says who writes reservations of durable counters to the store, then calls back with whether it could.
    package func useReserver(_ reserver: @escaping @Sendable (@escaping @Sendable (Bool) -> Void) -> Void) {
        self.reserver.withLock { $0 = reserver }
    }

    /// Has everything reserved that was counted until now; `done` says whether the store took it, on any thread.
    package func reserve(_ done: @escaping @Sendable (Bool) -> Void) {
        guard let reserver = self.reserver.withLock({ $0 }) else { return done(false) }
        reserver(done)
    }

    /// As `WindowCounters.drainReservations`.
    package func drainReservations() -> [CounterState] { self.counters.withLock { $0.drainReservations() } }

    /// As `WindowCounters.reserved`.
    package func reserved(_ states: [CounterState], failed: Bool) {
        self.counters.withLock { $0.reserved(states, failed: failed) }
    }

    /// As `WindowCounters.durableCounts`.
    package func durableCounts() -> [CounterState] { self.counters.withLock { $0.durableCounts() } }

    /// As `WindowCounters.restore`.
    package func restore(_ states: [CounterState]) { self.counters.withLock { $0.restore(states) } }

    // MARK: What happened

    /// Counts a request that was judged like this and answered with `refusal`, or passed on.
    package func record(_ verdict: GatewayVerdict, refusal: GatewayRefusal?, now: Timestamp) {
        self.usage.withLock { usage in
            usage.count(verdict, code: refusal?.code, now: now)
            if let refusal { usage.remember(refusal) }
        }
    }

    /// Reads or drains what was counted.
    package func withUsage<Result: Sendable>(_ body: (inout sending GatewayUsage) -> sending Result) -> Result {
        self.usage.withLock(body)
    }

    /// The gate as a ledger: every part behind its lock.
    private struct Ledger: GatewayLedger {
        let gate: GatewayGate

        mutating func refusal(of attempt: GatewayAttempt, now: Timestamp) -> Int? {
            self.gate.attempts.withLock { $0.isRefused(attempt, now: now) }
        }

        mutating func recordFailure(of attempt: GatewayAttempt, now: Timestamp) {
            self.gate.attempts.withLock { $0.recordFailure(attempt, now: now) }
        }

        mutating func claims(in token: [UInt8]) -> SessionClaims? {
            self.gate.tokens.withLock { $0.claims(in: token) }
        }

        func isRevoked(_ session: BrowserSessionID) -> Bool { self.gate.isRevoked(session) }

        mutating func take(_ demands: [CounterDemand], now: Timestamp) -> CounterTaking {
            self.gate.counters.withLock { counters in
                let state = counters.take(demands, now: now)
                return CounterTaking(state: state, needsReservation: counters.needsReservation(demands))
            }
        }

        func peek(_ demands: [CounterDemand], now: Timestamp) -> RateState? {
            self.gate.counters.withLock { $0.peek(demands, now: now) }
        }
    }
}
