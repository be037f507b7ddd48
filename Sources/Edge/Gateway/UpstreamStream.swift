import NIOCore
import ProxySemantics
import TunnelProtocol
import TunnelTransport
import UpstreamRelay

/// One request on its way to a tenant's upstream inside this process: to the exchange it looks like a stream of a tunnel,
/// to the relay like the tunnel it came from.
///
/// Confined to the event loop of both. Each direction lets a window of bytes be under way, as a tunnel's flow control
/// does. Bytes and heads are handed over at once; resets come in a turn of their own, because either side may be in the
/// middle of a call to the other.
final class UpstreamStream {
    /// Bytes under way in one direction before its sender is asked to pause.
    static let window = 256 << 10

    private let eventLoop: any EventLoop
    private weak var exchange: (any TunnelStreamDelegate)?
    private var relayed: (any TunnelStreamDelegate)?
    private var relayEnd: RelayEnd?
    private var toRelay = Window()
    private var toExchange = Window()
    private var isOver = false
    /// While the relay takes the request: what it says then is kept for the next turn.
    private var isOpening = true
    private var early: [() -> Void] = []

    private struct Window {
        var underWay = 0
        var isPaused = false

        /// Counts bytes handed over; whether their sender should pause.
        mutating func handed(_ bytes: Int) -> Bool {
            self.underWay += bytes
            if self.underWay > UpstreamStream.window { self.isPaused = true }
            return self.isPaused
        }

        /// Counts bytes that were taken; whether a paused sender may go on.
        mutating func taken(_ bytes: Int) -> Bool {
            self.underWay = max(0, self.underWay - bytes)
            guard self.isPaused, self.underWay <= UpstreamStream.window / 2 else { return false }
            self.isPaused = false
            return true
        }
    }

    private init(exchange: any TunnelStreamDelegate, eventLoop: any EventLoop) {
        self.exchange = exchange
        self.eventLoop = eventLoop
    }

    /// Hands a request to `relay`; nil when it takes no more.
    static func open(
        on relay: LocalRelay,
        kind: TunnelStreamKind,
        head: ByteBuffer,
        end: Bool,
        delegate: any TunnelStreamDelegate,
        eventLoop: any EventLoop
    ) -> UpstreamStream? {
        let stream = UpstreamStream(exchange: delegate, eventLoop: eventLoop)
        let relayEnd = RelayEnd(stream)
        stream.relayEnd = relayEnd
        guard let relayed = relay.accept(TunnelStreamID(1), kind: kind, head: head, end: end, on: relayEnd) else {
            return nil
        }
        stream.relayed = relayed
        stream.isOpening = false
        return stream
    }

    // MARK: The exchange's side

    /// Sends body bytes, or bytes of an upgraded stream.
    func sendData(_ data: ByteBuffer) -> TunnelConnection.SendResult {
        guard let relayed else { return .more }
        let count = data.readableBytes
        let pauses = self.toRelay.handed(count)
        relayed.tunnelStreamReceived(data: data)
        return pauses && self.toRelay.isPaused ? .pause : .more
    }

    /// Ends the request.
    func sendEnd(trailers: ByteBuffer?) { self.relayed?.tunnelStreamReceivedEnd(trailers: trailers) }

    /// Gives the request up; the exchange hears nothing more.
    func reset(_ reason: TunnelResetReason) {
        self.exchange = nil
        self.eventLoop.assumeIsolated().execute { self.endRelayed(reason) }
    }

    /// The viewer took bytes of the answer.
    func consumed(_ bytes: Int) {
        guard self.toExchange.taken(bytes) else { return }
        self.eventLoop.assumeIsolated().execute { self.relayed?.tunnelStreamWritable() }
    }

    private func endRelayed(_ reason: TunnelResetReason) {
        let relayed = self.relayed
        self.relayed = nil
        self.relayEnd = nil
        guard !self.isOver else { return }
        self.isOver = true
        relayed?.tunnelStreamReset(reason)
    }

    // MARK: The relay's side

    private func deliver(_ action: @escaping () -> Void) {
        guard self.isOpening || !self.early.isEmpty else { return action() }
        if self.early.isEmpty {
            self.eventLoop.assumeIsolated()
                .execute {
                    let early = self.early
                    self.early = []
                    for action in early { action() }
                }
        }
        self.early.append(action)
    }

    /// The stream as the relay sees it.
    private final class RelayEnd: RelayTunnel {
        private weak var stream: UpstreamStream?

        init(_ stream: UpstreamStream) { self.stream = stream }

        var version: TunnelVersion { .v1 }

        func sendHead(_ head: ByteBuffer, end: Bool, on id: TunnelStreamID) {
            guard let stream else { return }
            stream.deliver { stream.exchange?.tunnelStreamReceived(head: head, end: end) }
        }

        func sendData(_ data: ByteBuffer, on id: TunnelStreamID) -> TunnelConnection.SendResult {
            guard let stream else { return .more }
            _ = stream.toExchange.handed(data.readableBytes)
            stream.deliver { stream.exchange?.tunnelStreamReceived(data: data) }
            return stream.toExchange.isPaused ? .pause : .more
        }

        func sendEnd(trailers: ByteBuffer?, on id: TunnelStreamID) {
            guard let stream else { return }
            stream.deliver { stream.exchange?.tunnelStreamReceivedEnd(trailers: trailers) }
        }

        func reset(_ id: TunnelStreamID, _ reason: TunnelResetReason) {
            guard let stream else { return }
            stream.isOver = true
            stream.relayed = nil
            // The request was answered in full and the rest of it is not wanted: its exchange has ended itself.
            guard reason != .noError else { return }
            stream.eventLoop.assumeIsolated()
                .execute {
                    let exchange = stream.exchange
                    stream.exchange = nil
                    exchange?.tunnelStreamReset(reason)
                }
        }

        func consumed(_ bytes: Int, on id: TunnelStreamID) {
            guard let stream, stream.toRelay.taken(bytes) else { return }
            stream.eventLoop.assumeIsolated().execute { stream.exchange?.tunnelStreamWritable() }
        }
    }
}

@available(*, unavailable)
extension UpstreamStream: Sendable {}
