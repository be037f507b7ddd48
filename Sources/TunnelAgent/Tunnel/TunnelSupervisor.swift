import Logging
import NIOCore
import SessionModel
import TunnelProtocol
import UpstreamRelay

/// Keeps the agent's pool of tunnels as large as it should be, until it is told to stop or the session ends.
///
/// Confined to the agent's event loop. The first connection decides the version; with version 1 the other places are
/// filled once it stands, each reconnecting on its own from then on.
final class TunnelSupervisor {
    private enum State {
        case running
        case draining
        case closing
        case ended
    }

    /// How often a stopping agent looks whether everything was sent.
    private static let sendCheckInterval: TimeAmount = .milliseconds(5)
    /// How long closing connections may take to say goodbye.
    private static let closeLimit: TimeAmount = .seconds(1)

    private let configuration: TunnelAgentConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let onEvent: (TunnelAgentEvent) -> Void
    private let onEnd: (TunnelAgentEnd) -> Void
    private let relay: LocalRelay
    private let dialer: TunnelDialer
    private var slots: [TunnelSlot] = []
    private var state: State = .running
    private var hasConnected = false
    private var connectionCount = 0
    private var sleepDetector: SleepDetector
    private var clockTimer: Scheduled<Void>?
    private var deadline: Scheduled<Void>?

    /// Where the jitter comes from.
    var generator = SystemRandomNumberGenerator()

    /// An agent that has not started yet.
    ///
    /// - Throws: a `DaypassError` for a configuration that cannot work; an error of NIOSSL for unusable trust roots.
    init(
        configuration: TunnelAgentConfiguration,
        eventLoop: any EventLoop,
        logger: Logger,
        onEvent: @escaping (TunnelAgentEvent) -> Void,
        onEnd: @escaping (TunnelAgentEnd) -> Void
    ) throws {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.logger = logger
        self.onEvent = onEvent
        self.onEnd = onEnd
        self.relay = try LocalRelay(configuration: configuration.relay, eventLoop: eventLoop) { event in
            onEvent(TunnelAgentEvent(event))
        }
        self.dialer = try TunnelDialer(configuration: configuration, eventLoop: eventLoop)
        self.sleepDetector = SleepDetector(configuration.readClocks())
    }

    /// Whether to ask the edge to replace another agent: only until a connection stood, so that two agents cannot evict
    /// each other in a loop.
    var takesOver: Bool { self.configuration.takeover && !self.hasConnected }

    /// Starts dialing.
    func start() {
        self.relay.start()
        self.slots = (0..<max(1, min(16, self.configuration.connections)))
            .map { number in
                TunnelSlot(
                    number: number,
                    supervisor: self,
                    dialer: self.dialer,
                    relay: self.relay,
                    eventLoop: self.eventLoop
                )
            }
        self.watchClocks()
        self.slots[0].dial()
    }

    /// Finishes open requests within the bound, then stops.
    func stopGracefully() {
        guard self.state == .running else { return }
        self.state = .draining
        for slot in self.slots { slot.drain() }
        self.deadline = self.eventLoop.assumeIsolated()
            .scheduleTask(
                in: TimeAmount(self.configuration.timeouts.drain)
            ) {
                self.stop()
            }
        self.relay.whenIdle {
            // What is left are WebSockets, which have no end of their own.
            self.relay.stop()
            self.stopWhenSent()
        }
    }

    /// Stops once the tunnels have sent what the finished requests left in their queues.
    private func stopWhenSent() {
        guard self.state == .draining else { return }
        guard self.slots.contains(where: \.hasOpenStreams) else { return self.stop() }
        self.eventLoop.assumeIsolated().scheduleTask(in: Self.sendCheckInterval) { self.stopWhenSent() }
    }

    /// Stops now; open requests are cut.
    func stop() {
        guard self.state == .running || self.state == .draining else { return }
        self.end(.stopped)
    }

    /// The agent is over: closes everything, then says so.
    func end(_ end: TunnelAgentEnd) {
        guard self.state == .running || self.state == .draining else { return }
        self.state = .closing
        self.clockTimer?.cancel()
        self.deadline?.cancel()
        self.relay.stop()
        self.pendingEnd = end
        self.deadline = self.eventLoop.assumeIsolated().scheduleTask(in: Self.closeLimit) { self.finish() }
        for slot in self.slots { slot.close() }
        self.finishIfClosed()
    }

    private var pendingEnd: TunnelAgentEnd = .stopped

    private func finishIfClosed() {
        if self.state == .closing, !self.slots.contains(where: \.hasConnections) { self.finish() }
    }

    private func finish() {
        guard self.state == .closing else { return }
        self.state = .ended
        self.deadline?.cancel()
        self.logger.info("agent ended", metadata: ["agent.end": "\(self.pendingEnd)"])
        self.onEvent(.ended(self.pendingEnd))
        self.onEnd(self.pendingEnd)
    }

    // MARK: Told by the slots

    /// Passes an event to the owner.
    func emit(_ event: TunnelAgentEvent) {
        guard self.state != .ended else { return }
        self.onEvent(event)
    }

    func dialing(_ slot: TunnelSlot) {
        if self.connectionCount == 0 { self.emit(.connecting(attempt: slot.attempts)) }
    }

    func connected(_ slot: TunnelSlot, peer: TunnelPeer) {
        guard self.state == .running else { return }
        self.hasConnected = true
        self.connectionCount = self.slots.count(where: \.isStanding)
        self.logger.info(
            "tunnel connected",
            metadata: ["tunnel.connections": "\(self.connectionCount)", "tunnel.version": "\(peer.version.rawValue)"]
        )
        self.emit(.connected(connections: self.connectionCount, version: peer.version.rawValue))
        guard peer.version == .v1 else { return }
        for other in self.slots where other.isEmpty { other.dial() }
    }

    func disconnected(_ slot: TunnelSlot, reason: String, retryIn: TimeAmount) {
        self.connectionCount = self.slots.count(where: \.isStanding)
        self.logger.info(
            "tunnel disconnected",
            metadata: ["tunnel.reason": "\(reason)", "tunnel.connections": "\(self.connectionCount)"]
        )
        if self.connectionCount == 0 {
            self.emit(.disconnected(reason: reason, retryIn: .nanoseconds(retryIn.nanoseconds)))
        }
    }

    func closed(_ slot: TunnelSlot, reason: TunnelCloseReason) {
        self.connectionCount = self.slots.count(where: \.isStanding)
        if let end = TunnelAgentEnd(reason) { self.end(end) }
        self.finishIfClosed()
    }

    // MARK: Sleep

    private func watchClocks() {
        self.clockTimer = self.eventLoop.assumeIsolated()
            .scheduleTask(in: TimeAmount(self.configuration.timeouts.clockCheck)) {
                let slept = self.sleepDetector.observe(self.configuration.readClocks())
                if let slept { self.wokeUp(after: slept) }
                if self.state == .running { self.watchClocks() }
            }
    }

    /// The machine slept: connections made before are not to be trusted, waiting for their pings would take a minute.
    func wokeUp(after slept: Duration) {
        guard self.state == .running else { return }
        self.logger.info("woke up", metadata: ["agent.slept": "\(slept)"])
        self.emit(.wokeUp(after: slept))
        for slot in self.slots where !slot.isEmpty { slot.restart() }
        self.connectionCount = self.slots.count(where: \.isStanding)
    }
}

extension TunnelAgentEnd {
    /// The end a permanent close reason means; nil for the others.
    init?(_ reason: TunnelCloseReason) {
        switch reason {
        case .replaced: self = .replaced
        case .sessionClosed: self = .sessionClosed
        case .sessionExpired: self = .sessionExpired
        case .unauthorized: self = .unauthorized
        default: return nil
        }
    }
}
