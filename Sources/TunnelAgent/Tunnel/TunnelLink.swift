import NIOCore
import TunnelProtocol
import TunnelTransport
import UpstreamRelay

/// One tunnel connection of a slot, from the edge's agreement to its close: hands streams to the relay and everything
/// about the connection's life to its slot.
///
/// Confined to the agent's event loop.
final class TunnelLink: TunnelConnectionDelegate {
    private let relay: LocalRelay
    private weak var slot: TunnelSlot?
    /// Set once the edge agreed to the upgrade.
    var connection: TunnelConnection?
    /// What is known about the edge once the tunnel is usable.
    private(set) var peer: TunnelPeer?
    /// Whether new streams are refused, because the agent stops.
    var refusesStreams = false

    init(slot: TunnelSlot, relay: LocalRelay) {
        self.slot = slot
        self.relay = relay
    }

    func tunnelConnected(_ connection: TunnelConnection, peer: TunnelPeer) {
        self.connection = connection
        self.peer = peer
        self.slot?.connected(self, peer: peer)
    }

    func tunnelReceivedStream(
        _ id: TunnelStreamID,
        kind: TunnelStreamKind,
        head: ByteBuffer,
        end: Bool,
        on connection: TunnelConnection
    ) -> (any TunnelStreamDelegate)? {
        guard !self.refusesStreams else { return nil }
        return self.relay.accept(id, kind: kind, head: head, end: end, on: connection)
    }

    func tunnelReceivedPush(_ push: TunnelPush) {
        self.slot?.supervisor?.emit(.push(push.json))
    }

    func tunnelReceivedPause(_ paused: Bool) {
        // Only agents say this; the edge never does.
    }

    func tunnelMeasuredRoundTrip(_ roundTrip: TimeAmount) {
        self.slot?.supervisor?.emit(.roundTrip(.nanoseconds(roundTrip.nanoseconds)))
    }

    func tunnelIsDraining(retryAfter: TimeAmount) {
        self.slot?.draining(self, retryAfter: retryAfter)
    }

    func tunnelClosed(_ reason: TunnelCloseReason) {
        self.connection = nil
        self.slot?.closed(self, reason: reason)
    }
}
