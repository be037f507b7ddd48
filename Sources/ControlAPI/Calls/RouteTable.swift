/// Finds the call a request is for.
package struct RouteTable: Sendable {
    /// What a method and a path lead to.
    package enum Match: Equatable, Sendable {
        /// This call, with the value of the path's parameter if it has one.
        case operation(ControlOperation, parameter: String?)
        /// The path is known, the method is not; `allow` lists those that are.
        case methodNotAllowed(allow: String)
        /// There is nothing at this path.
        case unknown
    }

    private struct Entry: Sendable {
        let segments: [Substring]
        let operations: [ControlOperation]
    }

    private let entries: [Entry]

    /// The table of all operations.
    package init() {
        var byPath: [String: [ControlOperation]] = [:]
        for operation in ControlOperation.allCases { byPath[operation.path, default: []].append(operation) }
        self.entries = byPath.map { path, operations in
            Entry(segments: Self.segments(of: path), operations: operations)
        }
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
        for entry in self.entries where entry.segments.count == segments.count {
            guard let parameter = Self.parameter(entry.segments, segments) else { continue }
            let wanted = method == "HEAD" ? "GET" : method
            if let operation = entry.operations.first(where: { $0.method.rawValue == wanted }) {
                return .operation(operation, parameter: parameter.first)
            }
            var allowed = Set(entry.operations.map(\.method.rawValue))
            if allowed.contains("GET") { allowed.insert("HEAD") }
            return .methodNotAllowed(allow: allowed.sorted().joined(separator: ", "))
        }
        return .unknown
    }

    /// The parameters a path has by a template (none or one), or nil when it does not match.
    private static func parameter(_ template: [Substring], _ path: [Substring]) -> [String]? {
        var parameters: [String] = []
        for (expected, actual) in zip(template, path) {
            if expected.first == "{" {
                guard !actual.isEmpty else { return nil }
                parameters.append(String(actual))
            } else if expected != actual {
                return nil
            }
        }
        return parameters
    }
}
