import EthereumPrimitives
import Foundation
import SessionModel
import Testing
import WalletPolicy

/// Ends of sessions, what organizations allow, warnings, and limits of the blob's form.
@Suite struct DelegationRulesTests {
    private func verify(
        _ name: String,
        rules: DelegationRules = .everything,
        expiresAt: Timestamp = Moments.now + .seconds(60)
    ) throws -> VerifiedDelegation {
        let fixture = try Fixture.named(name)
        var claim = try fixture.claim()
        claim.expiresAt = expiresAt
        return try DelegationBlob(serialized: fixture.serialized())
            .verify(claim, state: .undeployed(nonce: 0), rules: rules, now: Moments.now)
    }

    @Test func sessionsEnd() throws {
        let month = DelegationRules(maximumLifetime: .seconds(30 * 86_400))
        #expect(throws: Never.self) { try verify("01", rules: month, expiresAt: Moments.now + .seconds(30 * 86_400)) }
        #expect(throws: DelegationRefusal(.expiryPast)) { try verify("01", rules: month, expiresAt: Moments.now) }
        #expect(throws: DelegationRefusal(.expiryTooFar)) {
            try verify("01", rules: month, expiresAt: Moments.now + .seconds(30 * 86_400) + .milliseconds(1))
        }
        // The owner signed 2027-01-01T00:00:00Z.
        let years = DelegationRules(maximumLifetime: .seconds(3 * 365 * 86_400))
        let end = Timestamp(millisecondsSinceEpoch: 1_798_761_600_000)
        #expect(throws: Never.self) { try verify("01", rules: years, expiresAt: end) }
        #expect(throws: DelegationRefusal(.expiryAfterPolicy)) {
            try verify("01", rules: years, expiresAt: end + .milliseconds(1))
        }
        // `validityData` says 2100, which nobody signed and nothing reads.
        #expect(throws: Never.self) { try verify("alt-09", rules: years, expiresAt: end + .seconds(1)) }
    }

    @Test func wildcardsNeedTheOrganization() throws {
        let strict = DelegationRules(maximumLifetime: .seconds(86_400))
        #expect(throws: Never.self) { try verify("03", rules: strict) }
        for name in ["13", "08", "09", "11", "38"] {
            #expect(throws: DelegationRefusal(.wildcardTarget, at: "permissionParams.policies")) {
                try verify(name, rules: strict)
            }
        }
        let targets = DelegationRules(maximumLifetime: .seconds(86_400), allowsWildcardTargets: true)
        #expect(throws: DelegationRefusal(.delegateCall, at: "permissionParams.policies")) {
            try verify("13", rules: targets)
        }
    }

    /// Through the account itself, and through what guards it, a key that is bound to one contract reaches everything.
    @Test func theAccountAndItsGuardsNeedTheOrganization() throws {
        func refusal(
            _ target: (MadeDelegation) -> EthereumAddress,
            _ selector: FunctionSelector,
            wildcards: Bool = false,
            delegateCalls: Bool = false
        ) throws -> DelegationRefusal.Reason? {
            var made = try MadeDelegation()
            // The account does not depend on what it signs.
            try made.make([])
            made.blob.policies = [
                PermissionPolicy(.call(version: .v4, [CallPermission(target: target(made), selector: selector)]))
            ]
            made.blob.permissionID = made.permission.id
            made.sign()
            let rules = DelegationRules(
                maximumLifetime: .seconds(90 * 86_400),
                allowsWildcardTargets: wildcards,
                allowsDelegateCalls: delegateCalls
            )
            do {
                let verified = try made.blob.verify(
                    made.claim,
                    state: .undeployed(nonce: 0),
                    rules: rules,
                    now: Moments.now
                )
                #expect(verified.warnings.contains(.accountControl) == (wildcards && delegateCalls))
                return nil
            } catch {
                #expect(error.path == "permissionParams.policies")
                return error.reason
            }
        }
        let transfer = FunctionSelector(0xA905_9CBB)
        let onInstall = FunctionSelector(0x6D61_FE70)
        let execute = KernelFunctions.execute.selector
        let guards = [
            KernelContracts.ecdsaSigner, KernelContracts.callPolicy4, KernelContracts.metaFactory,
            KernelVersion.v030.factory, EntryPoint.v07.address,
            try #require(EthereumAddress(hex: "0x845adb2c711129d4f3966735ed98a9f09fc4ce57")),
        ]
        for target in guards {
            #expect(try refusal({ _ in target }, onInstall) == .accountControl)
            #expect(try refusal({ _ in target }, transfer, wildcards: true) == .accountControl)
            #expect(try refusal({ _ in target }, transfer, delegateCalls: true) == .accountControl)
            #expect(try refusal({ _ in target }, onInstall, wildcards: true, delegateCalls: true) == nil)
        }
        #expect(try refusal(\.blob.account, execute) == .accountControl)
        #expect(try refusal(\.blob.account, transfer, wildcards: true) == .accountControl)
        // Any contract, but a function that only an account may call of itself.
        for selector in [execute, onInstall, FunctionSelector(0x3659_CFE6), FunctionSelector(0x205C_2878)] {
            #expect(try refusal({ _ in .zero }, selector) == .wildcardTarget)
            #expect(try refusal({ _ in .zero }, selector, wildcards: true) == .accountControl)
            #expect(try refusal({ _ in .zero }, selector, wildcards: true, delegateCalls: true) == nil)
        }
        #expect(try refusal({ _ in .zero }, transfer, wildcards: true) == nil)
        #expect(try refusal({ _ in KernelContracts.usdc }, transfer) == nil)
    }

    /// Rules that no contract installs, or that never hold.
    @Test func rulesMustBeOfTheContract() throws {
        let blob = try Fixture.named("03").serialized()
        let text = String(decoding: try #require(Data(base64Encoded: blob)), as: UTF8.self)
        func refusal(_ from: String, _ to: String) throws -> String? {
            let changed = text.replacingOccurrences(of: from, with: to)
            #expect(changed != text)
            let serialized = Data(changed.utf8).base64EncodedString()
            do {
                _ = try DelegationBlob(serialized: serialized)
                return nil
            } catch {
                return error.path?.split(separator: ".").last.map(String.init)
            }
        }
        #expect(try refusal("\"condition\":0", "\"condition\":7") == "condition")
        #expect(try refusal("\"condition\":0", "\"condition\":6") == nil)
        let start = try #require(text.range(of: "\"params\":["))
        let end = try #require(text[start.upperBound...].firstIndex(of: "]"))
        #expect(try refusal(String(text[start.lowerBound...end]), "\"params\":[]") == "params")
    }

    @Test func sessionsBeginInTime() throws {
        var made = try MadeDelegation()
        try made.make([])
        let start = UInt64(Moments.now.millisecondsSinceEpoch / 1000) + 60
        made.blob.policies = [
            PermissionPolicy(
                .call(version: .v4, [CallPermission(target: KernelContracts.usdc, selector: FunctionSelector(1))])
            ),
            PermissionPolicy(.timestamp(validAfter: start, validUntil: 0)),
        ]
        made.blob.permissionID = made.permission.id
        made.sign()
        made.claim.expiresAt = Moments.now + .seconds(60)
        #expect(throws: DelegationRefusal(.expiryBeforePolicy)) { try made.verify() }
        made.claim.expiresAt = Moments.now + .seconds(61)
        #expect(throws: Never.self) { try made.verify() }
    }

    private static func permission(_ permissions: [CallPermission], flag: PassFlag = .always) -> Permission {
        Permission(
            policies: [PermissionPolicy(.call(version: .v4, permissions), flag: flag)],
            flag: .always,
            sessionAddress: .zero
        )
    }

    @Test func whatLimitsAllow() {
        let transfer = CallPermission(target: KernelContracts.sudoPolicy, selector: FunctionSelector(0xA905_9CBB))
        var anywhere = transfer
        anywhere.target = .zero
        var delegate = transfer
        delegate.callType = .delegate
        #expect(!Self.permission([transfer]).allowsAnyTarget)
        #expect(Self.permission([transfer, anywhere]).allowsAnyTarget)
        #expect(!Self.permission([transfer]).allowsDelegateCalls)
        #expect(Self.permission([transfer, delegate]).allowsDelegateCalls)
        #expect(!Self.permission([]).allowsAnyTarget)
        // A call policy that is not asked about operations limits none.
        #expect(Self.permission([transfer], flag: .notForOperations).allowsAnyTarget)
        #expect(!Self.permission([transfer], flag: .notForSignatures).allowsAnyTarget)
        // All policies must agree.
        var two = Self.permission([anywhere])
        two.policies.append(PermissionPolicy(.call(version: .v5, [transfer])))
        #expect(!two.allowsAnyTarget)
        two.policies = [PermissionPolicy(.sudo)]
        #expect(two.allowsAnyTarget && two.allowsDelegateCalls)
    }

    @Test(
        arguments: [
            ("01", [.signsAnything]),
            ("03", [.signsAnything, .noTimeLimit]),
            ("09", [.signsAnything, .noTimeLimit, .anyTarget, .accountControl]),
            ("13", [.signsAnything, .noTimeLimit, .anyTarget, .accountControl]),
            ("15", [.signsAnything, .noTimeLimit, .valueLimitPerCall, .emptySelector]),
        ] as [(String, [DelegationWarning])]
    )
    func warnings(name: String, expected: [DelegationWarning]) throws {
        #expect(try verify(name).warnings == expected)
    }

    /// Without code an account may still have what it kept when it had taken on code before.
    @Test func earlierCodeIsNotKnown() throws {
        let fixture = try Fixture.named("26")
        let owner = try #require(PrivateKey(bytes: try fixture.json.bytes("inputs", "ownerPrivateKey")))
        var blob = try DelegationBlob(serialized: fixture.serialized())
        let claim = try fixture.claim()
        for nonce: UInt64 in [0, 1, 7] {
            var authorization = try #require(blob.authorization)
            let signature = owner.sign(
                CodeAuthorization.digest(
                    chainID: authorization.chainID,
                    delegate: authorization.delegate,
                    nonce: nonce
                )
            )
            (authorization.r, authorization.s) = (signature.r, signature.s)
            (authorization.yParity, authorization.v, authorization.nonce) = (signature.yParity, nil, nonce)
            blob.authorization = authorization
            let verified = try blob.verify(
                claim,
                state: .undeployed(nonce: nonce),
                rules: .everything,
                now: Moments.now
            )
            let warnings = verified.warnings.map(\.rawValue)
            #expect(warnings.contains("earlier_code_not_read") == (nonce > 0))
        }
    }

    @Test func flagsOfThePermission() throws {
        // A permission that is not for signatures is found by its identifier, though the flag is not in the blob.
        let blob = try DelegationBlob(serialized: try Fixture.named("03").serialized())
        let session = try Fixture.named("03").claim().sessionAddress
        let ids = PassFlag.allCases.map { Permission(policies: blob.policies, flag: $0, sessionAddress: session).id }
        #expect(Set(ids).count == 3)
        var changed = blob
        changed.permissionID = ids[2]
        let refusal = #expect(throws: DelegationRefusal.self) {
            try changed.verify(
                Fixture.named("03").claim(),
                state: .undeployed(nonce: 0),
                rules: .everything,
                now: Moments.now
            )
        }
        #expect(refusal?.reason == .signatureNotByOwner)
        changed.permissionID = ids[1]
        let useless = #expect(throws: DelegationRefusal.self) {
            try changed.verify(
                Fixture.named("03").claim(),
                state: .undeployed(nonce: 0),
                rules: .everything,
                now: Moments.now
            )
        }
        #expect(useless?.reason == .permissionIDMismatch)
    }

    @Test func contractsMustBeKnown() throws {
        // The identifier agrees, so the owner may have signed it; the contract is still not one that is known.
        var blob = try DelegationBlob(serialized: try Fixture.named("01").serialized())
        let claim = try Fixture.named("01").claim()
        blob.policies[1].address = KernelContracts.sudoPolicy
        blob.permissionID = nil
        #expect(
            throws: DelegationRefusal(
                .policyContractUnknown,
                at: "permissionParams.policies[1].policyParams.policyAddress"
            )
        ) {
            try blob.verify(claim, state: .undeployed(nonce: 0), rules: .everything, now: Moments.now)
        }
    }

    @Test func rateLimitsHaveTwoForms() {
        let limit = PermissionPolicy.Content.rateLimit(interval: 3600, count: 3, startAt: 0)
        #expect(PermissionPolicy(limit).data.count == 18)
        let resetting = PermissionPolicy(limit, address: KernelContracts.resettingRateLimitPolicy)
        #expect(resetting.data.count == 12 && resetting.isKnown)
        let started = PermissionPolicy.Content.rateLimit(interval: 3600, count: 3, startAt: 5)
        #expect(!PermissionPolicy(started, address: KernelContracts.resettingRateLimitPolicy).isKnown)
    }

    @Test(arguments: [
        "", "QQ", "QQ=", "QR==", "QQ==\n", "QQ= =", "Q===", "====", "QUI", "QUJ=", "_-__", "QQ==QQ==", " QQ==",
    ])
    func base64IsStrict(text: String) {
        let refusal = #expect(throws: DelegationRefusal.self) { try DelegationBlob(serialized: text) }
        // The empty text is base64 of nothing.
        #expect(refusal?.reason == (text.isEmpty ? .blobNotJSON : .blobNotBase64))
    }

    @Test func blobsAreBounded() {
        let text = String(repeating: "A", count: DelegationBlob.maximumLength + 4)
        #expect(throws: DelegationRefusal(.blobTooLarge)) { try DelegationBlob(serialized: text) }
    }

    @Test func everyReasonSaysWhat() {
        for reason in DelegationRefusal.Reason.allCases {
            #expect(reason.message.hasSuffix("."))
            #expect(DelegationRefusal(reason).description == "\(reason.step.rawValue) \(reason.rawValue)")
        }
        #expect(Set(DelegationRefusal.Reason.allCases.map(\.message)).count == DelegationRefusal.Reason.allCases.count)
    }
}

extension KernelContracts {
    /// A token, and nothing that guards accounts.
    fileprivate static var usdc: EthereumAddress {
        EthereumAddress(hex: "0x036CbD53842c5426634e7929541eC2318f3dCF7e") ?? .zero
    }
}
