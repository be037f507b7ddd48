import Foundation
import GRDB
package import SessionModel
package import SessionStore

extension SQLiteSessionStore: GatewayStore {
    package func change<Value: Sendable>(
        _ body: @escaping @Sendable (any GatewayTransaction) throws -> Value
    ) async throws -> Value {
        try await self.write { [key] db in try body(SQLiteGatewayTransaction(db, key: key)) }
    }

    package func tenants() async throws -> [Tenant] {
        try await self.read { db in try GatewayDocuments.tenants("ORDER BY slug", [], db) }
    }

    package func tenant(_ slug: Slug) async throws -> Tenant? {
        try await self.read { db in try GatewayDocuments.tenants("WHERE slug = ?", [slug.rawValue], db).first }
    }

    package func plans() async throws -> [Plan] {
        try await self.read { db in try GatewayDocuments.plans("ORDER BY name", [], db) }
    }

    package func key(_ id: APIKeyID) async throws -> APIKeyRecord? {
        try await self.read { db in try APIKeyRow.fetch("WHERE id = ?", [id.row], db).first }
    }

    package func keys(of tenant: Slug?, after: APIKeyID?, limit: Int) async throws -> [APIKeyRecord] {
        try await self.read { db in
            var conditions: [String] = []
            var arguments: StatementArguments = []
            if let tenant {
                conditions.append("tenant = ?")
                arguments += [tenant.rawValue]
            }
            if let after {
                let createdAt = try Int64.fetchOne(
                    db.cachedStatement(sql: "SELECT created_at FROM api_key WHERE id = ?"),
                    arguments: [after.row]
                )
                guard let createdAt else { throw GatewayRefusals.unknownKey(after) }
                conditions.append("(created_at, id) < (?, ?)")
                arguments += [createdAt, after.row]
            }
            let clause = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
            return try APIKeyRow.fetch(
                "\(clause) ORDER BY created_at DESC, id DESC LIMIT ?",
                arguments + [pageSize(limit)],
                db
            )
        }
    }

    package func allKeys(after: APIKeyID?, limit: Int) async throws -> [APIKeyRecord] {
        try await self.read { db in
            try APIKeyRow.fetch(
                "WHERE id > ? ORDER BY id LIMIT ?",
                [after?.row ?? -1, bulkPageSize(limit)],
                db
            )
        }
    }

    package func signingKeys() async throws -> [SigningKeyRecord] {
        try await self.read { [key] db in try GatewayDocuments.signingKeys(db, key: key) }
    }

    package func revokedSessions(now: Timestamp) async throws -> [RevokedSession] {
        try await self.read { db in
            try Row.fetchAll(
                db.cachedStatement(sql: "SELECT id, until FROM revoked_browser_session WHERE until > ? ORDER BY id"),
                arguments: [now.millisecondsSinceEpoch]
            )
            .map { row in
                guard let id = BrowserSessionID(row: row[0]) else {
                    throw StoreFailure(
                        "Row \(row[0] as Int64) of the table revoked_browser_session is damaged. Restore a backup."
                    )
                }
                return RevokedSession(id: id, until: Timestamp(millisecondsSinceEpoch: row[1]))
            }
        }
    }

    package func noteLastUse(_ uses: [KeyUse]) async throws {
        guard !uses.isEmpty else { return }
        try await self.write { db in
            let statement = try db.cachedStatement(
                sql: """
                    UPDATE api_key SET last_used_at = ?1
                    WHERE id = ?2 AND (last_used_at IS NULL OR last_used_at < ?1)
                    """
            )
            for use in uses { try statement.execute(arguments: [use.at.millisecondsSinceEpoch, use.key.row]) }
        }
    }

    package func gatewayAuditEvents(of tenant: Slug?, limit: Int) async throws -> [AuditEvent] {
        let names = AuditEvent.Action.allCases.filter(\.isAboutGateway).map { "'\($0.rawValue)'" }
        let which = "action IN (\(names.joined(separator: ", ")))"
        return try await self.read { db in
            let sql = "SELECT \(Self.auditColumns) FROM audit_event WHERE"
            let end = "ORDER BY number DESC LIMIT ?"
            let rows =
                if let tenant {
                    try Row.fetchAll(
                        db.cachedStatement(sql: "\(sql) tenant = ? AND \(which) \(end)"),
                        arguments: [tenant.rawValue, pageSize(limit)]
                    )
                } else {
                    try Row.fetchAll(db.cachedStatement(sql: "\(sql) \(which) \(end)"), arguments: [pageSize(limit)])
                }
            return try rows.map { try Self.auditEvent($0) }
        }
    }
}
