package import SessionModel

/// Slows down guessing: after `limit` failures within `window`, attempts of that key are refused for `refusal`.
///
/// The key should name the address *and* what is guessed at (`AttemptKey`): then a success elsewhere, on a session of
/// the guesser's own, does not clear the failures here. The table has a capacity; the key that failed longest ago is
/// forgotten first. The edge asks `isRefused` before it looks at a credential, so a right guess during the refusal is
/// not told from a wrong one.
package struct AttemptLimiter<Key: Hashable & Sendable>: Sendable {
    private struct Attempts {
        var failures: Int
        var windowStart: Timestamp
        var refusedSince: Timestamp?
    }

    private let limit: Int
    private let window: Duration
    private let refusal: Duration
    private var table: BoundedTable<Key, Attempts>

    /// A limiter for at most `capacity` keys.
    package init(
        capacity: Int = 10_000,
        limit: Int = 10,
        window: Duration = .seconds(60),
        refusal: Duration = .seconds(60)
    ) {
        precondition(limit >= 1 && window > .zero && refusal > .zero, "a limiter needs a limit, a window and a refusal")
        self.limit = limit
        self.window = window
        self.refusal = refusal
        self.table = BoundedTable(capacity: capacity)
    }

    /// How many keys are remembered.
    package var count: Int { self.table.count }

    /// The whole seconds, at least 1, for which attempts of `key` are refused at `now`; nil when they are not.
    package mutating func isRefused(_ key: Key, now: Timestamp) -> Int? {
        guard var attempts = self.table[peek: key], var since = attempts.refusedSince else { return nil }
        if now < since {
            // The clock was set back, which must not lengthen the refusal.
            since = now
            attempts.refusedSince = now
            self.table.update(key, default: attempts) { $0 = attempts }
        }
        let remaining = since + self.refusal - now
        guard remaining > .zero else {
            self.table.remove(key)
            return nil
        }
        return Int((remaining.wholeMilliseconds + 999) / 1000)
    }

    /// Counts a failed attempt of `key` at `now`; the one that reaches the limit starts the refusal.
    package mutating func recordFailure(_ key: Key, now: Timestamp) {
        let (limit, window, refusal) = (self.limit, self.window, self.refusal)
        self.table.update(key, default: Attempts(failures: 0, windowStart: now)) { attempts in
            if let since = attempts.refusedSince {
                // An attempt that was already under way when the refusal began.
                guard now >= since + refusal else { return }
                attempts = Attempts(failures: 0, windowStart: now)
            }
            let age = now - attempts.windowStart
            if age >= window || age < .zero { attempts = Attempts(failures: 0, windowStart: now) }
            attempts.failures += 1
            if attempts.failures >= limit { attempts.refusedSince = now }
        }
    }

    /// Forgets the failures of `key`, unless it is being refused.
    package mutating func recordSuccess(_ key: Key, now: Timestamp) {
        guard self.isRefused(key, now: now) == nil else { return }
        self.table.remove(key)
    }
}

/// Who guesses at what: one client address and one session.
package struct AttemptKey: Hashable, Sendable {
    /// The session whose credential is guessed at.
    package let session: SessionID
    /// Where the guesses come from.
    package let address: ClientAddress

    /// Names a guesser.
    package init(session: SessionID, address: ClientAddress) {
        self.session = session
        self.address = address
    }
}
