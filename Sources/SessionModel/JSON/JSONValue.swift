/// A JSON value whose objects keep their members in order (RFC 8259).
///
/// Requests are read into it before anything is decided, so that every problem of a body can be named at once, and
/// answers are written from it, so that their members come in the documented order.
package indirect enum JSONValue: Equatable, Sendable {
    /// One member of an object.
    package struct Member: Equatable, Sendable {
        /// The member's name.
        package var name: String
        /// The member's value.
        package var value: JSONValue

        /// Pairs a name with a value.
        package init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number with an integral value that fits, however it was written (`3000`, `3000.0`, `3e3`).
    case integer(Int)
    /// Any other number; infinite when its exponent is too large.
    case fraction(Double)
    /// A string.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// An object; names are unique in what `JSONParser` delivers.
    case object([Member])

    /// The first member called `name`; nil when there is none or this is not an object.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// How many values there are in it, itself included.
    package var valueCount: Int {
        switch self {
        case .null, .bool, .integer, .fraction, .string: 1
        case .array(let elements): elements.reduce(1) { $0 + $1.valueCount }
        case .object(let members): members.reduce(1) { $0 + $1.value.valueCount }
        }
    }

    /// Whether a number in it is not an integer that fits, and may not be written again as it was read.
    package var hasFraction: Bool {
        switch self {
        case .fraction: true
        case .null, .bool, .integer, .string: false
        case .array(let elements): elements.contains { $0.hasFraction }
        case .object(let members): members.contains { $0.value.hasFraction }
        }
    }

    /// This value as compact JSON text; fractions that JSON cannot write become `null`.
    package var text: String {
        var output = ""
        self.write(to: &output, isHTMLSafe: false)
        return output
    }

    /// As `text`, with everything escaped that means something to HTML, for answers that a browser may be made to read as
    /// a page.
    package var htmlSafeText: String {
        var output = ""
        self.write(to: &output, isHTMLSafe: true)
        return output
    }

    private func write(to output: inout String, isHTMLSafe: Bool) {
        switch self {
        case .null: output += "null"
        case .bool(let value): output += value ? "true" : "false"
        case .integer(let value): output += String(value)
        case .fraction(let value): output += value.isFinite ? "\(value)" : "null"
        case .string(let value): Self.write(value, to: &output, isHTMLSafe: isHTMLSafe)
        case .array(let elements):
            output += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { output += "," }
                element.write(to: &output, isHTMLSafe: isHTMLSafe)
            }
            output += "]"
        case .object(let members):
            output += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { output += "," }
                Self.write(member.name, to: &output, isHTMLSafe: isHTMLSafe)
                output += ":"
                member.value.write(to: &output, isHTMLSafe: isHTMLSafe)
            }
            output += "}"
        }
    }

    /// Writes a string with nothing escaped but what JSON demands, so that links can be copied from the raw text, and what
    /// HTML would read.
    private static func write(_ string: String, to output: inout String, isHTMLSafe: Bool) {
        output += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case _ where scalar.value < 0x20 || (isHTMLSafe && Self.meansSomethingToHTML(scalar)):
                let digits = String(scalar.value, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }

    private static func meansSomethingToHTML(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "<", ">", "&", "\u{7F}", "\u{2028}", "\u{2029}": true
        default: false
        }
    }
}

extension JSONValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }

    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

    package init(stringLiteral value: String) { self = .string(value) }

    package init(integerLiteral value: Int) { self = .integer(value) }

    package init(booleanLiteral value: Bool) { self = .bool(value) }
}
