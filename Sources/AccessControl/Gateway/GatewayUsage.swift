package import SessionModel

/// Counts what came of requests until somebody writes it down, and remembers the last refusals.
///
/// Bounded: beyond `capacity` different counts a request is counted without its key; beyond `refusalCapacity` the oldest
/// refusal is forgotten.
package struct GatewayUsage: Sendable {
    private struct Key: Hashable {
        var hour: Int64
        var tenant: Slug
        var key: APIKeyID?
        var code: GatewayErrorCode?
    }

    /// Different counts kept between two writes.
    package static let capacity = 100_000
    /// Refusals kept for whoever asks.
    package static let refusalCapacity = 2000
    private static let hour: Int64 = 3_600_000

    private var counts: [Key: Int] = [:]
    private var lastUsed: [APIKeyID: Timestamp] = [:]
    private var leaked: Set<APIKeyID> = []
    /// A ring: the oldest stands at `next` once it is full.
    private var ring: [GatewayRefusal] = []
    private var next = 0

    /// Nothing counted yet.
    package init() {}

    /// Counts a request that was judged like this, and answered with `code`, or passed on.
    package mutating func count(_ verdict: GatewayVerdict, code: GatewayErrorCode?, now: Timestamp) {
        let hour = now.millisecondsSinceEpoch / Self.hour
        var key = Key(hour: hour, tenant: verdict.tenant, key: verdict.key, code: code)
        if self.counts.count >= Self.capacity, self.counts[key] == nil { key.key = nil }
        self.counts[key, default: 0] += 1
        if let used = verdict.key, self.lastUsed.count < Self.capacity { self.lastUsed[used] = now }
        if case .leakedSecretKey(let id)? = verdict.report, self.leaked.count < Self.capacity { self.leaked.insert(id) }
    }

    /// Remembers a refusal.
    package mutating func remember(_ refusal: GatewayRefusal) {
        if self.ring.count < Self.refusalCapacity {
            self.ring.append(refusal)
        } else {
            self.ring[self.next] = refusal
            self.next = (self.next + 1) % Self.refusalCapacity
        }
    }

    /// The last refusals, newest first, at most `limit`.
    package func refusals(of tenant: Slug?, code: GatewayErrorCode?, limit: Int) -> [GatewayRefusal] {
        let inOrder = self.ring[self.next...] + self.ring[..<self.next]
        return Array(
            inOrder.reversed().lazy
                .filter { (tenant == nil || $0.tenant == tenant) && (code == nil || $0.code == code) }
                .prefix(limit)
        )
    }

    /// What was counted since the last call.
    package mutating func drainCounts() -> [UsageCount] {
        let counts = self.counts
        self.counts = [:]
        return counts.map { key, count in
            UsageCount(
                start: Timestamp(millisecondsSinceEpoch: key.hour * Self.hour),
                tenant: key.tenant,
                key: key.key,
                code: key.code,
                count: count
            )
        }
    }

    /// Counts again what could not be written.
    package mutating func restoreCounts(_ counts: [UsageCount]) {
        for count in counts {
            let hour = count.start.millisecondsSinceEpoch / Self.hour
            let key = Key(hour: hour, tenant: count.tenant, key: count.key, code: count.code)
            guard self.counts.count < Self.capacity || self.counts[key] != nil else { continue }
            self.counts[key, default: 0] += count.count
        }
    }

    /// When keys were last used, for those used since the last call.
    package mutating func drainLastUsed() -> [APIKeyID: Timestamp] {
        let used = self.lastUsed
        self.lastUsed = [:]
        return used
    }

    /// The secret keys that arrived from pages since the last call.
    package mutating func drainLeaked() -> Set<APIKeyID> {
        let leaked = self.leaked
        self.leaked = []
        return leaked
    }
}

extension GatewayRefusal {
    /// What is remembered of a refused request: its texts cut to what a person reads, its query left out.
    package init(
        _ error: GatewayError,
        of verdict: GatewayVerdict,
        at: Timestamp,
        method: String,
        target: String,
        webOrigin: String?,
        address: ClientAddress,
        requestID: String
    ) {
        self.init(
            at: at,
            tenant: verdict.tenant,
            key: verdict.key,
            code: error.code,
            message: error.message,
            method: String(method.prefix(16)),
            path: String(target.prefix { $0 != "?" }.prefix(256)),
            webOrigin: webOrigin.map { String($0.prefix(128)) },
            address: address.text,
            requestID: requestID
        )
    }
}
