package import NIOCore

/// One frame of either version: what it says, on which stream, and whether that direction ends with it.
package struct TunnelFrame: Equatable, Sendable {
    /// What a frame says.
    package enum Body: Equatable, Sendable {
        /// Version 1, connection: who the sender is and what it accepts; the first frame of each direction.
        case hello(TunnelHello)
        /// Edge to agent: a request head opens a stream. Version 0: OPEN_STREAM and WS_UPGRADE.
        case request(TunnelStreamKind, ByteBuffer)
        /// Agent to edge: a response head.
        case response(ByteBuffer)
        /// Body bytes; in version 1 also the bytes of an upgraded stream.
        case data(ByteBuffer)
        /// Version 0: bytes of an upgraded stream (WS_DATA).
        case webSocketData(ByteBuffer)
        /// Version 0: the upgraded stream is closed (WS_CLOSE).
        case webSocketClose
        /// The direction is complete; in version 1 an empty DATA with the END bit.
        case end
        /// Version 1: a trailer block, which ends the direction.
        case trailers(ByteBuffer)
        /// The stream is aborted. Version 0: STREAM_CANCEL.
        case reset(TunnelResetReason)
        /// Version 1: credit for a stream, or for the connection on stream 0.
        case window(UInt32)
        /// Asks for a pong. Version 0 has no token (0).
        case ping(UInt64)
        /// Answers a ping with its token.
        case pong(UInt64)
        /// Version 1: nothing new will be taken; milliseconds after which to connect again.
        case drain(retryAfterMilliseconds: UInt32)
        /// Version 1, edge to agent: a JSON object.
        case push(ByteBuffer)
        /// Agent to edge: answer viewers with 503.
        case pause
        /// Agent to edge: end of the pause.
        case resume
        /// Version 1: the connection ends, and why.
        case close(TunnelCloseReason)
    }

    /// The stream, 0 for the connection.
    package var stream: UInt32
    /// Whether this direction of the stream ends with this frame (version 1's END bit).
    package var end: Bool
    /// What it says.
    package var body: Body

    /// Makes a frame.
    package init(stream: UInt32, end: Bool = false, _ body: Body) {
        self.stream = stream
        self.end = end
        self.body = body
    }
}

/// Why bytes are not a frame.
///
/// The connection is closed with `protocolError` and this text.
package enum TunnelFrameError: Error, Equatable, Sendable {
    /// Shorter than its fixed part, or longer than its type allows.
    case badLength
    /// A type this version does not have.
    case unknownType
    /// A type only the other side sends.
    case wrongDirection
    /// A connection frame on a stream or a stream frame on the connection.
    case wrongStream
    /// A version 1 frame that reaches beyond its WebSocket message.
    case spansMessages
    /// A field with a value that is not allowed.
    case badValue
    /// The END bit on a frame that cannot end a direction.
    case badEnd
    /// A head or trailer block larger than announced.
    case headTooLarge

    /// A sentence fragment for the close reason; contains nothing from the peer.
    package var text: String {
        switch self {
        case .badLength: "a frame has a wrong length"
        case .unknownType: "a frame has an unknown type"
        case .wrongDirection: "a frame came from the wrong side"
        case .wrongStream: "a frame is on a stream where it does not belong"
        case .spansMessages: "a frame reaches beyond its message"
        case .badValue: "a frame holds a value that is not allowed"
        case .badEnd: "a frame ends a direction that it cannot end"
        case .headTooLarge: "a head is too large"
        }
    }
}

/// The numbers that both codecs and docs/protocol.md share.
package enum TunnelWire {
    /// The largest WebSocket message of version 0: one frame with 1 MiB of payload.
    package static let maximumMessageBytesV0 = (1 << 20) + 5
    /// The largest WebSocket message of version 1.
    package static let maximumMessageBytesV1 = 256 << 10
    /// The header of a version 0 frame: type and stream id.
    package static let headerBytesV0 = 5
    /// The header of a version 1 frame: length, type and stream id.
    package static let headerBytesV1 = 8
    /// The most body bytes in one version 1 DATA frame.
    package static let maximumDataBytes = 32 << 10
    /// The most bytes of a PUSH.
    package static let maximumPushBytes = 64 << 10
    /// The most bytes of text in RESET and CLOSE.
    package static let maximumTextBytes = 256
    /// The most credit a window may hold.
    package static let maximumWindow = Int(Int32.max)
    /// The largest head either codec can carry, whatever was announced.
    package static let maximumHeadBytes = 192 << 10

    /// The status of a response head block, nil when it does not begin with `HTTP/1.x NNN`.
    package static func status(ofResponse head: ByteBuffer) -> Int? {
        head.withUnsafeReadableBytes { bytes in
            guard bytes.count >= 13, bytes.starts(with: "HTTP/1.".utf8), bytes[8] == 0x20 else { return nil }
            guard bytes[7] == 0x30 || bytes[7] == 0x31 else { return nil }
            guard bytes[12] == 0x20 || bytes[12] == 0x0D else { return nil }
            var status = 0
            for index in 9..<12 {
                guard bytes[index] >= 0x30, bytes[index] <= 0x39 else { return nil }
                status = status * 10 + Int(bytes[index] - 0x30)
            }
            return status >= 100 ? status : nil
        }
    }
}
