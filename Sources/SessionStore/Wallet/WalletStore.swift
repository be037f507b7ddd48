package import SessionModel

/// Keeps what belongs to wallet sessions: organizations, tokens, chains, wallets, session keys, sessions with their
/// delegations, and the audit ledgers.
///
/// Every call is atomic, and durable before it returns, like those of `SessionStore`. Every change goes through
/// `changeWallets`, together with its audit records. Delegations and private keys are encrypted wherever they are kept for
/// longer than the process, and come out of calls of their own only. Errors other than `WalletError` mean that the store
/// itself failed. The conformance suite in `DaypassTestSupport` says what every implementation must do.
package protocol WalletStore: Sendable {
    /// Runs `body` in one transaction: all that it wrote is stored when it returns, nothing when it throws.
    ///
    /// It runs while other writers wait, at most once, and sees what it wrote itself. It must not keep the transaction.
    func changeWallets<Value: Sendable>(
        _ body: @escaping @Sendable (any WalletTransaction) throws -> Value
    ) async throws -> Value

    /// All organizations, by name, then identifier.
    func organizations() async throws -> [Organization]
    /// The organization with this identifier, or nil.
    func organization(_ id: OrganizationID) async throws -> Organization?
    /// An organization's tokens, newest first.
    func organizationTokens(of organization: OrganizationID) async throws -> [OrganizationTokenRecord]
    /// The token with this digest, or nil.
    func organizationToken(digest: SecretDigest) async throws -> OrganizationTokenRecord?
    /// All chains, by identifier.
    func walletChains() async throws -> [WalletChain]
    /// The chains with these identifiers, by identifier.
    func walletChains(_ ids: [Int]) async throws -> [WalletChain]
    /// An organization's wallets, newest first, `limit` of them after the first `offset`.
    func wallets(of organization: OrganizationID, limit: Int, offset: Int) async throws -> [WalletRecord]
    /// An organization's wallet, or nil.
    func wallet(_ id: WalletID, of organization: OrganizationID) async throws -> WalletRecord?
    /// An organization's session keys, newest first, `limit` of them after the first `offset`.
    func sessionKeys(of organization: OrganizationID, limit: Int, offset: Int) async throws -> [SessionKeyRecord]
    /// The private half of an organization's session key, or nil.
    func privateKey(of id: SessionKeyID, in organization: OrganizationID) async throws -> SecretBytes?
    /// An organization's sessions that are active at `now`, newest first (of one call: the last install first), of one
    /// wallet or of all, `limit` of them after the first `offset`.
    func walletSessions(
        of organization: OrganizationID,
        wallet: WalletID?,
        now: Timestamp,
        limit: Int,
        offset: Int
    ) async throws -> [WalletSessionRecord]
    /// An organization's session, or nil.
    func walletSession(_ id: WalletSessionID, of organization: OrganizationID) async throws -> WalletSessionRecord?
    /// The delegation of an organization's session, exactly as it was sent; nil without such a session, and for revoked
    /// ones, whose delegations are gone.
    func delegation(of id: WalletSessionID, in organization: OrganizationID) async throws -> SecretBytes?

    /// Records of a ledger, newest first, those before the place `before` (nil: from the end), at most `limit`
    /// (1…1000, clamped). A record that cannot be read is an error here, never left out.
    func walletAudit(of ledger: WalletLedger, before: Int?, limit: Int) async throws -> [WalletAuditRecord]
    /// The ledger's end, or nil for a ledger that never had a record.
    func walletAuditHead(of ledger: WalletLedger) async throws -> StoredAuditHead?
    /// Follows the whole ledger, in pieces of a bounded size, on one consistent view of it; nil for a ledger that never had
    /// a record.
    func verifyWalletAudit(of ledger: WalletLedger) async throws -> WalletAuditVerdict?
}

/// The end of a ledger as it is stored.
package struct StoredAuditHead: Equatable, Sendable {
    /// The end.
    package var head: WalletAuditHead
    /// Whether a server with this key wrote it.
    package var isGenuine: Bool

    /// A head, believed or not.
    package init(head: WalletAuditHead, isGenuine: Bool) {
        self.head = head
        self.isGenuine = isGenuine
    }
}

/// One transaction of a `WalletStore`: reads see what it has written so far.
///
/// Rules between records are held here, inside the transaction, so that two callers can never break them together. Not
/// thread-safe; valid only inside `WalletStore.changeWallets`.
package protocol WalletTransaction {
    /// The organization with this identifier, or nil.
    func organization(_ id: OrganizationID) throws -> Organization?
    /// How many organizations there are.
    func organizationCount() throws -> Int
    /// Adds an organization, or replaces the one with the same identifier.
    func put(_ organization: Organization) throws
    /// Removes an organization with its tokens and session keys. Throws `not_found`, and `in_use` while it has wallets.
    func deleteOrganization(_ id: OrganizationID) throws

    /// An organization's token, or nil.
    func token(_ id: OrganizationTokenID, of organization: OrganizationID) throws -> OrganizationTokenRecord?
    /// How many of an organization's tokens work at `now`.
    func validTokenCount(of organization: OrganizationID, now: Timestamp) throws -> Int
    /// Adds a token of an organization that exists, or replaces the one with the same identifier.
    func put(_ token: OrganizationTokenRecord) throws

    /// The chain with this number, or nil.
    func chain(_ id: Int) throws -> WalletChain?
    /// Whether the chain is there.
    func hasChain(_ id: Int) throws -> Bool
    /// How many chains there are.
    func chainCount() throws -> Int
    /// Adds a chain, or replaces the one with the same identifier.
    func put(_ chain: WalletChain) throws
    /// Removes a chain. Throws `not_found`.
    func deleteChain(_ id: Int) throws

    /// An organization's wallet, or nil.
    func wallet(_ id: WalletID, of organization: OrganizationID) throws -> WalletRecord?
    /// How many wallets an organization has.
    func walletCount(of organization: OrganizationID) throws -> Int
    /// Adds a wallet of an organization that exists. Throws `conflict` when it has one of that kind and address.
    func insert(_ wallet: WalletRecord) throws
    /// Removes a wallet with its sessions. Throws `not_found`, and `in_use` while a session is active at `now`.
    func deleteWallet(_ id: WalletID, of organization: OrganizationID, now: Timestamp) throws

    /// How many session keys an organization has.
    func sessionKeyCount(of organization: OrganizationID) throws -> Int
    /// The organization's session key with this account, or nil.
    func sessionKey(_ address: WalletAddress, of organization: OrganizationID) throws -> SessionKeyRecord?
    /// Adds a session key of an organization that exists, with its private half.
    func insert(_ key: SessionKeyRecord, privateKey: SecretBytes) throws

    /// How many sessions of an organization are active at `now`.
    func activeSessionCount(of organization: OrganizationID, now: Timestamp) throws -> Int
    /// Adds a session of an organization, a wallet and a session key that exist, with its delegation.
    ///
    /// Throws `permission_active` when a session that is active at its creation has the same permission
    /// (`WalletSessionRecord.permission`), and `permission_revoked` when one was revoked, however long ago.
    func insert(_ session: WalletSessionRecord, delegation: SecretBytes) throws
    /// An organization's session, or nil.
    func session(_ id: WalletSessionID, of organization: OrganizationID) throws -> WalletSessionRecord?
    /// Notes that a session is revoked, and destroys its delegation.
    func revoke(_ id: WalletSessionID, at time: Timestamp) throws
    /// Removes what ended before `time`: at most `limit` sessions, as many session keys that were made before and have no
    /// session, and as many tokens.
    func prune(endedBefore time: Timestamp, limit: Int) throws -> PrunedWalletRows

    /// Adds a record to the end of a ledger.
    ///
    /// A ledger whose end is not what this server wrote stays so, whatever is added: no later record makes it genuine.
    /// The same goes for one that begins late: an organization's with anything but its making, and the server's although
    /// there are organizations, chains or ledgers; so what begins the server's is recorded before it is stored.
    func append(_ entry: WalletAuditEntry, to ledger: WalletLedger) throws
}

/// What pruning removed.
package struct PrunedWalletRows: Equatable, Sendable {
    /// How many rows, session keys included.
    package var count: Int
    /// The session keys, whose private keys are gone with them, by identifier.
    package var sessionKeys: [SessionKeyRecord]

    /// Counts what went.
    package init(count: Int, sessionKeys: [SessionKeyRecord]) {
        self.count = count
        self.sessionKeys = sessionKeys.sorted { $0.id.number < $1.id.number }
    }
}

/// The refusals that every wallet store answers alike.
package enum WalletRefusals {
    /// No such organization, or another's.
    package static let unknownOrganization = WalletError(.notFound, "There is no such organization.")
    /// No such chain.
    package static let unknownChain = WalletError(.notFound, "There is no such chain.")
    /// No such wallet, or another organization's.
    package static let unknownWallet = WalletError(.notFound, "There is no such wallet.")
    /// The organization has wallets.
    package static let organizationInUse = WalletError(.inUse, "The organization has wallets. Delete them first.")
    /// The wallet has active sessions.
    package static let walletInUse = WalletError(.inUse, "A session of the wallet is active. Revoke it first.")
    /// The organization has the wallet already.
    package static let walletTaken = WalletError(.conflict, "The organization has a wallet with this address already.")
}
