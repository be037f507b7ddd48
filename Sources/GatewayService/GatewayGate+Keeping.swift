package import AccessControl
package import SessionModel

// The gate of this process, as its keepers reach it.
extension GatewayGate: GatewayGateKeeping {
    package func put(_ tenant: Tenant) { self.update { $0.put(tenant) } }

    package func remove(tenant slug: Slug, keys: [APIKeyID]) {
        self.update { snapshot in
            snapshot.remove(tenant: slug)
            for key in keys { snapshot.remove(key: key) }
        }
    }

    package func put(_ key: APIKeyRecord) { self.update { $0.put(key) } }

    package func remove(key id: APIKeyID) { self.update { $0.remove(key: id) } }

    package func setPlans(_ plans: [Plan]) { self.update { $0.setPlans(plans) } }

    package func refusals(tenant: Slug?, code: GatewayErrorCode?, limit: Int) -> [GatewayRefusal] {
        self.withUsage { $0.refusals(of: tenant, code: code, limit: limit) }
    }

    package func drainUsage() -> [UsageCount] { self.withUsage { $0.drainCounts() } }

    package func drainLastUsed() -> [(APIKeyID, Timestamp)] {
        self.withUsage { $0.drainLastUsed() }.map { ($0.key, $0.value) }
    }

    /// The secret keys that arrived from pages since the last call.
    package func drainLeaked() -> Set<APIKeyID> { self.withUsage { $0.drainLeaked() } }

    package func drainCounts() -> [StoredCount] { self.drainReservations().map { StoredCount($0) } }

    /// Every count with a long window as it is, for an orderly end.
    package func finalCounts() -> [StoredCount] { self.durableCounts().map { StoredCount($0) } }

    package func markPersisted(_ counts: [StoredCount], failed: Bool) {
        self.reserved(counts.map { CounterState($0) }, failed: failed)
    }

    /// Takes over counts that the store has kept.
    package func restore(_ counts: [StoredCount]) { self.restore(counts.map { CounterState($0) }) }
}

extension StoredCount {
    /// A counter's state as it is stored.
    init(_ state: CounterState) {
        self.init(
            limit: state.key.limit,
            windowSeconds: state.key.windowSeconds,
            owner: state.key.owner,
            session: state.key.session,
            address: state.key.address,
            window: state.window,
            count: state.count
        )
    }
}

extension CounterState {
    /// A stored count as the state of a counter.
    init(_ stored: StoredCount) {
        self.init(
            key: CounterKey(
                limit: stored.limit,
                windowSeconds: stored.windowSeconds,
                owner: stored.owner,
                session: stored.session,
                address: stored.address
            ),
            window: stored.window,
            count: stored.count
        )
    }
}
