import DaypassTestSupport
import EthereumPrimitives
import Testing

@Suite struct HashingTests {
    /// Lengths around one and two blocks; the bytes are 0, 1, 2 … .
    @Test(arguments: [
        (0, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (135, "cbdfd9dee5faad3818d6b06f95a219fd290b0e1706f6a82e5a595b9ce9faca62"),
        (136, "7ce759f1ab7f9ce437719970c26b0a66ff11fe3e38e17df89cf5d29c7d7f807e"),
        (137, "ac73d4fae68b8453f764007c1a20ce95994187861f0c3227a3a8e99a73a3b1db"),
        (271, "7c974895b2a88303ff2dc6b58f438ceb0b298cac91099ac0539cc0f477506191"),
        (272, "fdf2ec49e749960d3c8521a0219af8d03e30e2b3bf19bd16150ee0eaf133d66e"),
        (273, "4f707289a9c3ccd0c4a51f2f17339f5dd171d371c04ff7783b735b5b22682eaf"),
    ])
    func keccakOfCountingBytes(count: Int, digest: String) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        #expect(Keccak256.hash(bytes).hex == "0x" + digest)
    }

    @Test func keccakOfText() {
        #expect(
            Keccak256.hash("abc".utf8).hex == "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
        )
    }

    @Test func piecesDoNotMatter() {
        var generator = SeededGenerator(seed: 1)
        let bytes = (0..<700).map { _ in UInt8.random(in: 0...255, using: &generator) }
        for _ in 0..<20 {
            var keccak = Keccak256()
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...200, using: &generator)
                keccak.update(rest.prefix(count))
                rest = rest.dropFirst(count)
            }
            #expect(keccak.finalize() == Keccak256.hash(bytes))
        }
    }

    @Test(arguments: [
        (RLPItem.bytes(Array("dog".utf8)), "0x83646f67"),
        (.list([.bytes(Array("cat".utf8)), .bytes(Array("dog".utf8))]), "0xc88363617483646f67"),
        (.bytes([]), "0x80"),
        (.list([]), "0xc0"),
        (.integer(0), "0x80"),
        (.integer(15), "0x0f"),
        (.integer(1024), "0x820400"),
        (.list([.list([]), .list([.list([])]), .list([.list([]), .list([.list([])])])]), "0xc7c0c1c0c3c0c1c0"),
        (
            .bytes(Array("Lorem ipsum dolor sit amet, consectetur adipisicing elit".utf8)),
            "0xb8384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572206164697069736963"
                + "696e6720656c6974"
        ),
    ])
    func recursiveLengthPrefix(item: RLPItem, hex: String) throws {
        #expect(Hex.encode(item.encoded) == hex)
        #expect(try RLPItem.decode(item.encoded) == item)
    }

    @Test(arguments: [
        ("0x", RLPError.endsTooEarly),
        ("0x8100", .notCanonical),
        ("0x817f", .notCanonical),
        ("0xb800", .notCanonical),
        ("0xb83700", .notCanonical),
        ("0xb90038", .notCanonical),
        ("0x83646f", .endsTooEarly),
        ("0xc2", .endsTooEarly),
        ("0xc18300", .endsTooEarly),
        ("0xbfffffffffffffffff", .endsTooEarly),
        ("0xffffffffffffffffff", .endsTooEarly),
        ("0x8000", .trailingBytes),
    ])
    func refusesOtherBytes(hex: String, error: RLPError) throws {
        let bytes = try #require(Hex.decode(hex))
        #expect(throws: error) { try RLPItem.decode(bytes) }
    }

    @Test func listsInListsAreBounded() {
        func nested(_ depth: Int) -> RLPItem { (0..<depth).reduce(.bytes([])) { item, _ in .list([item]) } }
        #expect(throws: Never.self) { try RLPItem.decode(nested(RLPItem.maximumDepth).encoded) }
        #expect(throws: RLPError.tooDeep) { try RLPItem.decode(nested(RLPItem.maximumDepth + 1).encoded) }
    }

    /// What is read at all is what writing it gives, whatever the bytes.
    @Test func readingAcceptsOnlyWhatWritingGives() {
        var generator = SeededGenerator(seed: 2)
        var accepted = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...8, using: &generator)
            let bytes = (0..<count)
                .map { _ in
                    Bool.random(using: &generator)
                        ? UInt8.random(in: 0...255, using: &generator)
                        : UInt8.random(in: 0xBC...0xC8, using: &generator)
                }
            guard let item = try? RLPItem.decode(bytes) else { continue }
            accepted += 1
            #expect(item.encoded == bytes)
        }
        #expect(accepted > 100)
    }
}
