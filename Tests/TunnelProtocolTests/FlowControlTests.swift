import NIOCore
import Testing
import TunnelProtocol

private func data(_ count: Int) -> ByteBuffer { ByteBuffer(repeating: 0x61, count: count) }

@Suite struct FlowControlTests {
    @Test func dataBeyondTheStreamWindowIsIllegal() {
        let pair = MachinePair(.v1, edge: { $0.initialStreamWindow = 16 << 10 })
        let id = pair.openAnswered()
        pair.edge.receive(TunnelFrame(stream: id, .data(data(16 << 10))), now: .at(0))
        #expect(pair.edge.closed == nil)
        pair.edge.receive(TunnelFrame(stream: id, .data(data(1))), now: .at(0))
        #expect(pair.edge.closed == .protocolError("more data than the stream's window allows"))
    }

    @Test func dataBeyondTheConnectionWindowIsIllegal() {
        let pair = MachinePair(
            .v1,
            edge: {
                $0.initialConnectionWindow = 64 << 10
                $0.maximumConnectionWindow = 64 << 10
            }
        )
        let id = pair.openAnswered()
        for _ in 0..<2 { pair.edge.receive(TunnelFrame(stream: id, .data(data(26 << 10))), now: .at(0)) }
        #expect(pair.edge.closed == nil)
        pair.edge.receive(TunnelFrame(stream: id, .data(data(26 << 10))), now: .at(0))
        #expect(pair.edge.closed == .protocolError("more data than the connection's window allows"))
    }

    @Test func aWindowThatOverflowsIsIllegal() {
        let pair = MachinePair(.v1)
        let id = pair.openAnswered()
        for stream in [id, 0] {
            let other = MachinePair(.v1)
            _ = other.openAnswered()
            other.agent.receive(TunnelFrame(stream: stream, .window(UInt32(TunnelWire.maximumWindow))), now: .at(0))
            #expect(other.agent.closed != nil)
        }
    }

    @Test func nothingIsSentWithoutCredit() {
        let pair = MachinePair(.v1, edge: { $0.initialStreamWindow = 20_000 })
        let id = pair.openAnswered()
        _ = pair.agent.machine.sendData(data(100_000), on: id, now: .at(0))
        pair.exchange()
        #expect(pair.edge.received[id]?.bytes.count == 20_000)
        // Credit comes back only when the downstream took the bytes, and in quarters of the window.
        pair.edge.consume(4_999, on: id, now: .at(1_000))
        pair.exchange()
        #expect(pair.edge.received[id]?.bytes.count == 20_000)
        pair.edge.consume(1, on: id, now: .at(1_000))
        pair.exchange()
        #expect(pair.edge.received[id]?.bytes.count == 25_000)
    }

    /// Streams that hold between half and seven eighths of a window that cannot grow: neither is one of them given up,
    /// nor could half of the window ever be pending.
    @Test(arguments: [51, 60, 70, 80, 84])
    func theOthersGoOnWhenMostOfTheConnectionIsHeld(percent: Int) {
        let whole = 4 << 20
        var pair = MachinePair(.v1, edge: { $0.maximumConnectionWindow = whole })
        var left = whole / 100 * percent
        while left > 0 {
            let stalled = pair.openAnswered()
            _ = pair.agent.machine.sendData(data(min(left, 200 << 10)), on: stalled, now: pair.now)
            left -= 200 << 10
            pair.exchange()
        }
        for _ in 0..<200 {
            pair.now = pair.now + .milliseconds(10)
            let live = pair.openAnswered()
            _ = pair.agent.machine.sendData(data(100 << 10), on: live, now: pair.now)
            pair.exchange()
            #expect(pair.edge.received[live]?.bytes.count == 100 << 10)
            pair.edge.consume(pair.edge.received[live]!.unconsumed, on: live, now: pair.now)
            pair.exchange()
        }
        #expect(pair.edge.received.values.allSatisfy { $0.reset == nil } && pair.edge.closed == nil)
    }

    /// Version 0 has no credit: the stream that is not read is lost, everything else goes on.
    @Test func aStreamOfVersion0ThatIsNotReadIsResetAlone() {
        let pair = MachinePair(.v0)
        let stalled = pair.openAnswered()
        let other = pair.openAnswered()
        for _ in 0..<150 {
            for id in [stalled, other] { _ = pair.agent.machine.sendData(data(64 << 10), on: id, now: .at(0)) }
            pair.exchange()
            if let held = pair.edge.received[other]?.unconsumed { pair.edge.consume(held, on: other, now: .at(0)) }
            #expect(pair.edge.machine.unconsumedBytes <= 8 << 20 + 64 << 10)
        }
        #expect(pair.edge.received[stalled]?.reset == .bufferLimit)
        #expect((pair.edge.received[stalled]?.bytes.count ?? 0) <= 8 << 20)
        #expect(pair.agent.received[stalled]?.reset == .cancelled)
        #expect(pair.edge.received[other]?.bytes.count == 150 * (64 << 10))
        #expect(pair.edge.received[other]?.reset == nil && pair.edge.budget.bufferedBytes == 0)
    }

    @Test func stalledStreamsDoNotStarveTheOthers() {
        var pair = MachinePair(.v1)
        // Forty streams hold 10 MiB together, more than the connection's first window.
        for _ in 0..<40 {
            let id = pair.openAnswered()
            _ = pair.agent.machine.sendData(data(300 << 10), on: id, now: pair.now)
            pair.exchange()
        }
        let live = pair.openAnswered()
        for _ in 0..<100 {
            pair.now = pair.now + .milliseconds(10)
            _ = pair.agent.machine.sendData(data(100 << 10), on: live, now: pair.now)
            pair.exchange()
            pair.edge.consume(pair.edge.received[live]!.unconsumed, on: live, now: pair.now)
            pair.exchange()
        }
        #expect(pair.edge.received[live]?.bytes.count == 100 * (100 << 10))
        #expect(pair.edge.received.values.allSatisfy { $0.reset == nil } && pair.edge.closed == nil)
    }

    @Test func anExhaustedBudgetCostsTheLargestHolder() {
        let pair = MachinePair(.v1, edge: { $0.budget = TunnelByteBudget(limit: 300_000) })
        let large = pair.openAnswered()
        let small = pair.openAnswered()
        _ = pair.agent.machine.sendData(data(250_000), on: large, now: .at(0))
        pair.exchange()
        _ = pair.agent.machine.sendData(data(100_000), on: small, now: .at(0))
        pair.exchange()
        #expect(pair.edge.received[large]?.reset == .bufferLimit)
        #expect(pair.edge.received[small]?.reset == nil && pair.edge.received[small]?.bytes.count == 100_000)
        #expect(pair.edge.machine.unconsumedBytes == 100_000)
    }

    @Test func singleByteFramesAreBounded() {
        let pair = MachinePair(.v1)
        let id = pair.openAnswered()
        for _ in 0..<20_000 where pair.edge.received[id]?.reset == nil {
            pair.edge.receive(TunnelFrame(stream: id, .data(data(1))), now: .at(0))
        }
        #expect(pair.edge.received[id]?.reset == .bufferLimit && pair.edge.closed == nil)
    }

    /// One download over a link of 100 ms round trip and endless bandwidth, read at once: bytes per second after ramping
    /// up, and the size of the window.
    private func download(
        seconds: Int64,
        agent: (inout TunnelConfiguration) -> Void = { _ in },
        edge: (inout TunnelConfiguration) -> Void = { _ in }
    ) -> (bytesPerSecond: Int, window: Int) {
        var pair = MachinePair(.v1, edge: edge, agent: agent)
        pair.measure(roundTrip: 100)
        let start = pair.now
        let latency = Int64(50)
        let id = pair.openAnswered()
        let chunk = data(64 << 10)
        var down: [(at: Int64, frame: TunnelFrame)] = []
        var up: [(at: Int64, frame: TunnelFrame)] = []
        var total = 0
        var counted = 0
        for tick in 0..<(seconds * 1_000) {
            let now = start + .milliseconds(tick)
            while let first = up.first, first.at <= tick {
                up.removeFirst()
                pair.agent.receive(first.frame, now: now)
            }
            // The local app is as fast as it may be.
            while true {
                while pair.agent.machine.queuedBytes < 512 << 10 {
                    _ = pair.agent.machine.sendData(chunk, on: id, now: now)
                }
                let frames = pair.agent.takeFrames(now: now, limit: 256)
                if frames.isEmpty { break }
                down += frames.map { (tick + latency, $0) }
            }
            var index = 0
            while index < down.count, down[index].at <= tick {
                let frame = down[index].frame
                index += 1
                guard case .data(let bytes) = frame.body else {
                    pair.edge.receive(frame, now: now)
                    continue
                }
                let count = bytes.readableBytes
                let action = pair.edge.machine.dataReceived(count, on: id, webSocket: false, end: false, now: now)
                #expect(action == .deliver)
                pair.edge.machine.consumed(count, on: id, now: now)
                total += count
                if tick >= seconds * 500 { counted += count }
            }
            down.removeFirst(index)
            up += pair.edge.takeFrames(now: now).map { (tick + latency, $0) }
        }
        #expect(total > 0)
        return (counted * 2 / Int(seconds), pair.edge.machine.streamWindow(id) ?? 0)
    }

    @Test func oneStreamOver100MillisecondsIsNotHeldBackByItsWindow() {
        let result = self.download(seconds: 4)
        #expect(result.bytesPerSecond >= 50_000_000)
        #expect(result.window <= 16 << 20)
    }

    @Test func withoutBudgetWindowsDoNotGrow() {
        let budget = TunnelByteBudget(limit: 1 << 30)
        budget.count(600 << 20)
        let result = self.download(seconds: 2, edge: { $0.budget = budget })
        #expect(result.window == 256 << 10)
    }

    @Test func aSlowReaderKeepsASmallWindow() {
        var pair = MachinePair(.v1)
        pair.measure(roundTrip: 100)
        #expect(pair.edge.machine.roundTrip == .milliseconds(100))
        let id = pair.openAnswered()
        for _ in 0..<200 {
            pair.now = pair.now + .seconds(1)
            _ = pair.agent.machine.sendData(data(50_000), on: id, now: pair.now)
            pair.exchange()
            pair.edge.consume(min(50_000, pair.edge.received[id]!.unconsumed), on: id, now: pair.now)
        }
        #expect(pair.edge.machine.streamWindow(id) == 256 << 10)
    }
}
