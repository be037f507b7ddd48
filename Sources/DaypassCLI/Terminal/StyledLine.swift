/// One line of a screen as pieces of plain text with their emphasis; cut to width before any escape is written.
struct StyledLine: Equatable {
    /// How a piece looks; each has a meaning, not a colour.
    enum Emphasis: Equatable {
        case plain
        case strong
        case faint
        case good
        case waiting
        case bad
        case link
        /// Already rendered and of known width: a line of the QR code.
        case picture(width: Int)
    }

    private var pieces: [(text: String, emphasis: Emphasis)] = []

    static func == (lhs: StyledLine, rhs: StyledLine) -> Bool {
        lhs.pieces.elementsEqual(rhs.pieces) { $0.text == $1.text && $0.emphasis == $1.emphasis }
    }

    /// An empty line.
    init() {}

    /// A line of one piece.
    init(_ text: String, _ emphasis: Emphasis = .plain) { self.pieces = [(text, emphasis)] }

    /// This line with a piece added.
    func adding(_ text: String, _ emphasis: Emphasis = .plain) -> StyledLine {
        var line = self
        line.pieces.append((text, emphasis))
        return line
    }

    /// This line followed by another, starting at a column.
    func adding(_ other: StyledLine, at column: Int) -> StyledLine {
        var line = self
        line.pieces.append((String(repeating: " ", count: max(0, column - self.width)), .plain))
        line.pieces += other.pieces
        return line
    }

    /// Columns it takes uncut.
    var width: Int {
        self.pieces.reduce(0) { sum, piece in
            if case .picture(let width) = piece.emphasis { return sum + width }
            return sum + TerminalText.width(piece.text)
        }
    }

    /// The line as it is written, at most `columns` wide.
    ///
    /// A picture that does not fit is left out.
    func rendered(_ style: Style, columns: Int) -> String {
        var result = ""
        var room = columns
        for piece in self.pieces where room > 0 {
            if case .picture(let width) = piece.emphasis {
                guard width <= room else { continue }
                result += piece.text
                room -= width
                continue
            }
            let text = TerminalText.truncated(piece.text, to: room)
            room -= TerminalText.width(text)
            switch piece.emphasis {
            case .plain, .picture: result += text
            case .strong: result += style.bold(text)
            case .faint: result += style.dim(text)
            case .good: result += style.green(text)
            case .waiting: result += style.yellow(text)
            case .bad: result += style.red(text)
            case .link: result += style.cyan(text)
            }
        }
        while result.last == " " { result.removeLast() }
        return result
    }
}
