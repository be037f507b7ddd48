import Foundation
import GRDB
import SessionModel
import SessionStore

/// A transaction of the SQLite store, on the connection that writes.
final class SQLiteGatewayTransaction: GatewayTransaction {
    private let db: Database
    private let storeKey: StoreKey

    init(_ db: Database, key: StoreKey) {
        self.db = db
        self.storeKey = key
    }

    func tenant(_ slug: Slug) throws -> Tenant? {
        try GatewayDocuments.tenants("WHERE slug = ?", [slug.rawValue], self.db).first
    }

    func tenantCount() throws -> Int {
        try Int.fetchOne(self.db.cachedStatement(sql: "SELECT count(*) FROM tenant")) ?? 0
    }

    func put(_ tenants: [Tenant]) throws {
        // First every place of theirs is given up, so that tenants can swap them.
        for tenant in tenants {
            try self.execute("DELETE FROM tenant_host WHERE tenant = ?", [tenant.slug.rawValue])
            try self.execute(
                """
                INSERT INTO tenant (slug, document, is_default) VALUES (?, ?, 0)
                ON CONFLICT (slug) DO UPDATE SET document = excluded.document, is_default = 0
                """,
                [tenant.slug.rawValue, tenant.json.text]
            )
        }
        for tenant in tenants {
            if tenant.isDefault {
                if let other = try self.slug("SELECT slug FROM tenant WHERE is_default = 1", []) {
                    throw GatewayRefusals.defaultTaken(by: other)
                }
                try self.execute("UPDATE tenant SET is_default = 1 WHERE slug = ?", [tenant.slug.rawValue])
            }
            for host in Set(tenant.hosts) {
                let place: StatementArguments = [host, tenant.basePath]
                if let other = try self.slug("SELECT tenant FROM tenant_host WHERE host = ? AND base_path = ?", place) {
                    throw GatewayRefusals.placeTaken(host: host, basePath: tenant.basePath, by: other)
                }
                try self.execute(
                    "INSERT INTO tenant_host (host, base_path, tenant) VALUES (?, ?, ?)",
                    place + [tenant.slug.rawValue]
                )
            }
        }
    }

    func deleteTenant(_ slug: Slug) throws -> [APIKeyID] {
        let numbers = try Int64.fetchAll(
            self.db.cachedStatement(sql: "SELECT id FROM api_key WHERE tenant = ? ORDER BY id"),
            arguments: [slug.rawValue]
        )
        try self.execute("DELETE FROM tenant WHERE slug = ?", [slug.rawValue])
        guard self.db.changesCount == 1 else { throw GatewayRefusals.unknownTenant(slug) }
        return numbers.compactMap { APIKeyID(row: $0) }
    }

    func plan(_ name: PolicyName) throws -> Plan? {
        try GatewayDocuments.plans("WHERE name = ?", [name.rawValue], self.db).first
    }

    func plans() throws -> [Plan] { try GatewayDocuments.plans("ORDER BY name", [], self.db) }

    func put(_ plan: Plan) throws {
        try self.execute(
            """
            INSERT INTO plan (name, document) VALUES (?, ?)
            ON CONFLICT (name) DO UPDATE SET document = excluded.document
            """,
            [plan.name.rawValue, plan.json.text]
        )
    }

    func deletePlan(_ name: PolicyName) throws {
        guard try self.plan(name) != nil else { throw GatewayRefusals.missingPlan(name) }
        if name != .standard {
            let users = try Int.fetchOne(
                self.db.cachedStatement(
                    sql: "SELECT count(*) FROM api_key WHERE plan = ? AND plan <> 'standard'"
                ),
                arguments: [name.rawValue]
            )
            if let users, users > 0 { throw GatewayRefusals.planInUse(name, keys: users) }
        }
        try self.execute("DELETE FROM plan WHERE name = ?", [name.rawValue])
    }

    func key(_ id: APIKeyID) throws -> APIKeyRecord? {
        try APIKeyRow.fetch("WHERE id = ?", [id.row], self.db).first
    }

    func keyCount() throws -> Int {
        try Int.fetchOne(self.db.cachedStatement(sql: "SELECT keys FROM gateway_total")) ?? 0
    }

    func put(_ key: APIKeyRecord) throws {
        guard try self.slug("SELECT slug FROM tenant WHERE slug = ?", [key.tenant.rawValue]) != nil else {
            throw GatewayRefusals.unknownTenant(key.tenant)
        }
        if key.plan != .standard, try self.plan(key.plan) == nil { throw GatewayRefusals.unknownPlan(key.plan) }
        do {
            try APIKeyRow.put(key, self.db)
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE {
            throw DaypassError(.conflict)
        }
    }

    func signingKeys() throws -> [SigningKeyRecord] {
        try GatewayDocuments.signingKeys(self.db, key: self.storeKey)
    }

    func put(_ key: SigningKeyRecord) throws {
        let text = Data(key.privateKey.bytes).base64EncodedString()
        try self.execute(
            """
            INSERT INTO signing_key (id, private_sealed, created_at, signs_from, signs_until) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET
                private_sealed = excluded.private_sealed, created_at = excluded.created_at,
                signs_from = excluded.signs_from, signs_until = excluded.signs_until
            """,
            [
                key.id, try self.storeKey.seal(text, place: GatewayDocuments.place(ofSigningKey: key.id)),
                key.createdAt.millisecondsSinceEpoch, key.signsFrom.millisecondsSinceEpoch,
                key.signsUntil?.millisecondsSinceEpoch,
            ]
        )
    }

    func revocation(of session: BrowserSessionID) throws -> Timestamp? {
        try Int64.fetchOne(
            self.db.cachedStatement(sql: "SELECT until FROM revoked_browser_session WHERE id = ?"),
            arguments: [session.row]
        )
        .map(Timestamp.init(millisecondsSinceEpoch:))
    }

    func revocationCount(now: Timestamp) throws -> Int {
        try Int.fetchOne(
            self.db.cachedStatement(sql: "SELECT count(*) FROM revoked_browser_session WHERE until > ?"),
            arguments: [now.millisecondsSinceEpoch]
        ) ?? 0
    }

    func put(_ session: RevokedSession) throws {
        try self.execute(
            """
            INSERT INTO revoked_browser_session (id, until) VALUES (?, ?)
            ON CONFLICT (id) DO UPDATE SET until = excluded.until
            """,
            [session.id.row, session.until.millisecondsSinceEpoch]
        )
    }

    func append(_ event: AuditEvent) throws { try SQLiteSessionStore.append(event, self.db) }

    private func execute(_ sql: String, _ arguments: StatementArguments) throws {
        try self.db.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    private func slug(_ sql: String, _ arguments: StatementArguments) throws -> Slug? {
        try String.fetchOne(self.db.cachedStatement(sql: sql), arguments: arguments).flatMap { Slug($0) }
    }
}

/// Reads the tables that hold documents and sealed keys; strictly, so that damage is an error and never another policy.
enum GatewayDocuments {
    static func tenants(_ clause: String, _ arguments: StatementArguments, _ db: Database) throws -> [Tenant] {
        try self.documents("SELECT slug, document FROM tenant \(clause)", arguments, db, of: "tenant") { name, json in
            let tenant = try Tenant(json: json)
            return tenant.slug.rawValue == name ? tenant : nil
        }
    }

    static func plans(_ clause: String, _ arguments: StatementArguments, _ db: Database) throws -> [Plan] {
        try self.documents("SELECT name, document FROM plan \(clause)", arguments, db, of: "plan") { name, json in
            let plan = try Plan(json: json)
            return plan.name.rawValue == name ? plan : nil
        }
    }

    static func signingKeys(_ db: Database, key: StoreKey) throws -> [SigningKeyRecord] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT id, private_sealed, created_at, signs_from, signs_until FROM signing_key
                    ORDER BY signs_from, id
                    """
            )
        )
        .map { row in
            let id: String = row[0]
            let text = try key.open(row[1], place: self.place(ofSigningKey: id))
            guard let bytes = Data(base64Encoded: text) else {
                throw StoreFailure("The row \(id) of the table signing_key is damaged. Restore a backup.")
            }
            return SigningKeyRecord(
                id: id,
                privateKey: SecretBytes(Array(bytes)),
                createdAt: Timestamp(millisecondsSinceEpoch: row[2]),
                signsFrom: Timestamp(millisecondsSinceEpoch: row[3]),
                signsUntil: (row[4] as Int64?).map(Timestamp.init(millisecondsSinceEpoch:))
            )
        }
    }

    /// What a sealed key is bound to; also names it in errors.
    static func place(ofSigningKey id: String) -> String { "The private part of the signing key \(id)" }

    private static func documents<Value>(
        _ sql: String,
        _ arguments: StatementArguments,
        _ db: Database,
        of table: String,
        read: (String, JSONValue) throws -> Value?
    ) throws -> [Value] {
        try Row.fetchAll(db.cachedStatement(sql: sql), arguments: arguments)
            .map { row in
                let name: String = row[0]
                guard let json = try? JSONParser.parse(Array((row[1] as String).utf8)),
                    let value = try? read(name, json)
                else {
                    throw StoreFailure("The row \(name) of the table \(table) is damaged. Restore a backup.")
                }
                return value
            }
    }
}
