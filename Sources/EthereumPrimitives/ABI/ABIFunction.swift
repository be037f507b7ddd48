/// The four bytes that choose a function of a contract.
package struct FunctionSelector: Hashable, Sendable, CustomStringConvertible {
    /// The four bytes as a number, the first one the most significant.
    package let rawValue: UInt32

    /// Makes a selector of its number.
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// Takes exactly four bytes; nil for any other number.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 4 else { return nil }
        self.rawValue = bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Reads `0x` and eight digits.
    package init?(hex text: some StringProtocol) {
        guard let bytes = Hex.decode(text) else { return nil }
        self.init(bytes: bytes)
    }

    /// The four bytes.
    package var bytes: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: self.rawValue >> $0) } }

    /// The selector as `bytes4` in a word.
    package var word: Word { Word(limbs: UInt64(self.rawValue) << 32, 0, 0, 0) }

    package var description: String { Hex.encode(self.bytes) }
}

/// A function of a contract: its name and the types of its arguments.
package struct ABIFunction: Hashable, Sendable {
    /// The name alone.
    package let name: String
    /// The types of the arguments.
    package let inputs: [ABIType]
    /// The first four bytes of the hash of the signature.
    package let selector: FunctionSelector

    /// Characters of a function's name at most.
    package static let maximumNameLength = 256

    /// Names a function and its arguments.
    package init(name: String, inputs: [ABIType]) {
        self.name = name
        self.inputs = inputs
        let signature = "\(name)(\(inputs.map(\.name).joined(separator: ",")))"
        self.selector = FunctionSelector(bytes: Keccak256.hash(signature.utf8).bytes.prefix(4)) ?? FunctionSelector(0)
    }

    /// Reads `transfer(address,uint256)`, without spaces and parameter names; nil for anything else.
    package init?(_ signature: some StringProtocol) {
        let bytes = Array(signature.utf8)
        guard bytes.count <= ABIType.maximumTextLength, let opening = bytes.firstIndex(of: UInt8(ascii: "(")),
            Self.isName(bytes[..<opening])
        else { return nil }
        var parser = ABITypeParser(bytes: bytes)
        parser.position = opening
        guard let inputs = parser.members(depth: 1), parser.isAtEnd else { return nil }
        self.init(name: String(decoding: bytes[..<opening], as: UTF8.self), inputs: inputs)
    }

    /// The signature that is hashed.
    package var signature: String { "\(self.name)(\(self.inputs.map(\.name).joined(separator: ",")))" }

    /// Call data with these arguments.
    package func encodeCall(_ arguments: [ABIValue]) -> [UInt8] { self.selector.bytes + ABI.encode(arguments) }

    /// The arguments in call data of this function, strictly.
    package func decodeCall(_ data: some Collection<UInt8>) throws(ABIError) -> [ABIValue] {
        let bytes = Array(data)
        guard bytes.count >= 4, bytes.prefix(4).elementsEqual(self.selector.bytes) else { throw .selectorMismatch }
        return try ABI.decode(bytes[4...], as: self.inputs)
    }

    private static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, bytes.count <= Self.maximumNameLength else { return false }
        let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
        return !isDigit
            && bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"):
                    true
                default: false
                }
            }
    }
}
