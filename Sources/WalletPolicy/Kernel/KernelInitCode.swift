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
    /// permissions, so that the root is the one in the code.
    package var isPlain: Bool {
        guard self.hook == .zero else { return false }
        return self.configuration.allSatisfy { call in
            Self.isPermissionInstall(call) || Self.isGrantedAccess(call)
        }
    }

    /// Whether `call` installs one permission, without a hook.
    private static func isPermissionInstall(_ call: [UInt8]) -> Bool {
        guard let arguments = try? KernelFunctions.installValidations.decodeCall(call),
            let identifiers = arguments[0].elements, let configurations = arguments[1].elements
        else { return false }
        return identifiers.allSatisfy { $0.word?.bytes.first == PermissionID.validationType }
            && configurations.allSatisfy { $0.elements?[1] == .word(.zero) }
    }

    /// Whether `call` lets a permission use `execute`, by way of the implementation's own code.
    private static func isGrantedAccess(_ call: [UInt8]) -> Bool {
        guard let arguments = try? KernelFunctions.execute.decodeCall(call), let payload = arguments[1].content,
            payload.count > EthereumAddress.byteCount,
            let granted = try? KernelFunctions.grantAccess.decodeCall(payload.dropFirst(EthereumAddress.byteCount)),
            granted[0].word?.bytes.first == PermissionID.validationType,
            granted[1] == .selector(KernelFunctions.execute.selector)
        else { return false }
        return arguments[0].word == Self.delegateCallMode
            && payload.starts(with: KernelVersion.v033.implementation.bytes)
    }

    /// The execution mode of one delegate call that reverts when it fails.
    static let delegateCallMode = Word(limbs: 0xFF << 56, 0, 0, 0)

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
