import EthereumPrimitives
import SessionModel
import Testing
import WalletPolicy

/// Everything the SDK computed is computed alike, and what the owner really signed is accepted.
@Suite struct GoodFixtureTests {
    @Test func allAreThere() {
        #expect(Fixture.good.count == 20)
        #expect(Fixture.bad.count == 48)
        #expect(Fixture.alternative.count == 8)
    }

    @Test(arguments: Fixture.good)
    func rebuildsWhatIsSigned(fixture: Fixture) throws {
        let session = try #require(EthereumAddress(hex: try fixture.text("inputs", "sessionAddress")))
        let version = try #require(KernelVersion(rawValue: try fixture.text("inputs", "kernelVersion")))
        for (index, account) in try fixture.accounts.enumerated() {
            let blob = try DelegationBlob(serialized: try fixture.serialized(account: index))
            let policies = try account.list("policyBytes")
            #expect(blob.policies.count == policies.count)
            for (policy, expected) in zip(blob.policies, policies) {
                #expect(policy.bytes == (try expected.bytes("policyInfo")) + (try expected.bytes("policyData")))
                #expect(policy.isKnown)
            }
            let permission = Permission(policies: blob.policies, flag: .always, sessionAddress: session)
            #expect(permission.enableData == (try account.bytes("enableData")))
            #expect(permission.id.description == (try account.text("permissionId")))
            #expect(blob.permissionID == permission.id)
            if account["enableDigest"] != nil {
                #expect(Hex.encode(permission.id.validationID.bytes.prefix(21)) == (try account.text("validationId")))
                let digest = permission.enableDigest(
                    account: blob.account,
                    chainID: try account.number("chainId"),
                    version: version,
                    nonce: UInt32(try account.number("validatorNonce"))
                )
                // The one whose action is another function has another digest, and is refused for that.
                if fixture.name.hasPrefix("23") {
                    #expect(digest.hex != (try account.text("enableDigest")))
                } else {
                    #expect(digest.hex == (try account.text("enableDigest")))
                    #expect(Permission.selectorData == (try account.bytes("selectorData")))
                }
            }
            if !blob.initCode.isEmpty {
                let code = try #require(KernelInitCode(blob.initCode))
                #expect(code.version(provenBy: blob.account) == version)
                #expect(code.address(of: version) == blob.account)
                #expect(code.isPlain)
            }
        }
    }

    @Test(arguments: Fixture.good)
    func isAccepted(fixture: Fixture) throws {
        for index in try fixture.accounts.indices {
            switch fixture.name.prefix(2) {
            case "19":
                #expect(throws: DelegationRefusal(.signatureNotByOwner, at: "enableSignature")) {
                    try fixture.verify(account: index)
                }
            case "23":
                #expect(throws: DelegationRefusal(.actionFallback, at: "action.address")) {
                    try fixture.verify(account: index)
                }
            default:
                let verified = try fixture.verify(account: index)
                #expect(verified.account.checksummed == (try fixture.accounts[index].text("address")))
                #expect(verified.root.owner?.checksummed == (try fixture.text("inputs", "ownerAddress")))
                let approval: VerifiedDelegation.Approval =
                    switch fixture.name.prefix(2) {
                    case "25": .preinstalled
                    case "30", "31": .merkleRoot
                    default: .digest
                    }
                #expect(verified.approval == approval)
                #expect(verified.accountProof == (fixture.name.hasPrefix("26") ? .authorization : .initCode))
                #expect((verified.authorization != nil) == fixture.name.hasPrefix("26"))
            }
        }
    }

    @Test(arguments: Fixture.good)
    func isRefusedElsewhere(fixture: Fixture) throws {
        // Another chain and another session key are never accepted. (A preinstalled permission is the same on all
        // chains: it is part of the account.)
        for index in try fixture.accounts.indices {
            if !fixture.name.hasPrefix("25") {
                #expect(throws: DelegationRefusal.self) { try fixture.verify(account: index) { $0.chainID += 1 } }
            }
            #expect(throws: DelegationRefusal(.permissionIDMismatch, at: "permissionParams.permissionId")) {
                try fixture.verify(account: index) { $0.sessionAddress = $0.wallet }
            }
            #expect(throws: DelegationRefusal(.walletMismatch, at: "accountParams.accountAddress")) {
                try fixture.verify(account: index) { $0.wallet = $0.sessionAddress }
            }
            #expect(throws: DelegationRefusal(.stateUnknown)) { try fixture.verify(account: index, state: .unknown) }
        }
    }

    @Test func keysAreRefused() throws {
        var count = 0
        for fixture in Fixture.good {
            for (index, account) in try fixture.accounts.enumerated() where account["serializedWithPrivateKey"] != nil {
                let blob = try DelegationBlob(serialized: try account.text("serializedWithPrivateKey"))
                #expect(throws: DelegationRefusal(.privateKeyPresent, at: "privateKey")) {
                    try blob.verify(
                        fixture.claim(account: index),
                        state: .undeployed(nonce: 0),
                        rules: .everything,
                        now: Moments.now
                    )
                }
                count += 1
            }
        }
        #expect(count >= 5)
    }

    @Test func goldenVector() throws {
        let golden = try #require(Fixture.all("golden").first)
        let blob = try DelegationBlob(serialized: try golden.serialized())
        let session = try #require(EthereumAddress(hex: try golden.text("session")))
        let permission = Permission(policies: blob.policies, flag: .always, sessionAddress: session)
        #expect(permission.id.description == (try golden.text("permissionId")))
        #expect(permission.enableData == (try golden.json.bytes("enableData")))
        #expect(blob.initCode == (try golden.json.bytes("initCode")))
        let digest = permission.enableDigest(
            account: blob.account,
            chainID: try golden.json.number("chainId"),
            version: .v033,
            nonce: 1
        )
        #expect(digest.hex == (try golden.text("digest")))
    }

    /// The hashes of all user operations, and who signed them.
    @Test func userOperationHashes() throws {
        var count = 0
        for fixture in Fixture.good {
            for account in try fixture.accounts where account["userOps"] != nil {
                for item in try account.list("userOps") where item["userOpHash"] != nil {
                    let json = try #require(item["userOperation"])
                    let hash = EntryPoint.v07.hash(
                        try UserOperation(fixture: json),
                        chainID: try account.number("chainId")
                    )
                    #expect(hash.hex == (try item.text("userOpHash")), "\(fixture.name)")
                    if item["sessionSignature"] != nil {
                        let signature = try RecoverableSignature(bytes: try item.bytes("sessionSignature"))
                        let signer = signature.signer(of: hash.ethereumSignedMessageDigest)
                        #expect(signer?.checksummed == (try item.text("sessionSignatureRecoversTo")))
                    }
                    count += 1
                }
            }
        }
        #expect(count > 30)
    }

    @Test(arguments: [
        (KernelVersion.v030, "0x6fe6e6ea30eddce942b9618033ab8429f9ddac594053bec8a6744fffc71976e2"),
        (.v031, "0x85d96aa1c9a65886d094915d76ccae85f14027a02c1647dde659f869460f03e6"),
        (.v032, "0xc7c48c9dd12de68b8a4689b6f8c8c07b61d4d6fa4ddecdd86a6980d045fa67eb"),
        (.v033, "0xc452397f1e7518f8cea0566ac057e243bb1643f6298aba8eec8cdee78ee3b3dd"),
    ])
    func initCodeHashes(version: KernelVersion, hash: String) { #expect(version.initCodeHash.hex == hash) }
}

extension UserOperation {
    /// Reads the JSON-RPC form of a fixture.
    init(fixture json: JSONValue) throws {
        func word(_ name: String) throws -> Word {
            let digits = try json.text(name).dropFirst(2)
            let even = digits.count.isMultiple(of: 2) ? String(digits) : "0" + digits
            let bytes = try #require(Hex.decode("0x" + even))
            return try #require(Word(leftPadding: bytes))
        }
        func number(_ name: String) throws -> UInt128 { try #require(try word(name).uint128) }
        func address(_ name: String) throws -> EthereumAddress {
            try #require(EthereumAddress(hex: try json.text(name)))
        }
        var paymaster: Paymaster?
        if json["paymaster"] != nil {
            paymaster = Paymaster(
                address: try address("paymaster"),
                verificationGasLimit: try number("paymasterVerificationGasLimit"),
                postOpGasLimit: try number("paymasterPostOpGasLimit"),
                data: json["paymasterData"] == nil ? [] : try json.bytes("paymasterData")
            )
        }
        self.init(
            sender: try address("sender"),
            nonce: try word("nonce"),
            factory: json["factory"] == nil
                ? nil : Factory(address: try address("factory"), data: try json.bytes("factoryData")),
            callData: try json.bytes("callData"),
            callGasLimit: try number("callGasLimit"),
            verificationGasLimit: try number("verificationGasLimit"),
            preVerificationGas: try word("preVerificationGas"),
            maxFeePerGas: try number("maxFeePerGas"),
            maxPriorityFeePerGas: try number("maxPriorityFeePerGas"),
            paymaster: paymaster,
            signature: try json.bytes("signature")
        )
    }
}
