package import SessionModel

/// Asks a chain's node, in Ethereum's JSON-RPC.
package protocol ChainNode: Sendable {
    /// The result of one call.
    func call(_ method: String, _ parameters: [JSONValue], at url: ChainURL) async throws(NodeFailure) -> JSONValue
}

/// Why a node gave no result; holds nothing of its answer or its URL.
package enum NodeFailure: Error, Equatable, Sendable {
    /// It could not be reached.
    case unreachable
    /// It did not answer in time.
    case timeout
    /// Its answer is too large, or not JSON-RPC.
    case malformed
    /// It answered with an error of this code.
    case refused(code: Int)
    /// The contract that was called reverted.
    case reverted
    /// It is asked more than it answers (429).
    case limited
    /// It was not asked, because too many questions of the caller, or of all, wait already.
    case busy

    /// The stable reason.
    package var reason: String {
        switch self {
        case .unreachable: "node_unreachable"
        case .timeout: "node_timeout"
        case .malformed: "node_answer_malformed"
        case .refused: "node_refused"
        case .reverted: "node_call_reverted"
        case .limited: "node_rate_limited"
        case .busy: "node_busy"
        }
    }

    /// A plain sentence.
    package var message: String {
        switch self {
        case .unreachable: "The chain's node could not be reached."
        case .timeout: "The chain's node did not answer in time."
        case .malformed: "The chain's node did not answer in JSON-RPC."
        case .refused(let code): "The chain's node refused to answer (\(code))."
        case .reverted: "The account reverted."
        case .limited: "The chain's node is asked more than it answers. Try again later."
        case .busy: "Too many questions to nodes are waiting. Try again in a moment, with fewer calls at once."
        }
    }
}

/// The request and the answer of one JSON-RPC call, read strictly.
package enum JSONRPC {
    /// The most bytes of an answer.
    package static let maximumAnswer = 1_048_576
    /// Arrays and objects inside each other at most.
    static let maximumDepth = 32

    /// The request's body.
    package static func request(_ method: String, _ parameters: [JSONValue], id: Int) -> JSONValue {
        ["jsonrpc": "2.0", "id": .integer(id), "method": .string(method), "params": .array(parameters)]
    }

    /// The result in the answer to request `id`.
    ///
    /// The answer must be one object of version 2.0 with the request's identifier and either a result or an error.
    package static func result(in bytes: [UInt8], id: Int) throws(NodeFailure) -> JSONValue {
        guard bytes.count <= self.maximumAnswer,
            let json = try? JSONParser.parse(bytes, maximumDepth: self.maximumDepth),
            case .object(let members) = json, json["jsonrpc"] == "2.0", json["id"] == .integer(id)
        else { throw .malformed }
        let hasResult = members.contains { $0.name == "result" }
        switch (json["error"] ?? .null, hasResult) {
        case (.null, true): return json["result"] ?? .null
        case (.object, _):
            guard json["result"] ?? .null == .null, case .integer(let code) = json["error"]?["code"] else {
                throw .malformed
            }
            throw self.isRevert(code, json["error"]?["message"]) ? .reverted : .refused(code: code)
        default: throw .malformed
        }
    }

    /// Nodes say it with code 3, or with a general code and words.
    private static func isRevert(_ code: Int, _ message: JSONValue?) -> Bool {
        if code == 3 { return true }
        guard code == -32000 || code == -32015, case .string(let text) = message else { return false }
        return text.lowercased().contains("revert")
    }
}
