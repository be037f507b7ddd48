import Crypto
import EthereumPrimitives
package import SessionModel
import SessionStore
import WalletPolicy

extension WalletManager {
    package func createSessions(
        _ request: NewWalletSession,
        of organizationID: OrganizationID,
        by actor: Actor
    ) async throws -> CreatedWalletSessions {
        try self.takeCall(of: organizationID)
        let now = self.clock()
        let organization = try await self.organization(organizationID)
        let wallet = try await self.wallet(request.wallet, of: organizationID)
        var problems: [DaypassError.Detail] = []
        let sessionAddress = Self.checksummed(request.sessionAddress, "sessionAddress", &problems)
        guard let sessionAddress, let session = EthereumAddress(sessionAddress), problems.isEmpty else {
            throw WalletError(.invalidRequest, details: problems)
        }
        guard session != .zero else {
            throw WalletError(.invalidRequest, details: [.init(path: "sessionAddress", message: "must not be zero")])
        }
        var proofs: [WalletSessionProof?] = request.installs.map { _ in nil }
        var chains: [WalletChain] = []
        switch wallet.kind {
        case .kernel:
            chains = try await self.store.walletChains(request.installs.map(\.chainID))
            proofs = try await self.recordingRefusals(of: request, to: wallet, by: actor) { [chains] in
                try await self.prove(request, session, wallet, organization, chains, now: now)
            }
        case .opaque:
            try await self.recordingRefusals(of: request, to: wallet, by: actor) {
                try self.checkEnd(request.expiresAt, now: now)
            }
        }
        let drafts = self.sessions(request, sessionAddress: sessionAddress, wallet, proofs, now: now)
        let entries = zip(drafts, request.installs)
            .map { session, install in
                self.entry(.sessionCreated, session.id.text, by: actor, session.audited(install))
            }
        let limit = self.configuration.maxActiveSessions
        let prune = self.pruning(now: now)
        return try await self.recordingRefusals(of: request, to: wallet, by: actor) {
            try await self.store.changeWallets { [clock, chains] transaction in
                // Since the call began minutes may have passed: its token may be revoked, and the session's end may be over.
                let time = clock()
                try Self.check(actor, of: organizationID, now: time, in: transaction)
                try self.checkEnd(request.expiresAt, now: time)
                // Since the proof the organization may have become stricter, and the wallet may have gone.
                guard try transaction.organization(organizationID) == organization,
                    try transaction.wallet(wallet.id, of: organizationID) == wallet
                else {
                    throw WalletError(.conflict, "The organization or the wallet was changed meanwhile. Try again.")
                }
                for chain in chains {
                    guard try transaction.chain(chain.id)?.node == chain.node else {
                        throw WalletError(.conflict, "The chain \(chain.id) was changed meanwhile. Try again.")
                    }
                }
                let active = try transaction.activeSessionCount(of: organizationID, now: now)
                try Self.check(active, adding: drafts.count, below: limit, "active sessions")
                let key = try transaction.sessionKey(sessionAddress, of: organizationID)
                var sessions = drafts
                for index in sessions.indices {
                    sessions[index].sessionKey = key?.id
                    let delegation = SecretBytes(Array(request.installs[index].serialized.utf8))
                    try transaction.insert(sessions[index], delegation: delegation)
                    try transaction.append(entries[index], to: .organization(organizationID))
                }
                // Last, so that a session key that has a session from now on is not taken for one without.
                try prune(transaction)
                return CreatedWalletSessions(sessions: sessions)
            }
        }
    }

    package func sessions(
        of organization: OrganizationID,
        wallet: WalletID?,
        limit: Int,
        offset: Int
    ) async throws -> WalletPage<WalletSessionRecord> {
        _ = try await self.organization(organization)
        if let wallet { _ = try await self.wallet(wallet, of: organization) }
        let now = self.clock()
        return try await Self.page(limit, offset) { limit, offset in
            try await self.store.walletSessions(
                of: organization,
                wallet: wallet,
                now: now,
                limit: limit,
                offset: offset
            )
        }
    }

    package func session(
        _ id: WalletSessionID,
        of organization: OrganizationID
    ) async throws -> WalletSessionRecord {
        guard let session = try await self.store.walletSession(id, of: organization) else { throw Self.unknownSession }
        return session
    }

    package func revokeSession(
        _ id: WalletSessionID,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> WalletSessionRecord {
        let now = self.clock()
        let entry = self.entry(.sessionRevoked, id.text, by: actor)
        return try await self.store.changeWallets { [clock] transaction in
            try Self.check(actor, of: organization, now: clock(), in: transaction)
            guard var session = try transaction.session(id, of: organization) else { throw Self.unknownSession }
            guard session.state(now: now) == .active else { throw WalletError(.sessionEnded) }
            try transaction.revoke(id, at: now)
            try transaction.append(entry, to: .organization(organization))
            session.revokedAt = now
            return session
        }
    }

    package func delegation(
        of id: WalletSessionID,
        in organization: OrganizationID,
        by actor: Actor
    ) async throws -> String {
        try self.takeCall(of: organization)
        let session = try await self.session(id, of: organization)
        guard session.kind == .opaque else {
            throw WalletError(.conflict, "The delegations of a Kernel wallet stay here: the gateway acts under them.")
        }
        let now = self.clock()
        let entry = self.entry(.delegationRead, id.text, by: actor)
        // Recorded first: nothing is handed out that no record tells of.
        try await self.store.changeWallets { [clock] transaction in
            try Self.check(actor, of: organization, now: clock(), in: transaction)
            guard let session = try transaction.session(id, of: organization), session.state(now: now) == .active else {
                throw WalletError(.sessionEnded)
            }
            try transaction.append(entry, to: .organization(organization))
        }
        guard let delegation = try await self.store.delegation(of: id, in: organization) else {
            throw WalletError(.sessionEnded)
        }
        return String(decoding: delegation.bytes, as: UTF8.self)
    }

    // MARK: Creating

    /// What is proven of each install; throws with every install's problem.
    private func prove(
        _ request: NewWalletSession,
        _ sessionAddress: EthereumAddress,
        _ wallet: WalletRecord,
        _ organization: Organization,
        _ chains: [WalletChain],
        now: Timestamp
    ) async throws -> [WalletSessionProof?] {
        guard let address = wallet.address.flatMap({ EthereumAddress($0) }) else { throw WalletError(.internalError) }
        let prover = InstallProver(
            nodes: self.nodes,
            chains: chains,
            organization: organization.id,
            rules: DelegationRules(organization, maximumLifetime: self.configuration.maximumLifetime),
            now: now
        )
        let results = await prover.prove(
            request.installs,
            wallet: address,
            version: wallet.kernelVersion.flatMap { KernelVersion(rawValue: $0) },
            sessionAddress: sessionAddress,
            expiresAt: request.expiresAt
        )
        guard results.count == request.installs.count else { throw WalletError(.internalError) }
        var proofs: [WalletSessionProof?] = []
        var problems: [(index: Int, problem: InstallProblem)] = []
        for (index, result) in results.enumerated() {
            switch result {
            case .success(let verified):
                proofs.append(
                    WalletSessionProof(verified, policies: request.policies, expiresAt: request.expiresAt)
                )
            case .failure(let problem): problems.append((index, problem))
            }
        }
        guard let first = problems.first else { return proofs }
        var details: [DaypassError.Detail] = []
        // The session's end is one problem, however many installs have it.
        for detail in problems.map({ $1.detail(install: $0) }) where !details.contains(detail) {
            details.append(detail)
        }
        // Nodes that are busy with this organization's questions are so for a moment.
        let wait = first.problem.code == .rateLimited ? 1 : nil
        throw WalletError(first.problem.code, details: details, retryAfterSeconds: wait)
    }

    /// Runs a part of creating sessions of `wallet`; a refusal is recorded before it is thrown.
    private func recordingRefusals<Value: Sendable>(
        of request: NewWalletSession,
        to wallet: WalletRecord,
        by actor: Actor,
        _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let refusal as WalletError {
            let problems = refusal.details.map { problem -> JSONValue in
                ["path": .string(problem.path), "message": .string(problem.message)]
            }
            let details: JSONValue = [
                "code": .string(refusal.code.rawValue),
                "chainIds": .array(request.installs.map { .integer($0.chainID) }),
                "problems": .array(problems),
            ]
            let entry = self.entry(.sessionRefused, wallet.id.text, by: actor, details)
            try await self.store.changeWallets { try $0.append(entry, to: .organization(wallet.organization)) }
            throw refusal
        }
    }

    /// Throws when the session would be over already, or last too long.
    private func checkEnd(_ expiresAt: Timestamp, now: Timestamp) throws {
        let reason: DelegationRefusal.Reason
        if expiresAt <= now {
            reason = .expiryPast
        } else if expiresAt > now + self.configuration.maximumLifetime {
            reason = .expiryTooFar
        } else {
            return
        }
        throw WalletError(.delegationRefused, details: [DelegationRefusal(reason).detail(field: "expiresAt")])
    }

    private func sessions(
        _ request: NewWalletSession,
        sessionAddress: WalletAddress,
        _ wallet: WalletRecord,
        _ proofs: [WalletSessionProof?],
        now: Timestamp
    ) -> [WalletSessionRecord] {
        var generator = SourceGenerator(source: self.randomSource)
        let group = WalletSessionGroupID.random(using: &generator)
        return zip(request.installs, proofs)
            .map { install, proof in
                WalletSessionRecord(
                    id: .random(using: &generator),
                    group: group,
                    organization: wallet.organization,
                    wallet: wallet.id,
                    kind: wallet.kind,
                    workflow: request.workflow,
                    sessionAddress: sessionAddress,
                    sessionKey: nil,
                    chainID: install.chainID,
                    policies: request.policies,
                    proof: proof,
                    createdAt: now,
                    expiresAt: request.expiresAt
                )
            }
    }

    private static let unknownSession = WalletError(.notFound, "There is no such session.")
}

extension WalletSessionRecord {
    /// What audit records say of a new session; of the delegation only its hash.
    fileprivate func audited(_ install: WalletInstall) -> JSONValue {
        [
            "sessionGroupId": .string(self.group.text), "walletId": .string(self.wallet.text),
            "chainId": .integer(self.chainID), "sessionAddress": .string(self.sessionAddress.text),
            "expiresAt": .string(self.expiresAt.iso8601),
            "permissionId": self.proof.map { .string($0.permissionID) } ?? .null,
            "digest": self.proof?.digest.map { .string($0) } ?? .null,
            "policiesHash": .string(lowerHex(SHA256.hash(data: Array(self.policies.text.utf8)))),
            "delegationHash": .string(lowerHex(SHA256.hash(data: Array(install.serialized.utf8)))),
        ]
    }
}
