import DaypassTestSupport
import SessionModel
import Testing

@Suite struct IdentifierTests {
    @Test func drawsSessionIDsOfThePublishedForm() throws {
        var generator = SeededGenerator(seed: 1)
        var seen: Set<SessionID> = []
        for _ in 0..<1000 {
            let id = SessionID.random(using: &generator)
            #expect(SessionID(id.rawValue) == id)
            seen.insert(id)
        }
        #expect(seen.count == 1000)
    }

    @Test(arguments: [
        "", "sess_", "sess_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p", "sess_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p66",
        "SESS_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6", "sess_A1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
        "sess_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p-", "sess_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5\u{E9}",
        "sess-a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
    ])
    func refusesOtherSessionIDs(text: String) {
        #expect(SessionID(text) == nil)
    }

    @Test func readsTheReferencePagesID() {
        #expect(SessionID("sess_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6") != nil)
    }

    @Test(arguments: ["quiet-lime-42", "bold-mint-17", "abc", "a-b", "0-1-2", String(repeating: "a", count: 63)])
    func readsSlugs(text: String) {
        #expect(Slug(text)?.rawValue == text)
    }

    @Test(arguments: [
        "", "ab", "-abc", "abc-", "a--b", "xn--bcher-kva", "Abc", "a_b", "a.b", "a b", "a/b", "caf\u{E9}",
        String(repeating: "a", count: 64), "abc\n", "abc\u{0}",
    ])
    func refusesOtherSlugs(text: String) {
        #expect(Slug(text) == nil)
    }

    @Test func readsSessionTokens() throws {
        let text = "quiet-lime-42.x7y8z9a0b1c2d3e4f5g6h7i8j9k0l1m2"
        let token = try #require(SessionToken(parsing: text))
        #expect(token.slug.rawValue == "quiet-lime-42")
        #expect(token.ownerToken == "x7y8z9a0b1c2d3e4f5g6h7i8j9k0l1m2")
        #expect(token.text == text)
        let others = [
            "", ".", "quiet-lime-42", "quiet-lime-42.", ".x7y8z9a0b1c2d3e4f5g6h7i8j9k0l1m2",
            "quiet-lime-42.x7y8z9a0b1c2d3e4f5g6h7i8j9k0l1m", "quiet-lime-42.X7y8z9a0b1c2d3e4f5g6h7i8j9k0l1m2",
            "quiet.lime-42.x7y8z9a0b1c2d3e4f5g6h7i8j9k0l1m2", text + "3", " " + text,
            String(repeating: "a", count: 64) + ".x7y8z9a0b1c2d3e4f5g6h7i8j9k0l1m2",
        ]
        for other in others { #expect(SessionToken(parsing: other) == nil, "\(other)") }
    }

    @Test func digestsMatchOnlyTheirSecret() throws {
        let digest = SecretDigest(of: "abc")
        // FIPS 180-2, appendix B.1.
        #expect(digest.bytes.prefix(4) == [0xBA, 0x78, 0x16, 0xBF])
        #expect(digest.matches("abc"))
        #expect(!digest.matches("abd"))
        #expect(!digest.matches(""))
        #expect(try #require(SecretDigest(bytes: digest.bytes)) == digest)
        #expect(SecretDigest(bytes: Array(digest.bytes.dropLast())) == nil)
    }

    @Test func comparesBytes() {
        #expect(constantTimeEquals([1, 2, 3], [1, 2, 3]))
        #expect(!constantTimeEquals([1, 2, 3], [1, 2, 4]))
        #expect(!constantTimeEquals([1, 2, 3], [1, 2]))
        #expect(!constantTimeEquals([0x80], [0x00]))
        #expect(constantTimeEquals([UInt8](), []))
    }

    @Test func drawsEveryCharacterAboutEquallyOften() {
        var generator = SeededGenerator(seed: 5)
        let text = randomBase36(36_000, using: &generator)
        let counts = Dictionary(text.utf8.map { ($0, 1) }, uniquingKeysWith: +)
        #expect(counts.count == 36)
        #expect(counts.keys.allSatisfy(isBase36))
        // 1000 expected each; the seed is fixed, so this cannot fail by chance at another run.
        #expect(counts.values.allSatisfy { (850...1150).contains($0) })
    }
}
