/// The base URL of a control API, checked and in one form, so that equal servers compare equal.
package struct ServerAddress: Equatable, Sendable, CustomStringConvertible {
    /// Where a server on this machine listens by default.
    package static let local = ServerAddress(unchecked: "http://127.0.0.1:3001")

    /// `scheme://host[:port][/path]`, no trailing slash.
    package let url: String

    /// Reads a base URL; throws `CommandFailure` when it is not http or https, or carries a user, query or fragment.
    package init(_ text: String) throws {
        var rest = Substring(text)
        while rest.hasSuffix("/") { rest = rest.dropLast() }
        let schemeLength = rest.hasPrefix("https://") ? 8 : (rest.hasPrefix("http://") ? 7 : 0)
        let afterScheme = rest.dropFirst(schemeLength)
        guard schemeLength > 0, !afterScheme.isEmpty, !afterScheme.hasPrefix(":"), rest.utf8.count <= 2048,
            rest.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), !rest.contains(where: { "@?#\\".contains($0) })
        else {
            throw CommandFailure(
                .invalidArguments,
                "\"\(TerminalText.truncated(TerminalText.safe(text), to: 80))\" is not the address of a server. "
                    + "Write it as http://host:port or https://host."
            )
        }
        self.url = String(rest)
    }

    private init(unchecked url: String) { self.url = url }

    package var description: String { self.url }
}
