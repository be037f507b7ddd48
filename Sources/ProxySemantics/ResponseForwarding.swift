package import NIOCore

/// How a response to a viewer ends.
package enum ResponseFraming: Equatable, Sendable {
    /// No body (HEAD, 1xx, 204, 304, or length zero).
    case none
    /// Exactly this many bytes.
    case length(Int)
    /// Chunked towards HTTP/1.1 viewers.
    case chunked
    /// Until the connection closes, for HTTP/1.0 viewers.
    case untilClose
}

extension HTTPHead {
    /// The framing of this response towards a viewer.
    ///
    /// `end` says that the tunnel announced nothing after the head. Throws for contradictory lengths.
    package func viewerFraming(
        toHEAD: Bool,
        viewerMinorVersion: Int,
        end: Bool
    ) throws(HTTPParseError) -> ResponseFraming {
        switch try HTTPMessageParser.lengthFraming(ofForwardedResponse: self, toHEAD: toHEAD) {
        case .none: return .none
        case .length(let length): return .length(length)
        case .chunked, .untilClose:
            if end { return .length(0) }
            return viewerMinorVersion == 1 ? .chunked : .untilClose
        }
    }

    /// Appends the response head for an HTTP/1.1 viewer: end-to-end fields unchanged and in order, addresses mapped,
    /// the framing and connection fields of this hop added, `extra` lines (each with its CRLF) before the empty line.
    package func writeForwardedResponse(
        framing: ResponseFraming,
        keepAlive: Bool,
        viewerMinorVersion: Int,
        mapping: AddressMapping,
        extra: ByteBuffer,
        to buffer: inout ByteBuffer
    ) {
        self.writeStatusLine(to: &buffer)
        self.writeEndToEndFields(mapping: mapping, to: &buffer)
        switch framing {
        case .chunked: buffer.writeStaticString("Transfer-Encoding: chunked\r\n")
        case .length(0) where self.first(.contentLength) == nil: buffer.writeStaticString("Content-Length: 0\r\n")
        case .none, .length, .untilClose: break
        }
        if !keepAlive {
            buffer.writeStaticString("Connection: close\r\n")
        } else if viewerMinorVersion == 0 {
            buffer.writeStaticString("Connection: keep-alive\r\n")
        }
        buffer.writeImmutableBuffer(extra)
        buffer.writeStaticString("\r\n")
    }

    /// Appends an informational response, or the 101 that turns the connection into a duplex stream.
    package func writeInterimResponse(mapping: AddressMapping, isUpgrade: Bool, to buffer: inout ByteBuffer) {
        self.writeStatusLine(to: &buffer)
        self.writeEndToEndFields(mapping: mapping, to: &buffer)
        if isUpgrade { buffer.writeStaticString("Connection: Upgrade\r\nUpgrade: websocket\r\n") }
        buffer.writeStaticString("\r\n")
    }

    private func writeStatusLine(to buffer: inout ByteBuffer) {
        buffer.writeStaticString("HTTP/1.1 ")
        let status = self.status
        buffer.writeInteger(UInt8(truncatingIfNeeded: 0x30 + status / 100))
        buffer.writeInteger(UInt8(truncatingIfNeeded: 0x30 + status / 10 % 10))
        buffer.writeInteger(UInt8(truncatingIfNeeded: 0x30 + status % 10))
        buffer.writeStaticString(" ")
        buffer.writeStaticString(reasonPhrase(status))
        buffer.writeStaticString("\r\n")
    }

    func writeEndToEndFields(mapping: AddressMapping, to buffer: inout ByteBuffer) {
        let named = ConnectionOptions(of: self)
        self.bytes.withUnsafeReadableBytes { bytes in
            var runStart = -1
            var runEnd = -1
            @inline(__always) func flushRun() {
                if runStart >= 0 {
                    buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[runStart..<runEnd]))
                    buffer.writeStaticString("\r\n")
                }
                runStart = -1
            }
            for field in self.fields {
                var replacement: String?
                var drops = field.known.isHopByHop
                switch field.known {
                case .location: replacement = mapping.location(self.string(field.value))
                case .setCookie:
                    drops = Self.setsCookieOfOurs(UnsafeRawBufferPointer(rebasing: bytes[field.value]))
                    replacement = drops ? nil : mapping.setCookie(self.string(field.value))
                case .contentLength: break
                default:
                    let name = UnsafeRawBufferPointer(rebasing: bytes[field.name])
                    if !named.isEmpty { drops = drops || named.contains(name) }
                    if mapping.replacesGatewayFields { drops = drops || Self.isGatewayField(name) }
                }
                if drops {
                    flushRun()
                } else if let replacement {
                    flushRun()
                    buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[field.name]))
                    buffer.writeStaticString(": ")
                    buffer.writeString(replacement)
                    buffer.writeStaticString("\r\n")
                } else {
                    if runStart < 0 { runStart = field.line.lowerBound }
                    runEnd = field.line.upperBound
                }
            }
            flushRun()
        }
    }

    /// Whether the API gateway says this itself in every answer.
    private static func isGatewayField(_ name: UnsafeRawBufferPointer) -> Bool {
        func begins(_ literal: StaticString) -> Bool {
            name.count >= literal.utf8CodeUnitCount
                && equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: name[0..<literal.utf8CodeUnitCount]), literal)
        }
        return begins("access-control-") || begins("x-ratelimit-") || equalsIgnoringCase(name, "x-request-id")
            || equalsIgnoringCase(name, "idempotency-replayed")
    }

    private static func setsCookieOfOurs(_ value: UnsafeRawBufferPointer) -> Bool {
        var start = 0
        while start < value.count, value[start] == 0x20 || value[start] == 0x09 { start += 1 }
        return DaypassCookie.isOurs(UnsafeRawBufferPointer(rebasing: value[start...]))
    }
}

/// Appends those lines of a validated trailer block that may stand in trailers; returns whether there were any.
package func writeForwardedTrailers(
    _ block: ByteBuffer,
    to buffer: inout ByteBuffer
) throws(HTTPParseError) -> Bool {
    let fields = try HTTPMessageParser.validateTrailers(block)
    var any = false
    block.withUnsafeReadableBytes { bytes in
        for field in fields where !field.known.isForbiddenInTrailers {
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[field.line]))
            buffer.writeStaticString("\r\n")
            any = true
        }
    }
    return any
}

/// Those lines of a trailer block that may travel on; nil when there are none, or when the block is not valid.
package func forwardedTrailers(_ block: ByteBuffer?) -> ByteBuffer? {
    guard let block else { return nil }
    var lines = ByteBuffer()
    return (try? writeForwardedTrailers(block, to: &lines)) == true ? lines : nil
}

/// The reason phrase of RFC 9110 for a status; servers' own phrases are not passed on, as HTTP/2 has none.
package func reasonPhrase(_ status: Int) -> StaticString {
    switch status {
    case 100: "Continue"
    case 101: "Switching Protocols"
    case 102: "Processing"
    case 103: "Early Hints"
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 203: "Non-Authoritative Information"
    case 204: "No Content"
    case 205: "Reset Content"
    case 206: "Partial Content"
    case 207: "Multi-Status"
    case 300: "Multiple Choices"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 402: "Payment Required"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 410: "Gone"
    case 411: "Length Required"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 416: "Range Not Satisfiable"
    case 417: "Expectation Failed"
    case 418: "I'm a teapot"
    case 421: "Misdirected Request"
    case 422: "Unprocessable Content"
    case 425: "Too Early"
    case 426: "Upgrade Required"
    case 428: "Precondition Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 451: "Unavailable For Legal Reasons"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Status"
    }
}
