import SessionModel

// Wallet sessions: organizations' own calls, and the admin's that look at the same things (spec: wallet sessions,
// section 1). The gate has seen to it that an organization's token calls for that organization only.
extension ControlCalls {
    func createWalletSessions(_ call: ControlCall) async throws -> ControlAnswer {
        let organization = try call.organization()
        let request = try NewWalletSession(json: call.json())
        let created = try await self.wallets().createSessions(request, of: organization, by: call.actor)
        return ControlAnswer(200, created.json)
    }

    func listWalletSessions(_ call: ControlCall) async throws -> ControlAnswer {
        let organization = try call.organization()
        let (limit, offset) = try call.page()
        let page = try await self.wallets().sessions(of: organization, wallet: nil, limit: limit, offset: offset)
        return ControlAnswer(200, page.json(\.json))
    }

    func showWalletSession(_ call: ControlCall) async throws -> ControlAnswer {
        let session = try await self.wallets().session(call.walletSession(), of: call.organization())
        return ControlAnswer(200, session.detailedJSON(now: self.dependencies.clock()))
    }

    func revokeWalletSession(_ call: ControlCall) async throws -> ControlAnswer {
        let (organization, id) = (try call.organization(), try call.walletSession())
        _ = try EmptyRequest(json: call.json())
        let session = try await self.wallets().revokeSession(id, of: organization, by: call.actor)
        return ControlAnswer(200, session.revocationJSON)
    }

    func readDelegation(_ call: ControlCall) async throws -> ControlAnswer {
        let (organization, id) = (try call.organization(), try call.walletSession())
        let serialized = try await self.wallets().delegation(of: id, in: organization, by: call.actor)
        return ControlAnswer(200, ["id": .string(id.text), "serialized": .string(serialized)])
    }

    func createSessionKey(_ call: ControlCall) async throws -> ControlAnswer {
        let organization = try call.organization()
        _ = try EmptyRequest(json: call.json())
        return ControlAnswer(200, try await self.wallets().createSessionKey(of: organization, by: call.actor).json)
    }
}

extension ControlCall {
    /// The wallet session the path names; throws `not_found` when it can be none's identifier.
    fileprivate func walletSession() throws(WalletError) -> WalletSessionID {
        guard let id = WalletSessionID(self.parameters[.id]) else { throw WalletError(.notFound) }
        return id
    }
}
