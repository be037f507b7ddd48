import Crypto
package import SessionModel

/// What an `Idempotency-Key` belongs to: the same text of another key, session or route is something else.
package struct IdempotencyID: Hashable, Sendable {
    /// The API key.
    package let key: APIKeyID
    /// The browser session; nil on the server channel.
    package let session: BrowserSessionID?
    /// The route's pattern with its method.
    package let route: String
    /// The header's value.
    package let text: String
    /// Digest of what else tells callers apart, for example credentials that are passed on to the upstream; may be empty.
    package let caller: [UInt8]

    /// Names an entry.
    package init(key: APIKeyID, session: BrowserSessionID?, route: String, text: String, caller: [UInt8] = []) {
        self.key = key
        self.session = session
        self.route = route
        self.text = text
        self.caller = caller
    }

    /// The digest of what tells callers apart; each part may be absent.
    package static func caller(_ parts: [[UInt8]?]) -> [UInt8] {
        var hash = SHA256()
        for part in parts {
            // Its length first, so that parts cannot be shifted into one another.
            hash.update(data: Array("\(part.map { $0.count } ?? -1) ".utf8) + (part ?? []))
        }
        return hash.finalize().withUnsafeBytes { Array($0) }
    }

    /// Whether `value` may be an `Idempotency-Key`: 1…255 visible ASCII characters.
    package static func isValid(_ value: [UInt8]) -> Bool {
        (1...255).contains(value.count) && value.allSatisfy { $0 > 0x20 && $0 < 0x7f }
    }
}

/// What tells one request from another: SHA-256 over method, target and body; made while the body passes.
package struct RequestFingerprint: Sendable {
    private var hash = SHA256()

    /// Begins with the request line.
    package init(method: APIMethod, target: [UInt8]) {
        self.hash.update(data: Array("\(method.rawValue) \(target.count) ".utf8) + target)
    }

    /// Adds a piece of the body; how it is cut into pieces does not matter.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) { self.hash.update(bufferPointer: bytes) }

    /// The fingerprint of everything added: 32 bytes.
    package func finalize() -> [UInt8] {
        let copy = self.hash
        return copy.finalize().withUnsafeBytes { Array($0) }
    }
}

/// An answer as it is stored: what is sent again byte for byte.
package struct StoredAnswer: Equatable, Sendable {
    /// The status.
    package var status: Int
    /// The end-to-end header fields as bytes of HTTP/1.1.
    package var head: [UInt8]
    /// The whole body.
    package var body: [UInt8]

    /// An answer with every part given.
    package init(status: Int, head: [UInt8], body: [UInt8]) {
        self.status = status
        self.head = head
        self.body = body
    }

    var size: Int { self.head.count + self.body.count }
}

/// Which requests with an `Idempotency-Key` are running or answered (spec: browser sessions, section 3).
///
/// For each request: `begin` when its head has passed the gate. The first one runs, and ends in `finish` or `abandon`.
/// A later one waits until its body is read, and `compare` answers it. Entries live for 24 hours from their first
/// request. Memory is bounded by `capacity` entries and `byteBudget` bytes of answers, beyond which the oldest answered
/// entries go first; what is running is never forgotten. One API key has a quarter of both at most, and beyond that loses
/// its own oldest entries, so that it cannot push out another's.
package struct IdempotencyStateMachine: Sendable {
    /// What to do with a request whose head has arrived.
    package enum Beginning: Equatable, Sendable {
        /// Forward it, then call `finish` or `abandon` with this ticket.
        case first(ticket: UInt64)
        /// Refuse it: 409 `REQUEST_IN_PROGRESS`.
        case inProgress
        /// Read its body, then ask `compare`.
        case readBody
        /// Refuse it: 429, as many requests are running as are kept, in all or of its key.
        case full
    }

    /// What to answer a repeated request.
    package enum Comparison: Equatable, Sendable {
        /// The stored answer, with `Idempotency-Replayed: true`.
        case replay(StoredAnswer)
        /// 422 `IDEMPOTENCY_KEY_REUSED`: another request.
        case reused
        /// 422 `IDEMPOTENCY_KEY_REUSED`: the same request, whose answer was too large to keep; it is not run again.
        case answerNotKept
        /// The entry has gone since: begin again.
        case gone
    }

    private struct Entry: Sendable {
        var ticket: UInt64
        var expiresAt: Timestamp
        /// Nil while the first request runs.
        var fingerprint: [UInt8]?
        var answer: StoredAnswer?
    }

    /// How long an entry lives.
    package static let lifetime = Duration.seconds(86_400)
    /// The largest answer that is kept, head and body together, in bytes.
    package static let maximumAnswer = 256 << 10

    /// Answered entries in the order of their answers; some may have gone since.
    private struct Order: Sendable {
        private var items: [(id: IdempotencyID, ticket: UInt64)] = []
        private var start = 0

        var first: (id: IdempotencyID, ticket: UInt64)? { self.start < self.items.count ? self.items[self.start] : nil }

        /// Adds an entry; what `isKept` no longer knows is forgotten once it is more than what it knows.
        mutating func append(
            _ id: IdempotencyID,
            _ ticket: UInt64,
            kept: Int,
            isKept: (IdempotencyID, UInt64) -> Bool
        ) {
            if self.items.count - self.start > 2 * kept + 64 {
                self.items = self.items[self.start...].filter { isKept($0.id, $0.ticket) }
                self.start = 0
            }
            self.items.append((id, ticket))
        }

        /// How many are remembered, those that have gone included.
        var count: Int { self.items.count - self.start }

        mutating func removeFirst() {
            self.start += 1
            guard self.start > 64, self.start * 2 > self.items.count else { return }
            self.items.removeFirst(self.start)
            self.start = 0
        }
    }

    /// What one API key has.
    private struct Share: Sendable {
        var count = 0
        var bytes = 0
        var order = Order()
    }

    private let capacity: Int
    private let byteBudget: Int
    private let keyCapacity: Int
    private let keyByteBudget: Int
    private var entries: [IdempotencyID: Entry] = [:]
    private var order = Order()
    private var shares: [APIKeyID: Share] = [:]
    private var nextTicket: UInt64 = 1
    /// Bytes of all stored answers.
    package private(set) var storedBytes = 0

    /// A machine for `capacity` entries with `byteBudget` bytes of answers, of which one API key has `keyCapacity` and
    /// `keyByteBudget` at most, by default a quarter.
    package init(
        capacity: Int = 20_000,
        byteBudget: Int = 64 << 20,
        keyCapacity: Int? = nil,
        keyByteBudget: Int? = nil
    ) {
        precondition(capacity > 0 && byteBudget >= Self.maximumAnswer, "entries need room")
        self.capacity = capacity
        self.byteBudget = byteBudget
        self.keyCapacity = keyCapacity ?? max(1, capacity / 4)
        self.keyByteBudget = keyByteBudget ?? max(Self.maximumAnswer, byteBudget / 4)
    }

    /// How many entries there are.
    package var count: Int { self.entries.count }

    /// How many places of entries are remembered, gone ones included: bounded by a multiple of `count`.
    package var orderCount: Int { self.order.count + self.shares.values.reduce(0) { $0 + $1.order.count } }

    /// A request has arrived.
    package mutating func begin(_ id: IdempotencyID, now: Timestamp) -> Beginning {
        self.expire(now: now)
        if let entry = self.entries[id] {
            guard entry.fingerprint != nil else { return .inProgress }
            guard entry.expiresAt <= now else { return .readBody }
            self.remove(id)
        }
        if self.shares[id.key]?.count ?? 0 >= self.keyCapacity { self.dropOldest(of: id.key) }
        guard self.shares[id.key]?.count ?? 0 < self.keyCapacity else { return .full }
        if self.entries.count >= self.capacity { self.dropOldest() }
        guard self.entries.count < self.capacity else { return .full }
        let ticket = self.nextTicket
        self.nextTicket += 1
        self.entries[id] = Entry(ticket: ticket, expiresAt: now + Self.lifetime)
        self.shares[id.key, default: Share()].count += 1
        return .first(ticket: ticket)
    }

    /// The body of a repeated request has been read.
    package func compare(_ id: IdempotencyID, fingerprint: [UInt8], now: Timestamp) -> Comparison {
        guard let entry = self.entries[id], let first = entry.fingerprint, now < entry.expiresAt else { return .gone }
        guard first == fingerprint else { return .reused }
        return entry.answer.map { .replay($0) } ?? .answerNotKept
    }

    /// The first request has been answered in full.
    ///
    /// An answer of 5xx forgets the entry, so that the client can try again. `answer` is nil when it was too large.
    package mutating func finish(
        _ id: IdempotencyID,
        ticket: UInt64,
        fingerprint: [UInt8],
        status: Int,
        answer: StoredAnswer?
    ) {
        guard var entry = self.entries[id], entry.ticket == ticket, entry.fingerprint == nil else { return }
        guard status < 500 else { return self.remove(id) }
        entry.fingerprint = fingerprint
        if let answer, answer.size <= Self.maximumAnswer {
            entry.answer = answer
            self.storedBytes += answer.size
            self.shares[id.key]?.bytes += answer.size
        }
        self.entries[id] = entry
        self.remember(id, ticket)
        while self.shares[id.key]?.bytes ?? 0 > self.keyByteBudget { self.dropOldest(of: id.key) }
        while self.storedBytes > self.byteBudget { self.dropOldest() }
    }

    /// Notes that an entry was answered just now.
    private mutating func remember(_ id: IdempotencyID, _ ticket: UInt64) {
        let entries = self.entries
        let isKept = { (id: IdempotencyID, ticket: UInt64) in entries[id]?.ticket == ticket }
        self.order.append(id, ticket, kept: entries.count, isKept: isKept)
        let share = self.shares[id.key]?.count ?? 0
        self.shares[id.key]?.order.append(id, ticket, kept: share, isKept: isKept)
    }

    /// The first request has been aborted, or was never sent: nothing is kept of it.
    package mutating func abandon(_ id: IdempotencyID, ticket: UInt64) {
        guard let entry = self.entries[id], entry.ticket == ticket, entry.fingerprint == nil else { return }
        self.remove(id)
    }

    /// Forgets what is older than a day.
    package mutating func expire(now: Timestamp) {
        while let (id, ticket) = self.order.first {
            if let entry = self.entries[id], entry.ticket == ticket {
                guard entry.expiresAt <= now else { return }
                self.remove(id)
            }
            self.order.removeFirst()
        }
    }

    /// Forgets the entry that was answered longest ago, if any was.
    private mutating func dropOldest() {
        while let (id, ticket) = self.order.first {
            self.order.removeFirst()
            guard let entry = self.entries[id], entry.ticket == ticket else { continue }
            return self.remove(id)
        }
    }

    /// Forgets the entry of `key` that was answered longest ago, if any was.
    private mutating func dropOldest(of key: APIKeyID) {
        while let (id, ticket) = self.shares[key]?.order.first {
            self.shares[key]?.order.removeFirst()
            guard let entry = self.entries[id], entry.ticket == ticket else { continue }
            return self.remove(id)
        }
    }

    private mutating func remove(_ id: IdempotencyID) {
        guard let entry = self.entries.removeValue(forKey: id) else { return }
        let size = entry.answer?.size ?? 0
        self.storedBytes -= size
        guard let share = self.shares[id.key], share.count > 1 else {
            self.shares[id.key] = nil
            return
        }
        self.shares[id.key]?.count -= 1
        self.shares[id.key]?.bytes -= size
    }
}
