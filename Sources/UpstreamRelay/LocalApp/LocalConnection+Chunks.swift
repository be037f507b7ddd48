import NIOCore
import ProxySemantics

/// Bodies of requests, with the chunked transfer coding where no length was announced, towards the local app (RFC 9112, 7.1).
///
/// The line end after a chunk's data is written with the next chunk's size, so that a chunk costs one small buffer.
extension LocalConnection {
    /// Chunks up to this size are copied behind their size line: one write is cheaper than two.
    private static let copyLimit = 1 << 10

    func sendBody(_ data: ByteBuffer) {
        self.write(data)
    }

    /// Nothing is sent: the length says where the body ends, and leaves no place for trailers.
    func sendEnd(trailers: ByteBuffer?) throws(HTTPParseError) {}

    func sendChunk(_ data: ByteBuffer, first: Bool) {
        let count = data.readableBytes
        let copies = count <= Self.copyLimit
        var buffer = ByteBufferAllocator().buffer(capacity: 24 + (copies ? count : 0))
        if !first { buffer.writeStaticString("\r\n") }
        buffer.writeString(String(count, radix: 16))
        buffer.writeStaticString("\r\n")
        if copies { buffer.writeImmutableBuffer(data) }
        self.write(buffer)
        if !copies { self.write(data) }
    }

    func sendLastChunk(trailers: ByteBuffer?, first: Bool) throws(HTTPParseError) {
        var buffer = ByteBufferAllocator().buffer(capacity: 16 + (trailers?.readableBytes ?? 0))
        buffer.writeStaticString(first ? "0\r\n" : "\r\n0\r\n")
        if let trailers { _ = try writeForwardedTrailers(trailers, to: &buffer) }
        buffer.writeStaticString("\r\n")
        self.write(buffer)
    }
}
