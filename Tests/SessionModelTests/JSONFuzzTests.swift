import DaypassTestSupport
import Foundation
import SessionModel
import Testing

/// Random JSON and random changes of it: nothing crashes, nothing is read that an independent parser refuses, and what is
/// written is read back as it was.
///
/// `DAYPASS_FUZZ_ROUNDS` and `DAYPASS_FUZZ_SEED` make it longer and other.
@Suite struct JSONFuzzTests {
    private static func setting(_ name: String, _ otherwise: UInt64) -> UInt64 {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } ?? otherwise
    }

    private static let pieces = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud83d\\ude00", "\\ud800", "\"a\":", "\"a\":1,", "null",
        "true",
        "false", "0", "-", "-0", "1.5", "1e9", "1e400", "9007199254740993", "99999999999999999999", "\u{0}", "\t", " ",
        "\"\\u0000\"", "é", "\u{FEFF}", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "\"installs\":[{\"chainId\":1}]", "NaN",
        "//",
    ]

    private static func value(_ depth: Int, _ generator: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 4 ? 5 : 7), using: &generator) {
        case 0: .null
        case 1: .bool(.random(using: &generator))
        case 2:
            .integer(Int.random(in: Int.min...Int.max, using: &generator) >> Int.random(in: 0..<64, using: &generator))
        case 3: .fraction(Double.random(in: -1e9...1e9, using: &generator) + 0.5)
        case 4:
            .string(
                String(
                    (0..<Int.random(in: 0..<8, using: &generator))
                        .compactMap { _ in
                            Unicode.Scalar(UInt32.random(in: 0...0x2FFFF, using: &generator)).map(Character.init)
                        }
                )
            )
        case 5: .array((0..<Int.random(in: 0..<4, using: &generator)).map { _ in self.value(depth + 1, &generator) })
        default:
            .object(
                (0..<Int.random(in: 0..<4, using: &generator))
                    .map { .init("k\($0)", self.value(depth + 1, &generator)) }
            )
        }
    }

    private static func hasInfinity(_ value: JSONValue) -> Bool {
        switch value {
        case .fraction(let number): !number.isFinite
        case .array(let elements): elements.contains { self.hasInfinity($0) }
        case .object(let members): members.contains { self.hasInfinity($0.value) }
        case .null, .bool, .integer, .string: false
        }
    }

    @Test func changedJSON() throws {
        let seed = Self.setting("DAYPASS_FUZZ_SEED", 1)
        let rounds = Self.setting("DAYPASS_FUZZ_ROUNDS", 4000)
        var generator = SeededGenerator(seed: seed)
        var accepted = 0
        for round in 0..<rounds {
            let original = Self.value(0, &generator)
            #expect(try JSONParser.parse(Array(original.text.utf8)) == original, "seed \(seed), round \(round)")
            var bytes = Array(original.text.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0...bytes.count, using: &generator)
                let end = min(bytes.count, index + Int.random(in: 0...6, using: &generator))
                let piece = Self.pieces[Int.random(in: 0..<Self.pieces.count, using: &generator)]
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes.insert(.random(in: 0...255, using: &generator), at: index)
                case 1: bytes.removeSubrange(index..<end)
                case 2: bytes.insert(contentsOf: piece.utf8, at: index)
                default: bytes.replaceSubrange(index..<end, with: piece.utf8)
                }
            }
            guard let value = try? JSONParser.parse(bytes) else { continue }
            accepted += 1
            let theirs = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
            // Numbers beyond every type are theirs to refuse; ours are infinite, and written as null.
            let isHuge = Self.hasInfinity(value)
            #expect(theirs != nil || isHuge, "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self))")
            if !isHuge {
                #expect(try JSONParser.parse(Array(value.text.utf8)) == value, "seed \(seed), round \(round)")
            }
        }
        // Some changes leave it valid, most do not.
        #expect(accepted > 0 && accepted < Int(rounds))
    }
}
