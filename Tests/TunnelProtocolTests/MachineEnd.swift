import NIOCore
import TunnelProtocol

/// One end of a simulated connection: feeds frames to a machine as the channel handler does, and writes down what the
/// owners of its streams would have been told.
final class MachineEnd {
    /// What one stream's owner was told.
    struct Received {
        var heads: [String] = []
        var bytes: [UInt8] = []
        var unconsumed = 0
        var ended = false
        var trailers: String?
        var reset: TunnelResetReason?
        /// Something was delivered after the end or a reset.
        var isBroken = false
    }

    var machine: TunnelConnectionStateMachine
    let role: TunnelRole
    let version: TunnelVersion
    let budget: TunnelByteBudget
    var received: [UInt32: Received] = [:]
    var requests: [(id: UInt32, kind: TunnelStreamKind)] = []
    var connected: TunnelPeer?
    var closed: TunnelCloseReason?
    var notices: [TunnelFrame.Body] = []
    var roundTrips: [TimeAmount] = []
    var refusesStreams = false

    init(
        _ role: TunnelRole,
        _ version: TunnelVersion,
        now: NIODeadline = .at(0),
        configure: (inout TunnelConfiguration) -> Void = { _ in }
    ) {
        self.role = role
        self.version = version
        self.budget = TunnelByteBudget()
        var configuration = TunnelConfiguration(budget: self.budget)
        configure(&configuration)
        self.machine = TunnelConnectionStateMachine(role: role, version: version, configuration: configuration)
        if case .connected(let peer) = self.machine.start(now: now) { self.connected = peer }
    }

    /// Every frame that may go out now.
    func takeFrames(now: NIODeadline, limit: Int = .max) -> [TunnelFrame] {
        var frames: [TunnelFrame] = []
        while frames.count < limit, let frame = self.machine.nextFrame(now: now) { frames.append(frame) }
        return frames
    }

    func receive(_ frame: TunnelFrame, now: NIODeadline) {
        guard self.closed == nil else { return }
        let id = frame.stream
        switch frame.body {
        case .hello(let hello):
            switch self.machine.helloReceived(hello, now: now) {
            case .connected(let peer): self.connected = peer
            case .close(let reason): self.close(reason)
            }
        case .request(let kind, let head):
            switch self.machine.requestReceived(id, kind: kind, end: frame.end, now: now) {
            case .accept:
                if self.refusesStreams {
                    self.machine.reset(id, .refused, now: now)
                } else {
                    self.requests.append((id, kind))
                    self.received[id, default: Received()].heads.append(String(buffer: head))
                    if frame.end { self.received[id]!.ended = true }
                }
            case .refuse: break
            case .close(let reason): self.close(reason)
            }
        case .response(let head):
            let status = TunnelWire.status(ofResponse: head)
            self.act(self.machine.responseReceived(id, status: status, end: frame.end, now: now), id) {
                $0.heads.append(String(buffer: head))
                if frame.end { $0.ended = true }
            }
        case .data(let data), .webSocketData(let data):
            var isWebSocket = false
            if case .webSocketData = frame.body { isWebSocket = true }
            let count = data.readableBytes
            let action = self.machine.dataReceived(count, on: id, webSocket: isWebSocket, end: frame.end, now: now)
            self.act(action, id) {
                $0.bytes += Array(data.readableBytesView)
                $0.unconsumed += count
                if frame.end { $0.ended = true }
            }
        case .end: self.act(self.machine.endReceived(id, webSocketClose: false, now: now), id) { $0.ended = true }
        case .webSocketClose:
            self.act(self.machine.endReceived(id, webSocketClose: true, now: now), id) { $0.ended = true }
        case .trailers(let trailers):
            self.act(self.machine.endReceived(id, webSocketClose: false, now: now), id) {
                $0.ended = true
                $0.trailers = String(buffer: trailers)
            }
        case .reset(let reason):
            self.act(self.machine.resetReceived(id, reason, now: now), id) { _ in }
        case .window(let credit): self.note(self.machine.windowReceived(Int(credit), on: id), frame.body)
        case .ping(let token): self.note(self.machine.pingReceived(token), frame.body)
        case .pong(let token):
            switch self.machine.pongReceived(token, now: now) {
            case .measured(let time): self.roundTrips.append(time)
            case .ignore: break
            case .close(let reason): self.close(reason)
            }
        case .drain(let delay):
            self.note(self.machine.drainReceived(retryAfter: .milliseconds(Int64(delay))), frame.body)
        case .push, .pause, .resume: self.note(self.machine.noticeReceived(), frame.body)
        case .close(let reason): self.close(reason)
        }
    }

    /// The downstream of a stream takes bytes.
    func consume(_ count: Int, on id: UInt32, now: NIODeadline) {
        self.received[id]?.unconsumed -= count
        self.machine.consumed(count, on: id, now: now)
    }

    func close(_ reason: TunnelCloseReason) {
        self.closed = reason
        for id in self.machine.closed() { self.received[id]?.reset = .connectionLost }
    }

    private func act(
        _ action: TunnelConnectionStateMachine.OnStreamFrame,
        _ id: UInt32,
        deliver: (inout Received) -> Void
    ) {
        switch action {
        case .deliver, .deliverThenGiveUp:
            let isOver = self.received[id].map { $0.ended || $0.reset != nil } ?? false
            if isOver { self.received[id]?.isBroken = true }
            deliver(&self.received[id, default: Received()])
            if case .deliverThenGiveUp(let other) = action { self.received[other]?.reset = .bufferLimit }
        case .discard: break
        case .reset(let reason): self.received[id, default: Received()].reset = reason
        case .close(let reason): self.close(reason)
        }
    }

    private func note(_ action: TunnelConnectionStateMachine.OnConnectionFrame, _ body: TunnelFrame.Body) {
        switch action {
        case .none: break
        case .notify: self.notices.append(body)
        case .close(let reason): self.close(reason)
        }
    }
}

/// An edge and an agent whose frames travel through the codecs at once.
struct MachinePair {
    let edge: MachineEnd
    let agent: MachineEnd
    let version: TunnelVersion
    var now = NIODeadline.at(0)

    init(
        _ version: TunnelVersion,
        edge: (inout TunnelConfiguration) -> Void = { _ in },
        agent: (inout TunnelConfiguration) -> Void = { _ in }
    ) {
        self.version = version
        self.edge = MachineEnd(.edge, version, configure: edge)
        self.agent = MachineEnd(.agent, version, configure: agent)
        self.exchange()
    }

    /// Carries frames both ways until nothing moves any more.
    func exchange() {
        var moved = true
        while moved {
            let down = self.edge.takeFrames(now: self.now)
            let up = self.agent.takeFrames(now: self.now)
            for frame in down { self.carry(frame, to: self.agent) }
            for frame in up { self.carry(frame, to: self.edge) }
            moved = !down.isEmpty || !up.isEmpty
        }
    }

    func carry(_ frame: TunnelFrame, to end: MachineEnd) { Wire.carry(frame, to: end, now: self.now) }

    /// Lets the edge measure this round trip often enough to forget every earlier one.
    mutating func measure(roundTrip milliseconds: Int64) {
        for _ in 0..<8 {
            self.now = self.now + .seconds(25)
            _ = self.edge.machine.timerFired(now: self.now)
            let pings = self.edge.takeFrames(now: self.now)
            self.now = self.now + .milliseconds(milliseconds)
            for frame in pings { self.carry(frame, to: self.agent) }
            for frame in self.agent.takeFrames(now: self.now) { self.carry(frame, to: self.edge) }
        }
    }

    /// A request without body, answered up to its head.
    func openAnswered(head: ByteBuffer = okHead, end: Bool = true) -> UInt32 {
        let id = self.edge.machine.openStream(.http, head: requestHead, end: end)!
        self.exchange()
        _ = self.agent.machine.sendHead(head, end: false, on: id, now: self.now)
        self.exchange()
        return id
    }

    /// An upgraded stream.
    func openUpgraded() -> UInt32 {
        let id = self.edge.machine.openStream(.webSocket, head: requestHead, end: false)!
        self.exchange()
        _ = self.agent.machine.sendHead(switchingHead, end: false, on: id, now: self.now)
        self.exchange()
        return id
    }
}

/// The way from one machine to the other: encoded and decoded.
enum Wire {
    static func carry(_ frame: TunnelFrame, to end: MachineEnd, now: NIODeadline) {
        var message = ByteBuffer()
        do {
            switch end.version {
            case .v0:
                TunnelFrameCodecV0.encode(frame, to: &message)
                let codec = TunnelFrameCodecV0(role: end.role, maximumHeadBytes: 128 << 10)
                end.receive(try codec.decode(message), now: now)
            case .v1:
                TunnelFrameCodecV1.encode(frame, to: &message)
                let codec = TunnelFrameCodecV1(role: end.role, maximumHeadBytes: 128 << 10)
                while let decoded = try codec.decode(&message) { end.receive(decoded, now: now) }
            }
        } catch {
            end.close(.protocolError("\(error)"))
        }
    }
}
