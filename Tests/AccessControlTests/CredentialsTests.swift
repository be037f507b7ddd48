import AccessControl
import SessionModel
import Testing

@Suite("Credentials of viewers")
struct CredentialsTests {
    private func policy(
        isPublic: Bool = true,
        password: String = "",
        basic: String? = nil
    ) throws -> CompiledPolicy {
        CompiledPolicy(
            record: try Fixture.record(
                policy: SessionPolicy(isPublic: isPublic, password: password),
                basicPassword: basic
            ),
            signer: Fixture.signer
        )
    }

    private static let right = "Basic d29ybTphMWIyYzNkNA=="  // worm:a1b2c3d4
    private static let missing = CredentialOutcome.refused(.basicAuthRequired, failedAttempt: false)
    private static let wrong = CredentialOutcome.refused(.basicAuthRequired, failedAttempt: true)

    @Test(
        "basic authentication must match",
        arguments: [
            (nil, missing), (right, .allowed), ("basic d29ybTphMWIyYzNkNA==", .allowed),
            ("BASIC   d29ybTphMWIyYzNkNA==", .allowed), ("", wrong), ("Basic", wrong), ("Basic ", wrong),
            ("Basicd29ybTphMWIyYzNkNA==", wrong), ("Basic\td29ybTphMWIyYzNkNA==", wrong),
            ("Bearer d29ybTphMWIyYzNkNA==", wrong), ("Basic d29ybTphMWIyYzNkNA", wrong),
            ("Basic d29ybTphMWIyYzNkNA=", wrong), ("Basic d29ybTphMWIyYzNkNA===", wrong),
            ("Basic d29ybTphMWIyYzNkNB==", wrong), ("Basic d29ybTphMWIyYzNkNA== ", wrong),
            ("Basic d29ybTphMWIyYzNkNA==, Basic d29ybTphMWIyYzNkNA==", wrong), ("Basic d29y!TphMWIyYzNkNA==", wrong),
            ("Basic ====", wrong), ("Basic d29ybTphMWIyYzNkNQ==", wrong), ("Basic d29ybTo=", wrong),
            ("Basic V09STTphMWIyYzNkNA==", wrong), ("Basic d29ybTphMWIyYzNkNDU=", wrong),
            ("Basic " + String(repeating: "QUFB", count: 10_000), wrong),
        ] as [(String?, CredentialOutcome)]
    )
    func basic(header: String?, outcome: CredentialOutcome) throws {
        let policy = try self.policy(basic: "a1b2c3d4")
        #expect(policy.readsAuthorization)
        let decision = policy.credentialsDecision(basicHeader: header, daypassPassword: nil, viewerCredential: nil)
        #expect(decision == outcome)
    }

    @Test("basic authentication of Unicode credentials compares bytes of UTF-8")
    func unicode() throws {
        let policy = try self.policy(basic: "pä:ss")
        // worm:pä:ss in UTF-8 and in Latin-1.
        let (utf8, latin1) = ("Basic d29ybTpww6Q6c3M=", "Basic d29ybTpw5Dpzcw==")
        #expect(policy.credentialsDecision(basicHeader: utf8, daypassPassword: nil, viewerCredential: nil) == .allowed)
        #expect(
            policy.credentialsDecision(basicHeader: latin1, daypassPassword: nil, viewerCredential: nil) == Self.wrong
        )
    }

    @Test("a session with basic mode but without stored credentials lets nobody in")
    func brokenRecord() throws {
        var record = try Fixture.record(basicPassword: "x")
        record.basicCredentials = nil
        let policy = CompiledPolicy(record: record, signer: Fixture.signer)
        for header in [nil, "", "Basic ", "Basic Og==", Self.right] {
            let decision = policy.credentialsDecision(basicHeader: header, daypassPassword: nil, viewerCredential: nil)
            #expect(decision != .allowed)
        }
    }

    @Test("a password is proved by header or by cookie", arguments: [true, false])
    func password(isPublic: Bool) throws {
        let policy = try self.policy(isPublic: isPublic, password: "secret")
        func decide(header: String? = nil, proof: String? = nil) -> CredentialOutcome {
            policy.credentialsDecision(
                basicHeader: nil,
                daypassPassword: header,
                viewerCredential: proof.map { Fixture.credential(proof: $0) }
            )
        }
        let proof = try #require(policy.passwordProof)
        let wrong = CredentialOutcome.refused(.passwordRequired, failedAttempt: true)
        let missing = CredentialOutcome.refused(.passwordRequired, failedAttempt: false)
        #expect(decide() == missing)
        #expect(decide(header: "secret") == .allowed)
        #expect(decide(proof: proof) == .allowed)
        #expect(decide(header: "wrong", proof: proof) == .allowed)
        for guess in ["", "Secret", "secret ", "secre", "secrets", proof] { #expect(decide(header: guess) == wrong) }
        // An outdated proof in a cookie is no guess.
        #expect(decide(proof: "outdated") == missing)
        #expect(decide(proof: "") == missing)
        #expect(policy.isPassword("secret"))
        #expect(!policy.isPassword("secret\u{0}"))
    }

    @Test("a changed password makes the old proof worthless, the same one again makes it good")
    func changedPassword() throws {
        let before = try self.policy(password: "one")
        let cookie = before.cookie(for: Fixture.credential(proof: before.passwordProof))
        func decide(_ policy: CompiledPolicy) -> CredentialOutcome {
            policy.credentialsDecision(
                basicHeader: nil,
                daypassPassword: nil,
                viewerCredential: policy.credential(inCookie: cookie)
            )
        }
        #expect(decide(before) == .allowed)
        #expect(decide(try self.policy(password: "two")) == .refused(.passwordRequired, failedAttempt: false))
        #expect(decide(try self.policy(password: "one")) == .allowed)
        #expect(decide(try self.policy()) == .allowed)
        #expect(decide(try self.policy(isPublic: false)) == .refused(.sessionPrivate, failedAttempt: false))
    }

    @Test("without password there is nothing to prove")
    func noPassword() throws {
        let policy = try self.policy()
        #expect(policy.passwordProof == nil)
        #expect(!policy.readsPassword)
        #expect(!policy.readsAuthorization)
        #expect(!policy.isPassword(""))
        #expect(policy.credentialsDecision(basicHeader: nil, daypassPassword: nil, viewerCredential: nil) == .allowed)
        let header = "Basic nonsense"
        #expect(
            policy.credentialsDecision(basicHeader: header, daypassPassword: "x", viewerCredential: nil) == .allowed
        )
    }

    @Test("a private session without password refuses all viewers")
    func privateSession() throws {
        let policy = try self.policy(isPublic: false)
        for password in [nil, "", "guess"] {
            let decision = policy.credentialsDecision(
                basicHeader: nil,
                daypassPassword: password,
                viewerCredential: Fixture.credential(proof: "proof")
            )
            #expect(decision == .refused(.sessionPrivate, failedAttempt: false))
        }
    }

    @Test("basic and password are both needed, basic first")
    func both() throws {
        let policy = try self.policy(password: "secret", basic: "a1b2c3d4")
        func decide(_ basic: String?, _ password: String?) -> CredentialOutcome {
            policy.credentialsDecision(basicHeader: basic, daypassPassword: password, viewerCredential: nil)
        }
        #expect(decide(nil, "secret") == Self.missing)
        #expect(decide("Basic eA==", "secret") == Self.wrong)
        #expect(decide(Self.right, nil) == .refused(.passwordRequired, failedAttempt: false))
        #expect(decide(Self.right, "wrong") == .refused(.passwordRequired, failedAttempt: true))
        #expect(decide(Self.right, "secret") == .allowed)
    }
}

@Suite("Kicked viewers")
struct KickedViewerTests {
    private let address = ClientAddress(v4: (198, 51, 100, 7))
    private let elsewhere = ClientAddress(v4: (198, 51, 100, 8))

    private func policy(_ kicked: KickedViewer...) throws -> CompiledPolicy {
        CompiledPolicy(record: try Fixture.record(kicked: kicked), signer: Fixture.signer)
    }

    private func addressID() throws -> String { Fixture.signer.addressID(of: self.address, slug: try Fixture.slug()) }

    @Test("stay out by cookie everywhere, and without cookie from their address")
    func kicked() throws {
        let kickedAt = Fixture.start + .seconds(100)
        let viewer = KickedViewer(
            viewerID: Fixture.credential("k").viewerID,
            addressID: try self.addressID(),
            kickedAt: kickedAt
        )
        let policy = try self.policy(viewer)
        #expect(policy.isKicked(Fixture.credential("k"), address: self.address))
        #expect(policy.isKicked(Fixture.credential("k"), address: self.elsewhere))
        #expect(policy.isKicked(nil, address: self.address))
        #expect(!policy.isKicked(nil, address: self.elsewhere))
        // Others at the same address who were there before are not meant; a cookie made later is no way around.
        #expect(!policy.isKicked(Fixture.credential("o", issuedAfter: 99), address: self.address))
        #expect(!policy.isKicked(Fixture.credential("o", issuedAfter: 100), address: self.address))
        #expect(policy.isKicked(Fixture.credential("o", issuedAfter: 101), address: self.address))
        #expect(!policy.isKicked(Fixture.credential("o", issuedAfter: 101), address: self.elsewhere))
    }

    @Test("may be an address")
    func kickedAddress() throws {
        let policy = try self.policy(
            KickedViewer(viewerID: try self.addressID(), addressID: nil, kickedAt: Fixture.start + .seconds(5))
        )
        #expect(policy.isKicked(nil, address: self.address))
        #expect(!policy.isKicked(nil, address: self.elsewhere))
        #expect(!policy.isKicked(Fixture.credential("o"), address: self.address))
        #expect(policy.isKicked(Fixture.credential("o", issuedAfter: 6), address: self.address))
    }

    @Test("of unknown address or time are refused as far as is known")
    func unknown() throws {
        let byID = try self.policy(KickedViewer(viewerID: Fixture.credential("k").viewerID, addressID: nil))
        #expect(byID.isKicked(Fixture.credential("k"), address: self.address))
        #expect(!byID.isKicked(nil, address: self.address))
        let timeless = try self.policy(
            KickedViewer(viewerID: Fixture.credential("k").viewerID, addressID: try self.addressID())
        )
        #expect(timeless.isKicked(nil, address: self.address))
        #expect(!timeless.isKicked(Fixture.credential("o", issuedAfter: 5000), address: self.address))
    }

    @Test("of one address count from the first kick")
    func severalKicks() throws {
        let kicks = try [(60, "a"), (nil, "b"), (20, "c"), (40, "d")]
            .map { seconds, letter in
                KickedViewer(
                    viewerID: Fixture.credential(Character(letter)).viewerID,
                    addressID: try self.addressID(),
                    kickedAt: seconds.map { Fixture.start + .seconds($0) }
                )
            }
        for kicks in [kicks, kicks.reversed()] {
            let policy = CompiledPolicy(record: try Fixture.record(kicked: kicks), signer: Fixture.signer)
            #expect(!policy.isKicked(Fixture.credential("o", issuedAfter: 20), address: self.address))
            #expect(policy.isKicked(Fixture.credential("o", issuedAfter: 21), address: self.address))
        }
    }
}
