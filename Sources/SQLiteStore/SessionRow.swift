import Foundation
import GRDB
import SessionModel
import SessionStore

/// Reads and writes the `session` table and its removed viewers.
struct SessionRow {
    /// The row's number, to which removed viewers refer.
    var number: Int64
    /// What it says.
    var record: SessionRecord

    private static let columns = """
        number, id, slug, port, auth_mode, basic_username, basic_password_sealed, owner_token_digest, is_public, \
        max_concurrent_viewers, block_paths, policy_password_sealed, is_paused, creator, created_at, expires_at, \
        closed_at, revision
        """

    /// `SELECT` with all columns, followed by `clause`.
    static func select(_ clause: String) -> String { "SELECT \(self.columns) FROM session \(clause)" }

    /// Reads a row that `select` fetched, and its removed viewers.
    ///
    /// Throws `StoreFailure` when a value cannot be what this program wrote, or cannot be decrypted.
    init(_ row: Row, _ db: Database, key: StoreKey) throws {
        guard
            let id = SessionID(row[1] as String),
            let slug = Slug(row[2] as String),
            let authMode = AuthMode(rawValue: row[4]),
            let digest = SecretDigest(bytes: Array(row[7] as Data)),
            let blockPaths = try? JSONDecoder().decode([String].self, from: Data((row[10] as String).utf8))
        else { throw StoreFailure("Row \(row[0] as Int64) of the table session is damaged. Restore a backup.") }
        let username: String? = row[5]
        let sealedBasicPassword: Data? = row[6]
        var basicCredentials: BasicCredentials?
        if let username, let sealedBasicPassword {
            let password = try key.open(sealedBasicPassword, place: Self.place("basic password", id))
            basicCredentials = BasicCredentials(username: username, password: password)
        }
        self.number = row[0]
        self.record = SessionRecord(
            id: id,
            slug: slug,
            port: row[3],
            authMode: authMode,
            basicCredentials: basicCredentials,
            ownerTokenDigest: digest,
            policy: SessionPolicy(
                isPublic: row[8],
                maxConcurrentViewers: row[9],
                blockPaths: blockPaths,
                password: try key.open(row[11], place: Self.place("viewers' password", id))
            ),
            isPaused: row[12],
            kickedViewers: try Self.kickedViewers(of: row[0], db),
            creator: row[13],
            createdAt: Timestamp(millisecondsSinceEpoch: row[14]),
            expiresAt: Timestamp(millisecondsSinceEpoch: row[15]),
            closedAt: (row[16] as Int64?).map(Timestamp.init(millisecondsSinceEpoch:)),
            revision: row[17]
        )
    }

    /// The first row that `clause` selects, or nil.
    static func fetch(_ clause: String, _ arguments: StatementArguments, _ db: Database, key: StoreKey) throws
        -> SessionRow?
    {
        try Row.fetchOne(db.cachedStatement(sql: self.select(clause)), arguments: arguments)
            .map { try SessionRow($0, db, key: key) }
    }

    /// Adds a record.
    ///
    /// A slug or id in use makes SQLite fail with a uniqueness constraint.
    static func insert(_ record: SessionRecord, _ db: Database, key: StoreKey) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO session (
                    id, slug, owner_token_digest, creator, created_at, port, auth_mode, basic_username,
                    basic_password_sealed, is_public, max_concurrent_viewers, block_paths, policy_password_sealed,
                    is_paused, expires_at, closed_at, ends_at, revision
                ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        )
        .execute(
            arguments: [
                record.id.rawValue, record.slug.rawValue, Data(record.ownerTokenDigest.bytes), record.creator,
                record.createdAt.millisecondsSinceEpoch,
            ] + Self.changeable(record, key: key)
        )
        try self.insertKickedViewers(record.kickedViewers[...], of: db.lastInsertedRowID, db)
    }

    /// Replaces what may change by what `record` says.
    func update(to record: SessionRecord, _ db: Database, key: StoreKey) throws {
        try db.cachedStatement(
            sql: """
                UPDATE session SET
                    port = ?, auth_mode = ?, basic_username = ?, basic_password_sealed = ?, is_public = ?,
                    max_concurrent_viewers = ?, block_paths = ?, policy_password_sealed = ?, is_paused = ?,
                    expires_at = ?, closed_at = ?, ends_at = ?, revision = ?, owner_token_digest = ?, creator = ?
                WHERE number = ?
                """
        )
        .execute(
            arguments: try Self.changeable(record, key: key) + [
                Data(record.ownerTokenDigest.bytes), record.creator, self.number,
            ]
        )
        guard record.kickedViewers != self.record.kickedViewers else { return }
        if record.kickedViewers.starts(with: self.record.kickedViewers) {
            // The usual change: one more.
            try Self.insertKickedViewers(
                record.kickedViewers[self.record.kickedViewers.endIndex...],
                of: self.number,
                db
            )
        } else {
            try db.cachedStatement(sql: "DELETE FROM kicked_viewer WHERE session = ?")
                .execute(arguments: [self.number])
            try Self.insertKickedViewers(record.kickedViewers[...], of: self.number, db)
        }
    }

    /// The columns from `port` to `revision`, in the order both statements above name them.
    private static func changeable(_ record: SessionRecord, key: StoreKey) throws -> StatementArguments {
        let basic = record.basicCredentials
        return [
            record.port,
            record.authMode.rawValue,
            basic?.username,
            try basic.map { try key.seal($0.password, place: self.place("basic password", record.id)) },
            record.policy.isPublic,
            record.policy.maxConcurrentViewers,
            String(decoding: try JSONEncoder().encode(record.policy.blockPaths), as: UTF8.self),
            try key.seal(record.policy.password, place: self.place("viewers' password", record.id)),
            record.isPaused,
            record.expiresAt.millisecondsSinceEpoch,
            record.closedAt?.millisecondsSinceEpoch,
            record.end.millisecondsSinceEpoch,
            record.revision,
        ]
    }

    private static func kickedViewers(of number: Int64, _ db: Database) throws -> [KickedViewer] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: "SELECT viewer_id, address_id, kicked_at FROM kicked_viewer WHERE session = ? ORDER BY position"
            ),
            arguments: [number]
        )
        .map { row in
            let kickedAt: Int64? = row[2]
            return KickedViewer(
                viewerID: row[0],
                addressID: row[1],
                kickedAt: kickedAt.map { Timestamp(millisecondsSinceEpoch: $0) }
            )
        }
    }

    private static func insertKickedViewers(
        _ viewers: ArraySlice<KickedViewer>,
        of number: Int64,
        _ db: Database
    ) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO kicked_viewer (session, position, viewer_id, address_id, kicked_at) VALUES (?, ?, ?, ?, ?)
                """
        )
        for (position, viewer) in zip(viewers.indices, viewers) {
            try statement.execute(arguments: [
                number, position, viewer.viewerID, viewer.addressID, viewer.kickedAt?.millisecondsSinceEpoch,
            ])
        }
    }

    /// What a sealed value is bound to; also names it in errors.
    static func place(_ column: String, _ id: SessionID) -> String { "The \(column) of session \(id)" }
}
