import AccessControl
import DaypassTestSupport
import GatewayService
import JWTKit
import SessionModel
import SessionStore
import Synchronization
import Testing

@Suite struct SessionTokenKeyringTests {
    private func claims(_ fixture: ManagerFixture) throws -> SessionClaims {
        var generator = SeededGenerator(seed: 5)
        var samples = SampleGateway()
        return SessionClaims(
            issuer: "https://api.example",
            tenant: samples.tenant("acme"),
            key: try #require(APIKeyID("key_00000000000a")),
            webOrigin: try #require(WebOrigin(header: "https://shop.example")),
            renewing: nil,
            now: fixture.clock.timestamp,
            using: &generator
        )
    }

    /// The gate's view of a token: nil when its header is refused, else whether the signature is good.
    private func judge(_ token: String, _ fixture: ManagerFixture) -> Bool? {
        let (keyIDs, isGood) = fixture.gate.state.withLock { ($0.keyIDs, $0.isGood) }
        return UnverifiedToken(parsing: Array(token.utf8), keyIDs: keyIDs).map(isGood)
    }

    private func sign(_ fixture: ManagerFixture) throws -> String {
        let sign = fixture.gate.state.withLock { $0.sign }
        return try sign(try self.claims(fixture))
    }

    @Test func signsWhatItVerifies() async throws {
        let fixture = try await ManagerFixture()
        let token = try self.sign(fixture)
        let parts = try #require(UnverifiedToken(parsing: Array(token.utf8), keyIDs: fixture.manager.keyring.keyIDs))
        #expect(fixture.manager.keyring.isGood(parts))
        #expect(SessionClaims(payload: parts.payload) == (try self.claims(fixture)))
        #expect(self.judge(token, fixture) == true)
        // One changed character of payload or signature.
        let bytes = Array(token.utf8)
        let firstDot = try #require(bytes.firstIndex(of: UInt8(ascii: ".")))
        let lastDot = try #require(bytes.lastIndex(of: UInt8(ascii: ".")))
        for index in [firstDot + 5, lastDot - 5, lastDot + 1, lastDot + 40] {
            var changed = bytes
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(self.judge(String(decoding: changed, as: UTF8.self), fixture) == false, "byte \(index)")
        }
    }

    private struct Payload: JWTPayload {
        var iss: String
        var exp: ExpirationClaim
        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }

    /// A verifier that has nothing but the published key set accepts the token.
    @Test func theKeySetVerifiesTokens() async throws {
        let fixture = try await ManagerFixture()
        let token = try self.sign(fixture)
        let text = fixture.gate.read(\.keySet)
        #expect(text == fixture.manager.keyring.jwks.text)
        let verifier = JWTKeyCollection()
        try await verifier.add(jwksJSON: text)
        let payload = try await verifier.verify(token, as: Payload.self)
        #expect(payload.iss == "https://api.example")
        guard case .array(let keys)? = fixture.manager.keyring.jwks["keys"] else {
            Issue.record("no list of keys")
            return
        }
        #expect(keys.count == 1)
        #expect(keys.first?["kty"] == "OKP")
        #expect(keys.first?["crv"] == "Ed25519")
        #expect(keys.first?["alg"] == "EdDSA")
        #expect(keys.first?["use"] == "sig")
        #expect(keys.first?["d"] == nil)
        #expect(keys.first?["kid"] == .string(try #require(fixture.gate.read(\.keyIDs).first)))
    }

    /// JWTKit answers with its first key for identifiers it does not know; the ring must not.
    @Test func onlyTheNamedKeyVerifies() async throws {
        let fixture = try await ManagerFixture(.init(signingKeyPublishTime: .zero))
        let (first, other) = (try await ManagerFixture(), try await ManagerFixture())
        let token = try self.sign(fixture)
        // Another ring does not know the identifier.
        let stranger = try #require(
            UnverifiedToken(parsing: Array(token.utf8), keyIDs: fixture.manager.keyring.keyIDs)
        )
        let now = fixture.clock.timestamp
        let made = try SessionTokenKeyring.makeKey(id: "another", now: now, signsFrom: now)
        let ring = SessionTokenKeyring(clock: fixture.clock.wallClock)
        try await ring.load([made])
        #expect(!ring.isGood(stranger))
        // Another ring knows the identifier, but its key is another one.
        var same = made
        same.id = stranger.keyID
        try await ring.load([same])
        #expect(!ring.isGood(stranger))
        // A token names a key the ring does not have, and is signed with the one it has.
        var renamed = made
        renamed.id = "unknown"
        let forger = SessionTokenKeyring(clock: fixture.clock.wallClock)
        try await forger.load([renamed])
        let forged = try forger.sign(try self.claims(fixture))
        let unknown = try #require(UnverifiedToken(parsing: Array(forged.utf8), keyIDs: ["unknown"]))
        #expect(forger.isGood(unknown))
        try await ring.load([made])
        #expect(!ring.isGood(unknown))
        #expect(first.manager.keyring.keyIDs == other.manager.keyring.keyIDs)
        #expect(first.manager.keyring.jwks != other.manager.keyring.jwks)
        // Two keys of one ring do not stand in for each other.
        let names = try await fixture.manager.rotateSigningKey(by: fixture.actor).map(\.id)
        let input = UnverifiedToken.signingInput(keyID: names[0], claims: try self.claims(fixture))
        let signature = token.split(separator: ".")[2]
        #expect(self.judge(String(decoding: input, as: UTF8.self) + "." + signature, fixture) == false)
        #expect(self.judge(token, fixture) == true)
    }

    @Test func anEmptyRingDoesNothing() async throws {
        let fixture = try await ManagerFixture()
        let token = try self.sign(fixture)
        let parts = try #require(UnverifiedToken(parsing: Array(token.utf8), keyIDs: fixture.manager.keyring.keyIDs))
        let ring = SessionTokenKeyring(clock: fixture.clock.wallClock)
        #expect(!ring.isGood(parts))
        #expect(ring.keyIDs.isEmpty)
        let error = #expect(throws: DaypassError.self) { _ = try ring.sign(try self.claims(fixture)) }
        #expect(error?.code == .serviceUnavailable)
        let damaged = SigningKeyRecord(
            id: "damaged",
            privateKey: SecretBytes([1, 2, 3]),
            createdAt: fixture.clock.timestamp,
            signsFrom: fixture.clock.timestamp
        )
        let failure = await #expect(throws: StoreFailure.self) { try await ring.load([damaged]) }
        #expect(failure?.description.contains("damaged") == true)
    }

    @Test func aKeyLivesFromPublicationToItsLastToken() async throws {
        let fixture = try await ManagerFixture()
        let old = try #require(try await fixture.manager.signingKeys().first)
        #expect(old.state == .current)
        let early = try self.sign(fixture)
        fixture.clock.advance(by: .seconds(1000))
        let keys = try await fixture.manager.rotateSigningKey(by: fixture.actor)
        let next = try #require(keys.first)
        #expect(keys.map(\.state) == [.next, .current])
        #expect(next.signsFrom == fixture.clock.timestamp + .seconds(600))
        // It is published at once, and the old one goes on signing.
        #expect(fixture.gate.read(\.keyIDs) == [old.id, next.id])
        func signer(_ token: String) -> String? {
            UnverifiedToken(parsing: Array(token.utf8), keyIDs: fixture.gate.read(\.keyIDs))?.keyID
        }
        fixture.clock.advance(by: .seconds(600) - .milliseconds(1))
        let last = try self.sign(fixture)
        #expect(signer(last) == old.id)
        await fixture.refused(.conflict) { _ = try await fixture.manager.rotateSigningKey(by: fixture.actor) }
        fixture.clock.advance(by: .milliseconds(1))
        let new = try self.sign(fixture)
        #expect(signer(new) == next.id)
        #expect(try await fixture.manager.signingKeys().map(\.state) == [.current, .retired])
        for token in [early, last, new] { #expect(self.judge(token, fixture) == true) }
        // The old key stays until its last token can be neither used nor renewed.
        fixture.clock.advance(by: .seconds(3600 + 600 + 5))
        try await fixture.manager.prune()
        #expect(self.judge(last, fixture) == true)
        fixture.clock.advance(by: .milliseconds(1))
        try await fixture.manager.prune()
        #expect(self.judge(last, fixture) == nil)
        #expect(self.judge(new, fixture) == true)
        #expect(fixture.gate.read(\.keyIDs) == [next.id])
        #expect(try await fixture.store.signingKeys().map(\.id) == [next.id])
        #expect(try await fixture.actions() == [.signingKeyRotated])
    }

    /// After a restart the same keys verify and the same one signs.
    @Test func keysSurviveARestart() async throws {
        let fixture = try await ManagerFixture()
        let token = try self.sign(fixture)
        _ = try await fixture.manager.rotateSigningKey(by: fixture.actor)
        let gate = RecordingGate()
        let restarted = GatewayManager(store: fixture.store, gate: gate, clock: fixture.clock.wallClock)
        try await restarted.start()
        #expect(gate.read(\.keySet) == fixture.gate.read(\.keySet))
        let parts = try #require(UnverifiedToken(parsing: Array(token.utf8), keyIDs: gate.read(\.keyIDs)))
        #expect(restarted.keyring.isGood(parts))
        #expect(try await fixture.store.signingKeys().count == 2)
    }

    @Test func secretsAreNotDescribed() throws {
        let now = SampleGateway().now
        let key = try SessionTokenKeyring.makeKey(id: "k", now: now, signsFrom: now)
        #expect(key.privateKey.bytes.count == 32)
        for text in ["\(key)", String(reflecting: key)] {
            #expect(text.contains("(secret)"))
            #expect(!text.contains(key.privateKey.bytes.map { "\($0)" }.joined(separator: ", ")))
        }
    }
}
