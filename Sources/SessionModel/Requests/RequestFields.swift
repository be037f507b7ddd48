/// Reads the fields of one JSON object and collects everything that is wrong with it, so that a caller learns of all
/// problems at once.
///
/// Ask for every field the call knows, then `finish()`: fields nobody asked for are refused by name.
package struct RequestFields {
    /// Problems reported at most; a body can hold more.
    package static let maximumProblems = 50

    private let members: [JSONValue.Member]
    private let prefix: String
    private let isObject: Bool
    private var known: Set<String> = []
    private var problems: [DaypassError.Detail] = []

    /// Begins with a request body; nil (no body) counts as an object without fields.
    package init(_ body: JSONValue?) { self.init(body ?? .object([]), prefix: "") }

    private init(_ value: JSONValue, prefix: String) {
        self.prefix = prefix
        if case .object(let members) = value {
            self.members = members
            self.isObject = true
        } else {
            self.members = []
            self.isObject = false
        }
    }

    /// Ends the reading; throws `validation_error` with every problem found.
    package consuming func finish() throws(DaypassError) {
        let problems = self.allProblems()
        guard problems.isEmpty else {
            throw DaypassError(.validationError, details: Array(problems.prefix(Self.maximumProblems)))
        }
    }

    private func allProblems() -> [DaypassError.Detail] {
        guard self.isObject else {
            return [.init(path: self.prefix, message: "must be a JSON object")]
        }
        let unknown = self.members.filter { !self.known.contains($0.name) }.prefix(Self.maximumProblems)
            .map { member in
                // By scalars: a single character may have any number of them.
                let name = String(String.UnicodeScalarView(member.name.unicodeScalars.prefix(64)))
                return DaypassError.Detail(path: self.path(name), message: "is not a known field")
            }
        return self.problems + unknown
    }

    private func path(_ name: String) -> String { self.prefix.isEmpty ? name : "\(self.prefix).\(name)" }

    private mutating func value(_ name: String) -> JSONValue? {
        self.known.insert(name)
        return self.members.first { $0.name == name }?.value
    }

    /// Notes something wrong with the field called `name`.
    package mutating func refuse(_ name: String, _ message: String) {
        self.problems.append(.init(path: self.path(name), message: message))
    }

    /// Notes that a field the call cannot do without is missing.
    package mutating func require(_ name: String) {
        if !self.members.contains(where: { $0.name == name }) { self.refuse(name, "is required") }
    }

    /// A field of whatever kind, which the caller reads by itself or ignores; nil when absent.
    package mutating func any(_ name: String) -> JSONValue? { self.value(name) }

    /// A boolean field; nil when absent or refused.
    package mutating func bool(_ name: String) -> Bool? {
        guard let value = self.value(name) else { return nil }
        if case .bool(let flag) = value { return flag }
        self.refuse(name, "must be true or false")
        return nil
    }

    /// An integer field within `range`; strings and fractions are refused.
    package mutating func integer(_ name: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = self.value(name) else { return nil }
        if case .integer(let number) = value, range.contains(number) { return number }
        self.refuse(name, "must be an integer from \(range.lowerBound) to \(range.upperBound)")
        return nil
    }

    /// A string field with a number of Unicode scalars within `length`.
    package mutating func string(_ name: String, length: ClosedRange<Int>) -> String? {
        guard let value = self.value(name) else { return nil }
        guard case .string(let text) = value else {
            self.refuse(name, "must be a string")
            return nil
        }
        let count = text.unicodeScalars.count
        if count < length.lowerBound {
            self.refuse(name, length.lowerBound == 1 ? "must not be empty" : "is too short")
            return nil
        }
        guard count <= length.upperBound else {
            self.refuse(name, "must be at most \(length.upperBound) characters")
            return nil
        }
        // Stores and tools written in C would take it for the end.
        guard !text.utf8.contains(0) else {
            self.refuse(name, "must not contain U+0000")
            return nil
        }
        return text
    }

    /// A string field that is one of an enumeration's raw values.
    package mutating func choice<Value: RawRepresentable & CaseIterable>(_ name: String, of _: Value.Type) -> Value?
    where Value.RawValue == String {
        guard let value = self.value(name) else { return nil }
        if case .string(let text) = value, let chosen = Value(rawValue: text) { return chosen }
        self.refuse(name, "must be one of: \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        return nil
    }

    /// An array with a number of strings within `count`; `check` says what is wrong with one, or nil.
    package mutating func strings(
        _ name: String,
        count: ClosedRange<Int>,
        check: (String) -> String?
    ) -> [String]? {
        guard let value = self.value(name) else { return nil }
        guard case .array(let elements) = value else {
            self.refuse(name, "must be an array of strings")
            return nil
        }
        guard elements.count >= count.lowerBound else {
            self.refuse(name, "must not be empty")
            return nil
        }
        guard elements.count <= count.upperBound else {
            self.refuse(name, "must have at most \(count.upperBound) entries")
            return nil
        }
        var strings: [String] = []
        for (index, element) in elements.enumerated() {
            guard case .string(let text) = element else {
                self.refuse("\(name)[\(index)]", "must be a string")
                continue
            }
            if let problem = check(text) {
                self.refuse("\(name)[\(index)]", problem)
            } else {
                strings.append(text)
            }
        }
        return strings
    }

    /// An object field read by `read`, whose problems are reported under the field's path; nil when absent.
    package mutating func object<Value>(_ name: String, read: (inout RequestFields) -> Value) -> Value? {
        guard let value = self.value(name) else { return nil }
        var nested = RequestFields(value, prefix: self.path(name))
        let result = read(&nested)
        self.problems += nested.allProblems()
        return result
    }

    /// An array of objects, each read by `read`, whose problems are reported under the element's path.
    ///
    /// What it answers nil for stays in its place as nil.
    package mutating func objects<Value>(
        _ name: String,
        count: ClosedRange<Int>,
        read: (inout RequestFields) -> Value?
    ) -> [Value?]? {
        guard let value = self.value(name) else { return nil }
        guard case .array(let elements) = value else {
            self.refuse(name, "must be an array of objects")
            return nil
        }
        guard count.contains(elements.count) else {
            self.refuse(name, "must have \(count.lowerBound) to \(count.upperBound) entries")
            return nil
        }
        var values: [Value?] = []
        for (index, element) in elements.enumerated() {
            var nested = RequestFields(element, prefix: self.path("\(name)[\(index)]"))
            values.append(read(&nested))
            self.problems += nested.allProblems()
        }
        return values
    }
}
