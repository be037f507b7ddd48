import Foundation
import GRDB
package import SessionModel
package import SessionStore

extension SQLiteSessionStore {
    package func insert(_ record: SessionRecord, limits: SessionLimits, audit: AuditEvent) async throws {
        try await self.write { [key] db in
            let now = limits.now.millisecondsSinceEpoch
            let open = try Int.fetchOne(
                db.cachedStatement(sql: "SELECT count(*) FROM session WHERE ends_at > ? AND closed_at IS NULL"),
                arguments: [now]
            )
            let openOfCreator = try Int.fetchOne(
                db.cachedStatement(
                    sql: "SELECT count(*) FROM session WHERE creator = ? AND ends_at > ? AND closed_at IS NULL"
                ),
                arguments: [record.creator, now]
            )
            guard open ?? 0 < limits.total, openOfCreator ?? 0 < limits.perCreator else {
                throw DaypassError(.tooManySessions)
            }
            do {
                try SessionRow.insert(record, db, key: key)
            } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE {
                throw DaypassError(.conflict)
            }
            try Self.append(audit, db)
        }
    }

    package func session(id: SessionID) async throws -> SessionRecord? {
        try await self.read { [key] db in
            try SessionRow.fetch("WHERE id = ?", [id.rawValue], db, key: key)?.record
        }
    }

    package func session(slug: Slug) async throws -> SessionRecord? {
        try await self.read { [key] db in
            try SessionRow.fetch("WHERE slug = ?", [slug.rawValue], db, key: key)?.record
        }
    }

    package func sessions(after: SessionID?, limit: Int) async throws -> [SessionRecord] {
        try await self.read { [key] db in
            var clause = "ORDER BY created_at DESC, id DESC LIMIT ?"
            var arguments: StatementArguments = [pageSize(limit)]
            if let after {
                clause = "WHERE (created_at, id) < (?, ?) " + clause
                arguments = [try Self.creation(of: after, db), after.rawValue, pageSize(limit)]
            }
            return try Row.fetchAll(db.cachedStatement(sql: SessionRow.select(clause)), arguments: arguments)
                .map { try SessionRow($0, db, key: key).record }
        }
    }

    package func update(
        slug: Slug,
        _ change: @escaping @Sendable (inout SessionRecord) throws -> AuditEvent?
    ) async throws -> SessionUpdate {
        try await self.write { [key] db in
            guard let row = try SessionRow.fetch("WHERE slug = ?", [slug.rawValue], db, key: key) else {
                throw DaypassError(.sessionNotFound)
            }
            var record = row.record
            guard let event = try change(&record) else {
                return SessionUpdate(record: row.record, isChanged: false)
            }
            record.revision = row.record.revision + 1
            try row.update(to: record, db, key: key)
            try Self.append(event, db)
            return SessionUpdate(record: record, isChanged: true)
        }
    }

    package func delete(id: SessionID, audit: AuditEvent) async throws {
        try await self.write { db in
            try db.cachedStatement(sql: "DELETE FROM session WHERE id = ?").execute(arguments: [id.rawValue])
            guard db.changesCount == 1 else { throw DaypassError(.sessionNotFound) }
            try Self.append(audit, db)
        }
    }

    package func forget(
        endedBefore: Timestamp,
        limit: Int,
        audit: @escaping @Sendable (SessionID) -> AuditEvent
    ) async throws -> [SessionID] {
        try await self.write { db in
            let rows = try Row.fetchAll(
                db.cachedStatement(
                    sql: "SELECT number, id FROM session WHERE ends_at < ? ORDER BY ends_at, id LIMIT ?"
                ),
                arguments: [endedBefore.millisecondsSinceEpoch, max(0, limit)]
            )
            let delete = try db.cachedStatement(sql: "DELETE FROM session WHERE number = ?")
            return try rows.map { row in
                guard let id = SessionID(row[1] as String) else {
                    throw StoreFailure("Row \(row[0] as Int64) of the table session is damaged. Restore a backup.")
                }
                try delete.execute(arguments: [row[0] as Int64])
                try Self.append(audit(id), db)
                return id
            }
        }
    }

    package func end(ofEndedSessionBehind newer: Int, now: Timestamp) async throws -> Timestamp? {
        try await self.read { db in
            try Int64.fetchOne(
                db.cachedStatement(
                    sql: "SELECT ends_at FROM session WHERE ends_at <= ? ORDER BY ends_at DESC LIMIT 1 OFFSET ?"
                ),
                arguments: [now.millisecondsSinceEpoch, max(0, newer)]
            )
            .map(Timestamp.init(millisecondsSinceEpoch:))
        }
    }

    /// When the session `id` was created, also if it has been forgotten since.
    private static func creation(of id: SessionID, _ db: Database) throws -> Int64 {
        let kept = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT created_at FROM session WHERE id = ?"),
            arguments: [id.rawValue]
        )
        let remembered =
            try kept
            ?? Int64.fetchOne(
                db.cachedStatement(
                    sql: "SELECT at FROM audit_event WHERE session_id = ? AND action = ? ORDER BY number DESC LIMIT 1"
                ),
                arguments: [id.rawValue, AuditEvent.Action.sessionCreated.rawValue]
            )
        guard let remembered else { throw DaypassError(.sessionNotFound) }
        return remembered
    }
}
