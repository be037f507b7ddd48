import HashTreeCollections
import ProxySemantics
package import SessionModel

/// All tenants, keys, routes and plans, prepared for deciding.
///
/// A value whose copies share what they have in common: changing one key of a million copies a few nodes of a tree, so a
/// change costs microseconds and readers of an older copy are not disturbed. A key is found by the digest of its text in
/// constant time.
package struct GatewaySnapshot: TenantDirectory, Sendable {
    /// The gateway's name in tokens (`iss`): its public base URL.
    package var issuer: String
    private var tenants: [Slug: CompiledTenant] = [:]
    /// Tenants by host, those with longer base paths first.
    private var hosts: [String: [CompiledTenant]] = [:]
    private var defaultTenant: CompiledTenant?
    private var keys: TreeDictionary<KeyFingerprint, CompiledKey> = [:]
    private var keysByID: TreeDictionary<APIKeyID, CompiledKey> = [:]
    private var origins: [Slug: OriginCounts] = [:]
    /// Names of limit classes in the order of their numbers; they only grow.
    private var classNames: [PolicyName] = [.reads, .writes, .sessions]
    private var classes: [PolicyName: Int] = [.reads: readClass, .writes: writeClass, .sessions: sessionClass]
    /// Names of plans in the order of their numbers; they only grow.
    private var planNumbers: [PolicyName: Int] = [.standard: standardPlan]
    private var plans: [CompiledPlan] = []
    private var planRecords: [PolicyName: Plan] = [:]
    private var scopePool: [Set<Scope>: ScopeList] = [:]
    private var originPool: [[WebOriginRule]: OriginList] = [:]

    static let readClass = 0
    static let writeClass = 1
    static let sessionClass = 2
    private static let standardPlan = 0
    /// Beyond as many different lists, new keys no longer share theirs with old ones.
    private static let poolCapacity = 10_000

    /// Prepares everything.
    ///
    /// Keys whose plan is not among `plans` have the standard one.
    package init(issuer: String, tenants: [Tenant] = [], keys: [APIKeyRecord] = [], plans: [Plan] = []) {
        self.issuer = issuer
        self.setPlans(plans)
        for tenant in tenants { self.put(tenant) }
        for key in keys { self.put(key) }
    }

    /// How many keys there are.
    package var keyCount: Int { self.keysByID.count }

    // MARK: Changes

    /// Adds a tenant, or replaces the one of that slug.
    package mutating func put(_ tenant: Tenant) {
        let unknown = tenant.routes.compactMap(\.limitClass).filter { self.classes[$0] == nil }
        for name in unknown where self.classes[name] == nil {
            self.classes[name] = self.classNames.count
            self.classNames.append(name)
        }
        if !unknown.isEmpty { self.setPlans(Array(self.planRecords.values)) }
        self.unlist(tenant.slug)
        let compiled = CompiledTenant(tenant, classes: self.classes)
        self.tenants[tenant.slug] = compiled
        for host in tenant.hosts {
            self.hosts[host, default: []].append(compiled)
            self.hosts[host]?
                .sort { ($1.basePath.count, $0.record.slug.rawValue) < ($0.basePath.count, $1.record.slug.rawValue) }
        }
        if tenant.isDefault { self.defaultTenant = compiled }
    }

    /// Removes a tenant; its keys find nothing any more.
    package mutating func remove(tenant slug: Slug) {
        self.unlist(slug)
        self.tenants[slug] = nil
    }

    /// Takes a tenant out of the lists it is found by.
    private mutating func unlist(_ slug: Slug) {
        guard let tenant = self.tenants[slug] else { return }
        for host in tenant.record.hosts {
            self.hosts[host]?.removeAll { $0 === tenant }
            if self.hosts[host]?.isEmpty ?? false { self.hosts[host] = nil }
        }
        if self.defaultTenant === tenant { self.defaultTenant = nil }
    }

    /// Adds a key, or replaces the one with its identifier.
    package mutating func put(_ record: APIKeyRecord) {
        self.remove(key: record.id)
        let key = CompiledKey(
            record,
            plan: self.number(ofPlan: record.plan),
            scopes: self.shared(record.scopes),
            origins: self.shared(record.webOrigins)
        )
        self.keysByID[key.id] = key
        for fingerprint in key.fingerprints { self.keys[fingerprint] = key }
        // Of revoked ones too: their pages shall read why they are refused.
        self.origins[key.tenant, default: OriginCounts()].add(key.origins.rules)
    }

    /// Removes a key, if it is there.
    package mutating func remove(key id: APIKeyID) {
        guard let key = self.keysByID.removeValue(forKey: id) else { return }
        for fingerprint in key.fingerprints where self.keys[fingerprint] === key { self.keys[fingerprint] = nil }
        self.origins[key.tenant]?.remove(key.origins.rules)
    }

    /// Replaces all plans; keys of a plan that is not among them have the standard one.
    package mutating func setPlans(_ plans: [Plan]) {
        self.planRecords = Dictionary(plans.map { ($0.name, $0) }) { $1 }
        for plan in plans { _ = self.number(ofPlan: plan.name) }
        let standard = self.planRecords[.standard] ?? .standard
        var compiled = Array(
            repeating: CompiledPlan(standard, standard: standard, classes: self.classNames),
            count: self.planNumbers.count
        )
        for plan in plans {
            if let number = self.planNumbers[plan.name] {
                compiled[number] = CompiledPlan(plan, standard: standard, classes: self.classNames)
            }
        }
        self.plans = compiled
    }

    private mutating func number(ofPlan name: PolicyName) -> Int {
        if let number = self.planNumbers[name] { return number }
        let number = self.planNumbers.count
        self.planNumbers[name] = number
        if !self.plans.isEmpty { self.plans.append(self.plans[Self.standardPlan]) }
        return number
    }

    private mutating func shared(_ scopes: Set<Scope>) -> ScopeList {
        if let known = self.scopePool[scopes] { return known }
        if self.scopePool.count >= Self.poolCapacity { self.scopePool = [:] }
        let list = ScopeList(scopes)
        self.scopePool[scopes] = list
        return list
    }

    private mutating func shared(_ rules: [WebOriginRule]) -> OriginList {
        if let known = self.originPool[rules] { return known }
        if self.originPool.count >= Self.poolCapacity { self.originPool = [:] }
        let list = OriginList(rules)
        self.originPool[rules] = list
        return list
    }

    // MARK: Looking up

    /// The tenant served at `host` (lower case, without port) for a request target, or nil when none is served there.
    ///
    /// Where several share a host, the longest base path decides; a target under none of them belongs to the first.
    package func tenant(host: String, target: [UInt8]) -> Slug? {
        guard let tenants = self.hosts[host] else { return nil }
        return (tenants.first { isUnder($0.basePath, target) } ?? tenants.first)?.record.slug
    }

    /// Whether there is any tenant.
    package var hasTenants: Bool { !self.tenants.isEmpty }

    package func isServed(_ target: [UInt8], by tenant: Slug) -> Bool {
        self.tenants[tenant].map { !$0.basePath.isEmpty && isUnder($0.basePath, target) } ?? false
    }

    /// The tenant served on the edge's own host for a request target; nil unless the target is under its base path.
    package func defaultTenant(target: [UInt8]) -> Slug? {
        guard let tenant = self.defaultTenant, !tenant.basePath.isEmpty, isUnder(tenant.basePath, target) else {
            return nil
        }
        return tenant.record.slug
    }

    /// The base URL of each tenant's upstream that is no tunnel.
    package var upstreamURLs: [Slug: String] {
        self.tenants.compactMapValues { tenant in
            if case .url(let url) = tenant.record.upstream { url.address.base } else { nil }
        }
    }

    /// Whether some tenant's API is the local app of the tunnel session with this slug.
    package func usesTunnel(_ slug: Slug) -> Bool {
        self.tenants.values.contains { $0.record.upstream == .tunnel(slug) }
    }

    /// A tenant with its routes, as it was put here.
    package func tenantRecord(_ slug: Slug) -> Tenant? { self.tenants[slug]?.record }

    func compiled(_ slug: Slug) -> CompiledTenant? { self.tenants[slug] }

    func key(id: APIKeyID) -> CompiledKey? { self.keysByID[id] }

    /// The key one of whose secrets has this digest, and which one.
    func key(with digest: SecretDigest) -> (key: CompiledKey, secret: CompiledKey.Secret)? {
        guard let key = self.keys[KeyFingerprint(digest)], let secret = key.secret(with: digest) else { return nil }
        return (key, secret)
    }

    /// Whether some usable key of a tenant names `origin`.
    func knows(_ origin: WebOrigin, tenant: Slug) -> Bool { self.origins[tenant]?.contains(origin) ?? false }

    func limits(of key: CompiledKey, class limitClass: Int, isSafe: Bool) -> [CompiledLimit] {
        self.plans[key.plan].limits(of: limitClass, isSafe: isSafe)
    }
}

/// Whether the path of `target` is `base` or lies under it, byte for byte.
func isUnder(_ base: [UInt8], _ target: [UInt8]) -> Bool {
    guard target.starts(with: base) else { return false }
    guard target.count > base.count else { return true }
    return target[base.count] == UInt8(ascii: "/") || target[base.count] == UInt8(ascii: "?")
}
