import SessionModel
package import SessionStore

/// What every `GatewayStore` must do, one case per behaviour; the tests of each store run all of them, each on a new store.
package enum GatewayStoreBehaviour: String, CaseIterable, Sendable {
    case keepsTenants
    case refusesTakenPlaces
    case swapsPlacesInOneCall
    case allowsOneDefault
    case deletesTenantsWithTheirKeys
    case keepsPlans
    case refusesToDeletePlansInUse
    case keepsKeys
    case refusesKeysThatReferToNothing
    case refusesTakenDigests
    case countsKeys
    case pagesKeysNewestFirst
    case readsAllKeysInPages
    case keepsSigningKeys
    case keepsRevocations
    case changesThatThrowStoreNothing
    case changesSeeWhatTheyWrote
    case concurrentChangesAllCount
    case onlyOneOfManyGetsAPlace
    case replacesCounts
    case readsCountsInPages
    case addsUsage
    case selectsUsage
    case boundsUsageAnswers
    case notesLastUse
    case prunesWhatIsOver
    case prunesTheSmallestOpenCounts
    case keepsAuditEventsOfTheGateway

    /// Checks the behaviour on `store`, which must be empty.
    ///
    /// Throws `ConformanceFailure`.
    package func check(_ store: any GatewayStore) async throws {
        let suite = GatewayStoreConformance(store: store)
        switch self {
        case .keepsTenants: try await suite.keepsTenants()
        case .refusesTakenPlaces: try await suite.refusesTakenPlaces()
        case .swapsPlacesInOneCall: try await suite.swapsPlacesInOneCall()
        case .allowsOneDefault: try await suite.allowsOneDefault()
        case .deletesTenantsWithTheirKeys: try await suite.deletesTenantsWithTheirKeys()
        case .keepsPlans: try await suite.keepsPlans()
        case .refusesToDeletePlansInUse: try await suite.refusesToDeletePlansInUse()
        case .keepsKeys: try await suite.keepsKeys()
        case .refusesKeysThatReferToNothing: try await suite.refusesKeysThatReferToNothing()
        case .refusesTakenDigests: try await suite.refusesTakenDigests()
        case .countsKeys: try await suite.countsKeys()
        case .pagesKeysNewestFirst: try await suite.pagesKeysNewestFirst()
        case .readsAllKeysInPages: try await suite.readsAllKeysInPages()
        case .keepsSigningKeys: try await suite.keepsSigningKeys()
        case .keepsRevocations: try await suite.keepsRevocations()
        case .changesThatThrowStoreNothing: try await suite.changesThatThrowStoreNothing()
        case .changesSeeWhatTheyWrote: try await suite.changesSeeWhatTheyWrote()
        case .concurrentChangesAllCount: try await suite.concurrentChangesAllCount()
        case .onlyOneOfManyGetsAPlace: try await suite.onlyOneOfManyGetsAPlace()
        case .replacesCounts: try await suite.replacesCounts()
        case .readsCountsInPages: try await suite.readsCountsInPages()
        case .addsUsage: try await suite.addsUsage()
        case .selectsUsage: try await suite.selectsUsage()
        case .boundsUsageAnswers: try await suite.boundsUsageAnswers()
        case .notesLastUse: try await suite.notesLastUse()
        case .prunesWhatIsOver: try await suite.prunesWhatIsOver()
        case .prunesTheSmallestOpenCounts: try await suite.prunesTheSmallestOpenCounts()
        case .keepsAuditEventsOfTheGateway: try await suite.keepsAuditEventsOfTheGateway()
        }
    }
}

/// The checks, on one store.
struct GatewayStoreConformance: StoreConformance {
    /// The store under test, empty at the start.
    let store: any GatewayStore

    /// Stores tenants.
    func put(_ tenants: Tenant...) async throws { try await self.store.change { try $0.put(tenants) } }

    /// Stores keys.
    func put(_ keys: [APIKeyRecord]) async throws {
        try await self.store.change { transaction in
            for key in keys { try transaction.put(key) }
        }
    }
}
