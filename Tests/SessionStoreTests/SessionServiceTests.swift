import DaypassTestSupport
import SessionModel
import SessionStore
import Synchronization
import Testing

@Suite struct SessionServiceTests {
    // MARK: - Creating

    @Test func createsWhatTheReferencePageShows() async throws {
        let fixture = ServiceFixture()
        let created = try await fixture.service.create(
            NewSession(authMode: .basic, lifetime: .seconds(1800)),
            by: fixture.owner,
            creator: "tok_1"
        )
        let record = created.record
        #expect(created.ownerToken.utf8.count == 32 && created.ownerToken.utf8.allSatisfy(isBase36))
        #expect(record.ownerTokenDigest.matches(created.ownerToken))
        #expect(record.slug.rawValue.split(separator: "-").count == 3)
        let credentials = try #require(record.basicCredentials)
        #expect(credentials.username == "worm")
        #expect(credentials.password.utf8.count == 8 && credentials.password.utf8.allSatisfy(isBase36))
        #expect(record.createdAt == fixture.clock.start)
        #expect(record.expiresAt == fixture.clock.start + .seconds(1800))
        #expect(record.creator == "tok_1")
        #expect(record.revision == 1)
        #expect(record.policy == SessionPolicy())
        #expect(try await fixture.service.session(id: record.id) == record)
        #expect(try await fixture.service.session(slug: record.slug) == record)
        #expect(fixture.recorder.changes == [.updated(record)])
        let open = try await fixture.create()
        #expect(open.basicCredentials == nil)
        #expect(open.id != record.id && open.slug != record.slug)
    }

    @Test func keepsNamesThatSomethingReliesOn() async throws {
        let fixture = ServiceFixture()
        let kept = try #require(Slug("shop"))
        let service = SessionService(
            store: fixture.store,
            feed: fixture.feed,
            isReserved: { $0 == kept },
            clock: fixture.clock.wallClock
        )
        let stranger = Actor(name: "token:tok_1", address: "192.0.2.1")
        await #expect(throws: DaypassError.self) {
            try await service.create(NewSession(slug: kept), by: stranger, creator: "tok_1")
        }
        #expect(fixture.recorder.changes.isEmpty)
        let admin = Actor(name: "admin", address: "127.0.0.1")
        #expect(try await service.create(NewSession(slug: kept), by: admin, creator: "admin").record.slug == kept)
    }

    @Test func drawsAnotherSlugWhenOneIsTaken() async throws {
        // The same draws twice: the second session's first slug is the first session's.
        let source = SeededGenerator.source(seed: 1)
        let again = SeededGenerator.source(seed: 1)
        let calls = Mutex(0)
        let first = ServiceFixture(randomSource: source)
        let taken = try await first.create()
        let service = SessionService(
            store: first.store,
            feed: first.feed,
            clock: first.clock.wallClock,
            randomSource: {
                calls.withLock { $0 += 1 }
                return again()
            }
        )
        let second = try await service.create(NewSession(), by: first.owner, creator: "b").record
        #expect(second.slug != taken.slug)
        #expect(second.id != taken.id)
    }

    @Test func givesUpAfterTwentySlugs() async throws {
        // Randomness that always says the same draws one slug for ever.
        let attempts = Mutex(0)
        let fixture = ServiceFixture(randomSource: { 0x1234_5678_9ABC_DEF0 })
        _ = try await fixture.create()
        let store = CountingStore(base: fixture.store) { attempts.withLock { $0 += 1 } }
        let service = SessionService(
            store: store,
            feed: fixture.feed,
            clock: fixture.clock.wallClock,
            randomSource: { 0x1234_5678_9ABC_DEF0 }
        )
        let error = await #expect(throws: DaypassError.self) {
            _ = try await service.create(NewSession(), by: fixture.owner, creator: "b")
        }
        #expect(error?.code == .serviceUnavailable)
        #expect(attempts.withLock { $0 } == SessionService.slugAttempts)
        #expect(fixture.recorder.changes.count == 1)
    }

    @Test func refusesATakenNameAtOnce() async throws {
        let fixture = ServiceFixture()
        let slug = try #require(Slug("my-app"))
        let first = try await fixture.create(NewSession(slug: slug))
        #expect(first.slug == slug)
        let error = await #expect(throws: DaypassError.self) { _ = try await fixture.create(NewSession(slug: slug)) }
        #expect(error?.code == .conflict)
        #expect(error?.message.contains("my-app") == true)
        #expect(fixture.recorder.changes.count == 1)
    }

    @Test func limitsOpenSessionsPerCreatorAndInAll() async throws {
        let fixture = ServiceFixture(configuration: .init(openSessionsPerCreator: 2, openSessions: 3))
        let first = try await fixture.create(creator: "a")
        _ = try await fixture.create(creator: "a")
        let perCreator = await #expect(throws: DaypassError.self) { _ = try await fixture.create(creator: "a") }
        #expect(perCreator?.code == .tooManySessions)
        _ = try await fixture.create(creator: "b")
        let total = await #expect(throws: DaypassError.self) { _ = try await fixture.create(creator: "c") }
        #expect(total?.code == .tooManySessions)
        _ = try await fixture.service.close(slug: first.slug, by: fixture.owner)
        _ = try await fixture.create(creator: "c")
    }

    @Test func hasThePublishedLimitsByDefault() {
        let configuration = SessionServiceConfiguration()
        #expect(configuration.openSessionsPerCreator == 100)
        #expect(configuration.openSessions == 10_000)
        #expect(configuration.kickedViewersPerSession == 10_000)
    }

    // MARK: - Changing

    @Test func updatesPoliciesInPart() async throws {
        let fixture = ServiceFixture()
        let record = try await fixture.create()
        let update = PolicyUpdate(isPublic: false, maxConcurrentViewers: 5, blockPaths: ["/admin"], password: "s3cret")
        let first = try await fixture.service.updatePolicy(of: record.slug, update, by: fixture.owner)
        #expect(first.policy == update.applied(to: SessionPolicy()))
        #expect(first.revision == 2)
        let second = try await fixture.service.updatePolicy(
            of: record.slug,
            PolicyUpdate(maxConcurrentViewers: 10),
            by: fixture.owner
        )
        #expect(second.policy.maxConcurrentViewers == 10)
        #expect(second.policy.password == "s3cret")
        #expect(second.revision == 3)
        #expect(fixture.recorder.records.map(\.revision) == [1, 2, 3])
        #expect(fixture.recorder.records.last == second)
    }

    @Test func changesThatChangeNothingLeaveNoTrace() async throws {
        let fixture = ServiceFixture()
        let record = try await fixture.create()
        let viewer = KickedViewer(viewerID: "vw_1", addressID: "ip_1")
        let service = fixture.service
        let calls: [@Sendable () async throws -> SessionRecord] = [
            { try await service.updatePolicy(of: record.slug, PolicyUpdate(password: "p"), by: fixture.owner) },
            { try await service.kick(viewer, from: record.slug, by: fixture.owner) },
            { try await service.setPaused(true, slug: record.slug, by: fixture.owner) },
            { try await service.setPaused(false, slug: record.slug, by: fixture.owner) },
            { try await service.close(slug: record.slug, by: fixture.owner) },
        ]
        var revision: Int64 = 1
        for call in calls {
            let first = try await call()
            revision += 1
            #expect(first.revision == revision)
            let trace = fixture.recorder.changes.count
            #expect(trace == Int(revision))
            if first.closedAt == nil { fixture.clock.advance(by: .seconds(1)) }
            let second = try await call()
            #expect(second == first)
            #expect(fixture.recorder.changes.count == trace)
            #expect(try await service.auditEvents(of: record.id, limit: 100).count == trace)
        }
        // Resuming what is not paused, too.
        let other = try await fixture.create()
        #expect(try await service.setPaused(false, slug: other.slug, by: fixture.owner) == other)
    }

    @Test func remembersKickedViewersWithTimeAndAddress() async throws {
        let fixture = ServiceFixture()
        let record = try await fixture.create()
        let kick = { (id: String, address: String?) in
            try await fixture.service.kick(
                KickedViewer(viewerID: id, addressID: address),
                from: record.slug,
                by: fixture.owner
            )
        }
        _ = try await kick("vw_1", nil)
        fixture.clock.advance(by: .seconds(5))
        _ = try await kick("vw_2", "ip_2")
        // The address of a viewer may become known later; the time stays that of the first kick.
        let last = try await kick("vw_1", "ip_1")
        let start = fixture.clock.start
        #expect(
            last.kickedViewers == [
                .init(viewerID: "vw_1", addressID: "ip_1", kickedAt: start),
                .init(viewerID: "vw_2", addressID: "ip_2", kickedAt: start + .seconds(5)),
            ]
        )
        for id in ["", String(repeating: "v", count: 129)] {
            let error = await #expect(throws: DaypassError.self) { _ = try await kick(id, nil) }
            #expect(error?.code == .validationError)
        }
    }

    @Test func keepsABoundedNumberOfKickedViewers() async throws {
        let fixture = ServiceFixture(configuration: .init(kickedViewersPerSession: 3))
        let record = try await fixture.create()
        let kick = { (id: String) in
            try await fixture.service.kick(.init(viewerID: id, addressID: nil), from: record.slug, by: fixture.owner)
        }
        for index in 0..<3 { _ = try await kick("vw_\(index)") }
        let error = await #expect(throws: DaypassError.self) { _ = try await kick("vw_3") }
        #expect(error?.code == .conflict)
        #expect(try await kick("vw_2").kickedViewers.count == 3)
    }

    @Test func rotatesThePasswordThatIsInUse() async throws {
        let fixture = ServiceFixture()
        let basic = try await fixture.create(NewSession(authMode: .basic))
        let rotated = try await fixture.service.rotatePassword(of: basic.slug, by: fixture.owner)
        let password = try #require(rotated.basicCredentials?.password)
        #expect(password != basic.basicCredentials?.password)
        #expect(password.utf8.count == 8 && password.utf8.allSatisfy(isBase36))
        #expect(rotated.policy.password == "")

        let open = try await fixture.create()
        let protected = try await fixture.service.rotatePassword(of: open.slug, by: fixture.owner)
        #expect(protected.policy.password.utf8.count == 8 && protected.policy.password.utf8.allSatisfy(isBase36))
        #expect(protected.basicCredentials == nil)
        let again = try await fixture.service.rotatePassword(of: open.slug, by: fixture.owner)
        #expect(again.policy.password != protected.policy.password)
    }

    @Test func refusesChangesOfEndedSessions() async throws {
        let fixture = ServiceFixture()
        let service = fixture.service
        let changes: [@Sendable (Slug) async throws -> SessionRecord] = [
            { try await service.updatePolicy(of: $0, PolicyUpdate(isPublic: false), by: fixture.owner) },
            { try await service.kick(.init(viewerID: "vw_1", addressID: nil), from: $0, by: fixture.owner) },
            { try await service.setPaused(true, slug: $0, by: fixture.owner) },
            { try await service.rotatePassword(of: $0, by: fixture.owner) },
        ]
        let expired = try await fixture.create(NewSession(lifetime: .seconds(60)))
        let closed = try await fixture.create()
        _ = try await service.close(slug: closed.slug, by: fixture.owner)
        fixture.clock.advance(by: .seconds(60))
        let announced = fixture.recorder.changes.count
        for change in changes {
            let first = await #expect(throws: DaypassError.self) { _ = try await change(expired.slug) }
            #expect(first?.code == .sessionExpired)
            let second = await #expect(throws: DaypassError.self) { _ = try await change(closed.slug) }
            #expect(second?.code == .sessionClosed)
        }
        #expect(try await service.close(slug: expired.slug, by: fixture.owner) == expired)
        #expect(fixture.recorder.changes.count == announced)
    }

    @Test func unknownSessionsAreNotFound() async throws {
        let fixture = ServiceFixture()
        let record = try await fixture.create()
        let service = fixture.service
        try await service.delete(id: record.id, by: fixture.owner)
        let calls: [@Sendable () async throws -> Void] = [
            { _ = try await service.session(id: record.id) },
            { _ = try await service.session(slug: record.slug) },
            { _ = try await service.updatePolicy(of: record.slug, PolicyUpdate(), by: fixture.owner) },
            { _ = try await service.close(slug: record.slug, by: fixture.owner) },
            { try await service.delete(id: record.id, by: fixture.owner) },
        ]
        for call in calls {
            let error = await #expect(throws: DaypassError.self) { try await call() }
            #expect(error?.code == .sessionNotFound)
        }
        #expect(fixture.recorder.changes.last == .forgotten(record.id))
        #expect(fixture.recorder.changes.count == 2)
    }

    // MARK: - Audit

    @Test func everyChangeIsAuditedWithoutSecrets() async throws {
        let fixture = ServiceFixture()
        let service = fixture.service
        let created = try await service.create(
            NewSession(authMode: .basic, policy: SessionPolicy(blockPaths: ["/hidden-path"], password: "hush-hush")),
            by: fixture.owner,
            creator: "a"
        )
        let slug = created.record.slug
        fixture.clock.advance(by: .seconds(1))
        let update = PolicyUpdate(isPublic: false, maxConcurrentViewers: 3, blockPaths: [], password: "tell-nobody")
        _ = try await service.updatePolicy(of: slug, update, by: fixture.owner)
        _ = try await service.kick(.init(viewerID: "vw_1", addressID: nil), from: slug, by: fixture.owner)
        _ = try await service.setPaused(true, slug: slug, by: fixture.owner)
        _ = try await service.setPaused(false, slug: slug, by: fixture.owner)
        let rotated = try await service.rotatePassword(of: slug, by: fixture.owner)
        _ = try await service.close(slug: slug, by: fixture.owner)
        try await service.delete(id: created.record.id, by: fixture.owner)

        let events = try await service.auditEvents(of: created.record.id, limit: 100)
        #expect(
            events.reversed().map(\.action) == [
                .sessionCreated, .policyUpdated, .viewerKicked, .sessionPaused, .sessionResumed, .passwordRotated,
                .sessionClosed, .sessionDeleted,
            ]
        )
        #expect(events.allSatisfy { $0.actor == fixture.owner })
        #expect(events.dropLast().allSatisfy { $0.at == fixture.clock.timestamp })
        #expect(events[6].summary == "made private, viewer limit 20 to 3, blocked paths 1 to 0, password set")
        let secrets = [
            created.ownerToken, "hush-hush", "tell-nobody", "/hidden-path",
            created.record.basicCredentials?.password, rotated.basicCredentials?.password,
        ]
        for event in events {
            #expect(event.summary.utf8.count <= 1024)
            for secret in secrets.compactMap(\.self) { #expect(!event.summary.contains(secret)) }
        }
    }

    // MARK: - Publication

    @Test func changesAreAnnouncedBeforeTheCallReturns() async throws {
        let fixture = ServiceFixture()
        let record = try await fixture.create()
        #expect(fixture.recorder.records.last?.id == record.id)
        for viewers in 1...50 {
            let update = PolicyUpdate(maxConcurrentViewers: viewers)
            let changed = try await fixture.service.updatePolicy(of: record.slug, update, by: fixture.owner)
            #expect(fixture.recorder.records.last?.revision == changed.revision || viewers == 20)
        }
    }

    @Test func concurrentUpdatesMayBeAnnouncedOutOfOrderAndTheRevisionTells() async throws {
        let fixture = ServiceFixture()
        let record = try await fixture.create()
        let committed = Gate()
        let release = Gate()
        let store = HoldingStore(base: fixture.store) { update in
            guard update.record.isPaused else { return }
            await committed.open()
            await release.wait()
        }
        let service = SessionService(store: store, feed: fixture.feed, clock: fixture.clock.wallClock)
        // Pausing is committed first (revision 2) but announced last.
        async let paused = service.setPaused(true, slug: record.slug, by: fixture.owner)
        await committed.wait()
        let resumed = try await service.setPaused(false, slug: record.slug, by: fixture.owner)
        await release.open()
        #expect(try await paused.revision == 2)
        #expect(resumed.revision == 3)
        #expect(fixture.recorder.records.map(\.revision) == [1, 3, 2])
        // A receiver that keeps the newest ends with what the store has.
        let kept = fixture.recorder.records.reduce(record) { $1.revision > $0.revision ? $1 : $0 }
        #expect(try await fixture.store.session(id: record.id) == kept)
    }

    @Test func aLateUpdateDoesNotBringBackAForgottenSession() async throws {
        let fixture = ServiceFixture()
        let record = try await fixture.create()
        let committed = Gate()
        let release = Gate()
        let store = HoldingStore(base: fixture.store) { _ in
            await committed.open()
            await release.wait()
        }
        let service = SessionService(store: store, feed: fixture.feed, clock: fixture.clock.wallClock)
        async let paused = service.setPaused(true, slug: record.slug, by: fixture.owner)
        await committed.wait()
        try await service.delete(id: record.id, by: fixture.owner)
        await release.open()
        #expect(try await paused.isPaused)
        #expect(fixture.recorder.changes == [.updated(record), .forgotten(record.id)])
    }
}
