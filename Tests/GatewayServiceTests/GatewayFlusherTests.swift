import Configuration
import DaypassTestSupport
import GatewayService
import Logging
import ServiceLifecycle
import SessionModel
import SessionStore
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct GatewayFlusherTests {
    private func flusher(_ fixture: ManagerFixture) -> GatewayFlusher {
        GatewayFlusher(
            manager: fixture.manager,
            waiting: fixture.clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func count(_ limit: UInt64, _ count: Int) -> StoredCount {
        StoredCount(
            limit: limit,
            windowSeconds: 86_400,
            owner: 1,
            session: 0,
            address: 0,
            window: SampleGateway().now.millisecondsSinceEpoch / 86_400_000,
            count: count
        )
    }

    private func stored(_ fixture: ManagerFixture) async throws -> Set<StoredCount> {
        Set(try await fixture.store.counts(after: 0, limit: 100).counts)
    }

    /// Waits for the answer of `persistCounts`.
    private func persist(_ flusher: GatewayFlusher) async -> Bool {
        await withCheckedContinuation { continuation in
            flusher.persistCounts { continuation.resume(returning: $0) }
        }
    }

    @Test func countsAreWrittenBeforeTheAnswer() async throws {
        let fixture = try await ManagerFixture()
        let flusher = self.flusher(fixture)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await flusher.run() }
            let wanted = self.count(1, 5)
            fixture.gate.state.withLock { $0.counts = [wanted] }
            // The clock stands still: nothing but the demand makes it write.
            let persisted = await withCheckedContinuation { continuation in
                flusher.persistCounts { isWritten in
                    continuation.resume(returning: isWritten ? fixture.gate.read(\.persisted) : [])
                }
            }
            #expect(persisted == [wanted])
            #expect(try await self.stored(fixture) == [wanted])
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    @Test func waitersOfOneRoundShareATransaction() async throws {
        let fixture = try await ManagerFixture()
        let flusher = self.flusher(fixture)
        let answers = Mutex<[Bool]>([])
        fixture.gate.state.withLock { state in state.counts = (0..<50).map { self.count($0, 1) } }
        await withCheckedContinuation { continuation in
            for index in 0..<500 {
                flusher.persistCounts { isWritten in
                    answers.withLock { $0.append(isWritten) }
                    if index == 499 { continuation.resume() }
                }
            }
            Task { await flusher.flush() }
        }
        #expect(answers.withLock { $0 } == [Bool](repeating: true, count: 500))
        #expect(fixture.store.countWrites.withLock { $0 } == [50])
    }

    @Test func waitersAreBounded() async throws {
        let fixture = try await ManagerFixture()
        let flusher = self.flusher(fixture)
        let answers = Mutex<[Bool]>([])
        for _ in 0...GatewayFlusher.maximumWaiters {
            flusher.persistCounts { isWritten in answers.withLock { $0.append(isWritten) } }
        }
        #expect(answers.withLock { $0 } == [false])
        await flusher.flush()
        #expect(answers.withLock { $0.count { $0 } } == GatewayFlusher.maximumWaiters)
    }

    @Test func aFailingStoreRefusesReservationsAndLosesNothing() async throws {
        let fixture = try await ManagerFixture()
        try await fixture.tenant()
        let key = try await fixture.key().record
        let flusher = self.flusher(fixture)
        let now = fixture.clock.timestamp
        func use(_ count: Int) {
            fixture.gate.state.withLock { state in
                let hour = UsageQuery.Interval.hour.start(of: now)
                state.usage = [.init(start: hour, tenant: key.tenant, key: key.id, code: nil, count: count)]
                state.uses = [(key.id, now + .seconds(count))]
            }
        }
        use(3)
        fixture.gate.state.withLock { $0.counts = [self.count(1, 5)] }
        fixture.store.isFailing.withLock { $0 = true }
        let answer = Mutex<Bool?>(nil)
        flusher.persistCounts { isWritten in answer.withLock { $0 = isWritten } }
        await flusher.flush()
        #expect(answer.withLock { $0 } == false)
        #expect(fixture.gate.read(\.persisted).isEmpty)
        #expect(fixture.gate.read(\.failed) == [self.count(1, 5)])
        use(4)
        await flusher.flush()
        fixture.store.isFailing.withLock { $0 = false }
        await flusher.flush()
        await flusher.flush()
        #expect(try await self.stored(fixture) == [self.count(1, 5)])
        let query = UsageQuery(from: now + .seconds(-7200), until: now + .seconds(7200))
        #expect(try await fixture.manager.usage(query).map(\.count) == [7])
        #expect(try await fixture.manager.key(key.id).lastUsedAt == now + .seconds(4))
    }

    @Test func writesEverySecondAndPrunesEveryMinute() async throws {
        let fixture = try await ManagerFixture()
        let flusher = self.flusher(fixture)
        let slug = SampleGateway.slug("acme")
        let now = fixture.clock.timestamp
        let old = now + .seconds(-41 * 86_400)
        try await fixture.store.add(usage: [.init(start: old, tenant: slug, key: nil, code: nil, count: 1)])
        let all = UsageQuery(from: old + .seconds(-86_400), until: now + .seconds(86_400))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await flusher.run() }
            await fixture.clock.waitForSleepers()
            // The first round removes what was over when the server started.
            #expect(try await fixture.manager.usage(all).isEmpty)
            try await fixture.store.add(usage: [.init(start: old, tenant: slug, key: nil, code: nil, count: 1)])
            fixture.gate.state.withLock { state in
                state.usage = [.init(start: now, tenant: slug, key: nil, code: .apiKeyInvalid, count: 2)]
            }
            for second in 1...60 {
                fixture.clock.advance(by: .seconds(1))
                await fixture.clock.waitForSleepers()
                let kept = try await fixture.manager.usage(all).map(\.count)
                #expect(kept == (second < 60 ? [1, 2] : [2]), "second \(second)")
            }
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    @Test func anOrderlyStopWritesEverything() async throws {
        let fixture = try await ManagerFixture()
        let flusher = self.flusher(fixture)
        let slug = SampleGateway.slug("acme")
        let now = fixture.clock.timestamp
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await flusher.run() }
            await fixture.clock.waitForSleepers()
            fixture.gate.state.withLock { state in
                state.usage = [.init(start: now, tenant: slug, key: nil, code: nil, count: 2)]
                state.counts = [self.count(1, 50)]
                // Without what was reserved ahead.
                state.final = [self.count(1, 37), self.count(2, 1)]
            }
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
        #expect(try await self.stored(fixture) == [self.count(1, 37), self.count(2, 1)])
        let query = UsageQuery(from: now + .seconds(-7200), until: now + .seconds(7200))
        #expect(try await fixture.manager.usage(query).map(\.count) == [2])
        // From now on nobody gets a reservation.
        fixture.gate.state.withLock { $0.counts = [self.count(3, 1)] }
        #expect(await self.persist(flusher) == false)
    }

    @Test func leaksAreNotedOnceADay() async throws {
        let fixture = try await ManagerFixture()
        try await fixture.tenant()
        let key = try await fixture.key().record
        let stranger = try #require(APIKeyID("key_000000000000"))
        let flusher = self.flusher(fixture)
        func leaks() async throws -> Int { try await fixture.actions().count { $0 == .keyLeaked } }
        for _ in 0..<3 {
            fixture.gate.state.withLock { $0.leaked = [key.id, stranger] }
            await flusher.flush()
            fixture.clock.advance(by: .seconds(3600))
        }
        #expect(try await leaks() == 1)
        let event = try await fixture.manager.gatewayAuditEvents(of: key.tenant, limit: 1).first
        #expect(event?.action == .keyLeaked)
        #expect(event?.actor == .system)
        fixture.clock.advance(by: .seconds(86_400))
        fixture.gate.state.withLock { $0.leaked = [key.id] }
        await flusher.flush()
        #expect(try await leaks() == 2)
    }
}

@Suite struct GatewayLoaderTests {
    @Test func readsEverything() async throws {
        let fixture = try await ManagerFixture()
        let tenant = try await fixture.tenant()
        let keys = [try await fixture.key().record, try await fixture.key().record]
        var samples = SampleGateway()
        let session = samples.session()
        try await fixture.manager.revokeSession(session, by: fixture.actor)
        let window = fixture.clock.timestamp.millisecondsSinceEpoch / 86_400_000
        let counts = [window - 1, window, window + 1]
            .map { window in
                StoredCount(
                    limit: UInt64(window),
                    windowSeconds: 86_400,
                    owner: 1,
                    session: 0,
                    address: 0,
                    window: window,
                    count: 1
                )
            }
        try await fixture.store.write(counts: counts)
        let loader = GatewayLoader(store: fixture.store, clock: fixture.clock.wallClock)
        #expect(try await loader.tenants() == [tenant])
        #expect(try await loader.plans() == [.standard])
        var seenKeys: [APIKeyRecord] = []
        try await loader.forEachPageOfKeys { seenKeys += $0 }
        #expect(seenKeys == keys.sorted { $0.id.number < $1.id.number })
        var seenCounts: [StoredCount] = []
        try await loader.forEachPageOfCounts { seenCounts += $0 }
        #expect(seenCounts == Array(counts.dropFirst()))
        #expect(try await loader.revokedSessions().map(\.id) == [session])
        fixture.clock.advance(by: SessionTokenKeyring.memory)
        #expect(try await loader.revokedSessions().isEmpty)
    }
}

@Suite struct GatewayServiceConfigurationTests {
    @Test func readsEveryKey() throws {
        let reader = { (values: [AbsoluteConfigKey: ConfigValue]) in
            ConfigReader(provider: InMemoryProvider(values: values))
        }
        #expect(try GatewayServiceConfiguration(config: reader([:])) == GatewayServiceConfiguration())
        let read = try GatewayServiceConfiguration(
            config: reader([
                "signingKeyPublishSeconds": 0, "maxTenants": 1, "maxKeys": 2, "maxRevokedSessions": 3,
                "maxOpenEndedCounts": 4, "hourlyUsageDays": 5, "dailyUsageDays": 6, "flushSeconds": 7,
                "pruneSeconds": 8,
            ])
        )
        let expected = GatewayServiceConfiguration(
            signingKeyPublishTime: .zero,
            maxTenants: 1,
            maxKeys: 2,
            maxRevokedSessions: 3,
            maxOpenEndedCounts: 4,
            hourlyUsage: .seconds(5 * 86_400),
            dailyUsage: .seconds(6 * 86_400),
            flushInterval: .seconds(7),
            pruneInterval: .seconds(8)
        )
        #expect(read == expected)
        for key in ["maxTenants", "maxKeys", "maxRevokedSessions", "hourlyUsageDays", "flushSeconds", "pruneSeconds"] {
            let error = #expect(throws: DaypassError.self) {
                _ = try GatewayServiceConfiguration(config: reader([AbsoluteConfigKey([key]): 0]))
            }
            #expect(error?.details.map(\.path) == [key])
        }
    }
}
