import SessionModel

/// A transaction of `InMemoryGatewayStore`: a copy of its state.
final class InMemoryGatewayTransaction: GatewayTransaction {
    /// What the store will hold.
    private(set) var state: InMemoryGatewayStore.State

    init(_ state: InMemoryGatewayStore.State) { self.state = state }

    func tenant(_ slug: Slug) -> Tenant? { self.state.tenants[slug] }

    func tenantCount() -> Int { self.state.tenants.count }

    func put(_ tenants: [Tenant]) throws {
        for tenant in tenants { self.state.tenants[tenant.slug] = tenant }
        for tenant in tenants {
            for other in self.state.tenants.values where other.slug != tenant.slug {
                if tenant.isDefault, other.isDefault { throw GatewayRefusals.defaultTaken(by: other.slug) }
                guard other.basePath == tenant.basePath else { continue }
                if let host = tenant.hosts.first(where: { other.hosts.contains($0) }) {
                    throw GatewayRefusals.placeTaken(host: host, basePath: tenant.basePath, by: other.slug)
                }
            }
        }
    }

    func deleteTenant(_ slug: Slug) throws -> [APIKeyID] {
        guard self.state.tenants.removeValue(forKey: slug) != nil else { throw GatewayRefusals.unknownTenant(slug) }
        let keys = self.state.keys.values.filter { $0.tenant == slug }.map(\.id).sorted { $0.number < $1.number }
        for key in keys { self.state.keys[key] = nil }
        return keys
    }

    func plan(_ name: PolicyName) -> Plan? { self.state.plans[name] }

    func plans() -> [Plan] { self.state.plans.values.sorted { $0.name < $1.name } }

    func put(_ plan: Plan) { self.state.plans[plan.name] = plan }

    func deletePlan(_ name: PolicyName) throws {
        guard self.state.plans[name] != nil else { throw GatewayRefusals.missingPlan(name) }
        let users = self.state.keys.values.count { $0.plan == name }
        guard users == 0 || name == .standard else { throw GatewayRefusals.planInUse(name, keys: users) }
        self.state.plans[name] = nil
    }

    func key(_ id: APIKeyID) -> APIKeyRecord? { self.state.keys[id] }

    func keyCount() -> Int { self.state.keys.count }

    func put(_ key: APIKeyRecord) throws {
        guard self.state.tenants[key.tenant] != nil else { throw GatewayRefusals.unknownTenant(key.tenant) }
        guard key.plan == .standard || self.state.plans[key.plan] != nil else {
            throw GatewayRefusals.unknownPlan(key.plan)
        }
        let isTaken = self.state.keys.values.contains { other in
            other.id != key.id
                && (other.digest == key.digest
                    || (other.retired != nil && other.retired?.digest == key.retired?.digest))
        }
        guard !isTaken else { throw DaypassError(.conflict) }
        self.state.keys[key.id] = key
    }

    func signingKeys() -> [SigningKeyRecord] {
        self.state.signingKeys.values.sorted { ($0.signsFrom, $0.id) < ($1.signsFrom, $1.id) }
    }

    func put(_ key: SigningKeyRecord) { self.state.signingKeys[key.id] = key }

    func revocation(of session: BrowserSessionID) -> Timestamp? { self.state.revoked[session] }

    func revocationCount(now: Timestamp) -> Int { self.state.revoked.values.count { now < $0 } }

    func put(_ session: RevokedSession) { self.state.revoked[session.id] = session.until }

    func append(_ event: AuditEvent) { self.state.events.append(event) }
}
