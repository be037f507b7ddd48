import SessionModel
import SessionStore

extension WalletStoreConformance {
    func keepsOrganizations() async throws {
        var samples = SampleWallets()
        let second = samples.organization("Bolt")
        var first = samples.organization("Acme")
        try await self.change { [first] in
            try $0.put(second)
            try $0.put(first)
        }
        try self.expect(try await self.store.organizations(), [first, second], "by name")
        first.name = "Crisp"
        first.allowsDelegateCalls = true
        first.allowsWildcardTargets = false
        try await self.change { [first] in
            try $0.put(first)
            guard try $0.organization(first.id) == first, try $0.organizationCount() == 2 else {
                throw ConformanceFailure(description: "a transaction sees what it wrote")
            }
        }
        try self.expect(try await self.store.organizations(), [second, first], "after a change")
        try self.expect(try await self.store.organization(second.id), second, "one")
        try await self.change { try $0.deleteOrganization(second.id) }
        try self.expect(try await self.store.organization(second.id), nil, "deleted")
        try await self.expect(.notFound, "deleted twice") { try $0.deleteOrganization(second.id) }
    }

    func refusesToDeleteOrganizationsWithWallets() async throws {
        var samples = SampleWallets()
        let (organization, wallet) = try await self.prepare(&samples)
        let token = samples.token(of: organization.id)
        let key = samples.sessionKey(of: organization.id)
        let now = samples.now
        try await self.change {
            try $0.put(token)
            try $0.insert(key, privateKey: SecretBytes([1]))
        }
        try await self.expect(.inUse, "with a wallet") { try $0.deleteOrganization(organization.id) }
        try await self.change {
            try $0.deleteWallet(wallet.id, of: organization.id, now: now)
            try $0.deleteOrganization(organization.id)
        }
        try self.expect(try await self.store.organizationToken(digest: token.digest), nil, "its tokens go, too")
        try self.expect(try await self.store.privateKey(of: key.id, in: organization.id), nil, "its keys go, too")
    }

    func keepsTokens() async throws {
        var samples = SampleWallets()
        let organization = samples.organization()
        var first = samples.token(of: organization.id)
        let second = samples.token(of: organization.id, scopes: [.write])
        let now = samples.now
        try await self.change { [first] in
            try $0.put(organization)
            try $0.put(first)
            try $0.put(second)
        }
        try self.expect(try await self.store.organizationTokens(of: organization.id), [second, first], "newest first")
        try self.expect(try await self.store.organizationToken(digest: first.digest), first, "by digest")
        try self.expect(try await self.store.organizationToken(digest: SecretDigest(of: "x")), nil, "none")
        first.revokedAt = now
        first.expiresAt = now + .seconds(5)
        try await self.change { [first] in
            try $0.put(first)
            guard try $0.validTokenCount(of: organization.id, now: now) == 1,
                try $0.token(first.id, of: organization.id) == first
            else { throw ConformanceFailure(description: "one token works") }
        }
        try self.expect(try await self.store.organizationTokens(of: organization.id), [second, first], "in its place")
        let stray = samples.token(of: samples.organization().id)
        try await self.expect(.notFound, "of no organization") { try $0.put(stray) }
    }

    func keepsChains() async throws {
        let samples = SampleWallets()
        var chain = samples.chain(84_532)
        let other = samples.chain(1)
        try await self.change { [chain] in
            try $0.put(chain)
            try $0.put(other)
        }
        try self.expect(try await self.store.walletChains(), [other, chain], "by identifier")
        try self.expect(try await self.store.walletChains([84_532, 7, 84_532]), [chain], "some")
        chain.bundler = nil
        chain.name = "Base"
        try await self.change { [chain] in
            try $0.put(chain)
            guard try $0.chainCount() == 2, try $0.hasChain(1), try !$0.hasChain(2) else {
                throw ConformanceFailure(description: "two chains")
            }
        }
        try self.expect(try await self.store.walletChains([84_532]), [chain], "changed")
        try await self.change { try $0.deleteChain(1) }
        try await self.expect(.notFound, "deleted twice") { try $0.deleteChain(1) }
        try self.expect(try await self.store.walletChains(), [chain], "at the end")
    }

    func keepsWallets() async throws {
        var samples = SampleWallets()
        let (organization, first) = try await self.prepare(&samples)
        let second = samples.wallet(of: organization.id, kind: .opaque)
        let third = samples.wallet(of: organization.id, kind: .opaque)
        try await self.change {
            try $0.insert(second)
            try $0.insert(third)
            guard try $0.walletCount(of: organization.id) == 3 else {
                throw ConformanceFailure(description: "three wallets")
            }
        }
        let all = try await self.store.wallets(of: organization.id, limit: 9, offset: 0)
        try self.expect(all, [third, second, first], "newest first")
        let middle = try await self.store.wallets(of: organization.id, limit: 1, offset: 1)
        try self.expect(middle, [second], "a page")
        try self.expect(try await self.store.wallet(first.id, of: organization.id), first, "one")
    }

    func refusesTakenWallets() async throws {
        var samples = SampleWallets()
        let (organization, wallet) = try await self.prepare(&samples)
        var same = samples.wallet(of: organization.id)
        same.address = WalletAddress("0x" + (wallet.address?.text.dropFirst(2).lowercased() ?? ""))
        try await self.expect(.conflict, "the same address in other letters") { [same] in try $0.insert(same) }
        same.kind = .opaque
        try await self.change { [same] in try $0.insert(same) }
        let stray = samples.wallet(of: samples.organization().id)
        try await self.expect(.notFound, "of no organization") { try $0.insert(stray) }
        let other = samples.organization("Other")
        var theirs = samples.wallet(of: other.id)
        theirs.address = wallet.address
        try await self.change { [theirs] in
            try $0.put(other)
            try $0.insert(theirs)
        }
    }

    func refusesToDeleteWalletsInUse() async throws {
        var samples = SampleWallets()
        let (organization, wallet) = try await self.prepare(&samples)
        let session = samples.session(of: wallet)
        let now = samples.now
        try await self.change { try $0.insert(session, delegation: SecretBytes([1])) }
        try await self.expect(.inUse, "an active session") {
            try $0.deleteWallet(wallet.id, of: organization.id, now: now)
        }
        try await self.change { try $0.deleteWallet(wallet.id, of: organization.id, now: session.expiresAt) }
        try self.expect(
            try await self.store.walletSession(session.id, of: organization.id),
            nil,
            "its sessions go, too"
        )
        try await self.expect(.notFound, "deleted twice") {
            try $0.deleteWallet(wallet.id, of: organization.id, now: now)
        }
    }

    func keepsSessionKeys() async throws {
        var samples = SampleWallets()
        let (organization, _) = try await self.prepare(&samples)
        let first = samples.sessionKey(of: organization.id)
        let second = samples.sessionKey(of: organization.id)
        try await self.change {
            try $0.insert(first, privateKey: SecretBytes([1, 2, 3]))
            try $0.insert(second, privateKey: SecretBytes([4]))
            let lower = WalletAddress(first.address.lowercased)
            guard let lower, try $0.sessionKey(lower, of: organization.id) == first,
                try $0.sessionKeyCount(of: organization.id) == 2
            else { throw ConformanceFailure(description: "found by address in any case") }
        }
        let keys = try await self.store.sessionKeys(of: organization.id, limit: 5, offset: 0)
        try self.expect(keys, [second, first], "newest first")
        let secret = try await self.store.privateKey(of: first.id, in: organization.id)
        try self.expect(secret?.bytes, [1, 2, 3], "the private half")
        let stray = samples.sessionKey(of: samples.organization().id)
        try await self.expect(.notFound, "of no organization") { try $0.insert(stray, privateKey: SecretBytes([1])) }
    }
}
