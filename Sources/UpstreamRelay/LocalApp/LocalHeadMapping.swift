package import NIOCore
package import ProxySemantics

/// How heads change between the tunnel and the local app: pure, bytes in and bytes out.
///
/// Fields that stay are copied in runs, in their order, with their bytes untouched.
package struct LocalHeadMapping: Sendable {
    /// How the request's body travels to the local app.
    package enum RequestFraming: Equatable, Sendable {
        /// As the head says: no body, or `Content-Length`.
        case asAnnounced
        /// With the chunked transfer coding.
        case chunked
    }

    let host: String?
    private let localAuthorities: [String]

    /// The mapping for one target.
    package init(target: LocalTarget, hostHeader: HostHeader) {
        self.host = hostHeader.fieldValue(for: target)
        var authorities = [target.authority]
        if target.isLoopback {
            authorities += ["localhost", "127.0.0.1", "[::1]"].map { "\($0):\(target.port)" }
        }
        if let host = self.host?.lowercased() { authorities.append(host) }
        if target.port == target.scheme.defaultPort {
            let suffix = ":\(target.port)"
            authorities += authorities.filter { $0.hasSuffix(suffix) }.map { String($0.dropLast(suffix.utf8.count)) }
        }
        self.localAuthorities = authorities
    }

    // MARK: Requests

    /// Appends the request head as the local app gets it.
    ///
    /// - Parameters:
    ///   - head: a validated request head.
    ///   - framing: how the body travels.
    ///   - isWebSocket: whether the connection fields of an opening handshake are added.
    ///   - passesExpect: whether `Expect` is passed; only when the local app's 100 can travel back.
    ///   - buffer: where the head is appended.
    package func writeRequest(
        _ head: HTTPHead,
        framing: RequestFraming,
        isWebSocket: Bool,
        passesExpect: Bool,
        to buffer: inout ByteBuffer
    ) {
        let named = head.first(.connection) == nil ? nil : ConnectionOptions(of: head)
        head.bytes.withUnsafeReadableBytes { bytes in
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[0..<head.target.upperBound]))
            buffer.writeStaticString(" HTTP/1.1\r\n")
            if let host = self.host {
                buffer.writeStaticString("Host: ")
                buffer.writeString(host)
                buffer.writeStaticString("\r\n")
            }
            var run = FieldRun()
            for field in head.fields {
                let drops =
                    switch field.known {
                    case .host: self.host != nil
                    case .contentLength: false
                    case .expect: !passesExpect
                    default: field.known.isHopByHop || named?.names(field, in: bytes) == true
                    }
                run.take(field, drops: drops, from: bytes, to: &buffer)
            }
            run.flush(from: bytes, to: &buffer)
        }
        if isWebSocket {
            buffer.writeStaticString("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        } else if framing == .chunked {
            buffer.writeStaticString("Transfer-Encoding: chunked\r\n\r\n")
        } else {
            buffer.writeStaticString("\r\n")
        }
    }

    // MARK: Responses

    /// Appends the response head as it travels to the edge.
    ///
    /// - Parameters:
    ///   - head: a validated response head.
    ///   - isUpgrade: whether this is the 101 of a WebSocket, whose connection fields stay.
    ///   - buffer: where the head is appended.
    package func writeResponse(_ head: HTTPHead, isUpgrade: Bool = false, to buffer: inout ByteBuffer) {
        let named = head.first(.connection) == nil ? nil : ConnectionOptions(of: head)
        let status = head.status
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeMultipleIntegers(
            UInt8(truncatingIfNeeded: 0x30 + status / 100),
            UInt8(truncatingIfNeeded: 0x30 + status / 10 % 10),
            UInt8(truncatingIfNeeded: 0x30 + status % 10),
            UInt8(ascii: "\r"),
            UInt8(ascii: "\n")
        )
        head.bytes.withUnsafeReadableBytes { bytes in
            var run = FieldRun()
            for field in head.fields {
                if field.known == .location, let path = self.localPath(of: head.string(field.value)) {
                    run.flush(from: bytes, to: &buffer)
                    buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[field.name]))
                    buffer.writeStaticString(": ")
                    buffer.writeString(path)
                    buffer.writeStaticString("\r\n")
                    continue
                }
                let drops =
                    field.known != .contentLength
                    && (field.known.isHopByHop || named?.names(field, in: bytes) == true)
                run.take(field, drops: drops, from: bytes, to: &buffer)
            }
            run.flush(from: bytes, to: &buffer)
        }
        if isUpgrade { buffer.writeStaticString("Connection: Upgrade\r\nUpgrade: websocket\r\n") }
        buffer.writeStaticString("\r\n")
    }

    /// The path-absolute form of a `Location` that points at the local app; nil for every other one.
    ///
    /// A path that begins with two slashes gets `/.` in front: on its own it would name another authority
    /// (RFC 3986, 4.2).
    package func localPath(of location: String) -> String? {
        let lower = location.lowercased()
        for prefix in ["http://", "https://", "//"] where lower.hasPrefix(prefix) {
            let rest = location.dropFirst(prefix.count)
            let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" || $0 == "\\" } ?? rest.endIndex
            guard self.localAuthorities.contains(rest[..<end].lowercased()) else { return nil }
            let path = rest[end...]
            guard path.hasPrefix("/") else { return "/\(path)" }
            let second = path.dropFirst().first
            return second == "/" || second == "\\" ? "/.\(path)" : String(path)
        }
        return nil
    }
}

/// A stretch of fields that are copied together.
private struct FieldRun {
    private var start = -1
    private var end = -1

    @inline(__always)
    mutating func take(
        _ field: HTTPField,
        drops: Bool,
        from bytes: UnsafeRawBufferPointer,
        to buffer: inout ByteBuffer
    ) {
        if drops {
            self.flush(from: bytes, to: &buffer)
        } else {
            let line = field.line
            if self.start < 0 { self.start = line.lowerBound }
            self.end = line.upperBound
        }
    }

    @inline(__always)
    mutating func flush(from bytes: UnsafeRawBufferPointer, to buffer: inout ByteBuffer) {
        guard self.start >= 0 else { return }
        buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[self.start..<self.end]))
        buffer.writeStaticString("\r\n")
        self.start = -1
    }
}

extension ConnectionOptions {
    fileprivate func names(_ field: HTTPField, in bytes: UnsafeRawBufferPointer) -> Bool {
        !self.isEmpty && self.contains(UnsafeRawBufferPointer(rebasing: bytes[field.name]))
    }
}
