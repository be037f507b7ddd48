import GRDB
package import SessionModel
package import SessionStore

// What requests leave behind: counts of limits, usage.

extension SQLiteSessionStore {
    package func write(counts: [StoredCount]) async throws {
        guard !counts.isEmpty else { return }
        try await self.write { db in
            let statement = try db.cachedStatement(
                sql: """
                    INSERT INTO limit_count (limit_number, window_seconds, owner, session, address, window, count)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (owner, limit_number, window_seconds, session, address) DO UPDATE SET
                        window = excluded.window, count = excluded.count
                    """
            )
            for count in counts {
                try statement.execute(arguments: [
                    Int64(bitPattern: count.limit), Int64(count.windowSeconds), Int64(bitPattern: count.owner),
                    Int64(bitPattern: count.session), Int64(bitPattern: count.address), count.window, count.count,
                ])
            }
        }
    }

    package func counts(after position: Int64, limit: Int) async throws -> (counts: [StoredCount], position: Int64) {
        try await self.read { db in
            let rows = try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT number, limit_number, window_seconds, owner, session, address, window, count
                        FROM limit_count WHERE number > ? ORDER BY number LIMIT ?
                        """
                ),
                arguments: [position, bulkPageSize(limit)]
            )
            let counts = try rows.map { row in
                guard let seconds = UInt32(exactly: row[2] as Int64), seconds > 0, row[7] as Int64 >= 0 else {
                    throw StoreFailure("Row \(row[0] as Int64) of the table limit_count is damaged. Restore a backup.")
                }
                return StoredCount(
                    limit: UInt64(bitPattern: row[1]),
                    windowSeconds: seconds,
                    owner: UInt64(bitPattern: row[3]),
                    session: UInt64(bitPattern: row[4]),
                    address: UInt64(bitPattern: row[5]),
                    window: row[6],
                    count: row[7]
                )
            }
            return (counts, rows.last.map { $0[0] } ?? position)
        }
    }

    package func add(usage: [UsageCount]) async throws {
        guard !usage.isEmpty else { return }
        try await self.write { db in
            let statement = try db.cachedStatement(
                sql: """
                    INSERT INTO usage (seconds, start, tenant, key_number, code, count) VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (seconds, start, tenant, key_number, code) DO UPDATE SET count = count + excluded.count
                    """
            )
            for count in usage {
                for interval in UsageQuery.Interval.allCases {
                    try statement.execute(arguments: [
                        interval.seconds, interval.start(of: count.start).millisecondsSinceEpoch,
                        count.tenant.rawValue, count.key?.row ?? -1, count.code?.rawValue ?? "", count.count,
                    ])
                }
            }
        }
    }

    package func usage(_ query: UsageQuery, limit: Int) async throws -> [UsageCount] {
        try await self.read { db in
            let rows = try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT start, tenant, key_number, code, count FROM usage
                        WHERE seconds = ?1 AND start >= ?2 AND start < ?3 AND (?4 IS NULL OR tenant = ?4)
                            AND (?5 IS NULL OR key_number = ?5)
                        ORDER BY start, tenant, key_number, code LIMIT ?6
                        """
                ),
                arguments: [
                    query.interval.seconds, query.from.millisecondsSinceEpoch, query.until.millisecondsSinceEpoch,
                    query.tenant?.rawValue, query.key?.row, max(0, limit) + 1,
                ]
            )
            guard rows.count <= limit else { throw GatewayRefusals.tooMuchUsage(limit) }
            return try rows.map { row in
                let number: Int64 = row[2]
                let code: String = row[3]
                guard let tenant = Slug(row[1] as String),
                    let key = number == -1 ? .some(nil) : APIKeyID(row: number).map(Optional.some),
                    let reason = code.isEmpty ? .some(nil) : GatewayErrorCode(rawValue: code).map(Optional.some)
                else { throw StoreFailure("A row of the table usage is damaged. Restore a backup.") }
                return UsageCount(
                    start: Timestamp(millisecondsSinceEpoch: row[0]),
                    tenant: tenant,
                    key: key,
                    code: reason,
                    count: row[4]
                )
            }
        }
    }

    package func prune(_ horizon: GatewayHorizon) async throws -> Int {
        var removed = try await self.pruneSmall(horizon)
        for (interval, from) in [(UsageQuery.Interval.hour, horizon.hoursFrom), (.day, horizon.daysFrom)] {
            while true {
                let batch = try await self.pruneUsage(interval, before: from)
                removed += batch
                if batch < Self.pruneBatch { break }
            }
        }
        return removed
    }

    /// Rows of usage removed in one transaction: other writers, requests that wait for a reservation among them, wait this
    /// long at most.
    private static let pruneBatch = 5000

    private func pruneUsage(_ interval: UsageQuery.Interval, before from: Timestamp) async throws -> Int {
        try await self.write { db in
            let rows = try Row.fetchAll(
                db.cachedStatement(
                    sql: "SELECT start, tenant, key_number, code FROM usage WHERE seconds = ? AND start < ? LIMIT ?"
                ),
                arguments: [interval.seconds, from.millisecondsSinceEpoch, Self.pruneBatch]
            )
            // One by one by the whole primary key: SQLite would look through the whole hour for each batch otherwise.
            let delete = try db.cachedStatement(
                sql: "DELETE FROM usage WHERE seconds = ? AND start = ? AND tenant = ? AND key_number = ? AND code = ?"
            )
            for row in rows {
                try delete.execute(arguments: [
                    interval.seconds, row[0] as Int64, row[1] as String, row[2] as Int64, row[3] as String,
                ])
            }
            return rows.count
        }
    }

    /// Everything but usage, of which there is never much at once.
    private func pruneSmall(_ horizon: GatewayHorizon) async throws -> Int {
        try await self.write { db in
            var removed = 0
            func delete(_ sql: String, _ arguments: StatementArguments) throws {
                try db.cachedStatement(sql: "DELETE FROM \(sql)").execute(arguments: arguments)
                removed += db.changesCount
            }
            let now = horizon.now.millisecondsSinceEpoch
            try delete("revoked_browser_session WHERE until <= ?", [now])
            try delete("limit_count WHERE (window + 2) * window_seconds * 1000 <= ?", [now])
            let open = "limit_count WHERE session <> 0 OR address <> 0"
            let kept = try Int.fetchOne(db.cachedStatement(sql: "SELECT count(*) FROM \(open)")) ?? 0
            if kept > horizon.openEndedCounts {
                try delete(
                    "limit_count WHERE number IN (SELECT number FROM \(open) ORDER BY count, number LIMIT ?)",
                    [kept - horizon.openEndedCounts]
                )
            }
            try delete("signing_key WHERE signs_until < ?", [horizon.signingKeysFrom.millisecondsSinceEpoch])
            return removed
        }
    }
}
