/// Every failure the outside can see: a stable code, a plain sentence and, where it helps, what to do next.
///
/// `description` is safe to log: messages never contain tokens, passwords, bodies or query strings.
package struct DaypassError: Error, Equatable, Sendable, CustomStringConvertible {
    /// One invalid field of a request.
    package struct Detail: Equatable, Sendable, Codable {
        /// Where the problem is, as a dotted path into the request body (`blockPaths[2]`).
        package var path: String
        /// What is wrong with it, as a sentence fragment for people.
        package var message: String

        /// Names one invalid field.
        package init(path: String, message: String) {
            self.path = path
            self.message = message
        }
    }

    /// The stable code; clients may switch on it.
    package var code: ErrorCode
    /// A plain sentence for people: what happened and what to do.
    package var message: String
    /// The fields at fault, for `validation_error`.
    package var details: [Detail]
    /// Seconds after which trying again makes sense, sent as `Retry-After`.
    package var retryAfterSeconds: Int?

    /// Makes an error; with no message, the code's own sentence is used.
    package init(
        _ code: ErrorCode,
        _ message: String? = nil,
        details: [Detail] = [],
        retryAfterSeconds: Int? = nil
    ) {
        self.code = code
        self.message = message ?? code.defaultMessage
        self.details = details
        self.retryAfterSeconds = retryAfterSeconds
    }

    package var description: String { "\(self.code.rawValue): \(self.message)" }
}
