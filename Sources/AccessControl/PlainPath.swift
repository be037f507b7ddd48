/// Recognises paths that every server reads alike, which are almost all of them, without allocating.
enum PlainPath {
    /// The path of the request target without its query, if it is plain; nil when it needs `PathReadings`.
    ///
    /// Plain means that it starts with `/`, holds printable ASCII only, and nothing in it could be decoded, removed,
    /// merged, resolved or trimmed.
    static func scan(_ target: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard target.first == UInt8(ascii: "/") else { return nil }
        var previous: UInt8 = 0
        var index = 0
        while index < target.count {
            let byte = target[index]
            if byte == UInt8(ascii: "?") { break }
            switch byte {
            case UInt8(ascii: "/"):
                guard previous != UInt8(ascii: "/"), previous != UInt8(ascii: ".") else { return nil }
            case UInt8(ascii: "%"), UInt8(ascii: ";"), UInt8(ascii: "\\"), UInt8(ascii: "#"): return nil
            default:
                guard byte > 0x20, byte < 0x7f else { return nil }
            }
            previous = byte
            index += 1
        }
        guard previous != UInt8(ascii: ".") else { return nil }
        return UnsafeRawBufferPointer(rebasing: target[..<index])
    }
}

/// One rule of `BlockedPaths`.
struct PathRule: Sendable {
    /// The segments that must all be there, in canonical form.
    let segments: [PathToken.Text]
    /// For a rule that ends in `*`: what the next segment must start with; it may be empty.
    let partial: PathToken.Text?
    /// The rule as it looks in a plain path, lower case, `/a/b` or `/a/pre`.
    private let plain: [UInt8]

    /// Reads a pattern the way paths are read, decoding it until nothing changes.
    init(_ pattern: String) {
        var bytes = Array(pattern.utf8)
        let isPrefix = bytes.last == UInt8(ascii: "*")
        if isPrefix { bytes.removeLast() }
        // Every change makes it shorter, so this ends.
        while let decoded = PathReadings.decoded(bytes[...]) { bytes = decoded }
        var tokens = bytes.split(omittingEmptySubsequences: false, whereSeparator: PathReadings.isSeparator)
            .map { PathToken($0) }
        let partial = isPrefix ? tokens.popLast()?.whole : nil
        var segments: [PathToken.Text] = []
        for token in tokens {
            switch token.kind {
            case .name: segments.append(token.canonical)
            case .ignorable: break
            case .parent, .perhapsParent: _ = segments.popLast()
            }
        }
        self.segments = segments
        self.partial = partial
        self.plain =
            segments.flatMap { [UInt8(ascii: "/")] + $0.bytes } + (partial.map { [UInt8(ascii: "/")] + $0.bytes } ?? [])
    }

    /// Whether a plain path is named by this rule or lies under it.
    func matches(plain path: UnsafeRawBufferPointer) -> Bool {
        self.plain.withUnsafeBytes { rule in
            guard path.count >= rule.count else { return false }
            for index in 0..<rule.count {
                let byte = path[index]
                let lowered = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
                guard lowered == rule[index] else { return false }
            }
            return self.partial != nil || path.count == rule.count || path[rule.count] == UInt8(ascii: "/")
        }
    }
}
