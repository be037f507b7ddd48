import DaypassTestSupport
import EthereumPrimitives
import Foundation
import SessionModel
import Testing
import WalletPolicy

/// Random changes of genuine blobs: nothing crashes, and whatever is accepted is what the owner signed.
///
/// `DAYPASS_FUZZ_ROUNDS` and `DAYPASS_FUZZ_SEED` make it longer and other.
@Suite struct DelegationFuzzTests {
    private static func setting(_ name: String, _ otherwise: UInt64) -> UInt64 {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } ?? otherwise
    }

    private static let words = [
        "\"policies\"", "\"privateKey\":\"0x01\",", "\"isPreInstalled\":true", "\"isPreInstalled\":false", "null",
        "true",
        "[]", "{}", "[[", "0", "-1", "1e400", "32.5", "\"0x\"", "\"0xff\"", "\"\\u0000\"", "\"\\ud800\"", "\"sudo\"",
        "\"type\":\"sudo\",", "\"0.0.1\"", "\"0.0.5\"", "0x0000000000000000000000000000000000000000",
        "9007199254740993",
        "\"params\":[],", "\"rules\":[],", ",", ":", "}", "]", "\"", "115792089237316195423570985008687907853",
    ]

    private static func mutate(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            guard !bytes.isEmpty else { return }
            let index = Int.random(in: 0..<bytes.count, using: &generator)
            let end = min(bytes.count, index + Int.random(in: 1...40, using: &generator))
            switch Int.random(in: 0..<7, using: &generator) {
            case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1: bytes[index] = .random(in: 0...255, using: &generator)
            case 2: bytes.removeSubrange(index..<end)
            case 3: bytes.insert(contentsOf: bytes[index..<end], at: index)
            case 4:
                let word = Self.words[Int.random(in: 0..<Self.words.count, using: &generator)]
                bytes.replaceSubrange(index..<end, with: word.utf8)
            case 5:
                let word = Self.words[Int.random(in: 0..<Self.words.count, using: &generator)]
                bytes.insert(contentsOf: word.utf8, at: index)
            default:
                // Another digit: what is in quotes stays hexadecimal.
                let digits = Array("0123456789abcdef".utf8)
                bytes[index] = digits[Int.random(in: 0..<16, using: &generator)]
            }
        }
    }

    /// Changes digits only, so that the form stays right and later steps have something to find.
    private static func changeDigits(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        let digits = Array("0123456789abcdef".utf8)
        for _ in 0..<Int.random(in: 1...2, using: &generator) {
            var index = Int.random(in: 0..<bytes.count, using: &generator)
            while !digits.contains(bytes[index]) { index = (index + 1) % bytes.count }
            bytes[index] = digits[Int.random(in: 0..<16, using: &generator)]
        }
    }

    @Test func changedBlobs() throws {
        let seed = Self.setting("DAYPASS_FUZZ_SEED", 1)
        let rounds = Self.setting("DAYPASS_FUZZ_ROUNDS", 4000)
        var generator = SeededGenerator(seed: seed)
        let fixtures = Fixture.good.filter { !$0.name.hasPrefix("19") && !$0.name.hasPrefix("23") }
        let originals = try fixtures.map { fixture in
            let serialized = try fixture.serialized()
            let json = try #require(Data(base64Encoded: serialized))
            return (
                text: Array(serialized.utf8), json: Array(json), claim: try fixture.claim(),
                result: try fixture.verify()
            )
        }
        var counts: [String: Int] = [:]
        for round in 0..<rounds {
            let original = originals[Int.random(in: 0..<originals.count, using: &generator)]
            var bytes: [UInt8]
            let kind = Int.random(in: 0..<20, using: &generator)
            if kind == 0 {
                bytes = original.text
                Self.mutate(&bytes, using: &generator)
            } else {
                bytes = original.json
                if kind < 8 {
                    Self.mutate(&bytes, using: &generator)
                } else {
                    Self.changeDigits(&bytes, using: &generator)
                }
                bytes = Array(Data(bytes).base64EncodedString().utf8)
            }
            do {
                let result = try DelegationBlob(serialized: String(decoding: bytes, as: UTF8.self))
                    .verify(original.claim, state: .undeployed(nonce: 0), rules: .everything, now: Moments.now)
                counts["accepted", default: 0] += 1
                #expect(result.permission == original.result.permission, "seed \(seed), round \(round)")
                #expect(result.account == original.result.account, "seed \(seed), round \(round)")
                #expect(result.digest == original.result.digest, "seed \(seed), round \(round)")
                #expect(result.initCode == original.result.initCode, "seed \(seed), round \(round)")
                #expect(result.root == original.result.root, "seed \(seed), round \(round)")
                #expect(result.authorization == original.result.authorization, "seed \(seed), round \(round)")
            } catch {
                counts[error.step.rawValue, default: 0] += 1
            }
        }
        print("delegations changed \(rounds) times, seed \(seed): \(counts.sorted { $0.key < $1.key })")
        // The changes reach beyond the first step.
        #expect(counts["decode", default: 0] > 0 && counts["signature", default: 0] > 0)
        #expect(counts["address", default: 0] > 0 && counts["permissionId", default: 0] > 0)
    }
}
