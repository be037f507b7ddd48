import SessionModel
import SessionStore

extension GatewayStoreConformance {
    private func count(
        _ limit: UInt64,
        owner: UInt64 = 1,
        session: UInt64 = 0,
        address: UInt64 = 0,
        seconds: UInt32 = 86_400,
        window: Int64 = 20_000,
        _ count: Int
    ) -> StoredCount {
        StoredCount(
            limit: limit,
            windowSeconds: seconds,
            owner: owner,
            session: session,
            address: address,
            window: window,
            count: count
        )
    }

    private func allCounts(limit: Int = 10_000) async throws -> [StoredCount] {
        var all: [StoredCount] = []
        var position: Int64 = 0
        while true {
            let page = try await self.store.counts(after: position, limit: limit)
            if page.counts.isEmpty { return all }
            all += page.counts
            position = page.position
        }
    }

    func replacesCounts() async throws {
        let extreme = self.count(.max, owner: .max, session: .max, address: .max, seconds: .max, window: .max, .max)
        let negative = self.count(0, owner: 0, window: -1, 0)
        let usual = self.count(7, 100)
        try await self.store.write(counts: [extreme, negative, usual])
        try self.expect(Set(try await self.allCounts()), [extreme, negative, usual], "counts")
        // What is written last holds, also when it is less: a reservation is given back.
        var less = usual
        less.count = 3
        var earlier = negative
        earlier.window = -2
        try await self.store.write(counts: [less, earlier])
        try self.expect(Set(try await self.allCounts()), [extreme, earlier, less], "after a change")
        try await self.store.write(counts: [])
        try await self.store.write(counts: [usual, less])
        try self.expect(Set(try await self.allCounts()), [extreme, earlier, less], "one counter twice in one call")
    }

    func readsCountsInPages() async throws {
        let counts = (0..<120).map { self.count(UInt64($0), $0) }
        try await self.store.write(counts: counts)
        for limit in [1, 50, 120, 121] {
            let seen = try await self.allCounts(limit: limit)
            try self.expect(seen.count, 120, "counts in pages of \(limit)")
            try self.expect(Set(seen), Set(counts), "counts in pages of \(limit)")
        }
    }

    private static let hour = Timestamp(millisecondsSinceEpoch: 1_772_636_400_000)
    private static let day = Timestamp(millisecondsSinceEpoch: 1_772_582_400_000)

    private func usage(
        _ tenant: String,
        hour: Int = 0,
        key: APIKeyID? = nil,
        code: GatewayErrorCode? = nil,
        _ count: Int
    ) -> UsageCount {
        UsageCount(
            start: Self.hour + .seconds(3600 * hour),
            tenant: SampleGateway.slug(tenant),
            key: key,
            code: code,
            count: count
        )
    }

    private func query(
        _ tenant: String? = nil,
        key: APIKeyID? = nil,
        hours: Range<Int> = -1000..<1000,
        _ interval: UsageQuery.Interval = .hour
    ) -> UsageQuery {
        UsageQuery(
            tenant: tenant.map { SampleGateway.slug($0) },
            key: key,
            from: Self.hour + .seconds(3600 * hours.lowerBound),
            until: Self.hour + .seconds(3600 * hours.upperBound),
            interval: interval
        )
    }

    func addsUsage() async throws {
        let key = APIKeyID("key_00000000000a")
        try await self.store.add(usage: [self.usage("acme", key: key, 2), self.usage("acme", code: .rateLimited, 1)])
        try await self.store.add(usage: [self.usage("acme", key: key, 3), self.usage("acme", hour: 1, key: key, 4)])
        try await self.store.add(usage: [])
        try self.expect(
            try await self.store.usage(self.query(), limit: 9),
            [
                self.usage("acme", code: .rateLimited, 1), self.usage("acme", key: key, 5),
                self.usage("acme", hour: 1, key: key, 4),
            ],
            "hours"
        )
        var (refused, passed) = (self.usage("acme", code: .rateLimited, 1), self.usage("acme", key: key, 9))
        refused.start = Self.day
        passed.start = Self.day
        try self.expect(try await self.store.usage(self.query(.day), limit: 9), [refused, passed], "days")
    }

    private func query(_ interval: UsageQuery.Interval) -> UsageQuery { self.query(nil, interval) }

    func selectsUsage() async throws {
        let (first, second) = (APIKeyID("key_000000000001"), APIKeyID("key_zzzzzzzzzzzz"))
        let all = [
            self.usage("acme", hour: 0, 1), self.usage("acme", hour: 0, code: .apiKeyInvalid, 2),
            self.usage("acme", hour: 0, key: first, 3), self.usage("acme", hour: 0, key: second, 4),
            self.usage("bolt", hour: 0, key: first, 5), self.usage("acme", hour: 1, key: first, 6),
        ]
        try await self.store.add(usage: all.reversed())
        func expect(_ query: UsageQuery, _ counts: [Int], line: Int = #line) async throws {
            let found = try await self.store.usage(query, limit: 99)
            try self.expect(found.map(\.count), counts, "usage", line: line)
        }
        try await expect(self.query(), [1, 2, 3, 4, 5, 6])
        try await expect(self.query("acme"), [1, 2, 3, 4, 6])
        try await expect(self.query("bolt"), [5])
        try await expect(self.query("other"), [])
        try await expect(self.query(key: first), [3, 5, 6])
        try await expect(self.query("acme", key: second), [4])
        try await expect(self.query(hours: 1..<2), [6])
        try await expect(self.query(hours: 0..<1), [1, 2, 3, 4, 5])
        try await expect(self.query(hours: 2..<3), [])
    }

    func boundsUsageAnswers() async throws {
        try await self.store.add(usage: (0..<10).map { self.usage("acme", hour: $0, 1) })
        try self.expect(try await self.store.usage(self.query(), limit: 10).count, 10, "as many as allowed")
        try await self.expect(.validationError, "one more than allowed") {
            _ = try await self.store.usage(self.query(), limit: 9)
        }
    }

    func notesLastUse() async throws {
        var samples = SampleGateway()
        let tenant = samples.tenant("acme")
        try await self.put(tenant)
        let keys = [samples.key(of: tenant.slug), samples.key(of: tenant.slug)]
        try await self.put(keys)
        let stranger = samples.key(of: tenant.slug)
        let now = samples.now
        try await self.store.noteLastUse([.init(key: keys[0].id, at: now), .init(key: stranger.id, at: now)])
        try self.expect(try await self.store.key(keys[0].id)?.lastUsedAt, now, "a first use")
        try self.expect(try await self.store.key(keys[1].id)?.lastUsedAt, nil, "no use")
        try await self.store.noteLastUse([.init(key: keys[0].id, at: now + .seconds(-1))])
        try self.expect(try await self.store.key(keys[0].id)?.lastUsedAt, now, "an earlier use")
        try await self.store.noteLastUse([.init(key: keys[0].id, at: now + .seconds(1))])
        try self.expect(try await self.store.key(keys[0].id)?.lastUsedAt, now + .seconds(1), "a later use")
        try self.expect(try await self.store.key(stranger.id), nil, "a key that does not exist")
    }

    func prunesWhatIsOver() async throws {
        var samples = SampleGateway()
        let now = Self.day + .seconds(10 * 86_400)
        samples.now = now
        let kept = RevokedSession(id: samples.session(), until: now + .milliseconds(1))
        let over = RevokedSession(id: samples.session(), until: now)
        let keys = [
            samples.signingKey(), samples.signingKey(signsUntil: now + .seconds(-100)),
            samples.signingKey(signsUntil: now + .seconds(-101)),
        ]
        try await self.store.change { transaction in
            for session in [kept, over] { try transaction.put(session) }
            for key in keys { try transaction.put(key) }
        }
        let window = now.millisecondsSinceEpoch / 86_400_000
        let counts = [0, 1, 2].map { self.count(UInt64($0), window: window - $0, 5) }
        try await self.store.write(counts: counts)
        try await self.store.add(usage: [self.usage("acme", hour: 0, 1), self.usage("acme", hour: 1, 2)])
        let horizon = GatewayHorizon(
            now: now,
            hoursFrom: Self.hour + .seconds(3600),
            daysFrom: Self.day,
            signingKeysFrom: now + .seconds(-100),
            openEndedCounts: 10
        )
        try self.expect(try await self.store.prune(horizon), 4, "removed rows")
        let longAgo = Timestamp(millisecondsSinceEpoch: 0)
        try self.expect(try await self.store.revokedSessions(now: longAgo), [kept], "revocations")
        try self.expect(Set(try await self.store.signingKeys().map(\.id)), Set(keys[..<2].map(\.id)), "signing keys")
        try self.expect(Set(try await self.allCounts()), Set(counts[..<2]), "counts of this window and the last")
        try self.expect(try await self.store.usage(self.query(), limit: 9).map(\.count), [2], "hours")
        try self.expect(try await self.store.usage(self.query(.day), limit: 9).map(\.count), [3], "days")
        var later = horizon
        later.daysFrom = Self.day + .milliseconds(1)
        try self.expect(try await self.store.prune(later), 1, "removed days")
        try self.expect(try await self.store.usage(self.query(.day), limit: 9), [], "days at the end")
        try self.expect(try await self.store.prune(later), 0, "nothing left to remove")
    }

    func prunesTheSmallestOpenCounts() async throws {
        let open = (1...6).map { self.count(1, address: UInt64($0), window: 30_000, $0) }
        let bySession = self.count(1, session: 1, window: 30_000, 10)
        let owned = self.count(1, window: 30_000, 0)
        try await self.store.write(counts: open.reversed() + [owned, bySession])
        let horizon = GatewayHorizon(
            now: Self.hour,
            hoursFrom: Self.day,
            daysFrom: Self.day,
            signingKeysFrom: Self.day,
            openEndedCounts: 3
        )
        try self.expect(try await self.store.prune(horizon), 4, "removed counts")
        try self.expect(Set(try await self.allCounts()), [owned, bySession, open[4], open[5]], "counts")
    }

    func keepsAuditEventsOfTheGateway() async throws {
        var samples = SampleGateway()
        let tenants = [SampleGateway.slug("acme"), SampleGateway.slug("bolt")]
        var events: [AuditEvent] = []
        for (index, action) in AuditEvent.Action.allCases.enumerated() {
            samples.now = samples.now + .milliseconds(index % 2)
            events.append(
                samples.event(action, of: index % 3 < 2 ? tenants[index % 3] : nil, summary: "event \(index)")
            )
        }
        try await self.store.change { [events] transaction in
            for event in events { try transaction.append(event) }
        }
        let expected = Array(events.reversed()).filter(\.action.isAboutGateway)
        try self.expect(expected.count, 13, "actions about the gateway")
        try self.expect(try await self.store.gatewayAuditEvents(of: nil, limit: 100), expected, "all")
        try self.expect(
            try await self.store.gatewayAuditEvents(of: tenants[0], limit: 100),
            expected.filter { $0.tenant == tenants[0] },
            "of one tenant"
        )
        try self.expect(
            try await self.store.gatewayAuditEvents(of: nil, limit: 3),
            Array(expected.prefix(3)),
            "the newest"
        )
    }
}
