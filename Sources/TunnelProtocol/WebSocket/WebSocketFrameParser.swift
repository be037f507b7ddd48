package import NIOCore

/// Why bytes are not acceptable WebSocket frames (RFC 6455, section 5).
package enum WebSocketFramingError: Error, Equatable, Sendable {
    /// A reserved bit is set; no extension was negotiated.
    case reservedBits
    /// An opcode this tunnel does not use; text frames included.
    case unsupportedOpcode
    /// A client frame without mask, or a server frame with one.
    case wrongMasking
    /// A length not in its shortest form, or with its top bit set.
    case lengthNotMinimal
    /// A control frame that is fragmented or longer than 125 bytes.
    case badControlFrame
    /// A continuation without a beginning, or a beginning inside a message.
    case badFragmentation
    /// A message larger than the tunnel allows; refused before any memory is reserved for it.
    case messageTooLarge
    /// A close frame with a one-byte body, a forbidden code, or a reason that is not UTF-8.
    case badCloseFrame

    /// A sentence fragment for the close reason; contains nothing from the peer.
    package var text: String {
        switch self {
        case .reservedBits: "a reserved WebSocket bit is set"
        case .unsupportedOpcode: "only binary WebSocket messages are used here"
        case .wrongMasking: "WebSocket frames must be masked by the agent and by nobody else"
        case .lengthNotMinimal: "a WebSocket length is not in its shortest form"
        case .badControlFrame: "a WebSocket control frame is fragmented or too long"
        case .badFragmentation: "WebSocket fragments are out of order"
        case .messageTooLarge: "a WebSocket message is too large"
        case .badCloseFrame: "a WebSocket close frame is malformed"
        }
    }
}

/// Something whole that arrived on a WebSocket connection.
package enum WebSocketEvent: Equatable, Sendable {
    /// A binary message, fragments joined, unmasked.
    case message(ByteBuffer)
    /// A ping with its payload, at most 125 bytes.
    case ping(ByteBuffer)
    /// A pong with its payload.
    case pong(ByteBuffer)
    /// A close with its code (1005 when it carried none) and reason.
    case close(code: UInt16, reason: String)
}

/// Turns bytes into WebSocket messages, incrementally (RFC 6455, section 5), for the tunnel's use of WebSocket.
///
/// A message that lies whole and unmasked in one input buffer is a slice of it; everything else is copied once, unmasked
/// on the way. Memory grows with what has arrived, never with what a length field claims.
package struct WebSocketFrameParser: Sendable {
    private struct Header {
        var final: Bool
        var opcode: UInt8
        var length: Int
        var maskKey: UInt32
        var byteCount: Int
    }

    /// Whether frames must be masked: true on the edge, false on the agent.
    private let expectsMask: Bool
    private let maximumMessageBytes: Int
    /// The first bytes of a header that has not arrived whole; at most 13.
    private var partialHeader = ByteBuffer()
    /// The frame whose payload is being read.
    private var frame: Header?
    private var remaining = 0
    private var message: ByteBuffer?
    private var control = ByteBuffer()

    /// Makes the parser of one connection.
    ///
    /// - Parameters:
    ///   - role: Which end parses; the edge requires masks, the agent refuses them.
    ///   - maximumMessageBytes: The largest message accepted.
    package init(role: TunnelRole, maximumMessageBytes: Int) {
        self.expectsMask = role == .edge
        self.maximumMessageBytes = maximumMessageBytes
    }

    /// The bytes held for a message that has not arrived whole.
    package var bufferedBytes: Int { self.message?.readableBytes ?? 0 }

    /// Reads from `input` up to the next whole event.
    ///
    /// - Parameter input: Bytes as they arrived; on nil all of them were taken.
    /// - Returns: The event, or nil when more bytes are needed.
    /// - Throws: `WebSocketFramingError`; the connection must be closed then.
    package mutating func next(_ input: inout ByteBuffer) throws(WebSocketFramingError) -> WebSocketEvent? {
        while true {
            if self.frame == nil {
                guard let header = try self.readHeader(&input) else { return nil }
                try self.begin(header)
            }
            guard let header = self.frame else { return nil }
            if header.opcode >= 8 {
                guard let event = try self.readControl(header, &input) else { return nil }
                return event
            }
            // The usual case: one unfragmented frame, all of it here.
            if self.message == nil, header.final, input.readableBytes >= header.length, self.remaining == header.length
            {
                self.frame = nil
                if !self.expectsMask, let slice = input.readSlice(length: header.length) {
                    return .message(slice)
                }
                var copy = ByteBuffer()
                copy.reserveCapacity(header.length)
                WebSocketMask.copy(header.length, from: &input, to: &copy, key: header.maskKey)
                return .message(copy)
            }
            if self.message == nil { self.message = ByteBuffer() }
            self.take(&input)
            guard self.remaining == 0 else { return nil }
            self.frame = nil
            if header.final, let message = self.message {
                self.message = nil
                return .message(message)
            }
        }
    }

    private mutating func begin(_ header: Header) throws(WebSocketFramingError) {
        switch header.opcode {
        case 0:
            if self.message == nil { throw .badFragmentation }
        case 2:
            if self.message != nil { throw .badFragmentation }
        case 8, 9, 10:
            if !header.final || header.length > 125 { throw .badControlFrame }
        default:
            throw .unsupportedOpcode
        }
        if header.opcode < 8, header.length > self.maximumMessageBytes - self.bufferedBytes {
            throw .messageTooLarge
        }
        self.frame = header
        self.remaining = header.length
    }

    /// Moves what is there of the current frame's payload into the message.
    private mutating func take(_ input: inout ByteBuffer) {
        guard var header = self.frame else { return }
        let count = min(self.remaining, input.readableBytes)
        WebSocketMask.copy(count, from: &input, to: &self.message!, key: header.maskKey)
        header.maskKey = WebSocketMask.rotate(header.maskKey, by: count)
        self.frame = header
        self.remaining -= count
    }

    private mutating func readControl(
        _ header: Header,
        _ input: inout ByteBuffer
    ) throws(WebSocketFramingError) -> WebSocketEvent? {
        let count = min(self.remaining, input.readableBytes)
        WebSocketMask.copy(
            count,
            from: &input,
            to: &self.control,
            key: WebSocketMask.rotate(header.maskKey, by: header.length - self.remaining)
        )
        self.remaining -= count
        guard self.remaining == 0 else { return nil }
        var payload = self.control
        self.control = ByteBuffer()
        self.frame = nil
        switch header.opcode {
        case 9: return .ping(payload)
        case 10: return .pong(payload)
        default:
            guard payload.readableBytes > 0 else { return .close(code: 1_005, reason: "") }
            guard let code = payload.readInteger(as: UInt16.self) else { throw .badCloseFrame }
            switch code {
            case 1_000...1_003, 1_007...1_014, 3_000...4_999: break
            default: throw .badCloseFrame
            }
            guard let reason = String(validating: payload.readableBytesView, as: UTF8.self) else {
                throw .badCloseFrame
            }
            return .close(code: code, reason: reason)
        }
    }

    private mutating func readHeader(_ input: inout ByteBuffer) throws(WebSocketFramingError) -> Header? {
        if self.partialHeader.readableBytes == 0 {
            if let header = try self.parseHeader(input) {
                input.moveReaderIndex(forwardBy: header.byteCount)
                return header
            }
            self.partialHeader.writeBuffer(&input)
            return nil
        }
        while var byte = input.readSlice(length: 1) {
            self.partialHeader.writeBuffer(&byte)
            if let header = try self.parseHeader(self.partialHeader) {
                self.partialHeader = ByteBuffer()
                return header
            }
        }
        return nil
    }

    private func parseHeader(_ bytes: ByteBuffer) throws(WebSocketFramingError) -> Header? {
        let start = bytes.readerIndex
        guard let first = bytes.getInteger(at: start, as: UInt8.self) else { return nil }
        if first & 0x70 != 0 { throw .reservedBits }
        guard let second = bytes.getInteger(at: start + 1, as: UInt8.self) else { return nil }
        let masked = second & 0x80 != 0
        if masked != self.expectsMask { throw .wrongMasking }
        var length = Int(second & 0x7F)
        var byteCount = 2
        if length == 126 {
            guard let value = bytes.getInteger(at: start + 2, as: UInt16.self) else { return nil }
            if value < 126 { throw .lengthNotMinimal }
            length = Int(value)
            byteCount = 4
        } else if length == 127 {
            guard let value = bytes.getInteger(at: start + 2, as: UInt64.self) else { return nil }
            if value <= UInt64(UInt16.max) || value > UInt64(Int64.max) { throw .lengthNotMinimal }
            length = Int(value)
            byteCount = 10
        }
        var maskKey: UInt32 = 0
        if masked {
            guard let key = bytes.getInteger(at: start + byteCount, endianness: .little, as: UInt32.self) else {
                return nil
            }
            maskKey = key
            byteCount += 4
        }
        return Header(
            final: first & 0x80 != 0,
            opcode: first & 0x0F,
            length: length,
            maskKey: maskKey,
            byteCount: byteCount
        )
    }
}
