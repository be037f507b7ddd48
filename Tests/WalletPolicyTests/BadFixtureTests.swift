import EthereumPrimitives
import SessionModel
import Testing
import WalletPolicy

/// What was changed after the owner signed is refused, at the step that must find it.
@Suite struct BadFixtureTests {
    @Test(arguments: Fixture.bad)
    func isRefusedAtItsStep(fixture: Fixture) throws {
        let refusal = #expect(throws: DelegationRefusal.self) { try fixture.verify() }
        #expect(refusal?.step.rawValue == (try fixture.text("failsAt")), "\(String(describing: refusal))")
    }

    /// The same blobs, presented for the wallet they were derived from: none gets in by way of another account.
    @Test(arguments: Fixture.bad)
    func isRefusedForTheRealWallet(fixture: Fixture) throws {
        // The originals of some are not among the files.
        let origin = try fixture.text("derivedFrom")
        guard let base = Fixture.good.first(where: { $0.name == origin }) else { return }
        let wallet = try #require(EthereumAddress(hex: try base.accounts[0].text("address")))
        #expect(throws: DelegationRefusal.self) { try fixture.verify { $0.wallet = wallet } }
    }

    /// Reasons in more detail than the steps.
    @Test(
        arguments: [
            ("bad-03", .signatureNotByOwner), ("bad-05", .signatureMalformed), ("bad-07", .signatureMalformed),
            ("bad-09", .signatureMalformed), ("bad-11", .signatureNotByOwner), ("bad-15", .versionMismatch),
            ("bad-17", .addressNotProven), ("bad-21", .initCodeNotCanonical), ("bad-53", .actionNotExecute),
            ("bad-57", .notPreinstalled), ("bad-61", .privateKeyPresent), ("bad-63", .blobNotJSON),
            ("bad-65", .blobNotBase64), ("bad-67", .blobNotBase64), ("bad-69", .blobFieldInvalid),
            ("bad-71", .blobNotJSON), ("bad-73", .merkleProofInvalid), ("bad-75", .signatureNotByOwner),
            ("bad-79", .signatureNotByOwner), ("bad-81", .authorizationEveryChain), ("bad-83", .authorizationInvalid),
            ("bad-85", .authorizationInvalid), ("bad-87", .authorizationOtherChain),
            ("bad-89", .rootUnsupportedPasskey), ("alt-03", .signatureHighS), ("alt-13", .rootUnsupportedPasskey),
        ] as [(String, DelegationRefusal.Reason)]
    )
    func hasItsReason(name: String, reason: DelegationRefusal.Reason) throws {
        let fixture = try Fixture.named(name)
        let refusal = #expect(throws: DelegationRefusal.self) { try fixture.verify() }
        #expect(refusal?.reason == reason)
    }

    @Test(arguments: Fixture.alternative)
    func variants(fixture: Fixture) throws {
        switch try fixture.text("acceptable") {
        case "accept" where fixture.name.contains("passkey"), "refuse-strict, valid on chain":
            #expect(throws: DelegationRefusal.self) { try fixture.verify() }
        case let acceptable:
            #expect(acceptable.hasPrefix("accept"))
            let verified = try fixture.verify()
            #expect(verified.approval == (fixture.name.contains("eip191") ? .message : .digest))
            // What nobody signs changes nothing: the limits are those of the blob it was derived from.
            let original = try Fixture.named(try fixture.text("derivedFrom")).verify()
            #expect(verified.permission == original.permission)
            #expect(verified.digest == original.digest)
        }
    }

    /// Nothing that is logged or answered holds a value of the blob.
    @Test(arguments: Fixture.bad)
    func refusalsKeepSecrets(fixture: Fixture) throws {
        guard let refusal = #expect(throws: DelegationRefusal.self, performing: { try fixture.verify() }) else {
            return
        }
        let detail = refusal.detail(field: "installs[0].serialized")
        #expect(detail.path.hasPrefix("installs[0].serialized") || detail.path == "expiresAt")
        for text in [refusal.description, refusal.message, detail.message] {
            #expect(!text.contains("0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"))
            #expect(text.utf8.count < 400)
        }
    }
}
