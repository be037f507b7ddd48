import DaypassTestSupport
import GatewayService
import SessionModel
import SessionStore
import Synchronization
import Testing

@Suite struct GatewayKeysTests {
    @Test func aKeyIsShownOnceAndStoredAsDigest() async throws {
        let fixture = try await ManagerFixture()
        try await fixture.tenant()
        let created = try await fixture.key(#","expiresIn":"90d""#)
        #expect(APIKeyText(parsing: created.secret)?.kind == .publishable)
        #expect(created.record.digest == SecretDigest(of: created.secret))
        #expect(created.record.createdAt == fixture.clock.timestamp)
        #expect(created.record.expiresAt == fixture.clock.timestamp + .seconds(90 * 86_400))
        #expect(fixture.gate.read(\.keys) == [created.record.id: created.record])
        #expect(try await fixture.manager.key(created.record.id) == created.record)
        #expect(try await fixture.manager.keys(of: nil, after: nil, limit: 9) == [created.record])
        let events = try await fixture.manager.gatewayAuditEvents(of: created.record.tenant, limit: 1)
        #expect(events.map(\.action) == [.keyCreated])
        #expect(events.first?.summary.contains(created.record.id.text) == true)
        #expect(events.first?.summary.contains(created.secret) == false)
    }

    @Test func refusesKeysOfUnknownTenantsAndStrangeNames() async throws {
        let fixture = try await ManagerFixture()
        await fixture.refused(.notFound) { _ = try await fixture.key() }
        try await fixture.tenant()
        var request = try fixture.request()
        request.name = "a\u{1B}[31m"
        await fixture.refused(.validationError) { [request] in
            _ = try await fixture.manager.createKey(request, tenant: SampleGateway.slug("acme"), by: fixture.actor)
        }
        let key = try await fixture.key().record
        await fixture.refused(.validationError) {
            _ = try await fixture.manager.updateKey(key.id, .init(name: "a\u{0}b"), by: fixture.actor)
        }
        #expect(fixture.gate.read(\.keys) == [key.id: key])
    }

    @Test func updatesInPart() async throws {
        let fixture = try await ManagerFixture()
        try await fixture.tenant()
        let key = try await fixture.key().record
        let update = APIKeyUpdate(
            name: "other",
            webOrigins: [SampleGateway.origin("https://other.example")],
            channels: .both
        )
        let changed = try await fixture.manager.updateKey(key.id, update, by: fixture.actor)
        var expected = key
        expected.name = "other"
        expected.webOrigins = [SampleGateway.origin("https://other.example")]
        expected.channels = .both
        #expect(changed == expected)
        #expect(fixture.gate.read(\.keys)[key.id] == expected)
        let event = try await fixture.manager.gatewayAuditEvents(of: nil, limit: 1).first
        #expect(event?.summary == "\(key.id) \(key.masked): name, webOrigins, channels")
        _ = try await fixture.manager.updateKey(key.id, update, by: fixture.actor)
        #expect(try await fixture.actions() == [.tenantCreated, .keyCreated, .keyChanged])
    }

    @Test func refusesContradictions() async throws {
        let fixture = try await ManagerFixture()
        try await fixture.tenant()
        let page = try await fixture.key().record
        let server = try await fixture.manager
            .createKey(
                NewAPIKey(json: ["name": "server", "kind": "secret", "scopes": ["quotes"]]),
                tenant: page.tenant,
                by: fixture.actor
            )
            .record
        let origin = SampleGateway.origin("https://shop.example")
        for (id, update) in [
            (page.id, APIKeyUpdate(channels: .server)), (page.id, APIKeyUpdate(webOrigins: [])),
            (server.id, APIKeyUpdate(channels: .both)), (server.id, APIKeyUpdate(webOrigins: [origin])),
            (page.id, APIKeyUpdate(plan: SampleGateway.name("nothing"))),
        ] {
            await fixture.refused(.validationError) {
                _ = try await fixture.manager.updateKey(id, update, by: fixture.actor)
            }
        }
        #expect(fixture.gate.read(\.keys) == [page.id: page, server.id: server])
        let stranger = try #require(APIKeyID("key_000000000000"))
        await fixture.refused(.notFound) {
            _ = try await fixture.manager.updateKey(stranger, .init(name: "x"), by: fixture.actor)
        }
    }

    @Test func rotationKeepsTheOldSecretForItsGrace() async throws {
        let fixture = try await ManagerFixture()
        try await fixture.tenant()
        let first = try await fixture.key()
        fixture.clock.advance(by: .seconds(60))
        let second = try await fixture.manager.rotateKey(first.record.id, grace: .seconds(86_400), by: fixture.actor)
        #expect(second.secret != first.secret)
        #expect(second.record.id == first.record.id)
        #expect(second.record.digest == SecretDigest(of: second.secret))
        #expect(second.record.retired?.digest == first.record.digest)
        #expect(second.record.retired?.worksUntil == fixture.clock.timestamp + .seconds(86_400))
        #expect(fixture.gate.read(\.keys)[first.record.id] == second.record)
        let event = try await fixture.manager.gatewayAuditEvents(of: nil, limit: 1).first
        #expect(event?.action == .keyRotated)
        #expect(event?.summary.contains(second.secret) == false)
        for grace in [Duration.seconds(-1), .seconds(30 * 86_400 + 1)] {
            await fixture.refused(.validationError) {
                _ = try await fixture.manager.rotateKey(first.record.id, grace: grace, by: fixture.actor)
            }
        }
        _ = try await fixture.manager.revokeKey(first.record.id, by: fixture.actor)
        await fixture.refused(.conflict) {
            _ = try await fixture.manager.rotateKey(first.record.id, grace: .zero, by: fixture.actor)
        }
    }

    @Test func revocationIsForGood() async throws {
        let fixture = try await ManagerFixture()
        try await fixture.tenant()
        let key = try await fixture.key().record
        let at = fixture.clock.timestamp
        #expect(try await fixture.manager.revokeKey(key.id, by: fixture.actor).revokedAt == at)
        #expect(fixture.gate.read(\.keys)[key.id]?.revokedAt == at)
        fixture.clock.advance(by: .seconds(5))
        #expect(try await fixture.manager.revokeKey(key.id, by: fixture.actor).revokedAt == at)
        #expect(try await fixture.actions() == [.tenantCreated, .keyCreated, .keyRevoked])
    }

    @Test func sessionsOfAKeyAreVoidedUntilNow() async throws {
        let fixture = try await ManagerFixture()
        try await fixture.tenant()
        let key = try await fixture.key().record
        for _ in 0..<2 {
            fixture.clock.advance(by: .seconds(5))
            let voided = try await fixture.manager.revokeSessions(of: key.id, by: fixture.actor)
            #expect(voided.sessionsNotBefore == fixture.clock.timestamp)
            #expect(fixture.gate.read(\.keys)[key.id] == voided)
        }
        #expect(try await fixture.actions().suffix(2) == [.keySessionsRevoked, .keySessionsRevoked])
    }

    @Test func aSessionIsRevokedForAsLongAsItsTokensCouldLive() async throws {
        let fixture = try await ManagerFixture()
        var samples = SampleGateway()
        let session = samples.session()
        let until = fixture.clock.timestamp + .seconds(3600 + 600 + 5)
        try await fixture.manager.revokeSession(session, by: fixture.actor)
        #expect(fixture.gate.read(\.revoked) == [session: until])
        #expect(
            try await fixture.store.revokedSessions(now: fixture.clock.timestamp) == [.init(id: session, until: until)]
        )
        fixture.clock.advance(by: .seconds(60))
        try await fixture.manager.revokeSession(session, by: fixture.actor)
        #expect(fixture.gate.read(\.revoked) == [session: until])
        #expect(try await fixture.actions() == [.browserSessionRevoked])
        // Only a gate that took it makes the call succeed.
        fixture.gate.state.withLock { $0.room = 0 }
        let other = samples.session()
        await fixture.refused(.serviceUnavailable) {
            try await fixture.manager.revokeSession(other, by: fixture.actor)
        }
    }
}
