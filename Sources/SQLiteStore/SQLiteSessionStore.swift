import Foundation
import GRDB
import SessionModel
import SessionStore

/// The store in an SQLite file (docs/decisions/0001-sqlite-through-grdb.md).
///
/// Write-ahead log, `synchronous = FULL`: what a call acknowledged survives `kill -9` and loss of power. One writer at a
/// time (each changing call is one transaction, waiting up to 5 s for a writer of another process), readers beside it.
/// Owner tokens and access tokens are there only as digests, passwords only encrypted. Shared and thread-safe.
///
/// A change that has begun is finished even if the calling task is cancelled: a client that hangs up never leaves a
/// stored change unannounced.
package final class SQLiteSessionStore: SessionStore {
    /// The database file.
    package let path: String
    let pool: DatabasePool
    let key: StoreKey

    /// How long a change waits for a writer of another process.
    private static let busySeconds = 5

    /// Opens the database of a data directory.
    package convenience init(in directory: DataDirectory) throws {
        try self.init(path: directory.databasePath, key: directory.key)
    }

    /// Opens the database at `path`, or makes it (mode 0600, with its `-wal` and `-shm`), and brings its schema up to
    /// date.
    ///
    /// Throws `service_unavailable`, with a sentence for whoever starts the server, when the file cannot be used, was
    /// made by a newer server, or when `key` is not the key it was made with.
    package init(path: String, key: StoreKey) throws {
        self.path = path
        self.key = key
        // SQLite gives -wal and -shm the mode of the database file, so it has to be right before they are made.
        try PrivateFile.createOrRestrict(path)
        for suffix in ["-wal", "-shm"] where try PrivateFile.exists(path + suffix) {
            try PrivateFile.createOrRestrict(path + suffix)
        }
        var configuration = GRDB.Configuration()
        configuration.label = "daypass.store"
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(TimeInterval(Self.busySeconds))
        configuration.prepareDatabase { db in
            // What is deleted or replaced is overwritten, as Debian's SQLite does by itself: no ciphertext outlives its row.
            try db.execute(
                sql: "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON"
            )
        }
        do {
            self.pool = try DatabasePool(path: path, configuration: configuration)
            try self.pool.writeWithoutTransaction { db in
                // GRDB lowers it to NORMAL when it turns on the write-ahead log; then the last commits before a loss
                // of power could be missing.
                try db.execute(sql: "PRAGMA synchronous = FULL")
                let mode = try String.fetchOne(db, sql: "PRAGMA journal_mode")
                guard mode == "wal" else {
                    throw DaypassError(
                        .serviceUnavailable,
                        "\(path) cannot use a write-ahead log here (a network file system?). Choose a local disk."
                    )
                }
                guard try !storeMigrations.hasBeenSuperseded(db) else {
                    throw DaypassError(
                        .serviceUnavailable,
                        "\(path) was made by a newer version of Daypass. Use that version, or restore a backup."
                    )
                }
            }
            try storeMigrations.migrate(self.pool)
            try self.pool.write { db in try Self.checkKey(key, db, path: path) }
            // A server that was killed had no time to: what was destroyed last may still be in the log.
            try? self.pool.writeWithoutTransaction { db in try Self.emptyLog(db) }
        } catch let error as DatabaseError {
            throw DaypassError(
                .serviceUnavailable,
                "The database \(path) cannot be opened: \(error.message ?? error.resultCode.description)."
            )
        }
    }

    /// Closes the database; calls made later fail.
    package func close() throws {
        // SQLite would leave the log as it is, with copies of what was destroyed.
        try? self.pool.writeWithoutTransaction { db in try Self.emptyLog(db) }
        try self.pool.close()
    }

    /// Moves the write-ahead log's content into the database, and empties it, so that it keeps no copies of what was
    /// destroyed; does nothing when somebody reads right now: the next call, or `close`, does it.
    func emptyLog() async {
        await withCheckedContinuation { continuation in
            self.pool.asyncWriteWithoutTransaction { db in
                try? Self.emptyLog(db)
                continuation.resume()
            }
        }
    }

    private static func emptyLog(_ db: Database) throws {
        // Readers are not waited for: everybody who writes would wait too.
        try db.execute(sql: "PRAGMA busy_timeout = 0")
        defer { try? db.execute(sql: "PRAGMA busy_timeout = \(Self.busySeconds * 1000)") }
        _ = try db.checkpoint(.truncate)
    }

    package func ping() async throws {
        try await self.read { db in
            _ = try Int.fetchOne(db.cachedStatement(sql: "SELECT number FROM key_check"))
        }
    }

    /// How the writing connection is set up.
    package struct Durability: Equatable, Sendable {
        /// `wal`.
        package var journalMode: String
        /// 2 is FULL.
        package var synchronous: Int
        /// Whether foreign keys are enforced.
        package var foreignKeys: Bool

        /// The three settings.
        package init(journalMode: String, synchronous: Int, foreignKeys: Bool) {
            self.journalMode = journalMode
            self.synchronous = synchronous
            self.foreignKeys = foreignKeys
        }
    }

    /// Reads the settings of the connection that writes; for tests and `daypass doctor`.
    package func durability() async throws -> Durability {
        try await self.write { db in
            Durability(
                journalMode: try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? "",
                synchronous: try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? -1,
                foreignKeys: try Bool.fetchOne(db, sql: "PRAGMA foreign_keys") ?? false
            )
        }
    }

    /// What the key check is bound to.
    static let keyCheckPlace = "the key check of the database"

    /// The key check is a constant, encrypted: a wrong key is found at start and not at the first password.
    private static func checkKey(_ key: StoreKey, _ db: Database, path: String) throws {
        let place = Self.keyCheckPlace
        if let sealed = try Data.fetchOne(db, sql: "SELECT sealed FROM key_check") {
            guard (try? key.open(sealed, place: place)) == "daypass" else {
                throw DaypassError(
                    .serviceUnavailable,
                    "The key file \(key.file) does not belong to the database \(path). Restore both from one backup."
                )
            }
        } else {
            let sealed = try key.seal("daypass", place: place)
            try db.execute(sql: "INSERT INTO key_check (number, sealed) VALUES (1, ?)", arguments: [sealed])
        }
    }
}

extension SQLiteSessionStore {
    /// Runs `body` in one transaction; not stopped by cancellation, see above.
    func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            self.pool.asyncWrite(body) { _, result in
                continuation.resume(with: result.mapError { Self.described($0, path: self.path) })
            }
        }
    }

    /// Runs `body` on one snapshot of the database, beside the writer.
    func read<Value: Sendable>(_ body: @Sendable (Database) throws -> Value) async throws -> Value {
        do {
            return try await self.pool.read(body)
        } catch {
            throw Self.described(error, path: self.path)
        }
    }

    /// Turns SQLite's failures into ours; statements' arguments are in neither.
    private static func described(_ error: any Error, path: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return DaypassError(.serviceUnavailable, retryAfterSeconds: 1)
        case .SQLITE_FULL:
            return StoreFailure("The disk that holds \(path) is full.")
        default:
            return StoreFailure("The database \(path) failed: \(error.extendedResultCode), \(error.message ?? "")")
        }
    }
}
