import EthereumPrimitives
import SessionModel
import WalletPolicy

/// Questions about delegations.
enum Delegations {
    /// Proves a delegation and says what was proven; fails with step and reason.
    static func verify(_ request: JSONValue) throws -> JSONValue {
        let now = Timestamp(millisecondsSinceEpoch: Int64(try request.uint64("now")))
        let claim = DelegationClaim(
            chainID: try request.uint64("chainId"),
            wallet: try request.address("wallet"),
            sessionAddress: try request.address("sessionAddress"),
            expiresAt: now + .seconds(3600)
        )
        let rules = DelegationRules(
            maximumLifetime: .seconds(86_400),
            allowsWildcardTargets: true,
            allowsDelegateCalls: true
        )
        let verified = try DelegationBlob(serialized: try request.text("serialized"))
            .verify(claim, state: try Self.state(try request.member("state")), rules: rules, now: now)
        return [
            "account": .string(verified.account.checksummed),
            "owner": verified.root.owner.map { .string($0.checksummed) } ?? .null,
            "version": .string(verified.version.rawValue),
            "permissionId": .string(verified.permissionID.description),
            "enableData": .string(Hex.encode(verified.permission.enableData)),
            "digest": verified.digest.map { .string($0.hex) } ?? .null,
            "approval": .string(verified.approval.rawValue),
        ]
    }

    private static func state(_ json: JSONValue) throws -> AccountState {
        guard json["version"] != nil else { return .undeployed(nonce: try json.uint64("nonce")) }
        guard let version = KernelVersion(rawValue: try json.text("version")),
            let nonce = UInt32(try json.text("nonce"))
        else { throw Misunderstood(what: "state") }
        let validator = try json.address("validator")
        let root = AccountRoot(
            kind: RootValidatorKind(contract: validator),
            validator: validator,
            owner: try json.address("owner")
        )
        return .kernel(.init(version: version, root: root, nonce: nonce))
    }
}
