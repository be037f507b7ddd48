import EthereumPrimitives
import Testing

@Suite struct AccountTests {
    /// The test vectors of viem's `getUserOperationHash`.
    @Test(arguments: [
        (EntryPoint.Version.v06, "0xe331591ab320e956b5e93f04e1dcf706bc128bc7b510602d2e0553f8be25fcba"),
        (.v07, "0x1903d62bb5dc75af6fed866aa46d8e80063d9e288aa7f2caad0ff1fcae22e40d"),
    ])
    func userOperationHash(version: EntryPoint.Version, hash: String) throws {
        let sender = try #require(EthereumAddress(hex: "0x1234567890123456789012345678901234567890"))
        let operation = Self.operation(sender)
        #expect(EntryPoint(version, at: sender).hash(operation, chainID: 1).hex == hash)
    }

    private static func operation(_ sender: EthereumAddress) -> UserOperation {
        UserOperation(
            sender: sender,
            nonce: .zero,
            callData: [],
            callGasLimit: 6_942_069,
            verificationGasLimit: 6_942_069,
            preVerificationGas: Word(UInt64(6_942_069)),
            maxFeePerGas: 69_420,
            maxPriorityFeePerGas: 69
        )
    }

    /// Version 0.8 has the address of the real contract in viem's vectors; their ends are known here.
    @Test func userOperationHashOfVersion08() throws {
        let sender = try #require(EthereumAddress(hex: "0x1234567890123456789012345678901234567890"))
        let hash = EntryPoint.v08.hash(Self.operation(sender), chainID: 1).hex
        #expect(hash.hasPrefix("0xa2224e73") && hash.hasSuffix("9208"))
    }

    @Test func usualAddresses() {
        #expect(EntryPoint.v06.address.checksummed == "0x5FF137D4b0FDCD49DcA30c7CF57E578a026d2789")
        #expect(EntryPoint.v07.address.checksummed == "0x0000000071727De22E5E9d8BAf0edAc6f37da032")
        #expect(EntryPoint.v08.address.checksummed == "0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108")
        #expect(UserOperation.Factory.authorizationMarker.hex == "0x7702000000000000000000000000000000000000")
    }

    /// The examples of EIP-1014.
    @Test(arguments: [
        ("0x0000000000000000000000000000000000000000", "0x00", "0x00", "0x4D1A2e2bB4F88F0250f26Ffff098B0b30B26BF38"),
        ("0xdeadbeef00000000000000000000000000000000", "0x00", "0x00", "0xB928f69Bb1D91Cd65274e3c79d8986362984fDA3"),
        (
            "0x00000000000000000000000000000000deadbeef", "0xcafebabe", "0xdeadbeef",
            "0x60f3f640a8508fC6a86d45DF051962668E1e8AC7"
        ),
        ("0x0000000000000000000000000000000000000000", "0x00", "0x", "0xE33C0C7F7df4809055C3ebA6c09CFe4BaF1BD9e0"),
    ])
    func create2(deployer: String, salt: String, initCode: String, address: String) throws {
        let deployer = try #require(EthereumAddress(hex: deployer))
        let saltBytes = try #require(Hex.decode(salt))
        let salt = try #require(Word(leftPadding: saltBytes))
        let initCode = try #require(Hex.decode(initCode))
        let hash = Keccak256.hash(initCode)
        #expect(EthereumAddress.create2(deployer: deployer, salt: salt, initCodeHash: hash).checksummed == address)
    }

    @Test func create() throws {
        let deployer = try #require(EthereumAddress(hex: "0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0"))
        let made = (0...1).map { EthereumAddress.create(deployer: deployer, nonce: $0).hex }
        #expect(
            made == ["0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d", "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8"]
        )
    }

    @Test func authorization() throws {
        let delegate = try #require(EthereumAddress(hex: "0xd6CEDDe84be40893d153Be9d467CD6aD37875b28"))
        let r = try #require(Word(hex: "0x815abc61b397879c4202ce0e1eceeb621dcd737e14ef57bcbab00258e0d40d0f"))
        let s = try #require(Word(hex: "0x3ddd2c2aecb976eda0196f197e75cd7d73f0f1b573d79eb6801e6b772424106f"))
        let signature = try RecoverableSignature(r: r, s: s, yParity: false)
        let signed = CodeAuthorization(chainID: 84_532, delegate: delegate, nonce: 0, signature: signature)
        #expect(signed.authority?.checksummed == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
        var other = signed
        other.nonce = 1
        #expect(other.authority != signed.authority)
        #expect(CodeAuthorization.delegate(in: CodeAuthorization.code(delegatingTo: delegate)) == delegate)
        #expect(CodeAuthorization.delegate(in: [0xEF, 0x01, 0x00]) == nil)
        #expect(CodeAuthorization.delegate(in: [0x60, 0x80]) == nil)
    }
}
