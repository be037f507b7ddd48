import Configuration
import DaypassTestSupport
import Logging
import ServiceLifecycle
import SessionModel
import SessionStore
import Testing

@Suite struct SessionForgetterTests {
    let fixture = ServiceFixture()
    let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func forgetter(_ configuration: SessionForgetterConfiguration = .init()) -> SessionForgetter {
        SessionForgetter(
            store: self.fixture.store,
            feed: self.fixture.feed,
            configuration: configuration,
            clock: self.fixture.clock.wallClock,
            waiting: self.fixture.clock,
            logger: self.quiet
        )
    }

    @Test func forgetsSevenDaysAfterTheEnd() async throws {
        let expiring = try await self.fixture.create(NewSession(lifetime: .seconds(60)))
        let closed = try await self.fixture.create()
        let open = try await self.fixture.create(NewSession(lifetime: .seconds(30 * 86_400)))
        _ = try await self.fixture.service.close(slug: closed.slug, by: self.fixture.owner)
        let forgetter = self.forgetter()

        self.fixture.clock.advance(by: .seconds(7 * 86_400))
        #expect(try await forgetter.forgetOnce() == 0)
        self.fixture.clock.advance(by: .milliseconds(1))
        #expect(try await forgetter.forgetOnce() == 1)
        #expect(self.fixture.recorder.changes.last == .forgotten(closed.id))
        self.fixture.clock.advance(by: .seconds(60))
        #expect(try await forgetter.forgetOnce() == 1)
        #expect(self.fixture.recorder.changes.last == .forgotten(expiring.id))
        #expect(try await self.fixture.store.sessions(after: nil, limit: 10) == [open])
        let events = try await self.fixture.store.auditEvents(of: closed.id, limit: 1)
        #expect(events.map(\.action) == [.sessionForgotten])
        #expect(events.map(\.actor) == [.system])
    }

    @Test func keepsABoundedNumberOfEndedSessions() async throws {
        for index in 0..<12 {
            let record = try await self.fixture.create(creator: "\(index)")
            self.fixture.clock.advance(by: .seconds(1))
            if index < 10 { _ = try await self.fixture.service.close(slug: record.slug, by: self.fixture.owner) }
        }
        let forgetter = self.forgetter(.init(maximumEndedSessions: 4))
        #expect(try await forgetter.forgetOnce() == 6)
        let kept = try await self.fixture.store.sessions(after: nil, limit: 100)
        #expect(kept.map(\.creator) == (6..<12).reversed().map { "\($0)" })
        #expect(try await forgetter.forgetOnce() == 0)
    }

    @Test func forgetsMoreThanOneBatch() async throws {
        for index in 0..<1100 {
            _ = try await self.fixture.create(NewSession(lifetime: .seconds(1)), creator: "\(index)")
        }
        self.fixture.clock.advance(by: .seconds(8 * 86_400))
        #expect(try await self.forgetter().forgetOnce() == 1100)
        let forgotten = self.fixture.recorder.changes.count { if case .forgotten = $0 { true } else { false } }
        #expect(forgotten == 1100)
    }

    @Test func prunesTokensAndAuditEvents() async throws {
        let tokens = AccessTokenService(store: self.fixture.store, clock: self.fixture.clock.wallClock)
        for lifetime in [Duration.seconds(1), nil] {
            _ = try await tokens.create(label: "x", scopes: [.read], lifetime: lifetime, by: self.fixture.owner)
        }
        for _ in 0..<5 { _ = try await self.fixture.create(NewSession(lifetime: .seconds(86_400 * 30))) }
        self.fixture.clock.advance(by: .seconds(8 * 86_400))
        _ = try await self.forgetter(.init(auditEvents: 3)).forgetOnce()
        #expect(try await tokens.list().count == 1)
        #expect(try await self.fixture.store.auditEvents(of: nil, limit: 100).count == 3)
    }

    @Test func runsEveryMinuteUntilShutdown() async throws {
        let record = try await self.fixture.create(NewSession(lifetime: .seconds(30)))
        let forgetter = self.forgetter(.init(keepClosed: .zero))
        let group = ServiceGroup(services: [forgetter], logger: self.quiet)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            await self.fixture.clock.waitForSleepers()
            #expect(try await self.fixture.store.session(id: record.id) != nil)
            self.fixture.clock.advance(by: .seconds(60))
            // The next sleep begins when the round is over.
            await self.fixture.clock.waitForSleepers()
            #expect(try await self.fixture.store.session(id: record.id) == nil)
            #expect(self.fixture.recorder.changes.last == .forgotten(record.id))
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func goesOnAfterARoundThatFailed() async throws {
        let record = try await self.fixture.create(NewSession(lifetime: .seconds(30)))
        let store = FailingOnceStore(base: self.fixture.store)
        let forgetter = SessionForgetter(
            store: store,
            feed: self.fixture.feed,
            configuration: .init(keepClosed: .zero),
            clock: self.fixture.clock.wallClock,
            waiting: self.fixture.clock,
            logger: self.quiet
        )
        self.fixture.clock.advance(by: .seconds(31))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await forgetter.run() }
            await self.fixture.clock.waitForSleepers()
            #expect(try await self.fixture.store.session(id: record.id) != nil)
            self.fixture.clock.advance(by: .seconds(60))
            await self.fixture.clock.waitForSleepers()
            #expect(try await self.fixture.store.session(id: record.id) == nil)
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    @Test func readsItsConfiguration() throws {
        let reader = { (values: [AbsoluteConfigKey: ConfigValue]) in
            ConfigReader(provider: InMemoryProvider(values: values))
        }
        #expect(try SessionForgetterConfiguration(config: reader([:])) == SessionForgetterConfiguration())
        #expect(try SessionServiceConfiguration(config: reader([:])) == SessionServiceConfiguration())
        let forgetter = try SessionForgetterConfiguration(
            config: reader(["keepClosedSeconds": 60, "maximumEndedSessions": 7, "auditEvents": 9])
        )
        #expect(forgetter == .init(keepClosed: .seconds(60), maximumEndedSessions: 7, auditEvents: 9))
        let service = try SessionServiceConfiguration(config: reader(["openSessions": 5]))
        #expect(service == .init(openSessions: 5))
        let error = #expect(throws: DaypassError.self) {
            _ = try SessionServiceConfiguration(config: reader(["openSessionsPerCreator": 0]))
        }
        #expect(error?.details.map(\.path) == ["openSessionsPerCreator"])
    }
}
