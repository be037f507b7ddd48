import SessionModel
import SessionStore

extension GatewayStoreConformance {
    func keepsTenants() async throws {
        var samples = SampleGateway()
        let first = samples.tenant("acme", hosts: ["api.acme.example", "api2.acme.example"])
        var second = samples.tenant("bolt", isDefault: true)
        second.status = .pastDue
        second.basePath = ""
        second.modules = []
        second.routes = []
        try await self.put(second, first)
        try self.expect(try await self.store.tenants(), [first, second], "all, by slug")
        try self.expect(try await self.store.tenant(first.slug), first, "one")
        try self.expect(try await self.store.tenant(SampleGateway.slug("other")), nil, "none")
        var changed = first
        changed.hosts = ["api2.acme.example"]
        changed.routes.removeLast()
        try await self.put(changed)
        try self.expect(try await self.store.tenants(), [changed, second], "after a change")
    }

    func refusesTakenPlaces() async throws {
        var samples = SampleGateway()
        let first = samples.tenant("acme", hosts: ["a.example", "b.example"])
        try await self.put(first)
        let same = samples.tenant("bolt", hosts: ["c.example", "b.example"])
        try await self.expect(.conflict, "a host with the same base path") { try await self.put(same) }
        try self.expect(try await self.store.tenants(), [first], "tenants")
        var other = same
        other.basePath = "/v2"
        try await self.put(other)
        // A tenant may keep its own places, and frees them by giving them up.
        try await self.put(first)
        var smaller = first
        smaller.hosts = ["a.example"]
        try await self.put(smaller)
        try await self.put(same)
        try self.expect(try await self.store.tenants(), [smaller, same], "tenants at the end")
    }

    func swapsPlacesInOneCall() async throws {
        var samples = SampleGateway()
        var first = samples.tenant("acme", hosts: ["a.example"], isDefault: true)
        var second = samples.tenant("bolt", hosts: ["b.example"])
        try await self.put(first, second)
        swap(&first.hosts, &second.hosts)
        swap(&first.isDefault, &second.isDefault)
        try await self.put(first, second)
        try self.expect(try await self.store.tenants(), [first, second], "tenants")
        let third = samples.tenant("crisp", hosts: ["c.example"])
        let fourth = samples.tenant("dune", hosts: ["c.example"])
        try await self.expect(.conflict, "two of one call at one place") { try await self.put(third, fourth) }
        try self.expect(try await self.store.tenants(), [first, second], "tenants at the end")
    }

    func allowsOneDefault() async throws {
        var samples = SampleGateway()
        let first = samples.tenant("acme", isDefault: true)
        try await self.put(first)
        try await self.put(first)
        let second = samples.tenant("bolt", isDefault: true)
        try await self.expect(.conflict, "a second default") { try await self.put(second) }
        var plain = first
        plain.isDefault = false
        try await self.put(plain)
        try await self.put(second)
        try self.expect(try await self.store.tenants(), [plain, second], "tenants")
    }

    func deletesTenantsWithTheirKeys() async throws {
        var samples = SampleGateway()
        let first = samples.tenant("acme", hosts: ["a.example"], isDefault: true)
        let second = samples.tenant("bolt")
        try await self.put(first, second)
        let keys = [samples.key(of: first.slug), samples.key(of: first.slug), samples.key(of: second.slug)]
        try await self.put(keys)
        let removed = try await self.store.change { try $0.deleteTenant(first.slug) }
        try self.expect(Set(removed), [keys[0].id, keys[1].id], "removed keys")
        try self.expect(try await self.store.tenants(), [second], "tenants")
        try self.expect(try await self.store.allKeys(after: nil, limit: 9), [keys[2]], "keys")
        try self.expect(try await self.store.change { try $0.keyCount() }, 1, "count of keys")
        try await self.expect(.notFound, "a second time") {
            _ = try await self.store.change { try $0.deleteTenant(first.slug) }
        }
        // Its places are free again.
        try await self.put(samples.tenant("crisp", hosts: ["a.example"], isDefault: true))
    }

    func keepsPlans() async throws {
        let samples = SampleGateway()
        let (basic, other) = (samples.plan("basic"), samples.plan("aaa"))
        try await self.store.change { transaction in
            try transaction.put(basic)
            try transaction.put(other)
        }
        try self.expect(try await self.store.plans(), [other, basic], "all, by name")
        let changed = samples.plan("basic", maximum: 7)
        try await self.store.change { try $0.put(changed) }
        try self.expect(try await self.store.plans(), [other, changed], "after a change")
        try self.expect(try await self.store.change { try $0.plan(basic.name) }, changed, "one")
        try self.expect(try await self.store.change { try $0.plan(.standard) }, nil, "the built-in one")
    }

    func refusesToDeletePlansInUse() async throws {
        var samples = SampleGateway()
        let tenant = samples.tenant("acme")
        let (basic, standard) = (samples.plan("basic"), samples.plan("standard"))
        try await self.put(tenant)
        try await self.store.change { transaction in
            try transaction.put(basic)
            try transaction.put(standard)
        }
        var key = samples.key(of: tenant.slug, plan: basic.name)
        try await self.put([key, samples.key(of: tenant.slug)])
        try await self.expect(.conflict, "a plan in use") {
            try await self.store.change { try $0.deletePlan(basic.name) }
        }
        try await self.store.change { try $0.deletePlan(.standard) }
        key.plan = .standard
        try await self.put([key])
        try await self.store.change { try $0.deletePlan(basic.name) }
        try self.expect(try await self.store.plans(), [], "plans")
        try await self.expect(.notFound, "a second time") {
            try await self.store.change { try $0.deletePlan(basic.name) }
        }
    }

    func changesThatThrowStoreNothing() async throws {
        struct Refusal: Error {}
        var samples = SampleGateway()
        let tenant = samples.tenant("acme", hosts: ["a.example"])
        try await self.put(tenant)
        let key = samples.key(of: tenant.slug)
        try await self.put([key])
        let another = samples.tenant("bolt", hosts: ["b.example"])
        let keyOfAnother = samples.key(of: another.slug)
        let signingKey = samples.signingKey()
        let session = RevokedSession(id: samples.session(), until: samples.now + .seconds(9))
        do {
            try await self.store.change { [samples] transaction in
                try transaction.put([another])
                try transaction.put(keyOfAnother)
                try transaction.put(samples.plan("basic"))
                try transaction.put(signingKey)
                try transaction.put(session)
                try transaction.append(samples.event(.tenantCreated, of: another.slug))
                _ = try transaction.deleteTenant(tenant.slug)
                throw Refusal()
            }
            throw ConformanceFailure(description: "the error of a change was swallowed")
        } catch is Refusal {}
        try self.expect(try await self.store.tenants(), [tenant], "tenants")
        try self.expect(try await self.store.plans(), [], "plans")
        try self.expect(try await self.store.allKeys(after: nil, limit: 9), [key], "keys")
        try self.expect(try await self.store.change { try $0.keyCount() }, 1, "count of keys")
        try self.expect(try await self.store.signingKeys(), [], "signing keys")
        try self.expect(try await self.store.revokedSessions(now: samples.now), [], "revocations")
        try self.expect(try await self.store.gatewayAuditEvents(of: nil, limit: 9), [], "events")
        try await self.put(another)
    }

    func changesSeeWhatTheyWrote() async throws {
        var samples = SampleGateway()
        let tenant = samples.tenant("acme")
        let key = samples.key(of: tenant.slug, plan: SampleGateway.name("basic"))
        let seen = try await self.store.change { [samples] transaction in
            try transaction.put([tenant])
            try transaction.put(samples.plan("basic"))
            try transaction.put(key)
            let plans = try transaction.plans().map(\.name.rawValue)
            return (
                try transaction.tenant(tenant.slug), try transaction.tenantCount(), try transaction.key(key.id),
                try transaction.keyCount(), plans
            )
        }
        try self.expect(seen.0, tenant, "tenant")
        try self.expect(seen.1, 1, "count of tenants")
        try self.expect(seen.2, key, "key")
        try self.expect(seen.3, 1, "count of keys")
        try self.expect(seen.4, ["basic"], "plans")
    }

    func concurrentChangesAllCount() async throws {
        var samples = SampleGateway()
        let tenant = samples.tenant("acme")
        try await self.put(tenant)
        let name = SampleGateway.name("basic")
        try await self.store.change { try $0.put(Plan(name: name, limits: [Limit(.reads, maximum: 1, per: .key)])) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<40 {
                group.addTask { [samples] in
                    try await self.store.change { transaction in
                        guard var plan = try transaction.plan(name) else { throw DaypassError(.notFound) }
                        plan.limits[0].maximum += 1
                        try transaction.put(plan)
                        try transaction.append(samples.event(.planChanged))
                    }
                }
            }
            try await group.waitForAll()
        }
        try self.expect(try await self.store.plans().first?.limits.first?.maximum, 41, "the sum of all changes")
        try self.expect(try await self.store.gatewayAuditEvents(of: nil, limit: 99).count, 40, "events")
    }

    func onlyOneOfManyGetsAPlace() async throws {
        var samples = SampleGateway()
        let tenants = (0..<20).map { samples.tenant("tenant-\($0)", hosts: ["a.example"], isDefault: true) }
        let winners = try await withThrowingTaskGroup(of: Int.self) { group in
            for tenant in tenants {
                group.addTask {
                    do {
                        try await self.put(tenant)
                        return 1
                    } catch let error as DaypassError where error.code == .conflict {
                        return 0
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        try self.expect(winners, 1, "accepted tenants")
        try self.expect(try await self.store.tenants().count, 1, "kept tenants")
    }
}
