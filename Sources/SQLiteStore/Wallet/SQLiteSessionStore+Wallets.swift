import Foundation
import GRDB
package import SessionModel
package import SessionStore

extension SQLiteSessionStore: WalletStore {
    package func changeWallets<Value: Sendable>(
        _ body: @escaping @Sendable (any WalletTransaction) throws -> Value
    ) async throws -> Value {
        let (value, hasDestroyedSecrets) = try await self.write { [key] db in
            let transaction = SQLiteWalletTransaction(db, key: key)
            return (try body(transaction), transaction.hasDestroyedSecrets)
        }
        if hasDestroyedSecrets { await self.emptyLog() }
        return value
    }

    package func organizations() async throws -> [Organization] {
        try await self.read { db in try WalletRows.organizations("ORDER BY name, id", [], db) }
    }

    package func organization(_ id: OrganizationID) async throws -> Organization? {
        try await self.read { db in try WalletRows.organizations("WHERE id = ?", [id.row], db).first }
    }

    package func organizationTokens(of organization: OrganizationID) async throws -> [OrganizationTokenRecord] {
        try await self.read { db in
            try WalletRows.tokens("WHERE organization = ? ORDER BY number DESC", [organization.row], db)
        }
    }

    package func organizationToken(digest: SecretDigest) async throws -> OrganizationTokenRecord? {
        try await self.read { db in try WalletRows.tokens("WHERE digest = ?", [Data(digest.bytes)], db).first }
    }

    package func walletChains() async throws -> [WalletChain] {
        try await self.read { [key] db in try WalletRows.chains("ORDER BY id", [], db, key: key) }
    }

    package func walletChains(_ ids: [Int]) async throws -> [WalletChain] {
        try await self.read { [key] db in
            try Set(ids).sorted().flatMap { try WalletRows.chains("WHERE id = ?", [$0], db, key: key) }
        }
    }

    package func wallets(of organization: OrganizationID, limit: Int, offset: Int) async throws -> [WalletRecord] {
        try await self.read { db in
            try WalletRows.wallets(
                "WHERE organization = ? ORDER BY number DESC LIMIT ? OFFSET ?",
                [organization.row, pageSize(limit), max(offset, 0)],
                db
            )
        }
    }

    package func wallet(_ id: WalletID, of organization: OrganizationID) async throws -> WalletRecord? {
        try await self.read { db in
            try WalletRows.wallets("WHERE id = ? AND organization = ?", [id.row, organization.row], db).first
        }
    }

    package func sessionKeys(
        of organization: OrganizationID,
        limit: Int,
        offset: Int
    ) async throws -> [SessionKeyRecord] {
        try await self.read { db in
            try WalletRows.sessionKeys(
                "WHERE organization = ? ORDER BY number DESC LIMIT ? OFFSET ?",
                [organization.row, pageSize(limit), max(offset, 0)],
                db
            )
        }
    }

    package func privateKey(of id: SessionKeyID, in organization: OrganizationID) async throws -> SecretBytes? {
        try await self.read { [key] db in
            let row = try Row.fetchOne(
                db.cachedStatement(
                    sql: "SELECT data_key_sealed, private_sealed FROM session_key WHERE id = ? AND organization = ?"
                ),
                arguments: [id.row, organization.row]
            )
            return try row.map { row in
                try key.open(
                    WalletSealed(dataKey: row[0], content: row[1]),
                    at: .privateKey(of: id, organization)
                )
            }
        }
    }

    package func walletSessions(
        of organization: OrganizationID,
        wallet: WalletID?,
        now: Timestamp,
        limit: Int,
        offset: Int
    ) async throws -> [WalletSessionRecord] {
        try await self.read { db in
            var conditions = "WHERE organization = ? AND ends_at > ?"
            var arguments: StatementArguments = [organization.row, now.millisecondsSinceEpoch]
            if let wallet {
                conditions += " AND wallet = ?"
                arguments += [wallet.row]
            }
            // What is skipped is sorted as numbers, not as whole rows.
            return try WalletRows.sessions(
                """
                WHERE number IN
                    (SELECT number FROM wallet_session \(conditions) ORDER BY number DESC LIMIT ? OFFSET ?)
                ORDER BY number DESC
                """,
                arguments + [pageSize(limit), max(offset, 0)],
                db
            )
        }
    }

    package func walletSession(
        _ id: WalletSessionID,
        of organization: OrganizationID
    ) async throws -> WalletSessionRecord? {
        try await self.read { db in
            try WalletRows.sessions("WHERE id = ? AND organization = ?", [id.row, organization.row], db).first
        }
    }

    package func delegation(of id: WalletSessionID, in organization: OrganizationID) async throws -> SecretBytes? {
        try await self.read { [key] db in
            let row = try Row.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT data_key_sealed, delegation_sealed, chain_id FROM wallet_session
                        WHERE id = ? AND organization = ? AND delegation_sealed IS NOT NULL
                        """
                ),
                arguments: [id.row, organization.row]
            )
            return try row.map { row in
                try key.open(
                    WalletSealed(dataKey: row[0], content: row[1]),
                    at: .delegation(of: id, organization, chainID: row[2])
                )
            }
        }
    }

    package func walletAudit(
        of ledger: WalletLedger,
        before: Int?,
        limit: Int
    ) async throws -> [WalletAuditRecord] {
        try await self.read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT \(WalletRows.auditColumns) FROM wallet_audit
                        WHERE ledger = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?
                        """
                ),
                arguments: [ledger.text, before ?? .max, pageSize(limit)]
            )
            .map { row in
                guard let record = WalletRows.auditRecord(row, of: ledger) else {
                    throw StoreFailure("The record \(row[0] as Int64) of the ledger \(ledger) is damaged. Verify it.")
                }
                return record
            }
        }
    }

    package func walletAuditHead(of ledger: WalletLedger) async throws -> StoredAuditHead? {
        try await self.read { [key] db in try WalletRows.head(of: ledger, db, key: key) }
    }

    package func verifyWalletAudit(of ledger: WalletLedger) async throws -> WalletAuditVerdict? {
        try await self.read { [key] db in
            let stored = try WalletRows.head(of: ledger, db, key: key)
            // Records without an end are a ledger whose end was removed.
            let hasRecords = try WalletRows.lastRecord(of: ledger, db) != nil
            guard let end = stored ?? (hasRecords ? StoredAuditHead(head: .empty, isGenuine: false) : nil) else {
                return nil
            }
            var verifier = WalletAuditVerifier(ledger: ledger)
            func verdict(_ problem: WalletAuditVerifier.Problem?) -> WalletAuditVerdict {
                WalletAuditVerdict(verified: verifier.verified, problem: problem, head: end.head)
            }
            let rows = try Row.fetchCursor(
                db.cachedStatement(
                    sql: "SELECT \(WalletRows.auditColumns) FROM wallet_audit WHERE ledger = ? ORDER BY sequence"
                ),
                arguments: [ledger.text]
            )
            while let row = try rows.next() {
                guard let record = WalletRows.auditRecord(row, of: ledger) else {
                    return verdict((row[0] as Int) == verifier.verified + 1 ? .changed : .missing)
                }
                if let problem = verifier.next(record) { return verdict(problem) }
            }
            if let problem = verifier.end(at: end.head) { return verdict(problem) }
            guard end.isGenuine else { return verdict(.headForged) }
            let total = try WalletRows.total(db, key: key)
            let isWhole = try total?.isGenuine == true && total?.head == WalletRows.sumOfLedgers(db, key: key)
            return verdict(isWhole ? nil : .setBack)
        }
    }
}
