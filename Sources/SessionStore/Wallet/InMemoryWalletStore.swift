package import SessionModel
import Synchronization

/// A wallet store that forgets everything with the process: for tests.
///
/// Shared and locked; every call is one critical section. A change works on a copy, which replaces the state when it
/// succeeds.
package final class InMemoryWalletStore: WalletStore {
    struct State {
        var organizations: [OrganizationID: Organization] = [:]
        /// In the order in which they were added, like wallets, keys and sessions.
        var tokens: [OrganizationTokenRecord] = []
        var chains: [Int: WalletChain] = [:]
        var wallets: [WalletRecord] = []
        var keys: [(record: SessionKeyRecord, privateKey: SecretBytes)] = []
        var sessions: [(record: WalletSessionRecord, permission: [UInt8], delegation: SecretBytes?)] = []
        /// Permissions that were revoked, for good.
        var revoked: [OrganizationID: Set<[UInt8]>] = [:]
        var ledgers: [WalletLedger: [WalletAuditRecord]] = [:]
        /// Ledgers that began late.
        var forged: Set<WalletLedger> = []
    }

    private let state = Mutex(State())

    /// An empty store.
    package init() {}

    package func changeWallets<Value: Sendable>(
        _ body: @escaping @Sendable (any WalletTransaction) throws -> Value
    ) async throws -> Value {
        try self.state.withLock { state in
            let transaction = InMemoryWalletTransaction(state)
            let value = try body(transaction)
            state = transaction.state
            return value
        }
    }

    package func organizations() async throws -> [Organization] {
        self.state.withLock { Array($0.organizations.values) }
            .sorted { ($0.name, $0.id.number) < ($1.name, $1.id.number) }
    }

    package func organization(_ id: OrganizationID) async throws -> Organization? {
        self.state.withLock { $0.organizations[id] }
    }

    package func organizationTokens(of organization: OrganizationID) async throws -> [OrganizationTokenRecord] {
        self.state.withLock { $0.tokens }.filter { $0.organization == organization }.reversed()
    }

    package func organizationToken(digest: SecretDigest) async throws -> OrganizationTokenRecord? {
        self.state.withLock { $0.tokens }.first { $0.digest == digest }
    }

    package func walletChains() async throws -> [WalletChain] {
        self.state.withLock { Array($0.chains.values) }.sorted { $0.id < $1.id }
    }

    package func walletChains(_ ids: [Int]) async throws -> [WalletChain] {
        try await self.walletChains().filter { ids.contains($0.id) }
    }

    package func wallets(of organization: OrganizationID, limit: Int, offset: Int) async throws -> [WalletRecord] {
        Self.page(self.state.withLock { $0.wallets }.filter { $0.organization == organization }, limit, offset)
    }

    package func wallet(_ id: WalletID, of organization: OrganizationID) async throws -> WalletRecord? {
        self.state.withLock { InMemoryWalletTransaction($0).wallet(id, of: organization) }
    }

    package func sessionKeys(
        of organization: OrganizationID,
        limit: Int,
        offset: Int
    ) async throws -> [SessionKeyRecord] {
        let keys = self.state.withLock { $0.keys.map(\.record) }.filter { $0.organization == organization }
        return Self.page(keys, limit, offset)
    }

    package func privateKey(of id: SessionKeyID, in organization: OrganizationID) async throws -> SecretBytes? {
        self.state.withLock { state in
            state.keys.first { $0.record.id == id && $0.record.organization == organization }?.privateKey
        }
    }

    package func walletSessions(
        of organization: OrganizationID,
        wallet: WalletID?,
        now: Timestamp,
        limit: Int,
        offset: Int
    ) async throws -> [WalletSessionRecord] {
        let sessions = self.state.withLock { $0.sessions.map(\.record) }
            .filter { session in
                session.organization == organization && session.state(now: now) == .active
                    && (wallet == nil || session.wallet == wallet)
            }
        return Self.page(sessions, limit, offset)
    }

    package func walletSession(
        _ id: WalletSessionID,
        of organization: OrganizationID
    ) async throws -> WalletSessionRecord? {
        self.state.withLock { InMemoryWalletTransaction($0).session(id, of: organization) }
    }

    package func delegation(of id: WalletSessionID, in organization: OrganizationID) async throws -> SecretBytes? {
        self.state.withLock { state in
            state.sessions.first { $0.record.id == id && $0.record.organization == organization }?.delegation
        }
    }

    package func walletAudit(
        of ledger: WalletLedger,
        before: Int?,
        limit: Int
    ) async throws -> [WalletAuditRecord] {
        let records = self.state.withLock { $0.ledgers[ledger] ?? [] }
        return Array(records.reversed().filter { $0.sequence < before ?? .max }.prefix(pageSize(limit)))
    }

    package func walletAuditHead(of ledger: WalletLedger) async throws -> StoredAuditHead? {
        self.state.withLock { state in
            InMemoryWalletTransaction(state).head(of: ledger)
                .map { StoredAuditHead(head: $0, isGenuine: !state.forged.contains(ledger)) }
        }
    }

    package func verifyWalletAudit(of ledger: WalletLedger) async throws -> WalletAuditVerdict? {
        let (records, forged) = self.state.withLock { ($0.ledgers[ledger] ?? [], $0.forged) }
        guard let last = records.last else { return nil }
        let head = WalletAuditHead(sequence: last.sequence, hash: last.hash)
        var verifier = WalletAuditVerifier(ledger: ledger)
        for record in records {
            if let problem = verifier.next(record) {
                return WalletAuditVerdict(verified: verifier.verified, problem: problem, head: head)
            }
        }
        let doubt: WalletAuditVerifier.Problem? = forged.isEmpty ? nil : .setBack
        let problem = verifier.end(at: head) ?? (forged.contains(ledger) ? .headForged : doubt)
        return WalletAuditVerdict(verified: verifier.verified, problem: problem, head: head)
    }

    /// A part of what is there, newest first.
    private static func page<Item>(_ items: [Item], _ limit: Int, _ offset: Int) -> [Item] {
        Array(items.reversed().dropFirst(max(offset, 0)).prefix(pageSize(limit)))
    }
}
