import BigInt
import EthereumPrimitives
import SessionModel

extension DelegationBlob {
    /// Reads what the SDK's `serializePermissionAccount` wrote.
    ///
    /// Base64 and JSON are strict, unknown fields and repeated names are refused, and everything has a limit.
    package init(serialized text: String) throws(DelegationRefusal) {
        guard text.utf8.count <= Self.maximumLength else { throw DelegationRefusal(.blobTooLarge) }
        guard let bytes = StandardBase64.decode(text) else { throw DelegationRefusal(.blobNotBase64) }
        let json: JSONValue
        do throws(DaypassError) {
            json = try JSONParser.parse(bytes, maximumDepth: Self.maximumDepth)
        } catch {
            throw DelegationRefusal(.blobNotJSON)
        }
        var fields = RequestFields(json)
        let blob = DelegationBlob(fields: &fields)
        do throws(DaypassError) {
            try fields.finish()
        } catch {
            let detail = error.details.first
            throw DelegationRefusal(.blobFieldInvalid, at: detail?.path, note: detail?.message)
        }
        guard let blob else { throw DelegationRefusal(.blobFieldInvalid) }
        self = blob
    }

    private init?(fields: inout RequestFields) {
        for name in ["permissionParams", "action", "accountParams"] { fields.require(name) }
        let permission = fields.object("permissionParams") { fields -> ([PermissionPolicy?], PermissionID?)? in
            fields.require("policies")
            let policies = fields.objects("policies", count: 1...Self.maximumPolicies) { fields in
                fields.require("policyParams")
                return fields.object("policyParams") { PermissionPolicy(fields: &$0) } ?? nil
            }
            return (policies ?? [], fields.parsed("permissionId", "must be four bytes") { PermissionID(hex: $0) })
        }
        let action = fields.object("action") { fields -> Action? in
            fields.require("selector")
            fields.require("address")
            let selector = fields.parsed("selector", "must be four bytes") { FunctionSelector(hex: $0) }
            let address = fields.address("address")
            let hook = fields.object("hook") { fields -> EthereumAddress? in
                fields.require("address")
                return fields.address("address")
            }
            guard let selector, let address else { return nil }
            return Action(selector: selector, address: address, hook: (hook ?? nil) ?? .zero)
        }
        // Neither signed nor enforced.
        _ = fields.object("validityData") { fields in
            _ = fields.seconds("validAfter")
            _ = fields.seconds("validUntil")
        }
        let account = fields.object("accountParams") { fields -> ([UInt8], EthereumAddress)? in
            fields.require("initCode")
            fields.require("accountAddress")
            let code = fields.bytes("initCode")
            let address = fields.address("accountAddress")
            guard let code, let address else { return nil }
            return (code, address)
        }
        let signature = fields.bytes("enableSignature")
        let hasPrivateKey = fields.any("privateKey") != nil
        let authorization = fields.object("eip7702Auth") { Authorization(fields: &$0) }
        let isPreinstalled = fields.bool("isPreInstalled") ?? false
        guard let permission, let permission, let action, let action, let account, let account else { return nil }
        self.init(
            policies: permission.0.compactMap(\.self),
            permissionID: permission.1,
            action: action,
            initCode: account.0,
            account: account.1,
            enableSignature: signature,
            hasPrivateKey: hasPrivateKey,
            authorization: authorization ?? nil,
            isPreinstalled: isPreinstalled
        )
    }
}

extension DelegationBlob.Authorization {
    fileprivate init?(fields: inout RequestFields) {
        for name in ["address", "chainId", "nonce", "r", "s", "yParity"] { fields.require(name) }
        let delegate = fields.address("address")
        let chainID = fields.number("chainId")
        let nonce = fields.number("nonce")
        let r = fields.parsed("r", "must be 32 bytes") { Word(hex: $0) }
        let s = fields.parsed("s", "must be 32 bytes") { Word(hex: $0) }
        let parity = fields.integer("yParity", in: 0...1)
        let v = fields.parsed("v", "must be a decimal string") { Decimal.parse($0)?.uint64 }
        guard let delegate, let chainID, let nonce, let r, let s, let parity else { return nil }
        self.init(delegate: delegate, chainID: chainID, nonce: nonce, r: r, s: s, yParity: parity == 1, v: v)
    }
}

/// Unsigned integers as decimal text, as `JSON.stringify` gets them from bigints.
enum Decimal {
    /// Digits without sign and leading zeros, below 2^256; nil for anything else.
    static func parse(_ text: String) -> Word? {
        let digits = text.utf8
        guard (1...78).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0"),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return BigUInt(text).flatMap { Word(unsigned: $0) }
    }
}

extension RequestFields {
    /// Up to which integers of JSON are exact for JavaScript.
    static let exactIntegers = 1 << 53 - 1

    /// A string field of any length that the blob's own limit allows.
    mutating func parsed<Value>(_ name: String, _ form: String, parse: (String) -> Value?) -> Value? {
        self.parsed(name, length: 0...DelegationBlob.maximumLength, form, parse: parse)
    }

    /// An address; its checksum is not looked at, as the SDK writes all kinds of letter case.
    mutating func address(_ name: String) -> EthereumAddress? {
        self.parsed(name, "must be an address of 20 bytes") { EthereumAddress(hex: $0) }
    }

    /// Bytes.
    mutating func bytes(_ name: String) -> [UInt8]? {
        self.parsed(name, "must be hexadecimal bytes with 0x") { Hex.decode($0) }
    }

    /// A JSON number that is an unsigned integer.
    mutating func number(_ name: String) -> UInt64? {
        self.integer(name, in: 0...Self.exactIntegers).map { UInt64($0) }
    }

    /// A JSON number that fits `uint48`.
    mutating func seconds(_ name: String) -> UInt64? {
        self.integer(name, in: 0...Int(PermissionPolicy.maximumSeconds)).map { UInt64($0) }
    }
}
