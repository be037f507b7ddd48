import AccessControl
import NIOCore
import ProxySemantics
import SessionModel
import Synchronization
import UpstreamRelay

/// The API gateway as the edge runs it: what is open under it, the stored answers, and the ways to the upstreams.
///
/// May be used from any event loop, except `relays`, which are the edge's own loop's.
final class EdgeGateway: Sendable {
    /// Exchanges open at once to one tenant.
    private static let maximumOpenPerTenant = 1024
    /// Exchanges open at once from one address to one tenant, so that nobody can hold all of them.
    private static let maximumOpenPerAddress = 256

    let gate: GatewayGate
    private let configuration: EdgeConfiguration
    private let relaysBox: NIOLoopBoundBox<UpstreamRelays?>
    private let idempotency = Mutex(IdempotencyStateMachine())
    private let open = Mutex(Open())
    private let hasTenants = Atomic<Bool>(false)
    private let eventLoop: any EventLoop

    private struct Place: Hashable {
        var tenant: Slug
        var address: ClientAddress
    }

    private struct Open {
        var exchanges: [UInt64: (handle: ExchangeHandle, place: Place)] = [:]
        var byTenant: [Slug: Int] = [:]
        var byPlace: [Place: Int] = [:]
        var next: UInt64 = 0
        /// Whether open exchanges are going to be looked at already.
        var isReconsidering = false
    }

    /// Call on any thread; `eventLoop` is the edge's.
    init(gate: GatewayGate, configuration: EdgeConfiguration, clock: @escaping WallClock, eventLoop: any EventLoop) {
        self.gate = gate
        self.eventLoop = eventLoop
        self.configuration = configuration
        self.relaysBox = .makeEmptyBox(valueType: UpstreamRelays.self, eventLoop: eventLoop)
        self.hasTenants.store(gate.snapshot.hasTenants, ordering: .relaxed)
        gate.subscribe { [weak self] _ in self?.policyChanged(clock: clock) }
    }

    /// Where tenants are served; nil when there are none, which costs other requests nothing.
    var tenants: (any TenantDirectory)? {
        self.hasTenants.load(ordering: .relaxed) ? self.gate.snapshot : nil
    }

    /// The ways to the upstreams; on the edge's event loop only.
    var relays: UpstreamRelays {
        if let relays = self.relaysBox.value { return relays }
        let relays = UpstreamRelays(configuration: self.configuration, eventLoop: self.eventLoop)
        self.relaysBox.value = relays
        return relays
    }

    // MARK: What is open

    /// Takes a request in among what is open; false when there are too many.
    func enter(_ exchange: GatewayExchange, from address: ClientAddress, handle: ExchangeHandle) -> Bool {
        let place = Place(tenant: exchange.tenant.slug, address: address)
        return self.open.withLock { open in
            guard open.byTenant[place.tenant, default: 0] < Self.maximumOpenPerTenant,
                open.byPlace[place, default: 0] < Self.maximumOpenPerAddress
            else { return false }
            open.byTenant[place.tenant, default: 0] += 1
            open.byPlace[place, default: 0] += 1
            open.next += 1
            open.exchanges[open.next] = (handle, place)
            exchange.registration = open.next
            return true
        }
    }

    /// A request is over, however it ended: counts it and lets its place go.
    func left(_ exchange: GatewayExchange, now: Timestamp) {
        self.gate.record(exchange.verdict, refusal: exchange.refusal, now: now)
        if let (id, ticket) = exchange.idempotency, let ticket {
            // Does nothing when the answer was kept.
            self.idempotency.withLock { $0.abandon(id, ticket: ticket) }
        }
        guard let registration = exchange.registration else { return }
        self.open.withLock { open in
            guard let place = open.exchanges.removeValue(forKey: registration)?.place else { return }
            Self.decrement(&open.byTenant, place.tenant)
            Self.decrement(&open.byPlace, place)
        }
    }

    private static func decrement<Key: Hashable>(_ counts: inout [Key: Int], _ key: Key) {
        guard let count = counts[key] else { return }
        counts[key] = count > 1 ? count - 1 : nil
    }

    /// How many requests are open.
    var openCount: Int { self.open.withLock { $0.exchanges.count } }

    /// Looks again at everything that is open, on its own event loop; many changes at once cost one look.
    func reconsider(now: @escaping WallClock) {
        let isNew = self.open.withLock { open in
            defer { open.isReconsidering = true }
            return !open.isReconsidering
        }
        guard isNew else { return }
        self.eventLoop.execute {
            // What is let in after this is judged by what is in force now.
            let handles = self.open.withLock { open in
                open.isReconsidering = false
                return open.exchanges.values.map(\.handle)
            }
            for handle in handles { handle.run { $0.reconsiderGateway(now: now()) } }
        }
    }

    private func policyChanged(clock: @escaping WallClock) {
        let snapshot = self.gate.snapshot
        self.hasTenants.store(snapshot.hasTenants, ordering: .relaxed)
        self.reconsider(now: clock)
        let used = snapshot.upstreamURLs
        let relays = self.relaysBox
        self.eventLoop.execute { relays.value?.keep(only: used) }
    }

    // MARK: Idempotency keys

    /// As `IdempotencyStateMachine.begin`.
    func begin(_ id: IdempotencyID, now: Timestamp) -> IdempotencyStateMachine.Beginning {
        self.idempotency.withLock { $0.begin(id, now: now) }
    }

    /// As `IdempotencyStateMachine.compare`.
    func compare(_ id: IdempotencyID, fingerprint: [UInt8], now: Timestamp) -> IdempotencyStateMachine.Comparison {
        self.idempotency.withLock { $0.compare(id, fingerprint: fingerprint, now: now) }
    }

    /// The first request's answer is complete: keeps it for repetitions.
    func answered(_ exchange: GatewayExchange, hasTrailers: Bool) {
        guard let (id, ticket) = exchange.idempotency, let ticket, exchange.isRequestComplete,
            let fingerprint = exchange.fingerprint, let status = exchange.answerStatus
        else { return }
        let answer = exchange.storedAnswer(status: status, hasTrailers: hasTrailers)
        self.idempotency.withLock {
            $0.finish(id, ticket: ticket, fingerprint: fingerprint.finalize(), status: status, answer: answer)
        }
    }
}
