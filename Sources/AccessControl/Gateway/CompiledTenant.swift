import HashTreeCollections
import SessionModel

/// One limit of a plan, prepared for counting.
struct CompiledLimit: Sendable {
    let limit: Limit
    let number: UInt64

    init(_ limit: Limit) {
        self.limit = limit
        self.number = stableHash("\(limit.limitClass)|\(limit.per.rawValue)")
    }
}

/// A plan prepared for the hot path: its limits by class, for writes and for reads.
struct CompiledPlan: Sendable {
    private let limits: [[CompiledLimit]]

    /// `standard` holds where `plan` is silent.
    init(_ plan: Plan, standard: Plan, classes: [PolicyName]) {
        self.limits = classes.flatMap { name in
            [false, true].map { plan.limits(of: name, isSafe: $0, standard: standard).map { CompiledLimit($0) } }
        }
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

    init(_ record: Tenant, classes: [PolicyName: Int]) {
        self.record = record
        self.number = stableHash(record.slug.rawValue)
        self.basePath = Array(record.basePath.utf8)
        self.routes = RouteTable(record.routes)
        self.classes = record.routes.map { route in
            (classes[route.effectiveClass(for: .get)] ?? 0, classes[route.effectiveClass(for: .post)] ?? 1)
        }
    }
}

/// How many keys of a tenant name each web origin: whose pages may read the tenant's answers.
struct OriginCounts: Sendable {
    private var counts: TreeDictionary<WebOriginRule, Int> = [:]

    mutating func add(_ rules: [WebOriginRule]) {
        for rule in rules { self.counts[rule, default: 0] += 1 }
    }

    mutating func remove(_ rules: [WebOriginRule]) {
        for rule in rules {
            let left = self.counts[rule, default: 0] - 1
            self.counts[rule] = left > 0 ? left : nil
        }
    }

    func contains(_ origin: WebOrigin) -> Bool {
        self.counts[.exact(origin)] != nil || origin.parent.map { self.counts[.subdomains($0)] != nil } ?? false
    }
}
