import DaypassCLI
import Testing

@Suite struct QRCodeTests {
    /// The 7 × 7 square in three corners that scanners look for (ISO/IEC 18004, 6.3.3): dark ring, light ring, dark core.
    private static func isFinder(_ code: QRCode, row: Int, column: Int) -> Bool {
        (0..<7)
            .allSatisfy { y in
                (0..<7)
                    .allSatisfy { x in
                        let ring = max(abs(y - 3), abs(x - 3))
                        return code.isDark(row: row + y, column: column + x) == (ring != 2)
                    }
            }
    }

    @Test(arguments: [
        ("http://127.0.0.1:3002/s/quiet-lime-42", 29), ("x", 21), (String(repeating: "a", count: 78), 33),
        (String(repeating: "a", count: 79), 37),
    ])
    func codesHaveTheSizeOfTheirVersionAndThreeFinders(text: String, size: Int) throws {
        let code = try #require(QRCode(text))
        #expect(code.size == size)
        #expect(Self.isFinder(code, row: 0, column: 0))
        #expect(Self.isFinder(code, row: 0, column: size - 7))
        #expect(Self.isFinder(code, row: size - 7, column: 0))
        #expect(!Self.isFinder(code, row: size - 7, column: size - 7))
        // Timing patterns (6.3.5): alternating, starting dark.
        for place in 8..<(size - 8) {
            #expect(code.isDark(row: 6, column: place) == place.isMultiple(of: 2))
            #expect(code.isDark(row: place, column: 6) == place.isMultiple(of: 2))
        }
        #expect(code.isDark(row: size - 8, column: 8), "the module that is always dark (6.9.1)")
    }

    @Test func thePictureIsTheCode() throws {
        let code = try #require(QRCode("http://127.0.0.1:3002/s/quiet-lime-42"))
        let lines = code.lines(Style(hasColour: false))
        #expect(lines.count == QRCode.lines(size: code.size))
        let columns = QRCode.columns(size: code.size)
        #expect(columns <= 80)
        for (index, line) in lines.enumerated() {
            let characters = Array(line)
            #expect(characters.count == columns)
            for (column, character) in characters.enumerated() {
                let top = "▄ ".contains(character)
                let bottom = "▀ ".contains(character)
                let row = index * 2 - QRCode.quietZone
                #expect(code.isDark(row: row, column: column - QRCode.quietZone) == top)
                if row + 1 < code.size + QRCode.quietZone {
                    #expect(code.isDark(row: row + 1, column: column - QRCode.quietZone) == bottom)
                } else {
                    #expect(bottom, "nothing is drawn below the picture")
                }
            }
        }
    }

    @Test func whatCannotBeEncoded() {
        #expect(QRCode("") == nil)
        #expect(QRCode("a\u{0}b") == nil)
        #expect(QRCode(String(repeating: "a", count: 3000)) == nil)
    }
}
