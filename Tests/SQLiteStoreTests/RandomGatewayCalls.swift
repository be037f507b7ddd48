import DaypassTestSupport
import SessionModel
import SessionStore
import Testing

/// Makes the same random calls on two gateway stores and compares the answers; the same calls at every run of one seed.
struct RandomGatewayCalls {
    private typealias Call = @Sendable (any GatewayStore) async throws -> any Sendable

    private var generator: SeededGenerator
    private var samples: SampleGateway
    private var keys: [APIKeyRecord] = []
    private var sessions: [BrowserSessionID] = []
    private var signingKeys: [SigningKeyRecord] = []

    init(seed: UInt64) {
        self.generator = SeededGenerator(seed: seed)
        self.samples = SampleGateway(seed: seed)
    }

    /// What a call answered, in a form that can be compared.
    private static func outcome(_ call: () async throws -> Any) async -> String {
        do {
            return "\(try await call())"
        } catch let error as DaypassError {
            return "\(error)"
        } catch {
            return "\(type(of: error))"
        }
    }

    mutating func run(_ count: Int, on first: any GatewayStore, and second: any GatewayStore) async throws {
        for round in 0..<count {
            let call = self.draw()
            let answers = (await Self.outcome { try await call(first) }, await Self.outcome { try await call(second) })
            try #require(answers.0 == answers.1, "round \(round)")
            guard round.isMultiple(of: 40) || round == count - 1 else { continue }
            let contents = (try await self.contents(first), try await self.contents(second))
            try #require(contents.0 == contents.1, "round \(round)")
        }
    }

    /// A key as text that does not depend on the order of its sets.
    private static func text(_ key: APIKeyRecord) -> String {
        "\(key.json.text) \(key.digest) \(String(describing: key.retired))"
    }

    /// Everything a store holds.
    private func contents(_ store: any GatewayStore) async throws -> [String] {
        let all = UsageQuery(
            from: Timestamp(millisecondsSinceEpoch: 0),
            until: Timestamp(millisecondsSinceEpoch: .max)
        )
        var days = all
        days.interval = .day
        return [
            "\(try await store.tenants().map(\.json.text))", "\(try await store.plans())",
            "\(try await store.allKeys(after: nil, limit: 10_000).map(Self.text))",
            "\(try await store.keys(of: nil, after: nil, limit: 1000).map(Self.text))",
            "\(try await store.change { try $0.keyCount() })", "\(try await store.signingKeys())",
            "\(try await store.revokedSessions(now: all.from))",
            "\(try await store.counts(after: 0, limit: 10_000).counts.sorted { $0.limit < $1.limit })",
            "\(try await store.usage(all, limit: 10_000))", "\(try await store.usage(days, limit: 10_000))",
            "\(try await store.gatewayAuditEvents(of: nil, limit: 1000))",
        ]
    }

    private mutating func pick(_ range: Range<Int>) -> Int { Int.random(in: range, using: &self.generator) }

    private mutating func slug() -> Slug { SampleGateway.slug("tenant-\(self.pick(0..<6))") }

    private mutating func plan() -> PolicyName {
        let names = ["standard", "basic", "large"]
        return SampleGateway.name(names[self.pick(0..<3)])
    }

    private mutating func draw() -> Call {
        self.samples.now = self.samples.now + .milliseconds(self.pick(0..<900_000))
        switch self.pick(0..<100) {
        case 0..<15: return self.putTenants()
        case 15..<18:
            let slug = self.slug()
            return { store in try await store.change { try $0.deleteTenant(slug).count } }
        case 18..<24:
            let plan = self.samples.plan(self.plan().rawValue, maximum: self.pick(1..<4))
            return { store in
                try await store.change { transaction in
                    try transaction.put(plan)
                    return true
                }
            }
        case 24..<28:
            let name = self.plan()
            return { store in
                try await store.change { transaction in
                    try transaction.deletePlan(name)
                    return true
                }
            }
        case 28..<50: return self.putKey()
        case 50..<58: return self.page()
        case 58..<66: return self.putSessionOrSigningKey()
        case 66..<76: return self.writeCounts()
        case 76..<86: return self.addUsage()
        case 86..<94: return self.noteLastUse()
        default: return self.prune()
        }
    }

    private mutating func putTenants() -> Call {
        let tenants = (0..<self.pick(1..<3))
            .map { _ in
                let hosts = (0..<self.pick(0..<3)).map { _ in "host-\(self.pick(0..<5)).example" }
                var tenant = self.samples.tenant(
                    self.slug().rawValue,
                    hosts: Array(Set(hosts)).sorted(),
                    isDefault: self.pick(0..<4) == 0
                )
                if self.pick(0..<2) == 0 { tenant.basePath = "/v2" }
                return tenant
            }
        // Two of one slug in one call make no sense, and two places taken at once may be named in either order.
        guard Set(tenants.map(\.slug)).count == tenants.count else { return { _ in 0 } }
        let event = self.samples.event(.tenantChanged, of: tenants[0].slug)
        return { store in
            do {
                try await store.change { transaction in
                    try transaction.put(tenants)
                    try transaction.append(event)
                }
                return true
            } catch let error as DaypassError {
                return error.code
            }
        }
    }

    private mutating func putKey() -> Call {
        var key = self.samples.key(of: self.slug(), plan: self.plan())
        if let known = self.keys.randomElement(using: &self.generator), self.pick(0..<2) == 0 {
            switch self.pick(0..<4) {
            case 0: key.digest = known.digest
            case 1: key.id = known.id
            default:
                key = known
                key.retired = .init(digest: known.digest, lastFour: known.lastFour, worksUntil: self.samples.now)
                key.digest = SecretDigest(of: "\(self.samples.now)")
                key.revokedAt = self.pick(0..<3) == 0 ? self.samples.now : nil
            }
        }
        self.keys.append(key)
        let event = self.samples.event(.keyChanged, of: key.tenant, summary: key.id.text)
        return { [key] store in
            try await store.change { transaction in
                try transaction.put(key)
                try transaction.append(event)
                return true
            }
        }
    }

    private mutating func page() -> Call {
        let slug = self.pick(0..<2) == 0 ? self.slug() : nil
        let after = self.pick(0..<2) == 0 ? self.keys.randomElement(using: &self.generator)?.id : nil
        let limit = self.pick(-1..<9)
        return { store in
            let keys = try await store.keys(of: slug, after: after, limit: limit)
            return (keys + (try await store.allKeys(after: after, limit: limit))).map(Self.text)
        }
    }

    private mutating func putSessionOrSigningKey() -> Call {
        if self.pick(0..<2) == 0 {
            var key = self.samples.signingKey()
            if let known = self.signingKeys.randomElement(using: &self.generator), self.pick(0..<2) == 0 {
                key = known
                key.signsUntil = self.samples.now
            }
            self.signingKeys.append(key)
            return { [key] store in
                try await store.change { transaction in
                    try transaction.put(key)
                    return true
                }
            }
        }
        let id = self.sessions.randomElement(using: &self.generator) ?? self.samples.session()
        let session = RevokedSession(
            id: self.pick(0..<2) == 0 ? id : self.samples.session(),
            until: self.samples.now + .seconds(self.pick(0..<9000))
        )
        self.sessions.append(session.id)
        let now = self.samples.now
        return { store in
            try await store.change { transaction in
                try transaction.put(session)
                return (try transaction.revocation(of: id), try transaction.revocationCount(now: now))
            }
        }
    }

    private mutating func writeCounts() -> Call {
        let counts = (0..<self.pick(0..<5))
            .map { _ in
                StoredCount(
                    limit: UInt64(self.pick(0..<12)),
                    windowSeconds: 3600,
                    owner: 1,
                    session: 0,
                    address: 0,
                    window: self.samples.now.millisecondsSinceEpoch / 3_600_000 - Int64(self.pick(0..<3)),
                    count: self.pick(0..<100)
                )
            }
        return { store in try await store.write(counts: counts) }
    }

    private mutating func addUsage() -> Call {
        let usage = (0..<self.pick(0..<5))
            .map { _ in
                UsageCount(
                    start: UsageQuery.Interval.hour.start(of: self.samples.now),
                    tenant: self.slug(),
                    key: self.pick(0..<2) == 0 ? self.keys.randomElement(using: &self.generator)?.id : nil,
                    code: self.pick(0..<2) == 0 ? GatewayErrorCode.allCases.randomElement(using: &self.generator) : nil,
                    count: self.pick(0..<9)
                )
            }
        return { store in try await store.add(usage: usage) }
    }

    private mutating func noteLastUse() -> Call {
        let uses = (0..<3)
            .compactMap { _ in
                self.keys.randomElement(using: &self.generator)
                    .map { KeyUse(key: $0.id, at: self.samples.now + .seconds(self.pick(-500..<500))) }
            }
        return { store in try await store.noteLastUse(uses) }
    }

    private mutating func prune() -> Call {
        let now = self.samples.now
        let horizon = GatewayHorizon(
            now: now,
            hoursFrom: now + .seconds(-3600 * self.pick(1..<20)),
            daysFrom: now + .seconds(-86_400 * self.pick(1..<4)),
            signingKeysFrom: now + .seconds(-self.pick(0..<9000)),
            openEndedCounts: 5
        )
        return { store in try await store.prune(horizon) }
    }
}
