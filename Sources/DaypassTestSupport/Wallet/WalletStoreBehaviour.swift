import SessionModel
package import SessionStore

/// What every `WalletStore` must do, one case per behaviour; the tests of each store run all of them, each on a new store.
package enum WalletStoreBehaviour: String, CaseIterable, Sendable {
    case keepsOrganizations
    case refusesToDeleteOrganizationsWithWallets
    case keepsTokens
    case keepsChains
    case keepsWallets
    case refusesTakenWallets
    case refusesToDeleteWalletsInUse
    case keepsSessionKeys
    case keepsSessions
    case listsActiveSessions
    case hidesWhatIsOfOthers
    case forgetsDelegationsOfRevokedSessions
    case prunesWhatEnded
    case changesThatThrowStoreNothing
    case concurrentChangesAllCount
    case chainsAuditRecords
    case pagesAuditRecords

    /// Checks the behaviour on `store`, which must be empty.
    ///
    /// Throws `ConformanceFailure`.
    package func check(_ store: any WalletStore) async throws {
        let suite = WalletStoreConformance(store: store)
        switch self {
        case .keepsOrganizations: try await suite.keepsOrganizations()
        case .refusesToDeleteOrganizationsWithWallets: try await suite.refusesToDeleteOrganizationsWithWallets()
        case .keepsTokens: try await suite.keepsTokens()
        case .keepsChains: try await suite.keepsChains()
        case .keepsWallets: try await suite.keepsWallets()
        case .refusesTakenWallets: try await suite.refusesTakenWallets()
        case .refusesToDeleteWalletsInUse: try await suite.refusesToDeleteWalletsInUse()
        case .keepsSessionKeys: try await suite.keepsSessionKeys()
        case .keepsSessions: try await suite.keepsSessions()
        case .listsActiveSessions: try await suite.listsActiveSessions()
        case .hidesWhatIsOfOthers: try await suite.hidesWhatIsOfOthers()
        case .forgetsDelegationsOfRevokedSessions: try await suite.forgetsDelegationsOfRevokedSessions()
        case .prunesWhatEnded: try await suite.prunesWhatEnded()
        case .changesThatThrowStoreNothing: try await suite.changesThatThrowStoreNothing()
        case .concurrentChangesAllCount: try await suite.concurrentChangesAllCount()
        case .chainsAuditRecords: try await suite.chainsAuditRecords()
        case .pagesAuditRecords: try await suite.pagesAuditRecords()
        }
    }
}

/// The checks, on one store.
struct WalletStoreConformance: StoreConformance {
    let store: any WalletStore

    /// An organization with a wallet, in the store.
    func prepare(_ samples: inout SampleWallets) async throws -> (Organization, WalletRecord) {
        let organization = samples.organization()
        let wallet = samples.wallet(of: organization.id)
        try await self.change { transaction in
            try transaction.put(organization)
            try transaction.insert(wallet)
        }
        return (organization, wallet)
    }

    func change(_ body: @escaping @Sendable (any WalletTransaction) throws -> Void) async throws {
        try await self.store.changeWallets(body)
    }

    /// Throws unless `body` is refused with `code`.
    func expect(
        _ code: WalletErrorCode,
        _ what: String,
        line: Int = #line,
        _ body: @escaping @Sendable (any WalletTransaction) throws -> Void
    ) async throws {
        try await self.expect("\(code)", what, line: line) {
            ($0 as? WalletError)?.code == code
        } of: {
            try await self.change(body)
        }
    }
}
