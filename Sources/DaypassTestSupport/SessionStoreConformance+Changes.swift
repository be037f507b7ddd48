import SessionModel
import SessionStore

extension SessionStoreConformance {
    func updatesRaiseTheRevision() async throws {
        var samples = SampleSessions()
        let record = samples.session(authMode: .basic)
        try await self.insert(record)
        let event = samples.event(.policyUpdated, of: record.id, summary: "made private")
        let changed = try await self.store.update(slug: record.slug) { record in
            record.policy = SessionPolicy(
                isPublic: false,
                maxConcurrentViewers: 5,
                blockPaths: ["/admin"],
                password: "secure123"
            )
            record.isPaused = true
            record.basicCredentials?.password = "new"
            record.closedAt = record.createdAt + .seconds(9)
            record.expiresAt = record.createdAt + .seconds(99)
            return event
        }
        try self.expect(changed.isChanged, true, "isChanged")
        try self.expect(changed.record.revision, 2, "revision")
        try self.expect(changed.record.policy.blockPaths, ["/admin"], "paths")
        try self.expect(try await self.store.session(id: record.id), changed.record, "the kept record")
        try self.expect(try await self.store.auditEvents(of: record.id, limit: 1), [event], "the newest event")
    }

    func updatesWithoutChangeStoreNothing() async throws {
        var samples = SampleSessions()
        let record = samples.session()
        try await self.insert(record)
        let update = try await self.store.update(slug: record.slug) { record in
            record.isPaused = true
            record.kickedViewers = [.init(viewerID: "vw_1", addressID: nil)]
            return nil
        }
        try self.expect(update, SessionUpdate(record: record, isChanged: false), "the answer")
        try self.expect(try await self.store.session(id: record.id), record, "the kept record")
        try self.expect(try await self.store.auditEvents(of: record.id, limit: 9).count, 1, "events")
    }

    func updatesThatThrowStoreNothing() async throws {
        var samples = SampleSessions()
        let record = samples.session()
        try await self.insert(record)
        try await self.expect(.sessionClosed, "the closure's error") {
            _ = try await self.store.update(slug: record.slug) { record in
                record.isPaused = true
                record.policy.password = "half done"
                record.kickedViewers = [.init(viewerID: "vw_1", addressID: nil)]
                throw DaypassError(.sessionClosed)
            }
        }
        try self.expect(try await self.store.session(id: record.id), record, "the kept record")
        try self.expect(try await self.store.auditEvents(of: record.id, limit: 9).count, 1, "events")
        // And the store goes on.
        let next = try await self.store.update(slug: record.slug) { [samples] record in
            record.isPaused = true
            return samples.event(.sessionPaused, of: record.id)
        }
        try self.expect(next.record.revision, 2, "the revision after it")
    }

    func concurrentUpdatesAllCount() async throws {
        var samples = SampleSessions()
        let records = [samples.session(), samples.session()]
        for record in records { try await self.insert(record) }
        let count = 100
        let events = samples
        let revisions = try await withThrowingTaskGroup(of: (Int, Int64).self) { group in
            for index in 0..<(2 * count) {
                group.addTask {
                    let update = try await self.store.update(slug: records[index % 2].slug) { record in
                        record.policy.maxConcurrentViewers += 1
                        record.kickedViewers.append(.init(viewerID: "vw_\(index)", addressID: nil))
                        return events.event(.viewerKicked, of: record.id)
                    }
                    return (index % 2, update.record.revision)
                }
            }
            return try await group.reduce(into: [0: [], 1: []]) { $0[$1.0]?.append($1.1) }
        }
        for (index, record) in records.enumerated() {
            // Each update saw the one before it, and each has its own revision.
            try self.expect(revisions[index]?.sorted(), Array(2...Int64(count + 1)), "revisions")
            let kept = try await self.store.session(id: record.id)
            try self.expect(kept?.revision, Int64(count + 1), "the last revision")
            try self.expect(kept?.policy.maxConcurrentViewers, 20 + count, "the sum")
            try self.expect(Set(kept?.kickedViewers ?? []).count, count, "kicked viewers")
            try self.expect(try await self.store.auditEvents(of: record.id, limit: 1000).count, count + 1, "events")
        }
    }

    func unknownSessionsAreRefused() async throws {
        var samples = SampleSessions()
        let stranger = samples.session()
        let event = samples.event(.sessionDeleted, of: stranger.id)
        try await self.expect(.sessionNotFound, "an update") {
            _ = try await self.store.update(slug: stranger.slug) { _ in event }
        }
        try await self.expect(.sessionNotFound, "a deletion") {
            try await self.store.delete(id: stranger.id, audit: event)
        }
        try self.expect(try await self.store.auditEvents(of: nil, limit: 9), [], "events")
    }

    func keepsKickedViewersInOrder() async throws {
        var samples = SampleSessions()
        let record = samples.session()
        let other = samples.session()
        try await self.insert(record)
        try await self.insert(other)
        let viewer = { (name: String, address: String?) in
            KickedViewer(viewerID: name, addressID: address, kickedAt: address.map { _ in samples.now })
        }
        let steps: [[KickedViewer]] = [
            [viewer("z", nil)],
            [viewer("z", nil), viewer("a", "ip_1"), viewer("m", nil)],
            [viewer("z", "ip_2"), viewer("a", "ip_1"), viewer("m", nil)],
            [viewer("m", nil), viewer("z", "ip_2")],
            [],
            (0..<500).map { viewer("v\(499 - $0)", $0 % 2 == 0 ? "ip_\($0)" : nil) },
        ]
        for step in steps {
            _ = try await self.store.update(slug: record.slug) { [samples] record in
                record.kickedViewers = step
                return samples.event(.viewerKicked, of: record.id)
            }
            try self.expect(try await self.store.session(id: record.id)?.kickedViewers, step, "kicked viewers")
        }
        try self.expect(try await self.store.session(id: other.id)?.kickedViewers, [], "another session's")
        let listed = try await self.store.sessions(after: nil, limit: 10).first { $0.id == record.id }
        try self.expect(listed?.kickedViewers, steps.last, "in the list")
    }

    func deletesOnce() async throws {
        var samples = SampleSessions()
        var record = samples.session()
        record.kickedViewers = [.init(viewerID: "vw_1", addressID: nil)]
        try await self.insert(record)
        let event = samples.event(.sessionDeleted, of: record.id)
        try await self.store.delete(id: record.id, audit: event)
        try self.expect(try await self.store.session(id: record.id), nil, "by id")
        try self.expect(try await self.store.session(slug: record.slug), nil, "by slug")
        try self.expect(try await self.store.sessions(after: nil, limit: 9), [], "in the list")
        try await self.expect(.sessionNotFound, "a second deletion") { [record] in
            try await self.store.delete(id: record.id, audit: event)
        }
        let events = try await self.store.auditEvents(of: record.id, limit: 9)
        try self.expect(events.map(\.action), [.sessionDeleted, .sessionCreated], "its events stay")
    }

    func forgetsWhatEndedFirst() async throws {
        var samples = SampleSessions()
        var records: [SessionRecord] = []
        for seconds in [50, 10, 30, 20, 40, 60] {
            records.append(samples.session(lifetime: .seconds(seconds)))
        }
        // Closed early: ends at 5 s; closed "later" than its expiry: ends at its expiry, 40 s.
        records[0].closedAt = samples.now + .seconds(5)
        records[4].closedAt = samples.now + .seconds(900)
        for record in records { try await self.insert(record) }
        let byEnd = [0, 1, 3, 2, 4, 5].map { records[$0].id }
        let event = { @Sendable [samples] (id: SessionID) in samples.event(.sessionForgotten, of: id) }

        let before = samples.now + .seconds(40)
        let first = try await self.store.forget(endedBefore: before, limit: 3, audit: event)
        try self.expect(first, Array(byEnd[..<3]), "the first three")
        let second = try await self.store.forget(endedBefore: before, limit: 3, audit: event)
        try self.expect(second, [byEnd[3]], "the rest; what ends exactly then stays")
        let third = try await self.store.forget(endedBefore: before, limit: 3, audit: event)
        try self.expect(third, [], "nothing more")
        let kept = try await self.store.sessions(after: nil, limit: 9)
        try self.expect(Set(kept.map(\.id)), Set(byEnd[4...]), "what is kept")
        for id in byEnd[..<4] {
            let events = try await self.store.auditEvents(of: id, limit: 9)
            try self.expect(events.map(\.action), [.sessionForgotten, .sessionCreated], "events")
        }
        try await self.insert(samples.session(slug: records[0].slug.rawValue))
    }

    func findsTheEndBehindWhichToForget() async throws {
        var samples = SampleSessions()
        let now = samples.now + .seconds(100)
        try self.expect(try await self.store.end(ofEndedSessionBehind: 0, now: now), nil, "an empty store")
        for seconds in [10, 20, 30, 40, 500] {
            try await self.insert(samples.session(lifetime: .seconds(seconds)))
        }
        let end = { (newer: Int) in try await self.store.end(ofEndedSessionBehind: newer, now: now) }
        try self.expect(try await end(0), samples.now + .seconds(40), "keeping none")
        try self.expect(try await end(3), samples.now + .seconds(10), "keeping three")
        try self.expect(try await end(4), nil, "keeping all that ended")
    }
}
