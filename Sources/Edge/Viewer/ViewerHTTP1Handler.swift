import Logging
import NIOCore
import NIOSSL
import ProxySemantics
import SessionModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One viewer's HTTP/1.1 connection: splits it into requests, runs one exchange at a time and writes its answers.
///
/// Confined to the channel's event loop. Reading is manual: the channel is read only while the current exchange takes
/// request bytes and while no more than one head's worth of unparsed bytes waits.
final class ViewerHTTP1Handler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let eventLoop: any EventLoop
    private let edge: EdgeContext
    private let isTLS: Bool
    private var context: ChannelHandlerContext?
    private var parser: HTTPMessageParser
    private var machine = HTTP1ExchangeStateMachine()
    private var exchange: Exchange?
    private var input = ByteBuffer()
    private var output = ByteBuffer()
    private var peer = ViewerPeer.unknown
    private var viewerIsHTTP10 = false
    private var answersHEAD = false
    private var responseIsChunked = false
    private var readingPaused = false
    private var readPending = false
    private var isProcessing = false
    private var flushScheduled = false
    private var handedOver = false
    private var lingerBudget = 0
    private var deadline: NIODeadline = .distantFuture
    private var deadlineKind = DeadlineKind.idle
    private var deadlineTimer: (fires: NIODeadline, task: Scheduled<Void>)?

    private enum DeadlineKind {
        case idle
        case head
        case response
        case linger
    }

    init(edge: EdgeContext, isTLS: Bool, eventLoop: any EventLoop) {
        self.edge = edge
        self.eventLoop = eventLoop
        self.isTLS = isTLS
        self.parser = HTTPMessageParser(role: .request, limits: edge.configuration.parserLimits)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.peer = ViewerPeer(context.remoteAddress)
        self.edge.counters.viewerConnectionOpened()
        self.setDeadline(.head, after: self.edge.configuration.headTimeout)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.deadlineTimer?.task.cancel()
        self.edge.counters.viewerConnectionClosed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = Self.unwrapInboundIn(data)
        if self.lingerBudget > 0 {
            self.lingerBudget -= bytes.readableBytes
            if self.lingerBudget <= 0 { context.close(promise: nil) }
            return
        }
        if self.machine.isDuplex {
            self.exchange?.duplexData(bytes)
            return
        }
        if self.input.readableBytes == 0 {
            self.input = bytes
        } else {
            self.input.writeBuffer(&bytes)
        }
        self.process()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.flushOutput()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        let mayRead = !self.readingPaused && (self.machine.isDuplex || self.lingerBudget > 0 || !self.inputIsFull)
        if mayRead {
            context.read()
        } else {
            self.readPending = true
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        if self.machine.isDuplex {
            self.exchange?.duplexInputEnded()
            self.perform(self.machine.duplexInputEnded())
        } else {
            // A viewer that stops sending in the middle of anything is gone (as nginx reads it); an answer under way
            // would otherwise keep a vanished viewer present until the next write fails.
            self.closeNow()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.connectionLost()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.edge.logger.debug("viewer connection failed", metadata: ["error": "\(type(of: error))"])
        self.connectionLost()
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.exchange?.viewerBecameWritable() }
        context.fireChannelWritabilityChanged()
    }

    private func connectionLost() {
        self.machine.closed()
        let exchange = self.exchange
        self.exchange = nil
        exchange?.viewerGone()
    }

    // MARK: Requests

    private var inputIsFull: Bool {
        self.input.readableBytes > self.edge.configuration.parserLimits.maximumHeadBytes
    }

    /// Takes messages out of the input as far as the exchange allows; never re-entered.
    private func process() {
        guard !self.isProcessing else { return }
        self.isProcessing = true
        defer { self.isProcessing = false }
        do throws(HTTPParseError) {
            while self.context != nil, !self.handedOver {
                if self.machine.isDuplex {
                    if self.input.readableBytes > 0 { self.exchange?.duplexData(self.takeInput()) }
                    return
                }
                guard self.machine.isIdle || (self.machine.isReceivingRequest && !self.readingPaused) else { return }
                guard let part = try self.parser.next(&self.input) else {
                    if self.machine.isIdle, self.input.readableBytes > 0, self.deadlineKind == .idle {
                        self.setDeadline(.head, after: self.edge.configuration.headTimeout)
                    }
                    return
                }
                switch part {
                case .head(let head): try self.begin(head)
                case .body(let bytes): self.exchange?.requestBody(bytes)
                case .end(let trailers):
                    if self.machine.isReceivingRequest {
                        self.machine.requestEnded()
                        if self.machine.awaitsResponse {
                            self.setDeadline(.response, after: self.edge.configuration.responseTimeout)
                        }
                    }
                    self.exchange?.requestEnded(trailers: trailers)
                }
            }
        } catch {
            self.refuse(error)
        }
    }

    private func begin(_ head: HTTPHead) throws(HTTPParseError) {
        self.viewerIsHTTP10 = head.minorVersion == 0
        self.answersHEAD = head.isMethod("HEAD")
        self.responseIsChunked = false
        let route = try self.edge.router.route(head)
        self.machine.requestHeadReceived(keepAlive: head.wantsKeepAlive)
        let hasBody = self.parser.bodyFraming != .none
        if route.destination == .tunnel {
            self.openTunnel(head, hasBody: hasBody)
            return
        }
        if hasBody {
            self.setDeadline(.idle, after: nil)
        } else {
            self.machine.requestEnded()
            self.setDeadline(.response, after: self.edge.configuration.responseTimeout)
        }
        let request = ViewerRequest(
            head: head,
            route: route,
            hasBody: hasBody,
            contentLength: { if case .length(let length) = self.parser.bodyFraming { length } else { nil } }(),
            peer: self.peer,
            scheme: self.edge.scheme(of: head, peer: self.peer.address, isTLS: self.isTLS)
        )
        let exchange = Exchange(edge: self.edge, request: request, responder: self)
        self.exchange = exchange
        exchange.start()
    }

    /// Answers a request that is not HTTP as we accept it, and closes.
    private func refuse(_ error: HTTPParseError) {
        self.edge.counters.requestRefused()
        let exchange = self.exchange
        self.exchange = nil
        exchange?.viewerGone()
        if self.machine.isIdle { self.machine.requestHeadReceived(keepAlive: false) }
        guard self.machine.awaitsResponse else {
            self.abort()
            return
        }
        let code = error.requestErrorCode
        let message: String? =
            if case .invalid(let rule) = error { "The request is not valid HTTP: \(rule)." } else { nil }
        self.sendAnswer(
            EdgeAnswer.refusal(DaypassError(code, message), prefersHTML: false, requestID: RequestID.random())
        )
        self.flushOutput()
    }

    // MARK: Tunnel endpoint

    private func openTunnel(_ head: HTTPHead, hasBody: Bool) {
        guard let context else { return }
        let handshake = TunnelHandshake(head: head, hasBody: hasBody, peer: self.peer, edge: self.edge)
        switch handshake.evaluate(eventLoop: context.eventLoop) {
        case .refused(let error, let fields):
            var answer = EdgeAnswer.refusal(error, prefersHTML: false, requestID: RequestID.random())
            answer.fields.append(contentsOf: fields)
            self.sendAnswer(answer)
        case .accepted(let response, let connection):
            self.handedOver = true
            self.machine.closed()
            self.setDeadline(.idle, after: nil)
            self.output.writeImmutableBuffer(response)
            self.flushOutput()
            let pipeline = context.pipeline.syncOperations
            do {
                try context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
                try context.channel.syncOptions?
                    .setOption(
                        .writeBufferWaterMark,
                        value: ChannelOptions.Types.WriteBufferWaterMark(low: 128 << 10, high: 256 << 10)
                    )
                try pipeline.addHandler(connection)
                let leftover = self.takeInput()
                if leftover.readableBytes > 0 { context.fireChannelRead(Self.wrapInboundOut(leftover)) }
                pipeline.removeHandler(self, promise: nil)
            } catch {
                context.close(promise: nil)
            }
        }
    }

    private func takeInput() -> ByteBuffer {
        let bytes = self.input
        self.input = ByteBuffer()
        return bytes
    }

    // MARK: Time

    /// Sets the one deadline of the connection; nil means none.
    ///
    /// The timer is only moved when it would fire too late, so a request costs no timer operations.
    private func setDeadline(_ kind: DeadlineKind, after amount: TimeAmount?) {
        self.deadlineKind = kind
        self.deadline = amount.map { .now() + $0 } ?? .distantFuture
        guard amount != nil else { return }
        if let timer = self.deadlineTimer {
            guard timer.fires > self.deadline else { return }
            timer.task.cancel()
        }
        self.scheduleDeadlineCheck()
    }

    private func scheduleDeadlineCheck() {
        let fires = self.deadline
        let task = self.eventLoop.assumeIsolated()
            .scheduleTask(deadline: fires) {
                self.deadlineTimer = nil
                self.checkDeadline()
            }
        self.deadlineTimer = (fires, task)
    }

    private func checkDeadline() {
        guard let context, self.deadline != .distantFuture else { return }
        guard NIODeadline.now() >= self.deadline else {
            self.scheduleDeadlineCheck()
            return
        }
        switch self.deadlineKind {
        case .idle, .linger:
            self.machine.closed()
            context.close(promise: nil)
        case .head:
            if self.input.readableBytes == 0 {
                context.close(promise: nil)
            } else {
                self.machine.requestHeadReceived(keepAlive: false)
                let error = DaypassError(.requestTimeout)
                self.sendAnswer(EdgeAnswer.refusal(error, prefersHTML: false, requestID: RequestID.random()))
            }
        case .response:
            self.deadline = .distantFuture
            self.exchange?.responseTimedOut()
        }
    }

    // MARK: Output

    private func flushOutput() {
        guard let context else { return }
        self.flushScheduled = false
        if self.output.readableBytes > 0 {
            let bytes = self.output
            self.output = ByteBuffer()
            context.write(Self.wrapOutboundOut(bytes), promise: nil)
        }
        context.flush()
    }

    /// Flushes at the end of this turn of the event loop, so that what one read burst of the tunnel brings leaves in
    /// one write.
    private func scheduleFlush() {
        guard !self.flushScheduled, let context else { return }
        self.flushScheduled = true
        context.eventLoop.assumeIsolated()
            .execute {
                if self.flushScheduled { self.flushOutput() }
            }
    }

    private func perform(_ next: HTTP1ExchangeStateMachine.Next) {
        guard let context else { return }
        switch next {
        case .wait: return
        case .nextRequest:
            self.exchange = nil
            self.setDeadline(.idle, after: self.edge.configuration.idleTimeout)
            self.resumeReading()
            // Pipelined requests are looked at in a turn of their own, so that they cannot recurse.
            if self.input.readableBytes > 0 {
                context.eventLoop.assumeIsolated().execute { self.process() }
            }
        case .close:
            self.flushOutput()
            self.connectionLost()
            context.close(promise: nil)
        case .lingeringClose:
            self.connectionLost()
            self.flushOutput()
            self.input = ByteBuffer()
            self.lingerBudget = self.edge.configuration.lingerBytes
            self.setDeadline(.linger, after: self.edge.configuration.lingerTimeout)
            context.close(mode: .output, promise: nil)
            self.resumeReading()
        }
    }

    private func resumeReading() {
        self.readingPaused = false
        if self.readPending {
            self.readPending = false
            self.context?.read()
        }
    }

    private func closeNow() {
        self.connectionLost()
        self.context?.close(promise: nil)
    }
}

@available(*, unavailable)
extension ViewerHTTP1Handler: Sendable {}

extension ViewerHTTP1Handler: ViewerResponder {
    /// Bytes up to which body data is copied into the pending output instead of being written by itself.
    private static let coalescedBytes = 8192

    var viewerMinorVersion: Int { self.viewerIsHTTP10 ? 0 : 1 }

    var isWritable: Bool { self.context?.channel.isWritable ?? false }

    func sendInterim(_ head: HTTPHead, mapping: AddressMapping) {
        guard self.machine.awaitsResponse, !self.viewerIsHTTP10 else { return }
        head.writeInterimResponse(mapping: mapping, isUpgrade: false, to: &self.output)
        self.scheduleFlush()
    }

    func sendContinue() {
        guard self.machine.awaitsResponse, !self.viewerIsHTTP10 else { return }
        self.output.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        self.scheduleFlush()
    }

    func sendHead(_ head: HTTPHead, framing: ResponseFraming, mapping: AddressMapping, extra: ByteBuffer) {
        guard self.machine.awaitsResponse else { return }
        self.setDeadline(.idle, after: nil)
        let keepAlive = self.machine.responseStarted(allowsKeepAlive: framing != .untilClose && !self.edge.isDraining)
        self.responseIsChunked = framing == .chunked
        head.writeForwardedResponse(
            framing: framing,
            keepAlive: keepAlive,
            viewerMinorVersion: self.viewerMinorVersion,
            mapping: mapping,
            extra: extra,
            to: &self.output
        )
        self.scheduleFlush()
    }

    func sendData(_ data: ByteBuffer) {
        guard let context else { return }
        if self.responseIsChunked {
            guard data.readableBytes > 0 else { return }
            self.output.writeString(String(data.readableBytes, radix: 16))
            self.output.writeStaticString("\r\n")
        }
        if data.readableBytes <= Self.coalescedBytes {
            self.output.writeImmutableBuffer(data)
        } else {
            if self.output.readableBytes > 0 {
                context.write(Self.wrapOutboundOut(self.output), promise: nil)
                self.output = ByteBuffer()
            }
            context.write(Self.wrapOutboundOut(data), promise: nil)
        }
        if self.responseIsChunked { self.output.writeStaticString("\r\n") }
        if self.output.readableBytes > Self.coalescedBytes * 2 {
            context.write(Self.wrapOutboundOut(self.output), promise: nil)
            self.output = ByteBuffer()
        }
        self.scheduleFlush()
    }

    func sendEnd(trailers: ByteBuffer?) {
        if self.responseIsChunked {
            self.output.writeStaticString("0\r\n")
            if let trailers { self.output.writeImmutableBuffer(trailers) }
            self.output.writeStaticString("\r\n")
        }
        self.flushOutput()
        self.perform(self.machine.responseEnded())
    }

    func sendAnswer(_ answer: EdgeAnswer) {
        guard self.machine.awaitsResponse else {
            self.abort()
            return
        }
        self.setDeadline(.idle, after: nil)
        let keepAlive = self.machine.responseStarted(allowsKeepAlive: !self.edge.isDraining)
        answer.write(
            keepAlive: keepAlive,
            withBody: !self.answersHEAD,
            requestIsHTTP10: self.viewerIsHTTP10,
            to: &self.output
        )
        self.flushOutput()
        self.perform(self.machine.responseEnded())
    }

    func becomeDuplex(_ head: HTTPHead, mapping: AddressMapping) {
        guard self.machine.awaitsResponse else { return }
        self.setDeadline(.idle, after: nil)
        self.machine.webSocketAccepted()
        head.writeInterimResponse(mapping: mapping, isUpgrade: true, to: &self.output)
        self.flushOutput()
        self.responseIsChunked = false
        if self.input.readableBytes > 0 { self.process() }
        self.resumeReading()
    }

    func endDuplexOutput() {
        self.flushOutput()
        self.context?.close(mode: .output, promise: nil)
        self.perform(self.machine.duplexOutputEnded())
    }

    func abort() {
        guard let context else { return }
        self.connectionLost()
        // A reset, not an orderly end: a body that lasts until the connection closes would look complete.
        // Under TLS the close goes around the TLS handler, which would say an orderly goodbye.
        let reset = linger(l_onoff: 1, l_linger: 0)
        _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(reset)
        if self.isTLS, let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self) {
            tls.close(promise: nil)
        } else {
            context.close(promise: nil)
        }
    }

    func pauseReading(_ paused: Bool) {
        guard paused != self.readingPaused else { return }
        if paused {
            self.readingPaused = true
        } else {
            self.resumeReading()
            if !self.isProcessing { self.process() }
        }
    }
}
