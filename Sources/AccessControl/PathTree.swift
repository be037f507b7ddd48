/// All rules as one tree of segments, in which every reading of a path is followed at once.
///
/// The work for a path depends on its length, not on the number of rules.
struct PathTree: Sendable {
    private struct Node: Sendable {
        let parent: Int
        var children: [PathToken.Text: Int] = [:]
        /// Whether a rule ends here, so that being here or below is blocked.
        var isEnd = false
        /// What rules ending in `*` want the next segment to start with.
        var partials: [PathToken.Text] = []
    }

    private var nodes = [Node(parent: 0)]

    /// Makes the tree of `rules`.
    init(_ rules: [PathRule]) {
        for rule in rules {
            var node = 0
            for segment in rule.segments {
                if let child = self.nodes[node].children[segment] {
                    node = child
                } else {
                    self.nodes.append(Node(parent: node))
                    self.nodes[node].children[segment] = self.nodes.count - 1
                    node = self.nodes.count - 1
                }
            }
            if let partial = rule.partial {
                self.nodes[node].partials.append(partial)
            } else {
                self.nodes[node].isEnd = true
            }
        }
    }

    /// Whether some reading of `level` enters a place that a rule names.
    func blocks(_ level: [PathReadings.Segment]) -> Bool {
        if self.nodes[0].isEnd { return true }
        var places = Places()
        for segment in level {
            if segment.parts.isEmpty {
                if self.step(segment.whole, &places) { return true }
            } else if self.step(segment.parts, &places) {
                return true
            }
        }
        return false
    }

    /// Moves every reading on by one segment that some servers separate further, each at separators of its own
    /// choice; true when one of them enters a blocked place.
    private func step(_ parts: [PathToken], _ places: inout Places) -> Bool {
        // Readings in which a segment that began earlier goes on over the separator before the current part.
        var joined = Places(empty: 1)
        for part in parts {
            var next = places
            if self.step(part, &next) { return true }
            next.formUnion(joined)
            // Joined with what follows, a part with parameters still says the same, as they reach to the end; any other
            // becomes a name with a separator in it, which is nobody's.
            var longer = places
            if part.hasParameters {
                if self.step(part, &longer) { return true }
            } else {
                guard let pushed = self.pushed(part, places, isForeign: true) else { return true }
                longer = pushed
            }
            joined.formUnion(longer)
            places = next
        }
        return false
    }

    /// Moves every reading on by one token; true when one of them enters a blocked place.
    private func step(_ token: PathToken, _ places: inout Places) -> Bool {
        guard let pushed = self.pushed(token, places) else { return true }
        switch token.kind {
        case .name:
            places = pushed
        case .ignorable:
            places.formUnion(pushed)
        case .parent:
            places = self.popped(places)
            places.formUnion(pushed)
        case .perhapsParent:
            places.formUnion(self.popped(places))
            places.formUnion(pushed)
        }
        return false
    }

    /// After going into the segment `token`, which is no segment of a rule if it `isForeign`; nil when that is a blocked
    /// place.
    private func pushed(_ token: PathToken, _ places: Places, isForeign: Bool = false) -> Places? {
        var result = Places(empty: places.entries.count + 1)
        for (node, above) in places.entries {
            var moved = above << 1 | above & Places.top
            if above & 1 == 1 {
                if self.nodes[node].partials.contains(where: { token.whole.hasPrefix($0) }) { return nil }
                if !isForeign, token.kind == .name, let child = self.nodes[node].children[token.canonical] {
                    if self.nodes[child].isEnd { return nil }
                    // Bit 1 came from bit 0, which goes into the child instead of on top.
                    moved &= ~2
                    result.add(1, at: child)
                }
            }
            if moved != 0 { result.add(moved, at: node) }
        }
        return result
    }

    /// After going up to the parent; the root is its own parent.
    private func popped(_ places: Places) -> Places {
        var result = Places(empty: places.entries.count + 1)
        for (node, above) in places.entries {
            let moved = above >> 1 | above & Places.top
            if moved != 0 { result.add(moved, at: node) }
            if above & 1 == 1 { result.add(1, at: self.nodes[node].parent) }
        }
        return result
    }
}

/// Where readings of a path may stand in a `PathTree`.
///
/// A place is a node, and how many segments that are not in the tree lie on top of it. An entry's bit `j` is set when
/// some reading stands at the node with `j` segments on top; bit 63 stands for 63 or more.
private struct Places {
    static let top: UInt64 = 1 << 63
    var entries: [(node: Int, above: UInt64)]

    /// At the root.
    init() { self.entries = [(0, 1)] }

    /// Nowhere, with room for some entries.
    init(empty count: Int) {
        self.entries = []
        self.entries.reserveCapacity(count)
    }

    mutating func add(_ above: UInt64, at node: Int) {
        if let index = self.entries.firstIndex(where: { $0.node == node }) {
            self.entries[index].above |= above
        } else {
            self.entries.append((node, above))
        }
    }

    mutating func formUnion(_ other: Places) {
        for (node, above) in other.entries { self.add(above, at: node) }
    }
}
