import NIOCore
import TunnelProtocol
import TunnelTransport
import UpstreamRelay

/// One place in the agent's pool of tunnel connections: keeps a connection standing in it.
///
/// Confined to the agent's event loop.
///
/// ```
///          dial              upgrade + hello
/// empty ────────▶ dialing ───────────────────▶ standing ──drain──▶ dialing, while the old one finishes its streams
///   ▲               │ failed                      │ lost
///   └── backoff ◀───┴─────────────────────────────┘            (a permanent reason ends the agent instead)
/// ```
final class TunnelSlot {
    private(set) weak var supervisor: TunnelSupervisor?
    /// The number of this place in the pool, from 0.
    private let number: Int
    private let dialer: TunnelDialer
    private let relay: LocalRelay
    private let eventLoop: any EventLoop
    private var backoff = ReconnectBackoff()
    private var attempt: TunnelDialer.Attempt?
    private var retry: Scheduled<Void>?
    /// The connection in this place, from the edge's agreement to the upgrade on.
    private var link: TunnelLink?
    /// Connections that finish their streams after the edge said it is going away.
    private var leaving: [TunnelLink] = []
    private var isStopped = false

    /// How many attempts there were since a connection stood.
    private(set) var attempts = 0

    init(number: Int, supervisor: TunnelSupervisor, dialer: TunnelDialer, relay: LocalRelay, eventLoop: any EventLoop) {
        self.number = number
        self.supervisor = supervisor
        self.dialer = dialer
        self.relay = relay
        self.eventLoop = eventLoop
    }

    /// Whether a usable connection is in this place.
    var isStanding: Bool { self.link?.peer != nil }

    /// Whether nothing is here and nothing is being tried.
    var isEmpty: Bool { self.link == nil && self.attempt == nil && self.retry == nil }

    /// Whether any connection exists, leaving ones included.
    var hasConnections: Bool { !self.allLinks.isEmpty }

    /// Whether any connection has a stream with something left to send or to receive.
    var hasOpenStreams: Bool {
        self.allLinks.contains { ($0.connection?.openStreamCount ?? 0) > 0 }
    }

    private var allLinks: [TunnelLink] { [self.link].compactMap { $0 } + self.leaving }

    /// Dials now.
    func dial() {
        guard !self.isStopped, self.attempt == nil, self.link == nil, let supervisor = self.supervisor else { return }
        self.retry?.cancel()
        self.retry = nil
        self.attempts += 1
        supervisor.dialing(self)
        let link = TunnelLink(slot: self, relay: self.relay)
        self.attempt = self.dialer.dial(place: self.number, takesOver: supervisor.takesOver, delegate: link) { result in
            self.attempt = nil
            switch result {
            case .success(let connection):
                link.connection = connection
                self.link = link
            case .failure(.permanent(let end)):
                self.supervisor?.end(end)
            case .failure(.temporary(let reason, let after)):
                self.redial(reason: reason, retryAfter: after)
            }
        }
    }

    /// Drops what is here and dials at once, because the machine was asleep and no connection can be trusted.
    func restart() {
        guard !self.isStopped else { return }
        self.attempt?.cancel()
        self.attempt = nil
        let link = self.link
        self.link = nil
        link?.connection?.close(.normal)
        self.backoff.reset()
        self.dial()
    }

    /// Dials nothing more and takes no new streams; open ones go on.
    func drain() {
        self.stopDialing()
        for link in self.allLinks {
            link.refusesStreams = true
            link.connection?.drain(retryAfter: .zero)
        }
    }

    /// Dials nothing more and closes every connection.
    func close() {
        self.stopDialing()
        for link in self.allLinks { link.connection?.close(.normal) }
    }

    private func stopDialing() {
        self.isStopped = true
        self.attempt?.cancel()
        self.attempt = nil
        self.retry?.cancel()
        self.retry = nil
    }

    // MARK: Told by the link

    func connected(_ link: TunnelLink, peer: TunnelPeer) {
        // A link given up meanwhile may still finish its hello.
        guard self.link === link || self.link == nil else { return }
        self.link = link
        self.attempts = 0
        self.backoff.connected(now: .now())
        self.supervisor?.connected(self, peer: peer)
    }

    func draining(_ link: TunnelLink, retryAfter: TimeAmount) {
        guard self.link === link, !self.isStopped else { return }
        self.link = nil
        self.leaving.append(link)
        if retryAfter > .zero {
            self.scheduleDial(in: retryAfter)
        } else {
            self.dial()
        }
    }

    func closed(_ link: TunnelLink, reason: TunnelCloseReason) {
        if let index = self.leaving.firstIndex(where: { $0 === link }) {
            self.leaving.remove(at: index)
        } else if self.link === link {
            self.link = nil
            if !self.isStopped, !reason.isPermanent {
                self.redial(reason: reason.sentence, retryAfter: reason.retryAfter)
            }
        }
        self.supervisor?.closed(self, reason: reason)
    }

    private func redial(reason: String, retryAfter: TimeAmount?) {
        guard !self.isStopped, let supervisor = self.supervisor else { return }
        let delay = self.backoff.failed(now: .now(), retryAfter: retryAfter, using: &supervisor.generator)
        self.scheduleDial(in: delay)
        supervisor.disconnected(self, reason: reason, retryIn: delay)
    }

    private func scheduleDial(in delay: TimeAmount) {
        self.retry?.cancel()
        self.retry = self.eventLoop.assumeIsolated()
            .scheduleTask(in: delay) {
                self.retry = nil
                self.dial()
            }
    }
}

extension TunnelCloseReason {
    /// Why the connection is gone, for people.
    var sentence: String {
        switch self {
        case .normal: "the edge closed the tunnel"
        case .drained: "the edge is restarting"
        case .protocolError: "the edge broke the tunnel protocol"
        case .missedPongs: "the edge stopped answering"
        case .transportLost: "the connection to the edge was lost"
        case .overloaded: "the edge is overloaded"
        case .backlogLimit, .internalError: "the edge could not keep the tunnel"
        case .replaced, .sessionClosed, .sessionExpired, .unauthorized: self.text
        }
    }
}
