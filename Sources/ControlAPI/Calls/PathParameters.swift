/// The values a path has where its template has names in braces.
package struct PathParameters: Equatable, Sendable {
    /// The names that templates have in braces.
    package enum Name: String, CaseIterable, Sendable {
        case sessionId
        case slug
        case tokenId
        case keyId
        case sid
        case name
        case orgId
        case id
        case walletId
        case ledger
        case chainId
    }

    private var values: [Name: String]

    /// Names the values.
    package init(_ values: [Name: String] = [:]) { self.values = values }

    /// The value called `name`; empty, which is nobody's identifier, when the template does not have it.
    package subscript(name: Name) -> String { self.values[name] ?? "" }

    /// The values a path has by a template, both in segments, or nil when it does not match.
    init?(of path: [Substring], by template: [TemplateSegment]) {
        guard path.count == template.count else { return nil }
        self.values = [:]
        for (expected, actual) in zip(template, path) {
            switch expected {
            case .literal(let text): guard text == actual else { return nil }
            case .parameter(let name):
                guard !actual.isEmpty else { return nil }
                self.values[name] = String(actual)
            }
        }
    }
}

/// One segment of a path's template.
enum TemplateSegment: Equatable, Sendable {
    /// Stands for itself.
    case literal(Substring)
    /// Stands for any segment that is not empty.
    case parameter(PathParameters.Name)

    /// Reads a segment: `{name}`, or text.
    init(_ text: Substring) {
        guard text.first == "{", text.last == "}",
            let name = PathParameters.Name(rawValue: String(text.dropFirst().dropLast()))
        else {
            self = .literal(text)
            return
        }
        self = .parameter(name)
    }
}
