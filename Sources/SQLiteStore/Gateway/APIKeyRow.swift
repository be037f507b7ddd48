import Foundation
import GRDB
import SessionModel
import SessionStore

/// Reads and writes the table `api_key`.
enum APIKeyRow {
    private static let columns = """
        id, tenant, name, kind, mode, digest, last_four, scopes, web_origins, channels, plan, created_at, expires_at, \
        revoked_at, retired_digest, retired_last_four, retired_works_until, sessions_not_before, last_used_at
        """

    /// The keys that `clause` selects.
    static func fetch(_ clause: String, _ arguments: StatementArguments, _ db: Database) throws -> [APIKeyRecord] {
        var records: [APIKeyRecord] = []
        let rows = try Row.fetchCursor(
            db.cachedStatement(sql: "SELECT \(self.columns) FROM api_key \(clause)"),
            arguments: arguments
        )
        while let row = try rows.next() { records.append(try self.record(row)) }
        return records
    }

    /// Adds a key or replaces the one of its identifier; a digest in use makes SQLite fail with a uniqueness constraint.
    static func put(_ key: APIKeyRecord, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO api_key (\(self.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET
                    tenant = excluded.tenant, name = excluded.name, kind = excluded.kind, mode = excluded.mode,
                    digest = excluded.digest, last_four = excluded.last_four, scopes = excluded.scopes,
                    web_origins = excluded.web_origins, channels = excluded.channels, plan = excluded.plan,
                    created_at = excluded.created_at, expires_at = excluded.expires_at,
                    revoked_at = excluded.revoked_at, retired_digest = excluded.retired_digest,
                    retired_last_four = excluded.retired_last_four,
                    retired_works_until = excluded.retired_works_until,
                    sessions_not_before = excluded.sessions_not_before, last_used_at = excluded.last_used_at
                """
        )
        .execute(arguments: self.values(key))
    }

    private static func values(_ key: APIKeyRecord) -> StatementArguments {
        let identity: StatementArguments = [
            key.id.row, key.tenant.rawValue, key.name, key.kind.rawValue, key.mode.rawValue, Data(key.digest.bytes),
            key.lastFour,
        ]
        let policy: StatementArguments = [
            key.scopes.sorted().map(\.rawValue).joined(separator: " "),
            key.webOrigins.map(\.description).joined(separator: " "), key.channels.rawValue, key.plan.rawValue,
        ]
        let times: StatementArguments = [
            key.createdAt.millisecondsSinceEpoch, key.expiresAt?.millisecondsSinceEpoch,
            key.revokedAt?.millisecondsSinceEpoch,
        ]
        let retired: StatementArguments = [
            key.retired.map { Data($0.digest.bytes) }, key.retired?.lastFour,
            key.retired?.worksUntil.millisecondsSinceEpoch,
        ]
        return identity + policy + times + retired + [
            key.sessionsNotBefore?.millisecondsSinceEpoch, key.lastUsedAt?.millisecondsSinceEpoch,
        ]
    }

    private static func record(_ row: Row) throws -> APIKeyRecord {
        let number: Int64 = row[0]
        func damaged() -> StoreFailure {
            StoreFailure("Row \(number) of the table api_key is damaged. Restore a backup.")
        }
        let scopes = (row[7] as String).split(separator: " ").map { Scope($0) }
        let origins = (row[8] as String).split(separator: " ").map { try? WebOriginRule(stored: String($0)) }
        guard
            let id = APIKeyID(row: number), let tenant = Slug(row[1] as String),
            let kind = APIKeyKind(rawValue: row[3]), let mode = APIKeyMode(rawValue: row[4]),
            let digest = SecretDigest(bytes: Array(row[5] as Data)), !scopes.contains(nil), !origins.contains(nil),
            let channels = KeyChannels(rawValue: row[9]), let plan = PolicyName(row[10] as String)
        else { throw damaged() }
        func time(_ column: Int) -> Timestamp? {
            // What no clock of ours says would overflow where something is added to it.
            (row[column] as Int64?).map { Timestamp(millisecondsSinceEpoch: min(max($0, 0), 253_402_300_799_999)) }
        }
        var retired: APIKeyRecord.Retired?
        if let bytes = row[14] as Data? {
            guard let digest = SecretDigest(bytes: Array(bytes)), let lastFour = row[15] as String?,
                let worksUntil = time(16)
            else { throw damaged() }
            retired = APIKeyRecord.Retired(digest: digest, lastFour: lastFour, worksUntil: worksUntil)
        }
        return APIKeyRecord(
            id: id,
            tenant: tenant,
            name: row[2],
            kind: kind,
            mode: mode,
            digest: digest,
            lastFour: row[6],
            scopes: Set(scopes.compactMap(\.self)),
            webOrigins: origins.compactMap(\.self),
            channels: channels,
            plan: plan,
            createdAt: Timestamp(millisecondsSinceEpoch: row[11]),
            expiresAt: time(12),
            revokedAt: time(13),
            retired: retired,
            sessionsNotBefore: time(17),
            lastUsedAt: time(18)
        )
    }
}

extension APIKeyID {
    /// The identifier as it is stored; below 36¹², so it fits.
    var row: Int64 { Int64(self.number) }

    /// Reads a stored identifier; nil for what is none.
    init?(row: Int64) {
        guard row >= 0 else { return nil }
        let digits = String(row, radix: 36)
        guard digits.utf8.count <= 12 else { return nil }
        self.init("key_" + String(repeating: "0", count: 12 - digits.utf8.count) + digits)
    }
}

extension BrowserSessionID {
    /// The identifier as it is stored; below 36¹², so it fits.
    var row: Int64 { Int64(self.number) }

    /// Reads a stored identifier; nil for what is none.
    init?(row: Int64) {
        guard row >= 0 else { return nil }
        let digits = String(row, radix: 36)
        guard digits.utf8.count <= 12 else { return nil }
        self.init("bs_" + String(repeating: "0", count: 12 - digits.utf8.count) + digits)
    }
}
