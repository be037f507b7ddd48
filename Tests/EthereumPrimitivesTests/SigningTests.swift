import EthereumPrimitives
import Testing

@Suite struct SigningTests {
    static func word(_ hex: String) throws -> Word { try #require(Word(hex: hex)) }

    static func key(_ hex: String) throws -> PrivateKey {
        let bytes = try #require(Hex.decode(hex))
        return try #require(PrivateKey(bytes: bytes))
    }

    /// The examples of EIP-55.
    @Test(arguments: [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        "0x52908400098527886E0F7030069857D2E4169EE7", "0xde709f2102306220921060314715629080e2fb77",
    ])
    func checksums(text: String) {
        #expect(EthereumAddress(hex: text)?.checksummed == text)
        #expect(EthereumAddress(parsing: text) != nil)
        #expect(EthereumAddress(parsing: text.lowercased()) != nil)
    }

    @Test func refusesWrongChecksums() {
        #expect(EthereumAddress(parsing: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD") == nil)
        #expect(EthereumAddress(parsing: "0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed") == nil)
        #expect(EthereumAddress(parsing: "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed") == nil)
        #expect(EthereumAddress(parsing: "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae") == nil)
    }

    @Test func addressesAndWords() throws {
        let address = try #require(EthereumAddress(hex: "0x036CbD53842c5426634e7929541eC2318f3dCF7e"))
        #expect(EthereumAddress(bytes: address.bytes) == address)
        #expect(EthereumAddress(word: address.word) == address)
        #expect(Array(address.word.bytes.suffix(20)) == address.bytes)
        let dirty = try #require(Word(bytes: [1] + address.word.bytes.dropFirst()))
        #expect(EthereumAddress(word: dirty) == nil)
        #expect(EthereumAddress(truncating: dirty) == address)
    }

    /// The nonce of RFC 6979 for the key 1 and the SHA-256 of "Satoshi Nakamoto", as wallets have used it for years.
    @Test func deterministicNonce() throws {
        let key = try Self.key("0x" + String(repeating: "0", count: 63) + "1")
        let digest = try Self.word("0xa0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e")
        let signature = key.sign(digest)
        #expect(signature.r.hex == "0x934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8")
        #expect(signature.s.hex == "0x2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5")
        #expect(signature.bytes.last == 28)
        #expect(signature.signer(of: digest) == key.address)
        #expect(key.publicKey.verifies(signature, of: digest))
        #expect(!key.publicKey.verifies(signature, of: .zero))
        #expect(key.sign(digest) == signature)
    }

    @Test func keysOutsideOfTheGroup() throws {
        #expect(PrivateKey(bytes: Word.zero.bytes) == nil)
        #expect(PrivateKey(bytes: RecoverableSignature.order.bytes) == nil)
        #expect(PrivateKey(bytes: [1, 2, 3]) == nil)
        #expect(PublicKey(bytes: [0x04] + [UInt8](repeating: 1, count: 64)) == nil)
    }

    @Test func descriptionsKeepTheSecret() throws {
        let secret = String(repeating: "42", count: 32)
        let key = try Self.key("0x" + secret)
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), dumped] {
            #expect(!text.contains("4242424242"))
            #expect(text.contains(key.address.checksummed))
        }
    }

    @Test func refusesOtherForms() throws {
        let key = try Self.key("0x" + String(repeating: "42", count: 32))
        let good = key.sign(.zero)
        #expect(try RecoverableSignature(bytes: good.bytes) == good)
        func changed(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
            var bytes = good.bytes
            change(&bytes)
            return bytes
        }
        let high = try #require(Word(unsigned: RecoverableSignature.order.integer - good.s.integer))
        let cases: [([UInt8], RecoverableSignature.Problem)] = [
            (changed { $0.removeLast() }, .length), (changed { $0.append(0) }, .length), ([], .length),
            (changed { $0[64] -= 27 }, .recoveryByte), (changed { $0[64] = 29 }, .recoveryByte),
            ([UInt8](repeating: 0, count: 64) + [27], .outOfRange),
            (RecoverableSignature.order.bytes + good.s.bytes + [27], .outOfRange),
            (good.r.bytes + high.bytes + [good.yParity ? 27 : 28], .highS),
        ]
        for (bytes, problem) in cases {
            #expect(throws: problem) { try RecoverableSignature(bytes: bytes) }
        }
    }

    @Test func personalMessage() throws {
        #expect(
            SignedMessage.digest(of: Array("Hello World".utf8)).hex
                == "0xa1de988600a42c4b4ab089b619297c17d53cffae5d5120d82d8a92d0bb3b78f2"
        )
    }

    /// The example of EIP-712, down to its signature.
    @Test func typedMail() throws {
        func person(_ name: String, _ wallet: String) throws -> TypedData.Value {
            let address = try #require(EthereumAddress(parsing: wallet))
            return .structure(["name": .bytes(Array(name.utf8)), "wallet": .word(address.word)])
        }
        let contract = try #require(EthereumAddress(hex: "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"))
        let mail = TypedData(
            types: [
                "Mail": [.init("from", "Person"), .init("to", "Person"), .init("contents", "string")],
                "Person": [.init("name", "string"), .init("wallet", "address")],
            ],
            primaryType: "Mail",
            domain: EIP712Domain(
                name: "Ether Mail",
                version: "1",
                chainID: Word(UInt64(1)),
                verifyingContract: contract
            ),
            message: [
                "from": try person("Cow", "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"),
                "to": try person("Bob", "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"),
                "contents": .bytes(Array("Hello, Bob!".utf8)),
            ]
        )
        #expect(
            try mail.encodedType("Mail")
                == "Mail(Person from,Person to,string contents)Person(string name,address wallet)"
        )
        #expect(
            mail.domain.separator.hex == "0xf2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"
        )
        let digest = try mail.digest()
        #expect(digest.hex == "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2")
        let signature = try #require(PrivateKey(bytes: Keccak256.hash("cow".utf8).bytes)).sign(digest)
        #expect(signature.r.hex == "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d")
        #expect(signature.s.hex == "0x07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b91562")
        #expect(signature.bytes.last == 28)
    }

    @Test func typedDataIsChecked() throws {
        func digest(_ types: [String: [TypedData.Field]], _ message: [String: TypedData.Value]) throws -> Word {
            try TypedData(types: types, primaryType: "A", domain: EIP712Domain(), message: message).digest()
        }
        #expect(throws: TypedData.Problem.unknownType("B")) {
            try digest(["A": [.init("b", "B")]], ["b": .word(.zero)])
        }
        #expect(throws: TypedData.Problem.wrongValue("b")) {
            try digest(["A": [.init("b", "bool")]], ["b": .word(Word(UInt64(2)))])
        }
        #expect(throws: TypedData.Problem.wrongValue("A")) { try digest(["A": [.init("b", "bool")]], [:]) }
        #expect(throws: TypedData.Problem.wrongValue("b")) {
            try digest(["A": [.init("b", "bool[2]")]], ["b": .array([.word(.zero)])])
        }
        let nested = (0..<40).reduce(TypedData.Value.array([])) { value, _ in .structure(["a": .array([value])]) }
        guard case .structure(let message) = nested else { return }
        #expect(throws: TypedData.Problem.tooDeep) { try digest(["A": [.init("a", "A[]")]], message) }
    }
}
