import NIOCore
import Testing
import TunnelProtocol

/// The golden frames of docs/protocol.md.
private let goldenV0: [(String, TunnelFrame)] = [
    (
        "01 00 00 00 01 \"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"",
        TunnelFrame(stream: 1, .request(.http, requestHead))
    ),
    (
        "06 00 00 00 02 \"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"",
        TunnelFrame(stream: 2, .request(.webSocket, requestHead))
    ),
    ("05 00 00 00 01 \"HTTP/1.1 200\\r\\n\\r\\n\"", TunnelFrame(stream: 1, .response(okHead))),
    ("02 00 00 00 01 \"hi\"", TunnelFrame(stream: 1, .data(ByteBuffer(string: "hi")))),
    ("03 00 00 00 01", TunnelFrame(stream: 1, end: true, .end)),
    ("04 01 02 03 04", TunnelFrame(stream: 0x0102_0304, .reset(.cancelled))),
    ("07 00 00 00 02 81 00", TunnelFrame(stream: 2, .webSocketData(bytes("81 00")))),
    ("08 00 00 00 02", TunnelFrame(stream: 2, end: true, .webSocketClose)),
    ("09 00 00 00 00", TunnelFrame(stream: 0, .ping(0))),
    ("0a 00 00 00 00", TunnelFrame(stream: 0, .pong(0))),
    ("0b 00 00 00 00", TunnelFrame(stream: 0, .pause)),
    ("0c 00 00 00 00", TunnelFrame(stream: 0, .resume)),
]

private let goldenHello: TunnelHello = {
    var configuration = TunnelConfiguration(budget: TunnelByteBudget())
    configuration.name = "daypass"
    return TunnelHello(configuration)
}()

private let goldenV1: [(String, TunnelFrame)] = [
    (
        "00 00 1e 01 00 00 00 00 01 01 00 00 00 00 00 00 01 00 00 04 00 00 00 40 00 00 00 02 00 00 07 \"daypass\"",
        TunnelFrame(stream: 0, .hello(goldenHello))
    ),
    (
        "00 00 1c 82 00 00 00 01 00 \"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"",
        TunnelFrame(stream: 1, end: true, .request(.http, requestHead))
    ),
    (
        "00 00 1c 02 00 00 00 02 01 \"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"",
        TunnelFrame(stream: 2, .request(.webSocket, requestHead))
    ),
    ("00 00 10 03 00 00 00 01 \"HTTP/1.1 200\\r\\n\\r\\n\"", TunnelFrame(stream: 1, .response(okHead))),
    ("00 00 02 04 00 00 00 01 \"hi\"", TunnelFrame(stream: 1, .data(ByteBuffer(string: "hi")))),
    ("00 00 02 84 00 00 00 01 \"hi\"", TunnelFrame(stream: 1, end: true, .data(ByteBuffer(string: "hi")))),
    ("00 00 00 84 00 00 00 01", TunnelFrame(stream: 1, end: true, .end)),
    (
        "00 00 06 85 00 00 00 01 \"A: b\\r\\n\"",
        TunnelFrame(stream: 1, end: true, .trailers(ByteBuffer(string: "A: b\r\n")))
    ),
    ("00 00 02 06 00 00 00 01 00 03", TunnelFrame(stream: 1, .reset(.upstreamUnreachable))),
    ("00 00 04 07 00 00 00 01 00 02 00 00", TunnelFrame(stream: 1, .window(131_072))),
    ("00 00 04 07 00 00 00 00 00 00 00 01", TunnelFrame(stream: 0, .window(1))),
    ("00 00 08 08 00 00 00 00 00 00 00 00 00 00 00 01", TunnelFrame(stream: 0, .ping(1))),
    ("00 00 08 09 00 00 00 00 00 00 00 00 00 00 00 01", TunnelFrame(stream: 0, .pong(1))),
    ("00 00 04 0a 00 00 00 00 00 00 03 e8", TunnelFrame(stream: 0, .drain(retryAfterMilliseconds: 1_000))),
    ("00 00 0d 0b 00 00 00 00 \"{'viewers':3}\"", TunnelFrame(stream: 0, .push(ByteBuffer(string: "{'viewers':3}")))),
    ("00 00 00 0c 00 00 00 00", TunnelFrame(stream: 0, .pause)),
    ("00 00 00 0d 00 00 00 00", TunnelFrame(stream: 0, .resume)),
    (
        "00 00 1d 0e 00 00 00 00 00 02 00 00 00 00 \"another agent took over\"",
        TunnelFrame(stream: 0, .close(.replaced))
    ),
]

@Suite struct TunnelFrameCodecTests {
    private func role(of frame: TunnelFrame) -> TunnelRole {
        switch frame.body {
        case .request, .push: .agent
        case .response, .pause, .resume: .edge
        default: .edge
        }
    }

    @Test(arguments: goldenV0)
    func goldenFramesOfVersion0(text: String, frame: TunnelFrame) throws {
        var encoded = ByteBuffer()
        TunnelFrameCodecV0.encode(frame, to: &encoded)
        #expect(hex(encoded) == hex(bytes(text)))
        #expect(encoded.readableBytes == TunnelFrameCodecV0.encodedBytes(frame))
        let codec = TunnelFrameCodecV0(role: self.role(of: frame), maximumHeadBytes: 1_024)
        #expect(try codec.decode(bytes(text)) == frame)
    }

    @Test(arguments: goldenV1)
    func goldenFramesOfVersion1(text: String, frame: TunnelFrame) throws {
        var encoded = ByteBuffer()
        TunnelFrameCodecV1.encode(frame, to: &encoded)
        #expect(hex(encoded) == hex(bytes(text)))
        #expect(encoded.readableBytes <= TunnelFrameCodecV1.encodedBytes(frame))
        let codec = TunnelFrameCodecV1(role: self.role(of: frame), maximumHeadBytes: 1_024)
        var message = bytes(text)
        #expect(try codec.decode(&message) == frame)
        #expect(try codec.decode(&message) == nil)
    }

    @Test func severalFramesShareAMessage() throws {
        let frames = goldenV1.map(\.1).filter { self.role(of: $0) == .edge }
        var message = ByteBuffer()
        for frame in frames { TunnelFrameCodecV1.encode(frame, to: &message) }
        let codec = TunnelFrameCodecV1(role: .edge, maximumHeadBytes: 1_024)
        var decoded: [TunnelFrame] = []
        while let frame = try codec.decode(&message) { decoded.append(frame) }
        #expect(decoded == frames)
    }

    @Test(arguments: [
        ("", TunnelRole.edge, TunnelFrameError.badLength),
        ("02 00 00 00", .edge, .badLength),
        ("00 00 00 00 01", .edge, .unknownType),
        ("0d 00 00 00 00", .edge, .unknownType),
        ("01 00 00 00 01 \"GET\"", .edge, .wrongDirection),
        ("06 00 00 00 01 \"GET\"", .edge, .wrongDirection),
        ("05 00 00 00 01 \"HTTP\"", .agent, .wrongDirection),
        ("0b 00 00 00 00", .agent, .wrongDirection),
        ("0c 00 00 00 00", .agent, .wrongDirection),
        ("01 00 00 00 00 \"GET\"", .agent, .wrongStream),
        ("02 00 00 00 00 \"x\"", .edge, .wrongStream),
        ("03 00 00 00 00", .edge, .wrongStream),
        ("04 00 00 00 00", .edge, .wrongStream),
        ("07 00 00 00 00 \"x\"", .edge, .wrongStream),
        ("08 00 00 00 00", .edge, .wrongStream),
        ("09 00 00 00 01", .edge, .wrongStream),
        ("0a 00 00 00 01", .edge, .wrongStream),
        ("0b 00 00 00 01", .edge, .wrongStream),
        ("03 00 00 00 01 00", .edge, .badLength),
        ("04 00 00 00 01 00", .edge, .badLength),
        ("09 00 00 00 00 00", .edge, .badLength),
        ("01 00 00 00 01", .agent, .badLength),
        ("05 00 00 00 01", .edge, .badLength),
        ("05 00 00 00 01 \"123456789\"", .edge, .headTooLarge),
    ])
    func illegalFramesOfVersion0(text: String, role: TunnelRole, error: TunnelFrameError) {
        let codec = TunnelFrameCodecV0(role: role, maximumHeadBytes: 8)
        #expect(throws: error) { try codec.decode(bytes(text)) }
    }

    @Test(arguments: [
        ("00 00 00 0c 00 00 00", TunnelRole.edge, TunnelFrameError.spansMessages),
        ("00 00 02 04 00 00 00 01 00", .edge, .spansMessages),
        ("ff ff ff 04 00 00 00 01 00", .edge, .spansMessages),
        ("00 00 00 00 00 00 00 00", .edge, .unknownType),
        ("00 00 00 0f 00 00 00 00", .edge, .unknownType),
        ("00 00 00 8f 00 00 00 00", .edge, .unknownType),
        ("00 00 00 7f 00 00 00 00", .edge, .unknownType),
        ("00 00 02 02 00 00 00 01 00 41", .edge, .wrongDirection),
        ("00 00 02 02 00 00 00 00 00 41", .agent, .wrongStream),
        ("00 00 01 02 00 00 00 01 00", .agent, .badLength),
        ("00 00 02 02 00 00 00 01 02 41", .agent, .badValue),
        ("00 00 02 82 00 00 00 01 01 41", .agent, .badEnd),
        ("00 00 0a 02 00 00 00 01 00 \"123456789\"", .agent, .headTooLarge),
        ("00 00 01 03 00 00 00 01 41", .agent, .wrongDirection),
        ("00 00 01 03 00 00 00 00 41", .edge, .wrongStream),
        ("00 00 00 03 00 00 00 01", .edge, .badLength),
        ("00 00 09 03 00 00 00 01 \"123456789\"", .edge, .headTooLarge),
        ("00 00 01 04 00 00 00 00 41", .edge, .wrongStream),
        ("00 00 00 04 00 00 00 01", .edge, .badLength),
        ("00 00 01 05 00 00 00 01 41", .edge, .badEnd),
        ("00 00 00 85 00 00 00 01", .edge, .badLength),
        ("00 00 09 85 00 00 00 01 \"123456789\"", .edge, .headTooLarge),
        ("00 00 02 06 00 00 00 00 00 01", .edge, .wrongStream),
        ("00 00 02 86 00 00 00 01 00 01", .edge, .badEnd),
        ("00 00 01 06 00 00 00 01 00", .edge, .badLength),
        ("00 00 02 06 00 00 00 01 ff ff", .edge, .badValue),
        ("00 00 03 06 00 00 00 01 00 01 ff", .edge, .badValue),
        ("00 00 03 07 00 00 00 01 00 00 01", .edge, .badLength),
        ("00 00 04 07 00 00 00 01 00 00 00 00", .edge, .badValue),
        ("00 00 04 07 00 00 00 01 80 00 00 00", .edge, .badValue),
        ("00 00 04 87 00 00 00 01 00 00 00 01", .edge, .badEnd),
        ("00 00 07 08 00 00 00 00 00 00 00 00 00 00 00", .edge, .badLength),
        ("00 00 08 08 00 00 00 01 00 00 00 00 00 00 00 01", .edge, .wrongStream),
        ("00 00 08 88 00 00 00 00 00 00 00 00 00 00 00 01", .edge, .badEnd),
        ("00 00 03 0a 00 00 00 00 00 00 00", .edge, .badLength),
        ("00 00 02 0b 00 00 00 00 \"{}\"", .edge, .wrongDirection),
        ("00 00 02 0b 00 00 00 00 \"[]\"", .agent, .badValue),
        ("00 00 01 0b 00 00 00 00 \"{\"", .agent, .badLength),
        ("00 00 00 0c 00 00 00 00", .agent, .wrongDirection),
        ("00 00 01 0c 00 00 00 00 00", .edge, .badLength),
        ("00 00 05 0e 00 00 00 00 00 00 00 00 00", .edge, .badLength),
        ("00 00 07 0e 00 00 00 00 00 00 00 00 00 00 0a", .edge, .badValue),
        ("00 00 01 01 00 00 00 00 00", .edge, .badLength),
        (
            "00 00 17 01 00 00 00 00 02 02 00 00 00 00 00 00 01 00 00 04 00 00 00 40 00 00 00 02 00 00 00",
            .edge, .badValue
        ),
        (
            "00 00 17 01 00 00 00 00 01 01 00 00 00 00 00 00 00 00 00 04 00 00 00 40 00 00 00 02 00 00 00",
            .edge, .badValue
        ),
        (
            "00 00 18 01 00 00 00 00 01 01 00 00 00 00 00 00 01 00 00 04 00 00 00 40 00 00 00 02 00 00 00 00",
            .edge, .badLength
        ),
        (
            "00 00 18 01 00 00 00 00 01 01 00 00 00 00 00 00 01 00 00 04 00 00 00 40 00 00 00 02 00 00 01 0a",
            .edge, .badValue
        ),
    ])
    func illegalFramesOfVersion1(text: String, role: TunnelRole, error: TunnelFrameError) {
        let codec = TunnelFrameCodecV1(role: role, maximumHeadBytes: 8)
        var message = bytes(text)
        #expect(throws: error) { try codec.decode(&message) }
    }

    @Test func longPayloadsAreRefused() {
        let codec = TunnelFrameCodecV1(role: .agent, maximumHeadBytes: 8)
        func refusal(_ type: UInt8, stream: UInt32, count: Int) -> TunnelFrameError? {
            var message = ByteBuffer()
            message.writeInteger(UInt32(count) << 8 | UInt32(type))
            message.writeInteger(stream)
            message.writeRepeatingByte(0x7B, count: count)
            do {
                _ = try codec.decode(&message)
                return nil
            } catch { return error }
        }
        #expect(refusal(0x04, stream: 1, count: 32 << 10) == nil)
        #expect(refusal(0x04, stream: 1, count: 32 << 10 + 1) == .badLength)
        #expect(refusal(0x0B, stream: 0, count: 64 << 10) == nil)
        #expect(refusal(0x0B, stream: 0, count: (64 << 10) + 1) == .badLength)
        #expect(refusal(0x06, stream: 1, count: 2 + 257) == .badLength)
        #expect(refusal(0x0E, stream: 0, count: 6 + 257) == .badLength)
    }

    @Test func reasonsSurviveTheWire() {
        for reason in TunnelResetReason.allCases where reason != .connectionLost {
            #expect(TunnelResetReason(wireCode: reason.rawValue) == reason)
        }
        #expect(TunnelResetReason(wireCode: 4_711) == .internalError)
        #expect(TunnelResetReason(wireCode: 0xFFFF) == nil)
        let reasons: [TunnelCloseReason] = [
            .normal, .drained(retryAfter: .milliseconds(1_500)), .replaced, .sessionClosed, .sessionExpired,
            .unauthorized, .protocolError("x"), .overloaded(retryAfter: .seconds(3)), .backlogLimit, .internalError,
            .missedPongs,
        ]
        for reason in reasons {
            let copy = TunnelCloseReason(
                wireCode: reason.wireCode,
                retryAfter: reason.retryAfter ?? .zero,
                text: reason.text
            )
            #expect(copy == reason)
            #expect(reason.text.utf8.count <= 123)
        }
        #expect(reasons.filter(\.isPermanent) == [.replaced, .sessionClosed, .sessionExpired, .unauthorized])
    }

    @Test(arguments: [
        ("HTTP/1.1 200\r\n", 200), ("HTTP/1.0 404 Not Found\r\n", 404), ("HTTP/1.1 101 \r\n", 101),
        ("HTTP/2.0 200\r\n", nil), ("HTTP/1.1 20\r\n\r\n", nil), ("HTTP/1.1 2000\r\n", nil), ("HTTP/1.1 099\r\n", nil),
        ("HTTP/1.1 200", nil), ("HTTP/1.1\t200\r\n", nil), ("", nil),
    ])
    func statusOfAHead(head: String, status: Int?) {
        #expect(TunnelWire.status(ofResponse: ByteBuffer(string: head)) == status)
    }

    /// Random bytes, and golden frames with random changes, are decoded or refused.
    @Test(arguments: 0..<100)
    func randomBytesNeverCrash(seed: Int) {
        var random = SeededGenerator(UInt64(seed) &* 104_729)
        let golden = goldenV0.map { bytes($0.0) } + goldenV1.map { bytes($0.0) }
        for _ in 0..<200 {
            var message = random.below(2) == 0 ? random.bytes(random.below(64)) : golden[random.below(golden.count)]
            if message.readableBytes > 0 {
                for _ in 0..<random.below(4) {
                    let place = message.readerIndex + random.below(message.readableBytes)
                    message.setInteger(UInt8(truncatingIfNeeded: random.next()), at: place)
                }
            }
            let role: TunnelRole = random.below(2) == 0 ? .edge : .agent
            let size = message.readableBytes
            if let frame = try? TunnelFrameCodecV0(role: role, maximumHeadBytes: 64).decode(message) {
                #expect(TunnelFrameCodecV0.encodedBytes(frame) <= size)
            }
            var rest = message
            while let frame = try? TunnelFrameCodecV1(role: role, maximumHeadBytes: 64).decode(&rest) {
                #expect(rest.readableBytes < size)
                #expect(frame.stream != 0 || !frame.end)
            }
        }
    }
}
