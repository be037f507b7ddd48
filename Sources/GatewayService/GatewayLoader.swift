package import SessionModel
package import SessionStore

/// Reads everything the gate needs at start, in pages where there may be much of it.
///
/// Nothing may change the store meanwhile: load first, then serve the admin API.
package struct GatewayLoader: Sendable {
    /// Keys and counts of one page.
    package static let pageSize = 10_000

    private let store: any GatewayStore
    private let clock: WallClock

    /// A loader from `store`.
    package init(store: any GatewayStore, clock: @escaping WallClock) {
        self.store = store
        self.clock = clock
    }

    /// All tenants, by slug.
    package func tenants() async throws -> [Tenant] { try await self.store.tenants() }

    /// All plans, by name, `standard` among them.
    package func plans() async throws -> [Plan] { try await self.store.plans().withStandard }

    /// Hands over all keys, a page at a time.
    package func forEachPageOfKeys(_ body: ([APIKeyRecord]) throws -> Void) async throws {
        var last: APIKeyID?
        while true {
            let page = try await self.store.allKeys(after: last, limit: Self.pageSize)
            if page.isEmpty { return }
            try body(page)
            last = page.last?.id
        }
    }

    /// Hands over the counts whose windows have not ended, a page at a time.
    package func forEachPageOfCounts(_ body: ([StoredCount]) throws -> Void) async throws {
        let now = self.clock().millisecondsSinceEpoch
        var position: Int64 = 0
        while true {
            let page = try await self.store.counts(after: position, limit: Self.pageSize)
            if page.counts.isEmpty { return }
            try body(page.counts.filter { now < $0.end })
            position = page.position
        }
    }

    /// The browser sessions that are revoked now.
    package func revokedSessions() async throws -> [RevokedSession] {
        try await self.store.revokedSessions(now: self.clock())
    }
}

extension StoredCount {
    /// When its window ends, in milliseconds since 1970; saturates.
    fileprivate var end: Int64 {
        let (next, isLast) = self.window.addingReportingOverflow(1)
        let (end, isBeyond) = next.multipliedReportingOverflow(by: Int64(self.windowSeconds) * 1000)
        return isLast || isBeyond ? .max : end
    }
}

extension [Plan] {
    /// These plans, by name, and the built-in `standard` unless it is among them.
    var withStandard: [Plan] {
        let hasStandard = self.contains { $0.name == .standard }
        return (hasStandard ? self : self + [.standard]).sorted { $0.name < $1.name }
    }
}
