package import SessionModel
package import SessionStore

/// Administers the API gateway: the one place where a change is decided, stored, audited and put in force.
///
/// Every change is one transaction of the store, then goes to the gate, then is answered. Changes wait for one another
/// (`AsyncLock`), so the gate gets them in the order the store took them. What is asked for again is given to the gate again
/// even when the store need not change: a change whose answer was lost is put in force by repeating it.
package final class GatewayManager: GatewayManagement {
    /// The most plans, `standard` included.
    package static let maximumPlans = 1000
    /// The most counts of one answer.
    package static let maximumUsageCounts = 100_000

    let store: any GatewayStore
    let gate: any GatewayGateKeeping
    let configuration: GatewayServiceConfiguration
    let clock: WallClock
    let randomSource: RandomSource
    let changes = AsyncLock()
    /// Signs and verifies session tokens.
    package let keyring: SessionTokenKeyring

    /// A manager of `gate` over `store`; call `start` before use.
    ///
    /// `clock` and `randomSource` are replaced in tests.
    package init(
        store: any GatewayStore,
        gate: any GatewayGateKeeping,
        configuration: GatewayServiceConfiguration = GatewayServiceConfiguration(),
        clock: @escaping WallClock,
        randomSource: @escaping RandomSource = systemRandomSource
    ) {
        self.store = store
        self.gate = gate
        self.configuration = configuration
        self.clock = clock
        self.randomSource = randomSource
        self.keyring = SessionTokenKeyring(clock: clock)
    }

    /// Loads the signing keys, after making the first one if there is none, and hands them to the gate.
    ///
    /// Throws what the store throws.
    package func start() async throws {
        try await self.changes.withLock {
            let now = self.clock()
            let id = self.newSigningKeyID()
            let keys = try await self.store.change { transaction in
                let keys = try transaction.signingKeys()
                guard keys.isEmpty else { return keys }
                // Nobody has tokens of an earlier one, so nobody needs time to fetch this one.
                let first = try SessionTokenKeyring.makeKey(id: id, now: now, signsFrom: now)
                try transaction.put(first)
                try transaction.append(
                    AuditEvent(
                        sessionID: nil,
                        at: now,
                        actor: .system,
                        action: .signingKeyRotated,
                        summary: "first key \(id)"
                    )
                )
                return [first]
            }
            try await self.use(keys)
        }
    }

    /// Removes what nobody needs any more; returns how many rows went.
    @discardableResult
    package func prune() async throws -> Int {
        let now = self.clock()
        let removed = try await self.store.prune(
            GatewayHorizon(
                now: now,
                hoursFrom: now + (.zero - self.configuration.hourlyUsage),
                daysFrom: now + (.zero - self.configuration.dailyUsage),
                signingKeysFrom: now + (.zero - SessionTokenKeyring.memory),
                openEndedCounts: self.configuration.maxOpenEndedCounts
            )
        )
        // Only the ring needs the lock; an admin need not wait for the rest.
        await self.changes.withLock {
            if self.keyring.dropEnded() { self.handOverTokens() }
        }
        return removed
    }

    package func usage(_ query: UsageQuery) async throws -> [UsageCount] {
        try await self.store.usage(query, limit: Self.maximumUsageCounts)
    }

    package func refusals(of tenant: Slug?, code: GatewayErrorCode?, limit: Int) async -> [GatewayRefusal] {
        self.gate.refusals(tenant: tenant, code: code, limit: min(max(limit, 1), 500))
    }

    package func gatewayAuditEvents(of tenant: Slug?, limit: Int) async throws -> [AuditEvent] {
        try await self.store.gatewayAuditEvents(of: tenant, limit: limit)
    }

    /// Loads signing keys into the ring and hands it to the gate.
    func use(_ keys: [SigningKeyRecord]) async throws {
        try await self.keyring.load(keys)
        self.handOverTokens()
    }

    /// 16 of `[a-z0-9]`.
    func newSigningKeyID() -> String {
        var generator = SourceGenerator(source: self.randomSource)
        return randomBase36(16, using: &generator)
    }

    private func handOverTokens() {
        let keyring = self.keyring
        self.gate.useTokens(
            keyIDs: keyring.keyIDs,
            keySet: keyring.jwks.text,
            isGood: { keyring.isGood($0) },
            sign: { try keyring.sign($0) }
        )
    }
}
