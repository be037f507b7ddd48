package import NIOCore
package import NIOHPACK
package import ProxySemantics

/// Heads towards an HTTP/2 app and back (RFC 9113, 8.2 and 8.3).
///
/// In between they are HTTP/1.1 text: what an HTTP/2 app says is written as text byte by byte, with each byte checked, and
/// then parsed like every other head.
extension LocalHeadMapping {
    /// Maps a request's head.
    ///
    /// - Parameters:
    ///   - head: a validated request head whose target is a path or an asterisk.
    ///   - scheme: the scheme of the local app.
    ///   - passesExpect: whether `Expect` is passed; only when the local app's 100 can travel back.
    /// - Returns: the fields as an HTTP/2 app gets them.
    package func requestFields(_ head: HTTPHead, scheme: LocalTarget.Scheme, passesExpect: Bool) -> HPACKHeaders {
        let named = head.first(.connection) == nil ? nil : ConnectionOptions(of: head)
        var fields = HPACKHeaders()
        fields.reserveCapacity(head.fields.count + 5)
        fields.add(name: ":method", value: head.methodString)
        fields.add(name: ":scheme", value: scheme.rawValue)
        if let authority = self.host ?? head.value(of: .host), !authority.isEmpty {
            fields.add(name: ":authority", value: authority)
        }
        fields.add(name: ":path", value: head.string(head.target))
        for field in head.fields {
            let drops =
                switch field.known {
                case .host: true
                case .contentLength: false
                case .expect: !passesExpect
                default: field.known.isHopByHop || Self.isNamed(field, of: head, by: named)
                }
            if drops { continue }
            fields.add(name: Self.lowercasedName(of: field, in: head), value: head.string(field.value))
        }
        // Trailers travel the whole way; gRPC servers insist on hearing it.
        fields.add(name: "te", value: "trailers")
        return fields
    }

    /// The fields of a request's trailers; nil when none of them may travel.
    ///
    /// - Throws: `HTTPParseError` when the block is not valid.
    package static func trailerFields(_ block: ByteBuffer) throws(HTTPParseError) -> HPACKHeaders? {
        var fields = HPACKHeaders()
        try fields.addLines(of: block) { !$0.isForbiddenInTrailers }
        return fields.isEmpty ? nil : fields
    }

    /// The head of an answer as HTTP/1.1 text, validated.
    ///
    /// - Throws: `HTTPParseError` for anything that is not a valid response of HTTP/2: no single `:status` in front, another
    ///   pseudo-header, a name that is not a lower-case token, a value that could end a line, a connection field, 101.
    package static func responseHead(_ fields: HPACKHeaders) throws(HTTPParseError) -> HTTPHead {
        guard let first = fields.first, first.name == ":status", first.value.utf8.count == 3 else {
            throw .invalid("an answer does not begin with one :status")
        }
        var block = ByteBuffer()
        guard first.value.utf8.allSatisfy({ $0 &- 0x30 < 10 }) else { throw .invalid("a status is not three digits") }
        block.writeString("HTTP/1.1 \(first.value)\r\n")
        for field in fields.dropFirst() { try HPACKHeaders.writeLine(field.name, field.value, to: &block) }
        block.writeStaticString("\r\n")
        let head = try HTTPMessageParser.parseHead(block: block, role: .response)
        guard head.status != 101 else { throw .invalid("HTTP/2 has no 101") }
        for field in head.fields {
            switch field.known {
            case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade:
                throw .invalid("HTTP/2 has no connection fields")
            default: continue
            }
        }
        return head
    }

    /// The trailers of an answer as a block of text with its empty line, validated.
    ///
    /// - Throws: `HTTPParseError` when they are not valid.
    package static func responseTrailers(_ fields: HPACKHeaders) throws(HTTPParseError) -> ByteBuffer {
        let block = try fields.trailerBlock()
        try HTTPMessageParser.validateTrailers(block)
        return block
    }

    private static func isNamed(_ field: HTTPField, of head: HTTPHead, by options: ConnectionOptions?) -> Bool {
        guard let options, !options.isEmpty else { return false }
        return head.withBytes(field.name) { options.contains($0) }
    }

    private static func lowercasedName(of field: HTTPField, in head: HTTPHead) -> String {
        head.withBytes(field.name) { String(decoding: $0.lazy.map(asciiLowercased), as: UTF8.self) }
    }
}
