package import EthereumPrimitives

/// What the blob says about how the account was or will be made, read strictly.
package struct KernelInitCode: Equatable, Sendable {
    /// The factory, when the code names it.
    package var factory: EthereumAddress?
    /// What the account is initialised with.
    package var initialization: [UInt8]
    /// What tells accounts apart that are initialised alike.
    package var salt: Word
    /// The owner's root.
    package var root: AccountRoot
    /// The root's hook; zero for none.
    package var hook: EthereumAddress
    /// Calls the account makes to itself when it is made.
    package var configuration: [[UInt8]]
    /// Whether it is initialised as version 0.3.0 is.
    package var isVersion030: Bool

    /// Reads the data a factory is called with; nil unless it is written as the SDK writes it.
    package init?(_ data: [UInt8]) {
        var factory: EthereumAddress?
        let initialization: [UInt8]
        let salt: Word
        if let arguments = try? KernelFunctions.deployWithFactory.decodeCall(data) {
            guard let word = arguments[0].word, let created = arguments[1].content, let last = arguments[2].word else {
                return nil
            }
            factory = EthereumAddress(truncating: word)
            (initialization, salt) = (created, last)
        } else if let arguments = try? KernelFunctions.createAccount.decodeCall(data) {
            guard let created = arguments[0].content, let last = arguments[1].word else { return nil }
            (initialization, salt) = (created, last)
        } else {
            return nil
        }
        let isVersion030 = initialization.starts(with: KernelFunctions.initialize030.selector.bytes)
        let function = isVersion030 ? KernelFunctions.initialize030 : KernelFunctions.initialize
        guard let arguments = try? function.decodeCall(initialization), let root = arguments[0].word,
            let hook = arguments[1].word, let rootData = arguments[2].content
        else { return nil }
        self.factory = factory
        self.initialization = initialization
        self.salt = salt
        self.root = AccountRoot(validationID: root, data: rootData)
        self.hook = EthereumAddress(truncating: hook)
        self.configuration = isVersion030 ? [] : (arguments[4].elements ?? []).compactMap(\.content)
        self.isVersion030 = isVersion030
    }

    /// The address that an account made so has with the factory of `version`.
    package func address(of version: KernelVersion) -> EthereumAddress {
        EthereumAddress.create2(
            deployer: version.factory,
            salt: Keccak256.hash(self.initialization + self.salt.bytes),
            initCodeHash: version.initCodeHash
        )
    }

    /// The version whose factory puts such an account at `address`; nil when none does.
    package func version(provenBy address: EthereumAddress) -> KernelVersion? {
        KernelVersion.allCases.first { version in
            (version == .v030) == self.isVersion030 && (self.factory == nil || self.factory == version.factory)
                && self.address(of: version) == address
        }
    }

    /// Whether everything that happens when the account is made is known: no hook, and nothing but installs of
    /// permissions, each once, so that the root is the one in the code, the nonce stays 1, and every permission is the
    /// one that was installed first.
    ///
    /// Kernel does not compute identifiers anew: an install of one that is there replaces its policies and signer and
    /// takes the next nonce.
    package var isPlain: Bool {
        guard self.hook == .zero else { return false }
        let steps = self.configuration.map { ConfigurationStep($0) }
        return !steps.contains(nil) && Set(steps).count == steps.count
    }

    /// How often calls install the permission `id` or let it use `execute`.
    package func callCount(naming id: PermissionID) -> Int {
        self.configuration.count { call in
            switch ConfigurationStep(call) {
            case .install(id)?, .grant(id)?: true
            case .install?, .grant?, nil: false
            }
        }
    }

    /// The execution mode of one delegate call that reverts when it fails.
    fileprivate static let delegateCallMode = Word(limbs: 0xFF << 56, 0, 0, 0)

    /// The calls that install a permission when an account is made.
    package static func installing(_ id: PermissionID, enableData: [UInt8]) -> [[UInt8]] {
        let install = KernelFunctions.installValidations.encodeCall([
            .array([.word(id.validationID)]), .array([.tuple([.uint(1), .word(.zero)])]),
            .array([.bytes(enableData)]), .array([.bytes([])]),
        ])
        let grant = KernelFunctions.grantAccess.encodeCall([
            .word(id.validationID), .selector(KernelFunctions.execute.selector), .bool(true),
        ])
        let execute = KernelFunctions.execute.encodeCall([
            .word(Self.delegateCallMode), .bytes(KernelVersion.v033.implementation.bytes + grant),
        ])
        return [install, execute]
    }
}

/// One call that an account makes to itself when it is made, and that is known to do only this.
private enum ConfigurationStep: Hashable {
    /// Installs one permission at nonce 1, without a hook.
    case install(PermissionID)
    /// Lets a permission use `execute`, by way of the implementation's own code.
    case grant(PermissionID)

    /// Reads a call; nil when it does anything else.
    init?(_ call: [UInt8]) {
        if let id = Self.installed(by: call) {
            self = .install(id)
        } else if let id = Self.granted(by: call) {
            self = .grant(id)
        } else {
            return nil
        }
    }

    private static func installed(by call: [UInt8]) -> PermissionID? {
        guard let arguments = try? KernelFunctions.installValidations.decodeCall(call),
            arguments.allSatisfy({ $0.elements?.count == 1 }),
            arguments[1].elements?[0] == .tuple([.uint(1), .word(.zero)])
        else { return nil }
        return arguments[0].elements?[0].word.flatMap { PermissionID(validationID: $0) }
    }

    private static func granted(by call: [UInt8]) -> PermissionID? {
        guard let arguments = try? KernelFunctions.execute.decodeCall(call),
            arguments[0].word == KernelInitCode.delegateCallMode, let payload = arguments[1].content,
            payload.starts(with: KernelVersion.v033.implementation.bytes),
            let granted = try? KernelFunctions.grantAccess.decodeCall(payload.dropFirst(EthereumAddress.byteCount)),
            granted[1] == .selector(KernelFunctions.execute.selector), granted[2] == .bool(true)
        else { return nil }
        return granted[0].word.flatMap { PermissionID(validationID: $0) }
    }
}

extension AccountRoot {
    /// The root in an account's initialisation or storage: a type, an address, and the validator's data.
    init(validationID: Word, data: [UInt8]) {
        let bytes = validationID.bytes
        let contract = EthereumAddress(bytes: bytes[1..<21]) ?? .zero
        // Types: 1 a validator contract, 2 a permission, which owns nothing.
        let kind = bytes[0] == 1 ? RootValidatorKind(contract: contract) : nil
        let isECDSA = kind == .ecdsa || kind == .multiChainECDSA
        self.init(kind: kind, validator: contract, owner: isECDSA ? EthereumAddress(bytes: data) : nil)
    }
}
