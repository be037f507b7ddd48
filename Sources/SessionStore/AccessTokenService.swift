package import SessionModel

/// Makes, checks and revokes access tokens; a value without state of its own.
package struct AccessTokenService: AccessTokenManagement {
    private let store: any SessionStore
    private let configuration: SessionServiceConfiguration
    private let clock: WallClock
    private let randomSource: RandomSource

    /// A service over `store`; `clock` and `randomSource` are replaced in tests.
    package init(
        store: any SessionStore,
        configuration: SessionServiceConfiguration = SessionServiceConfiguration(),
        clock: @escaping WallClock,
        randomSource: @escaping RandomSource = systemRandomSource
    ) {
        self.store = store
        self.configuration = configuration
        self.clock = clock
        self.randomSource = randomSource
    }

    package func create(
        label: String,
        scopes: Set<AccessScope>,
        lifetime: Duration?,
        by actor: Actor
    ) async throws -> CreatedAccessToken {
        var details: [DaypassError.Detail] = []
        if !(1...128).contains(label.count) || label.utf8.count > 512 {
            details.append(.init(path: "label", message: "must have 1 to 128 characters"))
        }
        if scopes.isEmpty { details.append(.init(path: "scopes", message: "must name at least one scope")) }
        if let lifetime, lifetime <= .zero {
            details.append(.init(path: "expiresIn", message: "must be longer than nothing"))
        }
        guard details.isEmpty else { throw DaypassError(.validationError, details: details) }

        var generator = SourceGenerator(source: self.randomSource)
        let secret = "dp_" + randomBase36(40, using: &generator)
        let now = self.clock()
        let record = AccessTokenRecord(
            id: "tok_" + randomBase36(16, using: &generator),
            label: label,
            digest: SecretDigest(of: secret),
            scopes: scopes,
            createdAt: now,
            expiresAt: lifetime.map { now + $0 }
        )
        let scopeNames = scopes.map(\.rawValue).sorted().joined(separator: " ")
        let summary = "\(record.id), \(scopeNames), \(record.expiresAt.map { "until \($0.iso8601)" } ?? "no expiry")"
        let event = AuditEvent(sessionID: nil, at: now, actor: actor, action: .tokenCreated, summary: summary)
        try await self.store.insert(record, limit: self.configuration.accessTokens, audit: event)
        return CreatedAccessToken(record: record, secret: secret)
    }

    /// The lookup is by digest, so its timing says nothing about how much of a guess is right.
    package func authenticate(_ secret: String) async throws -> AccessTokenRecord? {
        guard Self.hasSecretForm(secret) else { return nil }
        let record = try await self.store.accessToken(digest: SecretDigest(of: secret))
        guard let record, record.isValid(now: self.clock()) else { return nil }
        return record
    }

    package func list() async throws -> [AccessTokenRecord] {
        try await self.store.accessTokens()
    }

    package func revoke(id: String, by actor: Actor) async throws -> AccessTokenRecord {
        let now = self.clock()
        // An id that cannot exist is not looked up, nor written into an event.
        guard id.utf8.count <= 64 else { throw DaypassError(.notFound) }
        let event = AuditEvent(sessionID: nil, at: now, actor: actor, action: .tokenRevoked, summary: id)
        return try await self.store.revokeAccessToken(id: id, at: now, audit: event)
    }

    private static func hasSecretForm(_ text: String) -> Bool {
        text.utf8.count == 43 && text.hasPrefix("dp_") && text.utf8.dropFirst(3).allSatisfy(isBase36)
    }
}
