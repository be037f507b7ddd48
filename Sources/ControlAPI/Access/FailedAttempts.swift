import AccessControl
import SessionModel
import Synchronization

/// Failed attempts by client address, shared by all calls; as many addresses as `AttemptLimiter` keeps.
final class FailedAttempts: Sendable {
    private let limiter: Mutex<AttemptLimiter<ClientAddress>>

    /// Refuses an address for `refusal` after `limit` failures within a minute.
    init(limit: Int, refusal: Duration) {
        self.limiter = Mutex(AttemptLimiter(limit: limit, window: .seconds(60), refusal: refusal))
    }

    /// Seconds for which `client` is refused at `now`; nil when it is not.
    func secondsToWait(_ client: ClientAddress, now: Timestamp) -> Int? {
        self.limiter.withLock { $0.isRefused(client, now: now) }
    }

    /// Counts a failure of `client`.
    func record(_ client: ClientAddress, now: Timestamp) {
        self.limiter.withLock { $0.recordFailure(client, now: now) }
    }
}
