package import NIOCore

/// One field of a head: what it is, and where its name and value stand in the head's bytes.
package struct HTTPField: Sendable, Equatable {
    /// What the name means to a proxy.
    package let known: KnownField
    private let nameStart: UInt32
    private let nameEnd: UInt32
    private let valueStart: UInt32
    private let valueEnd: UInt32

    init(known: KnownField, name: Range<Int>, value: Range<Int>) {
        self.known = known
        self.nameStart = UInt32(truncatingIfNeeded: name.lowerBound)
        self.nameEnd = UInt32(truncatingIfNeeded: name.upperBound)
        self.valueStart = UInt32(truncatingIfNeeded: value.lowerBound)
        self.valueEnd = UInt32(truncatingIfNeeded: value.upperBound)
    }

    /// Where the name stands, as offsets from the head's first byte.
    package var name: Range<Int> { Int(self.nameStart)..<Int(self.nameEnd) }
    /// Where the value stands, without surrounding white space.
    package var value: Range<Int> { Int(self.valueStart)..<Int(self.valueEnd) }
    /// The whole line without its CRLF, from the name to the end of the value.
    package var line: Range<Int> { Int(self.nameStart)..<Int(self.valueEnd) }
}

/// The head of a request or response, kept as the bytes that arrived and validated when made.
///
/// Offsets count from the first byte of `bytes`. Values are bytes, not text: nothing is decoded unless asked.
package struct HTTPHead: Sendable {
    /// What the start line says.
    package enum StartLine: Sendable, Equatable {
        /// A request line: where method and target stand.
        case request(method: Range<Int>, target: Range<Int>)
        /// A status line: the three-digit status.
        case response(status: Int)
    }

    /// The head from the start line to the final empty line, that included.
    package let bytes: ByteBuffer
    /// The parsed start line.
    package let startLine: StartLine
    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    package let minorVersion: Int
    /// The fields in the order of arrival.
    package let fields: [HTTPField]

    /// Where the method stands; empty for responses.
    package var method: Range<Int> {
        if case .request(let method, _) = self.startLine { method } else { 0..<0 }
    }

    /// Where the request target stands; empty for responses.
    package var target: Range<Int> {
        if case .request(_, let target) = self.startLine { target } else { 0..<0 }
    }

    /// The status; 0 for requests.
    package var status: Int {
        if case .response(let status) = self.startLine { status } else { 0 }
    }

    /// Runs `body` on the bytes of `range`.
    @inline(__always)
    package func withBytes<Result>(
        _ range: Range<Int>,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        self.bytes.withUnsafeReadableBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// The bytes of `range` as text; invalid UTF-8 is replaced.
    package func string(_ range: Range<Int>) -> String {
        self.withBytes(range) { String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes of `range` as a slice that shares the head's storage.
    package func slice(_ range: Range<Int>) -> ByteBuffer {
        // Offsets were validated against these bytes when the head was parsed.
        self.bytes.getSlice(at: self.bytes.readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
    }

    /// Whether the bytes of `range` equal `literal`, which is lower case, ignoring ASCII case.
    package func equals(_ range: Range<Int>, _ literal: StaticString) -> Bool {
        self.withBytes(range) { equalsIgnoringCase($0, literal) }
    }

    /// The method as text.
    package var methodString: String { self.string(self.method) }

    /// Whether the method is exactly `literal` (methods are case-sensitive).
    package func isMethod(_ literal: StaticString) -> Bool {
        self.withBytes(self.method) { bytes in
            bytes.count == literal.utf8CodeUnitCount
                && (0..<bytes.count).allSatisfy { bytes[$0] == literal.utf8Start[$0] }
        }
    }

    /// Whether sending the request twice means the same as once (RFC 9110, 9.2.2).
    package var isIdempotent: Bool {
        self.isMethod("GET") || self.isMethod("HEAD") || self.isMethod("OPTIONS") || self.isMethod("PUT")
            || self.isMethod("DELETE") || self.isMethod("TRACE")
    }

    /// The first field of this kind.
    package func first(_ known: KnownField) -> HTTPField? {
        for field in self.fields where field.known == known { return field }
        return nil
    }

    /// The value of the first field of this kind as text.
    package func value(of known: KnownField) -> String? {
        self.first(known).map { self.string($0.value) }
    }

    /// How many fields of this kind there are.
    package func count(of known: KnownField) -> Int {
        var count = 0
        for field in self.fields where field.known == known { count += 1 }
        return count
    }

    /// Whether a comma-separated field of this kind contains `token` (lower case), ignoring case, in any of its lines.
    package func listContains(_ known: KnownField, _ token: StaticString) -> Bool {
        for field in self.fields where field.known == known {
            let found = self.withBytes(field.value) { bytes in
                forEachListElement(bytes) { equalsIgnoringCase($0, token) }
            }
            if found { return true }
        }
        return false
    }

    /// Whether the sender wants this connection to stay open after the message (RFC 9112, 9.3).
    package var wantsKeepAlive: Bool {
        guard self.first(.connection) != nil else { return self.minorVersion == 1 }
        if self.listContains(.connection, "close") { return false }
        return self.minorVersion == 1 || self.listContains(.connection, "keep-alive")
    }

    /// Whether this is a WebSocket opening handshake (RFC 6455, 4.2.1), by its connection fields.
    package var asksForWebSocket: Bool {
        self.first(.upgrade) != nil && self.isMethod("GET") && self.listContains(.upgrade, "websocket")
            && self.listContains(.connection, "upgrade")
    }
}

/// Calls `body` with each non-empty element of a comma-separated list, white space trimmed, until it returns true.
@discardableResult
package func forEachListElement(
    _ bytes: UnsafeRawBufferPointer,
    _ body: (UnsafeRawBufferPointer) -> Bool
) -> Bool {
    var start = 0
    while start <= bytes.count {
        var end = start
        while end < bytes.count, bytes[end] != UInt8(ascii: ",") { end += 1 }
        var (low, high) = (start, end)
        while low < high, bytes[low] == 0x20 || bytes[low] == 0x09 { low += 1 }
        while low < high, bytes[high - 1] == 0x20 || bytes[high - 1] == 0x09 { high -= 1 }
        if low < high, body(UnsafeRawBufferPointer(rebasing: bytes[low..<high])) { return true }
        start = end + 1
    }
    return false
}
