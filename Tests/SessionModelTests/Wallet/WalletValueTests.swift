import DaypassTestSupport
import SessionModel
import Testing

@Suite struct WalletValueTests {
    @Test func identifiersHaveOneForm() throws {
        var generator = SeededGenerator(seed: 1)
        let id = WalletID.random(using: &generator)
        #expect(WalletID(id.text) == id)
        #expect(id.text.hasPrefix("wal_") && id.text.utf8.count == 16)
        #expect(WalletSessionID(id.text) == nil)
        #expect(WalletID(id.text.uppercased()) == nil)
        #expect(WalletID(id.text + "a") == nil)
        #expect(WalletID("wal_") == nil)
        #expect(WalletID.random(using: &generator) != id)
    }

    @Test func addressesCompareWithoutCase() throws {
        let mixed = try #require(WalletAddress("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"))
        let lower = try #require(WalletAddress("0x70997970c51812dc3a010c7d01b50e0d17dc79c8"))
        #expect(mixed == lower)
        #expect(Set([mixed, lower]).count == 1)
        #expect(mixed.text != lower.text)
        for text in [
            "", "0x", "0X70997970c51812dc3a010c7d01b50e0d17dc79c8", "70997970c51812dc3a010c7d01b50e0d17dc79c8",
            "0x70997970c51812dc3a010c7d01b50e0d17dc79c", "0x70997970c51812dc3a010c7d01b50e0d17dc79cg",
        ] {
            #expect(WalletAddress(text) == nil)
        }
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-12-01T00:00:00Z", 1_796_083_200_000),
            ("2026-12-01T00:00:00.000Z", 1_796_083_200_000), ("2026-12-01T01:30:00.5+01:30", 1_796_083_200_500),
            ("2026-11-30T23:59:59.999999999-00:00", 1_796_083_199_999), ("2024-02-29T12:00:00.25Z", 1_709_208_000_250),
            ("2000-02-29T00:00:00Z", 951_782_400_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] as [(String, Int64)]
    )
    func readsTimes(text: String, milliseconds: Int64) {
        #expect(Timestamp(rfc3339: text) == Timestamp(millisecondsSinceEpoch: milliseconds))
    }

    @Test(arguments: [
        "", "2026-12-01", "2026-12-01T00:00:00", "2026-12-01 00:00:00Z", "2026-12-01t00:00:00z", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
        "2026-12-00T00:00:00Z", "2026-12-01T24:00:00Z", "2026-12-01T00:60:00Z", "2026-12-01T00:00:60Z",
        "2026-12-01T00:00:00.Z", "2026-12-01T00:00:00.1234567890Z", "2026-12-01T00:00:00+24:00",
        "2026-12-01T00:00:00+0100",
        "2026-12-01T00:00:00ZZ", " 2026-12-01T00:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01",
        "26-12-01T00:00:00Z", "1796083200000", "2026-12-01T00:00:00\u{FF3A}",
    ])
    func refusesTimes(text: String) { #expect(Timestamp(rfc3339: text) == nil) }

    @Test func timesAreReadAsTheyAreWritten() {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<2000 {
            let time = Timestamp(millisecondsSinceEpoch: .random(in: 0...253_402_300_799_999, using: &generator))
            #expect(Timestamp(rfc3339: time.iso8601) == time)
        }
    }

    @Test func tokensEnd() throws {
        var generator = SeededGenerator(seed: 3)
        let time = Timestamp(millisecondsSinceEpoch: 1000)
        var token = OrganizationTokenRecord(
            id: .random(using: &generator),
            organization: .random(using: &generator),
            label: "ci",
            digest: SecretDigest(of: "secret"),
            scopes: [.read],
            createdAt: time
        )
        #expect(token.isValid(now: time + .seconds(1_000_000)))
        token.expiresAt = time + .seconds(1)
        #expect(token.isValid(now: time))
        #expect(!token.isValid(now: time + .seconds(1)))
        token.expiresAt = nil
        token.revokedAt = time
        #expect(!token.isValid(now: time))
    }

    /// Ends of ledgers add up in any order, with carries, and come out again.
    @Test func endsAddUp() {
        let ones = WalletAuditHead(sequence: 3, hash: Array(repeating: 255, count: 32))
        let one = WalletAuditHead(sequence: 4, hash: Array(repeating: 0, count: 31) + [1])
        let mixed = WalletAuditHead(sequence: 5, hash: Array(1...32))
        #expect(ones.adding(one) == WalletAuditHead(sequence: 7, hash: Array(repeating: 0, count: 32)))
        #expect(WalletAuditHead.empty.removing(one) == WalletAuditHead(sequence: -4, hash: ones.hash))
        #expect(ones.adding(mixed).adding(one) == one.adding(ones).adding(mixed))
        #expect(ones.adding(mixed).removing(ones) == mixed)
    }
}
