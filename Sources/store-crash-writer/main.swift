//! store-crash-writer: writes to an SQLite store until it is killed, for the crash tests of SQLiteStore.

import Glibc
import SQLiteStore
import SessionModel
import SessionStore

// Writes sessions to a data directory as fast as it can, and prints a line for each that the store acknowledged; the
// crash test kills it with SIGKILL at any moment and checks that every printed session is there.
//
//     store-crash-writer FOLDER
//
// Lines: `created ID`, `changed ID REVISION`, `kicked ID VIEWERS`, `deleted ID`; of the API gateway `key ID`, `revoked ID`,
// `counted OWNER COUNT`; of wallet sessions `group NUMBER`.

guard CommandLine.arguments.count == 2 else {
    print("usage: store-crash-writer FOLDER")
    exit(64)
}

/// Writes a whole line with one system call, so that a killed process has either said it or not.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    guard write(STDOUT_FILENO, bytes, bytes.count) == bytes.count else { exit(74) }
}

let directory = try DataDirectory(path: CommandLine.arguments[1])
let store = try SQLiteSessionStore(in: directory)
let clock: WallClock = {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(millisecondsSinceEpoch: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
}
let service = SessionService(
    store: store,
    feed: InProcessSessionChangeFeed(),
    configuration: SessionServiceConfiguration(openSessionsPerCreator: 1_000_000, openSessions: 1_000_000),
    clock: clock
)
let actor = Actor(name: "local", address: "127.0.0.1")
say("ready")

/// Makes and revokes keys of a tenant of its own, and counts up one counter, forever.
func writeGateway(_ writer: Int) async throws {
    guard let slug = Slug("writer-\(writer)"), let upstream = TenantUpstream(parsing: "http://127.0.0.1:9") else {
        preconditionFailure("constants are well-formed")
    }
    try await store.change { try $0.put([Tenant(slug: slug, upstream: upstream)]) }
    let request = try NewAPIKey(json: ["name": "key", "kind": "secret", "scopes": ["all"]])
    for round in 1... {
        var generator = SystemRandomNumberGenerator()
        let now = clock()
        let key = APIKeyRecord.make(request, tenant: slug, now: now, using: &generator).record
        func event(_ action: AuditEvent.Action) -> AuditEvent {
            AuditEvent(sessionID: nil, tenant: slug, at: now, actor: actor, action: action, summary: key.id.text)
        }
        let (created, revoked) = (event(.keyCreated), event(.keyRevoked))
        try await store.change { transaction in
            try transaction.put(key)
            try transaction.append(created)
        }
        say("key \(key.id)")
        try await store.change { transaction in
            guard var key = try transaction.key(key.id) else { preconditionFailure("the key was stored") }
            key.revokedAt = now
            try transaction.put(key)
            try transaction.append(revoked)
        }
        say("revoked \(key.id)")
        let owner = UInt64(writer)
        let count = StoredCount(
            limit: 1,
            windowSeconds: 86_400,
            owner: owner,
            session: 0,
            address: 0,
            window: now.millisecondsSinceEpoch / 86_400_000,
            count: round
        )
        try await store.write(counts: [count])
        say("counted \(owner) \(round)")
    }
}

/// Creates groups of 24 sessions with their audit records, and revokes one of each, forever.
func writeWallets() async throws {
    var generator = SystemRandomNumberGenerator()
    let organization = Organization(id: .random(using: &generator), name: "writer", createdAt: clock())
    let ledger = WalletLedger.organization(organization.id)
    let wallet = WalletRecord(
        id: .random(using: &generator),
        organization: organization.id,
        name: "wallet",
        kind: .opaque,
        address: nil,
        createdAt: clock()
    )
    guard let address = WalletAddress("0x" + String(repeating: "1", count: 40)) else {
        preconditionFailure("constants are well-formed")
    }
    let made = WalletAuditEntry(
        at: organization.createdAt,
        actor: actor,
        action: .organizationCreated,
        subject: organization.id.text
    )
    try await store.changeWallets { transaction in
        try transaction.put(organization)
        try transaction.append(made, to: ledger)
        try transaction.insert(wallet)
    }
    while true {
        let now = clock()
        let group = WalletSessionGroupID.random(using: &generator)
        let sessions = (1...24)
            .map { chain in
                WalletSessionRecord(
                    id: .random(using: &generator),
                    group: group,
                    organization: organization.id,
                    wallet: wallet.id,
                    kind: .opaque,
                    workflow: nil,
                    sessionAddress: address,
                    sessionKey: nil,
                    chainID: chain,
                    policies: .object([]),
                    proof: nil,
                    createdAt: now,
                    expiresAt: now + .seconds(3600)
                )
            }
        @Sendable func entry(_ action: WalletAuditRecord.Action, _ id: WalletSessionID) -> WalletAuditEntry {
            WalletAuditEntry(at: now, actor: actor, action: action, subject: id.text)
        }
        try await store.changeWallets { transaction in
            for session in sessions {
                try transaction.insert(session, delegation: SecretBytes(Array(session.id.text.utf8)))
                try transaction.append(entry(.sessionCreated, session.id), to: ledger)
            }
        }
        say("group \(group.number)")
        let first = sessions[0].id
        try await store.changeWallets { transaction in
            try transaction.revoke(first, at: now)
            try transaction.append(entry(.sessionRevoked, first), to: ledger)
        }
    }
}

try await withThrowingTaskGroup(of: Void.self) { group in
    for writer in 0..<4 {
        group.addTask {
            var round = 0
            while true {
                round += 1
                let request = NewSession(authMode: .basic, policy: SessionPolicy(password: "secret \(round)"))
                let record = try await service.create(request, by: actor, creator: "writer \(writer)").record
                say("created \(record.id)")
                let policy = PolicyUpdate(blockPaths: ["/round/\(round)"])
                let changed = try await service.updatePolicy(of: record.slug, policy, by: actor)
                say("changed \(record.id) \(changed.revision)")
                let viewer = KickedViewer(viewerID: "vw_\(round)", addressID: nil)
                let kicked = try await service.kick(viewer, from: record.slug, by: actor)
                say("kicked \(record.id) \(kicked.kickedViewers.count)")
                if round.isMultiple(of: 3) {
                    try await service.delete(id: record.id, by: actor)
                    say("deleted \(record.id)")
                }
            }
        }
    }
    for writer in 0..<2 {
        group.addTask { try await writeGateway(writer) }
    }
    group.addTask { try await writeWallets() }
    try await group.waitForAll()
}
