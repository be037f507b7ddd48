import Crypto
import DaypassTestSupport
import EthereumPrimitives
import Foundation
import SQLiteStore
import SessionModel
import SessionStore
import Testing
import WalletPolicy
import WalletService

/// What creating sessions believes, what it refuses, and at which step.
@Suite struct CreateSessionsTests {
    @Test func filesAreThere() {
        #expect(DelegationFile.good.count == 20)
        #expect(DelegationFile.bad.count == 48)
    }

    /// Everything an owner really signed is accepted, or refused for exactly the documented reason.
    @Test(arguments: DelegationFile.good)
    func good(file: DelegationFile) async throws {
        let fixture = try await WalletFixture()
        let request = try await fixture.request(file)
        switch file.name.prefix(2) {
        case "19":
            // Signed for nonce 3 of a deployed account.
            let error = try await fixture.refusal(request)
            #expect(error.code == .delegationRefused)
            #expect(error.details.map(\.path) == ["installs[0].serialized.enableSignature"])
            #expect(error.details[0].message.hasPrefix("signature_not_by_owner: "))
            try fixture.node.deploy(
                try file.account().text,
                version: "0.3.3",
                chainID: UInt64(request.installs[0].chainID),
                nonce: 3,
                owner: try file.text("inputs", "ownerAddress")
            )
            let created = try await fixture.create(request)
            #expect(created.sessions[0].proof?.account == "chain")
            #expect(created.sessions[0].proof?.nonce == 3)
        case "23":
            let error = try await fixture.refusal(request)
            #expect(error.details.map(\.path) == ["installs[0].serialized.action.address"])
            #expect(error.details[0].message.hasPrefix("action_installs_fallback: "))
        default:
            let created = try await fixture.create(request)
            #expect(created.sessions.map(\.chainID) == request.installs.map(\.chainID))
            #expect(Set(created.sessions.map(\.group)).count == 1)
            for (index, session) in created.sessions.enumerated() {
                let proof = try #require(session.proof)
                #expect(proof.owner?.text == (try file.text("inputs", "ownerAddress")))
                #expect(proof.kernelVersion == (try file.kernelVersion))
                #expect(.string(proof.permissionID) == file.accounts[index]["permissionId"])
                #expect(proof.approval == Self.approval(of: file))
                if let digest = file.accounts[index]["enableDigest"], proof.digest != nil {
                    #expect(proof.digest.map { .string($0) } == digest)
                }
                #expect(proof.rules.last?.kind == "end")
                #expect(WalletSessionProof(stored: proof.storedJSON) == proof)
                let read = try await fixture.manager.session(session.id, of: fixture.organization.id)
                #expect(read == session)
            }
        }
    }

    private static func approval(of file: DelegationFile) -> String {
        switch file.name.prefix(2) {
        case "25": "preinstalled"
        case "30", "31": "merkle_root"
        default: "digest"
        }
    }

    /// What was changed after the owner signed is refused at the step that must find it; nothing is stored.
    @Test(arguments: DelegationFile.bad)
    func bad(file: DelegationFile) async throws {
        let fixture = try await WalletFixture()
        let error = try await fixture.refusal(try await fixture.request(file))
        #expect(error.code == .delegationRefused && error.code.number == 40_001)
        let detail = try #require(error.details.first)
        #expect(error.details.count == 1)
        #expect(detail.path.hasPrefix("installs[0].serialized") || detail.path == "expiresAt")
        let reason = try #require(DelegationRefusal.Reason(rawValue: String(detail.message.prefix { $0 != ":" })))
        #expect(reason.step.rawValue == (try file.text("failsAt")))
        // The refusal is on record, with its reason and without the delegation.
        let record = try #require(try await fixture.manager.audit(of: fixture.ledger, before: nil, limit: 1).first)
        #expect(record.action == .sessionRefused)
        #expect(record.details.text.contains(reason.rawValue))
        let secret = String(try file.text("serialized").prefix(60))
        if secret.utf8.count > 20 {
            #expect(!record.json.text.contains(secret) && !error.json(requestID: "r").text.contains(secret))
        }
    }

    /// One bad install among good ones: all problems are named, and nothing is stored.
    @Test func partialFailureStoresNothing() async throws {
        let fixture = try await WalletFixture()
        var request = try await fixture.request(try .named("30"))
        #expect(request.installs.count == 3)
        let good = request
        request.installs[1].serialized = request.installs[0].serialized
        request.installs[2].serialized += "!"
        let error = try await fixture.refusal(request)
        #expect(
            error.details.map(\.path) == ["installs[1].serialized.enableSignature", "installs[2].serialized"]
        )
        #expect(error.details.map { $0.message.prefix { $0 != ":" } } == ["merkle_proof_invalid", "blob_not_base64"])
        #expect(try await fixture.create(good).sessions.count == 3)
    }

    /// Reasons that have to do with the chain's node.
    @Test(
        arguments: [
            ("eth_chainId", .success("0x1"), .nodeOfOtherChain, "node_of_other_chain"),
            ("eth_chainId", .success("0x014a34"), .nodeUnavailable, "node_answer_malformed"),
            ("eth_chainId", .success(7), .nodeUnavailable, "node_answer_malformed"),
            ("eth_chainId", .failure(.unreachable), .nodeUnavailable, "node_unreachable"),
            ("eth_blockNumber", .failure(.timeout), .nodeUnavailable, "node_timeout"),
            ("eth_blockNumber", .success("0x+1"), .nodeUnavailable, "node_answer_malformed"),
            ("eth_getCode", .success("0x0"), .nodeUnavailable, "node_answer_malformed"),
            ("eth_getCode", .success(.null), .nodeUnavailable, "node_answer_malformed"),
            ("eth_getTransactionCount", .success("0x"), .nodeUnavailable, "node_answer_malformed"),
            ("eth_getTransactionCount", .failure(.refused(code: -32000)), .nodeUnavailable, "node_refused"),
            ("eth_getTransactionCount", .failure(.limited), .nodeUnavailable, "node_rate_limited"),
        ] as [(String, Result<JSONValue, NodeFailure>, WalletErrorCode, String)]
    )
    func nodesThatDoNotAnswer(
        method: String,
        answer: Result<JSONValue, NodeFailure>,
        code: WalletErrorCode,
        reason: String
    ) async throws {
        let fixture = try await WalletFixture()
        let request = try await fixture.request(try .named("01"))
        fixture.node.answer(method, answer)
        let error = try await fixture.refusal(request)
        #expect(error.code == code)
        #expect(error.details.map(\.path) == ["installs[0].chainId"])
        #expect(error.details[0].message.hasPrefix("\(reason): "))
        #expect(!error.json(requestID: "").text.contains("s3cret"))
    }

    /// A contract that is no Kernel account is not taken for one, whichever way it fails to answer.
    @Test(arguments: [.failure(.reverted), .success("0x"), .success("0x01")] as [Result<JSONValue, NodeFailure>])
    func contractsThatAreNoKernel(answer: Result<JSONValue, NodeFailure>) async throws {
        let fixture = try await WalletFixture()
        let request = try await fixture.request(try .named("01"))
        fixture.node.answer("eth_getCode", .success("0x60806040"))
        fixture.node.answer("0x84b0196e", answer)
        let error = try await fixture.refusal(request)
        #expect(error.details[0].message.hasPrefix("account_state_unreadable: "))
    }

    @Test func chainsWithoutANode() async throws {
        let fixture = try await WalletFixture()
        let request = try await fixture.request(try .named("01"))
        let chain = request.installs[0].chainID
        _ = try await fixture.manager.put(WalletChain(id: chain, name: "x", node: nil), by: fixture.admin)
        #expect(try await fixture.refusal(request).code == .nodeMissing)
        try await fixture.manager.deleteChain(chain, by: fixture.admin)
        #expect(try await fixture.refusal(request).code == .chainUnknown)
        // What cannot be read or holds a key is refused without asking anybody.
        let file = try DelegationFile.named("bad-61")
        let error = try await fixture.refusal(try await fixture.request(file))
        #expect(error.details[0].message.hasPrefix("private_key_present: "))
        #expect(fixture.node.asked.isEmpty)
    }

    /// The node's chain is asked for once a minute, and again when the node is changed.
    @Test func theNodesChainIsRemembered() async throws {
        let fixture = try await WalletFixture()
        var request = try await fixture.request(try .named("01"))
        func asked() -> Int { fixture.node.asked.count { $0 == "eth_chainId" } }
        for (wait, count) in [(0, 1), (2, 1), (61, 2)] {
            fixture.clock.advance(by: .seconds(wait))
            request.expiresAt = fixture.clock.timestamp + .seconds(1)
            _ = try await fixture.create(request)
            #expect(asked() == count)
        }
        fixture.clock.advance(by: .seconds(2))
        request.expiresAt = fixture.clock.timestamp + .seconds(1)
        let url = ChainURL("https://other.example/1")
        let chain = WalletChain(id: request.installs[0].chainID, name: "x", node: url)
        _ = try await fixture.manager.put(chain, by: fixture.admin)
        await #expect(throws: WalletError.self) { try await fixture.create(request) }
        await #expect(throws: WalletError.self) { try await fixture.create(request) }
        #expect(asked() == 4)
    }

    /// An end that is wrong, and what only some organizations allow.
    @Test func endsAndPermissions() async throws {
        let fixture = try await WalletFixture()
        var request = try await fixture.request(try .named("01"))
        let now = fixture.clock.timestamp
        for (end, reason) in [
            (now, "expiry_past"), (now + .seconds(91 * 86_400), "expiry_too_far"),
        ] {
            request.expiresAt = end
            let error = try await fixture.refusal(request)
            #expect(error.details.map(\.path) == ["expiresAt"])
            #expect(error.details[0].message.hasPrefix("\(reason): "))
        }
        var sudo = try await fixture.request(try .named("13"))
        _ = try await fixture.manager.updateOrganization(
            fixture.organization.id,
            OrganizationUpdate(allowsDelegateCalls: false, allowsWildcardTargets: false),
            by: fixture.admin
        )
        let error = try await fixture.refusal(sudo)
        #expect(error.details[0].message.hasPrefix("wildcard_target_not_allowed: "))
        _ = try await fixture.manager.updateOrganization(
            fixture.organization.id,
            OrganizationUpdate(allowsWildcardTargets: true),
            by: fixture.admin
        )
        #expect(try await fixture.refusal(sudo).details[0].message.hasPrefix("delegatecall_not_allowed: "))
        sudo.sessionAddress = try #require(WalletAddress("0x70997970c51812dc3A010C7d01b50e0d17dc79C8"))
        let misspelt = try await fixture.refusal(sudo)
        #expect(misspelt.code == .invalidRequest && misspelt.details.map(\.path) == ["sessionAddress"])
    }

    /// An opaque wallet's delegations are kept as they are, for a while, and read only while they last.
    @Test func opaqueWallets() async throws {
        let fixture = try await WalletFixture()
        let organization = fixture.organization.id
        let wallet = try await fixture.manager.registerWallet(
            NewWallet(name: "Safe", kind: .opaque, address: nil),
            of: organization,
            by: fixture.admin
        )
        var request = NewWalletSession(
            expiresAt: fixture.clock.timestamp + .seconds(60),
            installs: [
                WalletInstall(chainID: 1, serialized: "any é text"), WalletInstall(chainID: 2, serialized: "x"),
            ],
            sessionAddress: try DelegationFile.named("01").sessionAddress,
            wallet: wallet.id
        )
        request.expiresAt = fixture.clock.timestamp
        #expect(try await fixture.refusal(request).details.map(\.path) == ["expiresAt"])
        request.expiresAt = fixture.clock.timestamp + .seconds(60)
        let sessions = try await fixture.create(request).sessions
        #expect(fixture.node.asked.isEmpty)
        #expect(sessions.allSatisfy { $0.proof == nil && $0.warnings.isEmpty })
        func read(_ index: Int) async throws -> String {
            try await fixture.manager.delegation(of: sessions[index].id, in: organization, by: fixture.admin)
        }
        #expect(try await read(0) == "any é text")
        let record = try await fixture.manager.audit(of: fixture.ledger, before: nil, limit: 1).first
        #expect(record?.action == .delegationRead)
        _ = try await fixture.manager.revokeSession(sessions[0].id, of: organization, by: fixture.admin)
        await #expect(throws: WalletError(.sessionEnded)) { try await read(0) }
        fixture.clock.advance(by: .seconds(60))
        await #expect(throws: WalletError(.sessionEnded)) { try await read(1) }
        let kernel = try await fixture.request(try .named("01"))
        let created = try await fixture.create(kernel).sessions[0]
        let error = await #expect(throws: WalletError.self) {
            try await fixture.manager.delegation(of: created.id, in: organization, by: fixture.admin)
        }
        #expect(error?.code == .conflict)
    }

    /// Whatever refuses, one record says so, and a key that is being lent is not cleared away as one nobody uses.
    @Test func refusalsAndRemovedKeysAreRecorded() async throws {
        let fixture = try await WalletFixture(
            configuration: WalletServiceConfiguration(keepEnded: .seconds(90 * 86_400))
        )
        let (manager, organization) = (fixture.manager, fixture.organization.id)
        func last() async throws -> WalletAuditRecord {
            try #require(try await manager.audit(of: fixture.ledger, before: nil, limit: 1).first)
        }
        let kernel = try await fixture.request(try .named("01"))
        let lent = try await fixture.create(kernel).sessions[0]
        let created = try await last()
        let hash = SHA256.hash(data: Array(kernel.policies.text.utf8))
        #expect(created.details["policiesHash"] == .string(lowerHex(hash)))
        await #expect(throws: WalletError(.permissionActive)) { try await fixture.create(kernel) }
        var record = try await last()
        #expect(record.action == .sessionRefused && record.subject == kernel.wallet.text)
        #expect(record.details["code"] == "permission_active")
        _ = try await manager.revokeSession(lent.id, of: organization, by: fixture.admin)
        await #expect(throws: WalletError(.permissionRevoked)) { try await fixture.create(kernel) }
        #expect(try await last().details["code"] == "permission_revoked")

        let wallet = try await manager.registerWallet(
            NewWallet(name: "Safe", kind: .opaque, address: nil),
            of: organization,
            by: fixture.admin
        )
        let used = try await manager.createSessionKey(of: organization, by: fixture.admin)
        let unused = try await manager.createSessionKey(of: organization, by: fixture.admin)
        fixture.clock.advance(by: .seconds(91 * 86_400))
        var request = NewWalletSession(
            expiresAt: fixture.clock.timestamp,
            installs: [WalletInstall(chainID: 1, serialized: "x")],
            sessionAddress: used.address,
            wallet: wallet.id
        )
        await #expect(throws: WalletError.self) { try await fixture.create(request) }
        record = try await last()
        #expect(record.action == .sessionRefused && record.details.text.contains("expiry_past"))
        request.expiresAt = fixture.clock.timestamp + .seconds(60)
        #expect(try await fixture.create(request).sessions[0].sessionKey == used.id)
        let keys = try await manager.sessionKeys(of: organization, limit: 9, offset: 0).items
        #expect(keys.map(\.id) == [used.id])
        record = try await last()
        #expect(record.action == .sessionKeyRemoved && record.subject == unused.id.text)
        #expect(record.details == ["sessionAddress": .string(unused.address.text)])
        #expect(try await manager.verifyAudit(of: fixture.ledger).isIntact)
    }

    @Test func aKeyOfNobodyIsRefused() async throws {
        let fixture = try await WalletFixture()
        var request = try await fixture.request(try .named("01"))
        request.sessionAddress = try #require(WalletAddress("0x" + String(repeating: "0", count: 40)))
        let error = try await fixture.refusal(request)
        #expect(error.code == .invalidRequest && error.details.map(\.path) == ["sessionAddress"])
    }

    /// What the chain's contracts really limit, with every argument.
    @Test func rulesSayWhatIsLimited() async throws {
        let fixture = try await WalletFixture()
        let golden = try await fixture.create(fixture.request(try .named("01"))).sessions[0]
        let rules = try #require(golden.proof).rules.map(\.text)
        #expect(
            rules[0]
                == "Calls of 0xa9059cbb on 0x036CbD53842c5426634e7929541eC2318f3dCF7e, without value, "
                + "argument bytes 0…31 equal to 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC, "
                + "argument bytes 32…63 at most 10000000."
        )
        let limited = try await fixture.create(fixture.request(try .named("09"))).sessions[0]
        #expect(try #require(limited.proof).rules[0].text.hasPrefix("At most "))
    }

    /// Policies that nothing evaluates yet are kept and warned of.
    @Test func policiesAreKept() async throws {
        let fixture = try await WalletFixture()
        var request = try await fixture.request(try .named("01"))
        request.policies = ["x-label": "payroll"]
        let first = try await fixture.create(request).sessions[0]
        #expect(first.policies == request.policies)
        #expect(first.proof?.warnings.contains { $0.code == "policies_not_evaluated" } == false)
        fixture.clock.advance(by: .seconds(86_400))
        request.expiresAt = fixture.clock.timestamp + .seconds(60)
        request.policies = ["version": 1]
        let second = try await fixture.create(request).sessions[0]
        #expect(second.proof?.warnings.contains { $0.code == "policies_not_evaluated" } == true)
    }

    /// Who ends a session: the chain only by a timestamp policy that it asks about operations.
    @Test func whoEndsTheSession() async throws {
        let file = try DelegationFile.named("25")
        let text = String(decoding: try #require(Data(base64Encoded: try file.installs()[0].serialized)), as: UTF8.self)
        for (flag, enforcedBy) in [("0x0000", WalletSessionProof.Enforcer.chain), ("0x0001", .gateway)] {
            let parts = text.components(separatedBy: "\"timestamp\"")
            let place = try #require(parts[1].range(of: "0x0000"))
            let changed = "\(parts[0])\"timestamp\"\(parts[1].replacingCharacters(in: place, with: flag))"
            let blob = try DelegationBlob(serialized: Data(changed.utf8).base64EncodedString())
            let session = try #require(EthereumAddress(file.sessionAddress))
            let permission = Permission(policies: blob.policies, flag: .always, sessionAddress: session)
            // The account that installs the changed permission, and not the old one.
            let old = try #require(KernelInitCode(blob.initCode))
            var arguments = try KernelFunctions.initialize.decodeCall(old.initialization)
            arguments[4] = .array(
                KernelInitCode.installing(permission.id, enableData: permission.enableData).map { .bytes($0) }
            )
            let code = KernelFunctions.deployWithFactory.encodeCall([
                .address(KernelVersion.v033.factory), .bytes(KernelFunctions.initialize.encodeCall(arguments)),
                .word(old.salt),
            ])
            let account = try #require(KernelInitCode(code)).address(of: .v033)
            let serialized =
                changed.replacingOccurrences(
                    of: "\"initCode\":\"[^\"]*\"",
                    with: "\"initCode\":\"\(Hex.encode(code))\"",
                    options: .regularExpression
                )
                .replacingOccurrences(of: blob.account.checksummed, with: account.checksummed)
                .replacingOccurrences(of: "0xc1617be7", with: permission.id.description)
            let fixture = try await WalletFixture(
                configuration: WalletServiceConfiguration(maximumLifetime: .seconds(3 * 365 * 86_400))
            )
            var request = try await fixture.request(file, account: WalletAddress(account))
            request.installs[0].serialized = Data(serialized.utf8).base64EncodedString()
            request.expiresAt = Timestamp(millisecondsSinceEpoch: 1_798_761_600_000)
            let proof = try #require(try await fixture.create(request).sessions[0].proof)
            #expect(proof.rules.last?.kind == "end" && proof.rules.last?.enforcedBy == enforcedBy)
        }
    }

    /// Twenty-four installs, proven and stored in SQLite; the figure is for people.
    @Test func twentyFourInstalls() async throws {
        let folder = try TemporaryDirectory("wallets")
        let store = try SQLiteSessionStore(in: try DataDirectory(path: folder.path))
        let fixture = try await WalletFixture(store: store)
        // A preinstalled permission is the same on all chains.
        var request = try await fixture.request(try .named("25"))
        let text = request.installs[0].serialized
        request.installs = (1...24).map { WalletInstall(chainID: $0, serialized: text) }
        try await fixture.addChains(request.installs)
        var times: [Duration] = []
        for _ in 0..<5 {
            request.expiresAt = fixture.clock.timestamp + .seconds(1)
            defer { fixture.clock.advance(by: .seconds(1)) }
            let start = ContinuousClock.now
            let created = try await fixture.create(request)
            times.append(ContinuousClock.now - start)
            #expect(created.sessions.count == 24)
        }
        print("24 preinstalled installs proven and stored: \(times.sorted()[2]) (median of 5)")
        // Approvals are dearer: each is a signature to recover.
        var approved = try await fixture.request(try .named("31"))
        let start = ContinuousClock.now
        for _ in 0..<8 {
            fixture.clock.advance(by: .seconds(1))
            approved.expiresAt = fixture.clock.timestamp + .seconds(1)
            _ = try await fixture.create(approved)
        }
        print("8 x 3 installs approved by a Merkle root: \(ContinuousClock.now - start)")
        let page = try await fixture.manager.sessions(of: fixture.organization.id, wallet: nil, limit: 2, offset: 2)
        #expect(page.items.count == 1 && !page.hasMore)
        #expect(try await fixture.manager.verifyAudit(of: fixture.ledger).isIntact)
        // At most the configured number of questions at once.
        #expect(fixture.node.mostUnderWay <= 16)
        try store.close()
    }
}
