import NIOCore
import Testing
import TunnelProtocol

private func data(_ count: Int) -> ByteBuffer { ByteBuffer(repeating: 0x61, count: count) }

@Suite struct TunnelConnectionStateMachineTests {
    // MARK: Hello and life

    @Test func hellosCarryTheLimits() {
        let pair = MachinePair(
            .v1,
            agent: {
                $0.name = "agent 1"
                $0.maximumStreams = 3
                $0.maximumHeadBytes = 5_000
            }
        )
        #expect(
            pair.edge.connected
                == TunnelPeer(version: .v1, name: "agent 1", maximumStreams: 3, maximumHeadBytes: 5_000)
        )
        #expect(pair.edge.machine.isAccepting && !pair.agent.machine.isAccepting)
        #expect(pair.edge.machine.openStream(.http, head: data(5_001), end: true) == nil)
        for _ in 0..<3 { #expect(pair.edge.machine.openStream(.http, head: requestHead, end: true) != nil) }
        #expect(pair.edge.machine.openStream(.http, head: requestHead, end: true) == nil)
    }

    @Test(arguments: [
        TunnelFrame(stream: 0, .ping(1)), TunnelFrame(stream: 1, .data(ByteBuffer(string: "x"))),
        TunnelFrame(stream: 1, .request(.http, requestHead)), TunnelFrame(stream: 0, .window(1)),
        TunnelFrame(stream: 1, .reset(.cancelled)), TunnelFrame(stream: 0, .drain(retryAfterMilliseconds: 1)),
    ])
    func nothingBeforeTheHello(frame: TunnelFrame) {
        let agent = MachineEnd(.agent, .v1)
        agent.receive(frame, now: .at(0))
        #expect(agent.closed == .protocolError("a frame before the hello"))
    }

    @Test func aSecondHelloIsIllegal() {
        let pair = MachinePair(.v1)
        pair.edge.receive(
            TunnelFrame(stream: 0, .hello(TunnelHello(TunnelConfiguration(budget: TunnelByteBudget())))),
            now: .at(1)
        )
        #expect(pair.edge.closed == .protocolError("a second hello"))
    }

    @Test func aMissingHelloTimesOut() {
        let agent = MachineEnd(.agent, .v1)
        #expect(agent.machine.nextTimer == .at(10_000))
        #expect(
            agent.machine.timerFired(now: .at(10_000)) == .close(.protocolError("the hello did not arrive in time"))
        )
    }

    @Test(arguments: [TunnelVersion.v0, .v1])
    func twoMissedPongsCloseTheConnection(version: TunnelVersion) {
        let pair = MachinePair(version)
        #expect(pair.edge.roundTrips == [.zero] && pair.agent.roundTrips == [.zero])
        for end in [pair.edge, pair.agent] {
            #expect(end.machine.nextTimer == .at(25_000))
            #expect(end.machine.timerFired(now: .at(25_000)) == .flush)
            #expect(end.takeFrames(now: .at(25_000)).count == 1)
            #expect(end.machine.timerFired(now: .at(50_000)) == .flush)
            #expect(end.takeFrames(now: .at(50_000)).count == 1)
            #expect(end.machine.timerFired(now: .at(75_000)) == .close(.missedPongs))
        }
    }

    @Test(arguments: [TunnelVersion.v0, .v1])
    func anAnsweredPingMeasuresTheRoundTrip(version: TunnelVersion) {
        let pair = MachinePair(version)
        #expect(pair.edge.machine.timerFired(now: .at(25_000)) == .flush)
        for frame in pair.edge.takeFrames(now: .at(25_000)) { pair.agent.receive(frame, now: .at(25_020)) }
        for frame in pair.agent.takeFrames(now: .at(25_020)) { pair.edge.receive(frame, now: .at(25_040)) }
        #expect(pair.edge.roundTrips.last == .milliseconds(40))
        #expect(pair.edge.machine.roundTrip == .zero)
        // Silence from here on: the next two pings are missed.
        #expect(pair.edge.machine.timerFired(now: .at(50_000)) == .flush)
        #expect(pair.edge.machine.timerFired(now: .at(75_000)) == .flush)
        #expect(pair.edge.machine.timerFired(now: .at(100_000)) == .close(.missedPongs))
    }

    @Test func aPongNobodyAskedForIsIllegal() {
        let pair = MachinePair(.v1)
        pair.edge.receive(TunnelFrame(stream: 0, .pong(99)), now: .at(1))
        #expect(pair.edge.closed == .protocolError("a pong without its ping"))
    }

    @Test func aPeerThatPingsButDoesNotReadIsClosed() {
        let pair = MachinePair(.v1)
        for token in 1...20_000 as ClosedRange<UInt64> {
            pair.edge.receive(TunnelFrame(stream: 0, .ping(token)), now: .at(1))
            if pair.edge.closed != nil { break }
        }
        #expect(pair.edge.closed == .backlogLimit)
    }

    @Test func aPeerThatSendsButDoesNotReadIsClosed() {
        let pair = MachinePair(
            .v1,
            edge: {
                $0.initialStreamWindow = 16 << 10
                $0.maximumStreamWindow = 16 << 10
            }
        )
        let id = pair.openAnswered()
        var last = TunnelConnectionStateMachine.OnStreamFrame.deliver
        for _ in 0..<20_000 where last == .deliver {
            last = pair.edge.machine.dataReceived(8 << 10, on: id, webSocket: false, end: false, now: .at(1))
            pair.edge.machine.consumed(8 << 10, on: id, now: .at(1))
        }
        #expect(last == .close(.backlogLimit))
    }

    // MARK: Requests and answers

    @Test(arguments: [TunnelVersion.v0, .v1])
    func aWholeExchange(version: TunnelVersion) {
        let pair = MachinePair(version)
        let id = pair.edge.machine.openStream(.http, head: requestHead, end: false)!
        _ = pair.edge.machine.sendData(ByteBuffer(string: "upload"), on: id, now: .at(0))
        _ = pair.edge.machine.sendEnd(trailers: ByteBuffer(string: "T: 1\r\n"), on: id, now: .at(0))
        pair.exchange()
        #expect(pair.agent.received[id]?.bytes == Array("upload".utf8))
        #expect(pair.agent.received[id]?.ended == true)
        #expect(pair.agent.received[id]?.trailers == (version == .v1 ? "T: 1\r\n" : nil))
        pair.agent.consume(6, on: id, now: .at(0))
        #expect(pair.agent.machine.sendHead(earlyHead, end: false, on: id, now: .at(0)) == .queued)
        #expect(pair.agent.machine.sendHead(okHead, end: true, on: id, now: .at(0)) == .queued)
        pair.exchange()
        let answer = pair.edge.received[id]
        #expect(answer?.heads == (version == .v1 ? [String(buffer: earlyHead)] : []) + [String(buffer: okHead)])
        #expect(answer?.ended == true && answer?.reset == nil)
        #expect(pair.edge.machine.trackedStreamCount == 0 && pair.agent.machine.trackedStreamCount == 0)
        #expect(pair.edge.machine.takeReleased() == [id] && pair.agent.machine.takeReleased() == [id])
        #expect(pair.edge.budget.bufferedBytes == 0 && pair.agent.budget.bufferedBytes == 0)
    }

    @Test func streamNumbersOnlyGrow() {
        for version in [TunnelVersion.v0, .v1] {
            let pair = MachinePair(version)
            pair.agent.receive(TunnelFrame(stream: 5, .request(.http, requestHead)), now: .at(0))
            #expect(pair.agent.closed == nil)
            pair.agent.receive(TunnelFrame(stream: 5, .request(.http, requestHead)), now: .at(0))
            #expect(pair.agent.closed == .protocolError("a stream number was used again"))
        }
    }

    @Test func tooManyStreamsAreRefusedOneByOne() {
        for version in [TunnelVersion.v0, .v1] {
            let agent = MachineEnd(.agent, version, configure: { $0.maximumStreams = 2 })
            if version == .v1 {
                agent.receive(
                    TunnelFrame(stream: 0, .hello(TunnelHello(TunnelConfiguration(budget: TunnelByteBudget())))),
                    now: .at(0)
                )
            }
            _ = agent.takeFrames(now: .at(0))
            for id in 1...3 as ClosedRange<UInt32> {
                agent.receive(TunnelFrame(stream: id, .request(.http, requestHead)), now: .at(0))
            }
            #expect(agent.takeFrames(now: .at(0)) == [TunnelFrame(stream: 3, .reset(.refused))])
            // What was already on its way to the refused stream is late, not illegal.
            agent.receive(TunnelFrame(stream: 3, .data(data(3))), now: .at(0))
            #expect(agent.closed == nil && agent.machine.openStreamCount == 2)
        }
    }

    @Test(arguments: [
        ([TunnelFrame(stream: 1, .data(data(1)))], "data before the head"),
        ([TunnelFrame(stream: 1, end: true, .end)], "data before the head"),
        (
            [TunnelFrame(stream: 1, .response(okHead)), TunnelFrame(stream: 1, .response(okHead))],
            "a head after the final head"
        ),
        ([TunnelFrame(stream: 1, end: true, .response(earlyHead))], "an informational head cannot be the end"),
        ([TunnelFrame(stream: 1, .response(switchingHead))], "a 101 that nobody asked for"),
        (
            [TunnelFrame(stream: 1, end: true, .response(okHead)), TunnelFrame(stream: 1, .data(data(1)))],
            "a frame after the end"
        ),
    ])
    func aStreamUsedWrongly(frames: [TunnelFrame], text: String) {
        for version in [TunnelVersion.v0, .v1] {
            let pair = MachinePair(version)
            _ = pair.edge.machine.openStream(.http, head: requestHead, end: false)
            pair.exchange()
            for frame in frames {
                // Version 0 has no END bit.
                var plain = frame
                plain.end = version == .v1 ? frame.end : frame.body == .end
                pair.edge.receive(plain, now: .at(1))
                if frame.end, version == .v0, frame.body == .response(okHead) {
                    pair.edge.receive(TunnelFrame(stream: 1, end: true, .end), now: .at(1))
                }
            }
            switch version {
            case .v1: #expect(pair.edge.closed == .protocolError(text))
            case .v0:
                #expect(pair.edge.closed == nil)
                if text != "an informational head cannot be the end" {
                    #expect(pair.edge.received[1]?.reset == .protocolError)
                    #expect(pair.edge.takeFrames(now: .at(1)).contains(TunnelFrame(stream: 1, .reset(.protocolError))))
                }
            }
        }
    }

    @Test(arguments: [
        TunnelFrame(stream: 9, .data(data(1))), TunnelFrame(stream: 9, .response(okHead)),
        TunnelFrame(stream: 9, end: true, .end), TunnelFrame(stream: 9, .reset(.cancelled)),
    ])
    func framesOnStreamsNeverOpenedAreIllegal(frame: TunnelFrame) {
        for version in [TunnelVersion.v0, .v1] {
            let pair = MachinePair(version)
            pair.edge.receive(frame, now: .at(1))
            #expect(pair.edge.closed == .protocolError("a frame on a stream that is not open"))
        }
    }

    @Test func aHeadWithoutStatusLosesItsStreamOnly() {
        let pair = MachinePair(.v1)
        _ = pair.edge.machine.openStream(.http, head: requestHead, end: true)
        pair.exchange()
        pair.edge.receive(TunnelFrame(stream: 1, .response(ByteBuffer(string: "nonsense"))), now: .at(1))
        #expect(pair.edge.received[1]?.reset == .upstreamProtocolError && pair.edge.closed == nil)
    }

    // MARK: Resets

    @Test(arguments: [TunnelVersion.v0, .v1])
    func aResetDropsTheQueueAndNeverLooksLikeAnEnd(version: TunnelVersion) {
        let pair = MachinePair(version)
        let id = pair.openAnswered()
        _ = pair.agent.machine.sendData(data(1_000), on: id, now: .at(0))
        _ = pair.agent.machine.sendEnd(trailers: nil, on: id, now: .at(0))
        pair.agent.machine.reset(id, .upstreamAborted, now: .at(0))
        pair.exchange()
        let answer = pair.edge.received[id]
        #expect(answer?.reset == (version == .v1 ? .upstreamAborted : .cancelled))
        #expect(answer?.ended == false && answer?.bytes.isEmpty == true)
        #expect(pair.agent.budget.bufferedBytes == 0)
    }

    @Test(arguments: [TunnelVersion.v0, .v1])
    func lateFramesOfAStreamResetHereAreHarmless(version: TunnelVersion) {
        let pair = MachinePair(version)
        let id = pair.openAnswered()
        _ = pair.agent.machine.sendData(data(100_000), on: id, now: .at(0))
        let late = pair.agent.takeFrames(now: .at(0))
        pair.edge.machine.reset(id, .cancelled, now: .at(0))
        for frame in late { pair.carry(frame, to: pair.edge) }
        pair.exchange()
        #expect(pair.edge.closed == nil && pair.agent.closed == nil)
        #expect(pair.edge.budget.bufferedBytes == 0 && pair.edge.machine.unconsumedBytes == 0)
        #expect(pair.agent.received[id]?.reset == .cancelled)
    }

    @Test func burstsOfResetsNeverLookLikeABrokenPeer() {
        let pair = MachinePair(.v1)
        var late: [TunnelFrame] = []
        for _ in 0..<3_000 {
            let id = pair.openAnswered()
            _ = pair.agent.machine.sendData(data(10), on: id, now: .at(0))
            late += pair.agent.takeFrames(now: .at(0))
            pair.edge.machine.reset(id, .cancelled, now: .at(0))
            pair.exchange()
        }
        for frame in late { pair.carry(frame, to: pair.edge) }
        #expect(pair.edge.closed == nil && pair.edge.machine.unconsumedBytes == 0)
        #expect(pair.edge.machine.trackedStreamCount == 0)
    }

    @Test func aRequestNotYetSentIsTakenBackSilently() {
        let pair = MachinePair(.v1)
        let id = pair.edge.machine.openStream(.http, head: requestHead, end: true)!
        pair.edge.machine.reset(id, .cancelled, now: .at(0))
        #expect(pair.edge.takeFrames(now: .at(0)).isEmpty)
        let next = pair.edge.machine.openStream(.http, head: requestHead, end: true)
        pair.exchange()
        #expect(next == id + 1 && pair.agent.requests.map(\.id) == [id + 1])
    }

    /// The local app answers an upload early: the answer goes out whole, then the upload is stopped.
    @Test(arguments: [TunnelVersion.v0, .v1])
    func noErrorAfterTheEndStopsThePeerOnly(version: TunnelVersion) {
        let pair = MachinePair(version)
        let id = pair.openAnswered(end: false)
        _ = pair.edge.machine.sendData(data(200_000), on: id, now: .at(0))
        _ = pair.agent.machine.sendData(data(300_000), on: id, now: .at(0))
        _ = pair.agent.machine.sendEnd(trailers: nil, on: id, now: .at(0))
        pair.agent.machine.reset(id, .noError, now: .at(0))
        pair.exchange()
        while let held = pair.edge.received[id]?.unconsumed, held > 0 {
            pair.edge.consume(held, on: id, now: .at(0))
            pair.exchange()
        }
        let answer = pair.edge.received[id]
        #expect(answer?.bytes.count == 300_000 && answer?.ended == true && answer?.isBroken == false)
        #expect(answer?.reset == (version == .v1 ? .noError : nil))
        #expect(pair.agent.received[id]?.reset == nil)
        #expect(pair.agent.machine.trackedStreamCount == 0 && pair.agent.budget.bufferedBytes == 0)
        if version == .v1 { #expect(pair.edge.machine.trackedStreamCount == 0 && pair.edge.closed == nil) }
    }

    @Test func noErrorBeforeTheEndIsNotSuccess() {
        let pair = MachinePair(.v1)
        let id = pair.openAnswered()
        pair.edge.receive(TunnelFrame(stream: id, .reset(.noError)), now: .at(0))
        #expect(pair.edge.received[id]?.reset == .cancelled)
    }

    @Test func theEndOfTheConnectionReachesEveryOpenStream() {
        let pair = MachinePair(.v1)
        let finished = pair.openAnswered()
        _ = pair.agent.machine.sendData(data(10), on: finished, now: .at(0))
        _ = pair.agent.machine.sendEnd(trailers: nil, on: finished, now: .at(0))
        let open = pair.openAnswered()
        _ = pair.agent.machine.sendData(data(10), on: open, now: .at(0))
        pair.exchange()
        #expect(pair.edge.machine.openStreamCount == 1 && pair.edge.machine.trackedStreamCount == 2)
        pair.edge.close(.transportLost)
        #expect(pair.edge.received[open]?.reset == .connectionLost)
        #expect(pair.edge.received[finished]?.reset == nil)
        #expect(pair.edge.budget.bufferedBytes == 0)
        #expect(pair.edge.machine.openStream(.http, head: requestHead, end: true) == nil)
    }

    // MARK: Upgrades

    @Test(arguments: [TunnelVersion.v0, .v1])
    func anUpgradedStreamIsDuplex(version: TunnelVersion) {
        let pair = MachinePair(version)
        let id = pair.openUpgraded()
        _ = pair.edge.machine.sendData(ByteBuffer(string: "ping"), on: id, now: .at(0))
        _ = pair.agent.machine.sendData(ByteBuffer(string: "pong"), on: id, now: .at(0))
        pair.exchange()
        #expect(pair.agent.received[id]?.bytes == Array("ping".utf8))
        #expect(pair.edge.received[id]?.bytes == Array("pong".utf8))
        _ = pair.agent.machine.sendEnd(trailers: nil, on: id, now: .at(0))
        pair.exchange()
        #expect(pair.edge.received[id]?.ended == true)
        switch version {
        case .v1:
            #expect(pair.edge.machine.openStreamCount == 1)
            _ = pair.edge.machine.sendData(ByteBuffer(string: "more"), on: id, now: .at(0))
            _ = pair.edge.machine.sendEnd(trailers: nil, on: id, now: .at(0))
            pair.exchange()
            #expect(pair.agent.received[id]?.bytes == Array("pingmore".utf8))
        case .v0: break
        }
        #expect(pair.agent.received[id]?.ended == true)
        #expect(pair.edge.machine.openStreamCount == 0 && pair.agent.machine.openStreamCount == 0)
    }

    @Test(arguments: [TunnelVersion.v0, .v1])
    func aDeclinedUpgradeIsANormalAnswer(version: TunnelVersion) {
        let pair = MachinePair(version)
        let id = pair.edge.machine.openStream(.webSocket, head: requestHead, end: false)!
        pair.exchange()
        #expect(pair.edge.machine.sendEnd(trailers: nil, on: id, now: .at(0)) == .ignored)
        _ = pair.agent.machine.sendHead(okHead, end: false, on: id, now: .at(0))
        _ = pair.agent.machine.sendData(data(5), on: id, now: .at(0))
        _ = pair.agent.machine.sendEnd(trailers: nil, on: id, now: .at(0))
        let frames = pair.agent.takeFrames(now: .at(0))
        #expect(frames.contains { if case .data = $0.body { true } else { false } })
        for frame in frames { pair.carry(frame, to: pair.edge) }
        pair.exchange()
        #expect(pair.edge.received[id]?.ended == true && pair.edge.received[id]?.bytes.count == 5)
        #expect(pair.edge.machine.openStreamCount == 0 && pair.agent.machine.openStreamCount == 0)
    }

    @Test func anUnansweredWebSocketCloseIsGivenUp() {
        let pair = MachinePair(.v0)
        let id = pair.openUpgraded()
        _ = pair.edge.machine.sendEnd(trailers: nil, on: id, now: .at(0))
        _ = pair.edge.takeFrames(now: .at(0))
        #expect(pair.edge.machine.timerFired(now: .at(25_000)) == .flush)
        #expect(pair.edge.machine.takeExpired() == [])
        pair.edge.receive(TunnelFrame(stream: 0, .ping(0)), now: .at(26_000))
        #expect(pair.edge.machine.timerFired(now: .at(50_000)) == .flush)
        #expect(pair.edge.machine.takeExpired() == [id] && pair.edge.machine.openStreamCount == 0)
    }

    // MARK: Draining, pushes, pauses

    @Test func drainingFinishesWhatIsOpen() {
        for side in [TunnelRole.edge, .agent] {
            let pair = MachinePair(.v1)
            let id = pair.openAnswered()
            let drained = side == .edge ? pair.edge : pair.agent
            drained.machine.drain(retryAfter: .milliseconds(250))
            pair.exchange()
            let told = side == .edge ? pair.agent : pair.edge
            #expect(told.notices == [.drain(retryAfterMilliseconds: 250)])
            #expect(!pair.edge.machine.isAccepting && pair.edge.machine.idleCloseReason == nil)
            #expect(pair.agent.machine.idleCloseReason == nil)
            _ = pair.agent.machine.sendEnd(trailers: nil, on: id, now: .at(0))
            pair.exchange()
            #expect(pair.edge.received[id]?.ended == true)
            #expect(pair.edge.machine.idleCloseReason == .drained(retryAfter: .milliseconds(250)))
        }
    }

    @Test func pushesAndPausesPass() {
        let pair = MachinePair(.v1)
        #expect(pair.edge.machine.push(ByteBuffer(string: "{}")) == true)
        #expect(pair.edge.machine.push(ByteBuffer(repeating: 0x7B, count: 65_537)) == false)
        #expect(pair.agent.machine.push(ByteBuffer(string: "{}")) == false)
        pair.agent.machine.pause(true)
        pair.agent.machine.pause(false)
        pair.exchange()
        #expect(pair.agent.notices == [.push(ByteBuffer(string: "{}"))])
        #expect(pair.edge.notices == [.pause, .resume])
        let old = MachinePair(.v0)
        #expect(old.edge.machine.push(ByteBuffer(string: "{}")) == false)
        old.agent.machine.pause(true)
        old.exchange()
        #expect(old.edge.notices == [.pause])
    }

    // MARK: Callers out of order

    @Test func sendingOutOfOrderResetsTheStream() {
        let pair = MachinePair(.v1)
        let first = pair.edge.machine.openStream(.http, head: requestHead, end: true)!
        let second = pair.edge.machine.openStream(.webSocket, head: requestHead, end: false)!
        pair.exchange()
        #expect(pair.edge.machine.sendData(data(1), on: first, now: .at(0)) == .ignored)
        #expect(pair.edge.machine.sendData(data(1), on: second, now: .at(0)) == .reset(.protocolError))
        #expect(pair.agent.machine.sendData(data(1), on: first, now: .at(0)) == .reset(.protocolError))
        #expect(pair.agent.machine.sendData(data(1), on: first, now: .at(0)) == .ignored)
        pair.exchange()
        #expect(pair.edge.received[first]?.reset == .protocolError)
        #expect(pair.agent.received[second]?.reset == .protocolError)
    }

    @Test func aSenderThatDoesNotPauseLosesItsStream() {
        let pair = MachinePair(.v1)
        let id = pair.openAnswered()
        var last = TunnelConnectionStateMachine.OnSend.queued
        for _ in 0..<200 where last != .reset(.bufferLimit) {
            last = pair.agent.machine.sendData(data(64 << 10), on: id, now: .at(0))
        }
        #expect(last == .reset(.bufferLimit))
        #expect(pair.agent.budget.bufferedBytes == 0)
    }
}
