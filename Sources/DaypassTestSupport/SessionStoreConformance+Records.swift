import SessionModel
import SessionStore

extension SessionStoreConformance {
    func keepsAuditEventsInOrder() async throws {
        var samples = SampleSessions()
        let records = [samples.session(), samples.session()]
        for record in records { try await self.insert(record) }
        var expected: [[AuditEvent]] = [[], []]
        for index in 0..<20 {
            // Several events in one millisecond, and a clock that is set back, change nothing about the order.
            samples.now = SampleSessions().now + .milliseconds(index < 10 ? index / 4 : -index)
            let event = samples.event(.policyUpdated, of: records[index % 2].id, summary: "change \(index)")
            expected[index % 2].insert(event, at: 0)
            _ = try await self.store.update(slug: records[index % 2].slug) { _ in event }
        }
        for (index, record) in records.enumerated() {
            let events = try await self.store.auditEvents(of: record.id, limit: 1000)
            try self.expect(events.dropLast(), expected[index][...], "events of one session")
            try self.expect(events.last?.action, .sessionCreated, "the oldest event")
        }
        let newest = try await self.store.auditEvents(of: nil, limit: 3)
        try self.expect(newest.map(\.summary), ["change 19", "change 18", "change 17"], "of all sessions")
        let token = samples.accessToken()
        let event = AuditEvent(
            sessionID: nil,
            at: samples.now,
            actor: .system,
            action: .tokenCreated,
            summary: ""
        )
        try await self.store.insert(token, limit: 9, audit: event)
        try self.expect(try await self.store.auditEvents(of: nil, limit: 1), [event], "an event of no session")
        for action in AuditEvent.Action.allCases {
            let event = samples.event(action, of: records[0].id)
            _ = try await self.store.update(slug: records[0].slug) { _ in event }
            try self.expect(try await self.store.auditEvents(of: nil, limit: 1), [event], "\(action)")
        }
    }

    func prunesAuditEvents() async throws {
        var samples = SampleSessions()
        let record = samples.session()
        try await self.insert(record)
        for index in 1..<10 {
            let event = samples.event(.policyUpdated, of: record.id, summary: "change \(index)")
            _ = try await self.store.update(slug: record.slug) { _ in event }
        }
        try self.expect(try await self.store.pruneAuditEvents(keepingNewest: 10), 0, "all are kept")
        try self.expect(try await self.store.pruneAuditEvents(keepingNewest: 4), 6, "removed")
        let kept = try await self.store.auditEvents(of: nil, limit: 100)
        try self.expect(kept.map(\.summary), (6...9).reversed().map { "change \($0)" }, "the newest are kept")
        try self.expect(try await self.store.auditEvents(of: record.id, limit: 100), kept, "of the session")
        try self.expect(try await self.store.pruneAuditEvents(keepingNewest: 0), 4, "removed")
        let event = samples.event(.policyUpdated, of: record.id, summary: "after")
        _ = try await self.store.update(slug: record.slug) { _ in event }
        try self.expect(try await self.store.auditEvents(of: nil, limit: 100), [event], "and it goes on")
    }

    func findsAccessTokens() async throws {
        var samples = SampleSessions()
        var tokens: [AccessTokenRecord] = []
        for index in 0..<6 {
            samples.now = SampleSessions().now + .milliseconds(index / 2)
            var token = samples.accessToken(
                scopes: index == 0 ? [] : Set(AccessScope.allCases.prefix(index)),
                lifetime: index % 2 == 0 ? nil : .seconds(index)
            )
            token.label = Self.strangeTexts[index]
            tokens.append(token)
            try await self.store.insert(token, limit: 9, audit: samples.event(.tokenCreated, of: nil))
        }
        for token in tokens {
            let kept = try await self.store.accessToken(digest: token.digest)
            try self.expect(kept, token, "by digest")
            try self.expect(kept.map { Array($0.label.utf8) }, Array(token.label.utf8), "label")
        }
        let unknown = SecretDigest(of: "nobody's")
        try self.expect(try await self.store.accessToken(digest: unknown), nil, "an unknown digest")
        tokens.sort { ($0.createdAt, $0.id) > ($1.createdAt, $1.id) }
        try self.expect(try await self.store.accessTokens(), tokens, "the list")
    }

    func limitsAccessTokens() async throws {
        var samples = SampleSessions()
        let tokens = [samples.accessToken(), samples.accessToken(lifetime: .seconds(10)), samples.accessToken()]
        let event = samples.event(.tokenCreated, of: nil)
        for token in tokens[..<2] { try await self.store.insert(token, limit: 2, audit: event) }
        try await self.expect(.conflict, "one more") {
            try await self.store.insert(tokens[2], limit: 2, audit: event)
        }
        var sameDigest = samples.accessToken()
        sameDigest.digest = tokens[0].digest
        var sameID = samples.accessToken()
        sameID.id = tokens[0].id
        for token in [sameDigest, sameID] {
            try await self.expect(.conflict, "a taken id or digest") {
                try await self.store.insert(token, limit: 9, audit: event)
            }
        }
        try self.expect(try await self.store.accessTokens().count, 2, "tokens")
        try self.expect(try await self.store.auditEvents(of: nil, limit: 9).count, 2, "events")
        // An expired token no longer counts, nor does a revoked one.
        samples.now = samples.now + .seconds(10)
        try await self.store.insert(samples.accessToken(), limit: 2, audit: event)
        _ = try await self.store.revokeAccessToken(id: tokens[0].id, at: samples.now, audit: event)
        try await self.store.insert(samples.accessToken(), limit: 2, audit: event)
    }

    func revokesAccessTokensOnce() async throws {
        var samples = SampleSessions()
        var token = samples.accessToken()
        let other = samples.accessToken()
        for token in [token, other] {
            try await self.store.insert(token, limit: 9, audit: samples.event(.tokenCreated, of: nil))
        }
        let event = samples.event(.tokenRevoked, of: nil, summary: token.id)
        let first = try await self.store.revokeAccessToken(id: token.id, at: samples.now, audit: event)
        token.revokedAt = samples.now
        try self.expect(first, token, "the first revocation")
        let later = samples.now + .seconds(5)
        let second = try await self.store.revokeAccessToken(id: token.id, at: later, audit: event)
        try self.expect(second, token, "the second revocation")
        try self.expect(try await self.store.accessToken(digest: token.digest), token, "the kept record")
        try self.expect(try await self.store.accessToken(digest: other.digest), other, "the other token")
        try self.expect(try await self.store.auditEvents(of: nil, limit: 9).count, 3, "events")
        try await self.expect(.notFound, "an unknown token") {
            _ = try await self.store.revokeAccessToken(id: "tok_unknown", at: later, audit: event)
        }
    }

    func forgetsAccessTokens() async throws {
        var samples = SampleSessions()
        let forever = samples.accessToken()
        let expiring = samples.accessToken(lifetime: .seconds(10))
        let revoked = samples.accessToken(lifetime: .seconds(1000))
        let event = samples.event(.tokenCreated, of: nil)
        for token in [forever, expiring, revoked] { try await self.store.insert(token, limit: 9, audit: event) }
        let at = samples.now + .seconds(20)
        _ = try await self.store.revokeAccessToken(id: revoked.id, at: at, audit: event)
        let forget = { (seconds: Int) in
            try await self.store.forgetAccessTokens(endedBefore: samples.now + .seconds(seconds))
        }
        try self.expect(try await forget(10), 0, "nothing ended before")
        try self.expect(try await forget(11), 1, "the expired one")
        try self.expect(try await forget(21), 1, "the revoked one")
        try self.expect(try await forget(1_000_000), 0, "nothing more")
        try self.expect(try await self.store.accessTokens(), [forever], "what is kept")
        try self.expect(try await self.store.accessToken(digest: revoked.digest), nil, "what is gone")
    }
}
