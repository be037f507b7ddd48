package import SessionModel

/// Names one counter: which limit, and whose.
///
/// Everything is a number that does not change between snapshots or restarts, so that counts survive both.
package struct CounterKey: Hashable, Sendable {
    /// The limit's class and subject, as `GatewaySnapshot` numbers them.
    package let limit: UInt64
    /// The window's length in seconds.
    package let windowSeconds: UInt32
    /// The key's or tenant's number.
    package let owner: UInt64
    /// The session's number; 0 for none, and where sessions do not count.
    package let session: UInt64
    /// The address's number (`ClientAddress.identityNumber`); 0 where addresses do not count.
    package let address: UInt64

    /// Names a counter.
    package init(limit: UInt64, windowSeconds: UInt32, owner: UInt64, session: UInt64 = 0, address: UInt64 = 0) {
        self.limit = limit
        self.windowSeconds = windowSeconds
        self.owner = owner
        self.session = session
        self.address = address
    }

    /// Whether strangers can cause any number of such counters.
    var isOpenEnded: Bool { self.session != 0 || self.address != 0 }

    /// Whether counts survive restarts.
    var isDurable: Bool { self.windowSeconds >= WindowCounters.durableWindow }
}

/// A counter with what it has counted: what a store keeps of a day quota.
package struct CounterState: Equatable, Sendable {
    /// Which counter.
    package var key: CounterKey
    /// The number of the window since 1970.
    package var window: Int64
    /// How many requests have passed in it.
    package var count: Int

    /// States a count.
    package init(key: CounterKey, window: Int64, count: Int) {
        self.key = key
        self.window = window
        self.count = count
    }
}

/// What is left of a limit: the contents of the rate headers.
package struct RateState: Equatable, Sendable {
    /// `X-RateLimit-Limit`.
    package var maximum: Int
    /// `X-RateLimit-Remaining`, after this request.
    package var remaining: Int
    /// When the window ends, in Unix seconds: `X-RateLimit-Reset`.
    package var resetsAt: Int64
    /// Whole seconds to wait, at least 1, when the limit refused the request; else nil.
    package var retryAfter: Int?

    /// States what is left.
    package init(maximum: Int, remaining: Int, resetsAt: Int64, retryAfter: Int? = nil) {
        self.maximum = maximum
        self.remaining = remaining
        self.resetsAt = resetsAt
        self.retryAfter = retryAfter
    }

    /// Which of two limits says more to the caller: one that refuses, for longer; else the one with less left.
    func isTighter(than other: RateState) -> Bool {
        if self.retryAfter != other.retryAfter { return (self.retryAfter ?? 0) > (other.retryAfter ?? 0) }
        if self.remaining != other.remaining { return self.remaining < other.remaining }
        return self.resetsAt > other.resetsAt
    }
}

/// A counter and its maximum, as one request asks for it.
package struct CounterDemand: Equatable, Sendable {
    /// Which counter.
    package var key: CounterKey
    /// How many requests may pass in a window.
    package var maximum: Int

    /// Pairs a counter with its maximum.
    package init(key: CounterKey, maximum: Int) {
        self.key = key
        self.maximum = maximum
    }
}

/// Exact counters over fixed windows, in tables of bounded size.
///
/// Windows begin at whole multiples of their length since 1970, so a count needs no state beside its number and the
/// header can say when it ends. Within one window never more than the maximum passes; a stretch as long as a window
/// touches two of them, so at most twice the maximum passes in it, and only when all of it comes around the boundary.
/// One request counts against several limits together or against none of them.
///
/// Counts of windows of an hour or more survive a crash: what was *reserved* for a counter has been written to the store,
/// and a request that counts beyond it may only pass once more has been (`needsReservation`). Reservations run ahead by a
/// twentieth of the maximum, so that few requests wait; after a crash counting goes on from what was reserved, so that a
/// crash can cost callers that much of a quota and never gives them more.
///
/// Counters of keys and tenants have a table of their own, because strangers can cause any number of the others. A full
/// table forgets the counter used longest ago, which can only happen to one that has seen as many other callers since
/// as the table holds. A counter takes about 120 bytes.
package struct WindowCounters: Sendable {
    private struct Count: Sendable {
        var window: Int64
        var count: Int
        /// Up to which count the store knows of the window.
        var reserved = 0
        /// How far reservations run ahead of the count.
        var ahead = 0
    }

    /// Windows at least this long are kept over restarts, in seconds.
    package static let durableWindow: UInt32 = 3600

    private var owned: BoundedTable<CounterKey, Count>
    private var open: BoundedTable<CounterKey, Count>
    /// Durable counters of which more should be reserved.
    private var wanting: Set<CounterKey> = []

    /// Tables for `ownedCapacity` counters of keys and tenants, and `openCapacity` of visitors and addresses.
    package init(ownedCapacity: Int = 100_000, openCapacity: Int = 100_000) {
        self.owned = BoundedTable(capacity: ownedCapacity)
        self.open = BoundedTable(capacity: openCapacity)
    }

    /// How many counters are kept.
    package var count: Int { self.owned.count + self.open.count }

    /// Counts one request against all of `demands`, or against none if one of them is used up.
    ///
    /// Answers what is left of the tightest one, with `retryAfter` when the request may not pass; nil without demands.
    package mutating func take(_ demands: [CounterDemand], now: Timestamp) -> RateState? {
        guard let before = self.peek(demands, now: now) else { return nil }
        guard before.retryAfter == nil else { return before }
        for demand in demands {
            let window = Self.window(demand.key, now: now)
            let ahead = Self.ahead(of: demand.maximum)
            let wants = self.update(demand.key, default: Count(window: window, count: 0)) { count in
                Self.add(&count, window)
                count.ahead = ahead
                return count.count + ahead / 2 > count.reserved
            }
            if demand.key.isDurable, wants { self.wanting.insert(demand.key) }
        }
        return RateState(maximum: before.maximum, remaining: before.remaining - 1, resetsAt: before.resetsAt)
    }

    /// What `take` would find, without counting: `remaining` is before this request.
    package func peek(_ demands: [CounterDemand], now: Timestamp) -> RateState? {
        var tightest: RateState?
        for demand in demands {
            let state = self.state(of: demand, now: now)
            if tightest.map({ state.isTighter(than: $0) }) ?? true { tightest = state }
        }
        return tightest
    }

    /// What is left of one limit.
    package func state(of demand: CounterDemand, now: Timestamp) -> RateState {
        let length = Int64(demand.key.windowSeconds)
        var window = Self.window(demand.key, now: now)
        var used = 0
        if let kept = self.count(of: demand.key), Self.counts(kept.window, at: window) {
            window = kept.window
            used = kept.count
        }
        let remaining = max(0, demand.maximum - used)
        let end = (window + 1) * length
        guard remaining == 0 else {
            return RateState(maximum: demand.maximum, remaining: remaining, resetsAt: end)
        }
        let wait = (end * 1000 - now.millisecondsSinceEpoch + 999) / 1000
        return RateState(
            maximum: demand.maximum,
            remaining: 0,
            resetsAt: end,
            retryAfter: Int(max(1, min(wait, 2 * length)))
        )
    }

    /// Whether a request just counted against `demands` must wait until more is reserved.
    package func needsReservation(_ demands: [CounterDemand]) -> Bool {
        demands.contains { demand in
            guard demand.key.isDurable, let count = self.count(of: demand.key) else { return false }
            return count.count > count.reserved
        }
    }

    /// What is to be reserved, and so to be written to the store, since the last call; `reserved` says that it was.
    package mutating func drainReservations() -> [CounterState] {
        let keys = self.wanting
        self.wanting = []
        return keys.compactMap { key in
            self.count(of: key)
                .map { CounterState(key: key, window: $0.window, count: $0.count + $0.ahead) }
        }
    }

    /// The store has these counts; or, `failed`, could not be written, and they are to be drained again.
    package mutating func reserved(_ states: [CounterState], failed: Bool = false) {
        for state in states {
            guard !failed else {
                self.wanting.insert(state.key)
                continue
            }
            guard self.count(of: state.key) != nil else { continue }
            self.update(state.key, default: Count(window: state.window, count: 0)) { count in
                if count.window == state.window { count.reserved = max(count.reserved, state.count) }
            }
        }
    }

    /// Every durable count as it is, without what was reserved ahead: to be written at an orderly end.
    package func durableCounts() -> [CounterState] {
        [self.owned, self.open]
            .flatMap { table in
                table.keys.filter(\.isDurable)
                    .compactMap { key in
                        table[peek: key].map { CounterState(key: key, window: $0.window, count: $0.count) }
                    }
            }
    }

    /// Takes over what a store has kept; of two counts for the same window the higher one holds.
    package mutating func restore(_ states: [CounterState]) {
        for state in states where state.count >= 0 {
            let initial = Count(window: state.window, count: state.count, reserved: state.count)
            self.update(state.key, default: initial) { kept in
                if kept.window < state.window { kept = initial }
                if kept.window == state.window {
                    kept.count = max(kept.count, state.count)
                    kept.reserved = max(kept.reserved, state.count)
                }
            }
        }
    }

    private func count(of key: CounterKey) -> Count? {
        key.isOpenEnded ? self.open[peek: key] : self.owned[peek: key]
    }

    private mutating func update<Result>(
        _ key: CounterKey,
        default initial: Count,
        _ body: (inout Count) -> Result
    ) -> Result {
        key.isOpenEnded
            ? self.open.update(key, default: initial, body) : self.owned.update(key, default: initial, body)
    }

    /// A twentieth of the maximum; none for small quotas, which are reserved one by one and so exact over a crash.
    private static func ahead(of maximum: Int) -> Int { min(maximum / 20, 10_000) }

    private static func window(_ key: CounterKey, now: Timestamp) -> Int64 {
        let length = Int64(key.windowSeconds) * 1000
        let (quotient, remainder) = now.millisecondsSinceEpoch.quotientAndRemainder(dividingBy: length)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// Whether what was counted in `kept` counts in `window`: it is the same, or the clock was set back a little over a
    /// boundary.
    ///
    /// After a larger step back counting begins anew, so that nobody is locked out.
    private static func counts(_ kept: Int64, at window: Int64) -> Bool { kept == window || kept == window + 1 }

    private static func add(_ count: inout Count, _ window: Int64) {
        if !Self.counts(count.window, at: window) { count = Count(window: window, count: 0) }
        count.count += 1
    }
}

extension ClientAddress {
    /// What identifies the client as a number that is not 0: the IPv4 address, or the /64 of the IPv6 address.
    package var identityNumber: UInt64 {
        // 64:ff9b::/32 is reserved for translation (RFC 6052), so no client's /64 looks like these.
        self.isV4 ? 0x0064_ff9b_0000_0000 | self.low : self.high == 0 ? 1 : self.high
    }
}
