import DequeModule
import NIOCore
import TunnelProtocol

/// The HTTP/2 connections to the local app: one, and more only while it has as many streams as the local app allows.
///
/// Confined to its event loop. Exchanges without a place wait in turn, a bounded number of them.
final class LocalHTTP2Pool: LocalCarrierPool {
    private let dialer: LocalDialer
    private let scheme: LocalTarget.Scheme
    private let limits: LocalRelayConfiguration.PoolLimits
    private let timeouts: LocalRelayConfiguration.Timeouts
    private let eventLoop: any EventLoop
    private let onEvent: (LocalRelayEvent) -> Void

    /// All that exist or are being made, those that drain as well; the oldest first.
    private var connections: [LocalHTTP2Connection] = []
    /// Exchanges for which there was no place.
    private var waiting: Deque<LocalExchange> = []
    private var isServing = false
    private var isReachable = true
    private var isKnownNotToSpeak = false

    /// A pool without connections.
    ///
    /// - Parameters:
    ///   - dialer: makes the connections.
    ///   - limits: how many there may be, and how many streams in all of them.
    ///   - timeouts: how long the local app may take to show that it speaks HTTP/2, and how long a connection is kept
    ///     without a stream.
    ///   - eventLoop: the agent's.
    ///   - onEvent: told when connecting starts to fail and when it works again, and that the local app does not speak
    ///     HTTP/2.
    init(
        dialer: LocalDialer,
        limits: LocalRelayConfiguration.PoolLimits,
        timeouts: LocalRelayConfiguration.Timeouts,
        eventLoop: any EventLoop,
        onEvent: @escaping (LocalRelayEvent) -> Void
    ) {
        self.dialer = dialer
        self.scheme = dialer.usesTLS ? .https : .http
        self.limits = limits
        self.timeouts = timeouts
        self.eventLoop = eventLoop
        self.onEvent = onEvent
    }

    func acquire(for exchange: LocalExchange) -> Bool {
        if self.waiting.isEmpty, let connection = self.connectionWithRoom() {
            connection.open(for: exchange)
            return true
        }
        guard self.enqueue(exchange) else { return false }
        self.connectIfNeeded()
        return true
    }

    /// A connection that is lost takes no streams any more: any that does is fresh enough.
    func acquireFresh(for exchange: LocalExchange) -> Bool {
        guard self.enqueue(exchange) else { return false }
        self.serveSoon()
        return true
    }

    private func enqueue(_ exchange: LocalExchange) -> Bool {
        guard self.waiting.count < self.limits.maximumWaiting else { return false }
        self.waiting.append(exchange)
        return true
    }

    func cancel(_ exchange: LocalExchange) {
        if let index = self.waiting.firstIndex(where: { $0 === exchange }) { self.waiting.remove(at: index) }
    }

    func sweep(now: NIODeadline) {
        for connection in self.connections { connection.sweep(now: now, isWaitedFor: !self.waiting.isEmpty) }
    }

    func stop() {
        self.dialer.stop()
        for connection in self.connections { connection.close() }
    }

    // MARK: Told by the connections

    /// The local app speaks HTTP/2.
    func opened(_ connection: LocalHTTP2Connection) {
        self.report(isReachable: true)
        self.isKnownNotToSpeak = false
        self.serveSoon()
    }

    /// A stream is over, the local app allows more of them, or those who wait for one here must look elsewhere.
    func placeIsFree() {
        if !self.waiting.isEmpty { self.serveSoon() }
    }

    /// A connection is gone; called once for each that was made.
    func closed(_ connection: LocalHTTP2Connection) {
        guard connection.hasBrokenProtocol, !connection.hasOpened else {
            return self.remove(connection, reason: .upstreamUnreachable)
        }
        if !self.isKnownNotToSpeak {
            self.isKnownNotToSpeak = true
            self.onEvent(.localAppSpeaksNoHTTP2)
        }
        self.remove(connection, reason: .upstreamProtocolError)
    }

    // MARK: Places

    private func connectionWithRoom() -> LocalHTTP2Connection? {
        guard self.streamCount < self.limits.maximumConnections else { return nil }
        return self.connections.first(where: \.hasRoom)
    }

    private var streamCount: Int {
        var count = 0
        for connection in self.connections { count += connection.streamCount }
        return count
    }

    /// Serves those who wait once the frames that are being read have been handled: streams are not opened in the middle
    /// of them.
    private func serveSoon() {
        guard !self.isServing else { return }
        self.isServing = true
        self.eventLoop.assumeIsolated()
            .execute {
                self.isServing = false
                while !self.waiting.isEmpty, let connection = self.connectionWithRoom() {
                    guard let exchange = self.waiting.popFirst(), exchange.wantsCarrier else { continue }
                    connection.open(for: exchange)
                }
                self.connectIfNeeded()
            }
    }

    /// One connection is made at a time: how many streams it takes shows whether another one is needed.
    private func connectIfNeeded() {
        guard !self.waiting.isEmpty, !self.connections.contains(where: { $0.isGreeting || $0.hasRoom }),
            self.connections.count(where: \.isUsable) < self.limits.maximumHTTP2Connections,
            // Draining connections are not counted above; they are bounded all the same.
            self.connections.count < 4 * self.limits.maximumHTTP2Connections,
            self.streamCount < self.limits.maximumConnections
        else { return }
        let connection = LocalHTTP2Connection(
            pool: self,
            scheme: self.scheme,
            greetingTimeout: TimeAmount(self.timeouts.connect),
            idleTimeout: TimeAmount(self.timeouts.idle)
        )
        self.connections.append(connection)
        self.dialer.dial(connection.install) { result in
            guard case .failure = result else { return }
            self.report(isReachable: false)
            self.remove(connection, reason: .upstreamUnreachable)
        }
    }

    /// Without a connection nobody has to wait for, those who wait are told why.
    private func remove(_ connection: LocalHTTP2Connection, reason: TunnelResetReason) {
        guard let index = self.connections.firstIndex(where: { $0 === connection }) else { return }
        self.connections.remove(at: index)
        guard !connection.hasOpened, !self.connections.contains(where: \.isUsable) else { return self.serveSoon() }
        let waiting = self.waiting
        self.waiting = []
        for exchange in waiting { exchange.localAppUnreachable(reason) }
    }

    private func report(isReachable: Bool) {
        guard isReachable != self.isReachable else { return }
        self.isReachable = isReachable
        self.onEvent(isReachable ? .localAppReachable : .localAppUnreachable)
    }
}
