import Logging
import NIOCore
import SessionModel
import TunnelProtocol
import TunnelTransport

/// The edge's side of one agent connection: joins the session's pool when it is usable and leaves it at its end.
///
/// Confined to the connection's event loop.
final class TunnelEndpoint: TunnelConnectionDelegate {
    private let edge: EdgeContext
    private let session: EdgeSession
    private let eventLoop: any EventLoop
    private let agentID: String?
    private let index: Int
    private let takeover: Bool
    private var handle: TunnelHandle?

    init(
        edge: EdgeContext,
        session: EdgeSession,
        eventLoop: any EventLoop,
        agentID: String?,
        index: Int,
        takeover: Bool
    ) {
        self.edge = edge
        self.session = session
        self.eventLoop = eventLoop
        self.agentID = agentID
        self.index = index
        self.takeover = takeover
    }

    func tunnelConnected(_ connection: TunnelConnection, peer: TunnelPeer) {
        let now = self.edge.clock()
        let handle = TunnelHandle(connection, eventLoop: self.eventLoop, agentID: self.agentID, index: self.index)
        if self.session.record.endedAt(now: now) != nil {
            connection.close(.sessionClosed)
        } else if self.session.register(handle, takeover: self.takeover, now: now) != nil {
            // Another agent came first, after the handshake was judged.
            connection.close(.overloaded(retryAfter: .seconds(5)))
        } else {
            self.handle = handle
            self.edge.counters.tunnelAccepted()
            self.edge.logger.info(
                "tunnel connected",
                metadata: ["session.id": "\(self.session.id)", "tunnel.version": "\(peer.version.rawValue)"]
            )
        }
    }

    func tunnelReceivedStream(
        _ id: TunnelStreamID,
        kind: TunnelStreamKind,
        head: ByteBuffer,
        end: Bool,
        on connection: TunnelConnection
    ) -> (any TunnelStreamDelegate)? {
        nil
    }

    func tunnelReceivedPush(_ push: TunnelPush) {}

    func tunnelReceivedPause(_ paused: Bool) {
        self.session.setAgentPaused(paused)
    }

    func tunnelMeasuredRoundTrip(_ roundTrip: TimeAmount) {}

    func tunnelIsDraining(retryAfter: TimeAmount) {
        self.leave()
    }

    func tunnelClosed(_ reason: TunnelCloseReason) {
        self.leave()
        self.edge.logger.info(
            "tunnel closed",
            metadata: ["session.id": "\(self.session.id)", "tunnel.reason": "\(reason.text)"]
        )
    }

    private func leave() {
        if let handle { self.session.unregister(handle) }
        self.handle = nil
    }
}
