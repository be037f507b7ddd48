import Foundation
import NIOHTTP1
import SessionModel

/// How an admin's or an organization's call is made.
enum JSONCallMethod {
    case get
    case post
    case put
    case delete
}

extension ControlClient {
    /// Sends an admin's call; `path` is what follows `/admin/v1/`.
    ///
    /// Throws `CommandFailure`.
    func gateway(
        _ method: JSONCallMethod,
        _ path: String,
        query: [(name: String, value: String?)] = [],
        body: JSONValue? = nil
    ) async throws -> JSONValue {
        try await self.json(method, "/admin/v1/\(path)", query: query, body: body)
    }

    /// Sends a call and reads its answer, `{"ok":true}` standing for none; parameters without a value are left out.
    ///
    /// Throws `CommandFailure`.
    func json(
        _ method: JSONCallMethod,
        _ path: String,
        query: [(name: String, value: String?)] = [],
        body: JSONValue? = nil
    ) async throws -> JSONValue {
        let pairs = query.compactMap { name, value in value.map { "\(name)=\(Self.escaped($0))" } }
        let target = path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
        let sent = body ?? (method == .get ? nil : .object([]))
        let verb: HTTPMethod =
            switch method {
            case .get: .GET
            case .post: .POST
            case .put: .PUT
            case .delete: .DELETE
            }
        let data = try await self.send(verb, target, body: sent.map { Data($0.text.utf8) })
        guard !data.isEmpty else { return ["ok": true] }
        do {
            return try JSONParser.parse(Array(data))
        } catch {
            throw CommandFailure(
                .controlUnavailable,
                "\(self.server) gave an answer that is not what a Daypass control API says."
            )
        }
    }

    /// Everything but unreserved characters percent-encoded (RFC 3986, 2.3).
    private static func escaped(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            if isBase36(byte) || (65...90).contains(byte) || "-._~".utf8.contains(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }
}

// What a command reads from answers; what is missing or of another kind reads as nothing.
extension JSONValue {
    /// The text of a string; empty for anything else.
    var words: String {
        if case .string(let text) = self { text } else { "" }
    }

    /// The elements of an array; none for anything else.
    var list: [JSONValue] {
        if case .array(let elements) = self { elements } else { [] }
    }

    /// The text of the member called `name`; empty when there is none.
    func words(_ name: String) -> String { self[name]?.words ?? "" }

    /// The texts of the array called `name`.
    func texts(_ name: String) -> [String] { self.list(name).map(\.words) }

    /// The elements of the array called `name`.
    func list(_ name: String) -> [JSONValue] { self[name]?.list ?? [] }

    /// The number called `name`; zero when there is none.
    func number(_ name: String) -> Int {
        if case .integer(let number)? = self[name] { number } else { 0 }
    }
}
