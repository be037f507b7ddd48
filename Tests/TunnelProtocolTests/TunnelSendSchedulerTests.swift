import NIOCore
import Testing
import TunnelProtocol

@Suite struct TunnelSendSchedulerTests {
    private func scheduler(_ version: TunnelVersion = .v1, credit: Int = 1 << 30) -> TunnelSendScheduler {
        var scheduler = TunnelSendScheduler(version: version, highWater: 256 << 10, lowWater: 128 << 10)
        #expect(scheduler.addConnectionCredit(credit) == true)
        return scheduler
    }

    private func data(_ count: Int, _ byte: UInt8 = 0x61) -> ByteBuffer {
        ByteBuffer(repeating: byte, count: count)
    }

    @Test func controlFramesGoFirst() {
        var scheduler = self.scheduler()
        scheduler.open(1, credit: 1_000)
        scheduler.enqueueResponse(okHead, on: 1)
        scheduler.enqueueControl(TunnelFrame(stream: 0, .ping(1)))
        #expect(scheduler.nextFrame() == TunnelFrame(stream: 0, .ping(1)))
        #expect(scheduler.nextFrame() == TunnelFrame(stream: 1, .response(okHead)))
        #expect(scheduler.nextFrame() == nil)
        #expect(!scheduler.hasFrames && scheduler.queuedBytes == 0)
    }

    @Test func theEndRidesOnTheLastFrameInVersion1Only() {
        for version in [TunnelVersion.v0, .v1] {
            var scheduler = self.scheduler(version)
            scheduler.open(1, credit: 1_000)
            scheduler.enqueueResponse(okHead, on: 1)
            #expect(scheduler.enqueueData(self.data(3), on: 1) == false)
            scheduler.enqueueEnd(trailers: nil, on: 1)
            #expect(scheduler.nextFrame()?.body == .response(okHead))
            let frame = scheduler.nextFrame()
            #expect(frame?.body == .data(self.data(3)) && frame?.end == (version == .v1))
            if version == .v0 { #expect(scheduler.nextFrame() == TunnelFrame(stream: 1, end: true, .end)) }
            #expect(scheduler.nextFrame() == nil)
        }
    }

    @Test func trailersEndTheDirection() {
        let trailers = ByteBuffer(string: "A: b\r\n")
        for version in [TunnelVersion.v0, .v1] {
            var scheduler = self.scheduler(version)
            scheduler.open(1, credit: 1_000)
            scheduler.enqueueEnd(trailers: trailers, on: 1)
            #expect(scheduler.nextFrame()?.body == (version == .v1 ? .trailers(trailers) : .end))
        }
    }

    @Test func aSmallAnswerWaitsForOneQuantumOfEachBulkStream() {
        var scheduler = self.scheduler()
        for stream in 1...3 as ClosedRange<UInt32> {
            scheduler.open(stream, credit: 1 << 30)
            _ = scheduler.enqueueData(self.data(1 << 20), on: stream)
        }
        _ = scheduler.nextFrame()
        scheduler.open(9, credit: 1_000)
        scheduler.enqueueResponse(okHead, on: 9)
        _ = scheduler.enqueueData(self.data(100), on: 9)
        scheduler.enqueueEnd(trailers: nil, on: 9)
        var before = 0
        while let frame = scheduler.nextFrame(), frame.stream != 9 {
            guard case .data(let data) = frame.body else { continue }
            before += data.readableBytes
        }
        #expect(before <= 3 * TunnelSendScheduler.quantum)
        // The rest of the small answer follows its head at once.
        let rest = scheduler.nextFrame()
        #expect(rest?.stream == 9 && rest?.end == true)
    }

    @Test func bulkStreamsShareEvenly() {
        var scheduler = self.scheduler()
        var sent: [UInt32: Int] = [:]
        for stream in 1...5 as ClosedRange<UInt32> {
            scheduler.open(stream, credit: 1 << 30)
            _ = scheduler.enqueueData(self.data(4 << 20), on: stream)
        }
        var total = 0
        while total < 10 << 20, let frame = scheduler.nextFrame() {
            guard case .data(let data) = frame.body else { continue }
            #expect(data.readableBytes <= TunnelWire.maximumDataBytes)
            sent[frame.stream, default: 0] += data.readableBytes
            total += data.readableBytes
        }
        #expect(sent.count == 5)
        #expect((sent.values.max() ?? 0) - (sent.values.min() ?? 0) <= TunnelSendScheduler.quantum)
    }

    @Test func creditIsNeverExceeded() {
        var scheduler = self.scheduler(credit: 5)
        scheduler.open(1, credit: 3)
        scheduler.open(2, credit: 100)
        _ = scheduler.enqueueData(self.data(10), on: 1)
        _ = scheduler.enqueueData(self.data(10), on: 2)
        #expect(scheduler.nextFrame()?.body == .data(self.data(3)))
        #expect(scheduler.nextFrame() == TunnelFrame(stream: 2, .data(self.data(2))))
        #expect(scheduler.nextFrame() == nil)
        // A head and an end need no credit.
        scheduler.open(3, credit: 0)
        scheduler.enqueueResponse(okHead, on: 3)
        scheduler.enqueueEnd(trailers: nil, on: 3)
        #expect(scheduler.nextFrame() == TunnelFrame(stream: 3, end: true, .response(okHead)))
        #expect(scheduler.nextFrame() == nil)
        #expect(scheduler.addConnectionCredit(100) == true)
        #expect(scheduler.nextFrame() == TunnelFrame(stream: 2, .data(self.data(8))))
        #expect(scheduler.nextFrame() == nil)
        #expect(scheduler.addCredit(7, to: 1) == true)
        #expect(scheduler.nextFrame() == TunnelFrame(stream: 1, .data(self.data(7))))
        #expect(scheduler.nextFrame() == nil)
    }

    @Test func creditBeyondTheMaximumIsRefused() {
        var scheduler = self.scheduler(credit: TunnelWire.maximumWindow)
        #expect(scheduler.addConnectionCredit(1) == false)
        scheduler.open(1, credit: TunnelWire.maximumWindow - 5)
        #expect(scheduler.addCredit(5, to: 1) == true)
        #expect(scheduler.addCredit(1, to: 1) == false)
    }

    @Test func pauseAboveTheHighMarkAndGoOnBelowTheLowOne() {
        var scheduler = self.scheduler()
        scheduler.open(1, credit: 1 << 30)
        #expect(scheduler.enqueueData(self.data(256 << 10), on: 1) == false)
        #expect(scheduler.enqueueData(self.data(1), on: 1) == true)
        while scheduler.queuedBytes(on: 1) >= 128 << 10 {
            #expect(scheduler.takeWritable() == [])
            #expect(scheduler.nextFrame() != nil)
        }
        #expect(scheduler.takeWritable() == [1])
        #expect(scheduler.takeWritable() == [])
    }

    @Test func singleBytesAreJoined() {
        var scheduler = self.scheduler()
        scheduler.open(1, credit: 1 << 30)
        for byte in 0..<200 as Range<UInt8> { _ = scheduler.enqueueData(self.data(1, byte), on: 1) }
        #expect(scheduler.nextFrame()?.body == .data(ByteBuffer(bytes: Array(0..<200 as Range<UInt8>))))
        #expect(scheduler.nextFrame() == nil)
    }

    @Test func aRemovedStreamSaysNothingMore() {
        var scheduler = self.scheduler()
        for stream in 1...3 as ClosedRange<UInt32> {
            scheduler.open(stream, credit: 1 << 30)
            _ = scheduler.enqueueData(self.data(10), on: stream)
        }
        #expect(scheduler.remove(2) == 10)
        #expect(scheduler.nextFrame()?.stream == 1)
        #expect(scheduler.nextFrame()?.stream == 3)
        #expect(scheduler.nextFrame() == nil && scheduler.queuedBytes == 0)
    }

    @Test func rawStreamsOfVersion0HaveTheirOwnTypes() {
        var scheduler = self.scheduler(.v0)
        scheduler.open(1, credit: 0)
        scheduler.enqueueResponse(switchingHead, on: 1)
        scheduler.makeRaw(1)
        _ = scheduler.enqueueData(self.data(2), on: 1)
        scheduler.enqueueEnd(trailers: nil, on: 1)
        #expect(scheduler.nextFrame()?.body == .response(switchingHead))
        #expect(scheduler.nextFrame()?.body == .webSocketData(self.data(2)))
        #expect(scheduler.nextFrame()?.body == .webSocketClose)
    }

    @Test func theEndNeverRidesOnA101() {
        var scheduler = self.scheduler()
        scheduler.open(1, credit: 0)
        scheduler.enqueueResponse(switchingHead, on: 1)
        scheduler.makeRaw(1)
        scheduler.enqueueEnd(trailers: nil, on: 1)
        #expect(scheduler.nextFrame() == TunnelFrame(stream: 1, .response(switchingHead)))
        #expect(scheduler.nextFrame() == TunnelFrame(stream: 1, end: true, .end))
    }

    /// Random opens, bytes, credit and removals: everything comes out once, in order, within credit.
    @Test(arguments: 0..<30)
    func randomSequencesAgainstANaiveModel(seed: Int) {
        var random = SeededGenerator(UInt64(seed))
        var scheduler = self.scheduler(credit: 0)
        var queued: [UInt32: [UInt8]] = [:]
        var credit: [UInt32: Int] = [:]
        var connectionCredit = 0
        var nextStream: UInt32 = 0
        for _ in 0..<2_000 {
            switch random.below(7) {
            case 0 where queued.count < 12:
                nextStream += 1 + UInt32(random.below(3))
                credit[nextStream] = random.below(5_000)
                queued[nextStream] = []
                scheduler.open(nextStream, credit: credit[nextStream]!)
            case 1, 2:
                guard let stream = queued.keys.sorted().randomElement(using: &random) else { continue }
                let bytes = random.bytes(random.below(3_000))
                _ = scheduler.enqueueData(bytes, on: stream)
                queued[stream]! += Array(bytes.readableBytesView)
            case 3:
                guard let stream = queued.keys.sorted().randomElement(using: &random) else { continue }
                let more = 1 + random.below(4_000)
                credit[stream]! += more
                #expect(scheduler.addCredit(more, to: stream) == true)
            case 4:
                let more = 1 + random.below(6_000)
                connectionCredit += more
                #expect(scheduler.addConnectionCredit(more) == true)
            case 5 where random.below(6) == 0:
                guard let stream = queued.keys.sorted().randomElement(using: &random) else { continue }
                #expect(scheduler.remove(stream) == queued.removeValue(forKey: stream)!.count)
            default:
                let sendable = queued.filter { !$0.value.isEmpty && credit[$0.key]! > 0 }
                guard let frame = scheduler.nextFrame() else {
                    #expect(connectionCredit == 0 || sendable.isEmpty)
                    continue
                }
                guard case .data(let data) = frame.body, let expected = queued[frame.stream] else {
                    Issue.record("an unexpected frame")
                    return
                }
                let bytes = Array(data.readableBytesView)
                #expect(Array(expected.prefix(bytes.count)) == bytes && !bytes.isEmpty)
                queued[frame.stream] = Array(expected.dropFirst(bytes.count))
                credit[frame.stream]! -= bytes.count
                connectionCredit -= bytes.count
                #expect(credit[frame.stream]! >= 0 && connectionCredit >= 0)
            }
            #expect(scheduler.queuedBytes == queued.values.reduce(0) { $0 + $1.count })
            #expect(scheduler.connectionCredit == connectionCredit)
        }
    }
}
