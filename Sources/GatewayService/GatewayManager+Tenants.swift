package import SessionModel
import SessionStore

extension GatewayManager {
    package func tenants() async throws -> [Tenant] { try await self.store.tenants() }

    package func tenant(_ slug: Slug) async throws -> Tenant {
        guard let tenant = try await self.store.tenant(slug) else { throw GatewayRefusals.unknownTenant(slug) }
        return tenant
    }

    package func put(_ tenant: Tenant, onlyNew: Bool, by actor: Actor) async throws -> Tenant {
        try await self.changes.withLock {
            let edit = GatewayEdit(by: actor, at: self.clock(), limits: self.configuration)
            try await self.store.change { transaction in
                if onlyNew, try transaction.tenant(tenant.slug) != nil {
                    throw DaypassError(.conflict, "There is a tenant \(tenant.slug) already.")
                }
                _ = try edit.put([tenant], transaction)
            }
            self.gate.put(tenant)
            return tenant
        }
    }

    package func setStatus(_ status: TenantStatus, of slug: Slug, by actor: Actor) async throws -> Tenant {
        try await self.change(slug, by: actor) { $0.status = status }
    }

    package func setRoutes(_ routes: [APIRoute], of slug: Slug, by actor: Actor) async throws -> Tenant {
        try await self.change(slug, by: actor) { $0.routes = routes }
    }

    private func change(
        _ slug: Slug,
        by actor: Actor,
        _ change: @escaping @Sendable (inout Tenant) -> Void
    ) async throws -> Tenant {
        try await self.changes.withLock {
            let edit = GatewayEdit(by: actor, at: self.clock(), limits: self.configuration)
            let tenant = try await self.store.change { transaction in
                guard var tenant = try transaction.tenant(slug) else { throw GatewayRefusals.unknownTenant(slug) }
                change(&tenant)
                _ = try edit.put([tenant], transaction)
                return tenant
            }
            self.gate.put(tenant)
            return tenant
        }
    }

    package func deleteTenant(_ slug: Slug, by actor: Actor) async throws {
        try await self.changes.withLock {
            let edit = GatewayEdit(by: actor, at: self.clock(), limits: self.configuration)
            let keys = try await self.store.change { transaction in
                let keys = try transaction.deleteTenant(slug)
                let summary = "\(slug), with \(keys.count == 1 ? "1 key" : "\(keys.count) keys")"
                try transaction.append(edit.event(.tenantDeleted, of: slug, summary))
                return keys
            }
            self.gate.remove(tenant: slug, keys: keys)
        }
    }

    package func plans() async throws -> [Plan] { try await self.store.plans().withStandard }

    package func put(_ plan: Plan, by actor: Actor) async throws -> Plan {
        try await self.changes.withLock {
            let edit = GatewayEdit(by: actor, at: self.clock(), limits: self.configuration)
            let plans = try await self.store.change { transaction in
                _ = try edit.put([plan], transaction)
                return try transaction.plans()
            }
            self.gate.setPlans(plans.withStandard)
            return plan
        }
    }

    package func deletePlan(_ name: PolicyName, by actor: Actor) async throws {
        try await self.changes.withLock {
            let edit = GatewayEdit(by: actor, at: self.clock(), limits: self.configuration)
            let plans = try await self.store.change { transaction in
                try transaction.deletePlan(name)
                try transaction.append(edit.event(.planDeleted, of: nil, name.rawValue))
                return try transaction.plans()
            }
            self.gate.setPlans(plans.withStandard)
        }
    }

    package func apply(
        _ declaration: GatewayDeclaration,
        isDryRun: Bool,
        by actor: Actor
    ) async throws -> [GatewayChangeLine] {
        try await self.changes.withLock {
            let edit = GatewayEdit(by: actor, at: self.clock(), limits: self.configuration)
            do {
                let (lines, plans) = try await self.store.change { transaction in
                    let lines =
                        try edit.put(declaration.plans, transaction) + edit.put(declaration.tenants, transaction)
                    // A dry run is the real one, taken back: so it finds every refusal too.
                    if isDryRun { throw DryRun(lines: lines) }
                    return (lines, try transaction.plans())
                }
                self.gate.setPlans(plans.withStandard)
                for tenant in declaration.tenants { self.gate.put(tenant) }
                return lines
            } catch let run as DryRun {
                return run.lines
            }
        }
    }
}

/// Carries the answer of a dry run out of the transaction that it rolls back.
private struct DryRun: Error {
    var lines: [GatewayChangeLine]
}

/// Writes tenants and plans with their events, inside a transaction.
struct GatewayEdit: Sendable {
    /// Who.
    var actor: Actor
    /// When.
    var now: Timestamp
    /// How many of each there may be.
    var limits: GatewayServiceConfiguration

    init(by actor: Actor, at now: Timestamp, limits: GatewayServiceConfiguration) {
        self.actor = actor
        self.now = now
        self.limits = limits
    }

    /// An event of this edit; long summaries are cut at 1 KiB.
    func event(_ action: AuditEvent.Action, of tenant: Slug?, _ summary: String) -> AuditEvent {
        var text = summary
        while text.utf8.count > 1024 { text.removeLast() }
        return AuditEvent(
            sessionID: nil,
            tenant: tenant,
            at: self.now,
            actor: self.actor,
            action: action,
            summary: text
        )
    }

    /// Writes the tenants that differ from what is stored; says what changes.
    func put(_ tenants: [Tenant], _ transaction: any GatewayTransaction) throws -> [GatewayChangeLine] {
        var changed: [Tenant] = []
        var events: [AuditEvent] = []
        let lines = try tenants.map { tenant in
            let line = GatewayChangeLine(
                "tenant \(tenant.slug)",
                from: try transaction.tenant(tenant.slug)?.json,
                to: tenant.json
            )
            if line.kind != .unchanged {
                changed.append(tenant)
                let action: AuditEvent.Action = line.kind == .added ? .tenantCreated : .tenantChanged
                events.append(self.event(action, of: tenant.slug, line.summary))
            }
            return line
        }
        guard !changed.isEmpty else { return lines }
        try transaction.put(changed)
        if lines.contains(where: { $0.kind == .added }), try transaction.tenantCount() > self.limits.maxTenants {
            throw DaypassError(.conflict, "There are \(self.limits.maxTenants) tenants, which is the limit.")
        }
        for event in events { try transaction.append(event) }
        return lines
    }

    /// Writes the plans that differ from what is stored; says what changes.
    func put(_ plans: [Plan], _ transaction: any GatewayTransaction) throws -> [GatewayChangeLine] {
        let lines = try plans.map { plan in
            let builtIn = plan.name == .standard ? Plan.standard : nil
            let line = GatewayChangeLine(
                "plan \(plan.name)",
                from: (try transaction.plan(plan.name) ?? builtIn)?.json,
                to: plan.json
            )
            if line.kind != .unchanged {
                try transaction.put(plan)
                try transaction.append(self.event(.planChanged, of: nil, line.summary))
            }
            return line
        }
        if lines.contains(where: { $0.kind == .added }),
            try transaction.plans().withStandard.count > GatewayManager.maximumPlans
        {
            throw DaypassError(.conflict, "There are \(GatewayManager.maximumPlans) plans, which is the limit.")
        }
        return lines
    }
}

extension GatewayChangeLine {
    /// Compares two objects of the admin API member by member.
    fileprivate init(_ subject: String, from old: JSONValue?, to new: JSONValue) {
        guard let old else {
            self.init(kind: .added, subject: subject)
            return
        }
        guard case .object(let members) = new, old != new else {
            self.init(kind: .unchanged, subject: subject)
            return
        }
        let fields = members.filter { old[$0.name] != $0.value }.map(\.name)
        self.init(kind: .changed, subject: subject, fields: fields)
    }

    /// What the audit trail says.
    fileprivate var summary: String {
        self.fields.isEmpty ? "\(self.subject) \(self.kind.rawValue)" : self.fields.joined(separator: ", ")
    }
}
