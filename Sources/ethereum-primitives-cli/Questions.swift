import EthereumPrimitives
import SessionModel

/// A question that cannot be understood.
struct Misunderstood: Error {
    let what: String
}

/// The questions by name.
enum Questions {
    static func answer(_ request: JSONValue) throws -> JSONValue {
        switch try request.text("op") {
        case "keccak": return .string(Keccak256.hash(try request.bytes("data")).hex)
        case "rlp-encode": return .string(Hex.encode(try RLPItem(json: try request.member("item")).encoded))
        case "rlp-decode": return try RLPItem.decode(try request.bytes("data")).json
        case "abi-encode":
            let types = try request.types("types")
            let values = try ABIValue.list(json: try request.member("values"), types: types)
            return .string(Hex.encode(ABI.encode(values)))
        case "abi-decode":
            let types = try request.types("types")
            let values = try ABI.decode(try request.bytes("data"), as: types)
            return .array(zip(types, values).map { $1.json(as: $0) })
        case "selector":
            guard let function = ABIFunction(try request.text("signature")) else {
                throw Misunderstood(what: "signature")
            }
            return .string(function.selector.description)
        case "checksum": return .string(try request.address("address").checksummed)
        case "address-is-valid": return .bool(EthereumAddress(parsing: try request.text("address")) != nil)
        case "personal-digest": return .string(SignedMessage.digest(of: try request.bytes("data")).hex)
        case "typed-data-digest": return .string(try TypedData(json: try request.member("data")).digest().hex)
        case "user-operation-hash": return try Self.userOperationHash(request)
        case "create2":
            let address = EthereumAddress.create2(
                deployer: try request.address("deployer"),
                salt: try request.word("salt"),
                initCodeHash: try request.word("initCodeHash")
            )
            return .string(address.checksummed)
        case "authorization-digest":
            let digest = CodeAuthorization.digest(
                chainID: try request.uint64("chainId"),
                delegate: try request.address("address"),
                nonce: try request.uint64("nonce")
            )
            return .string(digest.hex)
        case "sign": return .string(Hex.encode(try request.key("key").sign(try request.word("digest")).bytes))
        case "key-address": return .string(try request.key("key").address.checksummed)
        case "recover":
            let signature = try RecoverableSignature(bytes: try request.bytes("signature"))
            return signature.signer(of: try request.word("digest")).map { .string($0.checksummed) } ?? .null
        case "verify":
            guard let key = PublicKey(bytes: try request.bytes("publicKey")) else {
                throw Misunderstood(what: "publicKey")
            }
            let signature = try RecoverableSignature(bytes: try request.bytes("signature"))
            return .bool(key.verifies(signature, of: try request.word("digest")))
        case "verify-delegation": return try Delegations.verify(request)
        case let other: throw Misunderstood(what: other)
        }
    }

    private static func userOperationHash(_ request: JSONValue) throws -> JSONValue {
        guard let version = EntryPoint.Version(rawValue: try request.text("version")) else {
            throw Misunderstood(what: "version")
        }
        let delegate = request["delegate"] == nil ? nil : try request.address("delegate")
        let hash = EntryPoint(version, at: try request.address("entryPoint"))
            .hash(
                try UserOperation(json: try request.member("operation")),
                chainID: try request.uint64("chainId"),
                delegate: delegate
            )
        return .string(hash.hex)
    }
}

extension JSONValue {
    func member(_ name: String) throws -> JSONValue {
        guard let value = self[name] else { throw Misunderstood(what: name) }
        return value
    }

    func text(_ name: String) throws -> String {
        guard case .string(let text)? = self[name] else { throw Misunderstood(what: name) }
        return text
    }

    func bytes(_ name: String) throws -> [UInt8] {
        guard let bytes = Hex.decode(try self.text(name)) else { throw Misunderstood(what: name) }
        return bytes
    }

    func word(_ name: String) throws -> Word {
        guard let word = Word(bytes: try self.bytes(name)) else { throw Misunderstood(what: name) }
        return word
    }

    func address(_ name: String) throws -> EthereumAddress {
        guard let address = EthereumAddress(hex: try self.text(name)) else { throw Misunderstood(what: name) }
        return address
    }

    func key(_ name: String) throws -> PrivateKey {
        guard let key = PrivateKey(bytes: try self.bytes(name)) else { throw Misunderstood(what: name) }
        return key
    }

    func uint64(_ name: String) throws -> UInt64 {
        guard let number = UInt64(try self.text(name)) else { throw Misunderstood(what: name) }
        return number
    }

    func uint128(_ name: String) throws -> UInt128 {
        guard let number = UInt128(try self.text(name)) else { throw Misunderstood(what: name) }
        return number
    }

    func types(_ name: String) throws -> [ABIType] {
        guard case .array(let texts)? = self[name] else { throw Misunderstood(what: name) }
        return try texts.map { text in
            guard case .string(let text) = text, let type = ABIType(text) else { throw Misunderstood(what: name) }
            return type
        }
    }
}
