import Synchronization

/// How many calls may be under way at once; others wait in the order they came, and too many are turned away.
final class CallSlots: Sendable {
    private struct State {
        var free: Int
        var waiters: [CheckedContinuation<Bool, Never>] = []
    }

    private let state: Mutex<State>
    private let maximumWaiters: Int

    init(count: Int) {
        self.state = Mutex(State(free: count))
        self.maximumWaiters = 16 * count
    }

    /// Runs `body` in a slot; throws `busy` when too many wait already.
    func run<Value>(
        _ body: () async throws(NodeFailure) -> Value
    ) async throws(NodeFailure) -> Value {
        let isTaken = await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
            let verdict: Bool? = self.state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                guard state.waiters.count < self.maximumWaiters else { return false }
                state.waiters.append(continuation)
                return nil
            }
            if let verdict { continuation.resume(returning: verdict) }
        }
        guard isTaken else { throw .busy }
        defer { self.release() }
        return try await body()
    }

    private func release() {
        let next = self.state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard !state.waiters.isEmpty else {
                state.free += 1
                return nil
            }
            return state.waiters.removeFirst()
        }
        next?.resume(returning: true)
    }
}
