import Crypto

/// Whose audit records form one chain: an organization's, or the server's (organizations made and deleted, chains).
package enum WalletLedger: Hashable, Sendable, CustomStringConvertible {
    /// The server's.
    case server
    /// An organization's; it stays when the organization is deleted.
    case organization(OrganizationID)

    /// Reads `server` or an organization's identifier.
    package init?(_ text: some StringProtocol) {
        if text == "server" {
            self = .server
        } else {
            guard let id = OrganizationID(text) else { return nil }
            self = .organization(id)
        }
    }

    /// `server` or the organization's identifier.
    package var text: String {
        switch self {
        case .server: "server"
        case .organization(let id): id.text
        }
    }

    package var description: String { self.text }
}

/// One decision about wallet sessions; each record holds the hash of the one before (spec: wallet sessions, guarantee 8).
package struct WalletAuditRecord: Equatable, Sendable {
    /// The kinds of decision.
    package enum Action: String, Sendable, CaseIterable {
        case organizationCreated = "organization.created"
        case organizationChanged = "organization.changed"
        case organizationDeleted = "organization.deleted"
        case tokenCreated = "token.created"
        case tokenRevoked = "token.revoked"
        case chainSet = "chain.set"
        case chainDeleted = "chain.deleted"
        case walletRegistered = "wallet.registered"
        case walletDeleted = "wallet.deleted"
        case sessionKeyCreated = "session_key.created"
        case sessionKeyRemoved = "session_key.removed"
        case sessionCreated = "session.created"
        case sessionRefused = "session.refused"
        case sessionRevoked = "session.revoked"
        case delegationRead = "delegation.read"
    }

    /// The chain of records it belongs to.
    package var ledger: WalletLedger
    /// Its place in the ledger, from 1 on, without gaps.
    package var sequence: Int
    /// When.
    package var at: Timestamp
    /// Who and from where.
    package var actor: Actor
    /// What.
    package var action: Action
    /// The identifier of what it is about.
    package var subject: String
    /// What exactly, an object without secrets.
    package var details: JSONValue
    /// The hash of the record before, 32 bytes; all zeros for the first.
    package var previousHash: [UInt8]
    /// The hash of this record, 32 bytes.
    package var hash: [UInt8]

    /// A record as it was stored, believed or not.
    package init(
        ledger: WalletLedger,
        sequence: Int,
        at: Timestamp,
        actor: Actor,
        action: Action,
        subject: String,
        details: JSONValue,
        previousHash: [UInt8],
        hash: [UInt8]
    ) {
        self.ledger = ledger
        self.sequence = sequence
        self.at = at
        self.actor = actor
        self.action = action
        self.subject = subject
        self.details = details
        self.previousHash = previousHash
        self.hash = hash
    }

    /// The record that follows `head` in a ledger.
    package init(after head: WalletAuditHead, in ledger: WalletLedger, _ entry: WalletAuditEntry) {
        self.init(
            ledger: ledger,
            sequence: head.sequence + 1,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            details: entry.details,
            previousHash: head.hash,
            hash: []
        )
        self.hash = self.computedHash
    }

    /// The hash that follows from the record's other fields: SHA-256 of a JSON array of all of them, compact and in a
    /// fixed order, so that no two different records are written alike.
    package var computedHash: [UInt8] {
        let fields: JSONValue = [
            "daypass-wallet-audit-1", .string(self.ledger.text), .integer(self.sequence),
            .integer(Int(self.at.millisecondsSinceEpoch)), .string(self.actor.name), .string(self.actor.address),
            .string(self.action.rawValue), .string(self.subject), self.details,
            .string(lowerHex(self.previousHash)),
        ]
        return Array(SHA256.hash(data: Array(fields.text.utf8)))
    }
}

/// What an audit record says, before it has its place in a ledger.
package struct WalletAuditEntry: Equatable, Sendable {
    /// When.
    package var at: Timestamp
    /// Who and from where.
    package var actor: Actor
    /// What.
    package var action: WalletAuditRecord.Action
    /// The identifier of what it is about.
    package var subject: String
    /// What exactly, an object without secrets.
    package var details: JSONValue

    /// A complete entry.
    package init(
        at: Timestamp,
        actor: Actor,
        action: WalletAuditRecord.Action,
        subject: String,
        details: JSONValue = .object([])
    ) {
        self.at = at
        self.actor = actor
        self.action = action
        self.subject = subject
        self.details = details
    }

    /// Whether it may be the first record of `ledger`: an organization's begins with its making.
    ///
    /// The server's may begin with anything, as long as there is nothing yet that a record would tell of.
    package func begins(_ ledger: WalletLedger) -> Bool {
        switch ledger {
        case .server: true
        case .organization(let id): self.action == .organizationCreated && self.subject == id.text
        }
    }
}

/// The end of a ledger, kept apart from its records, so that a cut tail is noticed.
package struct WalletAuditHead: Equatable, Sendable {
    /// The place of the last record; 0 for none.
    package var sequence: Int
    /// The hash of the last record; all zeros for none.
    package var hash: [UInt8]

    /// Names the end of a ledger.
    package init(sequence: Int, hash: [UInt8]) {
        self.sequence = sequence
        self.hash = hash
    }

    /// The end of a ledger without records.
    package static let empty = WalletAuditHead(sequence: 0, hash: Array(repeating: 0, count: 32))

    /// The sum of this and another end: of their places, and of their hashes (32 bytes) as numbers modulo 2²⁵⁶.
    ///
    /// Ends add up in any order, and one can be taken out again. Other ends with the same sum cannot be found: a hash
    /// cannot be chosen.
    package func adding(_ other: WalletAuditHead) -> WalletAuditHead { self.adding(other, times: 1) }

    /// The sum without an end that was added to it.
    package func removing(_ other: WalletAuditHead) -> WalletAuditHead { self.adding(other, times: -1) }

    private func adding(_ other: WalletAuditHead, times factor: Int) -> WalletAuditHead {
        var sum = WalletAuditHead(sequence: self.sequence + factor * other.sequence, hash: self.hash)
        var carry = 0
        for index in sum.hash.indices.reversed() {
            carry += Int(self.hash[index]) + factor * Int(other.hash[index])
            sum.hash[index] = UInt8(truncatingIfNeeded: carry)
            carry >>= 8
        }
        return sum
    }
}

/// Follows a ledger from its first record to its last, and says where it stops being whole.
package struct WalletAuditVerifier: Sendable {
    /// What is wrong.
    package enum Problem: String, Sendable, CaseIterable {
        /// A record is not there.
        case missing
        /// A record's fields are not those its hash was made of, or cannot be read.
        case changed
        /// A record does not name the hash of the one before: records were replaced or reordered.
        case unlinked
        /// The records end before, or other than, the ledger's head says.
        case truncated
        /// The head itself was not written by this server.
        case headForged = "head_forged"
        /// This ledger is whole, but all of them together are not as they were written: one of them, maybe this one, was set
        /// back to an earlier end, or another one's end was not written by this server.
        case setBack = "set_back"

        /// A plain sentence.
        package var message: String {
            switch self {
            case .missing: "A record is missing."
            case .changed: "A record was changed."
            case .unlinked: "A record does not follow the one before it."
            case .truncated: "The last records are missing."
            case .headForged: "The end of the ledger was not written by this server."
            case .setBack:
                "This ledger or another one was set back: together they are not what was written."
            }
        }
    }

    private var head = WalletAuditHead.empty
    private let ledger: WalletLedger

    /// Begins with nothing read.
    package init(ledger: WalletLedger) { self.ledger = ledger }

    /// How many records were found whole.
    package var verified: Int { self.head.sequence }

    /// The next record in order of its place; answers what is wrong with it.
    package mutating func next(_ record: WalletAuditRecord) -> Problem? {
        guard record.sequence == self.head.sequence + 1 else { return .missing }
        guard record.ledger == self.ledger, record.computedHash == record.hash else { return .changed }
        guard record.previousHash == self.head.hash else { return .unlinked }
        self.head = WalletAuditHead(sequence: record.sequence, hash: record.hash)
        return nil
    }

    /// No record follows; answers whether that is where the ledger ends.
    package func end(at head: WalletAuditHead) -> Problem? { head == self.head ? nil : .truncated }
}

/// What following a ledger found.
package struct WalletAuditVerdict: Equatable, Sendable {
    /// How many records are whole, from the first on.
    package var verified: Int
    /// What is wrong after these; nil when the ledger is whole.
    package var problem: WalletAuditVerifier.Problem?
    /// The end of the ledger as it is stored: note it elsewhere, and a later ledger that does not contain it was replaced.
    package var head: WalletAuditHead

    /// A complete verdict.
    package init(verified: Int, problem: WalletAuditVerifier.Problem?, head: WalletAuditHead) {
        self.verified = verified
        self.problem = problem
        self.head = head
    }

    /// Whether nothing was found.
    package var isIntact: Bool { self.problem == nil }
}

/// Two lower-case digits for each byte.
package func lowerHex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
