package import SessionModel

/// Who guesses keys: one address towards one tenant.
package struct GatewayAttempt: Hashable, Sendable {
    /// The tenant's number.
    package let tenant: UInt64
    /// Where the guesses come from.
    package let address: ClientAddress

    /// Names a guesser.
    package init(tenant: UInt64, address: ClientAddress) {
        self.tenant = tenant
        self.address = address
    }
}

/// What came of counting a request.
package struct CounterTaking: Equatable, Sendable {
    /// What is left of the tightest limit; nil without limits.
    package let state: RateState?
    /// Whether the request may only go on once the store knows of it.
    package let needsReservation: Bool

    /// States what came of it.
    package init(state: RateState?, needsReservation: Bool) {
        self.state = state
        self.needsReservation = needsReservation
    }
}

/// What decisions need beside the snapshot: everything that changes with requests.
///
/// `GatewayState` is the plain implementation; `GatewayGate` has the one for several event loops.
package protocol GatewayLedger {
    /// The whole seconds for which keys from there are not looked at; nil when they are.
    mutating func refusal(of attempt: GatewayAttempt, now: Timestamp) -> Int?
    /// A key or token from there was wrong.
    mutating func recordFailure(of attempt: GatewayAttempt, now: Timestamp)
    /// What a session token says, if its header passes `UnverifiedToken` and its signature is good; else nil.
    mutating func claims(in token: [UInt8]) -> SessionClaims?
    /// Whether a session was taken back.
    func isRevoked(_ session: BrowserSessionID) -> Bool
    /// As `WindowCounters.take`, and whether what was counted must be reserved first.
    mutating func take(_ demands: [CounterDemand], now: Timestamp) -> CounterTaking
    /// As `WindowCounters.peek`.
    func peek(_ demands: [CounterDemand], now: Timestamp) -> RateState?
}

/// The ledger of one thread: limiter of attempts, counters, revoked sessions, tokens already verified.
package struct GatewayState: GatewayLedger, Sendable {
    /// Failed attempts a minute from one address towards one tenant, after which it is refused for a minute.
    package static let attemptLimit = 20
    /// Failed attempts by tenant and address.
    package var attempts = AttemptLimiter<GatewayAttempt>(capacity: 20_000, limit: Self.attemptLimit)
    /// Counters of limits.
    package var counters = WindowCounters()
    /// Sessions taken back.
    package var revoked = RevokedSessions()
    /// Tokens whose signature was good.
    package var tokens: VerifiedTokens

    /// Nothing counted yet; `tokens` verifies session tokens.
    package init(tokens: VerifiedTokens) { self.tokens = tokens }

    package mutating func refusal(of attempt: GatewayAttempt, now: Timestamp) -> Int? {
        self.attempts.isRefused(attempt, now: now)
    }

    package mutating func recordFailure(of attempt: GatewayAttempt, now: Timestamp) {
        self.attempts.recordFailure(attempt, now: now)
    }

    package mutating func claims(in token: [UInt8]) -> SessionClaims? { self.tokens.claims(in: token) }

    package func isRevoked(_ session: BrowserSessionID) -> Bool { self.revoked.contains(session) }

    package mutating func take(_ demands: [CounterDemand], now: Timestamp) -> CounterTaking {
        let state = self.counters.take(demands, now: now)
        return CounterTaking(state: state, needsReservation: self.counters.needsReservation(demands))
    }

    package func peek(_ demands: [CounterDemand], now: Timestamp) -> RateState? {
        self.counters.peek(demands, now: now)
    }
}

/// Remembers which tokens had a good signature, because checking one costs more than the whole decision.
///
/// Only good ones are kept, by the SHA-256 of the whole token; what they say is judged at every request. When the keys
/// change, make a new one. An entry takes about 400 bytes.
package struct VerifiedTokens: Sendable {
    private let keyIDs: Set<String>
    private let isGood: @Sendable (UnverifiedToken) -> Bool
    private var known: BoundedTable<SecretDigest, SessionClaims>

    /// Remembers `capacity` tokens; `isGood` verifies the signature with the key of exactly the token's `keyID`, which
    /// is one of `keyIDs`.
    package init(
        capacity: Int = 20_000,
        keyIDs: Set<String>,
        isGood: @escaping @Sendable (UnverifiedToken) -> Bool
    ) {
        self.keyIDs = keyIDs
        self.isGood = isGood
        self.known = BoundedTable(capacity: capacity)
    }

    /// How many are remembered.
    package var count: Int { self.known.count }

    /// What `token` says if it was signed with one of the keys; else nil.
    package mutating func claims(in token: [UInt8]) -> SessionClaims? {
        guard token.count <= UnverifiedToken.maximumLength else { return nil }
        let digest = SecretDigest(ofBytes: token)
        if let claims = self.known[peek: digest] { return claims }
        guard let parts = UnverifiedToken(parsing: token, keyIDs: self.keyIDs), self.isGood(parts),
            let claims = SessionClaims(payload: parts.payload)
        else { return nil }
        self.known.update(digest, default: claims) { $0 = claims }
        return claims
    }
}
