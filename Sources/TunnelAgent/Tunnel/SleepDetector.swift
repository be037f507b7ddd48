/// Notices that the machine was asleep: a clock that goes on during sleep gets ahead of one that does not.
///
/// Not the wall clock, which is also set by people and time servers.
package struct SleepDetector: Sendable {
    /// Sleep shorter than this is left to the tunnel's own pings.
    package static let threshold: Duration = .seconds(5)

    private var lead: Duration

    /// Starts with both clocks' present readings, each since an arbitrary origin of its own.
    package init(continuous: Duration, suspending: Duration) {
        self.lead = continuous - suspending
    }

    /// The clocks' readings now; returns how long the machine slept since the last call, if it did.
    package mutating func observe(continuous: Duration, suspending: Duration) -> Duration? {
        let lead = continuous - suspending
        let slept = lead - self.lead
        self.lead = lead
        return slept >= Self.threshold ? slept : nil
    }
}
