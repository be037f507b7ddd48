import EthereumPrimitives
package import SessionModel
import SessionStore
import WalletPolicy

extension WalletManager {
    package func wallets(
        of organization: OrganizationID,
        limit: Int,
        offset: Int
    ) async throws -> WalletPage<WalletRecord> {
        _ = try await self.organization(organization)
        return try await Self.page(limit, offset) { limit, offset in
            try await self.store.wallets(of: organization, limit: limit, offset: offset)
        }
    }

    package func wallet(_ id: WalletID, of organization: OrganizationID) async throws -> WalletRecord {
        guard let wallet = try await self.store.wallet(id, of: organization) else { throw WalletRefusals.unknownWallet }
        return wallet
    }

    package func registerWallet(
        _ request: NewWallet,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> WalletRecord {
        var problems: [DaypassError.Detail] = []
        let address = request.address.flatMap { Self.checksummed($0, "address", &problems) }
        if let version = request.kernelVersion, KernelVersion(rawValue: version) == nil {
            let known = KernelVersion.allCases.map(\.rawValue).joined(separator: ", ")
            problems.append(.init(path: "kernelVersion", message: "must be one of: \(known)"))
        }
        if request.kind == .kernel, request.address == nil {
            problems.append(.init(path: "address", message: "is required"))
        }
        guard problems.isEmpty else { throw WalletError(.invalidRequest, details: problems) }
        var generator = SourceGenerator(source: self.randomSource)
        let wallet = WalletRecord(
            id: .random(using: &generator),
            organization: organization,
            name: request.name,
            kind: request.kind,
            address: address,
            kernelVersion: request.kernelVersion,
            createdAt: self.clock()
        )
        let details: JSONValue = [
            "name": .string(wallet.name), "kind": .string(wallet.kind.rawValue),
            "address": wallet.address.map { .string($0.text) } ?? .null,
        ]
        let entry = self.entry(.walletRegistered, wallet.id.text, by: actor, details)
        let limit = self.configuration.maxWallets
        return try await self.store.changeWallets { transaction in
            guard try transaction.organization(organization) != nil else { throw WalletRefusals.unknownOrganization }
            try Self.check(try transaction.walletCount(of: organization), below: limit, "wallets")
            try transaction.insert(wallet)
            try transaction.append(entry, to: .organization(organization))
            return wallet
        }
    }

    package func deleteWallet(_ id: WalletID, of organization: OrganizationID, by actor: Actor) async throws {
        let now = self.clock()
        let entry = self.entry(.walletDeleted, id.text, by: actor)
        try await self.store.changeWallets { transaction in
            try transaction.deleteWallet(id, of: organization, now: now)
            try transaction.append(entry, to: .organization(organization))
        }
    }

    package func sessionKeys(
        of organization: OrganizationID,
        limit: Int,
        offset: Int
    ) async throws -> WalletPage<SessionKeyRecord> {
        _ = try await self.organization(organization)
        return try await Self.page(limit, offset) { limit, offset in
            try await self.store.sessionKeys(of: organization, limit: limit, offset: offset)
        }
    }

    package func createSessionKey(of organization: OrganizationID, by actor: Actor) async throws -> SessionKeyRecord {
        try self.takeCall(of: organization)
        let now = self.clock()
        var generator = SourceGenerator(source: self.randomSource)
        // All but one in 2^128 draws are keys.
        var drawn: PrivateKey?
        while drawn == nil {
            let words = (0..<4).map { _ in generator.next() as UInt64 }
            drawn = PrivateKey(bytes: words.flatMap { word in withUnsafeBytes(of: word) { Array($0) } })
        }
        guard let key = drawn else { preconditionFailure("the loop ends with a key") }
        let record = SessionKeyRecord(
            id: .random(using: &generator),
            organization: organization,
            address: WalletAddress(key.address),
            createdAt: now
        )
        let entry = self.entry(
            .sessionKeyCreated,
            record.id.text,
            by: actor,
            ["sessionAddress": .string(record.address.text)]
        )
        let limit = self.configuration.maxSessionKeys
        let prune = self.pruning(now: now)
        return try await self.store.changeWallets { [clock] transaction in
            guard try transaction.organization(organization) != nil else { throw WalletRefusals.unknownOrganization }
            try Self.check(actor, of: organization, now: clock(), in: transaction)
            try prune(transaction)
            try Self.check(try transaction.sessionKeyCount(of: organization), below: limit, "session keys")
            try transaction.insert(record, privateKey: SecretBytes(key.secretBytes))
            try transaction.append(entry, to: .organization(organization))
            return record
        }
    }

    /// One page, and whether there is more: one item more than asked for is read.
    static func page<Item: Sendable>(
        _ limit: Int,
        _ offset: Int,
        read: (_ limit: Int, _ offset: Int) async throws -> [Item]
    ) async throws -> WalletPage<Item> {
        let limit = min(max(limit, WalletBounds.pageLimit.lowerBound), WalletBounds.pageLimit.upperBound)
        let offset = min(max(offset, WalletBounds.pageOffset.lowerBound), WalletBounds.pageOffset.upperBound)
        let items = try await read(limit + 1, offset)
        return WalletPage(
            items: Array(items.prefix(limit)),
            limit: limit,
            offset: offset,
            hasMore: items.count > limit
        )
    }

    /// An address in the letters of its checksum; notes a problem when those it has are of a wrong one.
    static func checksummed(
        _ address: WalletAddress,
        _ path: String,
        _ problems: inout [DaypassError.Detail]
    ) -> WalletAddress? {
        guard let parsed = EthereumAddress(address) else {
            problems.append(.init(path: path, message: "has letters that are not those of its checksum (EIP-55)"))
            return nil
        }
        return WalletAddress(parsed)
    }
}
