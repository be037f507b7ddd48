import AccessControl
import GatewayService
import Logging
import SQLiteStore
import SessionModel
import SessionStore

/// The parts of the API gateway that edge and control API share, filled from the store.
struct GatewayParts: Sendable {
    /// Judges requests.
    let gate: GatewayGate
    /// Changes what it judges by.
    let manager: GatewayManager
    /// Writes down what it counts.
    let flusher: GatewayFlusher

    /// Reads everything the gate needs from the store.
    ///
    /// Throws when the store cannot be read.
    init(
        store: SQLiteSessionStore,
        configuration: GatewayServiceConfiguration,
        issuer: String,
        clock: @escaping WallClock,
        logger: Logger
    ) async throws {
        let loader = GatewayLoader(store: store, clock: clock)
        var snapshot = GatewaySnapshot(
            issuer: issuer,
            tenants: try await loader.tenants(),
            plans: try await loader.plans()
        )
        try await loader.forEachPageOfKeys { page in
            for key in page { snapshot.put(key) }
        }
        let gate = GatewayGate(snapshot: snapshot)
        try await loader.forEachPageOfCounts { gate.restore($0) }
        for session in try await loader.revokedSessions() {
            _ = gate.revoke(session.id, until: session.until, now: clock())
        }
        let manager = GatewayManager(store: store, gate: gate, configuration: configuration, clock: clock)
        try await manager.start()
        let flusher = GatewayFlusher(manager: manager, logger: logger)
        gate.useReserver { flusher.persistCounts(then: $0) }
        self.gate = gate
        self.manager = manager
        self.flusher = flusher
    }
}
