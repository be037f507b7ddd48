import AccessControl
import NIOCore
import ProxySemantics
import SessionModel

/// What the API gateway decided about one request, and what it has to keep until its answer is complete.
///
/// Confined to the exchange's event loop.
final class GatewayExchange {
    /// The decision.
    let verdict: GatewayVerdict
    /// The tenant as it was decided on.
    let tenant: Tenant
    /// `X-Request-Id` of the answer.
    let requestID: String
    /// Whether `Authorization` carried the key, and so must not reach the upstream.
    let usesAuthorization: Bool
    /// For judging it again while it is open; nil unless it was passed on.
    let ticket: GatewayTicket?
    /// Its place among what is open; nil while it is not.
    var registration: UInt64?
    /// What it was refused with after all, if it was.
    var refusal: GatewayRefusal?
    /// The place of its `Idempotency-Key`; `ticket` is nil for a repetition.
    var idempotency: (id: IdempotencyID, ticket: UInt64?)?
    /// What tells it from other requests with the same `Idempotency-Key`; nil without one.
    var fingerprint: RequestFingerprint?
    /// Whether the fingerprint is that of the whole request.
    private(set) var isRequestComplete = false
    /// When bytes of the request came last.
    private(set) var bodyProgress = NIODeadline.now()
    /// Bytes of the body that are still to come, when their number was announced.
    private var bodyLeft: Int?
    private var answerHead: ByteBuffer?
    private var answerBody = ByteBuffer()
    private var isAnswerTooLarge = false

    init(
        verdict: GatewayVerdict,
        tenant: Tenant,
        ticket: GatewayTicket?,
        requestID: String,
        usesAuthorization: Bool,
        bodyLength: Int?
    ) {
        self.verdict = verdict
        self.tenant = tenant
        self.ticket = ticket
        self.requestID = requestID
        self.usesAuthorization = usesAuthorization
        self.bodyLeft = bodyLength
    }

    /// The route, when the request was passed on.
    var route: APIRoute? {
        guard case .forward(let forwarding) = self.verdict.outcome,
            self.tenant.routes.indices.contains(forwarding.route)
        else { return nil }
        return self.tenant.routes[forwarding.route]
    }

    /// The fields of every answer, as lines.
    var answerLines: ByteBuffer {
        var lines = ByteBuffer()
        for field in self.verdict.answerFields() { lines.writeString("\(field.name): \(field.value)\r\n") }
        lines.writeString("X-Request-Id: \(self.requestID)\r\n")
        return lines
    }

    /// What changes on the way to the upstream.
    var rewriting: ForwardingContext.GatewayRewriting {
        var lines = ByteBuffer()
        for field in self.verdict.upstreamFields(requestID: self.requestID) {
            lines.writeString("\(field.name): \(field.value)\r\n")
        }
        return ForwardingContext.GatewayRewriting(
            cut: self.tenant.basePath.utf8.count,
            pathPrefix: self.upstreamPath,
            isStripped: { GatewayHeaders.isStripped($0) },
            lines: lines
        )
    }

    /// What comes before the routes' paths at the upstream.
    var upstreamPath: String { if case .url(let url) = self.tenant.upstream { url.path } else { "" } }

    // MARK: Keeping an answer for repetitions

    /// Bytes of the request passed.
    func requestBody(_ data: ByteBuffer) {
        self.bodyProgress = .now()
        if let left = self.bodyLeft {
            self.bodyLeft = left - data.readableBytes
            // Its end may be said later, or in a frame of its own; the upstream has all of it.
            if left <= data.readableBytes { self.isRequestComplete = true }
        }
        guard self.fingerprint != nil else { return }
        data.withUnsafeReadableBytes { self.fingerprint?.update($0) }
    }

    /// The whole request passed.
    func requestEnded() { self.isRequestComplete = true }

    private var keepsAnswer: Bool { self.idempotency?.ticket != nil && !self.isAnswerTooLarge }

    /// The answer's final head came.
    func answerBegan(_ head: HTTPHead) {
        guard self.keepsAnswer else { return }
        self.answerHead = head.bytes
        self.checkSize(0)
    }

    /// Bytes of the answer came.
    func answerBody(_ data: ByteBuffer) {
        guard self.keepsAnswer, self.answerHead != nil else { return }
        self.checkSize(data.readableBytes)
        if !self.isAnswerTooLarge { self.answerBody.writeImmutableBuffer(data) }
    }

    private func checkSize(_ more: Int) {
        let size = (self.answerHead?.readableBytes ?? 0) + self.answerBody.readableBytes + more
        guard size > IdempotencyStateMachine.maximumAnswer else { return }
        self.isAnswerTooLarge = true
        self.answerBody = ByteBuffer()
    }

    /// The answer as it is to be sent again; nil when it is too large, or has trailers.
    func storedAnswer(status: Int, hasTrailers: Bool) -> StoredAnswer? {
        guard let answerHead, !self.isAnswerTooLarge, !hasTrailers else { return nil }
        return StoredAnswer(
            status: status,
            head: Array(answerHead.readableBytesView),
            body: Array(self.answerBody.readableBytesView)
        )
    }

    /// The status of the answer that came; nil before one has.
    var answerStatus: Int? {
        guard let answerHead else { return nil }
        return try? HTTPMessageParser.parseHead(block: answerHead, role: .response).status
    }
}

extension GatewayError {
    /// What a failure of the edge, or of what is behind it, is called at the gateway.
    init(_ error: DaypassError) {
        switch error.code {
        case .upstreamTimeout: self.init(.upstreamTimeout)
        case .rateLimited: self.init(.rateLimited, "Too many requests are open at once. Try again in a moment.")
        case .upstreamProtocolError:
            self.init(.upstreamUnreachable, "The API behind this address gave an answer that is not valid HTTP.")
        case .serviceUnavailable: self.init(.upstreamUnreachable, "The API behind this address is busy. Try again.")
        case .tunnelOffline, .tunnelPaused, .sessionClosed, .sessionExpired, .sessionNotFound:
            self.init(.upstreamUnreachable, "The API behind this address is not connected right now.")
        default: self.init(.upstreamUnreachable)
        }
    }
}
