import CQREncode

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A QR code (ISO/IEC 18004) as a square of modules, and its picture in half-block characters.
package struct QRCode: Equatable, Sendable {
    /// Modules per side: 21 + 4 × (version − 1).
    package let size: Int
    /// Row by row, true where the module is dark.
    package let modules: [Bool]

    /// Encodes `text` with the low error-correction level, which keeps the picture small; nil if it is empty, contains
    /// NUL or is too long (about 2950 bytes).
    package init?(_ text: String) {
        guard !text.isEmpty, !text.utf8.contains(0) else { return nil }
        guard let code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L) else { return nil }
        defer { QRcode_free(code) }
        let size = Int(code.pointee.width)
        guard size >= 21, size <= 177, let data = code.pointee.data else { return nil }
        self.size = size
        self.modules = (0..<size * size).map { data[$0] & 1 == 1 }
    }

    /// Whether the module at a place is dark; the quiet zone around the code is light.
    package func isDark(row: Int, column: Int) -> Bool {
        (0..<self.size).contains(row) && (0..<self.size).contains(column) && self.modules[row * self.size + column]
    }

    /// The picture's width in columns.
    package static func columns(size: Int) -> Int { size + 2 * Self.quietZone }

    /// The picture's height in lines.
    package static func lines(size: Int) -> Int { (size + 2 * Self.quietZone + 1) / 2 }

    /// The light border, in modules.
    ///
    /// The standard asks for four; two are enough for phone cameras on a terminal and leave more of an 80 × 24 screen.
    package static let quietZone = 2

    /// The picture: one character per two modules, one above the other.
    ///
    /// Light modules are drawn, dark ones left out, so that it is the right way round on a dark terminal even without
    /// colour.
    package func lines(_ style: Style) -> [String] {
        let range = -Self.quietZone..<(self.size + Self.quietZone)
        return stride(from: range.lowerBound, to: range.upperBound, by: 2)
            .map { row in
                let line = range.map { column in
                    let bottomIsDark = row + 1 >= range.upperBound || self.isDark(row: row + 1, column: column)
                    return switch (self.isDark(row: row, column: column), bottomIsDark) {
                    case (false, false): "█"
                    case (false, true): "▀"
                    case (true, false): "▄"
                    case (true, true): " "
                    }
                }
                return style.whiteOnBlack(line.joined())
            }
    }
}
