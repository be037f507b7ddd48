import Crypto
import Foundation
import GRDB
import Glibc
import SessionModel
package import SessionStore

/// Replaces the server's key: everything that is encrypted with it is encrypted anew, with the server stopped.
///
/// ```
/// server.key.next written ──▶ one transaction ──▶ server.key.next renamed to server.key
/// ```
///
/// The transaction also renews the key check, so whichever step a crash comes after, the next start (`finish`) sees which
/// of the two keys the database has, and completes the change or forgets it. What delegations and custody keys are encrypted
/// with, a data key each, is wrapped anew; they themselves are not touched. Cookies of viewers and owners become void.
package enum KeyRotation {
    /// What was encrypted anew.
    package struct Summary: Equatable, Sendable {
        /// Data keys of delegations and of custody keys.
        package var dataKeys = 0
        /// URLs of nodes and bundlers.
        package var urls = 0
        /// Passwords of tunnel sessions.
        package var passwords = 0
        /// Keys that sign browser sessions' tokens.
        package var signingKeys = 0
        /// Ends of audit ledgers; a forged one stays forged.
        package var ledgers = 0
    }

    /// Draws a new key for the server that keeps its state in `directory`, and uses it.
    ///
    /// The folder's lock is held by `directory`, so no server runs; discard `directory` afterwards. Throws, and leaves the
    /// old key in force, when anything cannot be decrypted with it.
    package static func rotate(
        _ directory: DataDirectory,
        randomSource: @escaping RandomSource = systemRandomSource
    ) throws -> Summary {
        let next = "\(directory.path)/server.key.next"
        let bytes = (0..<StoreKey.byteCount / 8).flatMap { _ in withUnsafeBytes(of: randomSource()) { Array($0) } }
        let new = try StoreKey(bytes: bytes, file: "\(directory.path)/server.key")
        let store = try SQLiteSessionStore(in: directory)
        try PrivateFile.write(bytes, to: next)
        do {
            let summary = try store.pool.write { db in try self.reseal(db, from: directory.key, to: new) }
            try store.close()
            try PrivateFile.move(next, to: "\(directory.path)/server.key")
            return summary
        } catch {
            // Whether the transaction was committed is for the next start to see, which has both keys.
            try? store.close()
            throw error
        }
    }

    /// Completes a change of the key that was cut short, or forgets it; called at every start, under the folder's lock.
    static func finish(in folder: String) throws {
        let next = "\(folder)/server.key.next"
        guard let bytes = try PrivateFile.read(next, limit: 4096) else { return }
        let key = try StoreKey(bytes: bytes, file: next)
        let database = "\(folder)/daypass.db"
        guard try PrivateFile.exists(database) else { return try PrivateFile.remove(next) }
        let isInUse: Bool
        do {
            let queue = try DatabaseQueue(path: database)
            isInUse = try queue.read { db in
                let sealed = try Data.fetchOne(db, sql: "SELECT sealed FROM key_check")
                return sealed.map { (try? key.open($0, place: SQLiteSessionStore.keyCheckPlace)) == "daypass" } ?? false
            }
            try queue.close()
        } catch let error as DatabaseError {
            throw DaypassError(
                .serviceUnavailable,
                "The database \(database) cannot be opened: \(error.message ?? error.resultCode.description)."
            )
        }
        if isInUse {
            try PrivateFile.move(next, to: "\(folder)/server.key")
        } else {
            try PrivateFile.remove(next)
        }
    }

    private static func reseal(_ db: Database, from old: StoreKey, to new: StoreKey) throws -> Summary {
        var summary = Summary()
        summary.dataKeys += try self.rewrapSessions(db, from: old, to: new)
        summary.dataKeys += try self.rewrapSessionKeys(db, from: old, to: new)
        for chain in try WalletRows.chains("ORDER BY id", [], db, key: old) {
            try SQLiteWalletTransaction(db, key: new).put(chain)
            summary.urls += [chain.node, chain.bundler].count { $0 != nil }
        }
        for row in try Row.fetchAll(db, sql: "SELECT name, sequence, hash, seal FROM wallet_ledger") {
            let name: String = row[0]
            let head = WalletRows.end(sequence: row[1], hash: row[2])
            guard old.isGenuine(row[3], for: head, of: name) else { continue }
            try db.execute(
                sql: "UPDATE wallet_ledger SET seal = ? WHERE name = ?",
                arguments: [new.seal(head, of: name), name]
            )
            if name != WalletRows.allLedgers { summary.ledgers += 1 }
        }
        summary.passwords = try self.resealPasswords(db, from: old, to: new)
        for key in try GatewayDocuments.signingKeys(db, key: old) {
            try SQLiteGatewayTransaction(db, key: new).put(key)
            summary.signingKeys += 1
        }
        let place = SQLiteSessionStore.keyCheckPlace
        try db.execute(sql: "UPDATE key_check SET sealed = ?", arguments: [try new.seal("daypass", place: place)])
        return summary
    }

    private static func rewrapSessions(_ db: Database, from old: StoreKey, to new: StoreKey) throws -> Int {
        var count = 0
        let sql = """
            SELECT number, id, organization, chain_id, data_key_sealed FROM wallet_session
            WHERE data_key_sealed IS NOT NULL AND number > ? ORDER BY number LIMIT 1000
            """
        try self.forEachRow(sql, db) { row in
            guard let id = WalletSessionID(row: row[1]), let organization = OrganizationID(row: row[2]) else {
                throw StoreFailure("The row \(row[1] as Int64) of the table wallet_session is damaged.")
            }
            let place = WalletSecretPlace.delegation(of: id, organization, chainID: row[3])
            try db.cachedStatement(sql: "UPDATE wallet_session SET data_key_sealed = ? WHERE number = ?")
                .execute(arguments: [try new.wrap(try old.unwrap(row[4], at: place), at: place), row[0] as Int64])
            count += 1
        }
        return count
    }

    private static func rewrapSessionKeys(_ db: Database, from old: StoreKey, to new: StoreKey) throws -> Int {
        var count = 0
        let sql = """
            SELECT number, id, organization, data_key_sealed FROM session_key
            WHERE number > ? ORDER BY number LIMIT 1000
            """
        try self.forEachRow(sql, db) { row in
            guard let id = SessionKeyID(row: row[1]), let organization = OrganizationID(row: row[2]) else {
                throw StoreFailure("The row \(row[1] as Int64) of the table session_key is damaged.")
            }
            let place = WalletSecretPlace.privateKey(of: id, organization)
            try db.cachedStatement(sql: "UPDATE session_key SET data_key_sealed = ? WHERE number = ?")
                .execute(arguments: [try new.wrap(try old.unwrap(row[3], at: place), at: place), row[0] as Int64])
            count += 1
        }
        return count
    }

    private static func resealPasswords(_ db: Database, from old: StoreKey, to new: StoreKey) throws -> Int {
        var count = 0
        let sql = """
            SELECT number, id, basic_password_sealed, policy_password_sealed FROM session
            WHERE number > ? ORDER BY number LIMIT 1000
            """
        try self.forEachRow(sql, db) { row in
            guard let id = SessionID(row[1] as String) else {
                throw StoreFailure("The row \(row[0] as Int64) of the table session is damaged.")
            }
            func renewed(_ sealed: Data, _ column: String) throws -> Data {
                count += 1
                let place = SessionRow.place(column, id)
                return try new.seal(try old.open(sealed, place: place), place: place)
            }
            let basic = try (row[2] as Data?).map { try renewed($0, "basic password") }
            let policy = try renewed(row[3], "viewers' password")
            try db.cachedStatement(
                sql: "UPDATE session SET basic_password_sealed = ?, policy_password_sealed = ? WHERE number = ?"
            )
            .execute(arguments: [basic, policy, row[0] as Int64])
        }
        return count
    }

    /// Calls `body` for all rows, a thousand in memory at a time; `sql` takes the number after which to go on.
    private static func forEachRow(_ sql: String, _ db: Database, _ body: (Row) throws -> Void) throws {
        var last: Int64 = -1
        while true {
            let rows = try Row.fetchAll(db.cachedStatement(sql: sql), arguments: [last])
            guard let end = rows.last else { return }
            last = end[0]
            for row in rows { try body(row) }
        }
    }
}

extension PrivateFile {
    /// Renames a file so that after a crash it has one of the two names.
    static func move(_ path: String, to other: String) throws {
        guard Glibc.rename(path, other) == 0 else { throw self.failure("rename \(path) to", other) }
        try self.syncFolder(of: other)
    }

    /// Removes a file that is there.
    static func remove(_ path: String) throws {
        guard unlink(path) == 0 else { throw self.failure("remove", path) }
        try self.syncFolder(of: path)
    }
}
