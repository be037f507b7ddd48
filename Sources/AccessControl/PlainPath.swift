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
    private let segments: [PathToken.Text]
    /// For a rule that ends in `*`: what the next segment must start with; it may be empty.
    private let partial: PathToken.Text?
    /// The rule as it looks in a plain path, lower case, `/a/b` or `/a/pre`.
    private let plain: [UInt8]

    /// Reads a pattern the way paths are read, decoding it until nothing changes.
    init(_ pattern: String) {
        var bytes = Array(pattern.utf8)
        let isPrefix = bytes.last == UInt8(ascii: "*")
        if isPrefix { bytes.removeLast() }
        // Every change makes it shorter, so this ends.
        while let decoded = PathReadings.decoded(bytes[...]) { bytes = decoded }
        var tokens =
            bytes.split(omittingEmptySubsequences: false) { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
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
        let count = self.plain.count
        guard path.count >= count else { return false }
        for index in 0..<count {
            let byte = path[index]
            let lowered = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
            guard lowered == self.plain[index] else { return false }
        }
        return self.partial != nil || path.count == count || path[count] == UInt8(ascii: "/")
    }

    /// Whether some reading of `level` enters what this rule names.
    func matches(_ level: [PathReadings.Segment]) -> Bool {
        if let first = self.segments.first {
            guard level.contains(where: { $0.all.contains { $0.canonical == first } }) else { return false }
        } else if self.partial == nil {
            return true
        }
        var walk = PathWalk(depth: self.segments.count)
        for segment in level {
            if segment.parts.isEmpty {
                if self.step(segment.whole, &walk) { return true }
            } else {
                var whole = walk
                if self.step(segment.whole, &whole) { return true }
                for part in segment.parts where self.step(part, &walk) { return true }
                walk.formUnion(whole)
            }
        }
        return false
    }

    /// Moves every reading on by one token; true when one of them enters what the rule names.
    private func step(_ token: PathToken, _ walk: inout PathWalk) -> Bool {
        if let partial, walk.isExactlyAtEnd, token.whole.hasPrefix(partial) { return true }
        var next: PathWalk
        switch token.kind {
        case .name:
            next = walk.pushed { self.segments[$0] == token.canonical }
        case .ignorable:
            next = walk.pushed { _ in false }
            next.formUnion(walk)
        case .parent:
            next = walk.pushed { _ in false }
            next.formUnion(walk.popped())
        case .perhapsParent:
            next = walk.pushed { _ in false }
            next.formUnion(walk.popped())
            next.formUnion(walk)
        }
        walk = next
        return self.partial == nil && walk.isExactlyAtEnd
    }
}

/// All the places where readings of a path may stand with respect to one rule.
///
/// A place is how many of the rule's segments are matched, and how many other segments lie on top. `places[m]` has bit
/// `j` set when some reading has matched `m` segments with `j` others on top; bit 63 stands for 63 or more.
struct PathWalk: Equatable {
    private static let top: UInt64 = 1 << 63
    private var places: [UInt64]

    /// At the root, for a rule of `depth` segments.
    init(depth: Int) {
        self.places = Array(repeating: 0, count: depth + 1)
        self.places[0] = 1
    }

    /// Whether some reading has matched all segments with nothing on top.
    var isExactlyAtEnd: Bool { self.places[self.places.count - 1] & 1 == 1 }

    /// After going into a segment; `matches` tells whether it is the rule's segment at an index.
    func pushed(matches: (Int) -> Bool) -> PathWalk {
        var result = self
        for depth in self.places.indices {
            result.places[depth] = self.places[depth] << 1 | self.places[depth] & Self.top
        }
        for depth in self.places.indices.dropLast() where self.places[depth] & 1 == 1 && matches(depth) {
            // Bit 1 came from bit 0, which went into the rule's segment instead of on top.
            result.places[depth] &= ~2
            result.places[depth + 1] |= 1
        }
        return result
    }

    /// After going up to the parent; the root is its own parent.
    func popped() -> PathWalk {
        var result = self
        for depth in self.places.indices {
            result.places[depth] = self.places[depth] >> 1 | self.places[depth] & Self.top
        }
        for depth in self.places.indices where self.places[depth] & 1 == 1 {
            result.places[max(0, depth - 1)] |= 1
        }
        return result
    }

    /// Adds the places of another walk of the same rule.
    mutating func formUnion(_ other: PathWalk) {
        for depth in self.places.indices { self.places[depth] |= other.places[depth] }
    }
}
