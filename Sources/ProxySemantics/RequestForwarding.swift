package import NIOCore

/// What the edge knows about a request besides its head.
package struct ForwardingContext: Sendable {
    /// The address of the peer that sent the request to us (differs from the client behind a trusted proxy).
    package var peerAddress: String
    /// `http` or `https` as the viewer used it.
    package var scheme: String
    /// Whether the peer is a trusted proxy, whose own forwarding fields are kept and appended to.
    package var peerIsTrusted: Bool
    /// Whether the edge itself used the `Authorization` field (basic authentication), which the app must not see then.
    package var removesAuthorization: Bool
    /// What the API gateway changes; nil for tunnel sessions.
    package var gateway: GatewayRewriting?

    /// What the API gateway changes about a request besides what every proxy does.
    package struct GatewayRewriting: Sendable {
        /// How many bytes of the target's path are cut off: the tenant's base path.
        package var cut: Int
        /// What comes in their place: the path of the upstream.
        package var pathPrefix: String
        /// Whether a field must not reach the upstream, by its name.
        package var isStripped: @Sendable (UnsafeRawBufferPointer) -> Bool
        /// Complete field lines that are added.
        package var lines: ByteBuffer

        /// A complete rewriting.
        package init(
            cut: Int,
            pathPrefix: String,
            isStripped: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool,
            lines: ByteBuffer
        ) {
            self.cut = cut
            self.pathPrefix = pathPrefix
            self.isStripped = isStripped
            self.lines = lines
        }
    }

    /// A complete context.
    package init(
        peerAddress: String,
        scheme: String,
        peerIsTrusted: Bool = false,
        removesAuthorization: Bool = false,
        gateway: GatewayRewriting? = nil
    ) {
        self.peerAddress = peerAddress
        self.scheme = scheme
        self.peerIsTrusted = peerIsTrusted
        self.removesAuthorization = removesAuthorization
        self.gateway = gateway
    }
}

extension HTTPHead {
    /// Appends the head as it travels to the agent: request line with `target`, end-to-end fields unchanged and in
    /// order, forwarding fields of the edge, without hop-by-hop fields, Daypass cookies and credentials.
    ///
    /// `asWebSocket` adds the connection fields an opening handshake has.
    package func writeForwardedRequest(
        target: Range<Int>?,
        context: ForwardingContext,
        asWebSocket: Bool,
        to buffer: inout ByteBuffer
    ) {
        let named = ConnectionOptions(of: self)
        self.bytes.withUnsafeReadableBytes { bytes in
            @inline(__always) func write(_ range: Range<Int>) {
                buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[range]))
            }
            write(self.method)
            buffer.writeStaticString(" ")
            if let gateway = context.gateway {
                let rest = target.map { ($0.lowerBound + gateway.cut)..<$0.upperBound } ?? 0..<0
                buffer.writeString(gateway.pathPrefix)
                // What is left may be empty or begin with the query.
                let hasPath = !rest.isEmpty && bytes[rest.lowerBound] == UInt8(ascii: "/")
                if !hasPath, gateway.pathPrefix.isEmpty { buffer.writeStaticString("/") }
                write(rest)
            } else if let target {
                write(target)
            } else {
                buffer.writeStaticString("/")
            }
            buffer.writeStaticString(" HTTP/1.1\r\n")
            // Fields that stay are copied in runs, from the first name to the last line end, not one by one.
            var runStart = -1
            var runEnd = -1
            @inline(__always) func flushRun() {
                if runStart >= 0 {
                    write(runStart..<runEnd)
                    buffer.writeStaticString("\r\n")
                }
                runStart = -1
            }
            for field in self.fields {
                switch Self.disposition(of: field, in: bytes, named: named, context: context) {
                case .keep:
                    if runStart < 0 { runStart = field.line.lowerBound }
                    runEnd = field.line.upperBound
                case .drop:
                    flushRun()
                case .filterCookies:
                    flushRun()
                    Self.writeForeignCookies(UnsafeRawBufferPointer(rebasing: bytes[field.value]), to: &buffer)
                }
            }
            flushRun()
        }
        self.writeForwardingFields(context, to: &buffer)
        if let gateway = context.gateway { buffer.writeImmutableBuffer(gateway.lines) }
        if asWebSocket { buffer.writeStaticString("Connection: Upgrade\r\nUpgrade: websocket\r\n") }
        buffer.writeStaticString("\r\n")
    }

    private enum Disposition {
        case keep
        case drop
        case filterCookies
    }

    private static func disposition(
        of field: HTTPField,
        in bytes: UnsafeRawBufferPointer,
        named: ConnectionOptions,
        context: ForwardingContext
    ) -> Disposition {
        switch field.known {
        case .connection, .keepAlive, .proxyAuthenticate, .proxyAuthorization, .proxyConnection, .te, .trailer,
            .transferEncoding, .upgrade, .http2Settings, .xDaypassPassword:
            return .drop
        case .forwarded, .xForwardedFor: return .drop
        case .xForwardedHost, .xForwardedProto, .xForwardedPort, .xRealIP:
            return context.peerIsTrusted ? .keep : .drop
        case .authorization: return context.removesAuthorization ? .drop : .keep
        case .cookie:
            let value = UnsafeRawBufferPointer(rebasing: bytes[field.value])
            return forEachCookie(value) { name, _, _ in DaypassCookie.isOurs(name) } ? .filterCookies : .keep
        case .contentLength, .host: return .keep
        default:
            let name = UnsafeRawBufferPointer(rebasing: bytes[field.name])
            if let gateway = context.gateway, gateway.isStripped(name) { return .drop }
            return !named.isEmpty && named.contains(name) ? .drop : .keep
        }
    }

    private static func writeForeignCookies(_ value: UnsafeRawBufferPointer, to buffer: inout ByteBuffer) {
        var isFirst = true
        _ = forEachCookie(value) { name, _, pair in
            guard !DaypassCookie.isOurs(name) else { return false }
            buffer.writeStaticString(isFirst ? "Cookie: " : "; ")
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: value[pair]))
            isFirst = false
            return false
        }
        if !isFirst { buffer.writeStaticString("\r\n") }
    }

    /// Writes X-Forwarded-* and Forwarded (RFC 7239).
    ///
    /// Behind a trusted proxy its chain is kept and our peer appended.
    private func writeForwardingFields(_ context: ForwardingContext, to buffer: inout ByteBuffer) {
        let host = self.first(.host)?.value ?? 0..<0
        buffer.writeStaticString("X-Forwarded-For: ")
        if context.peerIsTrusted { self.writeJoinedValues(of: .xForwardedFor, to: &buffer) }
        buffer.writeString(context.peerAddress)
        if !(context.peerIsTrusted && self.first(.xForwardedHost) != nil) {
            buffer.writeStaticString("\r\nX-Forwarded-Host: ")
            self.withBytes(host) { _ = buffer.writeBytes($0) }
        }
        if !(context.peerIsTrusted && self.first(.xForwardedProto) != nil) {
            buffer.writeStaticString("\r\nX-Forwarded-Proto: ")
            buffer.writeString(context.scheme)
        }
        buffer.writeStaticString("\r\nForwarded: ")
        if context.peerIsTrusted { self.writeJoinedValues(of: .forwarded, to: &buffer) }
        buffer.writeStaticString("for=")
        if context.peerAddress.utf8.contains(UInt8(ascii: ":")) {
            buffer.writeStaticString("\"[")
            buffer.writeString(context.peerAddress)
            buffer.writeStaticString("]\"")
        } else {
            buffer.writeString(context.peerAddress)
        }
        buffer.writeStaticString(";host=\"")
        self.withBytes(host) { _ = buffer.writeBytes($0) }
        buffer.writeStaticString("\";proto=")
        buffer.writeString(context.scheme)
        buffer.writeStaticString("\r\n")
    }

    private func writeJoinedValues(of known: KnownField, to buffer: inout ByteBuffer) {
        for field in self.fields where field.known == known {
            self.withBytes(field.value) { _ = buffer.writeBytes($0) }
            buffer.writeStaticString(", ")
        }
    }
}

/// The field names a `Connection` field lists, beyond the ones every proxy removes anyway (RFC 9110, 7.6.1).
package struct ConnectionOptions {
    private var names: [[UInt8]] = []

    /// Reads the `Connection` fields of a head; `close`, `keep-alive` and `upgrade` are not names of fields to remove.
    package init(of head: HTTPHead) {
        for field in head.fields where field.known == .connection {
            head.withBytes(field.value) { bytes in
                _ = forEachListElement(bytes) { element in
                    if !equalsIgnoringCase(element, "keep-alive"), !equalsIgnoringCase(element, "close"),
                        !equalsIgnoringCase(element, "upgrade")
                    {
                        self.names.append(element.map(asciiLowercased))
                    }
                    return false
                }
            }
        }
    }

    /// Whether no field is named.
    package var isEmpty: Bool { self.names.isEmpty }

    /// Whether `name` is one of the fields to remove.
    package func contains(_ name: UnsafeRawBufferPointer) -> Bool {
        self.names.contains { candidate in
            candidate.count == name.count && zip(candidate, name).allSatisfy { $0 == asciiLowercased($1) }
        }
    }
}
