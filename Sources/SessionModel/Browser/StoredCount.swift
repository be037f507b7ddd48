/// How much one counter of a limit has counted in one window, as the store keeps it over restarts.
///
/// The numbers that name a counter are the same at every start; what they stand for is the gateway's business.
package struct StoredCount: Hashable, Sendable {
    /// The limit's class and subject.
    package var limit: UInt64
    /// The window's length in seconds, at least 1.
    package var windowSeconds: UInt32
    /// The key or tenant.
    package var owner: UInt64
    /// The session; 0 for none.
    package var session: UInt64
    /// The address; 0 for none.
    package var address: UInt64
    /// The number of the window since 1970.
    package var window: Int64
    /// How many requests may have passed in it.
    package var count: Int

    /// A complete count.
    package init(
        limit: UInt64,
        windowSeconds: UInt32,
        owner: UInt64,
        session: UInt64,
        address: UInt64,
        window: Int64,
        count: Int
    ) {
        self.limit = limit
        self.windowSeconds = windowSeconds
        self.owner = owner
        self.session = session
        self.address = address
        self.window = window
        self.count = count
    }

    /// The same counter at its start: equal for all counts of one counter.
    package var counter: StoredCount {
        var copy = self
        copy.window = 0
        copy.count = 0
        return copy
    }

    /// Whether strangers can cause any number of such counters.
    package var isOpenEnded: Bool { self.session != 0 || self.address != 0 }
}
