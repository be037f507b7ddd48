import NIOCore
import NIOEmbedded
import Testing
import TunnelProtocol
import TunnelTransport

private let okHead = ByteBuffer(string: "HTTP/1.1 200\r\nContent-Type: text/plain\r\n\r\n")

@Suite struct TunnelConnectionTests {
    @Test(arguments: [TunnelVersion.v0, .v1], [nil, 1, 7])
    func aRequestIsAnswered(version: TunnelVersion, pieceBytes: Int?) throws {
        let pair = try TunnelPair(version, pieceBytes: pieceBytes)
        #expect(pair.edgeOwner.peer?.version == version)
        #expect(pair.agentOwner.peer?.name == (version == .v1 ? "edge" : ""))
        let owner = RecordingOwner()
        let id = try #require(try pair.get("/hello", owner: owner))
        let opened = try #require(pair.agentOwner.opened.first)
        #expect(opened.head == "GET /hello HTTP/1.1\r\nHost: example\r\n\r\n")
        #expect(opened.end || opened.owner.ended)
        pair.agent.sendHead(okHead, end: false, on: id)
        #expect(pair.agent.sendData(ByteBuffer(string: "hello"), on: id) == .more)
        pair.agent.sendEnd(trailers: nil, on: id)
        try pair.pump()
        #expect(owner.heads == [String(buffer: okHead)])
        #expect(String(buffer: owner.data) == "hello")
        #expect(owner.ended && owner.reset == nil)
        #expect(pair.edge.openStreamCount == 0 && pair.agent.openStreamCount == 0)
        #expect(pair.edgeBudget.bufferedBytes == 5)
        pair.edge.consumed(5, on: id)
        try pair.pump()
        #expect(pair.edgeBudget.bufferedBytes == 0 && pair.agentBudget.bufferedBytes == 0)
        #expect(pair.edgeOwner.roundTrips == 1 && pair.agentOwner.roundTrips == 1)
    }
}

/// More of a connection's life, both ends at once.
@Suite struct TunnelConnectionLifeTests {
    @Test func anAnswerIsOneWrite() throws {
        let pair = try TunnelPair(.v1)
        let owner = RecordingOwner()
        let id = try #require(try pair.get("/", owner: owner))
        pair.agent.sendHead(okHead, end: false, on: id)
        _ = pair.agent.sendData(ByteBuffer(string: "hello"), on: id)
        pair.agent.sendEnd(trailers: nil, on: id)
        pair.agentChannel.embeddedEventLoop.run()
        let written = try #require(try pair.agentChannel.readOutbound(as: ByteBuffer.self))
        #expect(try pair.agentChannel.readOutbound(as: ByteBuffer.self) == nil)
        // WebSocket header and mask, head, and one DATA with END.
        #expect(written.readableBytes == 2 + 4 + (8 + okHead.readableBytes) + (8 + 5))
    }

    @Test(arguments: [TunnelVersion.v0, .v1])
    func anUpgradedStreamIsRaw(version: TunnelVersion) throws {
        let pair = try TunnelPair(version, pieceBytes: 5)
        let owner = RecordingOwner()
        let head = ByteBuffer(string: "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        let id = try #require(pair.edge.openStream(kind: .webSocket, head: head, end: false, delegate: owner))
        try pair.pump()
        #expect(pair.agentOwner.opened.first?.kind == .webSocket)
        pair.agent.sendHead(ByteBuffer(string: "HTTP/1.1 101\r\nUpgrade: websocket\r\n\r\n"), end: false, on: id)
        try pair.pump()
        #expect(owner.heads.count == 1)
        _ = pair.edge.sendData(ByteBuffer(bytes: [0x81, 0x00]), on: id)
        _ = pair.agent.sendData(ByteBuffer(bytes: [0x82, 0x01, 0xFF]), on: id)
        try pair.pump()
        #expect(pair.agentOwner.opened.first?.owner.data == ByteBuffer(bytes: [0x81, 0x00]))
        #expect(owner.data == ByteBuffer(bytes: [0x82, 0x01, 0xFF]))
        pair.edge.sendEnd(trailers: nil, on: id)
        try pair.pump()
        #expect(pair.agentOwner.opened.first?.owner.ended == true)
        if version == .v1 { pair.agent.sendEnd(trailers: nil, on: id) }
        try pair.pump()
        #expect(owner.ended && owner.reset == nil && pair.edge.openStreamCount == 0)
    }

    @Test(arguments: [TunnelVersion.v0, .v1])
    func aRefusedStreamIsSafeToRetry(version: TunnelVersion) throws {
        let pair = try TunnelPair(version)
        pair.agentOwner.refuses = true
        let owner = RecordingOwner()
        _ = try pair.get("/", owner: owner)
        #expect(owner.reset == (version == .v1 ? .refused : .cancelled))
        #expect(pair.edge.openStreamCount == 0 && pair.agent.openStreamCount == 0)
    }

    @Test func anAgentMayAnswerWhileItIsAsked() throws {
        let pair = try TunnelPair(.v1)
        pair.agentOwner.onOpen = { opened, connection in connection.sendHead(okHead, end: true, on: opened.id) }
        let owner = RecordingOwner()
        _ = try pair.get("/", owner: owner)
        #expect(owner.ended && owner.heads.count == 1)
        #expect(pair.agent.openStreamCount == 0)
    }

    /// The sender stops when the receiver's downstream does, and goes on when it does.
    @Test(arguments: [TunnelVersion.v0, .v1])
    func backPressureReachesTheSource(version: TunnelVersion) throws {
        let pair = try TunnelPair(version, edge: { $0.bufferLimitV0 = 1 << 30 })
        let owner = RecordingOwner()
        let id = try #require(try pair.get("/", owner: owner))
        let source = try #require(pair.agentOwner.opened.first?.owner)
        pair.agent.sendHead(okHead, end: false, on: id)
        let chunk = ByteBuffer(repeating: 0x61, count: 64 << 10)
        var sent = 0
        while sent < 8 << 20 {
            let result = pair.agent.sendData(chunk, on: id)
            sent += chunk.readableBytes
            if result == .pause { break }
        }
        try pair.pump()
        switch version {
        case .v1:
            while pair.agent.sendData(chunk, on: id) == .more { sent += chunk.readableBytes }
            sent += chunk.readableBytes
            try pair.pump()
            #expect(owner.data.readableBytes == 256 << 10)
            #expect(sent <= 1 << 20)
            source.writable = 0
            pair.edge.consumed(owner.data.readableBytes, on: id)
            try pair.pump()
            #expect(source.writable == 1)
        case .v0:
            // No credit: everything is on its way, and the receiver holds it.
            #expect(owner.data.readableBytes == sent && source.writable == 1)
        }
    }

    @Test func nothingIsPulledWhileTheChannelIsNotWritable() throws {
        let pair = try TunnelPair(.v1)
        let owner = RecordingOwner()
        let id = try #require(try pair.get("/", owner: owner))
        pair.agent.sendHead(okHead, end: false, on: id)
        try pair.pump()
        pair.agentChannel.isWritable = false
        _ = pair.agent.sendData(ByteBuffer(string: "later"), on: id)
        try pair.pump()
        #expect(owner.data.readableBytes == 0 && pair.agentBudget.bufferedBytes == 5)
        pair.agentChannel.isWritable = true
        pair.agentChannel.pipeline.fireChannelWritabilityChanged()
        try pair.pump()
        #expect(String(buffer: owner.data) == "later")
    }

    @Test(arguments: [TunnelVersion.v0, .v1])
    func aCloseCarriesItsReason(version: TunnelVersion) throws {
        for reason in [
            TunnelCloseReason.normal, .replaced, .sessionClosed, .sessionExpired, .unauthorized, .backlogLimit,
            .overloaded(retryAfter: .seconds(2)), .drained(retryAfter: .milliseconds(30)),
        ] {
            let pair = try TunnelPair(version)
            let owner = RecordingOwner()
            _ = try pair.get("/", owner: owner)
            pair.edge.close(reason)
            try pair.pump()
            #expect(pair.edgeOwner.closed == [reason])
            #expect(pair.agentOwner.closed.map(\.wireCode) == [reason.wireCode])
            if version == .v1 { #expect(pair.agentOwner.closed == [reason]) }
            #expect(owner.reset == .connectionLost && owner.callsTooMany == 0)
            #expect(pair.agentOwner.opened.first?.owner.reset == .connectionLost)
            #expect(!pair.agentChannel.isActive && !pair.edgeChannel.isActive)
            #expect(pair.edgeBudget.bufferedBytes == 0 && pair.agentBudget.bufferedBytes == 0)
        }
    }

    @Test func aPeerThatDoesNotAnswerACloseIsCutOff() throws {
        let pair = try TunnelPair(.v1)
        pair.edge.close(.sessionClosed)
        #expect(pair.edgeChannel.isActive)
        pair.edgeChannel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(!pair.edgeChannel.isActive)
        #expect(pair.edgeOwner.closed == [.sessionClosed])
    }

    @Test func aLostTransportIsReportedOnce() throws {
        let pair = try TunnelPair(.v1)
        let owner = RecordingOwner()
        _ = try pair.get("/", owner: owner)
        pair.edgeChannel.close(promise: nil)
        try pair.pump()
        #expect(pair.edgeOwner.closed == [.transportLost] && owner.reset == .connectionLost)
        #expect(pair.edge.openStream(kind: .http, head: okHead, end: true, delegate: owner) == nil)
        pair.edge.close(.normal)
        #expect(pair.edgeOwner.closed == [.transportLost])
    }

    @Test func illegalBytesCloseWithAReason() throws {
        let pair = try TunnelPair(.v1)
        try pair.edgeChannel.writeInbound(ByteBuffer(bytes: [0x81, 0x80, 0, 0, 0, 0]))
        #expect(pair.edgeOwner.closed == [.protocolError("only binary WebSocket messages are used here")])
        try pair.pump()
        #expect(pair.agentOwner.closed == [.protocolError("only binary WebSocket messages are used here")])
    }

    @Test func drainingClosesWhenTheLastStreamIsOver() throws {
        for fromEdge in [true, false] {
            let pair = try TunnelPair(.v1)
            let owner = RecordingOwner()
            let id = try #require(try pair.get("/", owner: owner))
            (fromEdge ? pair.edge : pair.agent).drain(retryAfter: .milliseconds(100))
            try pair.pump()
            #expect((fromEdge ? pair.agentOwner : pair.edgeOwner).draining == .milliseconds(100))
            #expect(!pair.edge.isAccepting)
            #expect(try pair.get("/more", owner: RecordingOwner()) == nil)
            #expect(pair.edgeOwner.closed.isEmpty)
            pair.agent.sendHead(okHead, end: true, on: id)
            try pair.pump()
            #expect(owner.ended && owner.reset == nil)
            #expect(pair.edgeOwner.closed == [.drained(retryAfter: .milliseconds(100))])
            #expect(pair.agentOwner.closed == [.drained(retryAfter: .milliseconds(100))])
        }
    }

    @Test func drainingAnIdleTunnelClosesItAtOnce() throws {
        for version in [TunnelVersion.v0, .v1] {
            let pair = try TunnelPair(version)
            pair.edge.drain(retryAfter: .zero)
            try pair.pump()
            #expect(pair.agentOwner.closed == [.drained(retryAfter: .zero)])
        }
    }

    @Test func pushesAndPausesArrive() throws {
        let pair = try TunnelPair(.v1)
        #expect(pair.edge.sendPush(#"{"viewers":3}"#))
        #expect(!pair.edge.sendPush("[]"))
        pair.agent.sendPause(true)
        pair.agent.sendPause(false)
        try pair.pump()
        #expect(pair.agentOwner.pushes == [#"{"viewers":3}"#])
        #expect(pair.edgeOwner.pauses == [true, false])
    }

    /// Time is the real one for round trips, the loop's for timers: only the number of pings is looked at.
    @Test func webSocketPingsAreAnsweredOnce() throws {
        let pair = try TunnelPair(.v1)
        var burst = ByteBuffer()
        for text in ["a", "b", "c"] {
            var writer = WebSocketFrameWriter(role: .agent)
            burst.writeImmutableBuffer(writer.controlFrame(opcode: 9, payload: ByteBuffer(string: text)))
        }
        try pair.edgeChannel.writeInbound(burst)
        #expect(try pair.edgeChannel.readOutbound(as: ByteBuffer.self) == ByteBuffer(bytes: [0x8A, 0x01, 0x63]))
        #expect(try pair.edgeChannel.readOutbound(as: ByteBuffer.self) == nil)
    }

    @Test func aFinishedStreamWhoseOwnerIsGoneIsReleased() throws {
        let pair = try TunnelPair(.v0)
        weak var gone: RecordingOwner?
        do {
            let owner = RecordingOwner()
            gone = owner
            let id = try #require(try pair.get("/", owner: owner))
            pair.agent.sendHead(okHead, end: false, on: id)
            _ = pair.agent.sendData(ByteBuffer(string: "never consumed"), on: id)
            pair.agent.sendEnd(trailers: nil, on: id)
            try pair.pump()
            #expect(owner.ended)
        }
        #expect(gone != nil && pair.edgeBudget.bufferedBytes == 14)
        pair.edgeChannel.embeddedEventLoop.advanceTime(to: .now() + .seconds(25))
        try pair.pump()
        #expect(gone == nil && pair.edgeBudget.bufferedBytes == 0)
        #expect(pair.edgeOwner.closed.isEmpty)
    }

    /// Random bytes into both ends: a reason, never a crash.
    @Test(arguments: 0..<60)
    func randomBytesNeverCrash(seed: Int) throws {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        let pair = try TunnelPair(seed % 2 == 0 ? .v0 : .v1)
        let owner = RecordingOwner()
        _ = try pair.get("/", owner: owner)
        let toEdge = seed % 4 < 2
        var writer = WebSocketFrameWriter(role: toEdge ? .agent : .edge)
        let owners = toEdge ? pair.edgeOwner : pair.agentOwner
        let channel = toEdge ? pair.edgeChannel : pair.agentChannel
        for _ in 0..<200 where owners.closed.isEmpty {
            var message = writer.makeMessage(capacity: 64)
            // A frame header that is nearly right, then anything.
            let length = next(24)
            if seed % 2 == 0 {
                message.writeMultipleIntegers(UInt8(1 + next(13)), UInt32(next(3)))
            } else {
                let code = UInt32(1 + next(14)) | (next(3) == 0 ? 0x80 : 0)
                message.writeMultipleIntegers(UInt32(length) << 8 | code, UInt32(next(3)))
            }
            for _ in 0..<length { message.writeInteger(UInt8(next(256))) }
            writer.seal(&message)
            try channel.writeInbound(message)
        }
        try pair.pump()
        #expect(owners.closed.count <= 1)
        #expect(owner.callsTooMany == 0)
    }
}
