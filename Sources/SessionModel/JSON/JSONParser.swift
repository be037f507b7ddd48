/// Reads one JSON text strictly (RFC 8259): UTF-8 only, no duplicate names, nothing after the value, bounded depth.
///
/// The caller bounds the length of the text; memory use is proportional to it, and bounded by the number of values too,
/// because a value takes many times the two bytes it may be written with.
package struct JSONParser {
    /// Arrays and objects inside each other at most, unless the caller says otherwise.
    package static let maximumDepth = 16

    /// Values in one text at most.
    package static let maximumValues = 200_000

    private let bytes: [UInt8]
    private let maximumDepth: Int
    private var values = 0
    private var position = 0
    private var depth = 0

    private init(_ bytes: [UInt8], maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    /// Reads `bytes`; throws `bad_request` saying what is wrong and at which byte.
    package static func parse(
        _ bytes: [UInt8],
        maximumDepth: Int = Self.maximumDepth
    ) throws(DaypassError) -> JSONValue {
        var parser = JSONParser(bytes, maximumDepth: maximumDepth)
        parser.skipSpace()
        let value = try parser.value()
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.problem("unexpected text after the value") }
        return value
    }

    private func problem(_ what: String) -> DaypassError {
        DaypassError(.badRequest, "The body is not valid JSON: \(what) at byte \(self.position).")
    }

    private var current: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private mutating func skipSpace() {
        while let byte = self.current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            self.position += 1
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard self.current == byte else { return false }
        self.position += 1
        return true
    }

    private mutating func value() throws(DaypassError) -> JSONValue {
        self.values += 1
        guard self.values <= Self.maximumValues else { throw self.problem("there are too many values") }
        switch self.current {
        case UInt8(ascii: "{"): return try self.object()
        case UInt8(ascii: "["): return try self.array()
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "t"): return try self.word("true", .bool(true))
        case UInt8(ascii: "f"): return try self.word("false", .bool(false))
        case UInt8(ascii: "n"): return try self.word("null", .null)
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return try self.number()
        case nil: throw self.problem("it ends too early")
        default: throw self.problem("unexpected character")
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(DaypassError) -> JSONValue {
        let expected = word.withUTF8Buffer { Array($0) }
        guard self.bytes[self.position...].starts(with: expected) else { throw self.problem("unexpected character") }
        self.position += expected.count
        return value
    }

    private mutating func enter() throws(DaypassError) {
        self.position += 1
        self.depth += 1
        guard self.depth <= self.maximumDepth else { throw self.problem("it is nested too deeply") }
        self.skipSpace()
    }

    private mutating func object() throws(DaypassError) -> JSONValue {
        try self.enter()
        var members: [JSONValue.Member] = []
        var names: Set<String> = []
        if self.take(UInt8(ascii: "}")) {
            self.depth -= 1
            return .object(members)
        }
        while true {
            guard self.current == UInt8(ascii: "\"") else { throw self.problem("expected a member name") }
            let name = try self.string()
            guard names.insert(name).inserted else { throw self.problem("a member name is repeated") }
            self.skipSpace()
            guard self.take(UInt8(ascii: ":")) else { throw self.problem("expected a colon") }
            self.skipSpace()
            members.append(.init(name, try self.value()))
            self.skipSpace()
            if self.take(UInt8(ascii: "}")) { break }
            guard self.take(UInt8(ascii: ",")) else { throw self.problem("expected a comma or a closing brace") }
            self.skipSpace()
        }
        self.depth -= 1
        return .object(members)
    }

    private mutating func array() throws(DaypassError) -> JSONValue {
        try self.enter()
        var elements: [JSONValue] = []
        if self.take(UInt8(ascii: "]")) {
            self.depth -= 1
            return .array(elements)
        }
        while true {
            elements.append(try self.value())
            self.skipSpace()
            if self.take(UInt8(ascii: "]")) { break }
            guard self.take(UInt8(ascii: ",")) else { throw self.problem("expected a comma or a closing bracket") }
            self.skipSpace()
        }
        self.depth -= 1
        return .array(elements)
    }

    private mutating func digits() -> Int {
        let start = self.position
        while let byte = self.current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.position += 1 }
        return self.position - start
    }

    private mutating func number() throws(DaypassError) -> JSONValue {
        let start = self.position
        _ = self.take(UInt8(ascii: "-"))
        let leadingZero = self.current == UInt8(ascii: "0")
        let integerDigits = self.digits()
        guard integerDigits > 0, !leadingZero || integerDigits == 1 else { throw self.problem("invalid number") }
        var isPlain = true
        if self.take(UInt8(ascii: ".")) {
            isPlain = false
            guard self.digits() > 0 else { throw self.problem("invalid number") }
        }
        if self.take(UInt8(ascii: "e")) || self.take(UInt8(ascii: "E")) {
            isPlain = false
            if !self.take(UInt8(ascii: "+")) { _ = self.take(UInt8(ascii: "-")) }
            guard self.digits() > 0 else { throw self.problem("invalid number") }
        }
        let text = String(decoding: self.bytes[start..<self.position], as: UTF8.self)
        if isPlain, let integer = Int(text) { return .integer(integer) }
        let value = Double(text) ?? .infinity
        // Above 2^53 a double no longer says which integer was meant.
        if abs(value) <= 0x1p53, let integer = Int(exactly: value) { return .integer(integer) }
        return .fraction(value)
    }

    private mutating func string() throws(DaypassError) -> String {
        self.position += 1
        let opening = self.position
        var content: [UInt8] = []
        while true {
            guard let byte = self.current else { throw self.problem("a string does not end") }
            self.position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: content, as: UTF8.self) else {
                    self.position = opening
                    throw self.problem("a string is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"): try self.escape(into: &content)
            case 0..<0x20: throw self.problem("a control character in a string")
            default: content.append(byte)
            }
        }
    }

    private mutating func escape(into content: inout [UInt8]) throws(DaypassError) {
        guard let byte = self.current else { throw self.problem("a string does not end") }
        self.position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var code = try self.hexadecimal()
            if (0xD800..<0xDC00).contains(code) {
                guard self.take(UInt8(ascii: "\\")), self.take(UInt8(ascii: "u")) else {
                    throw self.problem("half of a surrogate pair")
                }
                let low = try self.hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw self.problem("half of a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw self.problem("half of a surrogate pair") }
            content.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw self.problem("invalid escape")
        }
    }

    private mutating func hexadecimal() throws(DaypassError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = self.current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw self.problem("invalid escape")
            }
            code = code << 4 | UInt32(digit)
            self.position += 1
        }
        return code
    }
}
