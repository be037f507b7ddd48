package import EthereumPrimitives

/// What the chain's node said about an account.
package enum AccountState: Equatable, Sendable {
    /// A Kernel account that answers.
    package struct Kernel: Equatable, Sendable {
        /// The version in its domain.
        package var version: KernelVersion
        /// Its root.
        package var root: AccountRoot
        /// The nonce of the next approval.
        package var nonce: UInt32
        /// To whom its code delegates (EIP-7702); nil when it has code of its own.
        package var delegate: EthereumAddress?

        /// Joins the answers.
        package init(version: KernelVersion, root: AccountRoot, nonce: UInt32, delegate: EthereumAddress? = nil) {
            self.version = version
            self.root = root
            self.nonce = nonce
            self.delegate = delegate
        }
    }

    /// Nobody was asked, or nobody answered.
    case unknown
    /// There is no code at the address; the nonce is the number of its transactions.
    case undeployed(nonce: UInt64)
    /// There is a Kernel account.
    case kernel(Kernel)
}

/// Finds out an account's state, one question to the chain's node after the other.
///
/// ```
/// code? ── none ──▶ transaction count? ──▶ undeployed
///   └── some ──▶ domain? ──▶ nonce? ──▶ root? ── ECDSA ──▶ owner? ──▶ kernel
///                                        └── other, or the account's own key ──▶ kernel
/// ```
///
/// All questions are about the same block; whoever asks pins it. An answer that is not exactly what a Kernel account
/// gives ends in a refusal, never in an assumption.
package struct AccountReader: Sendable {
    /// What to ask next.
    package enum Question: Equatable, Sendable {
        /// `eth_getCode`.
        case code(EthereumAddress)
        /// `eth_getTransactionCount`, answered as 32 bytes.
        case transactionCount(EthereumAddress)
        /// `eth_call`.
        case call(to: EthereumAddress, data: [UInt8])
    }

    private enum State {
        case code
        case transactionCount
        case domain(delegate: EthereumAddress?)
        case nonce(KernelVersion, delegate: EthereumAddress?)
        case root(KernelVersion, UInt32, delegate: EthereumAddress?)
        case owner(AccountState.Kernel)
        case done(AccountState)
    }

    private let account: EthereumAddress
    private let chainID: UInt64
    private var state = State.code

    /// Begins with an account on a chain.
    package init(account: EthereumAddress, chainID: UInt64) {
        self.account = account
        self.chainID = chainID
    }

    /// The next question; nil when the result is there.
    package var question: Question? {
        switch self.state {
        case .code: .code(self.account)
        case .transactionCount: .transactionCount(self.account)
        case .domain: .call(to: self.account, data: KernelFunctions.eip712Domain.encodeCall([]))
        case .nonce: .call(to: self.account, data: KernelFunctions.currentNonce.encodeCall([]))
        case .root: .call(to: self.account, data: KernelFunctions.rootValidator.encodeCall([]))
        case .owner(let kernel):
            .call(
                to: kernel.root.validator,
                data: KernelFunctions.validatorOwner.encodeCall([.address(self.account)])
            )
        case .done: nil
        }
    }

    /// The result, when no question is left.
    package var result: AccountState? {
        if case .done(let state) = self.state { state } else { nil }
    }

    /// The node answered the question; throws when a Kernel account would not have answered so.
    package mutating func answered(_ bytes: [UInt8]) throws(DelegationRefusal) {
        switch self.state {
        case .code:
            self.state = bytes.isEmpty ? .transactionCount : .domain(delegate: CodeAuthorization.delegate(in: bytes))
        case .transactionCount:
            guard let count = Word(bytes: bytes)?.uint64 else { throw DelegationRefusal(.stateUnreadable) }
            self.state = .done(.undeployed(nonce: count))
        case .domain(let delegate): self.state = .nonce(try self.version(in: bytes), delegate: delegate)
        case .nonce(let version, let delegate):
            guard let nonce = Self.word(bytes, .uint(bits: 32))?.uint64 else {
                throw DelegationRefusal(.stateUnreadable)
            }
            self.state = .root(version, UInt32(truncatingIfNeeded: nonce), delegate: delegate)
        case .root(let version, let nonce, let delegate):
            guard let word = Self.word(bytes, .fixedBytes(count: 21)) else { throw DelegationRefusal(.stateUnreadable) }
            self.rootAnswered(
                word,
                AccountState.Kernel(version: version, root: .none, nonce: nonce, delegate: delegate)
            )
        case .owner(var kernel):
            guard let owner = Self.word(bytes, .address).flatMap({ EthereumAddress(word: $0) }), owner != .zero else {
                throw DelegationRefusal(.stateUnreadable)
            }
            kernel.root.owner = owner
            self.state = .done(.kernel(kernel))
        case .done: preconditionFailure("an answer to no question")
        }
    }

    private mutating func rootAnswered(_ word: Word, _ unrooted: AccountState.Kernel) {
        var kernel = unrooted
        kernel.root = AccountRoot(validationID: word, data: [])
        if kernel.delegate != nil, word == .zero {
            // An account that took on code and was given no other root signs with its own key.
            kernel.root = AccountRoot(kind: .accountKey, validator: .zero, owner: self.account)
        }
        switch kernel.root.kind {
        case .ecdsa, .multiChainECDSA: self.state = .owner(kernel)
        case .accountKey, .passkey, .weighted, nil: self.state = .done(.kernel(kernel))
        }
    }

    /// The version in an answer to `eip712Domain`, which must be that of this account on this chain.
    private func version(in bytes: [UInt8]) throws(DelegationRefusal) -> KernelVersion {
        let types: [ABIType] = [
            .fixedBytes(count: 1), .string, .string, .uint(bits: 256), .address, .fixedBytes(count: 32),
            .array(.uint(bits: 256)),
        ]
        guard let values = try? ABI.decode(bytes, as: types), values[0] == .word(Word(limbs: 0x0F << 56, 0, 0, 0)),
            values[1] == .string("Kernel"), let text = values[2].content, values[5] == .word(.zero),
            let version = KernelVersion(domainVersion: String(decoding: text, as: UTF8.self))
        else { throw DelegationRefusal(.stateUnreadable) }
        guard values[3] == .uint(self.chainID), values[4] == .address(self.account) else {
            throw DelegationRefusal(.stateOfOtherAccount)
        }
        return version
    }

    private static func word(_ bytes: [UInt8], _ type: ABIType) -> Word? {
        (try? ABI.decode(bytes, as: [type]))?.first?.word
    }
}

extension AccountRoot {
    /// Before the root is read.
    fileprivate static let none = AccountRoot(kind: nil, validator: .zero, owner: nil)
}
