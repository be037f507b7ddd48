/// Makes text from strangers fit for a terminal: nothing in it can move the cursor, change colours or reorder a line.
package enum TerminalText {
    /// `text` with every control character, escape and bidirectional override replaced by `�`.
    package static func safe(_ text: some StringProtocol, keepingNewlines: Bool = false) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if keepingNewlines, scalar == "\n" {
                result.append(scalar)
            } else {
                result.append(Self.isHarmless(scalar) ? scalar : "\u{FFFD}")
            }
        }
        return String(result)
    }

    /// A request path with everything but printable ASCII percent-encoded, so that each byte takes known room.
    package static func safePath(_ path: some StringProtocol) -> String {
        var result = ""
        for byte in path.utf8 {
            if (0x21...0x7E).contains(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }

    /// How many columns `text` takes, escape sequences of `Style` not counted; wide East Asian characters and emoji
    /// count two.
    package static func width(_ text: some StringProtocol) -> Int {
        var width = 0
        var inEscape = false
        for character in text {
            if inEscape {
                if character.isLetter { inEscape = false }
                continue
            }
            if character == "\u{1B}" {
                inEscape = true
                continue
            }
            guard let first = character.unicodeScalars.first else { continue }
            width += Self.isWide(first) ? 2 : (first.properties.generalCategory == .nonspacingMark ? 0 : 1)
        }
        return width
    }

    /// `text` shortened to at most `columns` columns, the last one an ellipsis; `text` must be free of escapes.
    package static func truncated(_ text: String, to columns: Int) -> String {
        guard Self.width(text) > columns else { return text }
        guard columns > 0 else { return "" }
        var result = ""
        var width = 0
        for character in text {
            let next = Self.width(String(character))
            if width + next > columns - 1 { break }
            result.append(character)
            width += next
        }
        return result + "…"
    }

    /// `text` with spaces added up to `columns` columns.
    package static func padded(_ text: String, to columns: Int) -> String {
        text + String(repeating: " ", count: max(0, columns - Self.width(text)))
    }

    /// `text` cut into lines of at most `columns` columns each; `text` must be free of escapes.
    package static func wrapped(_ text: String, to columns: Int) -> [String] {
        guard columns > 0 else { return [] }
        var lines: [String] = []
        var line = ""
        var width = 0
        for character in text {
            let next = Self.width(String(character))
            if width + next > columns, !line.isEmpty {
                lines.append(line)
                line = ""
                width = 0
            }
            line.append(character)
            width += next
        }
        if !line.isEmpty || lines.isEmpty { lines.append(line) }
        return lines
    }

    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: false
        default: true
        }
    }

    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE4F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
            0x20000...0x3FFFD:
            true
        default: false
        }
    }
}
