import SessionModel

/// How refusals are written: the two published forms.
enum RefusalForm: Sendable {
    /// `{"error","code","details"?}`, of everything but organizations' own calls.
    case control
    /// `{"code","message","details","requestId"}` with an integer as `code`, of everything under `/v1/`.
    case organization

    /// The form for a path, whether there is anything at it or not.
    init(path: String) { self = path == "/v1" || path.hasPrefix("/v1/") ? .organization : .control }
}

extension ControlAnswer {
    /// A refusal in one of the forms, with the fields its status asks for.
    init(refusal error: DaypassError, allow: String? = nil, form: RefusalForm, requestID: String) {
        self.init(refusal: error, allow: allow)
        guard case .organization = form else { return }
        let body: JSONValue = [
            "code": .integer(error.code.httpStatus * 100), "message": .string(error.message),
            "details": .array(error.details.map(Self.detail)), "requestId": .string(requestID),
        ]
        self.body = body.text
    }

    /// A refusal about wallets in one of the forms.
    init(refusal error: WalletError, form: RefusalForm, requestID: String) {
        self.init(refusal: error.controlError)
        guard case .organization = form else { return }
        // What cannot be, what is not and what is another organization's are answered in the same words.
        let shown = error.code == .notFound ? WalletError(.notFound) : error
        self.body = shown.json(requestID: requestID).text
    }

    /// The answer to a failure nobody foresaw, in one of the forms.
    init(unforeseen requestID: String, form: RefusalForm) {
        switch form {
        case .control: self.init(unforeseen: requestID)
        case .organization: self.init(refusal: WalletError(.internalError), form: form, requestID: requestID)
        }
    }

    /// One field at fault.
    static func detail(_ detail: DaypassError.Detail) -> JSONValue {
        ["path": .string(detail.path), "message": .string(detail.message)]
    }
}
