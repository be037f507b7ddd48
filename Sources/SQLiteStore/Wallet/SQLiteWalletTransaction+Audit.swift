import Foundation
import GRDB
import SessionModel
import SessionStore

extension SQLiteWalletTransaction {
    func append(_ entry: WalletAuditEntry, to ledger: WalletLedger) throws {
        let stored = try WalletRows.head(of: ledger, self.db, key: self.storeKey)
        let last = try WalletRows.lastRecord(of: ledger, self.db)
        let isGenuine: Bool
        if let stored {
            isGenuine = stored.isGenuine && last == stored.head
        } else {
            isGenuine = try last == nil && self.mayBegin(ledger, with: entry)
        }
        var head = stored?.head ?? last ?? .empty
        // Behind whatever is there: a ledger that was tampered with is told of, and is no reason to refuse changes.
        head.sequence = max(head.sequence, last?.sequence ?? 0)
        let record = WalletAuditRecord(after: head, in: ledger, entry)
        try self.execute(
            """
            INSERT INTO wallet_audit (ledger, \(WalletRows.auditColumns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                ledger.text, record.sequence, record.at.millisecondsSinceEpoch, record.actor.name,
                record.actor.address, record.action.rawValue, record.subject, record.details.text,
                Data(record.previousHash), Data(record.hash),
            ]
        )
        let end = WalletAuditHead(sequence: record.sequence, hash: record.hash)
        try self.replaceInTotal(stored?.head ?? .empty, by: end)
        try self.put(end, of: ledger.text, isGenuine: isGenuine)
    }

    /// Puts a ledger's new end into the sum of all, before it stands in its own row.
    private func replaceInTotal(_ earlier: WalletAuditHead, by end: WalletAuditHead) throws {
        let stored = try WalletRows.total(self.db, key: self.storeKey)
        // Without a sum there must not have been anything to add up; what there is then makes it no genuine one.
        let isGenuine = try stored?.isGenuine ?? !WalletRows.hasLedgers(self.db)
        let total = (stored?.head ?? .empty).removing(earlier).adding(end)
        try self.put(total, of: WalletRows.allLedgers, isGenuine: isGenuine)
    }

    private func put(_ end: WalletAuditHead, of name: String, isGenuine: Bool) throws {
        // Zeros are the seal of nothing.
        let seal = isGenuine ? self.storeKey.seal(end, of: name) : Data(count: 32)
        try self.execute(
            """
            INSERT INTO wallet_ledger (name, sequence, hash, seal) VALUES (?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, seal = excluded.seal
            """,
            [name, end.sequence, Data(end.hash), seal]
        )
    }

    /// Whether a ledger without an end is one that never had a record.
    private func mayBegin(_ ledger: WalletLedger, with entry: WalletAuditEntry) throws -> Bool {
        guard entry.begins(ledger) else { return false }
        guard ledger == .server else { return true }
        let isUsed = try Bool.fetchOne(
            self.db.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM organization) OR EXISTS (SELECT 1 FROM wallet_chain)
                        OR EXISTS (SELECT 1 FROM wallet_ledger) OR EXISTS (SELECT 1 FROM wallet_audit)
                    """
            )
        )
        return isUsed == false
    }
}
