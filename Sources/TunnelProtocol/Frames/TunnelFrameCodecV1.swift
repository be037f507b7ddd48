package import NIOCore

/// Version 1: payload length (3 bytes, big-endian), type (1 byte, bit 7 = END), stream id (4 bytes), payload
/// (docs/protocol.md).
///
/// A WebSocket message holds one or more whole frames.
package struct TunnelFrameCodecV1: Sendable {
    private enum FrameType: UInt8 {
        case hello = 0x01
        case request = 0x02
        case response = 0x03
        case data = 0x04
        case trailers = 0x05
        case reset = 0x06
        case window = 0x07
        case ping = 0x08
        case pong = 0x09
        case drain = 0x0A
        case push = 0x0B
        case pause = 0x0C
        case resume = 0x0D
        case close = 0x0E
    }

    private static let endBit: UInt8 = 0x80

    /// Which end decodes.
    private let role: TunnelRole
    private let maximumHeadBytes: Int

    /// Makes the codec of one connection.
    ///
    /// - Parameters:
    ///   - role: Which end decodes: frames only that end sends are refused.
    ///   - maximumHeadBytes: The largest head or trailer block accepted, as announced in this end's HELLO.
    package init(role: TunnelRole, maximumHeadBytes: Int) {
        self.role = role
        self.maximumHeadBytes = maximumHeadBytes
    }

    /// Reads the next frame of a message.
    ///
    /// - Parameter message: A WebSocket message, or what is left of it.
    /// - Returns: The frame, nil when the message is used up.
    /// - Throws: `TunnelFrameError`.
    package func decode(_ message: inout ByteBuffer) throws(TunnelFrameError) -> TunnelFrame? {
        if message.readableBytes == 0 { return nil }
        guard let (first, stream) = message.readMultipleIntegers(as: (UInt32, UInt32).self) else {
            throw .spansMessages
        }
        let length = Int(first >> 8)
        let code = UInt8(truncatingIfNeeded: first)
        guard let type = FrameType(rawValue: code & ~Self.endBit) else { throw .unknownType }
        guard let payload = message.readSlice(length: length) else { throw .spansMessages }
        let end = code & Self.endBit != 0
        switch type {
        case .request, .response, .data, .trailers, .reset:
            return try self.streamFrame(type, stream, end, payload)
        case .window:
            if end { throw .badEnd }
            guard length == 4, let credit = payload.getInteger(at: payload.readerIndex, as: UInt32.self) else {
                throw .badLength
            }
            if credit == 0 || credit > UInt32(TunnelWire.maximumWindow) { throw .badValue }
            return TunnelFrame(stream: stream, .window(credit))
        default:
            if end { throw .badEnd }
            if stream != 0 { throw .wrongStream }
            return TunnelFrame(stream: 0, try self.connectionBody(type, payload))
        }
    }

    private func streamFrame(
        _ type: FrameType,
        _ stream: UInt32,
        _ end: Bool,
        _ payload: ByteBuffer
    ) throws(TunnelFrameError) -> TunnelFrame {
        if stream == 0 { throw .wrongStream }
        var payload = payload
        switch type {
        case .request:
            if self.role != .agent { throw .wrongDirection }
            guard let code = payload.readInteger(as: UInt8.self), payload.readableBytes > 0 else { throw .badLength }
            if payload.readableBytes > self.maximumHeadBytes { throw .headTooLarge }
            guard let kind = TunnelStreamKind(rawValue: code) else { throw .badValue }
            if kind == .webSocket, end { throw .badEnd }
            return TunnelFrame(stream: stream, end: end, .request(kind, payload))
        case .response:
            if self.role != .edge { throw .wrongDirection }
            if payload.readableBytes == 0 { throw .badLength }
            if payload.readableBytes > self.maximumHeadBytes { throw .headTooLarge }
            return TunnelFrame(stream: stream, end: end, .response(payload))
        case .data:
            if payload.readableBytes > TunnelWire.maximumDataBytes { throw .badLength }
            if payload.readableBytes == 0 {
                // Nothing to say and nothing to end: a way to keep the other side busy for free.
                if !end { throw .badLength }
                return TunnelFrame(stream: stream, end: true, .end)
            }
            return TunnelFrame(stream: stream, end: end, .data(payload))
        case .trailers:
            if !end { throw .badEnd }
            if payload.readableBytes == 0 { throw .badLength }
            if payload.readableBytes > self.maximumHeadBytes { throw .headTooLarge }
            return TunnelFrame(stream: stream, end: true, .trailers(payload))
        default:
            if end { throw .badEnd }
            guard let code = payload.readInteger(as: UInt16.self),
                payload.readableBytes <= TunnelWire.maximumTextBytes
            else { throw .badLength }
            guard let reason = TunnelResetReason(wireCode: code), Self.text(payload) != nil else { throw .badValue }
            return TunnelFrame(stream: stream, .reset(reason))
        }
    }

    private func connectionBody(
        _ type: FrameType,
        _ payload: ByteBuffer
    ) throws(TunnelFrameError) -> TunnelFrame.Body {
        var payload = payload
        switch type {
        case .hello:
            return .hello(try TunnelHello(reading: payload))
        case .ping, .pong:
            guard payload.readableBytes == 8, let token = payload.readInteger(as: UInt64.self) else { throw .badLength }
            return type == .ping ? .ping(token) : .pong(token)
        case .drain:
            guard payload.readableBytes == 4, let delay = payload.readInteger(as: UInt32.self) else { throw .badLength }
            return .drain(retryAfterMilliseconds: delay)
        case .push:
            if self.role != .agent { throw .wrongDirection }
            guard (2...TunnelWire.maximumPushBytes).contains(payload.readableBytes) else { throw .badLength }
            guard payload.getInteger(at: payload.readerIndex, as: UInt8.self) == UInt8(ascii: "{") else {
                throw .badValue
            }
            return .push(payload)
        case .pause, .resume:
            if self.role != .edge { throw .wrongDirection }
            if payload.readableBytes != 0 { throw .badLength }
            return type == .pause ? .pause : .resume
        default:
            guard let code = payload.readInteger(as: UInt16.self), let delay = payload.readInteger(as: UInt32.self),
                payload.readableBytes <= TunnelWire.maximumTextBytes
            else { throw .badLength }
            guard let text = Self.text(payload) else { throw .badValue }
            return .close(
                TunnelCloseReason(wireCode: code, retryAfter: .milliseconds(Int64(delay)), text: text)
            )
        }
    }

    /// Text from the peer: valid UTF-8 without control characters, else nil.
    private static func text(_ payload: ByteBuffer) -> String? {
        if payload.readableBytes == 0 { return "" }
        guard let text = String(validating: payload.readableBytesView, as: UTF8.self),
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
        else { return nil }
        return text
    }
}

// MARK: - Encoding

extension TunnelFrameCodecV1 {
    /// How many bytes a frame takes; 0 for frames version 1 does not have.
    ///
    /// Exact except for HELLO and CLOSE, where it is an upper bound.
    package static func encodedBytes(_ frame: TunnelFrame) -> Int {
        let payload =
            switch frame.body {
            case .request(_, let head): 1 + head.readableBytes
            case .response(let bytes), .data(let bytes), .trailers(let bytes), .push(let bytes): bytes.readableBytes
            case .end, .pause, .resume: 0
            case .reset: 2
            case .window, .drain: 4
            case .ping, .pong: 8
            case .hello: 23 + 128
            case .close: 6 + TunnelWire.maximumTextBytes
            case .webSocketData, .webSocketClose: -TunnelWire.headerBytesV1
            }
        return TunnelWire.headerBytesV1 + payload
    }

    /// Appends one frame.
    ///
    /// Frames version 1 does not have write nothing.
    package static func encode(_ frame: TunnelFrame, to buffer: inout ByteBuffer) {
        func header(_ type: FrameType, _ length: Int) {
            let code = type.rawValue | (frame.end ? Self.endBit : 0)
            buffer.writeMultipleIntegers(UInt32(truncatingIfNeeded: length) << 8 | UInt32(code), frame.stream)
        }
        func block(_ type: FrameType, _ payload: ByteBuffer) {
            header(type, payload.readableBytes)
            buffer.writeImmutableBuffer(payload)
        }
        switch frame.body {
        case .hello(let hello):
            var payload = ByteBuffer()
            hello.write(to: &payload)
            block(.hello, payload)
        case .request(let kind, let head):
            header(.request, 1 + head.readableBytes)
            buffer.writeInteger(kind.rawValue)
            buffer.writeImmutableBuffer(head)
        case .response(let head): block(.response, head)
        case .data(let data): block(.data, data)
        case .end: header(.data, 0)
        case .trailers(let trailers): block(.trailers, trailers)
        case .reset(let reason):
            header(.reset, 2)
            buffer.writeInteger(reason.rawValue)
        case .window(let credit):
            header(.window, 4)
            buffer.writeInteger(credit)
        case .ping(let token):
            header(.ping, 8)
            buffer.writeInteger(token)
        case .pong(let token):
            header(.pong, 8)
            buffer.writeInteger(token)
        case .drain(let delay):
            header(.drain, 4)
            buffer.writeInteger(delay)
        case .push(let json): block(.push, json)
        case .pause: header(.pause, 0)
        case .resume: header(.resume, 0)
        case .close(let reason):
            let text = WebSocketFrameWriter.prefix(of: reason.text, bytes: TunnelWire.maximumTextBytes)
            let delay = (reason.retryAfter ?? .zero).nanoseconds / 1_000_000
            header(.close, 6 + text.utf8.count)
            buffer.writeMultipleIntegers(reason.wireCode, UInt32(clamping: delay))
            buffer.writeString(text)
        case .webSocketData, .webSocketClose: break
        }
    }
}
