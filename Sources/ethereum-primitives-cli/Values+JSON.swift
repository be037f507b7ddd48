import BigInt
import EthereumPrimitives
import SessionModel

extension RLPItem {
    init(json: JSONValue) throws {
        switch json {
        case .string(let text):
            guard let bytes = Hex.decode(text) else { throw Misunderstood(what: "item") }
            self = .bytes(bytes)
        case .array(let items): self = .list(try items.map { try RLPItem(json: $0) })
        default: throw Misunderstood(what: "item")
        }
    }

    var json: JSONValue {
        switch self {
        case .bytes(let bytes): .string(Hex.encode(bytes))
        case .list(let items): .array(items.map(\.json))
        }
    }
}

extension ABIValue {
    static func list(json: JSONValue, types: [ABIType]) throws -> [ABIValue] {
        guard case .array(let values) = json, values.count == types.count else { throw Misunderstood(what: "values") }
        return try zip(types, values).map { try ABIValue(json: $1, type: $0) }
    }

    init(json: JSONValue, type: ABIType) throws {
        self = try Self.unchecked(json, type)
        guard type.admits(self) else { throw Misunderstood(what: "out of range: \(type.name)") }
    }

    private static func unchecked(_ json: JSONValue, _ type: ABIType) throws -> ABIValue {
        switch (type, json) {
        case (.uint, .string(let text)):
            if let value = BigUInt(text).flatMap({ ABIValue.unsigned($0) }) { return value }
        case (.int, .string(let text)):
            if let value = BigInt(text).flatMap({ ABIValue.signed($0) }) { return value }
        case (.address, .string(let text)):
            if let value = EthereumAddress(hex: text) { return .address(value) }
        case (.bool, .bool(let value)): return .bool(value)
        case (.fixedBytes(let count), .string(let text)):
            if let bytes = Hex.decode(text), bytes.count == count, let value = ABIValue.fixedBytes(bytes) {
                return value
            }
        case (.bytes, .string(let text)):
            if let bytes = Hex.decode(text) { return .bytes(bytes) }
        case (.string, .string(let text)): return .string(text)
        case (.array(let element), .array(let values)):
            return .array(try values.map { try ABIValue(json: $0, type: element) })
        case (.fixedArray(let element, _), .array(let values)):
            return .tuple(try values.map { try ABIValue(json: $0, type: element) })
        case (.tuple(let types), .array): return .tuple(try Self.list(json: json, types: types))
        default: break
        }
        throw Misunderstood(what: type.name)
    }

    func json(as type: ABIType) -> JSONValue {
        switch (type, self) {
        case (.uint, .word(let word)): .string("\(word.integer)")
        case (.int, .word(let word)): .string("\(word.signedInteger)")
        case (.address, .word(let word)): .string(EthereumAddress(truncating: word).hex)
        case (.bool, .word(let word)): .bool(word != .zero)
        case (.fixedBytes(let count), .word(let word)): .string(Hex.encode(word.bytes.prefix(count)))
        case (.bytes, .bytes(let bytes)): .string(Hex.encode(bytes))
        case (.string, .bytes(let bytes)): .string(String(decoding: bytes, as: UTF8.self))
        case (.array(let element), .array(let values)), (.fixedArray(let element, _), .tuple(let values)):
            .array(values.map { $0.json(as: element) })
        case (.tuple(let types), .tuple(let values)): .array(zip(types, values).map { $1.json(as: $0) })
        default: .null
        }
    }
}

extension TypedData {
    /// Reads the form of `eth_signTypedData_v4`; integers are decimal strings.
    init(json: JSONValue) throws {
        guard case .object(let definitions) = try json.member("types") else { throw Misunderstood(what: "types") }
        var types: [String: [Field]] = [:]
        for definition in definitions where definition.name != "EIP712Domain" {
            guard case .array(let fields) = definition.value else { throw Misunderstood(what: definition.name) }
            types[definition.name] = try fields.map { Field(try $0.text("name"), try $0.text("type")) }
        }
        let domain = try json.member("domain")
        var domainData = EIP712Domain()
        domainData.name = domain["name"] == nil ? nil : try domain.text("name")
        domainData.version = domain["version"] == nil ? nil : try domain.text("version")
        domainData.chainID = domain["chainId"] == nil ? nil : Word(try domain.uint64("chainId"))
        domainData.verifyingContract =
            domain["verifyingContract"] == nil ? nil : try domain.address("verifyingContract")
        domainData.salt = domain["salt"] == nil ? nil : try domain.word("salt")
        let primaryType = try json.text("primaryType")
        let message = try Self.value(try json.member("message"), type: primaryType, types: types)
        guard case .structure(let members) = message else { throw Misunderstood(what: "message") }
        self.init(types: types, primaryType: primaryType, domain: domainData, message: members)
    }

    private static func value(_ json: JSONValue, type: String, types: [String: [Field]]) throws -> Value {
        if type.hasSuffix("]"), let opening = type.lastIndex(of: "[") {
            guard case .array(let elements) = json else { throw Misunderstood(what: type) }
            return .array(try elements.map { try Self.value($0, type: String(type[..<opening]), types: types) })
        }
        if let fields = types[type] {
            guard case .object(let members) = json else { throw Misunderstood(what: type) }
            var result: [String: Value] = [:]
            for member in members {
                guard let field = fields.first(where: { $0.name == member.name }) else {
                    throw Misunderstood(what: member.name)
                }
                result[member.name] = try Self.value(member.value, type: field.type, types: types)
            }
            return .structure(result)
        }
        guard let atom = ABIType(type) else { throw Misunderstood(what: type) }
        switch try ABIValue(json: json, type: atom) {
        case .word(let word): return .word(word)
        case .bytes(let bytes): return .bytes(bytes)
        case .array, .tuple: throw Misunderstood(what: type)
        }
    }
}

extension UserOperation {
    init(json: JSONValue) throws {
        guard let nonce = BigUInt(try json.text("nonce")).flatMap({ Word(unsigned: $0) }),
            let preVerificationGas = BigUInt(try json.text("preVerificationGas")).flatMap({ Word(unsigned: $0) })
        else { throw Misunderstood(what: "nonce") }
        var factory: Factory?
        if json["factory"] != nil {
            factory = Factory(address: try json.address("factory"), data: try json.bytes("factoryData"))
        }
        var paymaster: Paymaster?
        if json["paymaster"] != nil {
            paymaster = Paymaster(
                address: try json.address("paymaster"),
                verificationGasLimit: try json.uint128("paymasterVerificationGasLimit"),
                postOpGasLimit: try json.uint128("paymasterPostOpGasLimit"),
                data: try json.bytes("paymasterData")
            )
        }
        self.init(
            sender: try json.address("sender"),
            nonce: nonce,
            factory: factory,
            callData: try json.bytes("callData"),
            callGasLimit: try json.uint128("callGasLimit"),
            verificationGasLimit: try json.uint128("verificationGasLimit"),
            preVerificationGas: preVerificationGas,
            maxFeePerGas: try json.uint128("maxFeePerGas"),
            maxPriorityFeePerGas: try json.uint128("maxPriorityFeePerGas"),
            paymaster: paymaster
        )
    }
}
