/// Token buckets, one per key, in a table of bounded size.
///
/// A bucket holds `burst` tokens and gains `ratePerSecond` of them; a request takes one. Buckets are kept as the time at
/// which they will be full again (the generic cell rate algorithm), so a key that is forgotten starts with a full
/// bucket. When the table is full the key used longest ago is forgotten. Time is monotonic nanoseconds, so that setting
/// the clock neither locks anybody out nor lets anybody in.
package struct RateLimiterTable<Key: Hashable & Sendable>: Sendable {
    private let nanosecondsPerToken: Double
    private let bucket: Double
    private var fullAt: BoundedTable<Key, UInt64>

    /// A table for at most `capacity` keys; all three numbers must be positive, `burst` at least 1.
    package init(capacity: Int, ratePerSecond: Double, burst: Int) {
        precondition(ratePerSecond > 0 && burst >= 1, "a bucket needs a rate and room for one token")
        self.nanosecondsPerToken = 1e9 / ratePerSecond
        self.bucket = Double(burst) * self.nanosecondsPerToken
        self.fullAt = BoundedTable(capacity: capacity)
    }

    /// How many keys are remembered.
    package var count: Int { self.fullAt.count }

    /// Takes a token of `key` at `now` (monotonic nanoseconds).
    ///
    /// Nil when there was one, else the whole seconds, at least 1, until there is one again. A refusal takes nothing.
    package mutating func take(_ key: Key, now: UInt64) -> Int? {
        let step = self.nanosecondsPerToken
        let bucket = self.bucket
        return self.fullAt.update(key, default: now) { fullAt in
            let (owed, wait) = Self.cost(fullAt: fullAt, now: now, step: step, bucket: bucket)
            guard wait <= 0 else { return Self.wholeSeconds(wait) }
            fullAt = now &+ UInt64(min(owed, 9e18))
            return nil
        }
    }

    /// What `take` would answer, without taking.
    package func peek(_ key: Key, now: UInt64) -> Int? {
        let fullAt = self.fullAt[peek: key] ?? now
        let (_, wait) = Self.cost(fullAt: fullAt, now: now, step: self.nanosecondsPerToken, bucket: self.bucket)
        return wait <= 0 ? nil : Self.wholeSeconds(wait)
    }

    /// The bucket's debt in nanoseconds after one more token, and how long to wait until it may be taken.
    private static func cost(
        fullAt: UInt64,
        now: UInt64,
        step: Double,
        bucket: Double
    ) -> (owed: Double, wait: Double) {
        let owed = (fullAt > now ? Double(fullAt - now) : 0) + step
        // Half a nanosecond forgives rounding of rates that do not divide a second.
        return (owed, owed - bucket - 0.5)
    }

    private static func wholeSeconds(_ nanoseconds: Double) -> Int {
        Int(max(1, min(86_400, (nanoseconds / 1e9).rounded(.up))))
    }
}
