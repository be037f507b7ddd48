import DaypassTestSupport
import SessionModel
import SessionStore
import Testing

/// Makes the same random changes in two wallet stores and compares the answers; the same changes at every run of one seed.
struct RandomWalletCalls {
    private typealias Change = @Sendable (any WalletTransaction) throws -> String

    private var generator: SeededGenerator
    private var samples: SampleWallets
    private var organizations: [Organization] = []
    private var tokens: [OrganizationTokenRecord] = []
    private var wallets: [WalletRecord] = []
    private var keys: [SessionKeyRecord] = []
    private var sessions: [WalletSessionRecord] = []

    init(seed: UInt64) {
        self.generator = SeededGenerator(seed: seed)
        self.samples = SampleWallets(seed: seed)
    }

    mutating func run(_ count: Int, on first: any WalletStore, and second: any WalletStore) async throws {
        for round in 0..<count {
            let change = self.draw()
            let ledger =
                self.organizations.randomElement(using: &self.generator)
                .map { WalletLedger.organization($0.id) } ?? .server
            var drawn = self.samples.entry(.organizationCreated, ledger.text)
            drawn.details = ["round": .integer(round)]
            let entry = drawn
            func outcome(_ store: any WalletStore) async throws -> String {
                do {
                    return try await store.changeWallets { transaction in
                        // Before the change, so that a refusal takes it back.
                        try transaction.append(entry, to: ledger)
                        return try change(transaction)
                    }
                } catch let error as WalletError {
                    return "\(error)"
                }
            }
            let answers = (try await outcome(first), try await outcome(second))
            try #require(answers.0 == answers.1, "round \(round)")
            guard round.isMultiple(of: 40) || round == count - 1 else { continue }
            let contents = (try await self.contents(first), try await self.contents(second))
            try #require(contents.0 == contents.1, "round \(round)")
        }
        #expect(self.sessions.count > 50)
    }

    /// Everything a store holds, as far as it can be asked for.
    private func contents(_ store: any WalletStore) async throws -> [String] {
        var parts = ["\(try await store.organizations())", "\(try await store.walletChains())"]
        for organization in self.organizations.map(\.id) {
            parts.append("\(try await store.organizationTokens(of: organization).map(\.json.text))")
            parts.append("\(try await store.wallets(of: organization, limit: 1000, offset: 0))")
            parts.append("\(try await store.sessionKeys(of: organization, limit: 1000, offset: 0))")
            for offset in [0, 3] {
                let page = try await store.walletSessions(
                    of: organization,
                    wallet: nil,
                    now: self.samples.now,
                    limit: 1000,
                    offset: offset
                )
                parts.append("\(page)")
            }
            let ledger = WalletLedger.organization(organization)
            parts.append("\(try await store.walletAudit(of: ledger, before: nil, limit: 1000))")
            let verdict = try await store.verifyWalletAudit(of: ledger)
            #expect(verdict?.isIntact ?? true)
            parts.append("\(String(describing: verdict))")
        }
        for session in self.sessions {
            parts.append("\(String(describing: try await store.walletSession(session.id, of: session.organization)))")
            let delegation = try await store.delegation(of: session.id, in: session.organization)
            parts.append("\(delegation?.bytes ?? [])")
        }
        for key in self.keys {
            parts.append("\(try await store.privateKey(of: key.id, in: key.organization)?.bytes ?? [])")
        }
        return parts
    }

    private mutating func pick(_ range: Range<Int>) -> Int { Int.random(in: range, using: &self.generator) }

    private mutating func draw() -> Change {
        self.samples.now = self.samples.now + .seconds(self.pick(0..<200))
        let now = self.samples.now
        guard let organization = self.organizations.randomElement(using: &self.generator), self.pick(0..<100) >= 5
        else {
            let organization = self.samples.organization("Organization \(self.pick(0..<3))")
            self.organizations.append(organization)
            return { transaction in
                try transaction.put(organization)
                return "\(try transaction.organizationCount())"
            }
        }
        switch self.pick(0..<100) {
        case 0..<4:
            return { transaction in
                try transaction.deleteOrganization(organization.id)
                return "deleted"
            }
        case 4..<14: return self.putToken(of: organization.id)
        case 14..<22:
            let chain = self.samples.chain(self.pick(1..<4))
            let isDeleted = self.pick(0..<3) == 0
            return { transaction in
                try isDeleted ? transaction.deleteChain(chain.id) : transaction.put(chain)
                return "\(try transaction.chainCount()) \(try transaction.hasChain(1))"
            }
        case 22..<34: return self.insertWallet(of: organization.id)
        case 34..<40:
            guard let wallet = self.wallets.randomElement(using: &self.generator) else { return { _ in "" } }
            return { transaction in
                try transaction.deleteWallet(wallet.id, of: organization.id, now: now)
                return "\(try transaction.walletCount(of: organization.id))"
            }
        case 40..<50:
            let key = self.samples.sessionKey(of: organization.id)
            self.keys.append(key)
            return { transaction in
                try transaction.insert(key, privateKey: SecretBytes([UInt8(truncatingIfNeeded: key.id.number)]))
                return "\(try transaction.sessionKeyCount(of: organization.id))"
            }
        case 50..<84: return self.insertSession()
        case 84..<94:
            guard let session = self.sessions.randomElement(using: &self.generator) else { return { _ in "" } }
            return { transaction in
                guard let known = try transaction.session(session.id, of: organization.id) else { return "unknown" }
                guard known.state(now: now) == .active else { return "over" }
                try transaction.revoke(session.id, at: now)
                return "\(try transaction.activeSessionCount(of: organization.id, now: now))"
            }
        default:
            let horizon = now + .seconds(-self.pick(0..<9000))
            return { transaction in
                let pruned = try transaction.prune(endedBefore: horizon, limit: 1000)
                return "\(pruned.count) \(pruned.sessionKeys.map(\.id.text))"
            }
        }
    }

    private mutating func putToken(of organization: OrganizationID) -> Change {
        var token = self.samples.token(of: organization)
        if let known = self.tokens.randomElement(using: &self.generator), self.pick(0..<2) == 0 {
            token = known
            token.revokedAt = self.samples.now
        }
        self.tokens.append(token)
        let now = self.samples.now
        return { [token] transaction in
            // What was pruned is not put again by a change.
            let isKnown = try transaction.token(token.id, of: token.organization) != nil
            guard isKnown || token.revokedAt == nil else { return "unknown" }
            try transaction.put(token)
            return "\(try transaction.validTokenCount(of: organization, now: now))"
        }
    }

    private mutating func insertWallet(of organization: OrganizationID) -> Change {
        var wallet = self.samples.wallet(of: organization, kind: self.pick(0..<3) == 0 ? .opaque : .kernel)
        if let known = self.wallets.randomElement(using: &self.generator), self.pick(0..<4) == 0, wallet.kind == .kernel
        {
            wallet.address = known.address ?? wallet.address
        }
        self.wallets.append(wallet)
        return { [wallet] transaction in
            try transaction.insert(wallet)
            return "\(try transaction.walletCount(of: organization))"
        }
    }

    private mutating func insertSession() -> Change {
        guard let wallet = self.wallets.randomElement(using: &self.generator) else { return { _ in "" } }
        let lifetime = Duration.seconds(self.pick(1..<9000))
        var session = self.samples.session(of: wallet, lifetime: lifetime)
        let address = self.keys.randomElement(using: &self.generator)?.address
        if self.pick(0..<2) == 0, let address { session.sessionAddress = address }
        self.sessions.append(session)
        return { [session] transaction in
            var session = session
            session.sessionKey = try transaction.sessionKey(session.sessionAddress, of: session.organization)?.id
            try transaction.insert(session, delegation: SecretBytes(Array(session.id.text.utf8)))
            return "\(String(describing: try transaction.session(session.id, of: session.organization)))"
        }
    }
}
