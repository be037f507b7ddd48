import NIOCore
import Testing
import TunnelProtocol

/// Two machines, a link with latency, random events, and a model that only remembers what was sent.
@Suite struct RandomConversationTests {
    /// What the model knows of one direction of one stream.
    private struct Direction {
        var sent: [UInt8] = []
        var ended = false
    }

    private struct Conversation {
        var down = Direction()
        var up = Direction()
        var answered = false
        var isWebSocket = false
        var wasReset = false
    }

    private struct Simulation {
        let version: TunnelVersion
        var random: SeededGenerator
        let pair: MachinePair
        var now: Int64 = 0
        var toAgent: [(at: Int64, frame: TunnelFrame)] = []
        var toEdge: [(at: Int64, frame: TunnelFrame)] = []
        var model: [UInt32: Conversation] = [:]
        var edgePaused: Set<UInt32> = []
        var agentPaused: Set<UInt32> = []

        init(_ version: TunnelVersion, seed: Int) {
            self.version = version
            self.random = SeededGenerator(UInt64(seed) &* 31 &+ 7)
            self.pair = MachinePair(
                version,
                edge: {
                    $0.initialStreamWindow = 20_000
                    $0.maximumStreams = 24
                    $0.sendQueueHighWater = 30_000
                    $0.sendQueueLowWater = 10_000
                },
                agent: {
                    $0.initialStreamWindow = 16 << 10
                    $0.initialConnectionWindow = 64 << 10
                    $0.maximumConnectionWindow = 1 << 20
                    $0.sendQueueHighWater = 30_000
                    $0.sendQueueLowWater = 10_000
                }
            )
        }

        var deadline: NIODeadline { .at(self.now) }
        var edge: MachineEnd { self.pair.edge }
        var agent: MachineEnd { self.pair.agent }

        mutating func step() {
            self.now += Int64(self.random.below(3))
            switch self.random.below(12) {
            case 0: self.open()
            case 1, 2: self.answer()
            case 3, 4: self.send(fromEdge: true)
            case 5, 6: self.send(fromEdge: false)
            case 7: self.end(fromEdge: self.random.below(2) == 0)
            case 8: if self.random.below(5) == 0 { self.reset() }
            case 9, 10: self.consume()
            default: break
            }
            self.transmit(limit: self.random.below(6))
        }

        mutating func open() {
            let isWebSocket = self.random.below(4) == 0
            let end = !isWebSocket && self.random.below(2) == 0
            guard
                let id = self.edge.machine.openStream(isWebSocket ? .webSocket : .http, head: requestHead, end: end)
            else { return }
            self.model[id] = Conversation(isWebSocket: isWebSocket)
            self.model[id]!.down.ended = end
        }

        mutating func pick(_ wanted: (UInt32, Conversation) -> Bool) -> UInt32? {
            self.model.filter { !$0.value.wasReset && wanted($0.key, $0.value) }.keys.sorted()
                .randomElement(using: &self.random)
        }

        mutating func answer() {
            let agent = self.agent
            guard let id = self.pick({ !$1.answered && agent.received[$0] != nil }) else { return }
            if self.random.below(3) == 0 {
                _ = agent.machine.sendHead(earlyHead, end: false, on: id, now: self.deadline)
            }
            let upgrades = self.model[id]!.isWebSocket && self.random.below(3) > 0
            let end = !upgrades && self.random.below(4) == 0
            let head = upgrades ? switchingHead : okHead
            #expect(agent.machine.sendHead(head, end: end, on: id, now: self.deadline) == .queued)
            self.model[id]!.answered = true
            self.model[id]!.up.ended = end
            if self.model[id]!.isWebSocket, !upgrades { self.model[id]!.down.ended = true }
        }

        mutating func send(fromEdge: Bool) {
            let edge = self.edge
            let paused = fromEdge ? self.edgePaused : self.agentPaused
            let chosen = self.pick { id, conversation in
                guard !paused.contains(id) else { return false }
                if !fromEdge { return conversation.answered && !conversation.up.ended }
                let isUp =
                    !conversation.isWebSocket
                    || edge.received[id]?.heads.contains(String(buffer: switchingHead)) == true
                return isUp && !conversation.down.ended
            }
            guard let id = chosen else { return }
            let bytes = self.random.bytes(self.random.below(self.random.below(3) == 0 ? 9_000 : 300))
            let end = fromEdge ? self.edge : self.agent
            switch end.machine.sendData(bytes, on: id, now: self.deadline) {
            case .pause: if fromEdge { self.edgePaused.insert(id) } else { self.agentPaused.insert(id) }
            case .queued: break
            case .ignored: return
            case .reset(let reason): Issue.record("\(id) was reset: \(reason)")
            }
            if fromEdge {
                self.model[id]!.down.sent += Array(bytes.readableBytesView)
            } else {
                self.model[id]!.up.sent += Array(bytes.readableBytesView)
            }
        }

        mutating func end(fromEdge: Bool) {
            let edge = self.edge
            let version = self.version
            let chosen = self.pick { id, conversation in
                // WS_CLOSE of version 0 drops what is still queued the other way, so only whole streams end with it.
                if version == .v0, conversation.isWebSocket { return false }
                if !fromEdge { return conversation.answered && !conversation.up.ended }
                let isUp =
                    !conversation.isWebSocket
                    || edge.received[id]?.heads.contains(String(buffer: switchingHead)) == true
                return isUp && !conversation.down.ended
            }
            guard let id = chosen else { return }
            let end = fromEdge ? self.edge : self.agent
            let trailers = self.random.below(3) == 0 ? ByteBuffer(string: "T: 1\r\n") : nil
            guard end.machine.sendEnd(trailers: trailers, on: id, now: self.deadline) == .queued else { return }
            if fromEdge { self.model[id]!.down.ended = true } else { self.model[id]!.up.ended = true }
        }

        mutating func reset() {
            let agent = self.agent
            let fromEdge = self.random.below(2) == 0
            guard let id = self.pick({ id, _ in fromEdge || agent.received[id] != nil }) else { return }
            let end = fromEdge ? self.edge : self.agent
            end.machine.reset(id, .cancelled, now: self.deadline)
            end.received[id]?.unconsumed = 0
            self.model[id]!.wasReset = true
        }

        mutating func consume() {
            for end in [self.edge, self.agent] {
                let holding = end.received.filter { $0.value.unconsumed > 0 }.keys.sorted()
                guard let id = holding.randomElement(using: &self.random) else { continue }
                let count = 1 + self.random.below(end.received[id]!.unconsumed)
                end.consume(count, on: id, now: self.deadline)
            }
        }

        mutating func transmit(limit: Int) {
            let latency = Int64(self.random.below(20))
            let toAgent = max(self.toAgent.last?.at ?? 0, self.now + latency)
            self.toAgent += self.edge.takeFrames(now: self.deadline, limit: limit).map { (toAgent, $0) }
            let toEdge = max(self.toEdge.last?.at ?? 0, self.now + latency)
            self.toEdge += self.agent.takeFrames(now: self.deadline, limit: limit).map { (toEdge, $0) }
            while let next = self.toAgent.first, next.at <= self.now {
                Wire.carry(self.toAgent.removeFirst().frame, to: self.agent, now: self.deadline)
            }
            while let next = self.toEdge.first, next.at <= self.now {
                Wire.carry(self.toEdge.removeFirst().frame, to: self.edge, now: self.deadline)
            }
            for id in self.edge.machine.takeWritable() { self.edgePaused.remove(id) }
            for id in self.agent.machine.takeWritable() { self.agentPaused.remove(id) }
        }

        func check() {
            #expect(self.edge.closed == nil)
            #expect(self.agent.closed == nil)
            for (id, conversation) in self.model {
                for (end, direction) in [(self.agent, conversation.down), (self.edge, conversation.up)] {
                    guard let received = end.received[id] else { continue }
                    #expect(!received.isBroken)
                    #expect(received.bytes.count <= direction.sent.count)
                    #expect(received.bytes.elementsEqual(direction.sent.prefix(received.bytes.count)))
                    if received.ended, !(conversation.isWebSocket && self.version == .v0) {
                        #expect(direction.ended && received.bytes.count == direction.sent.count)
                    }
                }
            }
        }

        /// Everybody reads everything until the link is silent.
        mutating func settle() {
            for _ in 0..<5_000 {
                self.now += 25
                for end in [self.edge, self.agent] {
                    // In order, so that the same seed gives the same conversation.
                    for (id, record) in end.received.sorted(by: { $0.key < $1.key }) where record.unconsumed > 0 {
                        end.consume(record.unconsumed, on: id, now: self.deadline)
                    }
                }
                self.transmit(limit: .max)
                if self.toAgent.isEmpty, self.toEdge.isEmpty, !self.edge.machine.hasFrames,
                    !self.agent.machine.hasFrames,
                    self.edge.received.values.allSatisfy({ $0.unconsumed == 0 }),
                    self.agent.received.values.allSatisfy({ $0.unconsumed == 0 })
                {
                    return
                }
            }
            Issue.record("the link never became silent")
        }
    }

    @Test(arguments: [TunnelVersion.v0, .v1], 0..<40)
    func everythingArrivesInOrderOrNotAtAll(version: TunnelVersion, seed: Int) {
        var simulation = Simulation(version, seed: seed)
        for step in 0..<3_000 {
            simulation.step()
            if step % 100 == 0 { simulation.check() }
            if simulation.edge.closed != nil || simulation.agent.closed != nil { break }
        }
        simulation.settle()
        simulation.check()
        var complete = 0
        for (id, conversation) in simulation.model where !conversation.wasReset {
            for (end, direction) in [(simulation.agent, conversation.down), (simulation.edge, conversation.up)] {
                let received = end.received[id]
                #expect((received?.bytes.count ?? 0) == direction.sent.count)
                #expect(received?.reset == nil)
                if direction.ended, !conversation.isWebSocket {
                    #expect(received?.ended == true)
                    complete += 1
                }
            }
        }
        #expect(complete > 0)
        for end in [simulation.edge, simulation.agent] {
            #expect(end.budget.bufferedBytes == 0)
            #expect(end.machine.unconsumedBytes == 0 && end.machine.queuedBytes == 0)
            #expect(end.machine.trackedStreamCount == end.machine.openStreamCount)
        }
    }

    /// Frames in any order, decoded from random bytes or made up: refused or taken, never a crash, never a leak.
    @Test(arguments: [TunnelVersion.v0, .v1], 0..<40)
    func randomFramesNeverCrash(version: TunnelVersion, seed: Int) {
        var random = SeededGenerator(UInt64(seed) &* 65_537)
        let pair = MachinePair(version)
        for _ in 0..<8 {
            _ = pair.edge.machine.openStream(random.below(2) == 0 ? .http : .webSocket, head: requestHead, end: false)
        }
        pair.exchange()
        for _ in 0..<500 {
            let end = random.below(2) == 0 ? pair.edge : pair.agent
            let stream = UInt32(1 + random.below(10))
            let heads = [okHead, switchingHead, earlyHead, requestHead]
            let bodies: [TunnelFrame.Body] = [
                .request(.http, requestHead), .request(.webSocket, requestHead), .response(heads[random.below(4)]),
                .data(random.bytes(1 + random.below(100))), .webSocketData(random.bytes(1 + random.below(100))),
                .webSocketClose, .end, .trailers(ByteBuffer(string: "A: b\r\n")), .reset(.cancelled), .reset(.noError),
                .window(UInt32(1 + random.below(100_000))), .ping(1), .pong(1), .pause, .resume,
            ]
            end.receive(
                TunnelFrame(stream: stream, end: random.below(3) == 0, bodies[random.below(bodies.count)]),
                now: .at(1)
            )
            _ = end.machine.sendHead(heads[random.below(4)], end: random.below(2) == 0, on: stream, now: .at(1))
            _ = end.machine.sendData(random.bytes(random.below(50)), on: stream, now: .at(1))
            if random.below(5) == 0 { _ = end.machine.sendEnd(trailers: nil, on: stream, now: .at(1)) }
            if random.below(9) == 0 {
                end.machine.reset(stream, random.below(2) == 0 ? .noError : .cancelled, now: .at(1))
            }
            end.machine.consumed(random.below(200), on: stream, now: .at(1))
            _ = end.takeFrames(now: .at(1), limit: random.below(10))
        }
        for end in [pair.edge, pair.agent] {
            end.close(.normal)
            #expect(end.budget.bufferedBytes == 0 && end.machine.trackedStreamCount == 0)
        }
    }
}
