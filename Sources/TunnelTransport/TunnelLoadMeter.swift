package import NIOCore

/// How much one tunnel connection carries lately, in bytes per second: what a new stream's place is chosen by.
///
/// A smoothed rate over some tenths of a second, brought up to date when somebody asks, so that counting costs an
/// addition. Confined like its owner.
package struct TunnelLoadMeter: Sendable {
    /// Over which time the rate is smoothed.
    private static let horizon = TimeAmount.milliseconds(200)
    /// Nothing is learned from less time than this.
    private static let shortest = TimeAmount.milliseconds(10)

    private var pending = 0
    private var since: NIODeadline?
    private var rate = 0.0

    /// A connection that has carried nothing.
    package init() {}

    /// Counts bytes that came or went.
    package mutating func count(_ bytes: Int) {
        self.pending += bytes
    }

    /// Bytes per second at time `now`; calls must not go back in time.
    package mutating func bytesPerSecond(now: NIODeadline) -> Double {
        guard let since = self.since else {
            self.since = now
            return self.rate
        }
        let elapsed = now - since
        guard elapsed >= Self.shortest else { return self.rate }
        let latest = Double(self.pending) / (Double(elapsed.nanoseconds) / 1e9)
        let weight = min(1, Double(elapsed.nanoseconds) / Double(Self.horizon.nanoseconds))
        self.rate += (latest - self.rate) * weight
        self.pending = 0
        self.since = now
        return self.rate
    }
}
