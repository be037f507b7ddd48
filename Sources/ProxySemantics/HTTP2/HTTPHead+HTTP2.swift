package import NIOCore
package import NIOHPACK

extension HTTPHead {
    /// The HTTP/1.1 head that a request received over HTTP/2 means (RFC 9113, 8.3; RFC 8441, 5).
    ///
    /// `:authority` becomes `Host`, cookie crumbs are joined (RFC 9113, 8.2.3), and an extended CONNECT for `websocket`
    /// becomes an opening handshake with `webSocketKey`, which this hop answers for. Names and values are checked as
    /// strictly as an HTTP/1.1 head's.
    ///
    /// Throws `.invalid` for CONNECT without a protocol or with another one, for a path that is none, and for a `Host`
    /// that contradicts the authority; `.headTooLarge` beyond `limits`.
    package static func request(
        http2 headers: HPACKHeaders,
        webSocketKey: () -> String,
        limits: HTTPParserLimits
    ) throws(HTTPParseError) -> HTTPHead {
        var pseudo = PseudoFields()
        var buffer = ByteBufferAllocator().buffer(capacity: 64 + headers.count * 48)
        var rest = ByteBufferAllocator().buffer(capacity: headers.count * 48)
        var cookies = ""
        for (name, value, _) in headers {
            switch name {
            case ":method": pseudo.method = value
            case ":path": pseudo.path = value
            case ":authority": pseudo.authority = value
            case ":scheme": break
            case ":protocol": pseudo.connectProtocol = value
            case "host":
                if let authority = pseudo.authority, authority.lowercased() != value.lowercased() {
                    throw .invalid("the Host contradicts the authority")
                }
                pseudo.authority = value
            case "cookie": cookies += cookies.isEmpty ? value : "; " + value
            case "sec-websocket-key" where pseudo.connectProtocol != nil: break
            default: try HPACKHeaders.writeLine(name, value, to: &rest)
            }
        }
        let asksForWebSocket = pseudo.connectProtocol == "websocket"
        let method = pseudo.method ?? ""
        guard method != "CONNECT" || asksForWebSocket else { throw .invalid("CONNECT is for WebSockets only") }
        // The parser below refuses the rest, but a space would still give a request line of the right shape.
        guard let path = pseudo.path, !path.utf8.contains(0x20), !method.utf8.contains(0x20) else {
            throw .invalid("the request target is not valid")
        }
        buffer.writeString("\(asksForWebSocket ? "GET" : method) \(path) HTTP/1.1\r\n")
        if let authority = pseudo.authority { try HPACKHeaders.writeLine("host", authority, to: &buffer) }
        buffer.writeBuffer(&rest)
        if !cookies.isEmpty { try HPACKHeaders.writeLine("cookie", cookies, to: &buffer) }
        if asksForWebSocket {
            buffer.writeStaticString("Connection: Upgrade\r\nUpgrade: websocket\r\n")
            buffer.writeField("Sec-WebSocket-Key", webSocketKey())
        }
        buffer.writeStaticString("\r\n")
        return try HTTPMessageParser.parseHead(block: buffer, role: .request, limits: limits)
    }

    private struct PseudoFields {
        var method: String?
        var path: String?
        var authority: String?
        var connectProtocol: String?
    }

    /// This response as an HTTP/2 header list: `:status`, end-to-end fields in order with lower-case names and mapped
    /// addresses, then the lines of `extra`.
    ///
    /// A 101 becomes the 200 that accepts an extended CONNECT, without the fields of the handshake.
    package func http2Response(mapping: AddressMapping, extra: ByteBuffer = ByteBuffer()) -> HPACKHeaders {
        var block = ByteBufferAllocator().buffer(capacity: self.bytes.readableBytes + extra.readableBytes)
        self.writeEndToEndFields(mapping: mapping, to: &block)
        block.writeImmutableBuffer(extra)
        let isUpgrade = self.status == 101
        var headers = HPACKHeaders()
        headers.reserveCapacity(self.fields.count + 2)
        headers.add(name: ":status", value: String(isUpgrade ? 200 : self.status))
        // Lines of a head that was validated when it was parsed.
        try? headers.addLines(of: block) { !(isUpgrade && $0 == .secWebSocketAccept) }
        return headers
    }
}
