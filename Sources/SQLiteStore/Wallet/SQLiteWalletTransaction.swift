import Foundation
import GRDB
import SessionModel
import SessionStore

/// A transaction of the SQLite store, on the connection that writes.
final class SQLiteWalletTransaction: WalletTransaction {
    let db: Database
    let storeKey: StoreKey
    /// Whether something encrypted was removed, of which the write-ahead log still has a copy.
    private(set) var hasDestroyedSecrets = false

    init(_ db: Database, key: StoreKey) {
        self.db = db
        self.storeKey = key
    }

    func organization(_ id: OrganizationID) throws -> Organization? {
        try WalletRows.organizations("WHERE id = ?", [id.row], self.db).first
    }

    func organizationCount() throws -> Int { try self.count("organization", []) }

    func put(_ organization: Organization) throws {
        try self.execute(
            """
            INSERT INTO organization (id, name, allows_delegate_calls, allows_wildcard_targets, created_at)
            VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET
                name = excluded.name, allows_delegate_calls = excluded.allows_delegate_calls,
                allows_wildcard_targets = excluded.allows_wildcard_targets, created_at = excluded.created_at
            """,
            [
                organization.id.row, organization.name, organization.allowsDelegateCalls,
                organization.allowsWildcardTargets, organization.createdAt.millisecondsSinceEpoch,
            ]
        )
    }

    func deleteOrganization(_ id: OrganizationID) throws {
        guard try self.organization(id) != nil else { throw WalletRefusals.unknownOrganization }
        guard try self.walletCount(of: id) == 0 else { throw WalletRefusals.organizationInUse }
        self.hasDestroyedSecrets = true
        try self.execute("DELETE FROM organization WHERE id = ?", [id.row])
    }

    func token(_ id: OrganizationTokenID, of organization: OrganizationID) throws -> OrganizationTokenRecord? {
        try WalletRows.tokens("WHERE id = ? AND organization = ?", [id.row, organization.row], self.db).first
    }

    func validTokenCount(of organization: OrganizationID, now: Timestamp) throws -> Int {
        try self.count(
            "organization_token WHERE organization = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)",
            [organization.row, now.millisecondsSinceEpoch]
        )
    }

    func put(_ token: OrganizationTokenRecord) throws {
        guard try self.organization(token.organization) != nil else { throw WalletRefusals.unknownOrganization }
        let scopes = OrganizationScope.allCases.filter(token.scopes.contains).map(\.rawValue).joined(separator: " ")
        try self.execute(
            """
            INSERT INTO organization_token (id, organization, label, digest, scopes, created_at, expires_at, revoked_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET
                label = excluded.label, digest = excluded.digest, scopes = excluded.scopes,
                created_at = excluded.created_at, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at
            """,
            [
                token.id.row, token.organization.row, token.label, Data(token.digest.bytes), scopes,
                token.createdAt.millisecondsSinceEpoch, token.expiresAt?.millisecondsSinceEpoch,
                token.revokedAt?.millisecondsSinceEpoch,
            ]
        )
    }

    func chain(_ id: Int) throws -> WalletChain? {
        try WalletRows.chains("WHERE id = ?", [id], self.db, key: self.storeKey).first
    }

    func hasChain(_ id: Int) throws -> Bool { try self.count("wallet_chain WHERE id = ?", [id]) > 0 }

    func chainCount() throws -> Int { try self.count("wallet_chain", []) }

    func put(_ chain: WalletChain) throws {
        func sealed(_ url: ChainURL?, _ name: String) throws -> Data? {
            try url.map { try self.storeKey.wrap(Data($0.secretText.utf8), at: .url(name, ofChain: chain.id)) }
        }
        try self.execute(
            """
            INSERT INTO wallet_chain (id, name, node_sealed, bundler_sealed) VALUES (?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET
                name = excluded.name, node_sealed = excluded.node_sealed, bundler_sealed = excluded.bundler_sealed
            """,
            [chain.id, chain.name, try sealed(chain.node, "node"), try sealed(chain.bundler, "bundler")]
        )
    }

    func deleteChain(_ id: Int) throws {
        self.hasDestroyedSecrets = true
        try self.execute("DELETE FROM wallet_chain WHERE id = ?", [id])
        guard self.db.changesCount == 1 else { throw WalletRefusals.unknownChain }
    }

    func wallet(_ id: WalletID, of organization: OrganizationID) throws -> WalletRecord? {
        try WalletRows.wallets("WHERE id = ? AND organization = ?", [id.row, organization.row], self.db).first
    }

    func walletCount(of organization: OrganizationID) throws -> Int {
        try self.count("wallet WHERE organization = ?", [organization.row])
    }

    func insert(_ wallet: WalletRecord) throws {
        guard try self.organization(wallet.organization) != nil else { throw WalletRefusals.unknownOrganization }
        do {
            try self.execute(
                """
                INSERT INTO wallet (id, organization, name, kind, address, address_key, kernel_version, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    wallet.id.row, wallet.organization.row, wallet.name, wallet.kind.rawValue, wallet.address?.text,
                    wallet.address?.lowercased, wallet.kernelVersion, wallet.createdAt.millisecondsSinceEpoch,
                ]
            )
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE {
            throw WalletRefusals.walletTaken
        }
    }

    func deleteWallet(_ id: WalletID, of organization: OrganizationID, now: Timestamp) throws {
        guard try self.wallet(id, of: organization) != nil else { throw WalletRefusals.unknownWallet }
        let active = try self.count(
            "wallet_session WHERE wallet = ? AND ends_at > ?",
            [id.row, now.millisecondsSinceEpoch]
        )
        guard active == 0 else { throw WalletRefusals.walletInUse }
        self.hasDestroyedSecrets = true
        try self.execute("DELETE FROM wallet WHERE id = ?", [id.row])
    }

    func sessionKeyCount(of organization: OrganizationID) throws -> Int {
        try self.count("session_key WHERE organization = ?", [organization.row])
    }

    func sessionKey(_ address: WalletAddress, of organization: OrganizationID) throws -> SessionKeyRecord? {
        try WalletRows.sessionKeys(
            "WHERE organization = ? AND address_key = ?",
            [organization.row, address.lowercased],
            self.db
        )
        .first
    }

    func insert(_ key: SessionKeyRecord, privateKey: SecretBytes) throws {
        guard try self.organization(key.organization) != nil else { throw WalletRefusals.unknownOrganization }
        let sealed = try self.storeKey.seal(privateKey, at: .privateKey(of: key.id, key.organization))
        try self.execute(
            """
            INSERT INTO session_key (id, organization, address, address_key, created_at, data_key_sealed, private_sealed)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [
                key.id.row, key.organization.row, key.address.text, key.address.lowercased,
                key.createdAt.millisecondsSinceEpoch, sealed.dataKey, sealed.content,
            ]
        )
    }

    func activeSessionCount(of organization: OrganizationID, now: Timestamp) throws -> Int {
        try self.count(
            "wallet_session WHERE organization = ? AND ends_at > ?",
            [organization.row, now.millisecondsSinceEpoch]
        )
    }

    func insert(_ session: WalletSessionRecord, delegation: SecretBytes) throws {
        guard let wallet = try self.wallet(session.wallet, of: session.organization) else {
            throw WalletRefusals.unknownWallet
        }
        let permission = Data(session.permission(of: wallet, delegation: delegation.bytes))
        guard try self.count("revoked_permission WHERE permission = ?", [permission]) == 0 else {
            throw WalletError(.permissionRevoked)
        }
        // Not a unique index: the same permission may be lent again when a session has expired.
        let active = try self.count(
            "wallet_session WHERE permission = ? AND ends_at > ?",
            [permission, session.createdAt.millisecondsSinceEpoch]
        )
        guard active == 0 else { throw WalletError(.permissionActive) }
        let sealed = try self.storeKey.seal(
            delegation,
            at: .delegation(of: session.id, session.organization, chainID: session.chainID)
        )
        try self.execute(
            """
            INSERT INTO wallet_session (
                id, group_id, organization, wallet, kind, workflow, session_address, session_key, chain_id, policies,
                proof, created_at, expires_at, ends_at, permission, data_key_sealed, delegation_sealed
            ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                session.id.row, session.group.row, session.organization.row, session.wallet.row,
                session.kind.rawValue, session.workflow, session.sessionAddress.text, session.sessionKey?.row,
                session.chainID, session.policies.text, session.proof?.storedJSON.text,
                session.createdAt.millisecondsSinceEpoch, session.expiresAt.millisecondsSinceEpoch,
                session.endsAt.millisecondsSinceEpoch, permission, sealed.dataKey, sealed.content,
            ]
        )
    }

    func session(_ id: WalletSessionID, of organization: OrganizationID) throws -> WalletSessionRecord? {
        try WalletRows.sessions("WHERE id = ? AND organization = ?", [id.row, organization.row], self.db).first
    }

    func revoke(_ id: WalletSessionID, at time: Timestamp) throws {
        try self.execute(
            """
            UPDATE wallet_session SET
                revoked_at = ?1, ends_at = min(ends_at, ?1), data_key_sealed = NULL, delegation_sealed = NULL
            WHERE id = ?2
            """,
            [time.millisecondsSinceEpoch, id.row]
        )
        self.hasDestroyedSecrets = true
        try self.execute(
            """
            INSERT OR IGNORE INTO revoked_permission (permission, organization)
            SELECT permission, organization FROM wallet_session WHERE id = ?
            """,
            [id.row]
        )
    }

    func prune(endedBefore time: Timestamp, limit: Int) throws -> PrunedWalletRows {
        let horizon = time.millisecondsSinceEpoch
        try self.execute(
            """
            DELETE FROM wallet_session WHERE number IN
                (SELECT number FROM wallet_session WHERE ends_at < ? ORDER BY ends_at, id LIMIT ?)
            """,
            [horizon, limit]
        )
        var removed = self.db.changesCount
        let keys = try WalletRows.sessionKeys(
            """
            WHERE created_at < ? AND NOT EXISTS (
                SELECT 1 FROM wallet_session WHERE wallet_session.session_key = session_key.id
            ) ORDER BY created_at, number LIMIT ?
            """,
            [horizon, limit],
            self.db
        )
        for key in keys { try self.execute("DELETE FROM session_key WHERE id = ?", [key.id.row]) }
        removed += keys.count
        try self.execute(
            """
            DELETE FROM organization_token WHERE number IN (
                SELECT number FROM organization_token WHERE revoked_at < ?1 OR expires_at < ?1 ORDER BY number LIMIT ?2
            )
            """,
            [horizon, limit]
        )
        removed += self.db.changesCount
        self.hasDestroyedSecrets = self.hasDestroyedSecrets || removed > 0
        return PrunedWalletRows(count: removed, sessionKeys: keys)
    }

    func execute(_ sql: String, _ arguments: StatementArguments) throws {
        try self.db.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    private func count(_ table: String, _ arguments: StatementArguments) throws -> Int {
        try Int.fetchOne(
            self.db.cachedStatement(sql: "SELECT count(*) FROM \(table)"),
            arguments: arguments
        ) ?? 0
    }
}
