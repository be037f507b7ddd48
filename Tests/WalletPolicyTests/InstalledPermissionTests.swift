import EthereumPrimitives
import SessionModel
import Testing
import WalletPolicy

/// A delegation whose account's init code is written here, so that the address follows from whatever it does.
struct MadeDelegation {
    var blob: DelegationBlob
    var claim: DelegationClaim
    let owner: PrivateKey

    init() throws {
        let fixture = try Fixture.named("25")
        self.blob = try DelegationBlob(serialized: fixture.serialized())
        self.claim = try fixture.claim()
        self.owner = try #require(PrivateKey(bytes: try fixture.json.bytes("inputs", "ownerPrivateKey")))
    }

    /// The narrow permission that the blob is about.
    var permission: Permission {
        Permission(policies: self.blob.policies, flag: .always, sessionAddress: self.claim.sessionAddress)
    }

    /// Another one, which limits nothing.
    var sudo: Permission {
        Permission(policies: [PermissionPolicy(.sudo)], flag: .always, sessionAddress: self.claim.wallet)
    }

    /// The root of the fixtures: an ECDSA validator and the owner.
    static let ecdsa = "0x01845adb2c711129d4f3966735ed98a9f09fc4ce57"

    /// Makes the account anew, with this root and these calls.
    mutating func make(_ calls: [[UInt8]], root: String = Self.ecdsa, rootData: [UInt8]? = nil) throws {
        let root = try #require(Hex.decode(root).flatMap { ABIValue.fixedBytes($0) })
        let initialization = KernelFunctions.initialize.encodeCall([
            root, .address(.zero), .bytes(rootData ?? self.owner.address.bytes), .bytes([]),
            .array(calls.map { .bytes($0) }),
        ])
        self.blob.initCode = KernelFunctions.deployWithFactory.encodeCall([
            .address(KernelVersion.v033.factory), .bytes(initialization), .word(.zero),
        ])
        self.blob.account = try #require(KernelInitCode(self.blob.initCode)).address(of: .v033)
        self.blob.permissionID = self.permission.id
        self.claim.wallet = self.blob.account
    }

    /// The owner signs the narrow permission instead of installing it.
    mutating func sign() {
        self.blob.isPreinstalled = false
        let digest = self.permission.enableDigest(
            account: self.blob.account,
            chainID: self.claim.chainID,
            version: .v033,
            nonce: 1
        )
        self.blob.enableSignature = self.owner.sign(digest).bytes
    }

    func verify(_ state: AccountState = .undeployed(nonce: 0)) throws -> VerifiedDelegation {
        try self.blob.verify(self.claim, state: state, rules: .everything, now: Moments.now)
    }

    /// One call that installs validations, with whatever is in it.
    static func install(_ entries: [(id: Word, nonce: UInt64, data: [UInt8])], configurations: Int? = nil) -> [UInt8] {
        let settings = entries.map { ABIValue.tuple([.uint($0.nonce), .word(.zero)]) }
        return KernelFunctions.installValidations.encodeCall([
            .array(entries.map { .word($0.id) }),
            .array(Array(settings.prefix(configurations ?? settings.count))),
            .array(entries.map { .bytes($0.data) }),
            .array(entries.map { _ in .bytes([]) }),
        ])
    }

    /// The call that lets a permission use `execute`, or no longer.
    static func grant(_ id: Word, _ allowed: Bool = true) -> [UInt8] {
        let grant = KernelFunctions.grantAccess.encodeCall([
            .word(id), .selector(KernelFunctions.execute.selector), .bool(allowed),
        ])
        return KernelFunctions.execute.encodeCall([
            .word(Word(limbs: 0xFF << 56, 0, 0, 0)), .bytes(KernelVersion.v033.implementation.bytes + grant),
        ])
    }
}

/// What an account does when it is made must leave the proven permission as it was proven, and the nonce at 1.
@Suite struct InstalledPermissionTests {
    enum Calls: String, CaseIterable {
        case replacedAtNextNonce, replaced, repeated, grantTakenAway, grantRepeated, twoInOneCall, none, noConfiguration
        case alias, laterNonce, grantAlias
    }

    /// Calls that are not known to keep the permission: none is believed, whether the account is deployed or not.
    @Test(arguments: Calls.allCases)
    func othersAreUnknown(calls: Calls) throws {
        var made = try MadeDelegation()
        let (narrow, sudo) = (made.permission, made.sudo)
        let honest = KernelInitCode.installing(narrow.id, enableData: narrow.enableData)
        let id = narrow.id.validationID
        // The account keeps a permission's policies by the first four bytes, whatever follows them.
        let alias = try #require(ABIValue.fixedBytes(Array(id.bytes.prefix(20)) + [1])?.word)
        let more: [[UInt8]] =
            switch calls {
            case .replacedAtNextNonce: [MadeDelegation.install([(id, 2, sudo.enableData)])]
            case .replaced: [MadeDelegation.install([(id, 1, sudo.enableData)])]
            case .repeated: [honest[0]]
            case .grantTakenAway: [MadeDelegation.grant(id, false)]
            case .grantRepeated: [honest[1]]
            case .twoInOneCall:
                [
                    MadeDelegation.install([
                        (sudo.id.validationID, 1, sudo.enableData), (id, 1, sudo.enableData),
                    ])
                ]
            case .none: [MadeDelegation.install([])]
            case .noConfiguration:
                [MadeDelegation.install([(sudo.id.validationID, 1, sudo.enableData)], configurations: 0)]
            case .alias: [MadeDelegation.install([(alias, 1, sudo.enableData)])]
            case .laterNonce: [MadeDelegation.install([(sudo.id.validationID, 2, sudo.enableData)])]
            case .grantAlias: [MadeDelegation.grant(alias)]
            }
        try made.make(honest + more)
        let refusal = DelegationRefusal(.initCodeUnknownCalls, at: "accountParams.initCode")
        #expect(throws: refusal) { try made.verify() }
        let root = AccountRoot(
            kind: .ecdsa,
            validator: try #require(EthereumAddress(hex: "0x845adb2c711129d4f3966735ed98a9f09fc4ce57")),
            owner: made.owner.address
        )
        #expect(throws: refusal) { try made.verify(.kernel(.init(version: .v033, root: root, nonce: 1))) }
    }

    @Test func otherPermissionsMayStandBeside() throws {
        var made = try MadeDelegation()
        let (narrow, sudo) = (made.permission, made.sudo)
        let honest = KernelInitCode.installing(narrow.id, enableData: narrow.enableData)
        try made.make(KernelInitCode.installing(sudo.id, enableData: sudo.enableData) + honest)
        #expect(try made.verify().approval == .preinstalled)
        // And beside one that is signed.
        try made.make(KernelInitCode.installing(sudo.id, enableData: sudo.enableData))
        made.sign()
        #expect(try made.verify().approval == .digest)
    }

    @Test func allOfThePermissionIsInstalled() throws {
        var made = try MadeDelegation()
        let (narrow, sudo) = (made.permission, made.sudo)
        let honest = KernelInitCode.installing(narrow.id, enableData: narrow.enableData)
        let other = MadeDelegation.install([(narrow.id.validationID, 1, sudo.enableData)])
        for calls in [[], [honest[0]], [honest[1]], [other, honest[1]]] {
            try made.make(calls)
            #expect(throws: DelegationRefusal(.notPreinstalled, at: "isPreInstalled")) { try made.verify() }
        }
        try made.make(honest)
        #expect(try made.verify().approval == .preinstalled)
    }

    /// What the account installs under the identifier already, an approval cannot enable.
    @Test func signedOnesAreNotInstalled() throws {
        var made = try MadeDelegation()
        let (narrow, sudo) = (made.permission, made.sudo)
        let id = narrow.id.validationID
        let install = MadeDelegation.install([(id, 1, sudo.enableData)])
        for calls in [
            [install, MadeDelegation.grant(id)], [install], [MadeDelegation.grant(id)],
            KernelInitCode.installing(narrow.id, enableData: narrow.enableData),
        ] {
            try made.make(calls)
            made.sign()
            #expect(throws: DelegationRefusal(.preinstalledAndSigned, at: "accountParams.initCode")) {
                try made.verify()
            }
            // Without the identifier in the blob too.
            made.blob.permissionID = nil
            #expect(throws: DelegationRefusal.self) { try made.verify() }
        }
        try made.make([])
        made.sign()
        #expect(try made.verify().approval == .digest)
    }

    /// Whose approval it is matters when the permission is installed with the account, too.
    @Test(
        arguments: [
            ("0x01d990393c670dcce8b4d8f858fb98c9912dbfaa06", nil, .rootUnsupportedPasskey),
            ("0x0156bf68a3eb0b95a4ec0880e5f39cf45cf58dae70", nil, .rootUnsupportedPasskey),
            ("0x012e29537bbaf8ab5dc8037fa4bc3deb2c289498a3", nil, .rootUnsupportedWeighted),
            ("0x0167b436cad8a6d025df6c82c5bb43fbf11fc5b9b7", nil, .rootUnknown),
            // A permission as the root, the validator of nobody, and an owner of too many bytes.
            ("0x02c1617be700000000000000000000000000000000", nil, .rootUnknown),
            ("0x000000000000000000000000000000000000000000", nil, .rootUnknown),
            (MadeDelegation.ecdsa, [UInt8](repeating: 1, count: 21), .rootUnknown),
        ] as [(String, [UInt8]?, DelegationRefusal.Reason)]
    )
    func rootsMustBeKnown(root: String, data: [UInt8]?, reason: DelegationRefusal.Reason) throws {
        var made = try MadeDelegation()
        let narrow = made.permission
        try made.make(
            KernelInitCode.installing(narrow.id, enableData: narrow.enableData),
            root: root,
            rootData: data
        )
        let preinstalled = #expect(throws: DelegationRefusal.self) { try made.verify() }
        #expect(preinstalled?.reason == reason)
        try made.make([], root: root, rootData: data)
        made.sign()
        let signed = #expect(throws: DelegationRefusal.self) { try made.verify() }
        #expect(signed?.reason == reason)
    }

    /// An end that is not asked for operations is none, though no session may last longer.
    @Test func endsThatAreNotAsked() throws {
        for (flag, warns) in [(PassFlag.always, false), (.notForSignatures, false), (.notForOperations, true)] {
            var made = try MadeDelegation()
            let index = try #require(
                made.blob.policies.firstIndex { if case .timestamp = $0.content { true } else { false } }
            )
            made.blob.policies[index].flag = flag
            let narrow = made.permission
            try made.make(KernelInitCode.installing(narrow.id, enableData: narrow.enableData))
            #expect(try made.verify().warnings.contains(.noTimeLimit) == warns)
            #expect(narrow.validUntil == 1_798_761_600)
            made.claim.expiresAt = Timestamp(millisecondsSinceEpoch: 1_798_761_600_001)
            #expect(throws: DelegationRefusal(.expiryAfterPolicy)) {
                try made.blob.verify(
                    made.claim,
                    state: .undeployed(nonce: 0),
                    rules: DelegationRules(maximumLifetime: .seconds(3 * 365 * 86_400)),
                    now: Moments.now
                )
            }
        }
    }
}
