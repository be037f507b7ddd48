import Foundation
import GRDB
package import SessionModel
import SessionStore

extension SQLiteSessionStore {
    package func auditEvents(of id: SessionID?, limit: Int) async throws -> [AuditEvent] {
        try await self.read { db in
            let columns = "SELECT \(Self.auditColumns) FROM audit_event"
            let rows =
                if let id {
                    try Row.fetchAll(
                        db.cachedStatement(sql: "\(columns) WHERE session_id = ? ORDER BY number DESC LIMIT ?"),
                        arguments: [id.rawValue, pageSize(limit)]
                    )
                } else {
                    try Row.fetchAll(
                        db.cachedStatement(sql: "\(columns) ORDER BY number DESC LIMIT ?"),
                        arguments: [pageSize(limit)]
                    )
                }
            return try rows.map { try Self.auditEvent($0) }
        }
    }

    package func pruneAuditEvents(keepingNewest count: Int) async throws -> Int {
        try await self.write { db in
            try db.cachedStatement(
                sql: """
                    DELETE FROM audit_event WHERE number <=
                        (SELECT number FROM audit_event ORDER BY number DESC LIMIT 1 OFFSET ?)
                    """
            )
            .execute(arguments: [max(0, count)])
            return db.changesCount
        }
    }

    package func insert(_ token: AccessTokenRecord, limit: Int, audit: AuditEvent) async throws {
        try await self.write { db in
            let inUse = try Int.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT count(*) FROM access_token
                        WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
                        """
                ),
                arguments: [token.createdAt.millisecondsSinceEpoch]
            )
            guard inUse ?? 0 < limit else { throw tooManyAccessTokens(limit) }
            do {
                try db.cachedStatement(
                    sql: """
                        INSERT INTO access_token (id, label, digest, scopes, created_at, expires_at, revoked_at)
                        VALUES (?, ?, ?, ?, ?, ?, ?)
                        """
                )
                .execute(arguments: [
                    token.id, token.label, Data(token.digest.bytes),
                    token.scopes.map(\.rawValue).sorted().joined(separator: " "),
                    token.createdAt.millisecondsSinceEpoch, token.expiresAt?.millisecondsSinceEpoch,
                    token.revokedAt?.millisecondsSinceEpoch,
                ])
            } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE {
                throw DaypassError(.conflict)
            }
            try Self.append(audit, db)
        }
    }

    package func accessToken(digest: SecretDigest) async throws -> AccessTokenRecord? {
        try await self.read { db in
            try Self.accessTokens("WHERE digest = ?", [Data(digest.bytes)], db).first
        }
    }

    package func accessTokens() async throws -> [AccessTokenRecord] {
        try await self.read { db in try Self.accessTokens("ORDER BY created_at DESC, id DESC", [], db) }
    }

    package func revokeAccessToken(id: String, at: Timestamp, audit: AuditEvent) async throws -> AccessTokenRecord {
        try await self.write { db in
            guard var token = try Self.accessTokens("WHERE id = ?", [id], db).first else {
                throw DaypassError(.notFound)
            }
            guard token.revokedAt == nil else { return token }
            token.revokedAt = at
            try db.cachedStatement(sql: "UPDATE access_token SET revoked_at = ? WHERE id = ?")
                .execute(arguments: [at.millisecondsSinceEpoch, id])
            try Self.append(audit, db)
            return token
        }
    }

    package func forgetAccessTokens(endedBefore: Timestamp) async throws -> Int {
        try await self.write { db in
            try db.cachedStatement(sql: "DELETE FROM access_token WHERE revoked_at < ?1 OR expires_at < ?1")
                .execute(arguments: [endedBefore.millisecondsSinceEpoch])
            return db.changesCount
        }
    }

    /// The columns `auditEvent` reads.
    static let auditColumns = "session_id, at, actor_name, actor_address, action, summary, tenant, number"

    /// Reads a row of `auditColumns`.
    static func auditEvent(_ row: Row) throws -> AuditEvent {
        let sessionID = (row[0] as String?).map { SessionID($0) }
        let tenant = (row[6] as String?).map { Slug($0) }
        // The outer nil is a column without a value, the inner one a value that is none.
        guard let action = AuditEvent.Action(rawValue: row[4]), sessionID != .some(nil), tenant != .some(nil) else {
            throw StoreFailure("Row \(row[7] as Int64) of the table audit_event is damaged. Restore a backup.")
        }
        return AuditEvent(
            sessionID: sessionID ?? nil,
            tenant: tenant ?? nil,
            at: Timestamp(millisecondsSinceEpoch: row[1]),
            actor: Actor(name: row[2], address: row[3]),
            action: action,
            summary: row[5]
        )
    }

    /// Adds an audit event in the transaction of what it tells.
    static func append(_ event: AuditEvent, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO audit_event (session_id, at, actor_name, actor_address, action, summary, tenant)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
        )
        .execute(arguments: [
            event.sessionID?.rawValue, event.at.millisecondsSinceEpoch, event.actor.name, event.actor.address,
            event.action.rawValue, event.summary, event.tenant?.rawValue,
        ])
    }

    private static func accessTokens(
        _ clause: String,
        _ arguments: StatementArguments,
        _ db: Database
    ) throws -> [AccessTokenRecord] {
        let sql = """
            SELECT id, label, digest, scopes, created_at, expires_at, revoked_at, number FROM access_token \(clause)
            """
        return try Row.fetchAll(db.cachedStatement(sql: sql), arguments: arguments)
            .map { row in
                let scopes = (row[3] as String).split(separator: " ").map { AccessScope(rawValue: String($0)) }
                guard let digest = SecretDigest(bytes: Array(row[2] as Data)), !scopes.contains(nil) else {
                    throw StoreFailure("Row \(row[7] as Int64) of the table access_token is damaged. Restore a backup.")
                }
                return AccessTokenRecord(
                    id: row[0],
                    label: row[1],
                    digest: digest,
                    scopes: Set(scopes.compactMap(\.self)),
                    createdAt: Timestamp(millisecondsSinceEpoch: row[4]),
                    expiresAt: (row[5] as Int64?).map(Timestamp.init(millisecondsSinceEpoch:)),
                    revokedAt: (row[6] as Int64?).map(Timestamp.init(millisecondsSinceEpoch:))
                )
            }
    }
}
