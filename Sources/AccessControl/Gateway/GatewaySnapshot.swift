package import SessionModel

/// One limit of a plan, prepared for counting.
struct CompiledLimit: Sendable {
    let limit: Limit
    let number: UInt64

    init(_ limit: Limit) {
        self.limit = limit
        self.number = stableHash("\(limit.limitClass)|\(limit.per.rawValue)")
    }
}

/// An API key prepared for the hot path.
final class CompiledKey: Sendable {
    let record: APIKeyRecord
    let tenant: Int
    /// The record's scopes in the order they are told to the upstream.
    let scopeText: String
    private let exact: Set<WebOrigin>
    private let subdomains: Set<WebOrigin>
    private let limits: [[CompiledLimit]]

    init(_ record: APIKeyRecord, tenant: Int, limits: [[CompiledLimit]]) {
        self.record = record
        self.tenant = tenant
        self.scopeText = record.scopes.sorted().map(\.rawValue).joined(separator: " ")
        (self.exact, self.subdomains) = splitRules(record.webOrigins)
        self.limits = limits
    }

    func allows(_ origin: WebOrigin) -> Bool {
        self.exact.contains(origin)
            || (!self.subdomains.isEmpty && origin.parent.map { self.subdomains.contains($0) } ?? false)
    }

    func limits(of limitClass: Int, isSafe: Bool) -> [CompiledLimit] { self.limits[limitClass * 2 + (isSafe ? 1 : 0)] }
}

/// A tenant prepared for the hot path.
final class CompiledTenant: Sendable {
    let record: Tenant
    let number: UInt64
    let basePath: [UInt8]
    let routes: RouteTable
    /// The limit class of each route for reads and for writes.
    let classes: [(read: Int, write: Int)]
    private let exact: Set<WebOrigin>
    private let subdomains: Set<WebOrigin>

    init(_ record: Tenant, keys: [APIKeyRecord], classes: [PolicyName: Int]) {
        self.record = record
        self.number = stableHash(record.slug.rawValue)
        self.basePath = Array(record.basePath.utf8)
        self.routes = RouteTable(record.routes)
        self.classes = record.routes.map { route in
            (classes[route.effectiveClass(for: .get)] ?? 0, classes[route.effectiveClass(for: .post)] ?? 1)
        }
        (self.exact, self.subdomains) = splitRules(keys.flatMap(\.webOrigins))
    }

    /// Whether some key of the tenant allows `origin`.
    func knows(_ origin: WebOrigin) -> Bool {
        self.exact.contains(origin)
            || (!self.subdomains.isEmpty && origin.parent.map { self.subdomains.contains($0) } ?? false)
    }
}

private func splitRules(_ rules: [WebOriginRule]) -> (exact: Set<WebOrigin>, subdomains: Set<WebOrigin>) {
    var exact: Set<WebOrigin> = []
    var subdomains: Set<WebOrigin> = []
    for rule in rules {
        switch rule {
        case .exact(let origin): exact.insert(origin)
        case .subdomains(let base): subdomains.insert(base)
        }
    }
    return (exact, subdomains)
}

/// All tenants, keys, routes and plans, prepared for deciding; immutable, and replaced whole when something changes.
///
/// A key is found by the digest of its text in constant time. One with two web origins and four scopes is estimated to
/// take 2 KB, so 100 000 of them 200 MB.
package struct GatewaySnapshot: Sendable {
    /// The gateway's name in tokens (`iss`): its public base URL.
    package let issuer: String
    let tenants: [CompiledTenant]
    let keys: [CompiledKey]
    private let keyNumbers: [SecretDigest: Int]
    /// Tenants by host, those with longer base paths first.
    private let hosts: [String: [Int]]
    private let defaultTenant: Int?
    private let tenantNumbers: [Slug: Int]

    static let readClass = 0
    static let writeClass = 1
    static let sessionClass = 2

    /// Prepares everything.
    ///
    /// Keys of tenants that are not among `tenants` are left out; a key whose plan is not among
    /// `plans` has the standard one.
    package init(issuer: String, tenants: [Tenant], keys: [APIKeyRecord], plans: [Plan]) {
        self.issuer = issuer
        var classes: [PolicyName: Int] = [
            .reads: Self.readClass, .writes: Self.writeClass, .sessions: Self.sessionClass,
        ]
        for name in tenants.flatMap(\.routes).compactMap(\.limitClass) where classes[name] == nil {
            classes[name] = classes.count
        }
        let ordered = classes.sorted { $0.value < $1.value }.map(\.key)
        func compile(_ plan: Plan) -> [[CompiledLimit]] {
            ordered.flatMap { name in
                [false, true].map { plan.limits(of: name, isSafe: $0).map { CompiledLimit($0) } }
            }
        }
        let standard = compile(.standard)
        let byName = Dictionary(plans.map { ($0.name, compile($0)) }) { $1 }
        let keysByTenant = Dictionary(grouping: keys, by: \.tenant)
        self.tenants = tenants.map { tenant in
            let usable = (keysByTenant[tenant.slug] ?? []).filter { $0.revokedAt == nil }
            return CompiledTenant(tenant, keys: usable, classes: classes)
        }
        let tenantNumbers = Dictionary(tenants.enumerated().map { ($1.slug, $0) }) { $1 }
        self.tenantNumbers = tenantNumbers
        self.keys = keys.compactMap { key in
            tenantNumbers[key.tenant].map { CompiledKey(key, tenant: $0, limits: byName[key.plan] ?? standard) }
        }
        var keyNumbers: [SecretDigest: Int] = [:]
        keyNumbers.reserveCapacity(self.keys.count)
        for (number, key) in self.keys.enumerated() {
            if let retired = key.record.retired { keyNumbers[retired.digest] = number }
            keyNumbers[key.record.digest] = number
        }
        self.keyNumbers = keyNumbers
        var hosts: [String: [Int]] = [:]
        for (number, tenant) in tenants.enumerated() {
            for host in tenant.hosts { hosts[host, default: []].append(number) }
        }
        self.hosts = hosts.mapValues { numbers in
            numbers.sorted { tenants[$0].basePath.utf8.count > tenants[$1].basePath.utf8.count }
        }
        self.defaultTenant = tenants.firstIndex(where: \.isDefault)
    }

    /// How many keys there are.
    package var keyCount: Int { self.keys.count }

    /// The tenant served at `host` (lower case, without port) for a request target, or nil when none is served there.
    ///
    /// Where several share a host, the longest base path decides; a target under none of them belongs to the first.
    package func tenant(host: String, target: [UInt8]) -> Slug? {
        guard let numbers = self.hosts[host] else { return nil }
        let number = numbers.first { isUnder(self.tenants[$0].basePath, target) } ?? numbers.first
        return number.map { self.tenants[$0].record.slug }
    }

    /// The tenant served on the edge's own host for a request target; nil unless the target is under its base path.
    package func defaultTenant(target: [UInt8]) -> Slug? {
        guard let number = self.defaultTenant, !self.tenants[number].basePath.isEmpty,
            isUnder(self.tenants[number].basePath, target)
        else { return nil }
        return self.tenants[number].record.slug
    }

    func compiled(_ slug: Slug) -> (number: Int, tenant: CompiledTenant)? {
        self.tenantNumbers[slug].map { ($0, self.tenants[$0]) }
    }

    func key(of text: [UInt8]) -> CompiledKey? {
        self.keyNumbers[SecretDigest(ofBytes: text)].map { self.keys[$0] }
    }
}

/// Whether the path of `target` is `base` or lies under it, byte for byte.
func isUnder(_ base: [UInt8], _ target: [UInt8]) -> Bool {
    guard target.starts(with: base) else { return false }
    guard target.count > base.count else { return true }
    return target[base.count] == UInt8(ascii: "/") || target[base.count] == UInt8(ascii: "?")
}
