import AccessControl
import Logging
import NIOCore
import ProxySemantics
import SessionModel
import TunnelProtocol
import UpstreamRelay

// A request to a tenant's API: judged by the gateway, then answered by it or relayed to the tenant's upstream.
extension Exchange {
    /// How long a request waits for the store to take a reservation.
    private static let reservationTime = TimeAmount.seconds(2)
    /// Bytes of a request that are read and dropped before its answer; more closes the connection.
    private static let maximumDiscarded = 64 << 10
    /// How long such an answer waits for them.
    private static let discardTime = TimeAmount.seconds(5)

    /// Judges a request to a tenant.
    func enterGateway(_ slug: Slug) {
        let asked = GatewayRequest(
            head: self.request.head,
            target: self.request.route.target,
            address: self.clientAddress
        )
        let gate = self.edge.gateway.gate
        let snapshot = gate.snapshot
        guard let tenant = snapshot.tenantRecord(slug),
            let verdict = gate.decide(asked, tenant: slug, now: self.edge.clock(), on: snapshot)
        else {
            self.refuse(DaypassError(.misdirectedRequest))
            return
        }
        self.gateway = GatewayExchange(
            verdict: verdict,
            tenant: tenant,
            ticket: snapshot.ticket(for: verdict),
            requestID: RequestID.random(),
            usesAuthorization: asked.usesAuthorization,
            bodyLength: self.request.head.value(of: .contentLength).flatMap { Int($0) }
        )
        switch verdict.outcome {
        case .refused(let error, _): self.refuse(error, retryAfter: verdict.retryAfter)
        case .preflight: self.answerGateway(EdgeAnswer(status: 204, contentType: nil, body: ""))
        case .mint, .forward:
            // From here on it hears of everything that is taken back.
            let place = ExchangeHandle(self, eventLoop: self.eventLoop)
            guard let gateway, self.edge.gateway.enter(gateway, from: self.clientAddress, handle: place) else {
                self.refuse(DaypassError(.rateLimited, retryAfterSeconds: 1))
                return
            }
            guard verdict.needsReservation else { return self.passGateway() }
            self.state = .waitingForReservation
            self.responder.pauseReading(true)
            let handle = ExchangeHandle(self, eventLoop: self.eventLoop)
            gate.reserve { isReserved in handle.run { $0.reservationEnded(isReserved) } }
            // A store that does not answer is no reason to keep anybody waiting.
            self.eventLoop.assumeIsolated()
                .scheduleTask(in: Self.reservationTime) { [weak self] in self?.reservationEnded(false) }
        }
    }

    private func reservationEnded(_ isReserved: Bool) {
        guard case .waitingForReservation = self.state else { return }
        if !isReserved {
            // What cannot be counted is not let through.
            self.refuse(GatewayError(.rateLimited, "Quotas cannot be counted right now. Try again."), retryAfter: 1)
        } else if let error = self.refusalByNow() {
            self.refuse(error)
        } else {
            self.passGateway()
        }
        // A request that waits for a tunnel now goes on being read when there is one.
        if case .waitingForTunnel = self.state { return }
        self.responder.pauseReading(false)
    }

    /// Why a request that has waited may not go on, though it passed when it came; nil when it may.
    private func refusalByNow() -> GatewayError? {
        guard let ticket = self.gateway?.ticket else { return nil }
        return self.edge.gateway.gate.refusal(ofOpen: ticket, now: self.edge.clock())
    }

    /// The request may do what was decided.
    private func passGateway() {
        guard let gateway else { return }
        switch gateway.verdict.outcome {
        case .mint: self.mint(gateway)
        case .forward(let forwarding): self.forward(gateway, forwarding)
        case .refused, .preflight: return
        }
    }

    // MARK: Session tokens

    private func mint(_ gateway: GatewayExchange) {
        var generator = SystemRandomNumberGenerator()
        let gate = self.edge.gateway.gate
        guard let claims = gate.snapshot.claims(for: gateway.verdict, now: self.edge.clock(), using: &generator),
            let token = try? gate.sign(claims)
        else {
            self.edge.logger.error("A session token could not be signed")
            self.refuse(GatewayError(.upstreamUnreachable, "Session tokens cannot be signed right now. Try again."))
            return
        }
        let body: JSONValue = [
            "data": ["sessionToken": .string(token), "expiresAt": .string(claims.expiry.iso8601WholeSeconds)]
        ]
        self.answerGateway(.json(body.text, status: 201))
    }

    /// Answers once the rest of the request is here: an answer before its end would cost the connection.
    ///
    /// Only for bodies that are announced and small, and for a short time; else the answer is given at once.
    private func answerAfterBody(_ answer: EdgeAnswer, resetting reason: TunnelResetReason) {
        let head = self.request.head
        let length = head.value(of: .contentLength).flatMap { Int($0) }
        guard self.request.hasBody, !self.headSent, let length, length <= Self.maximumDiscarded,
            head.first(.expect) == nil, self.mayDiscard
        else { return self.answer(answer, resetting: reason) }
        self.state = .discarding(answer)
        self.eventLoop.assumeIsolated()
            .scheduleTask(in: Self.discardTime) { [weak self] in
                guard let self, case .discarding(let answer) = self.state else { return }
                self.answer(answer)
            }
        self.sendQueued()
        self.responder.pauseReading(false)
    }

    /// Whether nothing of the request has gone anywhere yet.
    private var mayDiscard: Bool {
        switch self.state {
        case .new, .waitingForReservation: true
        case .waitingForTunnel, .comparing, .discarding, .relaying, .duplex, .collecting, .finished: false
        }
    }

    /// Drops bytes of a request whose answer is ready.
    func discard(_ data: ByteBuffer, before answer: EdgeAnswer) {
        self.bytesDiscarded += data.readableBytes
        if self.bytesDiscarded > Self.maximumDiscarded { self.answer(answer) }
    }

    // MARK: Forwarding

    private func forward(_ gateway: GatewayExchange, _ forwarding: GatewayForwarding) {
        guard let route = gateway.route else { return self.refuse(GatewayError(.routeNotFound)) }
        guard self.beginIdempotency(gateway, forwarding, route) else { return }
        self.isWebSocket = self.request.head.asksForWebSocket && !self.request.hasBody
        self.extraFields = gateway.answerLines
        switch gateway.tenant.upstream {
        case .url(let url): self.open(url, gateway)
        case .tunnel(let slug): self.open(tunnelOf: slug, gateway)
        }
    }

    private func open(_ url: UpstreamURL, _ gateway: GatewayExchange) {
        guard let way = try? self.edge.gateway.relays.way(to: url, of: gateway.tenant.slug) else {
            self.edge.logger.error("The system's trust roots cannot be loaded")
            return self.refuse(GatewayError(.upstreamUnreachable))
        }
        self.mapping = self.mapping(gateway, authorities: [url.address.authority, way.target.authority])
        let ends = !self.request.hasBody && !self.isWebSocket
        guard
            let stream = UpstreamStream.open(
                on: way.relay,
                kind: self.isWebSocket ? .webSocket : .http,
                head: self.forwardedHead(),
                end: ends,
                delegate: self,
                eventLoop: self.eventLoop
            )
        else { return self.refuse(DaypassError(.serviceUnavailable, retryAfterSeconds: 1)) }
        self.beginRelaying(.upstream(stream), ends: ends)
    }

    private func open(tunnelOf slug: Slug, _ gateway: GatewayExchange) {
        guard let session = self.edge.directory.session(slug), !session.record.isPaused else {
            return self.refuse(DaypassError(.tunnelOffline, retryAfterSeconds: 5))
        }
        self.session = session
        // The gateway stands for the owner: the tenant's admin chose this session, and viewers' rules are not for it.
        var access = AccessRequest(address: self.clientAddress)
        access.isOwner = true
        let admission = session.admit(
            access,
            request: self.request,
            exchange: ExchangeHandle(self, eventLoop: self.eventLoop),
            now: self.edge.clock(),
            monotonic: NIODeadline.now().uptimeNanoseconds
        )
        switch admission {
        case .refused(let error, _): self.refuse(error)
        case .admitted(let ticket):
            self.ticket = ticket
            self.mapping = self.mapping(gateway, authorities: ["localhost:\(ticket.port)", "127.0.0.1:\(ticket.port)"])
            if !self.openOnAnyTunnel(of: session) { self.waitForTunnel(session, ticket) }
        }
    }

    private func mapping(_ gateway: GatewayExchange, authorities: [String]) -> AddressMapping {
        AddressMapping(
            pathPrefix: gateway.tenant.basePath,
            publicBase: "\(self.request.scheme)://\(self.request.host)",
            localAuthorities: authorities + [self.request.host.lowercased()],
            localPrefix: gateway.upstreamPath,
            replacesGatewayFields: true
        )
    }

    // MARK: Idempotency keys

    /// Takes the request's `Idempotency-Key` into account; false when it is answered, or will be once its body is read.
    private func beginIdempotency(
        _ gateway: GatewayExchange,
        _ forwarding: GatewayForwarding,
        _ route: APIRoute
    ) -> Bool {
        guard let text = forwarding.idempotencyKey, let key = gateway.verdict.key,
            let method = APIMethod(rawValue: self.request.head.methodString)
        else { return true }
        let id = IdempotencyID(
            key: key,
            session: forwarding.session,
            route: "\(method.rawValue) \(route.pattern.text)",
            text: text,
            caller: self.caller(gateway, forwarding)
        )
        let beginning = self.edge.gateway.begin(id, now: self.edge.clock())
        gateway.fingerprint = RequestFingerprint(method: method, target: self.request.withTarget { Array($0) })
        switch beginning {
        case .first(let ticket):
            gateway.idempotency = (id, ticket)
            return true
        case .inProgress: self.refuse(GatewayError(.requestInProgress), retryAfter: 1)
        case .full:
            self.refuse(
                GatewayError(.rateLimited, "Too many requests with an Idempotency-Key are running."),
                retryAfter: 1
            )
        case .readBody:
            gateway.idempotency = (id, nil)
            self.state = .comparing
            if self.request.hasBody {
                if self.request.head.listContains(.expect, "100-continue") { self.responder.sendContinue() }
                self.sendQueued()
            } else {
                self.compareRepetition()
            }
        }
        return false
    }

    /// What tells this caller from others with the same API key, beside the session: credentials that the upstream gets,
    /// and for pages without a session who they are.
    private func caller(_ gateway: GatewayExchange, _ forwarding: GatewayForwarding) -> [UInt8] {
        let head = self.request.head
        func bytes(_ known: KnownField) -> [UInt8]? { head.first(known).map { head.withBytes($0.value) { Array($0) } } }
        let isAnonymous = forwarding.session == nil && gateway.verdict.channel == .browser
        return IdempotencyID.caller([
            gateway.usesAuthorization ? nil : bytes(.authorization), bytes(.cookie),
            isAnonymous ? bytes(.origin) : nil, isAnonymous ? Array(self.clientAddress.text.utf8) : nil,
        ])
    }

    /// The whole body of a repeated request was read: answers it from what is kept.
    func compareRepetition() {
        guard let gateway, let id = gateway.idempotency?.id, let fingerprint = gateway.fingerprint else { return }
        if let error = self.refusalByNow() { return self.refuse(error) }
        switch self.edge.gateway.compare(id, fingerprint: fingerprint.finalize(), now: self.edge.clock()) {
        case .replay(let answer): self.replay(answer, gateway)
        case .reused: self.refuse(GatewayError(.idempotencyKeyReused))
        case .answerNotKept:
            self.refuse(
                GatewayError(
                    .idempotencyKeyReused,
                    "This request was answered before, but its answer was too large to keep. It was not run again."
                )
            )
        case .gone: self.refuse(GatewayError(.requestInProgress), retryAfter: 1)
        }
    }

    private func replay(_ answer: StoredAnswer, _ gateway: GatewayExchange) {
        guard let head = try? HTTPMessageParser.parseHead(block: ByteBuffer(bytes: answer.head), role: .response),
            let framing = try? head.viewerFraming(
                toHEAD: self.isHEAD,
                viewerMinorVersion: self.responder.viewerMinorVersion,
                end: answer.body.isEmpty
            )
        else { return self.refuse(GatewayError(.upstreamUnreachable)) }
        self.headSent = true
        self.mapping = self.mapping(gateway, authorities: [])
        self.extraFields = gateway.answerLines
        self.extraFields.writeString("Idempotency-Replayed: true\r\n")
        self.bytesSent = framing == .none ? 0 : answer.body.count
        self.finish(resetting: nil)
        self.responder.sendHead(head, framing: framing, mapping: self.mapping, extra: self.extraFields)
        if framing != .none, !answer.body.isEmpty { self.responder.sendData(ByteBuffer(bytes: answer.body)) }
        self.responder.sendEnd(trailers: nil)
    }

    // MARK: Looking again

    /// Keys, tenants or sessions changed, or time passed: ends the exchange if it may no longer go on.
    func reconsiderGateway(now: Timestamp) {
        guard let gateway, self.isOpen else { return }
        let refusal = gateway.ticket.flatMap { self.edge.gateway.gate.refusal(ofOpen: $0, now: now) }
        guard let error = refusal ?? self.bodyIsLate(gateway) else { return }
        if self.headSent {
            self.abortResponse(resetting: .policy)
        } else {
            self.refuse(error, resetting: .policy)
        }
    }

    /// Why a request whose body stopped coming is given up: it would keep a place at the upstream for as long as it likes.
    private func bodyIsLate(_ gateway: GatewayExchange) -> GatewayError? {
        switch self.state {
        case .relaying, .comparing: break
        case .new, .waitingForTunnel, .waitingForReservation, .discarding, .duplex, .collecting, .finished: return nil
        }
        guard self.request.hasBody, !gateway.isRequestComplete, !self.isWebSocket else { return nil }
        let limit = TimeAmount(self.edge.configuration.upstreamTimeout)
        guard !self.isUploadPaused, NIODeadline.now() - gateway.bodyProgress >= limit else { return nil }
        let late = DaypassError.Detail(path: "body", message: "must keep coming")
        return GatewayError(.validationError, "The rest of the request's body did not come.", details: [late])
    }

    // MARK: Answers

    /// Answers with a refusal of the gateway and ends the exchange.
    func refuse(_ error: GatewayError, retryAfter: Int? = nil, resetting reason: TunnelResetReason = .cancelled) {
        guard self.isOpen, let gateway else { return }
        let head = self.request.head
        gateway.refusal = GatewayRefusal(
            error,
            of: gateway.verdict,
            at: self.edge.clock(),
            method: head.methodString,
            target: self.request.targetText,
            webOrigin: head.value(of: .origin),
            address: self.clientAddress,
            requestID: gateway.requestID
        )
        var answer = EdgeAnswer.json(error.json.htmlSafeText, status: error.code.httpStatus)
        if error.code != gateway.verdict.refusal?.code {
            // Refused after it had passed: what the decision did not know of.
            if let retryAfter { answer.fields.append(("Retry-After", String(retryAfter))) }
            if let challenge = error.code.challenge { answer.fields.append(("WWW-Authenticate", challenge)) }
        }
        self.edge.counters.answered(error.code)
        self.answerGateway(answer, resetting: reason)
    }

    private func answerGateway(_ answer: EdgeAnswer, resetting reason: TunnelResetReason = .cancelled) {
        self.answerAfterBody(self.completed(answer), resetting: reason)
    }

    /// The answer with the fields that belong on every answer of the gateway.
    private func completed(_ answer: EdgeAnswer) -> EdgeAnswer {
        guard let gateway else { return answer }
        var answer = answer
        answer.fields = gateway.verdict.answerFields() + [("X-Request-Id", gateway.requestID)] + answer.fields
        return answer
    }

    /// Answers with something everybody may read.
    func publish(_ resource: RequestRoute.PublishedResource) {
        guard self.request.head.isMethod("GET") || self.isHEAD else {
            self.refuse(DaypassError(.methodNotAllowed))
            return
        }
        var answer =
            switch resource {
            case .tokenKeys:
                EdgeAnswer(
                    status: 200,
                    contentType: "application/jwk-set+json",
                    body: self.edge.gateway.gate.tokenKeySet
                )
            case .clientScript:
                EdgeAnswer(status: 200, contentType: "text/javascript; charset=utf-8", body: ClientScript.text)
            }
        answer.cacheControl = "public, max-age=300"
        // Pages of every web origin import the module, and nothing here depends on who asks.
        answer.fields.append(("Access-Control-Allow-Origin", "*"))
        if resource == .clientScript { answer.fields.append(("ETag", ClientScript.etag)) }
        self.answer(answer)
    }
}
