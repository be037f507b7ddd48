package import EthereumPrimitives

/// A version of the call policy's contract.
package enum CallPolicyVersion: String, Sendable, CaseIterable {
    case v1 = "0.0.1"
    case v2 = "0.0.2"
    case v3 = "0.0.3"
    case v4 = "0.0.4"
    case v5 = "0.0.5"

    /// The contract.
    package var contract: EthereumAddress {
        switch self {
        case .v1: KernelContracts.callPolicy1
        case .v2: KernelContracts.callPolicy2
        case .v3: KernelContracts.callPolicy3
        case .v4: KernelContracts.callPolicy4
        case .v5: KernelContracts.callPolicy5
        }
    }
}

/// A kind of call, as the call policy and Kernel's execution mode name it.
package enum CallType: UInt8, Sendable {
    /// A call; items of a batch are checked as this one.
    case single = 0x00
    /// A batch, which matches nothing in a call policy.
    case batch = 0x01
    /// A delegate call: foreign code with the account's storage.
    case delegate = 0xFF
}

/// One function of one contract that a session key may call.
package struct CallPermission: Equatable, Sendable {
    /// What one word of the arguments must be.
    package struct Rule: Equatable, Sendable {
        /// How it is compared, as unsigned integers.
        package var condition: Condition
        /// Where the word is: bytes after the selector.
        package var offset: UInt64
        /// With what it is compared.
        package var parameters: [Word]

        /// Makes a rule.
        package init(_ condition: Condition, offset: UInt64, parameters: [Word]) {
            self.condition = condition
            self.offset = offset
            self.parameters = parameters
        }
    }

    /// How a word is compared.
    package enum Condition: UInt8, Sendable, CaseIterable {
        case equal = 0
        case greater = 1
        case less = 2
        case greaterOrEqual = 3
        case lessOrEqual = 4
        case notEqual = 5
        /// One of the parameters.
        case oneOf = 6
        /// A part of a dynamic argument: start, length, and the part's hash.
        case sliceEqual = 7

        /// How many parameters it compares with at least.
        package var parameterCount: Int { self == .sliceEqual ? 3 : 1 }

        /// Whether the contract of a version has it.
        package func isKnown(in version: CallPolicyVersion) -> Bool {
            switch self {
            case .equal, .greater, .less, .greaterOrEqual, .lessOrEqual, .notEqual: true
            case .oneOf: version != .v1
            case .sliceEqual: version == .v5
            }
        }
    }

    /// The kind of call.
    package var callType: CallType
    /// The contract; zero for any.
    package var target: EthereumAddress
    /// The function; zero for no data, and also for data that begins with four zeros.
    package var selector: FunctionSelector
    /// Wei with each call at most.
    package var valueLimit: Word
    /// All of them must hold.
    package var rules: [Rule]

    /// Makes a permission.
    package init(
        callType: CallType = .single,
        target: EthereumAddress,
        selector: FunctionSelector,
        valueLimit: Word = .zero,
        rules: [Rule] = []
    ) {
        self.callType = callType
        self.target = target
        self.selector = selector
        self.valueLimit = valueLimit
        self.rules = rules
    }

    /// `(bytes1,address,bytes4,uint256,(uint8,uint64,bytes32[])[])`; version 0.0.1 has `bytes32` for the parameters.
    func value(of version: CallPolicyVersion) -> ABIValue {
        .tuple([
            .word(Word(limbs: UInt64(self.callType.rawValue) << 56, 0, 0, 0)),
            .address(self.target),
            .selector(self.selector),
            .word(self.valueLimit),
            .array(
                self.rules.map { rule in
                    let parameters = rule.parameters.map { ABIValue.word($0) }
                    return .tuple([
                        .uint(UInt64(rule.condition.rawValue)), .uint(rule.offset),
                        version == .v1 ? parameters.first ?? .word(.zero) : .array(parameters),
                    ])
                }
            ),
        ])
    }
}
