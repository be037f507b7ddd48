package import SessionModel

/// Records and events for tests, each different from the others and the same at every run.
package struct SampleSessions {
    private var generator: SeededGenerator
    /// When the next session is created.
    package var now: Timestamp

    /// Samples that depend only on `seed`.
    package init(seed: UInt64 = 1, now: Timestamp = Timestamp(millisecondsSinceEpoch: 1_772_638_200_000)) {
        self.generator = SeededGenerator(seed: seed)
        self.now = now
    }

    /// A session of `creator` that lives an hour.
    package mutating func session(
        slug: String? = nil,
        creator: String = "local:127.0.0.1",
        authMode: AuthMode = .none,
        policy: SessionPolicy = SessionPolicy(),
        lifetime: Duration = .seconds(3600)
    ) -> SessionRecord {
        let slug = slug.flatMap { Slug($0) } ?? SlugGenerator.random(using: &self.generator)
        let password = randomBase36(8, using: &self.generator)
        return SessionRecord(
            id: .random(using: &self.generator),
            slug: slug,
            port: 3000,
            authMode: authMode,
            basicCredentials: authMode == .basic ? BasicCredentials(password: password) : nil,
            ownerTokenDigest: SecretDigest(of: randomBase36(32, using: &self.generator)),
            policy: policy,
            creator: creator,
            createdAt: self.now,
            expiresAt: self.now + lifetime
        )
    }

    /// An access token and nothing that knows its secret.
    package mutating func accessToken(
        scopes: Set<AccessScope> = [.create],
        lifetime: Duration? = nil
    ) -> AccessTokenRecord {
        AccessTokenRecord(
            id: "tok_" + randomBase36(16, using: &self.generator),
            label: "build server",
            digest: SecretDigest(of: randomBase36(40, using: &self.generator)),
            scopes: scopes,
            createdAt: self.now,
            expiresAt: lifetime.map { self.now + $0 }
        )
    }

    /// An event about `id`.
    package func event(
        _ action: AuditEvent.Action,
        of id: SessionID?,
        summary: String = "sample"
    ) -> AuditEvent {
        let actor = Actor(name: "owner", address: "127.0.0.1")
        return AuditEvent(sessionID: id, at: self.now, actor: actor, action: action, summary: summary)
    }
}
