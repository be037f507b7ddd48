import SessionModel

// The admin's calls about organizations, their tokens and wallets, and chains (spec: wallet sessions, section 1).
extension ControlCalls {
    /// What calls about wallets are refused with where a server runs without them.
    static let withoutWallets = DaypassError(.serviceUnavailable, "This server runs without wallet sessions.")

    /// Wallet sessions.
    ///
    /// Throws `service_unavailable` when the server runs without them.
    func wallets() throws(DaypassError) -> any WalletManagement {
        guard let wallets = self.dependencies.wallets else { throw Self.withoutWallets }
        return wallets
    }

    // MARK: Organizations

    func listOrganizations() async throws -> ControlAnswer {
        let organizations = try await self.wallets().organizations()
        return ControlAnswer(200, ["organizations": .array(organizations.map(\.json))])
    }

    func createOrganization(_ call: ControlCall) async throws -> ControlAnswer {
        let request = try NewOrganization(json: call.json())
        return ControlAnswer(201, try await self.wallets().createOrganization(request, by: call.actor).json)
    }

    func getOrganization(_ call: ControlCall) async throws -> ControlAnswer {
        ControlAnswer(200, try await self.wallets().organization(call.organization()).json)
    }

    func updateOrganization(_ call: ControlCall) async throws -> ControlAnswer {
        let id = try call.organization()
        let update = try OrganizationUpdate(json: call.json())
        return ControlAnswer(200, try await self.wallets().updateOrganization(id, update, by: call.actor).json)
    }

    func deleteOrganization(_ call: ControlCall) async throws -> ControlAnswer {
        let id = try call.organization()
        _ = try EmptyRequest(json: call.json())
        try await self.wallets().deleteOrganization(id, by: call.actor)
        return ControlAnswer(emptyWith: 204)
    }

    // MARK: Tokens

    func listOrganizationTokens(_ call: ControlCall) async throws -> ControlAnswer {
        let tokens = try await self.wallets().tokens(of: call.organization())
        return ControlAnswer(200, ["tokens": .array(tokens.map(\.json))])
    }

    func createOrganizationToken(_ call: ControlCall) async throws -> ControlAnswer {
        let id = try call.organization()
        let request = try NewOrganizationToken(json: call.json())
        return ControlAnswer(201, try await self.wallets().createToken(request, of: id, by: call.actor).json)
    }

    func revokeOrganizationToken(_ call: ControlCall) async throws -> ControlAnswer {
        let organization = try call.organization()
        guard let id = OrganizationTokenID(call.parameters[.tokenId]) else { throw WalletError(.notFound) }
        _ = try EmptyRequest(json: call.json())
        return ControlAnswer(200, try await self.wallets().revokeToken(id, of: organization, by: call.actor).json)
    }

    // MARK: Wallets and session keys

    func listWallets(_ call: ControlCall) async throws -> ControlAnswer {
        let id = try call.organization()
        let (limit, offset) = try call.page()
        return ControlAnswer(200, try await self.wallets().wallets(of: id, limit: limit, offset: offset).json(\.json))
    }

    func registerWallet(_ call: ControlCall) async throws -> ControlAnswer {
        let id = try call.organization()
        let request = try NewWallet(json: call.json())
        return ControlAnswer(201, try await self.wallets().registerWallet(request, of: id, by: call.actor).json)
    }

    func getWallet(_ call: ControlCall) async throws -> ControlAnswer {
        let organization = try call.organization()
        return ControlAnswer(200, try await self.wallets().wallet(call.wallet(), of: organization).json)
    }

    func deleteWallet(_ call: ControlCall) async throws -> ControlAnswer {
        let (organization, id) = (try call.organization(), try call.wallet())
        _ = try EmptyRequest(json: call.json())
        try await self.wallets().deleteWallet(id, of: organization, by: call.actor)
        return ControlAnswer(emptyWith: 204)
    }

    func listSessionKeys(_ call: ControlCall) async throws -> ControlAnswer {
        let id = try call.organization()
        let (limit, offset) = try call.page()
        let page = try await self.wallets().sessionKeys(of: id, limit: limit, offset: offset)
        return ControlAnswer(200, page.json(\.json))
    }

    // MARK: Chains

    func listChains() async throws -> ControlAnswer {
        ControlAnswer(200, ["chains": .array(try await self.wallets().chains().map(\.json))])
    }

    func putChain(_ call: ControlCall) async throws -> ControlAnswer {
        let chain = try WalletChain(id: call.chain(), json: call.json())
        return ControlAnswer(200, try await self.wallets().put(chain, by: call.actor).json)
    }

    func deleteChain(_ call: ControlCall) async throws -> ControlAnswer {
        let id = try call.chain()
        _ = try EmptyRequest(json: call.json())
        try await self.wallets().deleteChain(id, by: call.actor)
        return ControlAnswer(emptyWith: 204)
    }

    // MARK: Audit

    func listWalletEvents(_ call: ControlCall) async throws -> ControlAnswer {
        let ledger = try call.ledger()
        let query = try call.query()
        let before = try ControlCall.integer(.before, query, in: 1...Int.max)
        let records = try await self.wallets().audit(of: ledger, before: before, limit: call.limit(query))
        return ControlAnswer(200, ["records": .array(records.map(\.json))])
    }

    func verifyWalletEvents(_ call: ControlCall) async throws -> ControlAnswer {
        ControlAnswer(200, try await self.wallets().verifyAudit(of: call.ledger()).json)
    }
}

extension ControlCall {
    /// The organization the path names; throws `not_found` when it can be none's identifier.
    func organization() throws(WalletError) -> OrganizationID {
        guard let id = OrganizationID(self.parameters[.orgId]) else { throw WalletError(.notFound) }
        return id
    }

    /// The wallet the path names; throws `not_found` when it can be none's identifier.
    func wallet() throws(WalletError) -> WalletID {
        guard let id = WalletID(self.parameters[.walletId]) else { throw WalletError(.notFound) }
        return id
    }

    /// The chain the path names, in decimal without leading zeros; throws `not_found` when there can be no such chain.
    func chain() throws(WalletError) -> Int {
        let text = self.parameters[.chainId]
        guard let id = Int(text), WalletChain.ids.contains(id), String(id) == text else {
            throw WalletError(.notFound, "There is no such chain.")
        }
        return id
    }

    /// Whose audit records the path names; throws `not_found` when it can be nobody.
    func ledger() throws(WalletError) -> WalletLedger {
        guard let ledger = WalletLedger(self.parameters[.ledger]) else { throw WalletError(.notFound) }
        return ledger
    }

    /// The page that is asked for; throws `validation_error`.
    func page() throws(DaypassError) -> (limit: Int, offset: Int) {
        let query = try self.query()
        return (try self.limit(query), try Self.integer(.offset, query, in: WalletBounds.pageOffset) ?? 0)
    }

    /// A parameter that is a whole number in decimal digits; nil when absent.
    ///
    /// Throws `validation_error`.
    static func integer(
        _ parameter: ControlOperation.QueryParameter,
        _ query: [ControlOperation.QueryParameter: String],
        in range: ClosedRange<Int>
    ) throws(DaypassError) -> Int? {
        guard let text = query[parameter] else { return nil }
        guard text.utf8.count <= 19, text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(text),
            range.contains(number)
        else {
            let end = range.upperBound == Int.max ? "up" : "to \(range.upperBound)"
            throw Self.invalid(parameter, "must be an integer from \(range.lowerBound) \(end)")
        }
        return number
    }
}
