import BigInt
import DaypassTestSupport
import EthereumPrimitives
import Testing

@Suite struct ABITests {
    /// The two examples of the ABI's specification.
    @Test func specificationExamples() throws {
        let sam = try #require(ABIFunction("sam(bytes,bool,uint256[])"))
        let first: [ABIValue] = [
            .string("dave"), .bool(true), .array([.uint(1), .uint(2), .uint(3)]),
        ]
        let encoded = sam.encodeCall(first)
        #expect(
            Hex.encode(encoded) == "0xa5643bf2"
                + "0000000000000000000000000000000000000000000000000000000000000060"
                + "0000000000000000000000000000000000000000000000000000000000000001"
                + "00000000000000000000000000000000000000000000000000000000000000a0"
                + "0000000000000000000000000000000000000000000000000000000000000004"
                + "6461766500000000000000000000000000000000000000000000000000000000"
                + "0000000000000000000000000000000000000000000000000000000000000003"
                + "0000000000000000000000000000000000000000000000000000000000000001"
                + "0000000000000000000000000000000000000000000000000000000000000002"
                + "0000000000000000000000000000000000000000000000000000000000000003"
        )
        #expect(try sam.decodeCall(encoded) == first)

        let function = try #require(ABIFunction("f(uint256,uint32[],bytes10,bytes)"))
        let ten = try #require(ABIValue.fixedBytes("1234567890".utf8))
        let second: [ABIValue] = [
            .uint(0x123), .array([.uint(0x456), .uint(0x789)]), ten, .string("Hello, world!"),
        ]
        #expect(function.selector == FunctionSelector(0x8BE6_5246))
        #expect(try function.decodeCall(function.encodeCall(second)) == second)
    }

    @Test(arguments: [
        ("uint", "uint256"), ("int", "int256"), ("uint8[3][]", "uint8[3][]"),
        ("(bytes1,address,bytes4,uint256,(uint8,uint64,bytes32[])[])[]", nil),
    ])
    func readsTypes(text: String, name: String?) {
        #expect(ABIType(text)?.name == name ?? text)
    }

    @Test(arguments: [
        "", "uint7", "uint0", "uint264", "uint08", "bytes0", "bytes33", "bytes01", "uint256[0]", "uint256[-1]",
        "uint256[01]", "uint256[", "uint256]", "()", "()[]", "(uint256", "uint256)", "(uint256,)", "function",
        "fixed128x18", "uint256 ", "Uint256", "uint256[99999999999999999999]", "uint256[1000000][1000000]",
        String(repeating: "(", count: 5000), "uint8" + String(repeating: "[]", count: 16),
        String(repeating: "(", count: 16) + "bool" + String(repeating: ")", count: 16),
    ])
    func refusesTypes(text: String) { #expect(ABIType(text) == nil) }

    @Test(arguments: ["transfer", "transfer(address)x", "1f()", "f g()", "(address)", "f((),uint8)", "é()"])
    func refusesSignatures(text: String) { #expect(ABIFunction(text) == nil) }

    @Test(
        arguments: [
            ("transfer(address,uint256)", 0xA905_9CBB), ("execute(bytes32,bytes)", 0xE9AE_5C53),
            ("eip712Domain()", 0x84B0_196E), ("currentNonce()", 0xADB6_10A3), ("rootValidator()", 0xF1F7_F0F9),
        ] as [(String, UInt32)]
    )
    func selectors(signature: String, selector: UInt32) {
        #expect(ABIFunction(signature)?.selector == FunctionSelector(selector))
    }

    private static let zero = String(repeating: "0", count: 64)
    private static let three = String(repeating: "0", count: 63) + "3"
    private static let offset20 = String(repeating: "0", count: 62) + "20"
    private static let offset40 = String(repeating: "0", count: 62) + "40"
    private static let ones = String(repeating: "f", count: 64)
    private static let abc = "616263" + String(repeating: "0", count: 58)

    @Test(
        arguments: [
            (["bytes"], [offset20, three, abc], nil),
            (["bytes"], [offset40, three, abc], .offsetNotCanonical),
            (["bytes"], [offset40, zero, three, abc], .offsetNotCanonical),
            (["bytes"], [offset20, three, abc, zero], .trailingBytes),
            (["bytes"], [offset20, three], .endsTooEarly),
            (["bytes"], [offset20, three, "61626364" + String(repeating: "0", count: 56)], .dirtyPadding),
            (["bytes"], [offset20, ones], .lengthTooLarge),
            (["string"], [offset20, three, "ff6263" + String(repeating: "0", count: 58)], .notUTF8),
            (["bool"], [three], .dirtyWord),
            (["uint8"], [ones], .dirtyWord),
            (["int8"], [ones], nil),
            (["int8"], [String(repeating: "0", count: 62) + "80"], .dirtyWord),
            (["address"], [ones], .dirtyWord),
            (["bytes4"], [abc], nil),
            (["bytes2"], [abc], .dirtyWord),
            (["uint256[]"], [offset20, three, zero, zero], .lengthTooLarge),
            (["uint256[]"], [offset20, ones], .lengthTooLarge),
            (["uint256[1000]"], [zero], .endsTooEarly),
            // Two items that share one tail: half the bytes, twice the values.
            (
                ["bytes[]"], [offset20, String(repeating: "0", count: 63) + "2", offset40, offset40, zero],
                .offsetNotCanonical
            ),
            ([], [], nil),
            ([], [zero], .trailingBytes),
        ] as [([String], [String], ABIError?)]
    )
    func decodesStrictly(types: [String], words: [String], error: ABIError?) throws {
        let bytes = try #require(Hex.decode("0x" + words.joined()))
        let types = try types.map { try #require(ABIType($0)) }
        if let error {
            #expect(throws: error) { try ABI.decode(bytes, as: types) }
        } else {
            #expect(ABI.encode(try ABI.decode(bytes, as: types)) == bytes)
        }
    }

    @Test func refusesTypesWithoutBytes() {
        let lengths = Word(UInt64(32)).bytes + Word(UInt64.max).bytes
        #expect(throws: ABIError.typeNotSupported) { try ABI.decode(lengths, as: [.array(.tuple([]))]) }
    }

    /// Valid bytes with one or two changes: what is read at all is what writing it gives.
    @Test func readingAcceptsOnlyWhatWritingGives() throws {
        var generator = SeededGenerator(seed: 3)
        let types = try ["(bytes1,address,bytes4,uint256,(uint8,uint64,bytes32[])[])[]", "bytes[]", "string"]
            .map { try #require(ABIType($0)) }
        let rule = ABIValue.tuple([.uint(1), .uint(32), .array([.uint(5), .uint(6)])])
        let address = try #require(EthereumAddress(hex: "0x036CbD53842c5426634e7929541eC2318f3dCF7e"))
        let permission = ABIValue.tuple([
            .word(.zero), .address(address), .selector(FunctionSelector(0xA905_9CBB)), .uint(0), .array([rule, rule]),
        ])
        let valid = ABI.encode([
            .array([permission]), .array([.bytes([1, 2, 3]), .bytes([])]), .string("text"),
        ])
        #expect(throws: Never.self) { try ABI.decode(valid, as: types) }
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...2, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[index] =
                    Bool.random(using: &generator) ? bytes[index] ^ 0x20 : .random(in: 0...255, using: &generator)
            }
            guard let values = try? ABI.decode(bytes, as: types) else {
                refused += 1
                continue
            }
            #expect(ABI.encode(values) == bytes)
            #expect(zip(types, values).allSatisfy { $0.admits($1) })
        }
        #expect(refused > 1000)
    }

    @Test func integersOfWords() {
        #expect(Word(signed: -1)?.hex == "0x" + String(repeating: "f", count: 64))
        #expect(Word(signed: -(BigInt(1) << 255))?.signedInteger == -(BigInt(1) << 255))
        #expect(Word(signed: -(BigInt(1) << 255) - 1) == nil)
        #expect(Word(signed: BigInt(1) << 255) == nil)
        #expect(Word(unsigned: BigUInt(1) << 256) == nil)
        #expect(Word(unsigned: (BigUInt(1) << 256) - 1)?.integer == (BigUInt(1) << 256) - 1)
        #expect(Word(uint128: .max).uint128 == .max)
        #expect(Word(uint128: .max).uint64 == nil)
        #expect(Word(UInt64(7)) < Word(UInt64(8)) && Word(UInt64.max) < Word(uint128: UInt128(1) << 64))
    }
}
