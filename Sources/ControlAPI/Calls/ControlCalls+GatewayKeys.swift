import SessionModel

// API keys, browser sessions and the keys that sign their tokens (spec: browser sessions, section 4).
extension ControlCalls {
    func listKeys(_ call: ControlCall) async throws -> ControlAnswer {
        let query = try call.query()
        let tenant = try ControlCall.tenant(query)
        let after = try ControlCall.keyID(.after, query)
        let limit = try call.limit(query)
        // One more than asked for says whether there is a next page.
        let records: [APIKeyRecord]
        do {
            records = try await self.gateway().management.keys(of: tenant, after: after, limit: limit + 1)
        } catch let error as DaypassError where error.code == .notFound && after != nil {
            // Deleted between two pages: where it stood among the others is not known any more.
            throw ControlCall.invalid(.after, "names a key that is not there any more; begin at the first page")
        }
        let page = records.prefix(limit)
        let next = records.count > limit ? page.last.map { JSONValue.string($0.id.text) } : nil
        return ControlAnswer(200, ["keys": .array(page.map(\.json)), "next": next ?? .null])
    }

    func createKey(_ call: ControlCall) async throws -> ControlAnswer {
        let request = try NewTenantKey(json: call.json())
        let created = try await self.gateway().management.createKey(request.key, tenant: request.tenant, by: call.actor)
        return ControlAnswer(201, GatewayAnswers.created(created))
    }

    func getKey(_ call: ControlCall) async throws -> ControlAnswer {
        ControlAnswer(200, try await self.gateway().management.key(call.keyParameter()).json)
    }

    func updateKey(_ call: ControlCall) async throws -> ControlAnswer {
        let id = try call.keyParameter()
        let update = try APIKeyUpdate(json: call.json())
        return ControlAnswer(200, try await self.gateway().management.updateKey(id, update, by: call.actor).json)
    }

    func rotateKey(_ call: ControlCall) async throws -> ControlAnswer {
        let id = try call.keyParameter()
        let request = try RotateRequest(json: call.json())
        let created = try await self.gateway().management.rotateKey(id, grace: request.grace, by: call.actor)
        return ControlAnswer(200, GatewayAnswers.created(created))
    }

    func revokeKey(_ call: ControlCall) async throws -> ControlAnswer {
        let id = try call.keyParameter()
        _ = try EmptyRequest(json: call.json())
        return ControlAnswer(200, try await self.gateway().management.revokeKey(id, by: call.actor).json)
    }

    func revokeKeySessions(_ call: ControlCall) async throws -> ControlAnswer {
        let id = try call.keyParameter()
        _ = try EmptyRequest(json: call.json())
        return ControlAnswer(200, try await self.gateway().management.revokeSessions(of: id, by: call.actor).json)
    }

    // MARK: Sessions and their signing keys

    func revokeBrowserSession(_ call: ControlCall) async throws -> ControlAnswer {
        guard let id = BrowserSessionID(call.parameters[.sid]) else {
            throw DaypassError(.notFound, "There is no such browser session.")
        }
        _ = try EmptyRequest(json: call.json())
        try await self.gateway().management.revokeSession(id, by: call.actor)
        return ControlAnswer(emptyWith: 204)
    }

    func listSigningKeys() async throws -> ControlAnswer {
        GatewayAnswers.signingKeys(try await self.gateway().management.signingKeys())
    }

    func rotateSigningKey(_ call: ControlCall) async throws -> ControlAnswer {
        _ = try EmptyRequest(json: call.json())
        return GatewayAnswers.signingKeys(try await self.gateway().management.rotateSigningKey(by: call.actor))
    }
}
