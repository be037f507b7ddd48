package import SessionModel

/// The routes of a tenant as a tree of segments.
///
/// At each segment a literal goes before `{id}`, and that before `**`, from left to right; a branch that ends in nothing
/// is left again. The first route found this way that has the method wins. Where a literal segment differs from the
/// path only in letter case, no parameter takes its place: an upstream that ignores case would serve what the literal
/// route names under the conditions of another one.
package struct RouteTable: Sendable {
    /// What came of looking for a route.
    package enum Match: Equatable, Sendable {
        /// The number of the route in the tenant's list.
        case route(Int)
        /// Routes match the path, but take these methods only.
        case otherMethods([APIMethod])
        /// No route matches.
        case none
    }

    private struct Node: Sendable {
        var literals: [UInt64: [(name: [UInt8], node: Int)]] = [:]
        var parameter: Int?
        /// Routes that end here, and routes that end here in `**`, each with its methods.
        var ends: [(methods: [APIMethod], route: Int)] = []
        var rests: [(methods: [APIMethod], route: Int)] = []
    }

    private var nodes = [Node()]

    /// Makes the tree.
    package init(_ routes: [APIRoute]) {
        for (number, route) in routes.enumerated() {
            var methods = route.methods
            if methods.contains(.get), !methods.contains(.head) { methods.append(.head) }
            var node = 0
            var isRest = false
            for segment in route.pattern.segments {
                switch segment {
                case .literal(let text): node = self.child(of: node, named: Array(text.utf8))
                case .parameter:
                    if let next = self.nodes[node].parameter {
                        node = next
                    } else {
                        self.nodes.append(Node())
                        self.nodes[node].parameter = self.nodes.count - 1
                        node = self.nodes.count - 1
                    }
                case .rest: isRest = true
                }
            }
            if isRest {
                self.nodes[node].rests.append((methods, number))
            } else {
                self.nodes[node].ends.append((methods, number))
            }
        }
    }

    /// Finds the route for a path that `RoutePath` has read: empty, or segments each after a `/`.
    package func match(_ path: UnsafeRawBufferPointer, method: APIMethod?) -> Match {
        var others: [APIMethod] = []
        if let route = self.find(path, from: 0, node: 0, method: method, others: &others) { return .route(route) }
        return others.isEmpty ? .none : .otherMethods(APIMethod.allCases.filter { others.contains($0) })
    }

    private func find(
        _ path: UnsafeRawBufferPointer,
        from start: Int,
        node: Int,
        method: APIMethod?,
        others: inout [APIMethod]
    ) -> Int? {
        guard start < path.count else {
            return Self.choose(self.nodes[node].ends, method, &others)
                ?? Self.choose(self.nodes[node].rests, method, &others)
        }
        var end = start + 1
        while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
        let segment = UnsafeRawBufferPointer(rebasing: path[(start + 1)..<end])
        var mayBeParameter = !segment.isEmpty
        if !self.nodes[node].literals.isEmpty, let names = self.nodes[node].literals[Self.foldedHash(segment)] {
            for (name, child) in names where Self.equalsFolded(name, segment) {
                mayBeParameter = false
                guard name.elementsEqual(segment) else { continue }
                mayBeParameter = true
                if let route = self.find(path, from: end, node: child, method: method, others: &others) {
                    return route
                }
                break
            }
        }
        if mayBeParameter, let child = self.nodes[node].parameter,
            let route = self.find(path, from: end, node: child, method: method, others: &others)
        {
            return route
        }
        return mayBeParameter || segment.isEmpty ? Self.choose(self.nodes[node].rests, method, &others) : nil
    }

    private static func choose(
        _ candidates: [(methods: [APIMethod], route: Int)],
        _ method: APIMethod?,
        _ others: inout [APIMethod]
    ) -> Int? {
        for (methods, route) in candidates {
            if let method, methods.contains(method) { return route }
            others += methods
        }
        return nil
    }

    private mutating func child(of node: Int, named name: [UInt8]) -> Int {
        let hash = name.withUnsafeBytes { Self.foldedHash($0) }
        if let known = self.nodes[node].literals[hash]?.first(where: { $0.name == name }) { return known.node }
        self.nodes.append(Node())
        self.nodes[node].literals[hash, default: []].append((name, self.nodes.count - 1))
        return self.nodes.count - 1
    }

    private static func foldedHash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = stableHashStart
        for byte in bytes { hash = (hash ^ UInt64(Self.folded(byte))) &* stableHashFactor }
        return hash
    }

    private static func equalsFolded(_ name: [UInt8], _ bytes: UnsafeRawBufferPointer) -> Bool {
        name.count == bytes.count && zip(name, bytes).allSatisfy { Self.folded($0) == Self.folded($1) }
    }

    private static func folded(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }
}

let stableHashStart: UInt64 = 0xcbf2_9ce4_8422_2325
let stableHashFactor: UInt64 = 0x0000_0100_0000_01b3

/// FNV-1a of names that admins choose: the same in every run and every version.
func stableHash(_ text: String) -> UInt64 {
    text.utf8.reduce(stableHashStart) { ($0 ^ UInt64($1)) &* stableHashFactor }
}

/// A request path that every server reads alike.
enum RoutePath {
    static let maximumLength = 8192

    /// The path of a request target without its query, percent-decoded; nil when servers might read it differently.
    ///
    /// Refused are: empty segments but one at the end, `.` and `..`, segments that end in a dot or space, control
    /// characters, `\`, `;`, `#`, bytes that are not UTF-8, and escapes that are malformed or stand for `/`, `%`, `?` or
    /// one of these.
    static func read(_ target: [UInt8]) -> [UInt8]? {
        guard target.first == UInt8(ascii: "/") else { return nil }
        var output: [UInt8] = []
        output.reserveCapacity(target.count)
        var isASCII = true
        var index = 0
        while index < target.count, target[index] != UInt8(ascii: "?") {
            var byte = target[index]
            index += 1
            if byte == UInt8(ascii: "/") {
                guard Self.mayEnd(output, at: index) else { return nil }
                output.append(byte)
                continue
            }
            if byte == UInt8(ascii: "%") {
                guard index + 1 < target.count, let high = hexDigitValue(target[index]),
                    let low = hexDigitValue(target[index + 1])
                else { return nil }
                byte = high << 4 | low
                guard byte != UInt8(ascii: "/"), byte != UInt8(ascii: "%"), byte != UInt8(ascii: "?") else {
                    return nil
                }
                index += 2
            }
            guard byte >= 0x20, byte != 0x7f, byte != UInt8(ascii: "\\"), byte != UInt8(ascii: ";"),
                byte != UInt8(ascii: "#")
            else { return nil }
            isASCII = isASCII && byte < 0x80
            output.append(byte)
        }
        guard output.count <= Self.maximumLength,
            output.count == 1 || output.last == UInt8(ascii: "/")
                || Self.mayEnd(output, at: 2)
        else { return nil }
        return isASCII || String(validating: output, as: UTF8.self) != nil ? output : nil
    }

    /// Whether a segment may end with what has been read; `index` tells whether this is the first slash.
    private static func mayEnd(_ output: [UInt8], at index: Int) -> Bool {
        guard let last = output.last else { return index == 1 }
        return last != UInt8(ascii: "/") && last != UInt8(ascii: ".") && last != UInt8(ascii: " ")
    }
}
