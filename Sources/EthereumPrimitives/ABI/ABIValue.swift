package import BigInt

/// A value of the contract ABI, as its words; what the words mean is said by its `ABIType`.
package indirect enum ABIValue: Hashable, Sendable {
    /// A value of one word: integers, addresses, booleans, `bytesN` (in the most significant bytes).
    case word(Word)
    /// The content of `bytes` or `string`.
    case bytes([UInt8])
    /// The elements of `T[]`.
    case array([ABIValue])
    /// The members of a tuple, or the elements of `T[n]`, which are written alike.
    case tuple([ABIValue])

    /// A small unsigned integer.
    package static func uint(_ value: UInt64) -> ABIValue { .word(Word(value)) }

    /// An unsigned integer; nil above 2^256 - 1.
    package static func unsigned(_ value: BigUInt) -> ABIValue? { Word(unsigned: value).map { .word($0) } }

    /// A signed integer; nil outside of 256 bits.
    package static func signed(_ value: BigInt) -> ABIValue? { Word(signed: value).map { .word($0) } }

    /// An address.
    package static func address(_ address: EthereumAddress) -> ABIValue { .word(address.word) }

    /// A boolean.
    package static func bool(_ value: Bool) -> ABIValue { .word(Word(value ? 1 : 0)) }

    /// A `bytesN`; nil for more than 32 bytes.
    package static func fixedBytes(_ bytes: some Collection<UInt8>) -> ABIValue? {
        Word(rightPadding: bytes).map { .word($0) }
    }

    /// A selector as `bytes4`.
    package static func selector(_ selector: FunctionSelector) -> ABIValue { .word(selector.word) }

    /// The content of a string.
    package static func string(_ text: String) -> ABIValue { .bytes(Array(text.utf8)) }

    /// The word, when there is just one.
    package var word: Word? {
        if case .word(let word) = self { word } else { nil }
    }

    /// The content of `bytes` or `string`.
    package var content: [UInt8]? {
        if case .bytes(let bytes) = self { bytes } else { nil }
    }

    /// The elements or members.
    package var elements: [ABIValue]? {
        switch self {
        case .array(let elements), .tuple(let elements): elements
        case .word, .bytes: nil
        }
    }

    /// Whether this value stands behind the heads.
    fileprivate var isDynamic: Bool {
        switch self {
        case .word: false
        case .bytes, .array: true
        case .tuple(let members): members.contains(where: \.isDynamic)
        }
    }

    /// Bytes among the heads.
    fileprivate var headSize: Int {
        switch self {
        case .tuple(let members) where !self.isDynamic: members.reduce(0) { $0 + $1.headSize }
        default: Word.byteCount
        }
    }
}

/// The contract ABI's coding of values; decoding accepts exactly what encoding writes.
package enum ABI {
    /// Writes values one after the other, as arguments of a function.
    ///
    /// Whether they are of the types somebody expects is asked with `ABIType.admits`.
    package static func encode(_ values: [ABIValue]) -> [UInt8] {
        var heads: [UInt8] = []
        var tails: [UInt8] = []
        let headSize = values.reduce(0) { $0 + $1.headSize }
        for value in values {
            if value.isDynamic {
                heads += Word(UInt64(headSize + tails.count)).bytes
                tails += Self.encode(inPlace: value)
            } else {
                heads += Self.encode(inPlace: value)
            }
        }
        return heads + tails
    }

    /// Writes a value without an offset before it.
    private static func encode(inPlace value: ABIValue) -> [UInt8] {
        switch value {
        case .word(let word): word.bytes
        case .bytes(let content):
            Word(UInt64(content.count)).bytes + content
                + [UInt8](repeating: 0, count: Self.paddedCount(content.count) - content.count)
        case .array(let elements): Word(UInt64(elements.count)).bytes + Self.encode(elements)
        case .tuple(let members): Self.encode(members)
        }
    }

    /// `count` made a multiple of 32.
    static func paddedCount(_ count: Int) -> Int { (count + 31) & ~31 }
}

extension ABIType {
    /// Whether `value` is one of this type: shapes, numbers of elements, and the unused bits of each word.
    package func admits(_ value: ABIValue) -> Bool {
        switch (self, value) {
        case (.bytes, .bytes): true
        case (.string, .bytes(let content)): String(validating: content, as: UTF8.self) != nil
        case (.array(let type), .array(let elements)): elements.allSatisfy { type.admits($0) }
        case (.fixedArray(let type, let count), .tuple(let elements)):
            elements.count == count && elements.allSatisfy { type.admits($0) }
        case (.tuple(let types), .tuple(let members)):
            types.count == members.count && zip(types, members).allSatisfy { $0.admits($1) }
        case (_, .word(let word)): self.admits(word)
        default: false
        }
    }

    /// Whether the bits of a word that a type of one word does not use are as they must be.
    func admits(_ word: Word) -> Bool {
        switch self {
        case .uint(let bits): word.bytes.prefix(Word.byteCount - bits / 8).allSatisfy { $0 == 0 }
        case .int(let bits): Self.isSignExtended(word.bytes, from: Word.byteCount - bits / 8)
        case .address: EthereumAddress(word: word) != nil
        case .bool: word <= Word(1)
        case .fixedBytes(let count): word.bytes.dropFirst(count).allSatisfy { $0 == 0 }
        case .bytes, .string, .array, .fixedArray, .tuple: false
        }
    }

    private static func isSignExtended(_ bytes: [UInt8], from start: Int) -> Bool {
        let sign: UInt8 = bytes[start] & 0x80 == 0 ? 0 : 0xFF
        return bytes[..<start].allSatisfy { $0 == sign }
    }
}
