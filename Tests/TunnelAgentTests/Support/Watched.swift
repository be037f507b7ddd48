import Synchronization

/// A value that tests wait on: every wait ends when the value is right, never by the clock.
final class Watched<Value: Sendable>: Sendable {
    private struct Waiter {
        let id: Int
        let isRight: @Sendable (Value) -> Bool
        let continuation: CheckedContinuation<Value, any Error>
    }

    private struct State {
        var value: Value
        var waiters: [Waiter] = []
        var nextID = 0
        var cancelled: Set<Int> = []
    }

    private let state: Mutex<State>

    init(_ value: Value) {
        self.state = Mutex(State(value: value))
    }

    var value: Value { self.state.withLock { $0.value } }

    func update(_ change: @Sendable (inout Value) -> Void) {
        let (ready, value) = self.state.withLock { state in
            change(&state.value)
            let value = state.value
            let ready = state.waiters.filter { $0.isRight(value) }
            state.waiters.removeAll { $0.isRight(value) }
            return (ready, value)
        }
        for waiter in ready { waiter.continuation.resume(returning: value) }
    }

    /// The value once `isRight`; throws when the test is cancelled.
    @discardableResult
    func wait(until isRight: @escaping @Sendable (Value) -> Bool) async throws -> Value {
        let id = self.state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Value, any Error>? = self.state.withLock { state in
                    if isRight(state.value) { return .success(state.value) }
                    if state.cancelled.contains(id) { return .failure(CancellationError()) }
                    state.waiters.append(Waiter(id: id, isRight: isRight, continuation: continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let waiter = self.state.withLock { state in
                state.cancelled.insert(id)
                let waiter = state.waiters.first { $0.id == id }
                state.waiters.removeAll { $0.id == id }
                return waiter
            }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }
}
