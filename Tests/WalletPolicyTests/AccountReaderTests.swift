import EthereumPrimitives
import SessionModel
import Testing
import WalletPolicy

/// What the node says about an account, and what follows from it.
@Suite struct AccountReaderTests {
    private static let owner = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    private static let ecdsa = "0x845ADb2C711129d4f3966735eD98a9F09fC4cE57"

    private static func address(_ text: String) -> EthereumAddress { EthereumAddress(parsing: text) ?? .zero }

    private static func domain(_ account: EthereumAddress, chain: UInt64, version: String = "0.3.3") -> [UInt8] {
        ABI.encode([
            .word(Word(limbs: 0x0F << 56, 0, 0, 0)), .string("Kernel"), .string(version), .uint(chain),
            .address(account), .word(.zero), .array([]),
        ])
    }

    private static func root(_ validator: String, type: UInt8 = 1) -> [UInt8] {
        (Word(rightPadding: [type] + Self.address(validator).bytes) ?? .zero).bytes
    }

    /// Answers every question of a reader; what `change` makes of an answer is given instead.
    private static func read(
        _ account: EthereumAddress,
        chain: UInt64 = 84_532,
        code: [UInt8] = [0x36, 0x3D],
        nonce: UInt64 = 3,
        root: [UInt8]? = nil,
        change: (AccountReader.Question, [UInt8]) -> [UInt8] = { $1 }
    ) throws -> AccountState {
        var reader = AccountReader(account: account, chainID: chain)
        var asked = 0
        while let question = reader.question {
            asked += 1
            try #require(asked <= 5)
            let answer: [UInt8]
            switch question {
            case .code(let asked):
                #expect(asked == account)
                answer = code
            case .transactionCount: answer = Word(UInt64(7)).bytes
            case .call(let target, let data):
                switch FunctionSelector(bytes: data.prefix(4)) {
                case KernelFunctions.eip712Domain.selector: answer = Self.domain(account, chain: chain)
                case KernelFunctions.currentNonce.selector: answer = Word(nonce).bytes
                case KernelFunctions.rootValidator.selector: answer = root ?? Self.root(Self.ecdsa)
                default:
                    #expect(RootValidatorKind(contract: target) != nil)
                    #expect(try KernelFunctions.validatorOwner.decodeCall(data) == [.address(account)])
                    answer = Self.address(Self.owner).word.bytes
                }
            }
            try reader.answered(change(question, answer))
        }
        return try #require(reader.result)
    }

    @Test func deployedAccount() throws {
        let fixture = try Fixture.named("19")
        let account = try fixture.claim().wallet
        let state = try Self.read(account)
        let root = AccountRoot(kind: .ecdsa, validator: Self.address(Self.ecdsa), owner: Self.address(Self.owner))
        #expect(state == .kernel(.init(version: .v033, root: root, nonce: 3)))
        let verified = try fixture.verify(state: state)
        #expect(verified.nonce == 3)
        #expect(verified.accountProof == .chain)
        // With any other nonce the owner's approval does not count.
        for nonce in [1, 2, 4] as [UInt64] {
            let other = try Self.read(account, nonce: nonce)
            #expect(throws: DelegationRefusal(.signatureNotByOwner, at: "enableSignature")) {
                try fixture.verify(state: other)
            }
        }
    }

    /// The chain's own answers in the fixture are read as they are.
    @Test func recordedAnswers() throws {
        let fixture = try Fixture.named("19")
        let log = try fixture.json.list("serializeRpcLog")
        let recorded = try log.map { (try $0.text("selector"), try $0.bytes("result")) }
        let state = try Self.read(try fixture.claim().wallet) { question, answer in
            guard case .call(_, let data) = question else { return answer }
            return recorded.first { $0.0 == Hex.encode(data.prefix(4)) }?.1 ?? answer
        }
        #expect(throws: Never.self) { try fixture.verify(state: state) }
    }

    @Test func rotatedOwner() throws {
        // The account says that somebody else owns it now: the old owner's approval is worth nothing.
        let fixture = try Fixture.named("19")
        let state = try Self.read(try fixture.claim().wallet) { question, answer in
            if case .call(Self.address(Self.ecdsa), _) = question { Word(UInt64(5)).bytes } else { answer }
        }
        #expect(throws: DelegationRefusal(.signatureNotByOwner, at: "enableSignature")) {
            try fixture.verify(state: state)
        }
    }

    @Test func undeployedAccount() throws {
        let state = try Self.read(try Fixture.named("01").claim().wallet, code: [])
        #expect(state == .undeployed(nonce: 7))
    }

    @Test(arguments: [0, 1, 2, 3, 4])
    func answersOfNoKernel(wrong: Int) throws {
        let account = try Fixture.named("19").claim().wallet
        let answers: [(AccountReader.Question) -> [UInt8]?] = [
            { if case .call(_, let data) = $0, data.count == 4 { [] } else { nil } },
            {
                $0 == .call(to: account, data: KernelFunctions.currentNonce.encodeCall([]))
                    ? Word(UInt64.max).bytes : nil
            },
            { $0 == .call(to: account, data: KernelFunctions.rootValidator.encodeCall([])) ? [1] : nil },
            { if case .call(_, let data) = $0, data.count > 4 { Word.zero.bytes } else { nil } },
            {
                $0 == .call(to: account, data: KernelFunctions.eip712Domain.encodeCall([]))
                    ? Self.domain(account, chain: 84_532, version: "0.4.0") : nil
            },
        ]
        #expect(throws: DelegationRefusal(.stateUnreadable)) {
            try Self.read(account) { answers[wrong]($0) ?? $1 }
        }
    }

    @Test func answersOfAnotherAccount() throws {
        let account = try Fixture.named("19").claim().wallet
        for domain in [Self.domain(account, chain: 1), Self.domain(.zero, chain: 84_532)] {
            #expect(throws: DelegationRefusal(.stateOfOtherAccount)) {
                try Self.read(account) { question, answer in
                    if case .call(_, let data) = question, data == KernelFunctions.eip712Domain.encodeCall([]) {
                        domain
                    } else {
                        answer
                    }
                }
            }
        }
    }

    @Test func rootsThatAreNotSupported() throws {
        let fixture = try Fixture.named("19")
        let account = try fixture.claim().wallet
        let roots: [([UInt8], DelegationRefusal.Reason)] = [
            (Self.root("0x7ab16Ff354AcB328452F1D445b3Ddee9a91e9e69"), .rootUnsupportedPasskey),
            (Self.root("0x144F02c15a8CB2E01D35bf2af8e9eFD96401e44b"), .rootUnsupportedWeighted),
            (Self.root("0x0000000071727De22E5E9d8BAf0edAc6f37da032"), .rootUnknown),
            (Self.root(Self.ecdsa, type: 2), .rootUnknown),
            (Word.zero.bytes, .rootUnknown),
        ]
        for (root, reason) in roots {
            let state = try Self.read(account, root: root)
            let refusal = #expect(throws: DelegationRefusal.self) { try fixture.verify(state: state) }
            #expect(refusal?.reason == reason)
        }
    }

    @Test func accountsThatTakeOnCode() throws {
        let fixture = try Fixture.named("26")
        let account = try fixture.claim().wallet
        let known = CodeAuthorization.code(delegatingTo: KernelVersion.v033.implementation)
        let delegated = try Self.read(account, code: known, nonce: 1, root: Word.zero.bytes)
        let verified = try fixture.verify(state: delegated)
        #expect(verified.root.kind == .accountKey)
        #expect(verified.authorization == nil)
        #expect(verified.accountProof == .chain)
        // Foreign code may answer like Kernel.
        let foreign = try Self.read(
            account,
            code: CodeAuthorization.code(delegatingTo: KernelVersion.v032.implementation),
            nonce: 1,
            root: Word.zero.bytes
        )
        #expect(throws: DelegationRefusal(.authorizationDelegateUnknown, at: "eip7702Auth")) {
            try fixture.verify(state: foreign)
        }
        // The account has used its nonce for something else.
        #expect(throws: DelegationRefusal(.authorizationNonce, at: "eip7702Auth.nonce")) {
            try fixture.verify(state: .undeployed(nonce: 1))
        }
    }

    @Test func addressesThatDoNotFollow() throws {
        // A wallet whose address is not that of its init code: only the chain can say that it has this root.
        let fixture = try Fixture.named("bad-17")
        let account = try fixture.claim().wallet
        let same = try Self.read(account, nonce: 1)
        let refusal = #expect(throws: DelegationRefusal.self) { try fixture.verify(state: same) }
        #expect(refusal?.step == .signature)
        let other = try Self.read(account, root: Self.root("0x5C97aA67Ba578E3c54ec5942A7563Ea9130E4f5F")) {
            question,
            answer in
            if case .call(_, let data) = question, data.count > 4 {
                Self.address(Self.owner).word.bytes
            } else {
                answer
            }
        }
        #expect(throws: DelegationRefusal(.rootMismatch, at: "accountParams.initCode")) {
            try fixture.verify(state: other)
        }
    }
}
