import Synchronization

/// A lock that tasks wait for in the order they came, and that may be held across suspensions.
///
/// Waiting is not ended by cancellation: whoever comes gets its turn. Not recursive.
final class AsyncLock: Sendable {
    private struct State {
        var isHeld = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Runs `body` while nobody else runs one.
    func withLock<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        await withCheckedContinuation { continuation in
            let isFree = self.state.withLock { state in
                guard state.isHeld else {
                    state.isHeld = true
                    return true
                }
                state.waiters.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        defer { self.release() }
        return try await body()
    }

    private func release() {
        let next = self.state.withLock { state in
            guard !state.waiters.isEmpty else {
                state.isHeld = false
                return nil as CheckedContinuation<Void, Never>?
            }
            return state.waiters.removeFirst()
        }
        next?.resume()
    }
}
