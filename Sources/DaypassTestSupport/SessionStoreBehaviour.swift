import SessionModel
package import SessionStore

/// What every `SessionStore` must do, one case per behaviour; both store's tests run all of them, each on a new store.
package enum SessionStoreBehaviour: String, CaseIterable, Sendable {
    case findsWhatWasInserted
    case keepsStrangeTextByteForByte
    case keepsExtremeValues
    case refusesTakenSlugsAndIDs
    case freesSlugsOfDeletedSessions
    case limitsOpenSessions
    case countsOnlyOpenSessions
    case limitsHoldUnderConcurrency
    case oneOfManyGetsASlug
    case pagesNewestFirst
    case pagesAreStable
    case pagesAreBounded
    case updatesRaiseTheRevision
    case updatesWithoutChangeStoreNothing
    case updatesThatThrowStoreNothing
    case concurrentUpdatesAllCount
    case unknownSessionsAreRefused
    case keepsKickedViewersInOrder
    case deletesOnce
    case forgetsWhatEndedFirst
    case findsTheEndBehindWhichToForget
    case keepsAuditEventsInOrder
    case prunesAuditEvents
    case findsAccessTokens
    case limitsAccessTokens
    case revokesAccessTokensOnce
    case forgetsAccessTokens
    case answersPings

    /// Checks the behaviour on `store`, which must be empty.
    ///
    /// Throws `ConformanceFailure`.
    package func check(_ store: any SessionStore) async throws {
        let suite = SessionStoreConformance(store: store)
        switch self {
        case .findsWhatWasInserted: try await suite.findsWhatWasInserted()
        case .keepsStrangeTextByteForByte: try await suite.keepsStrangeTextByteForByte()
        case .keepsExtremeValues: try await suite.keepsExtremeValues()
        case .refusesTakenSlugsAndIDs: try await suite.refusesTakenSlugsAndIDs()
        case .freesSlugsOfDeletedSessions: try await suite.freesSlugsOfDeletedSessions()
        case .limitsOpenSessions: try await suite.limitsOpenSessions()
        case .countsOnlyOpenSessions: try await suite.countsOnlyOpenSessions()
        case .limitsHoldUnderConcurrency: try await suite.limitsHoldUnderConcurrency()
        case .oneOfManyGetsASlug: try await suite.oneOfManyGetsASlug()
        case .pagesNewestFirst: try await suite.pagesNewestFirst()
        case .pagesAreStable: try await suite.pagesAreStable()
        case .pagesAreBounded: try await suite.pagesAreBounded()
        case .updatesRaiseTheRevision: try await suite.updatesRaiseTheRevision()
        case .updatesWithoutChangeStoreNothing: try await suite.updatesWithoutChangeStoreNothing()
        case .updatesThatThrowStoreNothing: try await suite.updatesThatThrowStoreNothing()
        case .concurrentUpdatesAllCount: try await suite.concurrentUpdatesAllCount()
        case .unknownSessionsAreRefused: try await suite.unknownSessionsAreRefused()
        case .keepsKickedViewersInOrder: try await suite.keepsKickedViewersInOrder()
        case .deletesOnce: try await suite.deletesOnce()
        case .forgetsWhatEndedFirst: try await suite.forgetsWhatEndedFirst()
        case .findsTheEndBehindWhichToForget: try await suite.findsTheEndBehindWhichToForget()
        case .keepsAuditEventsInOrder: try await suite.keepsAuditEventsInOrder()
        case .prunesAuditEvents: try await suite.prunesAuditEvents()
        case .findsAccessTokens: try await suite.findsAccessTokens()
        case .limitsAccessTokens: try await suite.limitsAccessTokens()
        case .revokesAccessTokensOnce: try await suite.revokesAccessTokensOnce()
        case .forgetsAccessTokens: try await suite.forgetsAccessTokens()
        case .answersPings: try await store.ping()
        }
    }
}

/// The checks, on one store.
package struct SessionStoreConformance: StoreConformance {
    /// The store under test, empty at the start.
    package let store: any SessionStore
    /// Limits that nothing here reaches.
    let wide = SessionLimits(perCreator: 100_000, total: 100_000, now: SampleSessions().now)

    /// Checks for `store`.
    package init(store: any SessionStore) {
        self.store = store
    }

    /// Adds a session with its `session.created` event.
    func insert(_ record: SessionRecord, limits: SessionLimits? = nil) async throws {
        let event = AuditEvent(
            sessionID: record.id,
            at: record.createdAt,
            actor: Actor(name: "local", address: "127.0.0.1"),
            action: .sessionCreated,
            summary: "created"
        )
        try await self.store.insert(record, limits: limits ?? self.wide, audit: event)
    }
}
