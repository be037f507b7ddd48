import SessionModel

/// A transaction of `InMemoryWalletStore`: a copy of its state.
final class InMemoryWalletTransaction: WalletTransaction {
    /// What the store will hold.
    private(set) var state: InMemoryWalletStore.State

    init(_ state: InMemoryWalletStore.State) { self.state = state }

    func organization(_ id: OrganizationID) -> Organization? { self.state.organizations[id] }

    func organizationCount() -> Int { self.state.organizations.count }

    func put(_ organization: Organization) { self.state.organizations[organization.id] = organization }

    func deleteOrganization(_ id: OrganizationID) throws {
        guard self.state.organizations[id] != nil else { throw WalletRefusals.unknownOrganization }
        guard self.walletCount(of: id) == 0 else { throw WalletRefusals.organizationInUse }
        self.state.organizations[id] = nil
        self.state.tokens.removeAll { $0.organization == id }
        self.state.revoked[id] = nil
        self.state.keys.removeAll { $0.record.organization == id }
    }

    func token(_ id: OrganizationTokenID, of organization: OrganizationID) -> OrganizationTokenRecord? {
        self.state.tokens.first { $0.id == id && $0.organization == organization }
    }

    func validTokenCount(of organization: OrganizationID, now: Timestamp) -> Int {
        self.state.tokens.count { $0.organization == organization && $0.isValid(now: now) }
    }

    func put(_ token: OrganizationTokenRecord) throws {
        guard self.state.organizations[token.organization] != nil else { throw WalletRefusals.unknownOrganization }
        if let index = self.state.tokens.firstIndex(where: { $0.id == token.id }) {
            self.state.tokens[index] = token
        } else {
            self.state.tokens.append(token)
        }
    }

    func chain(_ id: Int) -> WalletChain? { self.state.chains[id] }

    func hasChain(_ id: Int) -> Bool { self.state.chains[id] != nil }

    func chainCount() -> Int { self.state.chains.count }

    func put(_ chain: WalletChain) { self.state.chains[chain.id] = chain }

    func deleteChain(_ id: Int) throws {
        guard self.state.chains.removeValue(forKey: id) != nil else { throw WalletRefusals.unknownChain }
    }

    func wallet(_ id: WalletID, of organization: OrganizationID) -> WalletRecord? {
        self.state.wallets.first { $0.id == id && $0.organization == organization }
    }

    func walletCount(of organization: OrganizationID) -> Int {
        self.state.wallets.count { $0.organization == organization }
    }

    func insert(_ wallet: WalletRecord) throws {
        guard self.state.organizations[wallet.organization] != nil else { throw WalletRefusals.unknownOrganization }
        let isTaken = self.state.wallets.contains { other in
            other.organization == wallet.organization && other.kind == wallet.kind && wallet.address != nil
                && other.address == wallet.address
        }
        guard !isTaken else { throw WalletRefusals.walletTaken }
        self.state.wallets.append(wallet)
    }

    func deleteWallet(_ id: WalletID, of organization: OrganizationID, now: Timestamp) throws {
        guard self.wallet(id, of: organization) != nil else { throw WalletRefusals.unknownWallet }
        guard !self.state.sessions.contains(where: { $0.record.wallet == id && $0.record.state(now: now) == .active })
        else { throw WalletRefusals.walletInUse }
        self.state.wallets.removeAll { $0.id == id }
        self.state.sessions.removeAll { $0.record.wallet == id }
    }

    func sessionKeyCount(of organization: OrganizationID) -> Int {
        self.state.keys.count { $0.record.organization == organization }
    }

    func sessionKey(_ address: WalletAddress, of organization: OrganizationID) -> SessionKeyRecord? {
        self.state.keys.first { $0.record.address == address && $0.record.organization == organization }?.record
    }

    func insert(_ key: SessionKeyRecord, privateKey: SecretBytes) throws {
        guard self.state.organizations[key.organization] != nil else { throw WalletRefusals.unknownOrganization }
        self.state.keys.append((key, privateKey))
    }

    func activeSessionCount(of organization: OrganizationID, now: Timestamp) -> Int {
        self.state.sessions.count { $0.record.organization == organization && $0.record.state(now: now) == .active }
    }

    func insert(_ session: WalletSessionRecord, delegation: SecretBytes) throws {
        guard let wallet = self.wallet(session.wallet, of: session.organization) else {
            throw WalletRefusals.unknownWallet
        }
        let permission = session.permission(of: wallet, delegation: delegation.bytes)
        guard self.state.revoked[session.organization]?.contains(permission) != true else {
            throw WalletError(.permissionRevoked)
        }
        let isActive = self.state.sessions.contains {
            $0.permission == permission && $0.record.state(now: session.createdAt) == .active
        }
        guard !isActive else { throw WalletError(.permissionActive) }
        self.state.sessions.append((session, permission, delegation))
    }

    func session(_ id: WalletSessionID, of organization: OrganizationID) -> WalletSessionRecord? {
        self.state.sessions.first { $0.record.id == id && $0.record.organization == organization }?.record
    }

    func revoke(_ id: WalletSessionID, at time: Timestamp) {
        guard let index = self.state.sessions.firstIndex(where: { $0.record.id == id }) else { return }
        self.state.sessions[index].record.revokedAt = time
        self.state.sessions[index].delegation = nil
        let session = self.state.sessions[index]
        self.state.revoked[session.record.organization, default: []].insert(session.permission)
    }

    func prune(endedBefore time: Timestamp, limit: Int) -> PrunedWalletRows {
        let sessions = self.state.sessions.filter { $0.record.endsAt < time }
            .sorted { ($0.record.endsAt, $0.record.id.number) < ($1.record.endsAt, $1.record.id.number) }
        let goneSessions = Set(sessions.prefix(limit).map(\.record.id))
        self.state.sessions.removeAll { goneSessions.contains($0.record.id) }
        let used = Set(self.state.sessions.compactMap(\.record.sessionKey))
        let goneKeys = Array(
            self.state.keys.map(\.record).filter { $0.createdAt < time && !used.contains($0.id) }.prefix(limit)
        )
        self.state.keys.removeAll { goneKeys.contains($0.record) }
        let tokens = self.state.tokens.filter { token in
            [token.revokedAt, token.expiresAt].compactMap(\.self).contains { $0 < time }
        }
        let goneTokens = Set(tokens.prefix(limit).map(\.id))
        self.state.tokens.removeAll { goneTokens.contains($0.id) }
        return PrunedWalletRows(
            count: goneSessions.count + goneKeys.count + goneTokens.count,
            sessionKeys: goneKeys
        )
    }

    func append(_ entry: WalletAuditEntry, to ledger: WalletLedger) {
        let head = self.head(of: ledger)
        let isNew = self.state.organizations.isEmpty && self.state.chains.isEmpty && self.state.ledgers.isEmpty
        if head == nil, !entry.begins(ledger) || ledger == .server && !isNew { self.state.forged.insert(ledger) }
        let record = WalletAuditRecord(after: head ?? .empty, in: ledger, entry)
        self.state.ledgers[ledger, default: []].append(record)
    }

    /// The end of a ledger; nil for one without records.
    func head(of ledger: WalletLedger) -> WalletAuditHead? {
        self.state.ledgers[ledger]?.last.map { WalletAuditHead(sequence: $0.sequence, hash: $0.hash) }
    }
}
