import SessionModel

/// One admitted call with everything it needs.
struct ControlCall: Sendable {
    let operation: ControlOperation
    /// The values of the path's parameters.
    let parameters: PathParameters
    let head: CallHead
    let caller: Caller
    /// The body as sent, at most the configured size.
    let body: [UInt8]

    /// Who the audit trail says it was.
    var actor: Actor { self.caller.actor(self.head.client) }

    /// The body as JSON; nil when there is none.
    ///
    /// Throws `bad_request`.
    func json() throws(DaypassError) -> JSONValue? {
        self.body.isEmpty ? nil : try JSONParser.parse(self.body)
    }

    /// The query's parameters; throws `validation_error` for unknown, repeated or undecodable ones.
    func query() throws(DaypassError) -> [ControlOperation.QueryParameter: String] {
        var values: [ControlOperation.QueryParameter: String] = [:]
        var problems: [DaypassError.Detail] = []
        for pair in (self.head.query ?? "").split(separator: "&").prefix(64) {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = percentDecoded(halves[0]) ?? String(halves[0])
            guard let known = self.operation.queryParameters.first(where: { $0.rawValue == name }) else {
                problems.append(.init(path: "query.\(name.prefix(64))", message: "is not a known parameter"))
                continue
            }
            guard values[known] == nil, let value = percentDecoded(halves.count > 1 ? halves[1] : "") else {
                problems.append(.init(path: "query.\(name)", message: "must be given once, in UTF-8"))
                continue
            }
            values[known] = value
        }
        guard problems.isEmpty else {
            throw DaypassError(.validationError, "The request has invalid query parameters.", details: problems)
        }
        return values
    }

    /// The `limit` parameter, within what the call answers at most.
    ///
    /// Throws `validation_error`.
    func limit(_ query: [ControlOperation.QueryParameter: String]) throws(DaypassError) -> Int {
        let (range, standard) = self.operation.pageSize
        guard let text = query[.limit] else { return standard }
        guard text.utf8.count <= 4, text.utf8.allSatisfy({ (48...57).contains($0) }), let limit = Int(text),
            range.contains(limit)
        else {
            throw Self.invalid(.limit, "must be an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return limit
    }

    /// A parameter that is a session's identifier; nil when absent.
    ///
    /// Throws `validation_error`.
    static func sessionID(
        _ parameter: ControlOperation.QueryParameter,
        _ query: [ControlOperation.QueryParameter: String]
    ) throws(DaypassError) -> SessionID? {
        guard let text = query[parameter] else { return nil }
        guard let id = SessionID(text) else { throw Self.invalid(parameter, "must be a session's identifier (sess_…)") }
        return id
    }

    /// A refusal that names one query parameter.
    static func invalid(_ parameter: ControlOperation.QueryParameter, _ message: String) -> DaypassError {
        DaypassError(
            .validationError,
            "The request has invalid query parameters.",
            details: [.init(path: "query.\(parameter.rawValue)", message: message)]
        )
    }
}

/// Decodes `%XX` (RFC 3986, 2.1); nil when an escape is broken or the result is not UTF-8.
func percentDecoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.popFirst(), let low = rest.popFirst(),
            let left = Character(Unicode.Scalar(high)).hexDigitValue,
            let right = Character(Unicode.Scalar(low)).hexDigitValue
        else { return nil }
        bytes.append(UInt8(left << 4 | right))
    }
    return String(validating: bytes, as: UTF8.self)
}
