import NIOCore

/// An exchange as the session holds it, to be reached from any thread.
struct ExchangeHandle: Sendable {
    private let eventLoop: any EventLoop
    private let exchange: NIOLoopBound<Exchange>

    /// Call on the exchange's event loop.
    init(_ exchange: Exchange, eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.exchange = NIOLoopBound(exchange, eventLoop: eventLoop)
    }

    /// Runs `body` on the exchange's event loop, later.
    func run(_ body: @escaping @Sendable (Exchange) -> Void) {
        self.eventLoop.execute { body(self.exchange.value) }
    }
}
