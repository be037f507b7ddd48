import SessionModel

// Tenants, routes, plans and declarations (spec: browser sessions, section 4).
extension ControlCalls {
    /// The API gateway.
    ///
    /// Throws `service_unavailable` when the server runs without one.
    func gateway() throws(DaypassError) -> GatewayDependencies {
        guard let gateway = self.dependencies.gateway else {
            throw DaypassError(.serviceUnavailable, "This server runs without the API gateway.")
        }
        return gateway
    }

    func listTenants() async throws -> ControlAnswer {
        let tenants = try await self.gateway().management.tenants()
        return ControlAnswer(200, ["tenants": .array(tenants.map(\.json))])
    }

    func createTenant(_ call: ControlCall) async throws -> ControlAnswer {
        let tenant = try Tenant(json: call.json())
        return ControlAnswer(
            201,
            try await self.gateway().management.put(tenant, onlyNew: true, by: call.actor).json
        )
    }

    func getTenant(_ call: ControlCall) async throws -> ControlAnswer {
        ControlAnswer(200, try await self.gateway().management.tenant(call.tenantParameter()).json)
    }

    func putTenant(_ call: ControlCall) async throws -> ControlAnswer {
        let slug = try call.tenantParameter()
        let tenant = try Tenant(json: call.json())
        guard tenant.slug == slug else { throw Self.differs("slug") }
        return ControlAnswer(
            200,
            try await self.gateway().management.put(tenant, onlyNew: false, by: call.actor).json
        )
    }

    func deleteTenant(_ call: ControlCall) async throws -> ControlAnswer {
        let slug = try call.tenantParameter()
        _ = try EmptyRequest(json: call.json())
        try await self.gateway().management.deleteTenant(slug, by: call.actor)
        return ControlAnswer(emptyWith: 204)
    }

    func setTenantStatus(_ call: ControlCall) async throws -> ControlAnswer {
        let slug = try call.tenantParameter()
        let request = try StatusRequest(json: call.json())
        let tenant = try await self.gateway().management.setStatus(request.status, of: slug, by: call.actor)
        return ControlAnswer(200, tenant.json)
    }

    // MARK: Routes

    func listRoutes(_ call: ControlCall) async throws -> ControlAnswer {
        Self.routes(of: try await self.gateway().management.tenant(call.tenantParameter()))
    }

    func putRoutes(_ call: ControlCall) async throws -> ControlAnswer {
        let slug = try call.tenantParameter()
        let request = try RoutesRequest(json: call.json(), of: slug)
        return Self.routes(of: try await self.gateway().management.setRoutes(request.routes, of: slug, by: call.actor))
    }

    private static func routes(of tenant: Tenant) -> ControlAnswer {
        ControlAnswer(200, ["routes": .array(tenant.routes.map(\.json))])
    }

    // MARK: Plans

    func listPlans() async throws -> ControlAnswer {
        let plans = try await self.gateway().management.plans()
        return ControlAnswer(200, ["plans": .array(plans.map(\.json))])
    }

    func putPlan(_ call: ControlCall) async throws -> ControlAnswer {
        let name = try call.planParameter()
        let plan = try Plan(json: call.json())
        guard plan.name == name else { throw Self.differs("name") }
        return ControlAnswer(200, try await self.gateway().management.put(plan, by: call.actor).json)
    }

    func deletePlan(_ call: ControlCall) async throws -> ControlAnswer {
        let name = try call.planParameter()
        _ = try EmptyRequest(json: call.json())
        try await self.gateway().management.deletePlan(name, by: call.actor)
        return ControlAnswer(emptyWith: 204)
    }

    // MARK: Declarations

    func applyDeclaration(_ call: ControlCall) async throws -> ControlAnswer {
        let request = try ApplyRequest(json: call.json())
        let changes = try await self.gateway().management
            .apply(
                request.declaration,
                isDryRun: request.isDryRun,
                by: call.actor
            )
        return ControlAnswer(200, ["changes": .array(changes.map(GatewayAnswers.change))])
    }

    private static func differs(_ field: String) -> DaypassError {
        DaypassError(.validationError, details: [.init(path: field, message: "must be the one in the path")])
    }
}

extension ControlCall {
    /// The tenant the path names; throws `not_found` when it can be none's name.
    func tenantParameter() throws(DaypassError) -> Slug {
        guard let slug = Slug(self.parameters[.slug]) else { throw DaypassError(.notFound, "There is no such tenant.") }
        return slug
    }

    /// The plan the path names; throws `not_found` when it can be none's name.
    func planParameter() throws(DaypassError) -> PolicyName {
        guard let name = PolicyName(self.parameters[.name]) else {
            throw DaypassError(.notFound, "There is no such plan.")
        }
        return name
    }

    /// The key the path names; throws `not_found` when it can be none's identifier.
    func keyParameter() throws(DaypassError) -> APIKeyID {
        guard let id = APIKeyID(self.parameters[.keyId]) else { throw DaypassError(.notFound, "There is no such key.") }
        return id
    }
}
