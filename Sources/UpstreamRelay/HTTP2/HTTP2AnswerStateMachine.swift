package import NIOCore
package import NIOHPACK
package import ProxySemantics

/// Keeps the account of one HTTP/2 answer: which of its field sections is which, and whether its body is as long as its
/// head said (RFC 9113, 8.1).
///
/// ```
/// awaited ──1xx──▶ awaited
///    ├──final head──▶ body(remaining) ──data──▶ body(remaining − size) ──end, or trailers──▶ complete
///    └──final head that ends the stream───────────────────────────────────────────────────▶ complete
/// any ──what does not belong there──▶ the answer is not valid
/// ```
package struct HTTP2AnswerStateMachine: Sendable {
    private enum State: Equatable {
        case awaited
        /// Nil if no length was announced.
        case body(remaining: Int?)
        case complete
    }

    /// What a field section is.
    package enum OnFields: Sendable {
        /// An informational head.
        case informational(HTTPHead)
        /// The final head; `end` if it is the whole answer.
        case head(HTTPHead, end: Bool)
        /// Trailers, with which the answer is complete: a block of lines and an empty one.
        case trailers(ByteBuffer)
    }

    private let answersHEAD: Bool
    private var state: State = .awaited

    /// An answer of which nothing has arrived.
    ///
    /// - Parameter answersHEAD: whether the request was a HEAD, whose answer has no body whatever its head says.
    package init(answersHEAD: Bool) {
        self.answersHEAD = answersHEAD
    }

    /// Whether all of it arrived.
    package var isComplete: Bool { self.state == .complete }

    /// A field section arrived; `end` if nothing follows.
    package mutating func fieldsReceived(_ fields: HPACKHeaders, end: Bool) throws(HTTPParseError) -> OnFields {
        switch self.state {
        case .awaited:
            let head = try LocalHeadMapping.responseHead(fields)
            guard head.status >= 200 else {
                guard !end else { throw .truncated }
                return .informational(head)
            }
            switch try HTTPMessageParser.responseFraming(of: head, toHEAD: self.answersHEAD) {
            case .none: self.state = .body(remaining: 0)
            case .length(let length): self.state = .body(remaining: length)
            case .chunked, .untilClose: self.state = .body(remaining: nil)
            }
            if end { try self.finish() }
            return .head(head, end: end)
        case .body:
            guard end else { throw .invalid("trailers do not end the answer") }
            let trailers = try LocalHeadMapping.responseTrailers(fields)
            try self.finish()
            return .trailers(trailers)
        case .complete:
            throw .invalid("fields follow a complete answer")
        }
    }

    /// Body bytes arrived, maybe none; `end` if nothing follows.
    package mutating func dataReceived(_ count: Int, end: Bool) throws(HTTPParseError) {
        guard case .body(let remaining) = self.state else {
            throw .invalid("a body comes before a head or after its end")
        }
        if let remaining {
            guard count <= remaining else { throw .invalid("a body is longer than announced") }
            self.state = .body(remaining: remaining - count)
        }
        if end { try self.finish() }
    }

    private mutating func finish() throws(HTTPParseError) {
        if case .body(let remaining?) = self.state, remaining > 0 { throw .truncated }
        self.state = .complete
    }
}
