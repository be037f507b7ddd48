package import SessionModel
import Synchronization

/// A gateway store that forgets everything with the process: for tests.
///
/// Shared and locked; every call is one critical section. A change works on a copy, which replaces the state when it
/// succeeds.
package final class InMemoryGatewayStore: GatewayStore {
    struct UsageKey: Hashable {
        var start: Timestamp
        var tenant: Slug
        var key: APIKeyID?
        var code: GatewayErrorCode?
    }

    struct State {
        var tenants: [Slug: Tenant] = [:]
        var plans: [PolicyName: Plan] = [:]
        var keys: [APIKeyID: APIKeyRecord] = [:]
        var signingKeys: [String: SigningKeyRecord] = [:]
        var revoked: [BrowserSessionID: Timestamp] = [:]
        var counts: [StoredCount: (position: Int64, count: StoredCount)] = [:]
        var lastPosition: Int64 = 0
        var usage: [UsageQuery.Interval: [UsageKey: Int]] = [:]
        var events: [AuditEvent] = []
    }

    private let state = Mutex(State())

    /// An empty store.
    package init() {}

    package func change<Value: Sendable>(
        _ body: @escaping @Sendable (any GatewayTransaction) throws -> Value
    ) async throws -> Value {
        try self.state.withLock { state in
            let transaction = InMemoryGatewayTransaction(state)
            let value = try body(transaction)
            state = transaction.state
            return value
        }
    }

    package func tenants() async throws -> [Tenant] {
        self.state.withLock { Array($0.tenants.values) }.sorted { $0.slug.rawValue < $1.slug.rawValue }
    }

    package func tenant(_ slug: Slug) async throws -> Tenant? { self.state.withLock { $0.tenants[slug] } }

    package func plans() async throws -> [Plan] {
        self.state.withLock { Array($0.plans.values) }.sorted { $0.name < $1.name }
    }

    package func key(_ id: APIKeyID) async throws -> APIKeyRecord? { self.state.withLock { $0.keys[id] } }

    package func keys(of tenant: Slug?, after: APIKeyID?, limit: Int) async throws -> [APIKeyRecord] {
        let all = self.state.withLock { $0.keys }
        let start = try after.map { id in
            guard let key = all[id] else { throw GatewayRefusals.unknownKey(id) }
            return (key.createdAt, id.number)
        }
        return Array(
            all.values
                .filter { key in
                    (tenant == nil || key.tenant == tenant) && start.map { (key.createdAt, key.id.number) < $0 } ?? true
                }
                .sorted { ($0.createdAt, $0.id.number) > ($1.createdAt, $1.id.number) }
                .prefix(pageSize(limit))
        )
    }

    package func allKeys(after: APIKeyID?, limit: Int) async throws -> [APIKeyRecord] {
        let all = self.state.withLock { $0.keys }
        return Array(
            all.values.filter { key in after.map { $0.number < key.id.number } ?? true }
                .sorted { $0.id.number < $1.id.number }
                .prefix(bulkPageSize(limit))
        )
    }

    package func signingKeys() async throws -> [SigningKeyRecord] {
        self.state.withLock { InMemoryGatewayTransaction($0).signingKeys() }
    }

    package func revokedSessions(now: Timestamp) async throws -> [RevokedSession] {
        self.state.withLock { $0.revoked }.filter { now < $0.value }
            .map { RevokedSession(id: $0.key, until: $0.value) }
            .sorted { $0.id.number < $1.id.number }
    }

    package func write(counts: [StoredCount]) async throws {
        self.state.withLock { state in
            for count in counts {
                if let known = state.counts[count.counter] {
                    state.counts[count.counter] = (known.position, count)
                } else {
                    state.lastPosition += 1
                    state.counts[count.counter] = (state.lastPosition, count)
                }
            }
        }
    }

    package func counts(after position: Int64, limit: Int) async throws -> (counts: [StoredCount], position: Int64) {
        let page = self.state.withLock { Array($0.counts.values) }.filter { $0.position > position }
            .sorted { $0.position < $1.position }
            .prefix(bulkPageSize(limit))
        return (page.map(\.count), page.last?.position ?? position)
    }

    package func add(usage: [UsageCount]) async throws {
        self.state.withLock { state in
            for count in usage {
                for interval in UsageQuery.Interval.allCases {
                    let key = UsageKey(
                        start: interval.start(of: count.start),
                        tenant: count.tenant,
                        key: count.key,
                        code: count.code
                    )
                    state.usage[interval, default: [:]][key, default: 0] += count.count
                }
            }
        }
    }

    package func usage(_ query: UsageQuery, limit: Int) async throws -> [UsageCount] {
        let found = self.state.withLock { $0.usage[query.interval] ?? [:] }
            .filter { key, _ in
                query.from <= key.start && key.start < query.until && (query.tenant ?? key.tenant) == key.tenant
                    && (query.key == nil || query.key == key.key)
            }
        guard found.count <= limit else { throw GatewayRefusals.tooMuchUsage(limit) }
        return
            found.map { key, count in
                UsageCount(start: key.start, tenant: key.tenant, key: key.key, code: key.code, count: count)
            }
            .sorted { $0.order < $1.order }
    }

    package func noteLastUse(_ uses: [KeyUse]) async throws {
        self.state.withLock { state in
            for use in uses {
                guard let key = state.keys[use.key], key.lastUsedAt.map({ $0 < use.at }) ?? true else { continue }
                state.keys[use.key]?.lastUsedAt = use.at
            }
        }
    }

    package func prune(_ horizon: GatewayHorizon) async throws -> Int {
        self.state.withLock { state in
            let before = state.rows
            state.revoked = state.revoked.filter { horizon.now < $0.value }
            state.counts = state.counts.filter { _, stored in
                (stored.count.window + 2) * Int64(stored.count.windowSeconds) * 1000
                    > horizon.now.millisecondsSinceEpoch
            }
            let open = state.counts.filter { $0.key.isOpenEnded }
                .sorted { ($0.value.count.count, $0.value.position) < ($1.value.count.count, $1.value.position) }
            for (counter, _) in open.prefix(max(0, open.count - horizon.openEndedCounts)) {
                state.counts[counter] = nil
            }
            state.usage[.hour] = state.usage[.hour]?.filter { horizon.hoursFrom <= $0.key.start }
            state.usage[.day] = state.usage[.day]?.filter { horizon.daysFrom <= $0.key.start }
            state.signingKeys = state.signingKeys.filter { _, key in
                key.signsUntil.map { horizon.signingKeysFrom <= $0 } ?? true
            }
            return before - state.rows
        }
    }

    package func gatewayAuditEvents(of tenant: Slug?, limit: Int) async throws -> [AuditEvent] {
        self.state.withLock { state in
            Array(
                state.events.reversed().lazy
                    .filter { $0.action.isAboutGateway && (tenant == nil || $0.tenant == tenant) }
                    .prefix(pageSize(limit))
            )
        }
    }
}

extension InMemoryGatewayStore.State {
    fileprivate var rows: Int {
        self.revoked.count + self.counts.count + self.signingKeys.count + self.usage.values.reduce(0) { $0 + $1.count }
    }
}

extension UsageQuery.Interval {
    /// When the bucket begins that `time` lies in.
    package func start(of time: Timestamp) -> Timestamp {
        let length = self.seconds * 1000
        let remainder = time.millisecondsSinceEpoch % length
        return Timestamp(
            millisecondsSinceEpoch: time.millisecondsSinceEpoch - (remainder < 0 ? remainder + length : remainder)
        )
    }
}

extension UsageCount {
    /// The order of answers: bucket, tenant, key (none first), code (none first).
    fileprivate var order: (Int64, String, Int64, String) {
        (
            self.start.millisecondsSinceEpoch, self.tenant.rawValue, self.key.map { Int64($0.number) } ?? -1,
            self.code?.rawValue ?? ""
        )
    }
}

/// The number of rows a caller gets who reads everything in pages of `limit`.
package func bulkPageSize(_ limit: Int) -> Int { min(max(limit, 1), 10_000) }
