package import SessionModel

/// An answer before it is put on the wire.
package struct ControlAnswer: Equatable, Sendable {
    /// HTTP status.
    package var status: Int
    /// Media type of the body; nil when there is none.
    package var contentType: String?
    /// The whole body.
    package var body: String
    /// Further fields.
    package var fields: [String: String]

    /// A JSON answer.
    package init(_ status: Int, _ body: JSONValue, fields: [String: String] = [:]) {
        self.status = status
        self.contentType = "application/json"
        self.body = body.text
        self.fields = fields
    }

    /// An answer without a body.
    package init(emptyWith status: Int, fields: [String: String] = [:]) {
        self.status = status
        self.contentType = nil
        self.body = ""
        self.fields = fields
    }

    /// An answer in another format.
    package init(text: String, contentType: String) {
        self.status = 200
        self.contentType = contentType
        self.body = text
        self.fields = [:]
    }

    /// A refusal: `{"error","code","details"?}` with the fields its status asks for.
    package init(refusal error: DaypassError, allow: String? = nil) {
        var members: [JSONValue.Member] = [.init("error", .string(error.message))]
        // The reference page shows this one refusal, and shows it without a code.
        if error.code != .sessionNotFound { members.append(.init("code", .string(error.code.rawValue))) }
        if !error.details.isEmpty {
            members.append(.init("details", .array(error.details.map(Self.detail))))
        }
        var fields: [String: String] = [:]
        if let seconds = error.retryAfterSeconds { fields["Retry-After"] = String(seconds) }
        if let allow { fields["Allow"] = allow }
        switch error.code {
        case .unauthorized: fields["WWW-Authenticate"] = "Bearer realm=\"daypass\""
        // The rest of the body is not worth reading.
        case .bodyTooLarge: fields["Connection"] = "close"
        default: break
        }
        self.init(error.code.httpStatus, .object(members), fields: fields)
    }

    /// The answer to a failure nobody foresaw: the identifier to look for in the log, and nothing else.
    package init(unforeseen requestID: String) {
        self.init(
            ErrorCode.internalError.httpStatus,
            [
                "error": .string(ErrorCode.internalError.defaultMessage),
                "code": .string(ErrorCode.internalError.rawValue), "requestId": .string(requestID),
            ]
        )
    }
}
