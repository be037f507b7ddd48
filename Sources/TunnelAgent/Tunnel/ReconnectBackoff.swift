package import NIOCore

/// How long to wait before the next attempt to reach the edge: exponential with full jitter, and forgotten after
/// a minute of stability.
///
/// ```
///            attemptFailed ──▶ wait 0…ceiling, ceiling doubles up to the maximum
/// connected ─▶ (stable for a minute) ─▶ lost ──▶ ceiling starts at the base again
/// ```
///
/// Full jitter spreads a fleet of agents evenly over the wait, so that an edge that restarts is not met by all of
/// them at once.
package struct ReconnectBackoff: Sendable {
    /// The ceiling of the first wait.
    package static let base: TimeAmount = .milliseconds(250)
    /// The ceiling of every later one.
    package static let maximum: TimeAmount = .seconds(15)
    /// How long a connection must have stood for its loss to count as the first failure.
    package static let stability: TimeAmount = .seconds(60)

    private var failures = 0
    private var connectedSince: NIODeadline?

    /// A backoff without failures.
    package init() {}

    /// A connection stands since `now`.
    package mutating func connected(now: NIODeadline) {
        self.connectedSince = now
    }

    /// The longest wait that a failure at `now` can lead to, unless the edge asks for more.
    package func ceiling(now: NIODeadline) -> TimeAmount {
        if let since = self.connectedSince, now - since >= Self.stability { return Self.base }
        // 2^6 × 250 ms is over the maximum already; capping the exponent keeps the shift defined.
        return min(Self.maximum, .nanoseconds(Self.base.nanoseconds << Int64(min(self.failures, 6))))
    }

    /// The wait after an attempt failed or a connection was lost.
    ///
    /// - Parameters:
    ///   - now: when it happened.
    ///   - retryAfter: the least the edge asked for; half of it is added as jitter, and it may exceed the maximum
    ///     up to five minutes.
    ///   - generator: where the jitter comes from.
    /// - Returns: how long to wait.
    package mutating func failed(
        now: NIODeadline,
        retryAfter: TimeAmount? = nil,
        using generator: inout some RandomNumberGenerator
    ) -> TimeAmount {
        let ceiling = self.ceiling(now: now)
        if ceiling == Self.base { self.failures = 0 }
        self.connectedSince = nil
        self.failures += 1
        let jitter = Int64.random(in: 0...ceiling.nanoseconds, using: &generator)
        guard let retryAfter, retryAfter > .zero else { return .nanoseconds(jitter) }
        let least = min(retryAfter.nanoseconds, TimeAmount.minutes(5).nanoseconds)
        return .nanoseconds(least + Int64.random(in: 0...(least / 2), using: &generator))
    }

    /// Forgets all failures, because the reason for them is known to be gone (the machine woke up).
    package mutating func reset() {
        self.failures = 0
        self.connectedSince = nil
    }
}
