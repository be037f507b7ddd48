import AccessControl
import Logging
import NIOCore
import ProxySemantics
import SessionModel
import Synchronization
import TunnelProtocol

/// What every connection of the edge shares.
///
/// All of it may be used from any event loop.
final class EdgeContext: Sendable {
    let configuration: EdgeConfiguration
    let router: RequestRouter
    let trustedProxies: TrustedProxies
    let directory: SessionDirectory
    let sessions: any SessionManagement
    let gateway: EdgeGateway
    let viewerSigner: ViewerCookieSigner
    /// Signs the cookie that gives an owner's browser its room and its controls, under `/.wormkey/` only.
    let ownerSigner: OwnerCookieSigner
    /// Signs the cookie by which the owner passes the viewer checks on the app's own pages; it controls nothing.
    let ownerPassSigner: OwnerCookieSigner
    let tunnelConfiguration: TunnelConfiguration
    let counters = EdgeCounters()
    let clock: WallClock
    let logger: Logger
    let allocator = ByteBufferAllocator()
    private let limiters: Mutex<Limiters>
    private let draining = Atomic<Bool>(false)
    private let boundPort: Atomic<Int>

    private struct Limiters {
        var unknownSlugs: RateLimiterTable<ClientAddress>
        var attempts = AttemptLimiter<AttemptKey>()
        var tunnelFailures = AttemptLimiter<ClientAddress>()
    }

    init(
        configuration: EdgeConfiguration,
        directory: SessionDirectory,
        sessions: any SessionManagement,
        gateway: EdgeGateway,
        signingKey: [UInt8],
        clock: @escaping WallClock,
        logger: Logger
    ) {
        self.configuration = configuration
        self.boundPort = Atomic(configuration.port)
        self.router = RequestRouter(publicAddress: configuration.publicAddress ?? .loopback)
        self.trustedProxies = TrustedProxies(configuration.trustedProxies)
        self.directory = directory
        self.sessions = sessions
        self.gateway = gateway
        self.viewerSigner = ViewerCookieSigner(key: signingKey)
        self.ownerSigner = OwnerCookieSigner(key: signingKey)
        let purpose = SecretDigest(of: "daypass owner pass v1").bytes
        self.ownerPassSigner = OwnerCookieSigner(key: zip(signingKey, purpose).map { $0 ^ $1 })
        var tunnel = TunnelConfiguration(budget: TunnelByteBudget())
        tunnel.maximumStreams = configuration.maximumStreamsPerSession
        self.tunnelConfiguration = tunnel
        self.clock = clock
        self.logger = logger
        self.limiters = Mutex(
            Limiters(
                unknownSlugs: RateLimiterTable(
                    capacity: 10_000,
                    ratePerSecond: Double(configuration.unknownSlugsPerMinute) / 60,
                    burst: configuration.unknownSlugsPerMinute
                )
            )
        )
    }

    /// What a request is for.
    func route(_ head: HTTPHead) throws(HTTPParseError) -> RequestRoute {
        try self.router.route(head, tenants: self.gateway.tenants)
    }

    /// The scheme the viewer used: that of the connection, or what a trusted proxy says of its own.
    func scheme(of head: HTTPHead, peer: ClientAddress, isTLS: Bool) -> String {
        if isTLS { return "https" }
        guard !self.trustedProxies.isEmpty, let field = head.first(.xForwardedProto),
            self.trustedProxies.isTrusted(peer)
        else { return "http" }
        return head.equals(field.value, "https") ? "https" : "http"
    }

    /// Where the edge is reached from outside.
    var publicAddress: PublicAddress {
        if let configured = self.configuration.publicAddress { return configured }
        let host = self.configuration.host.contains(":") ? "[\(self.configuration.host)]" : self.configuration.host
        let scheme = self.configuration.tlsCertificatePath == nil ? "http" : "https"
        let url = "\(scheme)://\(host):\(self.boundPort.load(ordering: .relaxed))"
        return PublicAddress(url: url, style: self.configuration.urlStyle) ?? .loopback
    }

    /// Remembers the port the system chose.
    func setBoundPort(_ port: Int) { self.boundPort.store(port, ordering: .relaxed) }

    /// Whether shutdown has begun: answers say `Connection: close` from then on.
    var isDraining: Bool { self.draining.load(ordering: .relaxed) }

    /// How long a connection without a request stays open once shutdown has begun.
    static let quiescingTime = TimeAmount.milliseconds(400)

    /// Begins the shutdown.
    func startDraining() { self.draining.store(true, ordering: .relaxed) }

    /// The answer for a slug nobody has: looking for slugs is rate limited per address.
    func unknownSlug(from address: ClientAddress) -> DaypassError {
        let now = NIODeadline.now().uptimeNanoseconds
        let wait = self.limiters.withLock { $0.unknownSlugs.take(address, now: now) }
        return wait.map { DaypassError(.rateLimited, retryAfterSeconds: $0) } ?? DaypassError(.sessionNotFound)
    }

    /// What the request says about who asks.
    func accessRequest(
        _ request: ViewerRequest,
        client: ClientAddress,
        session: EdgeSession,
        now: Timestamp
    ) -> AccessRequest {
        let head = request.head
        var access = AccessRequest(
            address: client,
            basicHeader: head.value(of: .authorization),
            daypassPassword: head.value(of: .xDaypassPassword)
        )
        guard head.first(.cookie) != nil else { return access }
        let slug = session.slug.rawValue
        if let cookie = head.cookie(DaypassCookie.viewer(slug)) {
            access.credential = session.policy.credential(inCookie: cookie)
        }
        if let cookie = head.cookie(DaypassCookie.ownerPass(slug)) {
            access.isOwner = self.ownerPassSigner.verify(cookie, record: session.record, now: now)
        } else if let cookie = head.cookie(DaypassCookie.owner(slug)) {
            // Browsers keep this one to `/.wormkey/`; other clients may send it by hand.
            access.isOwner = self.ownerSigner.verify(cookie, record: session.record, now: now)
        }
        return access
    }

    /// Seconds for which credentials from this address are not looked at; nil when none was offered or they are.
    func refusesAttempt(_ access: AccessRequest, on session: SessionID, now: Timestamp) -> Int? {
        guard access.basicHeader != nil || access.daypassPassword != nil else { return nil }
        let key = AttemptKey(session: session, address: access.address)
        return self.limiters.withLock { $0.attempts.isRefused(key, now: now) }
    }

    /// Counts a wrong credential.
    func recordFailedAttempt(_ access: AccessRequest, on session: SessionID, now: Timestamp) {
        let key = AttemptKey(session: session, address: access.address)
        self.limiters.withLock { $0.attempts.recordFailure(key, now: now) }
    }

    /// Seconds for which an address may not try session tokens at the tunnel or owner endpoint; nil when it may.
    func refusesToken(from address: ClientAddress, now: Timestamp) -> Int? {
        self.limiters.withLock { $0.tunnelFailures.isRefused(address, now: now) }
    }

    /// Counts a wrong session token.
    func recordWrongToken(from address: ClientAddress, now: Timestamp) {
        self.limiters.withLock { $0.tunnelFailures.recordFailure(address, now: now) }
    }
}
