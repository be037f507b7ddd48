/// Two clocks read at one moment, each since an arbitrary origin of its own.
package struct ClockReadings: Sendable, Equatable {
    /// A clock that goes on while the machine sleeps.
    package var continuous: Duration
    /// A clock that stands still meanwhile.
    package var suspending: Duration

    /// Readings of any two such clocks.
    package init(continuous: Duration, suspending: Duration) {
        self.continuous = continuous
        self.suspending = suspending
    }

    /// The system's clocks now.
    package static func system() -> ClockReadings {
        ClockReadings(
            continuous: Self.origin.continuous.duration(to: .now),
            suspending: Self.origin.suspending.duration(to: .now)
        )
    }

    private static let origin = (continuous: ContinuousClock.now, suspending: SuspendingClock.now)
}

/// Notices that the machine was asleep: a clock that goes on during sleep gets ahead of one that does not.
///
/// Not the wall clock, which is also set by people and time servers.
package struct SleepDetector: Sendable {
    /// Sleep shorter than this is left to the tunnel's own pings.
    package static let threshold: Duration = .seconds(5)

    private var lead: Duration

    /// Starts with the present readings.
    package init(_ readings: ClockReadings) {
        self.lead = readings.continuous - readings.suspending
    }

    /// The readings now; returns how long the machine slept since the last call, if it did.
    package mutating func observe(_ readings: ClockReadings) -> Duration? {
        let lead = readings.continuous - readings.suspending
        let slept = lead - self.lead
        self.lead = lead
        return slept >= Self.threshold ? slept : nil
    }
}
