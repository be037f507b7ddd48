import Synchronization

/// The wish to stop, made once and waited for by whoever works.
///
/// Safe from any thread.
final class StopRequest: Sendable {
    private struct State {
        var signal: Int32?
        var nextWaiter = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    /// Thrown by `racing` when the wish came first.
    struct Stopped: Error {}

    /// The signal that asked, once one has.
    var signal: Int32? { self.state.withLock { $0.signal } }

    /// Asks to stop; false if somebody already has.
    @discardableResult
    func request(_ signal: Int32) -> Bool {
        let waiters = self.state.withLock { state -> [CheckedContinuation<Void, Never>]? in
            guard state.signal == nil else { return nil }
            state.signal = signal
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters ?? [] { waiter.resume() }
        return waiters != nil
    }

    /// Returns when somebody asks, or when the task is cancelled.
    func wait() async {
        let number = self.state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    guard state.signal == nil, !Task.isCancelled else { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }

    /// Runs `body`, or cancels it and throws `Stopped` when somebody asks first.
    func racing<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { tasks in
            tasks.addTask { try await body() }
            tasks.addTask {
                await self.wait()
                return nil
            }
            defer { tasks.cancelAll() }
            guard let first = try await tasks.next(), let result = first else { throw Stopped() }
            return result
        }
    }
}
