import SessionModel
import Synchronization

/// Wallet sessions in memory: keeps what it is told and proves nothing.
final class FakeWallets: WalletManagement {
    struct State {
        var organizations: [OrganizationID: Organization] = [:]
        var tokens: [OrganizationTokenRecord] = []
        var chains: [Int: WalletChain] = [:]
        var wallets: [WalletRecord] = []
        var keys: [SessionKeyRecord] = []
        var sessions: [WalletSessionRecord] = []
        var delegations: [WalletSessionID: String] = [:]
        var audit: [WalletLedger: [WalletAuditRecord]] = [:]
        var lookups = 0
        var actors: [Actor] = []
        var generator = SystemRandomNumberGenerator()
    }

    let state = Mutex(State())
    let clock: ManualClock

    init(clock: ManualClock) { self.clock = clock }

    /// Everything else is done here: the organization must be there, and what is done is noted.
    private func act<Result>(
        _ organization: OrganizationID?,
        by actor: Actor? = nil,
        _ action: WalletAuditRecord.Action? = nil,
        _ body: (inout State) throws(WalletError) -> Result
    ) throws(WalletError) -> Result {
        try self.state.withLock { state throws(WalletError) -> Result in
            if let organization {
                state.lookups += 1
                guard state.organizations[organization] != nil else { throw WalletError(.notFound) }
            }
            let result = try body(&state)
            if let actor, let action {
                state.actors.append(actor)
                let ledger = organization.map { WalletLedger.organization($0) } ?? .server
                let records = state.audit[ledger] ?? []
                let head = records.last.map { WalletAuditHead(sequence: $0.sequence, hash: $0.hash) } ?? .empty
                let entry = WalletAuditEntry(at: self.clock.now, actor: actor, action: action, subject: "it")
                state.audit[ledger] = records + [WalletAuditRecord(after: head, in: ledger, entry)]
            }
            return result
        }
    }

    private static func found<Value>(_ value: Value?) throws(WalletError) -> Value {
        guard let value else { throw WalletError(.notFound) }
        return value
    }

    private static func page<Item: Sendable>(_ items: [Item], _ limit: Int, _ offset: Int) -> WalletPage<Item> {
        let rest = items.dropFirst(offset)
        return WalletPage(items: Array(rest.prefix(limit)), limit: limit, offset: offset, hasMore: rest.count > limit)
    }

    // MARK: Organizations and tokens

    func organizations() async throws -> [Organization] {
        self.state.withLock { $0.organizations.values.sorted { $0.name < $1.name } }
    }

    func organization(_ id: OrganizationID) async throws -> Organization {
        try self.act(nil) { state throws(WalletError) in try Self.found(state.organizations[id]) }
    }

    func createOrganization(_ request: NewOrganization, by actor: Actor) async throws -> Organization {
        try self.act(nil, by: actor, .organizationCreated) { state throws(WalletError) in
            let organization = Organization(
                id: .random(using: &state.generator),
                name: request.name,
                allowsDelegateCalls: request.allowsDelegateCalls,
                allowsWildcardTargets: request.allowsWildcardTargets,
                createdAt: self.clock.now
            )
            state.organizations[organization.id] = organization
            return organization
        }
    }

    func updateOrganization(
        _ id: OrganizationID,
        _ update: OrganizationUpdate,
        by actor: Actor
    ) async throws -> Organization {
        try self.act(id, by: actor, .organizationChanged) { state throws(WalletError) in
            let changed = update.applied(to: try Self.found(state.organizations[id]))
            state.organizations[id] = changed
            return changed
        }
    }

    func deleteOrganization(_ id: OrganizationID, by actor: Actor) async throws {
        try self.act(id, by: actor, .organizationDeleted) { state throws(WalletError) in
            guard !state.wallets.contains(where: { $0.organization == id }) else { throw WalletError(.inUse) }
            state.organizations[id] = nil
        }
    }

    func tokens(of organization: OrganizationID) async throws -> [OrganizationTokenRecord] {
        try self.act(organization) { state in state.tokens.filter { $0.organization == organization } }
    }

    func createToken(
        _ request: NewOrganizationToken,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> CreatedOrganizationToken {
        try self.act(organization, by: actor, .tokenCreated) { state in
            let secret = OrganizationTokenRecord.randomSecret(using: &state.generator)
            let record = OrganizationTokenRecord(
                id: .random(using: &state.generator),
                organization: organization,
                label: request.label,
                digest: SecretDigest(of: secret),
                scopes: request.scopes,
                createdAt: self.clock.now,
                expiresAt: request.lifetime.map { self.clock.now + $0 }
            )
            state.tokens.append(record)
            return CreatedOrganizationToken(record: record, secret: secret)
        }
    }

    func revokeToken(
        _ id: OrganizationTokenID,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> OrganizationTokenRecord {
        try self.act(organization, by: actor, .tokenRevoked) { state throws(WalletError) in
            let index = state.tokens.firstIndex { $0.id == id && $0.organization == organization }
            state.tokens[try Self.found(index)].revokedAt = self.clock.now
            return state.tokens[try Self.found(index)]
        }
    }

    func authenticate(_ secret: String) async throws -> OrganizationTokenRecord? {
        let now = self.clock.now
        return self.state.withLock { $0.tokens.first { $0.digest.matches(secret) && $0.isValid(now: now) } }
    }

    // MARK: Chains, wallets, session keys

    func chains() async throws -> [WalletChain] { self.state.withLock { $0.chains.values.sorted { $0.id < $1.id } } }

    func put(_ chain: WalletChain, by actor: Actor) async throws -> WalletChain {
        try self.act(nil, by: actor, .chainSet) { state in
            state.chains[chain.id] = chain
            return chain
        }
    }

    func deleteChain(_ id: Int, by actor: Actor) async throws {
        try self.act(nil, by: actor, .chainDeleted) { state throws(WalletError) in
            _ = try Self.found(state.chains.removeValue(forKey: id))
        }
    }

    func wallets(of organization: OrganizationID, limit: Int, offset: Int) async throws -> WalletPage<WalletRecord> {
        try self.act(organization) { state in
            Self.page(state.wallets.filter { $0.organization == organization }.reversed(), limit, offset)
        }
    }

    func wallet(_ id: WalletID, of organization: OrganizationID) async throws -> WalletRecord {
        try self.act(organization) { state throws(WalletError) in
            try Self.found(state.wallets.first { $0.id == id && $0.organization == organization })
        }
    }

    func registerWallet(
        _ request: NewWallet,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> WalletRecord {
        try self.act(organization, by: actor, .walletRegistered) { state in
            let wallet = WalletRecord(
                id: .random(using: &state.generator),
                organization: organization,
                name: request.name,
                kind: request.kind,
                address: request.address,
                createdAt: self.clock.now
            )
            state.wallets.append(wallet)
            return wallet
        }
    }

    func deleteWallet(_ id: WalletID, of organization: OrganizationID, by actor: Actor) async throws {
        try self.act(organization, by: actor, .walletDeleted) { state throws(WalletError) in
            let index = state.wallets.firstIndex { $0.id == id && $0.organization == organization }
            state.wallets.remove(at: try Self.found(index))
        }
    }

    func sessionKeys(
        of organization: OrganizationID,
        limit: Int,
        offset: Int
    ) async throws -> WalletPage<SessionKeyRecord> {
        try self.act(organization) { state in
            Self.page(state.keys.filter { $0.organization == organization }, limit, offset)
        }
    }

    func createSessionKey(of organization: OrganizationID, by actor: Actor) async throws -> SessionKeyRecord {
        try self.act(organization, by: actor, .sessionKeyCreated) { state throws(WalletError) in
            let key = SessionKeyRecord(
                id: .random(using: &state.generator),
                organization: organization,
                address: try Self.found(WalletAddress("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")),
                createdAt: self.clock.now
            )
            state.keys.append(key)
            return key
        }
    }

    // MARK: Sessions

    func createSessions(
        _ request: NewWalletSession,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> CreatedWalletSessions {
        try self.act(organization, by: actor, .sessionCreated) { state throws(WalletError) in
            let wallet = try Self.found(
                state.wallets.first { $0.id == request.wallet && $0.organization == organization }
            )
            if let index = request.installs.firstIndex(where: { $0.serialized == "refuse me" }) {
                let detail = DaypassError.Detail(path: "installs[\(index)].serialized", message: "blob_not_base64: No.")
                throw WalletError(.delegationRefused, details: [detail])
            }
            let group = WalletSessionGroupID.random(using: &state.generator)
            var made: [WalletSessionRecord] = []
            for install in request.installs {
                let session = WalletSessionRecord(
                    id: .random(using: &state.generator),
                    group: group,
                    organization: organization,
                    wallet: wallet.id,
                    kind: wallet.kind,
                    workflow: request.workflow,
                    sessionAddress: request.sessionAddress,
                    sessionKey: nil,
                    chainID: install.chainID,
                    policies: request.policies,
                    proof: wallet.kind == .kernel ? Self.proof : nil,
                    createdAt: self.clock.now,
                    expiresAt: request.expiresAt
                )
                state.delegations[session.id] = install.serialized
                made.append(session)
            }
            state.sessions += made
            return CreatedWalletSessions(sessions: made)
        }
    }

    private static let proof = WalletSessionProof(
        kernelVersion: "0.3.3",
        account: "init_code",
        approval: "digest",
        root: "ecdsa",
        owner: WalletAddress("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        nonce: 1,
        permissionID: "0x12345678",
        digest: "0x" + String(repeating: "ab", count: 32),
        warnings: [.init(code: "no_time_limit", message: "There is no end.")],
        rules: [.init(kind: "call", text: "Calls one contract.", enforcedBy: .chain)]
    )

    func sessions(
        of organization: OrganizationID,
        wallet: WalletID?,
        limit: Int,
        offset: Int
    ) async throws -> WalletPage<WalletSessionRecord> {
        let now = self.clock.now
        return try self.act(organization) { state in
            let active = state.sessions.filter { $0.organization == organization && $0.state(now: now) == .active }
            return Self.page(active.reversed(), limit, offset)
        }
    }

    func session(_ id: WalletSessionID, of organization: OrganizationID) async throws -> WalletSessionRecord {
        try self.act(organization) { state throws(WalletError) in
            try Self.found(state.sessions.first { $0.id == id && $0.organization == organization })
        }
    }

    func revokeSession(
        _ id: WalletSessionID,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> WalletSessionRecord {
        let now = self.clock.now
        return try self.act(organization, by: actor, .sessionRevoked) { state throws(WalletError) in
            let index = try Self.found(
                state.sessions.firstIndex { $0.id == id && $0.organization == organization }
            )
            guard state.sessions[index].state(now: now) == .active else { throw WalletError(.sessionEnded) }
            state.sessions[index].revokedAt = now
            return state.sessions[index]
        }
    }

    func delegation(
        of id: WalletSessionID,
        in organization: OrganizationID,
        by actor: Actor
    ) async throws -> String {
        try self.act(organization, by: actor, .delegationRead) { state throws(WalletError) in
            let session = try Self.found(
                state.sessions.first { $0.id == id && $0.organization == organization }
            )
            guard session.kind == .opaque else { throw WalletError(.conflict) }
            return try Self.found(state.delegations[id])
        }
    }

    // MARK: Audit

    func audit(of ledger: WalletLedger, before: Int?, limit: Int) async throws -> [WalletAuditRecord] {
        try self.act(nil) { state throws(WalletError) in
            let records = state.audit[ledger] ?? []
            return records.filter { $0.sequence < before ?? Int.max }.suffix(limit).reversed()
        }
    }

    func verifyAudit(of ledger: WalletLedger) async throws -> WalletAuditVerdict {
        try self.act(nil) { state throws(WalletError) in
            var verifier = WalletAuditVerifier(ledger: ledger)
            var problem: WalletAuditVerifier.Problem?
            let records = state.audit[ledger] ?? []
            for record in records where problem == nil { problem = verifier.next(record) }
            let head = records.last.map { WalletAuditHead(sequence: $0.sequence, hash: $0.hash) } ?? .empty
            return WalletAuditVerdict(verified: verifier.verified, problem: problem, head: head)
        }
    }
}
