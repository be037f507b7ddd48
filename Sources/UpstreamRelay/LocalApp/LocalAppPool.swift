import DequeModule
import NIOCore

/// The HTTP/1.1 connections to the local app: kept while they are useful, bounded in number, handed out one exchange at a time.
///
/// Confined to its event loop. A connection comes back only after a complete request and a complete answer that
/// allows another; the one used last is used first, so that a quiet pool shrinks to what is needed.
final class LocalAppPool: LocalCarrierPool {
    private let dialer: LocalDialer
    private let limits: LocalRelayConfiguration.PoolLimits
    private let idleTimeout: TimeAmount
    private let onReachability: (Bool) -> Void

    /// Connections without an exchange, the one used last at the end.
    private var idle: [LocalConnection] = []
    /// Connections that exist or are being made, WebSockets not counted.
    private(set) var connectionCount = 0
    /// WebSocket connections that exist or are being made.
    private(set) var webSocketCount = 0
    /// Exchanges for which there was no place.
    private var waiting: Deque<LocalExchange> = []
    private var isReachable = true

    /// A pool without connections.
    ///
    /// - Parameters:
    ///   - dialer: makes the connections.
    ///   - limits: how many there may be.
    ///   - idleTimeout: how long one is kept without an exchange.
    ///   - onReachability: called when connecting starts to fail (false) and when it works again (true).
    init(
        dialer: LocalDialer,
        limits: LocalRelayConfiguration.PoolLimits,
        idleTimeout: TimeAmount,
        onReachability: @escaping (Bool) -> Void
    ) {
        self.dialer = dialer
        self.limits = limits
        self.idleTimeout = idleTimeout
        self.onReachability = onReachability
    }

    /// How many connections wait for an exchange.
    var idleCount: Int { self.idle.count }

    /// How many exchanges wait for a connection.
    var waitingCount: Int { self.waiting.count }

    func acquire(for exchange: LocalExchange) -> Bool {
        if !self.idle.isEmpty {
            let now = NIODeadline.now()
            while let connection = self.idle.popLast() {
                if connection.isOpen, connection.idleDeadline > now {
                    exchange.begin(on: connection)
                    return true
                }
                connection.close()
            }
        }
        return self.acquireFresh(for: exchange)
    }

    /// Gives `exchange` a connection that was never used, as soon as there is a place.
    func acquireFresh(for exchange: LocalExchange) -> Bool {
        if self.connectionCount < self.limits.maximumConnections {
            self.connect(for: exchange, isPooled: true)
            return true
        }
        guard self.waiting.count < self.limits.maximumWaiting else { return false }
        self.waiting.append(exchange)
        return true
    }

    /// Gives `exchange` a connection of its own; false when there are too many WebSockets.
    func acquireForWebSocket(_ exchange: LocalExchange) -> Bool {
        guard self.webSocketCount < self.limits.maximumWebSockets else { return false }
        self.connect(for: exchange, isPooled: false)
        return true
    }

    func cancel(_ exchange: LocalExchange) {
        if let index = self.waiting.firstIndex(where: { $0 === exchange }) { self.waiting.remove(at: index) }
    }

    /// Takes a connection back after a complete request and a complete answer.
    ///
    /// - Parameters:
    ///   - connection: usable for another request.
    ///   - announcedIdle: how long the local app said it will wait (`Keep-Alive: timeout`), if it did.
    func release(_ connection: LocalConnection, announcedIdle: TimeAmount?) {
        connection.finishExchange()
        // A second less than announced: a request must not meet the app's close on the way.
        let limit = announcedIdle.map { min($0 - .seconds(1), self.idleTimeout) } ?? self.idleTimeout
        guard connection.isPooled, connection.isOpen, limit > .zero else {
            connection.close()
            return
        }
        connection.idleDeadline = .now() + limit
        self.offer(connection)
    }

    /// A connection is gone; called once for each that was made.
    func closed(_ connection: LocalConnection) {
        if let index = self.idle.lastIndex(where: { $0 === connection }) { self.idle.remove(at: index) }
        self.free(isPooled: connection.isPooled)
    }

    func sweep(now: NIODeadline) {
        guard self.idle.contains(where: { $0.idleDeadline <= now }) else { return }
        let expired = self.idle.filter { $0.idleDeadline <= now }
        self.idle.removeAll { $0.idleDeadline <= now }
        for connection in expired { connection.close() }
    }

    /// Closes every idle connection; those in use close with their exchanges.
    func stop() {
        self.dialer.stop()
        let connections = self.idle
        self.idle = []
        for connection in connections { connection.close() }
    }

    // MARK: Connecting

    private func connect(for exchange: LocalExchange, isPooled: Bool) {
        if isPooled { self.connectionCount += 1 } else { self.webSocketCount += 1 }
        let connection = LocalConnection(pool: self, isPooled: isPooled)
        let install = { (channel: any Channel) throws in try channel.pipeline.syncOperations.addHandler(connection) }
        self.dialer.dial(install) { result in
            switch result {
            case .success:
                self.report(isReachable: true)
                if exchange.wantsCarrier {
                    exchange.begin(on: connection)
                } else if isPooled {
                    connection.idleDeadline = .now() + self.idleTimeout
                    self.offer(connection)
                } else {
                    connection.close()
                }
            case .failure:
                self.report(isReachable: false)
                exchange.localAppUnreachable()
                self.free(isPooled: isPooled)
            }
        }
    }

    /// Gives a usable connection to whoever waits, or keeps it.
    private func offer(_ connection: LocalConnection) {
        if let exchange = self.waiting.popFirst() {
            exchange.begin(on: connection)
            return
        }
        self.idle.append(connection)
        if self.idle.count > self.limits.maximumIdle { self.idle.removeFirst().close() }
    }

    private func free(isPooled: Bool) {
        guard isPooled else {
            self.webSocketCount -= 1
            return
        }
        self.connectionCount -= 1
        if let exchange = self.waiting.popFirst() { self.connect(for: exchange, isPooled: true) }
    }

    private func report(isReachable: Bool) {
        guard isReachable != self.isReachable else { return }
        self.isReachable = isReachable
        self.onReachability(isReachable)
    }
}
