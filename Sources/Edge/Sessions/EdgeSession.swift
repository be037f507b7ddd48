import AccessControl
import NIOCore
import ProxySemantics
import SessionModel
import Synchronization
import TunnelProtocol
import TunnelTransport

/// One session as the edge enforces it: its policy, its viewers, its tunnels and what is open right now.
///
/// Shared between event loops; every access is one short critical section, and effects on connections run after it, on
/// their own loops.
final class EdgeSession: Sendable {
    /// A viewer's place in the session while one exchange is open.
    struct Ticket {
        /// Names the exchange in the session.
        var token: UInt64
        /// The viewer's record; nil for the owner.
        var viewer: ViewerHandle?
        /// What was decided on, for deciding again when the session changes.
        var access: AccessRequest
        /// A viewer cookie to set with the answer.
        var viewerCookie: String?
        /// How long cookies of this session last.
        var cookieLifetime: Duration
        /// The port the app is said to listen on.
        var port: Int
        /// Whether the edge itself reads `Authorization` in this session.
        var usesBasic: Bool
    }

    /// What came of asking to enter.
    enum Admission {
        case admitted(Ticket)
        case refused(DaypassError, failedAttempt: Bool)
    }

    private struct State {
        var policy: CompiledPolicy
        var viewers: ViewerRegistry
        var sessionRate: RateLimiterTable<SessionID>
        var addressRate: RateLimiterTable<ClientAddress>
        var exchanges: [UInt64: ExchangeHandle] = [:]
        /// Open exchanges of viewers by address; addresses without any are not in it.
        var openByAddress: [ClientAddress: Int] = [:]
        var waiting: [UInt64] = []
        var nextToken: UInt64 = 0
        var tunnels = TunnelPool()
        var agentPaused = false
        var lastPush = ""
    }

    /// How long requests that are open at an agent may go on once another one has taken over.
    private static let takeoverGrace = TimeAmount.seconds(10)

    let id: SessionID
    let slug: Slug
    private let maximumStreams: Int
    private let maximumStreamsPerAddress: Int
    private let state: Mutex<State>

    init(record: SessionRecord, signer: ViewerCookieSigner, configuration: EdgeConfiguration) {
        self.id = record.id
        self.slug = record.slug
        self.maximumStreams = configuration.maximumStreamsPerSession
        self.maximumStreamsPerAddress = configuration.maximumStreamsPerAddress
        var viewers = ViewerRegistry(slug: record.slug, signer: signer)
        viewers.applyKicks(record.kickedViewers)
        self.state = Mutex(
            State(
                policy: CompiledPolicy(record: record, signer: signer),
                viewers: viewers,
                sessionRate: RateLimiterTable(
                    capacity: 1,
                    ratePerSecond: Double(configuration.requestsPerSecondPerSession),
                    burst: configuration.requestsPerSecondPerSession * 2
                ),
                addressRate: RateLimiterTable(
                    capacity: 4096,
                    ratePerSecond: Double(configuration.requestsPerSecondPerAddress),
                    burst: configuration.requestsPerSecondPerAddress * 2
                )
            )
        )
    }

    /// The current record.
    var record: SessionRecord { self.state.withLock { $0.policy.record } }

    /// The current policy, compiled.
    var policy: CompiledPolicy { self.state.withLock { $0.policy } }

    // MARK: Entering and leaving

    /// Decides about a request and, when it may pass, counts it as open.
    ///
    /// `wantsCookie` says that the client is a browser without a viewer cookie. `monotonic` is in nanoseconds.
    func admit(
        _ access: AccessRequest,
        request: ViewerRequest,
        exchange: ExchangeHandle,
        now: Timestamp,
        monotonic: UInt64
    ) -> Admission {
        let wantsCookie = access.credential == nil && !access.isOwner && request.prefersHTML
        return self.state.withLock { state in
            let decision = request.withTarget { target in
                state.policy.decide(
                    access,
                    path: target,
                    now: now,
                    viewers: &state.viewers,
                    userAgent: { request.head.value(of: .userAgent) ?? "" },
                    rate: {
                        if state.exchanges.count >= self.maximumStreams { return 1 }
                        let isOwnShareUsed =
                            state.openByAddress[access.address, default: 0] >= self.maximumStreamsPerAddress
                        if isOwnShareUsed, !access.isOwner { return 1 }
                        return state.addressRate.take(access.address, now: monotonic)
                            ?? state.sessionRate.take(self.id, now: monotonic)
                    }
                )
            }
            switch decision {
            case .refused(let error, let failedAttempt):
                return .refused(error, failedAttempt: failedAttempt)
            case .allowed(let viewer):
                if state.agentPaused, !access.isOwner {
                    if let viewer { state.viewers.streamClosed(viewer, now: now) }
                    return .refused(DaypassError(.tunnelPaused, retryAfterSeconds: 30), failedAttempt: false)
                }
                state.nextToken += 1
                state.exchanges[state.nextToken] = exchange
                if !access.isOwner { state.openByAddress[access.address, default: 0] += 1 }
                let record = state.policy.record
                var ticket = Ticket(
                    token: state.nextToken,
                    viewer: viewer,
                    access: access,
                    viewerCookie: nil,
                    cookieLifetime: record.expiresAt - now,
                    port: record.port,
                    usesBasic: state.policy.readsAuthorization
                )
                if wantsCookie, let viewer {
                    var generator = SystemRandomNumberGenerator()
                    let credential = ViewerCredential.new(issuedAt: now, using: &generator)
                    state.viewers.cookieIssued(credential.viewerID, to: viewer)
                    ticket.viewerCookie = state.policy.cookie(for: credential)
                }
                return .admitted(ticket)
            }
        }
    }

    /// The exchange of `ticket` is over after sending `bytes` to the viewer.
    func leave(_ ticket: Ticket, bytes: Int, now: Timestamp) {
        self.state.withLock { state in
            state.exchanges[ticket.token] = nil
            if !ticket.access.isOwner, let open = state.openByAddress[ticket.access.address] {
                state.openByAddress[ticket.access.address] = open > 1 ? open - 1 : nil
            }
            if !state.waiting.isEmpty { state.waiting.removeAll { $0 == ticket.token } }
            if let viewer = ticket.viewer { state.viewers.streamClosed(viewer, bytes: bytes, now: now) }
        }
    }

    /// Counts bytes sent to a viewer on a stream that stays open.
    func sent(_ bytes: Int, to viewer: ViewerHandle) {
        self.state.withLock { $0.viewers.sent(bytes, to: viewer) }
    }

    // MARK: Tunnels

    /// The tunnels to try for a new stream, the best first.
    func tunnels() -> [TunnelHandle] {
        self.state.withLock { $0.tunnels.rotation() }
    }

    /// Lets the exchange of `ticket` wait for a tunnel; false when one connected meanwhile.
    func wait(_ ticket: Ticket) -> Bool {
        self.state.withLock { state in
            guard state.tunnels.isEmpty else { return false }
            state.waiting.append(ticket.token)
            return true
        }
    }

    /// Why an agent's connection would not be taken in, before it is upgraded; nil when it would.
    func refusesTunnel(agentID: String?, takeover: Bool) -> DaypassError? {
        self.state.withLock { $0.tunnels.refusal(agentID: agentID, takeover: takeover) }
    }

    /// Takes in an agent's connection, or says why not; connections it replaces are closed.
    func register(_ tunnel: TunnelHandle, takeover: Bool, now: Timestamp) -> DaypassError? {
        let (outcome, push, waiting) = self.state.withLock { state in
            let outcome = state.tunnels.add(tunnel, takeover: takeover)
            guard case .added = outcome else { return (outcome, "", [ExchangeHandle]()) }
            let waiting = state.waiting.compactMap { state.exchanges[$0] }
            state.waiting = []
            state.lastPush = Self.pushText(&state, now: now)
            return (outcome, state.lastPush, waiting)
        }
        switch outcome {
        case .refused(let error): return error
        case .added(let replaced):
            for old in replaced {
                if old.agentID == tunnel.agentID, tunnel.agentID != nil {
                    // The agent itself has given that one up.
                    old.run { $0.close(.replaced) }
                } else {
                    old.run { $0.retire(.replaced, within: Self.takeoverGrace) }
                }
            }
            tunnel.run { $0.sendPush(push) }
            for exchange in waiting { exchange.run { $0.tunnelArrived() } }
            return nil
        }
    }

    /// An agent's connection is gone.
    func unregister(_ tunnel: TunnelHandle) {
        self.state.withLock { state in
            state.tunnels.remove(tunnel)
            if state.tunnels.isEmpty { state.agentPaused = false }
        }
    }

    /// The agent itself asked for a pause or its end.
    func setAgentPaused(_ paused: Bool) {
        self.state.withLock { $0.agentPaused = paused }
    }

    /// How many agents' connections serve the session.
    var tunnelCount: Int { self.state.withLock { $0.tunnels.count } }

    // MARK: Changes

    /// Takes over a newer record, and cuts what may not go on under it.
    func apply(_ record: SessionRecord, signer: ViewerCookieSigner, now: Timestamp) {
        let isNewer = self.state.withLock { state in
            guard record.revision > state.policy.record.revision else { return false }
            state.policy = CompiledPolicy(record: record, signer: signer)
            state.viewers.applyKicks(record.kickedViewers)
            return true
        }
        if isNewer { self.enforce(now: now) }
    }

    /// Looks again at everything that is open: called after a change and when the session expires.
    func enforce(now: Timestamp) {
        let (policy, exchanges, tunnels, push) = self.state.withLock { state in
            state.lastPush = Self.pushText(&state, now: now)
            return (state.policy, Array(state.exchanges.values), state.tunnels.all, state.lastPush)
        }
        for exchange in exchanges { exchange.run { $0.reconsider(policy, now: now) } }
        let record = policy.record
        let end: TunnelCloseReason? =
            record.closedAt != nil ? .sessionClosed : record.expiresAt <= now ? .sessionExpired : nil
        for tunnel in tunnels {
            tunnel.run { connection in
                if let end { connection.close(end) } else { connection.sendPush(push) }
            }
        }
    }

    /// Ends everything: the session is forgotten.
    func forget() {
        let (exchanges, tunnels) = self.state.withLock { (Array($0.exchanges.values), $0.tunnels.all) }
        for exchange in exchanges { exchange.run { $0.cut(DaypassError(.sessionClosed)) } }
        for tunnel in tunnels { tunnel.run { $0.close(.sessionClosed) } }
    }

    /// Tells agents about viewers that came or went since the last time.
    func pushIfChanged(now: Timestamp) {
        let (tunnels, push) = self.state.withLock { state in
            guard !state.tunnels.isEmpty, state.viewers.recordCount > 0 else { return ([TunnelHandle](), "") }
            let push = Self.pushText(&state, now: now)
            guard push != state.lastPush else { return ([], "") }
            state.lastPush = push
            return (state.tunnels.all, push)
        }
        for tunnel in tunnels { tunnel.run { $0.sendPush(push) } }
    }

    /// What agents are told: whether the session is paused, when it ends, its policy without the password, and how
    /// many viewers are present.
    private static func pushText(_ state: inout State, now: Timestamp) -> String {
        let record = state.policy.record
        let facts: JSONValue = [
            "paused": .bool(record.isPaused),
            "expiresAt": .string(record.expiresAt.iso8601),
            "viewers": .integer(state.viewers.presentCount(now: now)),
            "policy": [
                "public": .bool(record.policy.isPublic),
                "maxConcurrentViewers": .integer(record.policy.maxConcurrentViewers),
                "blockPaths": .array(record.policy.blockPaths.map { .string($0) }),
                "hasPassword": .bool(!record.policy.password.isEmpty),
            ],
        ]
        return facts.text
    }

    // MARK: Facts

    /// Viewers that count as present, most recently seen first.
    func presentViewers(now: Timestamp) -> [ViewerSummary] { self.state.withLock { $0.viewers.present(now: now) } }

    /// How to remove a viewer that has been seen lately.
    func kickable(_ viewerID: String, now: Timestamp) -> KickedViewer? {
        self.state.withLock { $0.viewers.kickable(viewerID, now: now) }
    }

    /// How many streams are open.
    var openStreamCount: Int { self.state.withLock { $0.exchanges.count } }
}
