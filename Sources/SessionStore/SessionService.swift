package import SessionModel

/// Creates, changes and forgets sessions: the one place where a change is decided, stored, audited and announced.
///
/// A value without state of its own; any number of calls may run at once, and several processes may share the store.
/// Every change is published to the feed after the store has committed it and before the call returns. Two calls that
/// change one session at the same time are serialised by the store, but each publishes for itself, so their records
/// may reach receivers in either order: the higher `revision` is the newer.
package struct SessionService: SessionManagement {
    /// How often a drawn slug may be taken before creation gives up.
    package static let slugAttempts = 20

    let store: any SessionStore
    let feed: any SessionChangeFeed
    let configuration: SessionServiceConfiguration
    let isReserved: @Sendable (Slug) -> Bool
    let clock: WallClock
    let randomSource: RandomSource

    /// A service over `store` that announces to `feed`; `clock` and `randomSource` are replaced in tests.
    ///
    /// `isReserved` names slugs that something else relies on: only those who own every session may take them.
    package init(
        store: any SessionStore,
        feed: any SessionChangeFeed,
        configuration: SessionServiceConfiguration = SessionServiceConfiguration(),
        isReserved: @escaping @Sendable (Slug) -> Bool = { _ in false },
        clock: @escaping WallClock,
        randomSource: @escaping RandomSource = systemRandomSource
    ) {
        self.store = store
        self.feed = feed
        self.configuration = configuration
        self.isReserved = isReserved
        self.clock = clock
        self.randomSource = randomSource
    }

    package func create(_ request: NewSession, by actor: Actor, creator: String) async throws -> CreatedSession {
        var generator = SourceGenerator(source: self.randomSource)
        for attempt in 1... {
            let slug = request.slug ?? SlugGenerator.random(using: &generator)
            if self.isReserved(slug), !actor.ownsEverySession {
                guard request.slug == nil else {
                    throw DaypassError(
                        .conflict,
                        "The name \(slug) is kept for an API of the gateway. Choose another one."
                    )
                }
                continue
            }
            let created = self.newSession(request, slug: slug, creator: creator, using: &generator)
            let record = created.record
            let limits = SessionLimits(
                perCreator: self.configuration.openSessionsPerCreator,
                total: self.configuration.openSessions,
                now: record.createdAt
            )
            let summary = "slug \(slug), auth \(record.authMode.rawValue), until \(record.expiresAt.iso8601)"
            let event = AuditEvent(
                sessionID: record.id,
                at: record.createdAt,
                actor: actor,
                action: .sessionCreated,
                summary: summary
            )
            do {
                try await self.store.insert(record, limits: limits, audit: event)
            } catch let error as DaypassError where error.code == .conflict {
                if request.slug != nil {
                    throw DaypassError(.conflict, "The name \(slug) is taken. Choose another one.")
                }
                if attempt < Self.slugAttempts { continue }
                throw DaypassError(.serviceUnavailable, "No free name was found. Try again.", retryAfterSeconds: 1)
            }
            self.feed.publish(.updated(record))
            return created
        }
        preconditionFailure("the loop above only ends by returning or throwing")
    }

    package func session(id: SessionID) async throws -> SessionRecord {
        guard let record = try await self.store.session(id: id) else { throw DaypassError(.sessionNotFound) }
        return record
    }

    package func session(slug: Slug) async throws -> SessionRecord {
        guard let record = try await self.store.session(slug: slug) else { throw DaypassError(.sessionNotFound) }
        return record
    }

    package func sessions(after: SessionID?, limit: Int) async throws -> [SessionRecord] {
        try await self.store.sessions(after: after, limit: limit)
    }

    package func auditEvents(of id: SessionID?, limit: Int) async throws -> [AuditEvent] {
        try await self.store.auditEvents(of: id, limit: limit)
    }

    package func delete(id: SessionID, by actor: Actor) async throws {
        let event = AuditEvent(
            sessionID: id,
            at: self.clock(),
            actor: actor,
            action: .sessionDeleted,
            summary: "closed and forgotten"
        )
        try await self.store.delete(id: id, audit: event)
        self.feed.publish(.forgotten(id))
    }

    private func newSession(
        _ request: NewSession,
        slug: Slug,
        creator: String,
        using generator: inout SourceGenerator
    ) -> CreatedSession {
        let ownerToken = randomBase36(32, using: &generator)
        let now = self.clock()
        let record = SessionRecord(
            id: .random(using: &generator),
            slug: slug,
            port: request.port,
            authMode: request.authMode,
            basicCredentials: request.authMode == .basic
                ? BasicCredentials(password: randomBase36(8, using: &generator)) : nil,
            ownerTokenDigest: SecretDigest(of: ownerToken),
            policy: request.policy,
            creator: creator,
            createdAt: now,
            expiresAt: now + request.lifetime
        )
        return CreatedSession(record: record, ownerToken: ownerToken)
    }
}
