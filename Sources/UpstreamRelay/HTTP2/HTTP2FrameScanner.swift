import NIOCore

/// Finds the DATA frames in the bytes of an HTTP/2 connection, which may come in any pieces (RFC 9113, 4.1).
package struct HTTP2FrameScanner: Sendable {
    /// The 9 bytes before each frame's payload, as far as they came.
    private var header: UInt64 = 0
    private var headerBytes = 0
    /// How much of the present payload is still to come.
    private var payloadBytes = 0

    /// A scanner at the beginning of a connection.
    package init() {}

    /// Takes the next bytes and calls `onData` with the number of the stream of each DATA frame whose header is complete.
    package mutating func scan(_ bytes: UnsafeRawBufferPointer, onData: (Int) -> Void) {
        var index = 0
        while index < bytes.count {
            if self.payloadBytes > 0 {
                let skipped = min(self.payloadBytes, bytes.count - index)
                self.payloadBytes -= skipped
                index += skipped
                continue
            }
            // Length (3), type (1), flags (1) and the first 3 bytes of the number; its last one completes the header.
            guard self.headerBytes == 8 else {
                self.header = self.header << 8 | UInt64(bytes[index])
                self.headerBytes += 1
                index += 1
                continue
            }
            let stream = Int(self.header & 0x7F_FFFF) << 8 | Int(bytes[index])
            index += 1
            self.payloadBytes = Int(self.header >> 40)
            if self.header >> 32 & 0xFF == 0 { onData(stream) }
            self.header = 0
            self.headerBytes = 0
        }
    }
}

/// Counts the DATA frames that arrive for each stream, before SwiftNIO's handler sees them.
///
/// Windows bound the bytes that wait for a slow viewer, but a frame of one byte costs far more than its byte.
final class HTTP2FrameCountHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: LocalHTTP2Connection
    private var scanner = HTTP2FrameScanner()

    init(connection: LocalHTTP2Connection) {
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.unwrapInboundIn(data)
            .withUnsafeReadableBytes { bytes in
                self.scanner.scan(bytes) { self.connection.dataFrameArrived(on: $0) }
            }
        self.connection.boundUnreadFrames()
        context.fireChannelRead(data)
    }
}
