/// Structured data that people sign with a wallet (EIP-712).
package struct TypedData: Sendable {
    /// One member of a structure.
    package struct Field: Equatable, Sendable {
        /// The member's name.
        package var name: String
        /// The member's type: of the ABI, a structure's name, or arrays of them.
        package var type: String

        /// Names a member and its type.
        package init(_ name: String, _ type: String) {
            self.name = name
            self.type = type
        }
    }

    /// A value in a message.
    package indirect enum Value: Sendable {
        /// A value of one word.
        case word(Word)
        /// The content of `bytes` or `string`.
        case bytes([UInt8])
        /// The elements of an array.
        case array([Value])
        /// The members of a structure by name.
        case structure([String: Value])
    }

    /// What is wrong with typed data.
    package enum Problem: Error, Equatable, Sendable {
        /// A type is neither one of the ABI nor defined.
        case unknownType(String)
        /// A member is missing, is not defined, or has a value of another type.
        case wrongValue(String)
        /// Structures or arrays inside each other, too deep.
        case tooDeep
    }

    /// Structures and arrays inside each other at most.
    package static let maximumDepth = 32

    /// The structures by name; the domain's type is not one of them.
    package var types: [String: [Field]]
    /// The structure of the message.
    package var primaryType: String
    /// For whom it is signed.
    package var domain: EIP712Domain
    /// The members of the message.
    package var message: [String: Value]

    /// Makes typed data.
    package init(types: [String: [Field]], primaryType: String, domain: EIP712Domain, message: [String: Value]) {
        self.types = types
        self.primaryType = primaryType
        self.domain = domain
        self.message = message
    }

    /// What is signed.
    package func digest() throws(Problem) -> Word {
        let hash = try self.hash(of: self.message, type: self.primaryType, depth: 0)
        return self.domain.digest(ofStruct: hash)
    }

    /// The text of a structure's type, with those of the structures in it behind it, in the order of their names.
    package func encodedType(_ name: String) throws(Problem) -> String {
        var found: Set<String> = []
        var waiting = [name]
        while let next = waiting.popLast() {
            guard found.insert(next).inserted else { continue }
            guard let fields = self.types[next] else { throw .unknownType(next) }
            waiting += fields.map { Self.elementType($0.type) }.filter { self.types[$0] != nil }
        }
        found.remove(name)
        // The standard orders by bytes, as ASCII names compare.
        let others = found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return ([name] + others)
            .map { type in
                "\(type)(\((self.types[type] ?? []).map { "\($0.type) \($0.name)" }.joined(separator: ",")))"
            }
            .joined()
    }

    private static func elementType(_ type: String) -> String { String(type.prefix { $0 != "[" }) }

    private func hash(of members: [String: Value], type: String, depth: Int) throws(Problem) -> Word {
        guard depth < Self.maximumDepth else { throw .tooDeep }
        guard let fields = self.types[type] else { throw .unknownType(type) }
        guard members.count == fields.count else { throw .wrongValue(type) }
        var keccak = Keccak256()
        keccak.update(Keccak256.hash(try self.encodedType(type).utf8).bytes)
        for field in fields {
            guard let value = members[field.name] else { throw .wrongValue(field.name) }
            keccak.update(try self.word(of: value, type: field.type, name: field.name, depth: depth + 1).bytes)
        }
        return keccak.finalize()
    }

    /// The one word that stands for a value.
    private func word(of value: Value, type: String, name: String, depth: Int) throws(Problem) -> Word {
        guard depth < Self.maximumDepth else { throw .tooDeep }
        if type.hasSuffix("]"), let opening = type.lastIndex(of: "[") {
            let count = type[type.index(after: opening)...].dropLast()
            guard case .array(let elements) = value, count.isEmpty || Int(count) == elements.count else {
                throw .wrongValue(name)
            }
            var keccak = Keccak256()
            for element in elements {
                let word = try self.word(of: element, type: String(type[..<opening]), name: name, depth: depth + 1)
                keccak.update(word.bytes)
            }
            return keccak.finalize()
        }
        if self.types[type] != nil {
            guard case .structure(let members) = value else { throw .wrongValue(name) }
            return try self.hash(of: members, type: type, depth: depth)
        }
        guard let atom = ABIType(type) else { throw .unknownType(type) }
        switch (atom, value) {
        case (.bytes, .bytes(let content)): return Keccak256.hash(content)
        case (.string, .bytes(let content)) where String(validating: content, as: UTF8.self) != nil:
            return Keccak256.hash(content)
        case (_, .word(let word)) where atom.admits(word): return word
        default: throw .wrongValue(name)
        }
    }
}
