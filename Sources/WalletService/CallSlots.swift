import Synchronization

/// How many calls may be under way at once; the others wait in a `CallQueue`.
final class CallSlots<Caller: Hashable & Sendable>: Sendable {
    private typealias Queue = CallQueue<Caller, CheckedContinuation<Bool, Never>>

    private let queue: Mutex<Queue>

    /// `count` slots, and sixteen times as many places to wait, at least 64.
    init(count: Int) {
        // Two create calls of one organization can always wait, however few slots there are.
        self.queue = Mutex(Queue(slots: count, places: max(16 * count, 8 * InstallProver.width)))
    }

    /// Runs `body` in a slot; throws `busy` when too many wait already, of `caller` or of all.
    func run<Value>(
        for caller: Caller,
        _ body: () async throws(NodeFailure) -> Value
    ) async throws(NodeFailure) -> Value {
        let isTaken = await withCheckedContinuation { (waiter: CheckedContinuation<Bool, Never>) in
            switch self.queue.withLock({ $0.enter(waiter, of: caller) }) {
            case .taken: waiter.resume(returning: true)
            case .refused: waiter.resume(returning: false)
            case .waiting: break
            }
        }
        guard isTaken else { throw .busy }
        defer { self.queue.withLock { $0.leave() }?.resume(returning: true) }
        return try await body()
    }
}

/// Slots, and who waits for one: callers who wait take turns.
///
/// So a caller who asks much waits for itself: however many of its calls wait, somebody else is served after at most one of
/// them. Of the places to wait one caller has a quarter.
package struct CallQueue<Caller: Hashable, Waiter> {
    /// What came of a call.
    package enum Outcome: Equatable {
        /// It has a slot; `leave` must follow.
        case taken
        /// `leave` returns it when it has one.
        case waiting
        /// Too many wait, of the caller or of all.
        case refused
    }

    private var freeSlots: Int
    private let places: Int
    /// The callers in `waiters`, the one whose turn it is first.
    private var turns: [Caller] = []
    /// Of each caller those who wait, in the order they came; never empty.
    private var waiters: [Caller: [Waiter]] = [:]
    private var waiterCount = 0

    /// A queue of nobody, with `slots`, at least 1, and `places` to wait, at least 4.
    package init(slots: Int, places: Int) {
        self.freeSlots = slots
        self.places = places
    }

    /// Takes a slot for a call of `caller`, or lets `waiter` wait for one.
    package mutating func enter(_ waiter: Waiter, of caller: Caller) -> Outcome {
        if self.freeSlots > 0 {
            self.freeSlots -= 1
            return .taken
        }
        var own = self.waiters[caller, default: []]
        guard self.waiterCount < self.places, own.count < self.places / 4 else { return .refused }
        if own.isEmpty { self.turns.append(caller) }
        own.append(waiter)
        self.waiters[caller] = own
        self.waiterCount += 1
        return .waiting
    }

    /// A call is over: the waiter that has its slot now, or nil when nobody waits.
    package mutating func leave() -> Waiter? {
        guard !self.turns.isEmpty else {
            self.freeSlots += 1
            return nil
        }
        let caller = self.turns.removeFirst()
        var own = self.waiters[caller, default: []]
        let waiter = own.removeFirst()
        self.waiters[caller] = own.isEmpty ? nil : own
        if !own.isEmpty { self.turns.append(caller) }
        self.waiterCount -= 1
        return waiter
    }
}
