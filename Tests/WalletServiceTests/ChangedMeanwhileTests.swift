import DaypassTestSupport
import SQLiteStore
import SessionModel
import SessionStore
import Testing
import WalletService

/// What changes between a call's start and its transaction, and what is presented twice.
@Suite struct ChangedMeanwhileTests {
    /// A token that is revoked while the node is asked creates nothing, nor anything else afterwards.
    @Test func aRevokedTokenCommitsNothing() async throws {
        let fixture = try await WalletFixture()
        let manager = fixture.manager
        let id = fixture.organization.id
        let admin = fixture.admin
        let token = try await manager.createToken(
            NewOrganizationToken(label: "x", scopes: [.write]),
            of: id,
            by: admin
        )
        let holder = Actor(name: "token:\(token.record.id)", address: "127.0.0.1")
        let request = try await fixture.request(try .named("01"))
        _ = try await manager.createSessionKey(of: id, by: holder)
        fixture.node.meanwhile { _ = try await manager.revokeToken(token.record.id, of: id, by: admin) }
        func isRefused(_ body: () async throws -> Void) async {
            let error = await #expect(throws: WalletError.self) { try await body() }
            #expect(error?.code == .tokenInvalid)
        }
        await isRefused { _ = try await manager.createSessions(request, of: id, by: holder) }
        await isRefused { _ = try await manager.createSessionKey(of: id, by: holder) }
        let session = try await fixture.create(request).sessions[0]
        await isRefused { _ = try await manager.revokeSession(session.id, of: id, by: holder) }
        #expect(try await manager.session(session.id, of: id) == session)
        #expect(try await manager.sessionKeys(of: id, limit: 9, offset: 0).items.count == 1)
    }

    /// A token that expires while the node is asked is over, too.
    @Test func anExpiredTokenCommitsNothing() async throws {
        let fixture = try await WalletFixture()
        let token = try await fixture.manager.createToken(
            NewOrganizationToken(label: "x", scopes: [.write], lifetime: .seconds(60)),
            of: fixture.organization.id,
            by: fixture.admin
        )
        let holder = Actor(name: "token:\(token.record.id)", address: "127.0.0.1")
        let request = try await fixture.request(try .named("01"))
        fixture.node.meanwhile { [clock = fixture.clock] in clock.advance(by: .seconds(60)) }
        let error = await #expect(throws: WalletError.self) {
            try await fixture.manager.createSessions(request, of: fixture.organization.id, by: holder)
        }
        #expect(error?.code == .tokenInvalid)
    }

    /// A proof that a chain's former node gave is not stored.
    @Test(arguments: [false, true])
    func aChangedChainIsNoticed(isDeleted: Bool) async throws {
        let fixture = try await WalletFixture()
        let request = try await fixture.request(try .named("01"))
        let id = request.installs[0].chainID
        fixture.node.meanwhile { [manager = fixture.manager, admin = fixture.admin] in
            if isDeleted { return try await manager.deleteChain(id, by: admin) }
            let chain = WalletChain(id: id, name: "x", node: ChainURL("https://other.example/\(id)"))
            _ = try await manager.put(chain, by: admin)
        }
        let error = try await fixture.refusal(request)
        #expect(error.code == .conflict && error.message.contains("chain \(id)"))
    }

    @Test func anEndThatPassedIsNoticed() async throws {
        let fixture = try await WalletFixture()
        var request = try await fixture.request(try .named("01"))
        request.expiresAt = fixture.clock.timestamp + .seconds(60)
        fixture.node.meanwhile { [clock = fixture.clock] in clock.advance(by: .seconds(60)) }
        let error = try await fixture.refusal(request)
        #expect(error.code == .delegationRefused && error.details.map(\.path) == ["expiresAt"])
    }

    /// What is lent already is not lent again, and what was revoked never, not even when the session is forgotten.
    @Test(arguments: [false, true])
    func aPermissionIsPresentedOnce(isOpaque: Bool) async throws {
        let folder = try TemporaryDirectory("wallets")
        let store = try SQLiteSessionStore(in: try DataDirectory(path: folder.path))
        for store in [store, InMemoryWalletStore()] as [any WalletStore] {
            let fixture = try await WalletFixture(store: store)
            let id = fixture.organization.id
            var request = try await fixture.request(try .named("01"))
            request.policies = ["version": 1]
            if isOpaque {
                let wallet = NewWallet(name: "Safe", kind: .opaque, address: nil)
                request.wallet = try await fixture.manager.registerWallet(wallet, of: id, by: fixture.admin).id
                request.installs[0].serialized = "x"
            }
            func code() async throws -> WalletErrorCode? {
                request.expiresAt = fixture.clock.timestamp + .seconds(60)
                return await #expect(throws: WalletError.self) { try await fixture.create(request) }?.code
            }
            request.expiresAt = fixture.clock.timestamp + .seconds(60)
            let first = try await fixture.create(request).sessions[0]
            #expect(first.warnings.contains { $0.code == "policies_not_evaluated" })
            #expect(try await code() == .permissionActive)
            // One that merely ended may be lent again.
            fixture.clock.advance(by: .seconds(60))
            request.expiresAt = fixture.clock.timestamp + .seconds(60)
            let second = try await fixture.create(request).sessions[0]
            _ = try await fixture.manager.revokeSession(second.id, of: id, by: fixture.admin)
            #expect(try await code() == .permissionRevoked)
            fixture.clock.advance(by: .seconds(92 * 86_400))
            _ = try await fixture.manager.createSessionKey(of: id, by: fixture.admin)
            await #expect(throws: WalletError.self) { try await fixture.manager.session(second.id, of: id) }
            if isOpaque { #expect(try await code() == .permissionRevoked) }
        }
        try store.close()
    }

    /// The same install twice in one call is one permission.
    @Test func twiceInOneCall() async throws {
        let fixture = try await WalletFixture()
        var request = try await fixture.request(try .named("01"))
        request.installs.append(request.installs[0])
        #expect(try await fixture.refusal(request).code == .permissionActive)
    }

    /// A ledger of the server that is gone although there is an organization is not whole.
    @Test func theServersLedgerIsMissed() async throws {
        let fixture = try await WalletFixture(store: InMemoryWalletStore())
        let other = Organization(
            id: fixture.organization.id,
            name: "x",
            createdAt: fixture.clock.timestamp
        )
        let store = InMemoryWalletStore()
        let manager = WalletManager(store: store, node: fixture.node, clock: fixture.clock.wallClock)
        #expect(try await manager.verifyAudit(of: .server).isIntact)
        try await store.changeWallets { try $0.put(other) }
        #expect(try await manager.verifyAudit(of: .server).problem == .truncated)
        _ = try await manager.put(WalletChain(id: 1, name: "x", node: nil), by: fixture.admin)
        #expect(try await manager.verifyAudit(of: .server).problem == .headForged)
    }
}
