import Foundation
import GRDB
import SessionModel
import SessionStore

/// Reads the tables of wallet sessions; strictly, so that damage is an error and never something else.
enum WalletRows {
    static func organizations(
        _ clause: String,
        _ arguments: StatementArguments,
        _ db: Database
    ) throws -> [Organization] {
        try self.fetch(
            "SELECT id, name, allows_delegate_calls, allows_wildcard_targets, created_at FROM organization \(clause)",
            arguments,
            db,
            table: "organization"
        ) { row in
            guard let id = OrganizationID(row: row[0]) else { return nil }
            return Organization(
                id: id,
                name: row[1],
                allowsDelegateCalls: row[2],
                allowsWildcardTargets: row[3],
                createdAt: Timestamp(millisecondsSinceEpoch: row[4])
            )
        }
    }

    static func tokens(
        _ clause: String,
        _ arguments: StatementArguments,
        _ db: Database
    ) throws -> [OrganizationTokenRecord] {
        try self.fetch(
            """
            SELECT id, organization, label, digest, scopes, created_at, expires_at, revoked_at
            FROM organization_token \(clause)
            """,
            arguments,
            db,
            table: "organization_token"
        ) { row in
            let names = (row[4] as String).split(separator: " ")
            let scopes = Set(names.compactMap { OrganizationScope(rawValue: String($0)) })
            guard let id = OrganizationTokenID(row: row[0]), let organization = OrganizationID(row: row[1]),
                let digest = SecretDigest(bytes: Array(row[3] as Data)), scopes.count == names.count
            else { return nil }
            return OrganizationTokenRecord(
                id: id,
                organization: organization,
                label: row[2],
                digest: digest,
                scopes: scopes,
                createdAt: Timestamp(millisecondsSinceEpoch: row[5]),
                expiresAt: (row[6] as Int64?).map(Timestamp.init(millisecondsSinceEpoch:)),
                revokedAt: (row[7] as Int64?).map(Timestamp.init(millisecondsSinceEpoch:))
            )
        }
    }

    static func chains(
        _ clause: String,
        _ arguments: StatementArguments,
        _ db: Database,
        key: StoreKey
    ) throws -> [WalletChain] {
        try self.fetch(
            "SELECT id, name, node_sealed, bundler_sealed FROM wallet_chain \(clause)",
            arguments,
            db,
            table: "wallet_chain"
        ) { row in
            let id: Int = row[0]
            func url(_ index: Int, _ name: String) throws -> ChainURL? {
                guard let sealed = row[index] as Data? else { return nil }
                let text = try key.unwrap(sealed, at: .url(name, ofChain: id))
                guard let url = ChainURL(String(decoding: text, as: UTF8.self)) else {
                    throw StoreFailure("The \(name) of chain \(id) is damaged. Restore a backup.")
                }
                return url
            }
            return WalletChain(id: id, name: row[1], node: try url(2, "node"), bundler: try url(3, "bundler"))
        }
    }

    static func wallets(_ clause: String, _ arguments: StatementArguments, _ db: Database) throws -> [WalletRecord] {
        try self.fetch(
            "SELECT id, organization, name, kind, address, kernel_version, created_at FROM wallet \(clause)",
            arguments,
            db,
            table: "wallet"
        ) { row in
            let text = row[4] as String?
            let address = text.flatMap { WalletAddress($0) }
            guard let id = WalletID(row: row[0]), let organization = OrganizationID(row: row[1]),
                let kind = WalletKind(rawValue: row[3]), (text == nil) == (address == nil)
            else { return nil }
            return WalletRecord(
                id: id,
                organization: organization,
                name: row[2],
                kind: kind,
                address: address,
                kernelVersion: row[5],
                createdAt: Timestamp(millisecondsSinceEpoch: row[6])
            )
        }
    }

    static func sessionKeys(
        _ clause: String,
        _ arguments: StatementArguments,
        _ db: Database
    ) throws -> [SessionKeyRecord] {
        try self.fetch(
            "SELECT id, organization, address, created_at FROM session_key \(clause)",
            arguments,
            db,
            table: "session_key"
        ) { row in
            guard let id = SessionKeyID(row: row[0]), let organization = OrganizationID(row: row[1]),
                let address = WalletAddress(row[2] as String)
            else { return nil }
            return SessionKeyRecord(
                id: id,
                organization: organization,
                address: address,
                createdAt: Timestamp(millisecondsSinceEpoch: row[3])
            )
        }
    }

    static func sessions(
        _ clause: String,
        _ arguments: StatementArguments,
        _ db: Database
    ) throws -> [WalletSessionRecord] {
        try self.fetch(
            """
            SELECT id, group_id, organization, wallet, kind, workflow, session_address, session_key, chain_id, policies,
                proof, created_at, expires_at, revoked_at
            FROM wallet_session \(clause)
            """,
            arguments,
            db,
            table: "wallet_session"
        ) { row in
            let keyNumber = row[7] as Int64?
            let key = keyNumber.flatMap { SessionKeyID(row: $0) }
            let proofText = row[10] as String?
            let proof = proofText.flatMap { json($0) }.flatMap { WalletSessionProof(stored: $0) }
            guard let id = WalletSessionID(row: row[0]), let group = WalletSessionGroupID(row: row[1]),
                let organization = OrganizationID(row: row[2]), let wallet = WalletID(row: row[3]),
                let kind = WalletKind(rawValue: row[4]), let address = WalletAddress(row[6] as String),
                let policies = json(row[9]), (keyNumber == nil) == (key == nil), (proofText == nil) == (proof == nil)
            else { return nil }
            return WalletSessionRecord(
                id: id,
                group: group,
                organization: organization,
                wallet: wallet,
                kind: kind,
                workflow: row[5],
                sessionAddress: address,
                sessionKey: key,
                chainID: row[8],
                policies: policies,
                proof: proof,
                createdAt: Timestamp(millisecondsSinceEpoch: row[11]),
                expiresAt: Timestamp(millisecondsSinceEpoch: row[12]),
                revokedAt: (row[13] as Int64?).map(Timestamp.init(millisecondsSinceEpoch:))
            )
        }
    }

    /// The end of a ledger; nil for one that never had a record.
    static func head(of ledger: WalletLedger, _ db: Database, key: StoreKey) throws -> StoredAuditHead? {
        try self.head(ofLedger: ledger.text, db, key: key)
    }

    /// What stands in the table of ledgers for all of them together.
    ///
    /// It is the sum of the others' ends, sealed as they are: so no ledger can be set back to an earlier end of its own
    /// alone, nor some of them to ends that were never theirs at one time.
    static let allLedgers = "all"

    /// The sum of all ledgers' ends as it was stored; nil when there is none.
    static func total(_ db: Database, key: StoreKey) throws -> StoredAuditHead? {
        try self.head(ofLedger: self.allLedgers, db, key: key)
    }

    /// The sum of all ledgers' ends as they are; nil when one of them is not what this server wrote.
    static func sumOfLedgers(_ db: Database, key: StoreKey) throws -> WalletAuditHead? {
        let sql = "SELECT name, sequence, hash, seal FROM wallet_ledger WHERE name <> ?"
        var sum = WalletAuditHead.empty
        let rows = try Row.fetchCursor(db.cachedStatement(sql: sql), arguments: [self.allLedgers])
        while let row = try rows.next() {
            let head = self.end(sequence: row[1], hash: row[2])
            guard head.sequence > 0, key.isGenuine(row[3], for: head, of: row[0]) else { return nil }
            sum = sum.adding(head)
        }
        return sum
    }

    /// Whether there is any ledger.
    static func hasLedgers(_ db: Database) throws -> Bool {
        try Bool.fetchOne(db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM wallet_ledger)")) ?? false
    }

    private static func head(ofLedger name: String, _ db: Database, key: StoreKey) throws -> StoredAuditHead? {
        let row = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT sequence, hash, seal FROM wallet_ledger WHERE name = ?"),
            arguments: [name]
        )
        return row.map { row in
            let head = self.end(sequence: row[0], hash: row[1])
            return StoredAuditHead(head: head, isGenuine: key.isGenuine(row[2], for: head, of: name))
        }
    }

    /// The place and the hash of the last record that is there; nil when there is none.
    static func lastRecord(of ledger: WalletLedger, _ db: Database) throws -> WalletAuditHead? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT sequence, hash FROM wallet_audit WHERE ledger = ? ORDER BY sequence DESC LIMIT 1"
            ),
            arguments: [ledger.text]
        )
        .map { self.end(sequence: $0[0], hash: $0[1]) }
    }

    /// The end that a row tells of; what no server wrote becomes a number and a hash that can be reckoned with.
    static func end(sequence: Int, hash: Data) -> WalletAuditHead {
        WalletAuditHead(
            sequence: min(max(sequence, 0), 1 << 53),
            hash: hash.count == WalletAuditHead.empty.hash.count ? Array(hash) : WalletAuditHead.empty.hash
        )
    }

    /// The columns that `record` reads, in its order.
    static let auditColumns =
        "sequence, at, actor_name, actor_address, action, subject, details, previous_hash, hash"

    /// One audit record; nil when it cannot be what this program wrote.
    static func auditRecord(_ row: Row, of ledger: WalletLedger) -> WalletAuditRecord? {
        let text: String = row[6]
        // The text itself must be what is hashed, not only mean the same.
        guard let action = WalletAuditRecord.Action(rawValue: row[4]), let details = json(text), details.text == text
        else { return nil }
        return WalletAuditRecord(
            ledger: ledger,
            sequence: row[0],
            at: Timestamp(millisecondsSinceEpoch: row[1]),
            actor: Actor(name: row[2], address: row[3]),
            action: action,
            subject: row[5],
            details: details,
            previousHash: Array(row[7] as Data),
            hash: Array(row[8] as Data)
        )
    }

    private static func json(_ text: String) -> JSONValue? { try? JSONParser.parse(Array(text.utf8)) }

    private static func fetch<Value>(
        _ sql: String,
        _ arguments: StatementArguments,
        _ db: Database,
        table: String,
        read: (Row) throws -> Value?
    ) throws -> [Value] {
        var values: [Value] = []
        let rows = try Row.fetchCursor(db.cachedStatement(sql: sql), arguments: arguments)
        while let row = try rows.next() {
            guard let value = try read(row) else {
                throw StoreFailure("The row \(row[0] as Int64) of the table \(table) is damaged. Restore a backup.")
            }
            values.append(value)
        }
        return values
    }
}

extension WalletEntityID {
    /// The identifier as a column keeps it.
    var row: Int64 { Int64(self.number) }

    /// Reads a column; nil for a number that is no identifier.
    init?(row number: Int64) {
        guard let number = UInt64(exactly: number) else { return nil }
        self.init(number: number)
    }
}
