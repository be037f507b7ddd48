import SessionModel
import Synchronization

/// How many bytes of large bodies are held at once, of all callers together and of each organization.
///
/// Without it, whoever has a token could make the server hold one such body for each connection it takes.
final class BodyBudget: Sendable {
    private let total: Int
    private let share: Int
    private let held = Mutex<[OrganizationID: Int]>([:])

    /// At most `total` bytes, of which one organization may have a quarter.
    init(total: Int) {
        self.total = total
        self.share = total / 4
    }

    /// Runs `body` while `bytes` are reserved for `organization`.
    ///
    /// Throws `rate_limited` when there is no room for them right now.
    func withReserved<Result>(
        _ bytes: Int,
        for organization: OrganizationID,
        _ body: () async throws -> Result
    ) async throws -> Result {
        let isReserved = self.held.withLock { held in
            let own = held[organization, default: 0]
            guard own + bytes <= self.share, held.values.reduce(bytes, +) <= self.total else { return false }
            held[organization] = own + bytes
            return true
        }
        guard isReserved else {
            throw DaypassError(
                .rateLimited,
                "Too many large requests at once. Wait a moment and try again.",
                retryAfterSeconds: 1
            )
        }
        defer {
            self.held.withLock { held in
                let rest = held[organization, default: bytes] - bytes
                held[organization] = rest > 0 ? rest : nil
            }
        }
        return try await body()
    }
}
