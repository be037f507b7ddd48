import SessionModel
import SessionStore

extension WalletStoreConformance {
    func keepsSessions() async throws {
        var samples = SampleWallets()
        let (organization, wallet) = try await self.prepare(&samples)
        let opaque = samples.wallet(of: organization.id, kind: .opaque)
        let key = samples.sessionKey(of: organization.id)
        let first = samples.session(of: wallet, key: key)
        let second = samples.session(of: opaque)
        let text = SecretBytes(Array("delegation é".utf8))
        try await self.change {
            try $0.insert(opaque)
            try $0.insert(key, privateKey: SecretBytes([1]))
            try $0.insert(first, delegation: text)
            try $0.insert(second, delegation: SecretBytes([]))
            guard try $0.session(first.id, of: organization.id) == first else {
                throw ConformanceFailure(description: "a transaction sees what it wrote")
            }
        }
        try self.expect(try await self.store.walletSession(first.id, of: organization.id), first, "of a kernel wallet")
        try self.expect(try await self.store.walletSession(second.id, of: organization.id), second, "of an opaque one")
        try self.expect(try await self.store.delegation(of: first.id, in: organization.id), text, "the delegation")
        try self.expect(
            try await self.store.delegation(of: second.id, in: organization.id)?.bytes,
            [],
            "an empty delegation"
        )
        var stray = samples.session(of: wallet)
        stray.organization = samples.organization().id
        try await self.expect(.notFound, "another's wallet") { [stray] in
            try $0.insert(stray, delegation: SecretBytes([1]))
        }
    }

    func listsActiveSessions() async throws {
        var samples = SampleWallets()
        let (organization, wallet) = try await self.prepare(&samples)
        let opaque = samples.wallet(of: organization.id, kind: .opaque)
        let long = samples.session(of: wallet, lifetime: .seconds(100))
        let short = samples.session(of: wallet, lifetime: .seconds(10))
        let revoked = samples.session(of: wallet)
        let other = samples.session(of: opaque)
        let now = samples.now
        try await self.change {
            try $0.insert(opaque)
            for session in [long, short, revoked, other] { try $0.insert(session, delegation: SecretBytes([1])) }
            try $0.revoke(revoked.id, at: now)
            guard try $0.activeSessionCount(of: organization.id, now: now) == 3 else {
                throw ConformanceFailure(description: "three are active")
            }
        }
        func list(_ wallet: WalletID?, _ now: Timestamp, _ limit: Int = 9, _ offset: Int = 0) async throws
            -> [WalletSessionID]
        {
            try await self.store
                .walletSessions(
                    of: organization.id,
                    wallet: wallet,
                    now: now,
                    limit: limit,
                    offset: offset
                )
                .map(\.id)
        }
        try self.expect(try await list(nil, now), [other.id, short.id, long.id], "newest first")
        try self.expect(try await list(wallet.id, now), [short.id, long.id], "of one wallet")
        try self.expect(try await list(nil, now, 1, 1), [short.id], "a page")
        try self.expect(try await list(nil, now + .seconds(10)), [other.id, long.id], "at its end a session is over")
        try self.expect(try await list(nil, now, 5, 7), [], "after the last")
    }

    func hidesWhatIsOfOthers() async throws {
        var samples = SampleWallets()
        let (organization, wallet) = try await self.prepare(&samples)
        let (other, _) = try await self.prepare(&samples)
        let token = samples.token(of: organization.id)
        let key = samples.sessionKey(of: organization.id)
        let session = samples.session(of: wallet)
        let now = samples.now
        try await self.change {
            try $0.put(token)
            try $0.insert(key, privateKey: SecretBytes([1]))
            try $0.insert(session, delegation: SecretBytes([1]))
            guard try $0.token(token.id, of: other.id) == nil, try $0.wallet(wallet.id, of: other.id) == nil,
                try $0.sessionKey(key.address, of: other.id) == nil, try $0.session(session.id, of: other.id) == nil
            else { throw ConformanceFailure(description: "nothing of another organization is found") }
        }
        try self.expect(try await self.store.wallet(wallet.id, of: other.id), nil, "wallet")
        try self.expect(try await self.store.walletSession(session.id, of: other.id), nil, "session")
        try self.expect(try await self.store.delegation(of: session.id, in: other.id), nil, "delegation")
        try self.expect(try await self.store.privateKey(of: key.id, in: other.id), nil, "private key")
        try self.expect(try await self.store.sessionKeys(of: other.id, limit: 9, offset: 0), [], "keys")
        try self.expect(
            try await self.store.walletSessions(of: other.id, wallet: wallet.id, now: now, limit: 9, offset: 0),
            [],
            "sessions"
        )
        try await self.expect(.notFound, "deleting") { try $0.deleteWallet(wallet.id, of: other.id, now: now) }
    }

    func forgetsDelegationsOfRevokedSessions() async throws {
        var samples = SampleWallets()
        let (organization, wallet) = try await self.prepare(&samples)
        let session = samples.session(of: wallet)
        let time = samples.now + .seconds(5)
        try await self.change { try $0.insert(session, delegation: SecretBytes([1])) }
        try await self.change { try $0.revoke(session.id, at: time) }
        var revoked = session
        revoked.revokedAt = time
        try self.expect(try await self.store.walletSession(session.id, of: organization.id), revoked, "the session")
        try self.expect(try await self.store.delegation(of: session.id, in: organization.id), nil, "its delegation")
    }

    func prunesWhatEnded() async throws {
        var samples = SampleWallets()
        let (organization, wallet) = try await self.prepare(&samples)
        let used = samples.sessionKey(of: organization.id)
        let unused = samples.sessionKey(of: organization.id)
        let over = samples.session(of: wallet, lifetime: .seconds(10))
        let overLater = samples.session(of: wallet, lifetime: .seconds(20))
        let active = samples.session(of: wallet, key: used)
        var token = samples.token(of: organization.id)
        token.expiresAt = samples.now + .seconds(1)
        let lasting = samples.token(of: organization.id)
        try await self.change { [token] in
            try $0.put(token)
            try $0.put(lasting)
            for key in [used, unused] { try $0.insert(key, privateKey: SecretBytes([1])) }
            for session in [overLater, over, active] { try $0.insert(session, delegation: SecretBytes([1])) }
        }
        let horizon = samples.now + .seconds(60)
        let first = try await self.store.changeWallets { try $0.prune(endedBefore: horizon, limit: 1) }
        try self.expect(first, PrunedWalletRows(count: 3, sessionKeys: [unused]), "one of each")
        try self.expect(try await self.store.walletSession(over.id, of: organization.id), nil, "the oldest end")
        try self.expect(try await self.store.walletSession(overLater.id, of: organization.id), overLater, "the next")
        let second = try await self.store.changeWallets { try $0.prune(endedBefore: horizon, limit: 10) }
        try self.expect(second, PrunedWalletRows(count: 1, sessionKeys: []), "the rest")
        try self.expect(try await self.store.walletSession(active.id, of: organization.id), active, "active ones stay")
        let keys = try await self.store.sessionKeys(of: organization.id, limit: 9, offset: 0)
        try self.expect(keys, [used], "keys in use stay")
        try self.expect(
            try await self.store.organizationTokens(of: organization.id),
            [lasting],
            "tokens that work stay"
        )
    }

    func changesThatThrowStoreNothing() async throws {
        var samples = SampleWallets()
        let (organization, wallet) = try await self.prepare(&samples)
        let sessions = (0..<3).map { _ in samples.session(of: wallet) }
        let entry = samples.entry(.sessionCreated, organization.id.text)
        try await self.expect(.conflict, "what was thrown") {
            for session in sessions {
                try $0.insert(session, delegation: SecretBytes([1]))
                try $0.append(entry, to: .organization(organization.id))
            }
            throw WalletError(.conflict)
        }
        for session in sessions {
            try self.expect(try await self.store.walletSession(session.id, of: organization.id), nil, "no session")
        }
        try self.expect(
            try await self.store.walletAuditHead(of: .organization(organization.id)),
            nil,
            "no audit record"
        )
    }

    func concurrentChangesAllCount() async throws {
        var samples = SampleWallets()
        let (organization, wallet) = try await self.prepare(&samples)
        let sessions = (0..<20).map { _ in samples.session(of: wallet) }
        let entry = samples.entry(.organizationCreated, organization.id.text)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for session in sessions {
                group.addTask {
                    try await self.change {
                        try $0.insert(session, delegation: SecretBytes([1]))
                        try $0.append(entry, to: .organization(organization.id))
                    }
                }
            }
            try await group.waitForAll()
        }
        let verdict = try await self.store.verifyWalletAudit(of: .organization(organization.id))
        try self.expect(verdict?.verified, 20, "records")
        try self.expect(verdict?.isIntact, true, "the ledger")
    }

    func chainsAuditRecords() async throws {
        var samples = SampleWallets()
        let organization = samples.organization()
        let ledger = WalletLedger.organization(organization.id)
        try self.expect(try await self.store.verifyWalletAudit(of: ledger), nil, "a ledger without records")
        let entries = [
            samples.entry(.organizationCreated, organization.id.text), samples.entry(.walletRegistered, "wal"),
            samples.entry(.sessionRefused, "ws"),
        ]
        for entry in entries { try await self.change { try $0.append(entry, to: ledger) } }
        let records = try await self.store.walletAudit(of: ledger, before: nil, limit: 10)
        try self.expect(records.map(\.sequence), [3, 2, 1], "newest first")
        try self.expect(records.map(\.details), entries.map(\.details), "details")
        try self.expect(records[0].previousHash, records[1].hash, "each names the one before")
        try self.expect(records[2].previousHash, WalletAuditHead.empty.hash, "the first names none")
        let head = try await self.store.walletAuditHead(of: ledger)
        let end = WalletAuditHead(sequence: 3, hash: records[0].hash)
        try self.expect(head, StoredAuditHead(head: end, isGenuine: true), "the end")
        let verdict = try await self.store.verifyWalletAudit(of: ledger)
        try self.expect(verdict, WalletAuditVerdict(verified: 3, problem: nil, head: end), "the verdict")
        try await self.change { try $0.append(entries[0], to: .server) }
        let server = try await self.store.walletAudit(of: .server, before: nil, limit: 10)
        try self.expect(server.count, 1, "ledgers do not mix")
        // One that begins late has lost its beginning.
        let late = WalletLedger.organization(samples.organization().id)
        for _ in 0..<2 { try await self.change { try $0.append(entries[1], to: late) } }
        for (ledger, count) in [(late, 2), (.server, 1)] {
            let verdict = try await self.store.verifyWalletAudit(of: ledger)
            try self.expect(verdict?.problem, .headForged, "\(ledger) began late")
            try self.expect(verdict?.verified, count, "its records")
        }
        let other = try await self.store.verifyWalletAudit(of: ledger)
        try self.expect(other?.problem, .setBack, "with one that is not genuine, all together are not")
    }

    func pagesAuditRecords() async throws {
        let samples = SampleWallets()
        let entry = samples.entry(.chainSet, "1")
        try await self.change { transaction in
            for _ in 0..<5 { try transaction.append(entry, to: .server) }
        }
        let first = try await self.store.walletAudit(of: .server, before: nil, limit: 2)
        try self.expect(first.map(\.sequence), [5, 4], "the first page")
        let second = try await self.store.walletAudit(of: .server, before: 4, limit: 2)
        try self.expect(second.map(\.sequence), [3, 2], "the second page")
        let clamped = try await self.store.walletAudit(of: .server, before: 2, limit: 0)
        try self.expect(clamped.map(\.sequence), [1], "a limit below one")
    }
}
