package import NIOCore

/// How the end of a message's body is found (RFC 9112, 6.3).
package enum BodyFraming: Equatable, Sendable {
    /// There is no body.
    case none
    /// This many bytes, more than zero.
    case length(Int)
    /// The chunked transfer coding.
    case chunked
    /// Everything until the sender closes; responses only.
    case untilClose
}

/// One piece of a message.
package enum HTTPMessagePart: Sendable {
    /// The head; body pieces or the end follow.
    case head(HTTPHead)
    /// Body bytes without transfer coding.
    case body(ByteBuffer)
    /// The message is complete; the raw trailer block (`Name: value` lines and an empty line) if there was one.
    case end(trailers: ByteBuffer?)
}

/// Splits one direction of an HTTP/1.1 connection into messages.
///
/// Strict where leniency lets requests be smuggled: no bare LF, no folded lines, one `Content-Length` of digits only,
/// never together with `Transfer-Encoding`, which must be exactly `chunked` and not in HTTP/1.0. After an error the
/// parser must not be used again. Not tied to a thread; the owner feeds it from one place.
///
/// ```
///        head complete            body framing exhausted
/// head ───────────────▶ body ───────────────────────────▶ end ──▶ head (next message)
///   └── no body ────────────────────────────────────────▶ end
/// ```
package struct HTTPMessageParser {
    private enum State {
        case head
        case fixedBody(remaining: Int)
        case chunkedBody(ChunkedDecoder)
        case closeDelimitedBody
        case end(trailers: ByteBuffer?)
        case closed
    }

    private let role: HTTPMessageRole
    private let limits: HTTPParserLimits
    private var state: State = .head
    private var scanned = 0
    private var responseIsToHEAD = false

    /// How the body of the message whose head was delivered last ends.
    package private(set) var bodyFraming: BodyFraming = .none

    /// A parser at the beginning of a connection.
    package init(role: HTTPMessageRole, limits: HTTPParserLimits = HTTPParserLimits()) {
        self.role = role
        self.limits = limits
    }

    /// Whether nothing of a next message has been taken yet.
    package var isBetweenMessages: Bool {
        if case .head = self.state { true } else { false }
    }

    /// Says what the next final response answers: one to HEAD has no body whatever its head says.
    package mutating func expectResponse(toHEAD: Bool) {
        self.responseIsToHEAD = toHEAD
    }

    /// Takes the next piece out of `buffer`; nil when more bytes are needed.
    package mutating func next(_ buffer: inout ByteBuffer) throws(HTTPParseError) -> HTTPMessagePart? {
        switch self.state {
        case .head:
            return try self.nextHead(&buffer)
        case .fixedBody(let remaining):
            let length = min(remaining, buffer.readableBytes)
            guard length > 0, let slice = buffer.readSlice(length: length) else { return nil }
            self.state = length == remaining ? .end(trailers: nil) : .fixedBody(remaining: remaining - length)
            return .body(slice)
        case .chunkedBody(var decoder):
            self.state = .closed
            let output = try decoder.next(&buffer)
            switch output {
            case .data(let slice):
                self.state = .chunkedBody(decoder)
                return .body(slice)
            case .end(let trailers):
                self.state = .head
                return .end(trailers: trailers)
            case nil:
                self.state = .chunkedBody(decoder)
                return nil
            }
        case .closeDelimitedBody:
            guard buffer.readableBytes > 0, let slice = buffer.readSlice(length: buffer.readableBytes) else {
                return nil
            }
            return .body(slice)
        case .end(let trailers):
            self.state = .head
            return .end(trailers: trailers)
        case .closed:
            return nil
        }
    }

    /// The peer closed its side: ends a body that lasts until then, and is an error inside any other message.
    package mutating func finish(_ buffer: ByteBuffer) throws(HTTPParseError) -> HTTPMessagePart? {
        switch self.state {
        case .head:
            guard buffer.readableBytes == 0 else { throw .truncated }
            self.state = .closed
            return nil
        case .closeDelimitedBody:
            self.state = .closed
            return .end(trailers: nil)
        case .end(let trailers):
            self.state = .closed
            return .end(trailers: trailers)
        case .closed:
            return nil
        case .fixedBody, .chunkedBody:
            self.state = .closed
            throw .truncated
        }
    }

    /// Validates a complete head that came in a tunnel frame.
    package static func parseHead(
        block: ByteBuffer,
        role: HTTPMessageRole,
        limits: HTTPParserLimits = HTTPParserLimits()
    ) throws(HTTPParseError) -> HTTPHead {
        try HTTPHeadParser.parse(block, role: role, limits: limits)
    }

    /// Validates a complete trailer block and returns its fields, with offsets into the block.
    @discardableResult
    package static func validateTrailers(
        _ block: ByteBuffer,
        limits: HTTPParserLimits = HTTPParserLimits()
    ) throws(HTTPParseError) -> [HTTPField] {
        try HTTPHeadParser.parseTrailers(block, limits: limits)
    }

    private mutating func nextHead(_ buffer: inout ByteBuffer) throws(HTTPParseError) -> HTTPMessagePart? {
        if self.role == .request, self.scanned == 0,
            buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) == UInt8(ascii: "\r")
        {
            // RFC 9112, 2.2: an empty line before a request line, left over by old clients, is ignored; its two bytes
            // may come one by one.
            guard buffer.readableBytes >= 2 else { return nil }
            if buffer.getInteger(at: buffer.readerIndex, as: UInt16.self) == 0x0D0A {
                buffer.moveReaderIndex(forwardBy: 2)
            }
        }
        let limit = self.limits.maximumHeadBytes
        guard let length = try HTTPHeadParser.headLength(in: buffer, scanned: &self.scanned, limit: limit),
            let block = buffer.readSlice(length: length)
        else { return nil }
        self.scanned = 0
        let head = try HTTPHeadParser.parse(block, role: self.role, limits: self.limits)
        switch self.role {
        case .request: self.bodyFraming = try Self.requestFraming(of: head)
        case .response: self.bodyFraming = try Self.responseFraming(of: head, toHEAD: self.responseIsToHEAD)
        }
        switch self.bodyFraming {
        case .none: self.state = .end(trailers: nil)
        case .length(let length): self.state = .fixedBody(remaining: length)
        case .chunked: self.state = .chunkedBody(ChunkedDecoder(limits: self.limits))
        case .untilClose: self.state = .closeDelimitedBody
        }
        return .head(head)
    }

    /// The framing a request's head announces.
    package static func requestFraming(of head: HTTPHead) throws(HTTPParseError) -> BodyFraming {
        try Self.announcedFraming(of: head) ?? .none
    }

    /// The framing a response's head announces, given what it answers.
    package static func responseFraming(of head: HTTPHead, toHEAD: Bool) throws(HTTPParseError) -> BodyFraming {
        let announced = try Self.announcedFraming(of: head)
        if toHEAD || head.status < 200 || head.status == 204 || head.status == 304 { return .none }
        return announced ?? .untilClose
    }

    /// The framing by `Transfer-Encoding` or `Content-Length`; nil when neither is there.
    private static func announcedFraming(of head: HTTPHead) throws(HTTPParseError) -> BodyFraming? {
        var length: Int?
        var isChunked = false
        for field in head.fields {
            switch field.known {
            case .transferEncoding:
                guard !isChunked else { throw .invalid("there is more than one Transfer-Encoding") }
                guard head.minorVersion == 1 else { throw .invalid("HTTP/1.0 has no Transfer-Encoding") }
                guard head.equals(field.value, "chunked") else {
                    throw .invalid("the Transfer-Encoding is not chunked")
                }
                isChunked = true
            case .contentLength:
                guard length == nil else { throw .invalid("there is more than one Content-Length") }
                length = try Self.decimal(head, field.value)
            default: continue
            }
        }
        if isChunked {
            guard length == nil else { throw .invalid("Content-Length and Transfer-Encoding stand together") }
            return .chunked
        }
        return length.map { $0 == 0 ? .none : .length($0) }
    }

    /// The framing of a response that came through a tunnel, whose body is bare: only `Content-Length` counts, and a
    /// left-over `Transfer-Encoding` of the hop behind the agent is ignored, as it is not passed on.
    static func lengthFraming(ofForwardedResponse head: HTTPHead, toHEAD: Bool) throws(HTTPParseError) -> BodyFraming {
        guard head.count(of: .contentLength) <= 1 else { throw .invalid("there is more than one Content-Length") }
        let length: Int? =
            if let field = head.first(.contentLength) { try Self.decimal(head, field.value) } else { nil }
        if toHEAD || head.status < 200 || head.status == 204 || head.status == 304 { return .none }
        return length.map { .length($0) } ?? .untilClose
    }

    private static func decimal(_ head: HTTPHead, _ range: Range<Int>) throws(HTTPParseError) -> Int {
        guard (1...18).contains(range.count) else { throw .invalid("the Content-Length is not a number") }
        let value: Int? = head.withBytes(range) { bytes in
            var value = 0
            for byte in bytes {
                guard byte &- 0x30 < 10 else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            return value
        }
        guard let value else { throw .invalid("the Content-Length is not a number") }
        return value
    }
}
