import NIOCore
import Testing
import TunnelProtocol

@Suite struct WebSocketFramingTests {
    private func events(
        _ input: ByteBuffer,
        role: TunnelRole,
        limit: Int = 1 << 20,
        pieces: Int? = nil
    ) throws -> [WebSocketEvent] {
        var parser = WebSocketFrameParser(role: role, maximumMessageBytes: limit)
        var input = input
        var events: [WebSocketEvent] = []
        while input.readableBytes > 0 {
            var piece = input.readSlice(length: min(pieces ?? .max, input.readableBytes))!
            while let event = try parser.next(&piece) { events.append(event) }
            #expect(piece.readableBytes == 0)
        }
        return events
    }

    /// The examples of RFC 6455, section 5.7, with binary instead of text.
    @Test(arguments: [nil, 1, 2, 3])
    func examplesOfTheRFC(pieces: Int?) throws {
        let hello = ByteBuffer(string: "Hello")
        #expect(try self.events(bytes("82 05 \"Hello\""), role: .agent, pieces: pieces) == [.message(hello)])
        let masked = bytes("82 85 37 fa 21 3d 7f 9f 4d 51 58")
        #expect(try self.events(masked, role: .edge, pieces: pieces) == [.message(hello)])
        let fragments = bytes("02 03 \"Hel\" 89 01 \"x\" 80 02 \"lo\"")
        #expect(
            try self.events(fragments, role: .agent, pieces: pieces)
                == [.ping(ByteBuffer(string: "x")), .message(hello)]
        )
        #expect(try self.events(bytes("8a 00"), role: .agent, pieces: pieces) == [.pong(ByteBuffer())])
        #expect(
            try self.events(bytes("88 05 03 e8 \"bye\" 88 00"), role: .agent, pieces: pieces)
                == [.close(code: 1_000, reason: "bye"), .close(code: 1_005, reason: "")]
        )
    }

    @Test(arguments: [0, 1, 7, 8, 31, 32, 33, 125, 126, 127, 65_535, 65_536, 70_001])
    func everyLengthPassesBothWays(count: Int) throws {
        var random = SeededGenerator(UInt64(count))
        let payload = random.bytes(count)
        for role in [TunnelRole.edge, .agent] {
            var writer = WebSocketFrameWriter(role: role)
            var message = writer.makeMessage(capacity: 16)
            message.writeImmutableBuffer(payload)
            writer.seal(&message)
            let lengthBytes = count < 126 ? 0 : count < 65_536 ? 2 : 8
            #expect(message.readableBytes == 2 + lengthBytes + (role == .agent ? 4 : 0) + count)
            let receiver: TunnelRole = role == .edge ? .agent : .edge
            for pieces in [nil, count > 10_000 ? 997 : 1] {
                #expect(try self.events(message, role: receiver, pieces: pieces) == [.message(payload)])
            }
        }
    }

    @Test func masksAreDrawnAfresh() {
        var writer = WebSocketFrameWriter(role: .agent)
        let frames = (0..<64).map { _ in writer.controlFrame(opcode: 9, payload: ByteBuffer()) }
        #expect(Set(frames.map { hex($0) }).count > 60)
    }

    @Test func closeReasonsAreCutAtACharacter() throws {
        var writer = WebSocketFrameWriter(role: .edge)
        let frame = writer.closeFrame(code: 4_003, reason: String(repeating: "é", count: 100))
        #expect(
            try self.events(frame, role: .agent)
                == [.close(code: 4_003, reason: String(repeating: "é", count: 61))]
        )
    }

    @Test(arguments: [
        ("c2 00", WebSocketFramingError.reservedBits),
        ("a2 00", .reservedBits),
        ("92 00", .reservedBits),
        ("81 01 \"x\"", .unsupportedOpcode),
        ("83 00", .unsupportedOpcode),
        ("8b 00", .unsupportedOpcode),
        ("82 80 01 02 03 04", .wrongMasking),
        ("82 7e 00 7d", .lengthNotMinimal),
        ("82 7f 00 00 00 00 00 00 ff ff", .lengthNotMinimal),
        ("82 7f 80 00 00 00 00 00 00 00", .lengthNotMinimal),
        ("89 7e 00 7e", .badControlFrame),
        ("09 00", .badControlFrame),
        ("80 00", .badFragmentation),
        ("02 00 82 00", .badFragmentation),
        ("82 7f 00 00 00 00 00 10 00 01", .messageTooLarge),
        ("82 7f 7f ff ff ff ff ff ff ff", .messageTooLarge),
        ("02 01 00 80 7f 00 00 00 00 00 10 00 00", .messageTooLarge),
        ("88 01 03", .badCloseFrame),
        ("88 02 03 ed", .badCloseFrame),
        ("88 02 00 00", .badCloseFrame),
        ("88 03 03 e8 ff", .badCloseFrame),
    ])
    func illegalFramesAreRefused(text: String, error: WebSocketFramingError) {
        for pieces in [nil, 1] {
            #expect(throws: error) { try self.events(bytes(text), role: .agent, pieces: pieces) }
        }
    }

    @Test func theEdgeRequiresMasks() {
        #expect(throws: WebSocketFramingError.wrongMasking) { try self.events(bytes("82 00"), role: .edge) }
    }

    @Test func aClaimedLengthReservesNothing() throws {
        var parser = WebSocketFrameParser(role: .agent, maximumMessageBytes: 1 << 20)
        var input = bytes("82 7f 00 00 00 00 00 0f ff ff 01")
        #expect(try parser.next(&input) == nil)
        #expect(parser.bufferedBytes == 1)
    }

    /// Random frame sequences, cut at random places, always give the messages that were written.
    @Test(arguments: 0..<40)
    func randomSequencesCutAnywhere(seed: Int) throws {
        var random = SeededGenerator(UInt64(seed))
        let role: TunnelRole = seed % 2 == 0 ? .edge : .agent
        var writer = WebSocketFrameWriter(role: role)
        var wire = ByteBuffer()
        var expected: [WebSocketEvent] = []
        for _ in 0..<20 {
            if random.below(4) == 0 {
                let payload = random.bytes(random.below(126))
                wire.writeImmutableBuffer(writer.controlFrame(opcode: 9, payload: payload))
                expected.append(.ping(payload))
            } else {
                let payload = random.bytes(random.below(random.below(2) == 0 ? 200 : 3_000))
                var message = writer.makeMessage(capacity: 0)
                message.writeImmutableBuffer(payload)
                writer.seal(&message)
                wire.writeImmutableBuffer(message)
                expected.append(.message(payload))
            }
        }
        var parser = WebSocketFrameParser(role: role == .edge ? .agent : .edge, maximumMessageBytes: 3_000)
        var events: [WebSocketEvent] = []
        while wire.readableBytes > 0 {
            var piece = wire.readSlice(length: min(wire.readableBytes, 1 + random.below(700)))!
            while let event = try parser.next(&piece) { events.append(event) }
        }
        #expect(events == expected)
    }

    /// Whatever arrives, the parser answers or refuses; it never crashes and never holds more than a message.
    @Test(arguments: 0..<200)
    func randomBytesNeverCrash(seed: Int) {
        var random = SeededGenerator(UInt64(seed) &* 7_919)
        var parser = WebSocketFrameParser(role: seed % 2 == 0 ? .edge : .agent, maximumMessageBytes: 4_096)
        do {
            for _ in 0..<50 {
                var input = random.bytes(random.below(300))
                // Half of the time begin like a frame, to get beyond the first byte.
                if random.below(2) == 0 { input.setInteger(UInt8(0x82), at: input.readerIndex) }
                while try parser.next(&input) != nil {}
                #expect(parser.bufferedBytes <= 4_096)
            }
        } catch {
            #expect(!error.text.isEmpty)
        }
    }
}
