import AccessControl
import NIOCore
import SessionModel
import Synchronization

/// All sessions the edge knows, by slug and by identifier; kept current by the change feed.
final class SessionDirectory: Sendable {
    private struct State {
        var bySlug: [Slug: EdgeSession] = [:]
        var byID: [SessionID: EdgeSession] = [:]
    }

    private let state = Mutex(State())
    private let signer: ViewerCookieSigner
    private let configuration: EdgeConfiguration
    private let clock: WallClock
    private let timers: any EventLoop

    /// An empty directory; `timers` is the event loop on which expiries are watched.
    init(
        signer: ViewerCookieSigner,
        configuration: EdgeConfiguration,
        clock: @escaping WallClock,
        timers: any EventLoop
    ) {
        self.signer = signer
        self.configuration = configuration
        self.clock = clock
        self.timers = timers
    }

    /// The session with this slug; nil if there is none.
    func session(_ slug: Slug) -> EdgeSession? { self.state.withLock { $0.bySlug[slug] } }

    /// The session with this identifier; nil if there is none.
    func session(id: SessionID) -> EdgeSession? { self.state.withLock { $0.byID[id] } }

    /// Every session.
    var all: [EdgeSession] { self.state.withLock { Array($0.byID.values) } }

    /// Takes over a change; returns once new requests are judged by it.
    ///
    /// What is open is looked at right after, on the event loops.
    func apply(_ change: SessionChange) {
        switch change {
        case .updated(let record):
            let (session, isNew) = self.state.withLock { state in
                if let session = state.byID[record.id] { return (session, false) }
                let session = EdgeSession(record: record, signer: self.signer, configuration: self.configuration)
                state.byID[record.id] = session
                state.bySlug[record.slug] = session
                return (session, true)
            }
            if isNew { self.watchExpiry(of: session, at: record.expiresAt) }
            session.apply(record, signer: self.signer, now: self.clock())
        case .forgotten(let id):
            let session = self.state.withLock { state in
                let session = state.byID.removeValue(forKey: id)
                if let session, state.bySlug[session.slug] === session { state.bySlug[session.slug] = nil }
                return session
            }
            session?.forget()
        }
    }

    /// Enforces the end of a session at its time; re-armed when the clock says it is not there yet.
    private func watchExpiry(of session: EdgeSession, at expiresAt: Timestamp) {
        let wait = max(1, (expiresAt - self.clock()).wholeMilliseconds)
        self.timers.scheduleTask(in: .milliseconds(min(wait, 86_400_000))) { [weak session] in
            guard let session, session.record.closedAt == nil else { return }
            let now = self.clock()
            if session.record.expiresAt <= now {
                session.enforce(now: now)
            } else {
                self.watchExpiry(of: session, at: session.record.expiresAt)
            }
        }
    }
}
