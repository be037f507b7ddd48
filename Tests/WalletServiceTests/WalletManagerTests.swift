import DaypassTestSupport
import SessionModel
import SessionStore
import Testing
import WalletService

/// Everything but creating sessions.
@Suite struct WalletManagerTests {
    @Test func organizations() async throws {
        let fixture = try await WalletFixture()
        let manager = fixture.manager
        let id = fixture.organization.id
        let renamed = try await manager.updateOrganization(id, OrganizationUpdate(name: "Bolt"), by: fixture.admin)
        #expect(renamed.name == "Bolt" && renamed.allowsDelegateCalls)
        #expect(try await manager.organizations() == [renamed])
        // The same again changes nothing and is not recorded.
        _ = try await manager.updateOrganization(id, OrganizationUpdate(name: "Bolt"), by: fixture.admin)
        #expect(
            try await manager.audit(of: fixture.ledger, before: nil, limit: 9).map(\.action)
                == [.organizationChanged, .organizationCreated]
        )
        try await manager.deleteOrganization(id, by: fixture.admin)
        await #expect(throws: WalletRefusals.unknownOrganization) { try await manager.organization(id) }
        // Its records stay, and the server's ledger knows of it.
        #expect(try await manager.audit(of: fixture.ledger, before: nil, limit: 1)[0].action == .organizationDeleted)
        #expect(try await manager.audit(of: .server, before: nil, limit: 1)[0].subject == id.text)
        #expect(try await manager.verifyAudit(of: fixture.ledger).verified == 3)
    }

    @Test func callsThatAreRecordedAreLimited() async throws {
        let fixture = try await WalletFixture(configuration: WalletServiceConfiguration(maxCallsPerMinute: 3))
        let (manager, organization) = (fixture.manager, fixture.organization.id)
        var request = try await fixture.request(try .named("01"))
        let session = try await fixture.create(request).sessions[0]
        // Refused calls count.
        request.expiresAt = fixture.clock.timestamp
        let refusal = await #expect(throws: WalletError.self) { try await fixture.create(request) }
        #expect(refusal?.code == .delegationRefused)
        _ = try await manager.createSessionKey(of: organization, by: fixture.admin)
        let records = try await manager.audit(of: fixture.ledger, before: nil, limit: 100).count
        let tooMany = WalletError(.rateLimited, retryAfterSeconds: 20)
        await #expect(throws: tooMany) { try await fixture.create(request) }
        await #expect(throws: tooMany) { try await manager.createSessionKey(of: organization, by: fixture.admin) }
        await #expect(throws: tooMany) {
            try await manager.delegation(of: session.id, in: organization, by: fixture.admin)
        }
        #expect(try await manager.audit(of: fixture.ledger, before: nil, limit: 100).count == records)
        // Another organization has its own calls, and taking back is always possible.
        let other = try await manager.createOrganization(NewOrganization(name: "Other"), by: fixture.admin).id
        _ = try await manager.createSessionKey(of: other, by: fixture.admin)
        _ = try await manager.revokeSession(session.id, of: organization, by: fixture.admin)
        fixture.clock.advance(by: .seconds(20))
        _ = try await manager.createSessionKey(of: organization, by: fixture.admin)
        await #expect(throws: tooMany) { try await manager.createSessionKey(of: organization, by: fixture.admin) }
    }

    @Test func limits() async throws {
        let fixture = try await WalletFixture(
            configuration: WalletServiceConfiguration(
                maxOrganizations: 1,
                maxTokens: 1,
                maxChains: 1,
                maxWallets: 1,
                maxSessionKeys: 1,
                maxActiveSessions: 1
            )
        )
        let manager = fixture.manager
        let id = fixture.organization.id
        let admin = fixture.admin
        func isFull(_ what: String, _ body: () async throws -> Void) async {
            let error = await #expect(throws: WalletError.self, "\(what)") { try await body() }
            #expect(error?.code == .limitReached, "\(what)")
        }
        await isFull("organizations") {
            _ = try await manager.createOrganization(NewOrganization(name: "x"), by: admin)
        }
        let token = NewOrganizationToken(label: "x", scopes: [.read], lifetime: .seconds(60))
        _ = try await manager.createToken(token, of: id, by: admin)
        await isFull("tokens") { _ = try await manager.createToken(token, of: id, by: admin) }
        fixture.clock.advance(by: .seconds(60))
        _ = try await manager.createToken(token, of: id, by: admin)
        _ = try await manager.put(WalletChain(id: 1, name: "x", node: nil), by: admin)
        _ = try await manager.put(WalletChain(id: 1, name: "y", node: nil), by: admin)
        await isFull("chains") { _ = try await manager.put(WalletChain(id: 2, name: "x", node: nil), by: admin) }
        let wallet = try await manager.registerWallet(
            NewWallet(name: "x", kind: .opaque, address: nil),
            of: id,
            by: admin
        )
        await isFull("wallets") {
            _ = try await manager.registerWallet(NewWallet(name: "y", kind: .opaque, address: nil), of: id, by: admin)
        }
        let key = try await manager.createSessionKey(of: id, by: admin)
        await isFull("keys") { _ = try await manager.createSessionKey(of: id, by: admin) }
        var request = NewWalletSession(
            expiresAt: fixture.clock.timestamp + .seconds(60),
            installs: [WalletInstall(chainID: 1, serialized: "x"), WalletInstall(chainID: 2, serialized: "x")],
            sessionAddress: key.address,
            wallet: wallet.id
        )
        await isFull("sessions") { _ = try await fixture.create(request) }
        request.installs.removeLast()
        #expect(try await fixture.create(request).sessions[0].sessionKey == key.id)
    }

    @Test func tokens() async throws {
        let fixture = try await WalletFixture()
        let manager = fixture.manager
        let id = fixture.organization.id
        let request = NewOrganizationToken(label: "ci", scopes: [.read, .write], lifetime: .seconds(60))
        let created = try await manager.createToken(request, of: id, by: fixture.admin)
        #expect(created.secret.hasPrefix("dpo_") && created.secret.utf8.count == 44)
        #expect(try await manager.authenticate(created.secret) == created.record)
        #expect(try await manager.authenticate(created.secret.uppercased()) == nil)
        #expect(try await manager.authenticate("dpo_") == nil)
        #expect(!created.record.json.text.contains(created.secret))
        #expect(created.json["token"] == .string(created.secret))
        let lasting = try await manager.createToken(
            NewOrganizationToken(label: "x", scopes: [.execute]),
            of: id,
            by: fixture.admin
        )
        fixture.clock.advance(by: .seconds(60))
        #expect(try await manager.authenticate(created.secret) == nil)
        #expect(try await manager.authenticate(lasting.secret) != nil)
        let revoked = try await manager.revokeToken(lasting.record.id, of: id, by: fixture.admin)
        #expect(try await manager.revokeToken(lasting.record.id, of: id, by: fixture.admin) == revoked)
        #expect(try await manager.authenticate(lasting.secret) == nil)
        #expect(try await manager.tokens(of: id).map(\.id) == [lasting.record.id, created.record.id])
        for record in try await manager.audit(of: fixture.ledger, before: nil, limit: 9) {
            #expect(!record.json.text.contains("dpo_"))
        }
    }

    @Test func wallets() async throws {
        let fixture = try await WalletFixture()
        let manager = fixture.manager
        let id = fixture.organization.id
        func register(_ address: String?, kind: WalletKind = .kernel, version: String? = nil) async throws
            -> WalletRecord
        {
            let address = address.flatMap { WalletAddress($0) }
            return try await manager.registerWallet(
                NewWallet(name: "w", kind: kind, address: address, kernelVersion: version),
                of: id,
                by: fixture.admin
            )
        }
        let wallet = try await register("0x70997970c51812dc3a010c7d01b50e0d17dc79c8")
        #expect(wallet.address?.text == "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
        for (address, version, path) in [
            ("0x70997970c51812dc3A010C7d01b50e0d17dc79C8", nil, "address"), (nil, nil, "address"),
            ("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", "0.4.0", "kernelVersion"),
        ] as [(String?, String?, String)] {
            let error = await #expect(throws: WalletError.self) { _ = try await register(address, version: version) }
            #expect(error?.code == .invalidRequest && error?.details.map(\.path) == [path])
        }
        await #expect(throws: WalletRefusals.walletTaken) {
            _ = try await register("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
        }
        let second = try await register("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", version: "0.3.1")
        let page = try await manager.wallets(of: id, limit: 1, offset: 0)
        #expect(page.items == [second] && page.hasMore)
        let last = try await manager.wallets(of: id, limit: 1, offset: 1)
        #expect(last.items == [wallet] && !last.hasMore)
        try await manager.deleteWallet(second.id, of: id, by: fixture.admin)
        await #expect(throws: WalletRefusals.unknownWallet) { _ = try await manager.wallet(second.id, of: id) }
    }

    @Test func sessionsEnd() async throws {
        let fixture = try await WalletFixture()
        let manager = fixture.manager
        let id = fixture.organization.id
        let request = try await fixture.request(try .named("30"))
        let sessions = try await fixture.create(request).sessions
        let revoked = try await manager.revokeSession(sessions[0].id, of: id, by: fixture.admin)
        #expect(revoked.revokedAt == fixture.clock.timestamp)
        await #expect(throws: WalletError(.sessionEnded)) {
            _ = try await manager.revokeSession(sessions[0].id, of: id, by: fixture.admin)
        }
        let active = try await manager.sessions(of: id, wallet: request.wallet, limit: 20, offset: 0)
        #expect(active.items.map(\.id) == [sessions[2].id, sessions[1].id])
        await #expect(throws: WalletRefusals.walletInUse) {
            try await manager.deleteWallet(request.wallet, of: id, by: fixture.admin)
        }
        fixture.clock.advance(by: .seconds(86_400))
        await #expect(throws: WalletError(.sessionEnded)) {
            _ = try await manager.revokeSession(sessions[1].id, of: id, by: fixture.admin)
        }
        #expect(try await manager.sessions(of: id, wallet: nil, limit: 20, offset: 0).items.isEmpty)
        #expect(try await manager.session(sessions[1].id, of: id) == sessions[1])
        try await manager.deleteWallet(request.wallet, of: id, by: fixture.admin)
    }

    /// Another organization's identifiers are answered exactly as ones that nobody has.
    @Test func othersAreUnknown() async throws {
        let fixture = try await WalletFixture()
        let manager = fixture.manager
        let admin = fixture.admin
        let request = try await fixture.request(try .named("01"))
        let session = try await fixture.create(request).sessions[0]
        let other = try await manager.createOrganization(NewOrganization(name: "Other"), by: admin).id
        let token = try await manager.createToken(
            NewOrganizationToken(label: "x", scopes: [.read]),
            of: fixture.organization.id,
            by: admin
        )
        var generator = SeededGenerator(seed: 5)
        func same(_ calls: (() async throws -> Void, () async throws -> Void)) async {
            let theirs = await #expect(throws: WalletError.self) { try await calls.0() }
            let nobodys = await #expect(throws: WalletError.self) { try await calls.1() }
            #expect(theirs == nobodys && theirs?.code == .notFound)
        }
        let noSession = WalletSessionID.random(using: &generator)
        let noWallet = WalletID.random(using: &generator)
        let noToken = OrganizationTokenID.random(using: &generator)
        await same(
            (
                { _ = try await manager.session(session.id, of: other) },
                {
                    _ = try await manager.session(noSession, of: other)
                }
            )
        )
        await same(
            (
                { _ = try await manager.revokeSession(session.id, of: other, by: admin) },
                {
                    _ = try await manager.revokeSession(noSession, of: other, by: admin)
                }
            )
        )
        await same(
            (
                { _ = try await manager.delegation(of: session.id, in: other, by: admin) },
                {
                    _ = try await manager.delegation(of: noSession, in: other, by: admin)
                }
            )
        )
        await same(
            (
                { _ = try await manager.wallet(request.wallet, of: other) },
                {
                    _ = try await manager.wallet(noWallet, of: other)
                }
            )
        )
        await same(
            (
                { try await manager.deleteWallet(request.wallet, of: other, by: admin) },
                {
                    try await manager.deleteWallet(noWallet, of: other, by: admin)
                }
            )
        )
        await same(
            (
                { _ = try await manager.revokeToken(token.record.id, of: other, by: admin) },
                {
                    _ = try await manager.revokeToken(noToken, of: other, by: admin)
                }
            )
        )
        await same(
            (
                { _ = try await manager.createSessions(request, of: other, by: admin) },
                {
                    var request = request
                    request.wallet = noWallet
                    _ = try await manager.createSessions(request, of: other, by: admin)
                }
            )
        )
        await same(
            (
                { _ = try await manager.sessions(of: other, wallet: request.wallet, limit: 1, offset: 0) },
                {
                    _ = try await manager.sessions(of: other, wallet: noWallet, limit: 1, offset: 0)
                }
            )
        )
        #expect(try await manager.session(session.id, of: fixture.organization.id) == session)
    }

    @Test func ledgersOfNobody() async throws {
        let fixture = try await WalletFixture(store: InMemoryWalletStore())
        var generator = SeededGenerator(seed: 6)
        let nobody = WalletLedger.organization(.random(using: &generator))
        await #expect(throws: WalletRefusals.unknownOrganization) {
            _ = try await fixture.manager.audit(of: nobody, before: nil, limit: 5)
        }
        await #expect(throws: WalletRefusals.unknownOrganization) {
            _ = try await fixture.manager.verifyAudit(of: nobody)
        }
        #expect(try await fixture.manager.verifyAudit(of: .server).isIntact)
        #expect(try await fixture.manager.audit(of: fixture.ledger, before: 1, limit: 5).isEmpty)
    }

    /// What ended long ago goes with the next call that creates something.
    @Test func whatIsOverIsForgotten() async throws {
        let fixture = try await WalletFixture()
        let request = try await fixture.request(try .named("01"))
        let session = try await fixture.create(request).sessions[0]
        _ = try await fixture.manager.createSessionKey(of: fixture.organization.id, by: fixture.admin)
        fixture.clock.advance(by: .seconds(92 * 86_400))
        let key = try await fixture.manager.createSessionKey(of: fixture.organization.id, by: fixture.admin)
        let keys = try await fixture.manager.sessionKeys(of: fixture.organization.id, limit: 9, offset: 0)
        #expect(keys.items == [key])
        let error = await #expect(throws: WalletError.self) {
            _ = try await fixture.manager.session(session.id, of: fixture.organization.id)
        }
        #expect(error?.code == .notFound)
    }
}
