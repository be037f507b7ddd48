import AccessControl
import DaypassTestSupport
import SessionModel
import Testing

@Suite("Viewer cookies")
struct ViewerCookieTests {
    private let signer = Fixture.signer

    @Test("verify to what was minted", arguments: [nil, "AbC-_123"])
    func roundTrip(proof: String?) throws {
        let slug = try Fixture.slug()
        let credential = Fixture.credential("q", issuedAfter: 5, proof: proof)
        let value = self.signer.mint(credential, slug: slug)
        #expect(value.utf8.count <= ViewerCookieSigner.maximumLength)
        #expect(value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"\";,\\".utf8.contains($0) })
        #expect(self.signer.verify(value, slug: slug) == credential)
        #expect(self.signer.verify(Substring(value), slug: slug) == credential)
    }

    @Test("of a longest session password fit")
    func longest() throws {
        let proof = self.signer.passwordProof(String(repeating: "ü", count: 256), session: try Fixture.sessionID())
        let credential = Fixture.credential(proof: proof)
        let slug = try Fixture.slug(String(repeating: "a", count: 63))
        #expect(self.signer.verify(self.signer.mint(credential, slug: slug), slug: slug) == credential)
    }

    @Test("do not verify after any change of one byte, cut short or made longer")
    func forged() throws {
        let slug = try Fixture.slug()
        let value = self.signer.mint(Fixture.credential(proof: "proof"), slug: slug)
        let bytes = Array(value.utf8)
        for index in bytes.indices {
            for replacement in [bytes[index] ^ 1, bytes[index] ^ 0x20, UInt8(ascii: "."), UInt8(ascii: "A")] {
                var changed = bytes
                changed[index] = replacement
                guard changed != bytes else { continue }
                #expect(self.signer.verify(String(decoding: changed, as: UTF8.self), slug: slug) == nil)
            }
            #expect(self.signer.verify(String(decoding: bytes[..<index], as: UTF8.self), slug: slug) == nil)
            #expect(self.signer.verify(String(decoding: bytes[(index + 1)...], as: UTF8.self), slug: slug) == nil)
        }
        for extra in ["A", "=", ".", " ", "\u{0}", "é"] {
            #expect(self.signer.verify(value + extra, slug: slug) == nil)
            #expect(self.signer.verify(extra + value, slug: slug) == nil)
        }
    }

    @Test("do not verify for another session, another key, or an earlier session of the same name")
    func bound() throws {
        let slug = try Fixture.slug()
        let credential = Fixture.credential(issuedAfter: 10)
        let value = self.signer.mint(credential, slug: slug)
        #expect(self.signer.verify(value, slug: try Fixture.slug("quiet-lime-421")) == nil)
        #expect(self.signer.verify(value, slug: try Fixture.slug("quiet-lime-4218")) == nil)
        #expect(ViewerCookieSigner(key: Fixture.otherKey).verify(value, slug: slug) == nil)
        let created = Fixture.start + .seconds(10)
        #expect(self.signer.verify(value, slug: slug, notBefore: created) == credential)
        #expect(self.signer.verify(value, slug: slug, notBefore: created + .milliseconds(1)) == nil)
    }

    @Test("that are oversized or not cookies at all are refused", arguments: ["", ".", "....", "v1", "v1....", "null"])
    func nonsense(value: String) throws {
        #expect(self.signer.verify(value, slug: try Fixture.slug()) == nil)
        #expect(self.signer.verify(value + String(repeating: "x", count: 100_000), slug: try Fixture.slug()) == nil)
    }

    @Test("of one purpose are worth nothing for another")
    func purposes() throws {
        let record = try Fixture.record()
        let owner = OwnerCookieSigner(key: Fixture.key)
        let viewerValue = self.signer.mint(Fixture.credential(), slug: record.slug)
        let ownerValue = owner.mint(record: record, issuedAt: Fixture.start, expiresAt: record.expiresAt)
        #expect(!owner.verify(viewerValue, record: record, now: Fixture.start))
        #expect(self.signer.verify(ownerValue, slug: record.slug) == nil)
    }

    @Test("name new viewers at random")
    func newViewers() {
        var generator = SeededGenerator(seed: 3)
        let credentials = (0..<100).map { _ in ViewerCredential.new(issuedAt: Fixture.start, using: &generator) }
        #expect(Set(credentials.map(\.viewerID)).count == 100)
        #expect(credentials.allSatisfy { ViewerCredential.isViewerID($0.viewerID) })
        #expect(!ViewerCredential.isViewerID("ip_aaaaaaaaaaaaaaaa"))
        #expect(!ViewerCredential.isViewerID("vw_aaaaaaaaaaaaaaa"))
        #expect(!ViewerCredential.isViewerID("vw_AAAAAAAAAAAAAAAA"))
    }

    @Test("address identifiers depend on the address's identity, the session and the key")
    func addressIDs() throws {
        let slug = try Fixture.slug()
        let id = self.signer.addressID(of: try Fixture.address("2001:db8::1"), slug: slug)
        #expect(id.utf8.count == 19)
        #expect(id.hasPrefix("ip_"))
        #expect(id == self.signer.addressID(of: try Fixture.address("2001:db8::2"), slug: slug))
        let others = [
            self.signer.addressID(of: try Fixture.address("2001:db8:0:1::1"), slug: slug),
            self.signer.addressID(of: try Fixture.address("2001:db8::1"), slug: try Fixture.slug("other-lime-1")),
            ViewerCookieSigner(key: Fixture.otherKey).addressID(of: try Fixture.address("2001:db8::1"), slug: slug),
        ]
        #expect(!others.contains(id))
    }

    @Test("password proofs depend on the password, the session and the key")
    func proofs() throws {
        let session = try Fixture.sessionID()
        let proof = self.signer.passwordProof("secret", session: session)
        #expect(proof == self.signer.passwordProof("secret", session: session))
        let others = [
            self.signer.passwordProof("Secret", session: session),
            self.signer.passwordProof("secret ", session: session),
            self.signer.passwordProof("secret", session: try Fixture.sessionID("b")),
            ViewerCookieSigner(key: Fixture.otherKey).passwordProof("secret", session: session),
        ]
        #expect(!others.contains(proof))
        #expect(!proof.contains("secret"))
    }
}

@Suite("Owner cookies")
struct OwnerCookieTests {
    private let signer = OwnerCookieSigner(key: Fixture.key)

    @Test("verify until they expire, and only as minted")
    func verify() throws {
        let record = try Fixture.record()
        let expiresAt = Fixture.start + .seconds(60)
        let value = self.signer.mint(record: record, issuedAt: Fixture.start, expiresAt: expiresAt)
        #expect(value.utf8.count <= OwnerCookieSigner.maximumLength)
        #expect(self.signer.verify(value, record: record, now: Fixture.start))
        #expect(self.signer.verify(value, record: record, now: Fixture.start + .milliseconds(59_999)))
        #expect(!self.signer.verify(value, record: record, now: expiresAt))
        let bytes = Array(value.utf8)
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            #expect(!self.signer.verify(String(decoding: changed, as: UTF8.self), record: record, now: Fixture.start))
            let short = String(decoding: bytes[..<index], as: UTF8.self)
            #expect(!self.signer.verify(short, record: record, now: Fixture.start))
        }
        let long = value + String(repeating: "A", count: 100_000)
        #expect(!self.signer.verify(long, record: record, now: Fixture.start))
        #expect(!self.signer.verify("", record: record, now: Fixture.start))
    }

    @Test("end with the owner token, the session and the key")
    func bound() throws {
        let record = try Fixture.record()
        let value = self.signer.mint(record: record, issuedAt: Fixture.start, expiresAt: record.expiresAt)
        var rotated = record
        rotated.ownerTokenDigest = SecretDigest(of: "another token")
        var renamed = record
        renamed.slug = try Fixture.slug("loud-lime-1")
        var successor = record
        successor.id = try Fixture.sessionID("b")
        for other in [rotated, renamed, successor] {
            #expect(!self.signer.verify(value, record: other, now: Fixture.start))
        }
        let otherKey = OwnerCookieSigner(key: Fixture.otherKey)
        #expect(!otherKey.verify(value, record: record, now: Fixture.start))
        // Changes of the policy do not sign the owner out.
        var locked = record
        locked.policy.isPublic = false
        locked.revision += 1
        #expect(self.signer.verify(value, record: locked, now: Fixture.start))
    }

    @Test("have one CSRF token each")
    func csrf() throws {
        let record = try Fixture.record()
        let value = self.signer.mint(record: record, issuedAt: Fixture.start, expiresAt: record.expiresAt)
        let later = self.signer.mint(record: record, issuedAt: Fixture.start + .seconds(1), expiresAt: record.expiresAt)
        let token = OwnerCookieSigner.csrfToken(for: value)
        #expect(token.utf8.count == 43)
        #expect(OwnerCookieSigner.isValidCSRFToken(token, ownerCookie: value))
        #expect(!OwnerCookieSigner.isValidCSRFToken(token, ownerCookie: later))
        #expect(!OwnerCookieSigner.isValidCSRFToken("", ownerCookie: value))
        #expect(!OwnerCookieSigner.isValidCSRFToken(token.dropLast(), ownerCookie: value))
        #expect(!value.contains(token))
    }
}
