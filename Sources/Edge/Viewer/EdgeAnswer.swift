import NIOCore
import NIOHPACK
import ProxySemantics
import SessionModel

/// A complete answer by the edge itself.
struct EdgeAnswer {
    /// HTTP status.
    var status: Int
    /// Field lines besides length, connection, caching and security fields.
    var fields: [(name: String, value: String)]
    /// `Content-Type`; nil for answers without body.
    var contentType: String?
    /// The whole body.
    var body: String
    /// `Cache-Control`.
    var cacheControl = "no-store"

    /// An answer with a body.
    init(status: Int, contentType: String?, body: String, fields: [(name: String, value: String)] = []) {
        self.status = status
        self.fields = fields
        self.contentType = contentType
        self.body = body
    }

    /// A page of the edge's own, under the pages' content security policy.
    static func page(_ html: String, status: Int = 200, requestID: String? = nil) -> EdgeAnswer {
        var answer = EdgeAnswer(
            status: status,
            contentType: "text/html; charset=utf-8",
            body: html,
            fields: [
                ("Content-Security-Policy", EdgePages.contentSecurityPolicy), ("Referrer-Policy", "no-referrer"),
            ]
        )
        if let requestID { answer.fields.append(("X-Request-Id", requestID)) }
        return answer
    }

    /// A refusal: a page for browsers, the documented JSON otherwise.
    static func refusal(
        _ error: DaypassError,
        prefersHTML: Bool = false,
        requestID: String = RequestID.random()
    ) -> EdgeAnswer {
        var answer: EdgeAnswer
        if prefersHTML {
            answer = .page(EdgePages.refusal(error, requestID: requestID), status: error.code.httpStatus)
        } else {
            let body: JSONValue = ["error": .string(error.message), "code": .string(error.code.rawValue)]
            answer = .json(body.htmlSafeText, status: error.code.httpStatus)
        }
        answer.fields.append(("X-Request-Id", requestID))
        if let seconds = error.retryAfterSeconds { answer.fields.append(("Retry-After", String(seconds))) }
        return answer
    }

    /// A JSON answer; `text` is one complete JSON value.
    static func json(_ text: String, status: Int = 200) -> EdgeAnswer {
        EdgeAnswer(status: status, contentType: "application/json", body: text + "\n")
    }

    /// An answer that sends the viewer elsewhere.
    static func redirect(status: Int, to location: String, fields: [(name: String, value: String)] = []) -> EdgeAnswer {
        EdgeAnswer(status: status, contentType: nil, body: "", fields: [("Location", location)] + fields)
    }

    /// Every field of the answer besides those of one hop.
    private var allFields: [(name: String, value: String)] {
        let own = [("Cache-Control", self.cacheControl), ("X-Content-Type-Options", "nosniff")]
        // A 204 has no length (RFC 9110, 8.6).
        let length = self.status == 204 ? [] : [("Content-Length", String(self.body.utf8.count))]
        return self.fields + (self.contentType.map { [("Content-Type", $0)] } ?? []) + own + length
    }

    /// The head of the answer in HTTP/2.
    var http2Headers: HPACKHeaders {
        HPACKHeaders([(":status", String(self.status))] + self.allFields.map { ($0.name.lowercased(), $0.value) })
    }

    /// Appends the answer as an HTTP/1.1 message; `withBody` is false for answers to HEAD.
    func write(keepAlive: Bool, withBody: Bool, requestIsHTTP10: Bool, to buffer: inout ByteBuffer) {
        buffer.writeString("HTTP/1.1 \(self.status) ")
        buffer.writeStaticString(reasonPhrase(self.status))
        buffer.writeStaticString("\r\n")
        for field in self.allFields { buffer.writeString("\(field.name): \(field.value)\r\n") }
        if !keepAlive {
            buffer.writeStaticString("Connection: close\r\n")
        } else if requestIsHTTP10 {
            buffer.writeStaticString("Connection: keep-alive\r\n")
        }
        buffer.writeStaticString("\r\n")
        if withBody { buffer.writeString(self.body) }
    }
}

/// Names one request in an answer of the edge and in the log.
enum RequestID {
    /// 16 random hexadecimal digits.
    static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        let digits = String(generator.next() as UInt64, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
