/// The blocked paths of a policy, prepared for matching (spec: tunnel sessions, 3.2).
///
/// A rule blocks the path it names and everything under it, at segment boundaries; a rule that ends in `*` blocks by
/// plain prefix. Matching ignores case.
///
/// Servers disagree about what a path means: how often it is percent-decoded, whether `\` separates, whether
/// `;parameters` count, whether `..` is resolved before or after routing. A path is therefore blocked when *any* of
/// these readings names a blocked resource, also one that a later `..` would leave again. What cannot be read
/// for certain (control characters, overlong UTF-8, more than three layers of encoding) is blocked as soon as there is
/// any rule. Aliases only the local app knows (links, short names, rewrites) cannot be seen from here.
package struct BlockedPaths: Sendable {
    private let rules: [PathRule]
    private let tree: PathTree

    /// Prepares `patterns`, each starting with `/`.
    package init(_ patterns: [String]) {
        self.rules = patterns.map { PathRule($0) }
        self.tree = PathTree(self.rules)
    }

    /// Whether there is no rule, so that nothing is blocked.
    package var isEmpty: Bool { self.rules.isEmpty }

    /// Whether the request target `path` (origin form; the query is ignored) names something blocked.
    package func blocks(_ path: some Collection<UInt8>) -> Bool {
        guard !self.rules.isEmpty else { return false }
        return path.withContiguousStorageIfAvailable { self.blocks(UnsafeRawBufferPointer($0)) }
            ?? Array(path).withUnsafeBytes { self.blocks($0) }
    }

    /// As `blocks(_:)` for bytes in memory; does not allocate for paths in plain form.
    package func blocks(_ path: UnsafeRawBufferPointer) -> Bool {
        guard !self.rules.isEmpty else { return false }
        guard let path = PlainPath.scan(path) else { return self.blocksAnyReading(of: path) }
        return self.rules.contains { $0.matches(plain: path) }
    }

    private func blocksAnyReading(of path: UnsafeRawBufferPointer) -> Bool {
        guard let readings = PathReadings(path) else { return true }
        return readings.levels.contains { self.tree.blocks($0) }
    }
}
