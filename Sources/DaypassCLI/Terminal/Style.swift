/// Colours for people, or none: one value decides for a whole command.
package struct Style: Equatable, Sendable {
    /// Whether escape sequences are written.
    package let hasColour: Bool

    /// Colour or none.
    package init(hasColour: Bool) { self.hasColour = hasColour }

    /// Colour on a terminal, unless `NO_COLOR` is set to anything (no-color.org) or the terminal is `dumb`.
    package init(isTerminal: Bool, environment: [String: String]) {
        let refused = environment["NO_COLOR"].map { !$0.isEmpty } ?? false
        self.init(hasColour: isTerminal && !refused && environment["TERM"] != "dumb")
    }

    /// What matters most.
    package func bold(_ text: String) -> String { self.wrap(text, "1") }
    /// What may be overlooked.
    package func dim(_ text: String) -> String { self.wrap(text, "2") }
    /// What works.
    package func green(_ text: String) -> String { self.wrap(text, "32") }
    /// What waits.
    package func yellow(_ text: String) -> String { self.wrap(text, "33") }
    /// What failed.
    package func red(_ text: String) -> String { self.wrap(text, "31") }
    /// What can be opened.
    package func cyan(_ text: String) -> String { self.wrap(text, "36") }
    /// White on black whatever the terminal's own colours are: for the QR code.
    package func whiteOnBlack(_ text: String) -> String { self.wrap(text, "97;40") }

    private func wrap(_ text: String, _ code: String) -> String {
        self.hasColour && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
