/// The type of a value in the contract ABI.
package indirect enum ABIType: Hashable, Sendable {
    /// `uint8` … `uint256`.
    case uint(bits: Int)
    /// `int8` … `int256`.
    case int(bits: Int)
    /// `address`.
    case address
    /// `bool`.
    case bool
    /// `bytes1` … `bytes32`.
    case fixedBytes(count: Int)
    /// `bytes`.
    case bytes
    /// `string`.
    case string
    /// `T[]`.
    case array(ABIType)
    /// `T[n]`.
    case fixedArray(ABIType, count: Int)
    /// `(T, U, …)`.
    case tuple([ABIType])

    /// Types inside each other at most in what `init` reads.
    package static let maximumDepth = 16
    /// Bytes of a type's head at most in what `init` reads: a length that no call reaches.
    package static let maximumHeadSize = 1 << 20
    /// Characters of a type's text at most.
    package static let maximumTextLength = 4096

    /// Reads the text of a type, as it stands in a function's signature, without spaces; `uint` and `int` are those of
    /// 256 bits.
    ///
    /// Nil for what is not a type, `function` and `fixed`, and types whose values have no bytes (`uint8[0]`, `()`), of
    /// which any number would fit into nothing.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.maximumTextLength else { return nil }
        var parser = ABITypeParser(bytes: bytes)
        guard let type = parser.type(depth: 0), parser.isAtEnd else { return nil }
        self = type
    }

    /// The text as it stands in a function's signature.
    package var name: String {
        switch self {
        case .uint(let bits): "uint\(bits)"
        case .int(let bits): "int\(bits)"
        case .address: "address"
        case .bool: "bool"
        case .fixedBytes(let count): "bytes\(count)"
        case .bytes: "bytes"
        case .string: "string"
        case .array(let element): "\(element.name)[]"
        case .fixedArray(let element, let count): "\(element.name)[\(count)]"
        case .tuple(let members): "(\(members.map(\.name).joined(separator: ",")))"
        }
    }

    /// Whether values have different lengths and stand behind the heads, which hold their offset.
    package var isDynamic: Bool {
        switch self {
        case .uint, .int, .address, .bool, .fixedBytes: false
        case .bytes, .string, .array: true
        case .fixedArray(let element, _): element.isDynamic
        case .tuple(let members): members.contains(where: \.isDynamic)
        }
    }

    /// Bytes among the heads: an offset, or the value itself.
    package var headSize: Int {
        switch self {
        case _ where self.isDynamic: Word.byteCount
        case .fixedArray(let element, let count): element.headSize * count
        case .tuple(let members): members.reduce(0) { $0 + $1.headSize }
        default: Word.byteCount
        }
    }
}

/// Reads types; nesting and sizes are bounded.
struct ABITypeParser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { self.position == self.bytes.count }

    mutating func take(_ byte: UInt8) -> Bool {
        guard self.position < self.bytes.count, self.bytes[self.position] == byte else { return false }
        self.position += 1
        return true
    }

    /// One type with its array suffixes.
    mutating func type(depth: Int) -> ABIType? {
        guard depth < ABIType.maximumDepth, var type = self.element(depth: depth) else { return nil }
        var depth = depth
        while self.take(UInt8(ascii: "[")) {
            depth += 1
            guard depth < ABIType.maximumDepth else { return nil }
            if self.take(UInt8(ascii: "]")) {
                type = .array(type)
            } else {
                guard let count = self.number(), count > 0, self.take(UInt8(ascii: "]")),
                    type.headSize * count <= ABIType.maximumHeadSize
                else { return nil }
                type = .fixedArray(type, count: count)
            }
        }
        return type
    }

    private mutating func element(depth: Int) -> ABIType? {
        if self.position < self.bytes.count, self.bytes[self.position] == UInt8(ascii: "(") {
            guard let members = self.members(depth: depth + 1), !members.isEmpty else { return nil }
            return .tuple(members)
        }
        let start = self.position
        while self.position < self.bytes.count,
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self.bytes[self.position])
        { self.position += 1 }
        let word = String(decoding: self.bytes[start..<self.position], as: UTF8.self)
        let hasNumber =
            self.position < self.bytes.count
            && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self.bytes[self.position])
        guard hasNumber else {
            switch word {
            case "uint": return .uint(bits: 256)
            case "int": return .int(bits: 256)
            case "address": return .address
            case "bool": return .bool
            case "bytes": return .bytes
            case "string": return .string
            default: return nil
            }
        }
        guard let number = self.number() else { return nil }
        let isWidth = number.isMultiple(of: 8) && (8...256).contains(number)
        switch word {
        case "uint" where isWidth: return .uint(bits: number)
        case "int" where isWidth: return .int(bits: number)
        case "bytes" where (1...32).contains(number): return .fixedBytes(count: number)
        default: return nil
        }
    }

    /// A list in parentheses, which may be empty.
    mutating func members(depth: Int) -> [ABIType]? {
        guard self.take(UInt8(ascii: "(")) else { return nil }
        if self.take(UInt8(ascii: ")")) { return [] }
        var members: [ABIType] = []
        var size = 0
        while true {
            guard let member = self.type(depth: depth) else { return nil }
            members.append(member)
            size += member.headSize
            guard size <= ABIType.maximumHeadSize else { return nil }
            if self.take(UInt8(ascii: ")")) { return members }
            guard self.take(UInt8(ascii: ",")) else { return nil }
        }
    }

    /// A number without leading zeros, small enough to multiply with a head's size.
    private mutating func number() -> Int? {
        var number = 0
        let start = self.position
        while self.position < self.bytes.count, let digit = Self.digit(self.bytes[self.position]) {
            number = number * 10 + digit
            self.position += 1
            guard number <= ABIType.maximumHeadSize else { return nil }
        }
        let count = self.position - start
        guard count > 0, count == 1 || self.bytes[start] != UInt8(ascii: "0") else { return nil }
        return number
    }

    private static func digit(_ byte: UInt8) -> Int? {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) ? Int(byte - UInt8(ascii: "0")) : nil
    }
}
