import AccessControl
import DaypassTestSupport
import SessionModel
import Testing

@Suite("Rate limiters")
struct RateLimiterTests {
    @Test("let a burst pass, then the rate")
    func burst() {
        var table = RateLimiterTable<Int>(capacity: 10, ratePerSecond: 2, burst: 3)
        for _ in 0..<3 { #expect(table.take(1, now: 1_000_000_000) == nil) }
        #expect(table.take(1, now: 1_000_000_000) == 1)
        #expect(table.peek(1, now: 1_499_999_998) == 1)
        #expect(table.take(1, now: 1_500_000_000) == nil)
        #expect(table.take(1, now: 1_500_000_000) == 1)
        // Keys do not share buckets.
        #expect(table.take(2, now: 1_500_000_000) == nil)
        // After a long time the bucket is full, and no more than full.
        for _ in 0..<3 { #expect(table.take(1, now: 900_000_000_000) == nil) }
        #expect(table.take(1, now: 900_000_000_000) == 1)
    }

    @Test(
        "round the wait up to whole seconds",
        arguments: [(0.1, 10), (0.4, 3), (1.0, 1), (1000.0, 1), (0.0001, 10_000)]
    )
    func retryAfter(rate: Double, seconds: Int) {
        var table = RateLimiterTable<Int>(capacity: 1, ratePerSecond: rate, burst: 1)
        #expect(table.take(1, now: 5) == nil)
        #expect(table.take(1, now: 5) == seconds)
        #expect(table.take(1, now: 5 + UInt64(seconds) * 1_000_000_000) == nil)
    }

    @Test("are bounded and forget the key used longest ago")
    func bounded() {
        var table = RateLimiterTable<Int>(capacity: 3, ratePerSecond: 0.001, burst: 1)
        for key in 0..<3 { #expect(table.take(key, now: 0) == nil) }
        // Being refused is a use as well, so a key cannot wait for being forgotten while it keeps asking.
        #expect(table.take(0, now: 0) != nil)
        #expect(table.take(3, now: 0) == nil)
        #expect(table.count == 3)
        #expect(table.peek(0, now: 0) != nil)
        #expect(table.peek(1, now: 0) == nil)
        for key in 0..<10_000 { _ = table.take(key, now: 1) }
        #expect(table.count == 3)
    }

    @Test("agree with a naive token bucket", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func model(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let burst = Int.random(in: 1...5, using: &generator)
        let rate = generator.pick([1, 2, 4, 5, 10])
        let step = 1_000_000_000 / rate
        var table = RateLimiterTable<Int>(capacity: 4, ratePerSecond: Double(rate), burst: burst)
        // The model keeps whole nanoseconds of credit; recent keys last.
        var model: [(key: Int, credit: Int, at: Int)] = []
        var now = 1_000
        for _ in 0..<3000 {
            now += generator.pick([0, 0, 1, step / 3, step / 2, step, step * 3])
            let key = Int.random(in: 0..<6, using: &generator)
            var entry = (key: key, credit: burst * step, at: now)
            if let index = model.firstIndex(where: { $0.key == key }) {
                entry = model.remove(at: index)
                entry.credit = min(burst * step, entry.credit + now - entry.at)
                entry.at = now
            } else if model.count == 4 {
                model.removeFirst()
            }
            var expected: Int?
            if entry.credit >= step {
                entry.credit -= step
            } else {
                expected = (step - entry.credit + 999_999_999) / 1_000_000_000
            }
            model.append(entry)
            #expect(table.peek(key, now: UInt64(now)) == expected)
            #expect(table.take(key, now: UInt64(now)) == expected)
            #expect(table.count == model.count)
        }
    }
}

@Suite("Attempt limiters")
struct AttemptLimiterTests {
    private let start = Fixture.start

    @Test("refuse after too many failures, for a while")
    func refuse() {
        var limiter = AttemptLimiter<Int>(capacity: 10, limit: 3, window: .seconds(60), refusal: .seconds(30))
        for _ in 0..<2 { limiter.recordFailure(1, now: self.start) }
        #expect(limiter.isRefused(1, now: self.start) == nil)
        limiter.recordFailure(1, now: self.start + .seconds(59))
        #expect(limiter.isRefused(1, now: self.start + .seconds(59)) == 30)
        #expect(limiter.isRefused(2, now: self.start + .seconds(59)) == nil)
        // Neither failures nor a success that were under way change the refusal.
        limiter.recordFailure(1, now: self.start + .seconds(60))
        limiter.recordSuccess(1, now: self.start + .seconds(61))
        #expect(limiter.isRefused(1, now: self.start + .milliseconds(88_999)) == 1)
        #expect(limiter.isRefused(1, now: self.start + .seconds(89)) == nil)
        #expect(limiter.count == 0)
    }

    @Test("forget failures after the window, and after a success")
    func forget() {
        var limiter = AttemptLimiter<Int>(capacity: 10, limit: 2, window: .seconds(60), refusal: .seconds(30))
        limiter.recordFailure(1, now: self.start)
        limiter.recordFailure(1, now: self.start + .seconds(60))
        #expect(limiter.isRefused(1, now: self.start + .seconds(60)) == nil)
        limiter.recordSuccess(1, now: self.start + .seconds(61))
        limiter.recordFailure(1, now: self.start + .seconds(62))
        #expect(limiter.isRefused(1, now: self.start + .seconds(62)) == nil)
        limiter.recordFailure(1, now: self.start + .seconds(63))
        #expect(limiter.isRefused(1, now: self.start + .seconds(63)) == 30)
    }

    @Test("a success on another session does not help")
    func otherSession() throws {
        var limiter = AttemptLimiter<AttemptKey>(limit: 5)
        let address = try Fixture.address("198.51.100.7")
        let target = AttemptKey(session: try Fixture.sessionID("a"), address: address)
        let own = AttemptKey(session: try Fixture.sessionID("b"), address: address)
        for _ in 0..<5 {
            limiter.recordFailure(target, now: self.start)
            limiter.recordSuccess(own, now: self.start)
        }
        #expect(limiter.isRefused(target, now: self.start) != nil)
        #expect(limiter.isRefused(own, now: self.start) == nil)
    }

    @Test("a clock that is set back does not lengthen a refusal")
    func clockSetBack() {
        var limiter = AttemptLimiter<Int>(capacity: 10, limit: 1, window: .seconds(60), refusal: .seconds(30))
        limiter.recordFailure(1, now: self.start + .seconds(3600))
        #expect(limiter.isRefused(1, now: self.start) == 30)
        #expect(limiter.isRefused(1, now: self.start + .seconds(29)) == 1)
        #expect(limiter.isRefused(1, now: self.start + .seconds(30)) == nil)
    }

    @Test("agree with a naive model, within the capacity", arguments: [1, 2, 3, 4] as [UInt64])
    func model(seed: UInt64) {
        struct Entry {
            var key: Int
            var failures: [Timestamp]
            var refusedSince: Timestamp?
        }
        var generator = SeededGenerator(seed: seed)
        let limit = Int.random(in: 1...4, using: &generator)
        var limiter = AttemptLimiter<Int>(capacity: 3, limit: limit, window: .seconds(20), refusal: .seconds(10))
        var model: [Entry] = []
        var now = self.start
        func refusal(_ key: Int) -> Int? {
            guard let index = model.firstIndex(where: { $0.key == key }), let since = model[index].refusedSince else {
                return nil
            }
            let left = (since + .seconds(10) - now).wholeMilliseconds
            if left <= 0 {
                model.remove(at: index)
                return nil
            }
            return Int((left + 999) / 1000)
        }
        for _ in 0..<4000 {
            now = now + .milliseconds(generator.pick([0, 1, 500, 3000, 9999]))
            let key = Int.random(in: 0..<5, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0:
                limiter.recordSuccess(key, now: now)
                if refusal(key) == nil { model.removeAll { $0.key == key } }
            case 1, 2, 3:
                limiter.recordFailure(key, now: now)
                var entry = Entry(key: key, failures: [])
                if let index = model.firstIndex(where: { $0.key == key }) {
                    entry = model.remove(at: index)
                } else if model.count == 3 {
                    model.removeFirst()
                }
                if let since = entry.refusedSince, now >= since + .seconds(10) { entry = Entry(key: key, failures: []) }
                if entry.refusedSince == nil {
                    if let first = entry.failures.first, now >= first + .seconds(20) { entry.failures = [] }
                    entry.failures.append(now)
                    if entry.failures.count >= limit { entry.refusedSince = now }
                }
                model.append(entry)
            default:
                #expect(limiter.isRefused(key, now: now) == refusal(key))
            }
            #expect(limiter.count == model.count)
        }
    }
}
