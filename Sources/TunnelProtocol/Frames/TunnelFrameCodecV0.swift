package import NIOCore

/// Version 0: type (1 byte), stream id (4 bytes, big-endian), payload; one frame per WebSocket message
/// (spec: tunnel protocol, version 0).
package struct TunnelFrameCodecV0: Sendable {
    private enum FrameType: UInt8 {
        case openStream = 0x01
        case streamData = 0x02
        case streamEnd = 0x03
        case streamCancel = 0x04
        case responseHeaders = 0x05
        case webSocketUpgrade = 0x06
        case webSocketData = 0x07
        case webSocketClose = 0x08
        case ping = 0x09
        case pong = 0x0A
        case pause = 0x0B
        case resume = 0x0C
    }

    /// Which end decodes.
    private let role: TunnelRole
    private let maximumHeadBytes: Int

    /// Makes the codec of one connection.
    ///
    /// - Parameters:
    ///   - role: Which end decodes: frames only that end sends are refused.
    ///   - maximumHeadBytes: The largest head accepted.
    package init(role: TunnelRole, maximumHeadBytes: Int) {
        self.role = role
        self.maximumHeadBytes = maximumHeadBytes
    }

    /// Reads the one frame of a message.
    ///
    /// - Throws: `TunnelFrameError`.
    package func decode(_ message: ByteBuffer) throws(TunnelFrameError) -> TunnelFrame {
        var payload = message
        guard let code = payload.readInteger(as: UInt8.self), let stream = payload.readInteger(as: UInt32.self) else {
            throw .badLength
        }
        guard let type = FrameType(rawValue: code) else { throw .unknownType }
        switch type {
        case .openStream, .webSocketUpgrade:
            if self.role != .agent { throw .wrongDirection }
            try self.check(head: payload, on: stream)
            return TunnelFrame(stream: stream, .request(type == .openStream ? .http : .webSocket, payload))
        case .responseHeaders:
            if self.role != .edge { throw .wrongDirection }
            try self.check(head: payload, on: stream)
            return TunnelFrame(stream: stream, .response(payload))
        case .streamData:
            if stream == 0 { throw .wrongStream }
            return TunnelFrame(stream: stream, .data(payload))
        case .webSocketData:
            if stream == 0 { throw .wrongStream }
            return TunnelFrame(stream: stream, .webSocketData(payload))
        case .streamEnd:
            try Self.checkEmpty(payload, on: stream)
            return TunnelFrame(stream: stream, end: true, .end)
        case .streamCancel:
            try Self.checkEmpty(payload, on: stream)
            return TunnelFrame(stream: stream, .reset(.cancelled))
        case .webSocketClose:
            // Some clients put a WebSocket close code and reason here; neither means anything to a raw stream.
            if stream == 0 { throw .wrongStream }
            if payload.readableBytes > 125 { throw .badLength }
            return TunnelFrame(stream: stream, end: true, .webSocketClose)
        case .ping, .pong, .pause, .resume:
            if stream != 0 { throw .wrongStream }
            if payload.readableBytes != 0 { throw .badLength }
            switch type {
            case .ping: return TunnelFrame(stream: 0, .ping(0))
            case .pong: return TunnelFrame(stream: 0, .pong(0))
            default:
                if self.role != .edge { throw .wrongDirection }
                return TunnelFrame(stream: 0, type == .pause ? .pause : .resume)
            }
        }
    }

    /// How many bytes a frame takes; 0 for frames version 0 does not have.
    package static func encodedBytes(_ frame: TunnelFrame) -> Int {
        switch frame.body {
        case .request(_, let payload), .response(let payload), .data(let payload), .webSocketData(let payload):
            TunnelWire.headerBytesV0 + payload.readableBytes
        case .end, .reset, .webSocketClose, .ping, .pong, .pause, .resume: TunnelWire.headerBytesV0
        case .hello, .trailers, .window, .drain, .push, .close: 0
        }
    }

    /// Appends one frame.
    ///
    /// Frames version 0 does not have write nothing.
    package static func encode(_ frame: TunnelFrame, to buffer: inout ByteBuffer) {
        func header(_ type: FrameType) {
            buffer.writeMultipleIntegers(type.rawValue, frame.stream)
        }
        switch frame.body {
        case .request(let kind, let head):
            header(kind == .http ? .openStream : .webSocketUpgrade)
            buffer.writeImmutableBuffer(head)
        case .response(let head):
            header(.responseHeaders)
            buffer.writeImmutableBuffer(head)
        case .data(let data):
            header(.streamData)
            buffer.writeImmutableBuffer(data)
        case .webSocketData(let data):
            header(.webSocketData)
            buffer.writeImmutableBuffer(data)
        case .end: header(.streamEnd)
        case .webSocketClose: header(.webSocketClose)
        case .reset: header(.streamCancel)
        case .ping: header(.ping)
        case .pong: header(.pong)
        case .pause: header(.pause)
        case .resume: header(.resume)
        case .hello, .trailers, .window, .drain, .push, .close: break
        }
    }

    private func check(head: ByteBuffer, on stream: UInt32) throws(TunnelFrameError) {
        if stream == 0 { throw .wrongStream }
        if head.readableBytes == 0 { throw .badLength }
        if head.readableBytes > self.maximumHeadBytes { throw .headTooLarge }
    }

    private static func checkEmpty(_ payload: ByteBuffer, on stream: UInt32) throws(TunnelFrameError) {
        if stream == 0 { throw .wrongStream }
        if payload.readableBytes != 0 { throw .badLength }
    }
}
