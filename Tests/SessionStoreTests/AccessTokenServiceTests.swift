import DaypassTestSupport
import SessionModel
import SessionStore
import Testing

@Suite struct AccessTokenServiceTests {
    let store = InMemorySessionStore()
    let clock = ManualClock()
    let admin = Actor(name: "admin", address: "127.0.0.1")

    private func service(limit: Int = 1000) -> AccessTokenService {
        AccessTokenService(
            store: self.store,
            configuration: .init(accessTokens: limit),
            clock: self.clock.wallClock,
            randomSource: SeededGenerator.source(seed: 1)
        )
    }

    @Test func aTokenWorksUntilItExpires() async throws {
        let service = self.service()
        let created = try await service.create(
            label: "build server",
            scopes: [.create, .read],
            lifetime: .seconds(60),
            by: self.admin
        )
        #expect(created.secret.hasPrefix("dp_") && created.secret.utf8.count == 43)
        #expect(created.secret.utf8.dropFirst(3).allSatisfy(isBase36))
        #expect(created.record.id.hasPrefix("tok_") && created.record.id.utf8.count == 20)
        #expect(created.record.digest.matches(created.secret))
        #expect(try await service.authenticate(created.secret) == created.record)
        #expect(try await service.list() == [created.record])
        self.clock.advance(by: .milliseconds(59_999))
        #expect(try await service.authenticate(created.secret) != nil)
        self.clock.advance(by: .milliseconds(1))
        #expect(try await service.authenticate(created.secret) == nil)
    }

    @Test func aRevokedTokenStopsAtOnce() async throws {
        let service = self.service()
        let created = try await service.create(label: "ci", scopes: [.manage], lifetime: nil, by: self.admin)
        let revoked = try await service.revoke(id: created.record.id, by: self.admin)
        #expect(revoked.revokedAt == self.clock.timestamp)
        #expect(try await service.authenticate(created.secret) == nil)
        self.clock.advance(by: .seconds(1))
        #expect(try await service.revoke(id: created.record.id, by: self.admin) == revoked)
        let events = try await self.store.auditEvents(of: nil, limit: 10)
        #expect(events.map(\.action) == [.tokenRevoked, .tokenCreated])
        #expect(events.allSatisfy { $0.summary.contains(created.record.id) && !$0.summary.contains(created.secret) })
        for id in ["tok_unknown", "", String(repeating: "x", count: 100_000)] {
            let error = await #expect(throws: DaypassError.self) {
                _ = try await service.revoke(id: id, by: self.admin)
            }
            #expect(error?.code == .notFound)
        }
    }

    @Test func nothingElseIsASecret() async throws {
        let service = self.service()
        let created = try await service.create(label: "ci", scopes: [.create], lifetime: nil, by: self.admin)
        let others = [
            "", "dp_", created.record.id, String(created.secret.dropFirst(3)), created.secret + " ",
            created.secret.uppercased(), String(created.secret.dropLast()) + "\u{E9}",
            String(repeating: "x", count: 1_000_000),
        ]
        for other in others { #expect(try await service.authenticate(other) == nil) }
    }

    @Test func refusesInvalidRequests() async throws {
        let service = self.service()
        let error = await #expect(throws: DaypassError.self) {
            _ = try await service.create(label: "", scopes: [], lifetime: .zero, by: self.admin)
        }
        #expect(error?.code == .validationError)
        #expect(error?.details.map(\.path) == ["label", "scopes", "expiresIn"])
        for label in [String(repeating: "x", count: 129), String(repeating: "\u{1F468}\u{200D}\u{1F469}", count: 60)] {
            let error = await #expect(throws: DaypassError.self) {
                _ = try await service.create(label: label, scopes: [.read], lifetime: nil, by: self.admin)
            }
            #expect(error?.details.map(\.path) == ["label"])
        }
        #expect(try await service.list().isEmpty)
    }

    @Test func keepsABoundedNumber() async throws {
        let service = self.service(limit: 2)
        let make = { try await service.create(label: "x", scopes: [.read], lifetime: nil, by: self.admin) }
        let first = try await make()
        _ = try await make()
        let error = await #expect(throws: DaypassError.self) { _ = try await make() }
        #expect(error?.code == .conflict)
        _ = try await service.revoke(id: first.record.id, by: self.admin)
        _ = try await make()
    }
}
