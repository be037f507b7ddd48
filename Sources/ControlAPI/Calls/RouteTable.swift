/// Finds the call a request is for.
package struct RouteTable: Sendable {
    /// What a method and a path lead to.
    package enum Match: Equatable, Sendable {
        /// This call, with the values of the path's parameters.
        case operation(ControlOperation, PathParameters)
        /// The path is known, the method is not; `allow` lists those that are.
        case methodNotAllowed(allow: String)
        /// There is nothing at this path.
        case unknown
    }

    private struct Entry: Sendable {
        let template: [TemplateSegment]
        let operations: [ControlOperation]
    }

    /// By number of segments; no path matches two templates.
    private let entries: [Int: [Entry]]

    /// The table of all operations.
    package init() {
        var byPath: [String: [ControlOperation]] = [:]
        for operation in ControlOperation.allCases { byPath[operation.path, default: []].append(operation) }
        let entries = byPath.map { path, operations in
            Entry(template: Self.segments(of: path).map(TemplateSegment.init), operations: operations)
        }
        self.entries = Dictionary(grouping: entries) { $0.template.count }
    }

    private static func segments(of path: String) -> [Substring] {
        path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    }

    /// Finds the call for a method and a path without query.
    ///
    /// Paths are compared as they are: no decoding, no tolerance for doubled or trailing slashes, because no identifier
    /// of ours needs them.
    package func match(method: String, path: String) -> Match {
        guard path.utf8.first == UInt8(ascii: "/"), path.utf8.count <= 1024 else { return .unknown }
        let segments = Self.segments(of: path)
        for entry in self.entries[segments.count] ?? [] {
            guard let parameters = PathParameters(of: segments, by: entry.template) else { continue }
            let wanted = method == "HEAD" ? "GET" : method
            if let operation = entry.operations.first(where: { $0.method.rawValue == wanted }) {
                return .operation(operation, parameters)
            }
            var allowed = Set(entry.operations.map(\.method.rawValue))
            if allowed.contains("GET") { allowed.insert("HEAD") }
            return .methodNotAllowed(allow: allowed.sorted().joined(separator: ", "))
        }
        return .unknown
    }
}
