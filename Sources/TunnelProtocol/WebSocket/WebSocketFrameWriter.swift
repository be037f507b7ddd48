package import NIOCore

/// Writes WebSocket frames (RFC 6455, section 5): unfragmented, minimal lengths, masked by the agent.
package struct WebSocketFrameWriter: Sendable {
    /// The most bytes a header takes; `seal` needs this much room in front of the payload.
    package static let maximumHeaderBytes = 14

    private let masks: Bool
    /// Half of the last draw of the random generator, kept for the next frame.
    private var spareKey: UInt32?

    /// Makes the writer of one connection: the agent masks, the edge does not.
    package init(role: TunnelRole) {
        self.masks = role == .agent
    }

    /// Starts a buffer for one message: room for a header, then the payload is written by the caller.
    ///
    /// - Parameter capacity: The payload's expected size in bytes.
    /// - Returns: The buffer, empty.
    package func makeMessage(capacity: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(Self.maximumHeaderBytes + capacity)
        buffer.moveWriterIndex(to: Self.maximumHeaderBytes)
        buffer.moveReaderIndex(to: Self.maximumHeaderBytes)
        return buffer
    }

    /// Turns a buffer made by `makeMessage` into one binary frame: masks the payload in place and puts the header right
    /// in front of it.
    package mutating func seal(_ buffer: inout ByteBuffer) {
        self.seal(&buffer, opcode: 2)
    }

    /// A whole control frame.
    ///
    /// - Parameters:
    ///   - opcode: 8 close, 9 ping, 10 pong.
    ///   - payload: At most 125 bytes; longer payloads are cut.
    /// - Returns: The frame.
    package mutating func controlFrame(opcode: UInt8, payload: ByteBuffer) -> ByteBuffer {
        var buffer = self.makeMessage(capacity: 125)
        var payload = payload
        if var cut = payload.readSlice(length: min(125, payload.readableBytes)) { buffer.writeBuffer(&cut) }
        self.seal(&buffer, opcode: opcode)
        return buffer
    }

    /// A close frame with a code and a reason of at most 123 bytes, cut at a character.
    package mutating func closeFrame(code: UInt16, reason: String) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(code)
        payload.writeString(Self.prefix(of: reason, bytes: 123))
        return self.controlFrame(opcode: 8, payload: payload)
    }

    /// The longest prefix of whole characters within a number of UTF-8 bytes.
    package static func prefix(of text: String, bytes limit: Int) -> String {
        if text.utf8.count <= limit { return text }
        var count = 0
        var end = text.startIndex
        for index in text.indices {
            count += text[index].utf8.count
            if count > limit { break }
            end = text.index(after: index)
        }
        return String(text[..<end])
    }

    private mutating func seal(_ buffer: inout ByteBuffer, opcode: UInt8) {
        let length = buffer.readableBytes
        let lengthBytes = length < 126 ? 0 : length <= Int(UInt16.max) ? 2 : 8
        let start = buffer.readerIndex - 2 - lengthBytes - (self.masks ? 4 : 0)
        precondition(start >= 0, "seal needs a buffer from makeMessage")
        let maskBit: UInt8 = self.masks ? 0x80 : 0
        if self.masks {
            let key = self.nextKey()
            buffer.withUnsafeMutableReadableBytes { WebSocketMask.apply(key, to: $0) }
            buffer.setInteger(key, at: buffer.readerIndex - 4, endianness: .little)
        }
        buffer.setInteger(0x80 | opcode, at: start)
        switch lengthBytes {
        case 0: buffer.setInteger(maskBit | UInt8(length), at: start + 1)
        case 2:
            buffer.setInteger(maskBit | 126, at: start + 1)
            buffer.setInteger(UInt16(length), at: start + 2)
        default:
            buffer.setInteger(maskBit | 127, at: start + 1)
            buffer.setInteger(UInt64(length), at: start + 2)
        }
        buffer.moveReaderIndex(to: start)
    }

    private mutating func nextKey() -> UInt32 {
        if let key = self.spareKey {
            self.spareKey = nil
            return key
        }
        // RFC 6455, section 10.3: keys come from a strong source of entropy.
        var generator = SystemRandomNumberGenerator()
        let pair = generator.next()
        self.spareKey = UInt32(truncatingIfNeeded: pair >> 32)
        return UInt32(truncatingIfNeeded: pair)
    }
}
