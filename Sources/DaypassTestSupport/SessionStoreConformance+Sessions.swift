import SessionModel
import SessionStore

extension SessionStoreConformance {
    func findsWhatWasInserted() async throws {
        var samples = SampleSessions()
        let plain = samples.session()
        var full = samples.session(
            authMode: .basic,
            policy: SessionPolicy(
                isPublic: false,
                maxConcurrentViewers: 0,
                blockPaths: ["/admin", "/api/*"],
                password: "secure123"
            )
        )
        full.isPaused = true
        full.kickedViewers = [.init(viewerID: "vw_1", addressID: "ip_1"), .init(viewerID: "vw_2", addressID: nil)]
        full.closedAt = full.createdAt + .seconds(5)
        full.revision = 7
        for record in [plain, full] { try await self.insert(record) }
        for record in [plain, full] {
            try self.expect(try await self.store.session(id: record.id), record, "by id")
            try self.expect(try await self.store.session(slug: record.slug), record, "by slug")
        }
        let stranger = samples.session()
        try self.expect(try await self.store.session(id: stranger.id), nil, "an unknown id")
        try self.expect(try await self.store.session(slug: stranger.slug), nil, "an unknown slug")
    }

    func keepsStrangeTextByteForByte() async throws {
        var samples = SampleSessions()
        for text in Self.strangeTexts {
            var record = samples.session(
                creator: text,
                authMode: .basic,
                policy: SessionPolicy(blockPaths: ["/" + text, "/", "/" + text + "/*"], password: text)
            )
            record.basicCredentials = BasicCredentials(username: "worm", password: text)
            record.kickedViewers = [.init(viewerID: text, addressID: text)]
            try await self.insert(record)
            let kept = try await self.store.session(slug: record.slug)
            let texts = [
                kept?.creator, kept?.policy.password, kept?.basicCredentials?.password,
                kept?.kickedViewers.first?.viewerID, kept?.kickedViewers.first?.addressID,
                kept?.policy.blockPaths.first.map { String($0.dropFirst()) },
            ]
            // Strings compare equal across Unicode normal forms, so the bytes are compared.
            for kept in texts { try self.expect(kept.map { Array($0.utf8) }, Array(text.utf8), "text \(text)") }
            try self.expect(kept?.policy.blockPaths.count, 3, "number of paths")

            let update = try await self.store.update(slug: record.slug) { [samples] record in
                record.policy.password = text + text
                return samples.event(.policyUpdated, of: record.id, summary: text)
            }
            try self.expect(Array(update.record.policy.password.utf8), Array((text + text).utf8), "updated text")
            let events = try await self.store.auditEvents(of: record.id, limit: 1)
            try self.expect(events.first.map { Array($0.summary.utf8) }, Array(text.utf8), "text in an event")
        }
    }

    /// Text that careless code breaks: quotes, escapes, controls, and what looks different in other normal forms.
    package static let strangeTexts: [String] = [
        "'\"`\\", "'; DROP TABLE session; --", "%_?*[]{}$1:name@x",
        "\u{1F512}\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
        "e\u{301}", "\u{E9}", "\u{212B}", "\u{202E}right to left\u{202C}", " leading and trailing ", "a\tb\r\nc",
        "\u{1}\u{1B}[31m\u{7F}\u{85}\u{2028}\u{FEFF}\u{FFFF}", "null", "0", "{\"a\":[1,\"\\u0000\"]}",
        String(repeating: "\u{10FFFF}", count: 256), "\u{1100}\u{1161}\u{11A8}",
    ]

    func keepsExtremeValues() async throws {
        var samples = SampleSessions()
        var record = samples.session(lifetime: .seconds(1))
        record.port = 65535
        record.policy.maxConcurrentViewers = 100_000
        record.policy.blockPaths = (0..<200).map { "/" + String(repeating: "x", count: 2040) + "\($0)" }
        record.createdAt = Timestamp(millisecondsSinceEpoch: .min)
        record.expiresAt = Timestamp(millisecondsSinceEpoch: .max)
        record.closedAt = Timestamp(millisecondsSinceEpoch: 0)
        record.revision = .max - 1
        try await self.insert(record)
        try self.expect(try await self.store.session(id: record.id), record, "extreme values")
        let update = try await self.store.update(slug: record.slug) { [samples] record in
            record.policy.blockPaths = []
            return samples.event(.policyUpdated, of: record.id)
        }
        try self.expect(update.record.revision, .max, "the last revision")
        try self.expect(try await self.store.session(id: record.id), update.record, "after an update")
    }

    func refusesTakenSlugsAndIDs() async throws {
        var samples = SampleSessions()
        let first = samples.session(slug: "quiet-lime-42")
        try await self.insert(first)
        let sameSlug = samples.session(slug: "quiet-lime-42")
        try await self.expect(.conflict, "a taken slug") { try await self.insert(sameSlug) }
        var sameID = samples.session()
        sameID.id = first.id
        try await self.expect(.conflict, "a taken id") { [sameID] in try await self.insert(sameID) }
        try self.expect(try await self.store.session(slug: first.slug), first, "the first session")
        try self.expect(try await self.store.session(id: sameSlug.id), nil, "the refused session")
        try self.expect(try await self.store.session(slug: sameID.slug), nil, "the refused session")
        try self.expect(try await self.store.auditEvents(of: nil, limit: 10).count, 1, "events")
        // A closed session keeps its name until it is forgotten.
        _ = try await self.store.update(slug: first.slug) { [samples] record in
            record.closedAt = record.createdAt
            return samples.event(.sessionClosed, of: record.id)
        }
        try await self.expect(.conflict, "a closed session's slug") { try await self.insert(sameSlug) }
    }

    func freesSlugsOfDeletedSessions() async throws {
        var samples = SampleSessions()
        let first = samples.session(slug: "bold-mint-17")
        try await self.insert(first)
        try await self.store.delete(id: first.id, audit: samples.event(.sessionDeleted, of: first.id))
        let second = samples.session(slug: "bold-mint-17")
        try await self.insert(second)
        try self.expect(try await self.store.session(slug: first.slug), second, "the new session")
    }

    func limitsOpenSessions() async throws {
        var samples = SampleSessions()
        let limits = SessionLimits(perCreator: 2, total: 3, now: samples.now)
        for creator in ["a", "a"] { try await self.insert(samples.session(creator: creator), limits: limits) }
        let third = samples.session(creator: "a")
        try await self.expect(.tooManySessions, "one more of a") { try await self.insert(third, limits: limits) }
        try await self.insert(samples.session(creator: "b"), limits: limits)
        let fourth = samples.session(creator: "c")
        try await self.expect(.tooManySessions, "one more in all") { try await self.insert(fourth, limits: limits) }
        try self.expect(try await self.store.sessions(after: nil, limit: 10).count, 3, "sessions")
        try self.expect(try await self.store.auditEvents(of: nil, limit: 10).count, 3, "events")
    }

    func countsOnlyOpenSessions() async throws {
        var samples = SampleSessions()
        let closed = samples.session()
        let expired = samples.session(lifetime: .seconds(10))
        try await self.insert(closed)
        try await self.insert(expired)
        _ = try await self.store.update(slug: closed.slug) { [samples] record in
            record.closedAt = record.createdAt + .seconds(1)
            return samples.event(.sessionClosed, of: record.id)
        }
        let one = { (now: Timestamp) in SessionLimits(perCreator: 1, total: 1, now: now) }
        let next = samples.session(lifetime: .seconds(5))
        let beforeExpiry = expired.expiresAt + .milliseconds(-1)
        try await self.expect(.tooManySessions, "before the other expires") {
            try await self.insert(next, limits: one(beforeExpiry))
        }
        try await self.insert(next, limits: one(expired.expiresAt))
    }

    func limitsHoldUnderConcurrency() async throws {
        var samples = SampleSessions()
        let records = (0..<60).map { samples.session(creator: "creator \($0 % 3)") }
        let limits = SessionLimits(perCreator: 5, total: 12, now: samples.now)
        let inserted = try await self.countSuccesses(records.count, refused: .tooManySessions) { index in
            try await self.insert(records[index], limits: limits)
        }
        try self.expect(inserted, 12, "accepted sessions")
        let kept = try await self.store.sessions(after: nil, limit: 100)
        try self.expect(kept.count, 12, "kept sessions")
        let mostOfOne = Dictionary(grouping: kept, by: \.creator).values.map(\.count).max()
        try self.expect(mostOfOne ?? 0 <= 5, true, "sessions of one creator")
    }

    func oneOfManyGetsASlug() async throws {
        var samples = SampleSessions()
        let records = (0..<40).map { _ in samples.session(slug: "quick-otter-1234") }
        let inserted = try await self.countSuccesses(records.count, refused: .conflict) { index in
            try await self.insert(records[index])
        }
        try self.expect(inserted, 1, "accepted sessions")
        try self.expect(try await self.store.auditEvents(of: nil, limit: 100).count, 1, "events")
    }

    /// Runs `body` for 0..<count at once; returns how many succeeded; others must be refused with `code`.
    private func countSuccesses(
        _ count: Int,
        refused code: ErrorCode,
        _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<count {
                group.addTask {
                    do {
                        try await body(index)
                        return 1
                    } catch let error as DaypassError where error.code == code {
                        return 0
                    }
                }
            }
            return try await group.reduce(0, +)
        }
    }

    func pagesNewestFirst() async throws {
        var samples = SampleSessions()
        var records: [SessionRecord] = []
        for index in 0..<23 {
            // Three at a time are created in the same millisecond.
            samples.now = SampleSessions().now + .milliseconds(index / 3)
            records.append(samples.session())
        }
        var shuffler = SeededGenerator(seed: 3)
        for record in records.shuffled(using: &shuffler) { try await self.insert(record) }
        records.sort { ($0.createdAt, $0.id.rawValue) > ($1.createdAt, $1.id.rawValue) }
        for pageSize in [1, 2, 7, 23, 24] {
            var seen: [SessionRecord] = []
            while true {
                let page = try await self.store.sessions(after: seen.last?.id, limit: pageSize)
                seen += page
                if page.count < pageSize { break }
            }
            try self.expect(seen.map(\.id), records.map(\.id), "pages of \(pageSize)")
            try self.expect(seen, records, "pages of \(pageSize)")
        }
    }

    func pagesAreStable() async throws {
        var samples = SampleSessions()
        var records: [SessionRecord] = []
        for index in 0..<9 {
            samples.now = SampleSessions().now + .milliseconds(index)
            records.insert(samples.session(), at: 0)
            try await self.insert(records[0])
        }
        let first = try await self.store.sessions(after: nil, limit: 4)
        try self.expect(first.map(\.id), records[..<4].map(\.id), "the first page")
        // Between two pages a newer session comes, and the last one of the page goes.
        samples.now = samples.now + .seconds(1)
        try await self.insert(samples.session())
        let last = records[3]
        try await self.store.delete(id: last.id, audit: samples.event(.sessionDeleted, of: last.id))
        let second = try await self.store.sessions(after: last.id, limit: 4)
        try self.expect(second.map(\.id), records[4..<8].map(\.id), "the second page")
        let stranger = samples.session()
        try await self.expect(.sessionNotFound, "a page after an unknown session") {
            _ = try await self.store.sessions(after: stranger.id, limit: 4)
        }
    }

    func pagesAreBounded() async throws {
        var samples = SampleSessions()
        for _ in 0..<1002 { try await self.insert(samples.session()) }
        try self.expect(try await self.store.sessions(after: nil, limit: .max).count, 1000, "the largest page")
        try self.expect(try await self.store.sessions(after: nil, limit: 0).count, 1, "the smallest page")
        try self.expect(try await self.store.sessions(after: nil, limit: -5).count, 1, "the smallest page")
        try self.expect(try await self.store.auditEvents(of: nil, limit: .max).count, 1000, "the most events")
    }
}
