package import SessionModel
import Synchronization

/// Lets each address fail a number of times in a row and then only at a slow rate (one token bucket per address).
///
/// The table holds at most `maximumEntries` addresses; when it is full the half that has been quiet longest is forgotten.
package final class FailedAttemptLimiter: Sendable {
    private struct Bucket {
        /// Attempts left, in thousandths.
        var milliAttempts: Int64
        var updatedAt: Timestamp
    }

    private let burst: Int64
    private let perMinute: Int64
    private let maximumEntries: Int
    private let buckets = Mutex<[String: Bucket]>([:])

    /// A limiter of `burst` failures at once and `perMinute` after that; both at least 1.
    package init(burst: Int, perMinute: Int, maximumEntries: Int = 8192) {
        self.burst = Int64(max(1, burst))
        self.perMinute = Int64(max(1, perMinute))
        self.maximumEntries = max(2, maximumEntries)
    }

    /// Seconds until `address` may try again; nil when it may now.
    ///
    /// Does not count as an attempt.
    package func secondsToWait(address: String, now: Timestamp) -> Int? {
        let key = AddressClassifier.bucket(of: address)
        return self.buckets.withLock { buckets in
            guard let bucket = buckets[key] else { return nil }
            let left = self.refilled(bucket, now: now)
            guard left < 1000 else { return nil }
            let milliseconds = (1000 - left) * 60 / self.perMinute
            return Int(max(1, (milliseconds + 999) / 1000))
        }
    }

    /// Counts a failure of `address`.
    package func recordFailure(address: String, now: Timestamp) {
        let key = AddressClassifier.bucket(of: address)
        self.buckets.withLock { buckets in
            let left = buckets[key].map { self.refilled($0, now: now) } ?? self.burst * 1000
            if buckets[key] == nil, buckets.count >= self.maximumEntries { self.forgetOlderHalf(&buckets) }
            buckets[key] = Bucket(milliAttempts: max(0, left - 1000), updatedAt: now)
        }
    }

    /// Addresses remembered now.
    package var count: Int { self.buckets.withLock { $0.count } }

    private func refilled(_ bucket: Bucket, now: Timestamp) -> Int64 {
        // A clock that was set back refills nothing; one that was set forward fills at most to the burst.
        let elapsed = min(max(0, (now - bucket.updatedAt).wholeMilliseconds), 86_400_000)
        return min(self.burst * 1000, bucket.milliAttempts + elapsed * self.perMinute / 60)
    }

    private func forgetOlderHalf(_ buckets: inout [String: Bucket]) {
        let order = buckets.sorted { $0.value.updatedAt < $1.value.updatedAt }
        for (key, _) in order.prefix(order.count / 2 + 1) { buckets[key] = nil }
    }
}
