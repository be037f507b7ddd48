/// A table for people: left-aligned columns, two spaces between them, no lines; cells are made safe for the terminal.
package struct TextTable {
    private let header: [String]
    private var rows: [[String]] = []

    /// A table with one column per title.
    package init(_ header: String...) { self.header = header }

    /// Adds a row; cells beyond the header are dropped, missing ones are empty.
    package mutating func add(_ cells: String...) {
        let row = cells.prefix(self.header.count).map { TerminalText.safe($0) }
        self.rows.append(row + Array(repeating: "", count: self.header.count - row.count))
    }

    /// The lines of the table; the header is bold.
    package func rendered(_ style: Style) -> [String] {
        let widths = self.header.indices.map { column in
            self.rows.reduce(TerminalText.width(self.header[column])) { max($0, TerminalText.width($1[column])) }
        }
        func line(_ cells: [String]) -> String {
            let last = cells.count - 1
            return cells.indices.map { $0 == last ? cells[$0] : TerminalText.padded(cells[$0], to: widths[$0]) }
                .joined(separator: "  ")
        }
        return [style.bold(line(self.header))]
            + self.rows.map { row in
                var text = line(row)
                while text.last == " " { text.removeLast() }
                return text
            }
    }
}
