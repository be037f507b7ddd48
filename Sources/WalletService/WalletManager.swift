import AccessControl
import EthereumPrimitives
import NIOCore
package import SessionModel
package import SessionStore
import Synchronization
import WalletPolicy

/// Administers wallet sessions: the one place where a change is decided, stored and audited.
///
/// Every change is one transaction of the store with its audit records. Nodes are asked before the transaction, which then
/// looks again at everything in the store that the decision rests on.
package final class WalletManager: WalletManagement {
    /// How many rows that are over go with each create call, of each kind.
    static let prunedPerCall = 100

    let store: any WalletStore
    let nodes: PinnedNode
    let configuration: WalletServiceConfiguration
    let clock: WallClock
    let randomSource: RandomSource
    private let uptime: @Sendable () -> UInt64
    /// The calls of organizations that add to their ledgers, or ask nodes.
    private let calls: Mutex<RateLimiterTable<OrganizationID>>
    /// Until when nothing is looked for that is over, because lately nothing was.
    private let quietUntil = Mutex(Timestamp(millisecondsSinceEpoch: .min))

    /// A manager over `store` that asks chains' nodes through `node`.
    ///
    /// `clock`, `uptime` (nanoseconds that nobody sets) and `randomSource` are replaced in tests.
    package init(
        store: any WalletStore,
        node: any ChainNode,
        configuration: WalletServiceConfiguration = WalletServiceConfiguration(),
        clock: @escaping WallClock,
        uptime: @escaping @Sendable () -> UInt64 = { NIODeadline.now().uptimeNanoseconds },
        randomSource: @escaping RandomSource = systemRandomSource
    ) {
        self.store = store
        self.nodes = PinnedNode(node: node, maximumCalls: configuration.maxNodeCalls, clock: clock)
        self.configuration = configuration
        self.clock = clock
        self.uptime = uptime
        self.calls = Mutex(
            RateLimiterTable(
                capacity: configuration.maxOrganizations,
                ratePerSecond: Double(configuration.maxCallsPerMinute) / 60,
                burst: configuration.maxCallsPerMinute
            )
        )
        self.randomSource = randomSource
    }

    // MARK: Organizations

    package func organizations() async throws -> [Organization] { try await self.store.organizations() }

    package func organization(_ id: OrganizationID) async throws -> Organization {
        guard let organization = try await self.store.organization(id) else {
            throw WalletRefusals.unknownOrganization
        }
        return organization
    }

    package func createOrganization(_ request: NewOrganization, by actor: Actor) async throws -> Organization {
        var generator = SourceGenerator(source: self.randomSource)
        let organization = Organization(
            id: .random(using: &generator),
            name: request.name,
            allowsDelegateCalls: request.allowsDelegateCalls,
            allowsWildcardTargets: request.allowsWildcardTargets,
            createdAt: self.clock()
        )
        let limit = self.configuration.maxOrganizations
        let entry = self.entry(.organizationCreated, organization.id.text, by: actor, organization.audited)
        return try await self.store.changeWallets { transaction in
            try Self.check(try transaction.organizationCount(), below: limit, "organizations")
            // First, because what there is tells whether the ledger may begin.
            try transaction.append(entry, to: .server)
            try transaction.put(organization)
            try transaction.append(entry, to: .organization(organization.id))
            return organization
        }
    }

    package func updateOrganization(
        _ id: OrganizationID,
        _ update: OrganizationUpdate,
        by actor: Actor
    ) async throws -> Organization {
        let template = self.entry(.organizationChanged, id.text, by: actor)
        return try await self.store.changeWallets { transaction in
            guard let organization = try transaction.organization(id) else { throw WalletRefusals.unknownOrganization }
            let changed = update.applied(to: organization)
            guard changed != organization else { return organization }
            try transaction.put(changed)
            var entry = template
            entry.details = changed.audited
            try transaction.append(entry, to: .organization(id))
            return changed
        }
    }

    package func deleteOrganization(_ id: OrganizationID, by actor: Actor) async throws {
        let entry = self.entry(.organizationDeleted, id.text, by: actor)
        try await self.store.changeWallets { transaction in
            try transaction.deleteOrganization(id)
            try transaction.append(entry, to: .organization(id))
            try transaction.append(entry, to: .server)
        }
    }

    // MARK: Tokens

    package func tokens(of organization: OrganizationID) async throws -> [OrganizationTokenRecord] {
        _ = try await self.organization(organization)
        return try await self.store.organizationTokens(of: organization)
    }

    package func createToken(
        _ request: NewOrganizationToken,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> CreatedOrganizationToken {
        let now = self.clock()
        var generator = SourceGenerator(source: self.randomSource)
        let secret = OrganizationTokenRecord.randomSecret(using: &generator)
        let record = OrganizationTokenRecord(
            id: .random(using: &generator),
            organization: organization,
            label: request.label,
            digest: SecretDigest(of: secret),
            scopes: request.scopes,
            createdAt: now,
            expiresAt: request.lifetime.map { now + $0 }
        )
        let scopes = OrganizationScope.allCases.filter(request.scopes.contains).map { JSONValue.string($0.rawValue) }
        let entry = self.entry(
            .tokenCreated,
            record.id.text,
            by: actor,
            ["label": .string(request.label), "scopes": .array(scopes)]
        )
        let limit = self.configuration.maxTokens
        let prune = self.pruning(now: now)
        try await self.store.changeWallets { transaction in
            guard try transaction.organization(organization) != nil else { throw WalletRefusals.unknownOrganization }
            try prune(transaction)
            try Self.check(
                try transaction.validTokenCount(of: organization, now: now),
                below: limit,
                "tokens that work"
            )
            try transaction.put(record)
            try transaction.append(entry, to: .organization(organization))
        }
        return CreatedOrganizationToken(record: record, secret: secret)
    }

    package func revokeToken(
        _ id: OrganizationTokenID,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> OrganizationTokenRecord {
        let now = self.clock()
        let entry = self.entry(.tokenRevoked, id.text, by: actor)
        return try await self.store.changeWallets { transaction in
            guard var token = try transaction.token(id, of: organization) else {
                throw WalletError(.notFound, "There is no such token.")
            }
            guard token.revokedAt == nil else { return token }
            token.revokedAt = now
            try transaction.put(token)
            try transaction.append(entry, to: .organization(organization))
            return token
        }
    }

    package func authenticate(_ secret: String) async throws -> OrganizationTokenRecord? {
        guard OrganizationTokenRecord.isSecret(secret) else { return nil }
        let token = try await self.store.organizationToken(digest: SecretDigest(of: secret))
        return token.flatMap { $0.isValid(now: self.clock()) ? $0 : nil }
    }

    // MARK: Chains

    package func chains() async throws -> [WalletChain] { try await self.store.walletChains() }

    package func put(_ chain: WalletChain, by actor: Actor) async throws -> WalletChain {
        let limit = self.configuration.maxChains
        // The form of lists: without what may be a provider's key.
        let entry = self.entry(.chainSet, String(chain.id), by: actor, chain.json)
        try await self.store.changeWallets { transaction in
            if try !transaction.hasChain(chain.id) {
                try Self.check(try transaction.chainCount(), below: limit, "chains")
            }
            try transaction.append(entry, to: .server)
            try transaction.put(chain)
        }
        self.nodes.forget(chain.id)
        return chain
    }

    package func deleteChain(_ id: Int, by actor: Actor) async throws {
        let entry = self.entry(.chainDeleted, String(id), by: actor)
        try await self.store.changeWallets { transaction in
            try transaction.deleteChain(id)
            try transaction.append(entry, to: .server)
        }
        self.nodes.forget(id)
    }

    // MARK: Audit

    package func audit(of ledger: WalletLedger, before: Int?, limit: Int) async throws -> [WalletAuditRecord] {
        let records = try await self.store.walletAudit(of: ledger, before: before, limit: limit)
        if records.isEmpty { try await self.checkExists(ledger) }
        return records
    }

    package func verifyAudit(of ledger: WalletLedger) async throws -> WalletAuditVerdict {
        if let verdict = try await self.store.verifyWalletAudit(of: ledger) { return verdict }
        try await self.checkExists(ledger)
        // Every organization's ledger has a record, that of its making, and the server's one of each organization and chain.
        var isWhole = false
        if ledger == .server {
            let (organizations, chains) = (try await self.store.organizations(), try await self.store.walletChains())
            isWhole = organizations.isEmpty && chains.isEmpty
        }
        return WalletAuditVerdict(verified: 0, problem: isWhole ? nil : .truncated, head: .empty)
    }

    /// Throws `not_found` for the ledger of an organization that never was.
    private func checkExists(_ ledger: WalletLedger) async throws {
        guard case .organization(let id) = ledger, try await self.store.walletAuditHead(of: ledger) == nil else {
            return
        }
        _ = try await self.organization(id)
    }

    // MARK: Shared

    /// An entry of now.
    func entry(
        _ action: WalletAuditRecord.Action,
        _ subject: String,
        by actor: Actor,
        _ details: JSONValue = .object([])
    ) -> WalletAuditEntry {
        WalletAuditEntry(at: self.clock(), actor: actor, action: action, subject: subject, details: details)
    }

    /// Removes some of what ended long ago, for a transaction that adds something; if there was nothing, the next minute's
    /// transactions do not look.
    func pruning(now: Timestamp) -> @Sendable (any WalletTransaction) throws -> Void {
        let quiet = self.quietUntil.withLock { $0 }
        guard now >= quiet || quiet > now + .seconds(60) else { return { _ in } }
        let horizon = now + (.zero - self.configuration.keepEnded)
        return { transaction in
            let pruned = try transaction.prune(endedBefore: horizon, limit: Self.prunedPerCall)
            for key in pruned.sessionKeys {
                let details: JSONValue = ["sessionAddress": .string(key.address.text)]
                let entry = self.entry(.sessionKeyRemoved, key.id.text, by: .system, details)
                try transaction.append(entry, to: .organization(key.organization))
            }
            guard pruned.count == 0 else { return }
            self.quietUntil.withLock { $0 = now + .seconds(60) }
        }
    }

    /// Throws `token_invalid` when the organization's token that `actor` called with was revoked or ended since the call
    /// began, which may be minutes ago.
    static func check(
        _ actor: Actor,
        of organization: OrganizationID,
        now: Timestamp,
        in transaction: any WalletTransaction
    ) throws {
        guard let id = actor.organizationToken else { return }
        guard let token = try transaction.token(id, of: organization), token.isValid(now: now) else {
            throw WalletError(.tokenInvalid)
        }
    }

    /// Counts a call that adds to an organization's ledger, refused or not; throws `rate_limited` when there were too many.
    ///
    /// Revoking is not counted: it must always be possible, and there is no more to revoke than was created.
    func takeCall(of organization: OrganizationID) throws {
        let now = self.uptime()
        if let seconds = self.calls.withLock({ $0.take(organization, now: now) }) {
            throw WalletError(.rateLimited, retryAfterSeconds: seconds)
        }
    }

    /// Throws `limit_reached` unless there is room for `more`.
    static func check(_ count: Int, adding more: Int = 1, below limit: Int, _ what: String) throws {
        guard count + more <= limit else {
            throw WalletError(.limitReached, "There are \(count) \(what); the limit is \(limit).")
        }
    }
}

extension Organization {
    /// What audit records say of it.
    fileprivate var audited: JSONValue {
        [
            "name": .string(self.name), "allowDelegatecall": .bool(self.allowsDelegateCalls),
            "allowWildcard": .bool(self.allowsWildcardTargets),
        ]
    }
}
