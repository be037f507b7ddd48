import Foundation
import NIOCore

extension ViewerRequest {
    /// An `application/x-www-form-urlencoded` body of bounded size.
    struct Form {
        private var values: [String: String] = [:]

        /// Reads the pairs; malformed ones are left out, the first of a name counts.
        init(_ body: ByteBuffer) {
            for pair in String(buffer: body).split(separator: "&").prefix(32) {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, let name = percentDecoded(parts[0]), let value = percentDecoded(parts[1]),
                    self.values[name] == nil
                else { continue }
                self.values[name] = value
            }
        }

        /// The value of a field, once.
        mutating func take(_ name: String) -> String? { self.values.removeValue(forKey: name) }
    }
}

/// Reads single members of a small JSON object.
enum JSONMember {
    /// The string member `name` of the object in `body`, at most 128 bytes long; nil if there is none.
    static func string(_ name: String, in body: ByteBuffer) -> String? {
        guard let members = try? JSONDecoder().decode([String: String].self, from: Data(body.readableBytesView)),
            let value = members[name], !value.isEmpty, value.utf8.count <= 128
        else { return nil }
        return value
    }
}
