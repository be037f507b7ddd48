import AccessControl
import NIOCore
import ProxySemantics
import SessionModel
import TunnelProtocol
import TunnelTransport

/// One request of a viewer, from its head to the last byte of the answer.
///
/// Decides with `EdgeSession.admit`, opens a stream in one of the session's tunnels and relays both directions. It is
/// the stream's delegate; everything happens on the event loop that the viewer's connection and the tunnel share.
///
/// ```
/// start ─▶ refused (answered)
///       └▶ admitted ─▶ waiting for a tunnel (bounded) ─▶ relaying ─▶ finished
///                                                         └ duplex ─▶ finished
/// ```
///
/// A request to a tenant's API is judged by the gateway instead (`Exchange+Gateway.swift`), and may go to an upstream that
/// is no tunnel; relaying is the same.
final class Exchange {
    enum State {
        case new
        case waitingForTunnel
        /// A quota is being written to the store.
        case waitingForReservation
        /// The body of a repeated request is read to be compared with the first one's.
        case comparing
        /// The rest of the request is read and dropped, then this is the answer.
        case discarding(EdgeAnswer)
        case relaying
        case duplex
        /// Collecting the body of a request for the edge's own pages.
        case collecting(OwnerPages)
        case finished
    }

    /// The longest body the edge's own pages take, in bytes.
    private static let maximumPageBody = 16_384

    let edge: EdgeContext
    let request: ViewerRequest
    unowned let responder: any ViewerResponder
    var state = State.new
    var session: EdgeSession?
    var ticket: EdgeSession.Ticket?
    var stream: RelayStream?
    /// What the API gateway decided; nil for requests to sessions.
    var gateway: GatewayExchange?
    var mapping = AddressMapping(pathPrefix: "", publicBase: "", localAuthorities: [])
    var isWebSocket = false
    /// Whether an informational answer went to the viewer.
    var hasSentInterim = false
    /// Whether the request was sent a second time.
    var hasRetried = false
    var requestEndSent = false
    /// Whether the app's side of a duplex stream is over.
    var answerEnded = false
    var headSent = false
    var isHEAD = false
    var framing = ResponseFraming.none
    var responseBytesLeft = 0
    var bytesSent = 0
    var bytesReported = 0
    var bytesDiscarded = 0
    /// Whether the request's body is not read because its way on is full.
    var isUploadPaused = false
    var unconsumed = 0
    var extraFields = ByteBuffer()
    private var pageBody = ByteBuffer()
    /// What arrived of the request, in the same burst, before it had somewhere to go; reading is paused after that.
    private var queuedBody = ByteBuffer()
    private var queuedEnd: ByteBuffer??

    init(edge: EdgeContext, request: ViewerRequest, responder: any ViewerResponder) {
        self.edge = edge
        self.request = request
        self.responder = responder
        self.isHEAD = request.head.isMethod("HEAD")
    }

    // MARK: Beginning

    /// Routes the request and answers it or opens its stream.
    func start() {
        switch self.request.route.destination {
        case .session(let slug, let naming): self.enter(slug, naming)
        case .addSlash(let slug): self.redirectToSlash(slug)
        case .reserved(let slug): self.startReserved(slug)
        case .tenant(let slug): self.enterGateway(slug)
        case .published(let resource): self.publish(resource)
        case .nothing: self.refuse(DaypassError(.notFound))
        case .misdirected: self.refuse(DaypassError(.misdirectedRequest))
        case .tunnel: preconditionFailure("the tunnel endpoint is answered by the connection")
        }
    }

    private func enter(_ slug: Slug, _ naming: RequestRoute.Naming) {
        guard let session = self.edge.directory.session(slug) else {
            self.refuse(self.edge.unknownSlug(from: self.clientAddress), forgetsRoute: naming == .cookie)
            return
        }
        self.session = session
        let now = self.edge.clock()
        let access = self.edge.accessRequest(self.request, client: self.clientAddress, session: session, now: now)
        if let seconds = self.edge.refusesAttempt(access, on: session.id, now: now) {
            self.refuse(DaypassError(.rateLimited, retryAfterSeconds: seconds))
            return
        }
        let admission = session.admit(
            access,
            request: self.request,
            exchange: ExchangeHandle(self, eventLoop: self.responder.eventLoop),
            now: now,
            monotonic: NIODeadline.now().uptimeNanoseconds
        )
        switch admission {
        case .refused(let error, let failedAttempt):
            if failedAttempt { self.edge.recordFailedAttempt(access, on: session.id, now: now) }
            self.refuse(error, session: session)
        case .admitted(let ticket):
            self.ticket = ticket
            self.prepare(slug, naming, ticket)
            if !self.openOnAnyTunnel(of: session) { self.waitForTunnel(session, ticket) }
        }
    }

    private func prepare(_ slug: Slug, _ naming: RequestRoute.Naming, _ ticket: EdgeSession.Ticket) {
        self.mapping = AddressMapping(
            slug: slug,
            naming: naming,
            scheme: self.request.scheme,
            host: self.request.host,
            port: ticket.port
        )
        self.isWebSocket = self.request.head.asksForWebSocket && !self.request.hasBody
        if let cookie = ticket.viewerCookie {
            self.writeCookie(DaypassCookie.viewer(slug.rawValue), cookie, maximumAge: ticket.cookieLifetime)
        }
        // The visit to `/s/{slug}/`, or any page under it, makes absolute paths of the app work.
        let isVisit = naming == .path && (self.request.prefersHTML || self.request.path == "/")
        if isVisit, self.request.head.cookie(DaypassCookie.route) != slug.rawValue {
            self.writeCookie(DaypassCookie.route, slug.rawValue, maximumAge: ticket.cookieLifetime)
        }
    }

    private func writeCookie(_ name: String, _ value: String, maximumAge: Duration) {
        let cookie = SetCookie(
            name: name,
            value: value,
            maximumAge: maximumAge.components.seconds,
            isSecure: self.request.isSecure
        )
        self.extraFields.writeString("Set-Cookie: \(cookie.text)\r\n")
    }

    // MARK: Request from the viewer

    /// Body bytes of the request arrived.
    func requestBody(_ data: ByteBuffer) {
        if case .collecting = self.state {
            guard self.pageBody.readableBytes + data.readableBytes <= Self.maximumPageBody else {
                self.refuse(DaypassError(.bodyTooLarge))
                return
            }
            self.pageBody.writeImmutableBuffer(data)
            return
        }
        switch self.state {
        case .relaying:
            guard let stream else { return }
            self.gateway?.requestBody(data)
            if case .pause = stream.sendData(data) {
                self.isUploadPaused = true
                self.responder.pauseReading(true)
            }
        case .waitingForTunnel, .waitingForReservation: self.queuedBody.writeImmutableBuffer(data)
        case .comparing: self.gateway?.requestBody(data)
        case .discarding(let answer): self.discard(data, before: answer)
        case .new, .duplex, .collecting, .finished: return
        }
    }

    /// The request is complete.
    func requestEnded(trailers: ByteBuffer?) {
        if case .collecting(let pages) = self.state {
            pages.respond(to: self, body: self.pageBody)
            return
        }
        switch self.state {
        case .relaying:
            guard let stream, !self.requestEndSent, !self.isWebSocket else { return }
            self.requestEndSent = true
            self.gateway?.requestEnded()
            // A server that merges trailers into the head would believe what the gateway did not say.
            stream.sendEnd(trailers: self.gateway == nil ? forwardedTrailers(trailers) : nil)
        case .waitingForTunnel, .waitingForReservation: self.queuedEnd = .some(trailers)
        case .comparing: self.compareRepetition()
        case .discarding(let answer): self.answer(answer)
        case .new, .duplex, .collecting, .finished: return
        }
    }

    /// There is somewhere to send the request to: sends what arrived of it before.
    func sendQueued() {
        let body = self.queuedBody
        let end = self.queuedEnd
        self.queuedBody = ByteBuffer()
        self.queuedEnd = nil
        if body.readableBytes > 0 { self.requestBody(body) }
        if let end { self.requestEnded(trailers: end) }
    }

    /// Raw bytes of a duplex stream arrived from the viewer.
    func duplexData(_ data: ByteBuffer) {
        guard case .duplex = self.state, let stream else { return }
        if case .pause = stream.sendData(data) { self.responder.pauseReading(true) }
    }

    /// The viewer ended its side of a duplex stream.
    func duplexInputEnded() {
        guard case .duplex = self.state, let stream, !self.requestEndSent else { return }
        self.requestEndSent = true
        stream.sendEnd(trailers: nil)
        if self.answerEnded { self.finish(resetting: nil) }
    }

    /// The viewer's connection is gone, or broke the protocol.
    func viewerGone() {
        self.finish(resetting: .cancelled)
    }

    /// The viewer's transport takes bytes again: what it took is given back as credit.
    func viewerBecameWritable() {
        guard self.unconsumed > 0, let stream else { return }
        let bytes = self.unconsumed
        self.unconsumed = 0
        stream.consumed(bytes)
    }

    /// No response head came in time.
    func responseTimedOut() {
        guard !self.headSent else { return }
        self.refuse(DaypassError(.upstreamTimeout))
    }

    /// The session changed: ends the exchange if its viewer may no longer pass.
    func reconsider(_ policy: CompiledPolicy, now: Timestamp) {
        guard let ticket else { return }
        if self.gateway != nil, policy.record.isPaused { return self.cut(DaypassError(.tunnelPaused)) }
        let refusal = self.request.withTarget { policy.refusalOfOpenStream(ticket.access, path: $0, now: now) }
        if let refusal { self.cut(refusal) }
    }

    /// Ends the exchange: with a refusal if nothing was answered yet, else by an abort.
    func cut(_ error: DaypassError) {
        switch self.state {
        case .finished: return
        case .new, .waitingForTunnel, .waitingForReservation, .comparing, .discarding, .relaying, .duplex,
            .collecting:
            break
        }
        if self.headSent {
            self.abortResponse(resetting: .policy)
        } else {
            self.refuse(error, session: self.session, resetting: .policy)
        }
    }

    // MARK: Ending

    /// Answers with a refusal and ends the exchange.
    func refuse(
        _ error: DaypassError,
        session: EdgeSession? = nil,
        forgetsRoute: Bool = false,
        resetting reason: TunnelResetReason = .cancelled
    ) {
        if self.gateway != nil {
            self.refuse(GatewayError(error), retryAfter: error.retryAfterSeconds, resetting: reason)
            return
        }
        self.edge.counters.answered(error.code)
        let prefersHTML = self.request.prefersHTML
        let requestID = RequestID.random()
        var answer: EdgeAnswer
        if prefersHTML, error.code == .passwordRequired, let session {
            answer = .page(
                EdgePages.passwordForm(
                    slug: session.slug,
                    returnPath: self.viewerPath,
                    failed: false,
                    requestID: requestID
                ),
                status: error.code.httpStatus,
                requestID: requestID
            )
        } else {
            answer = .refusal(error, prefersHTML: prefersHTML, requestID: requestID)
        }
        if error.code == .basicAuthRequired, let session {
            answer.fields.append(("WWW-Authenticate", "Basic realm=\"\(session.slug)\", charset=\"UTF-8\""))
        }
        if forgetsRoute {
            let gone = SetCookie(name: DaypassCookie.route, value: "", maximumAge: 0, isSecure: self.request.isSecure)
            answer.fields.append(("Set-Cookie", gone.text))
        }
        self.answer(answer, resetting: reason)
    }

    /// The path the viewer asked for, as a browser has it in its address bar.
    private var viewerPath: String {
        self.request.head.string(self.request.head.target)
    }

    /// Sends a whole answer of the edge and ends the exchange.
    func answer(_ answer: EdgeAnswer, resetting reason: TunnelResetReason = .cancelled) {
        guard self.isOpen else { return }
        guard !self.headSent else {
            self.abortResponse(resetting: reason)
            return
        }
        self.headSent = true
        self.finish(resetting: reason)
        self.responder.sendAnswer(answer)
    }

    func abortResponse(resetting reason: TunnelResetReason) {
        self.finish(resetting: reason)
        self.responder.abort()
    }

    /// Lets go of the stream and the session; `reason` goes to the agent if the stream is still open.
    func finish(resetting reason: TunnelResetReason?) {
        if case .finished = self.state { return }
        self.state = .finished
        if let stream {
            if let reason {
                stream.reset(reason)
            } else if self.unconsumed > 0 {
                // Nobody will say later that the viewer's transport took the last bytes.
                stream.consumed(self.unconsumed)
            }
        }
        self.stream = nil
        if let ticket {
            self.session?.leave(ticket, bytes: self.bytesSent - self.bytesReported, now: self.edge.clock())
        }
        self.ticket = nil
        if let gateway { self.edge.gateway.left(gateway, now: self.edge.clock()) }
        self.edge.counters.exchangeFinished(bytes: self.bytesSent)
    }

    // MARK: Facts

    /// Who the client is, behind trusted proxies.
    private(set) lazy var clientAddress: ClientAddress = {
        let proxies = self.edge.trustedProxies
        guard !proxies.isEmpty else { return self.request.peer.address }
        let head = self.request.head
        let lines = head.fields.filter { $0.known == .xForwardedFor }.map { head.string($0.value) }
        return proxies.client(peer: self.request.peer.address, forwardedFor: lines)
    }()

    private func redirectToSlash(_ slug: Slug) {
        let query = self.request.targetText.firstIndex(of: "?").map { String(self.request.targetText[$0...]) } ?? ""
        self.answer(.redirect(status: 308, to: "/s/\(slug)/\(query)"))
    }

    private func startReserved(_ slug: Slug?) {
        let pages = OwnerPages(edge: self.edge, request: self.request, client: self.clientAddress)
        guard self.request.hasBody else {
            pages.respond(to: self, body: ByteBuffer())
            return
        }
        self.state = .collecting(pages)
    }

    /// The event loop on which `answer` must be called.
    var eventLoop: any EventLoop { self.responder.eventLoop }

    /// Whether an answer can still be given.
    var isOpen: Bool { if case .finished = self.state { false } else { true } }
}

@available(*, unavailable)
extension Exchange: Sendable {}
