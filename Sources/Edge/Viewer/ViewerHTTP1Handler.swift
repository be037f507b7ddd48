import Logging
import NIOCore
import NIOExtras
import ProxySemantics
import SessionModel

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
    let edge: EdgeContext
    let isTLS: Bool
    var context: ChannelHandlerContext?
    private var parser: HTTPMessageParser
    var machine = HTTP1ExchangeStateMachine()
    private var exchange: Exchange?
    var input = ByteBuffer()
    var output = ByteBuffer()
    private(set) var peer = ViewerPeer.unknown
    var viewerIsHTTP10 = false
    var answersHEAD = false
    var responseIsChunked = false
    var readingPaused = false
    private var readPending = false
    var isProcessing = false
    private var flushScheduled = false
    var handedOver = false
    /// Whether the connection may still turn out to speak HTTP/2: nothing but a part of its preface has come.
    var mayBeHTTP2 = true
    private var lingerBudget = 0
    /// Whether the last bytes are still being written: the viewer's end does not close the connection then.
    private var isWritingLast = false
    private var deadline: NIODeadline = .distantFuture
    private var deadlineKind = DeadlineKind.idle
    private var deadlineTimer: (fires: NIODeadline, task: Scheduled<Void>)?

    enum DeadlineKind {
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
        if self.mayBeHTTP2, self.recognizesHTTP2() { return }
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
        if event is ChannelShouldQuiesceEvent {
            // Not at once: a request may be on its way already, and is served.
            if self.machine.isIdle { self.setDeadline(self.deadlineKind, after: EdgeContext.quiescingTime) }
            return
        }
        guard case ChannelEvent.inputClosed = event else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        if self.isWritingLast {
            self.isWritingLast = false
        } else if self.machine.isDuplex {
            self.exchange?.duplexInputEnded()
            self.perform(self.machine.duplexInputEnded())
        } else {
            // A viewer that stops sending in the middle of anything is gone (as nginx reads it); an answer under way
            // would otherwise keep a vanished viewer present until the next write fails.
            self.closeNow()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Once our side of a duplex stream is closed, NIO tells of the viewer's end only like this; a reset was an error
        // before.
        if self.machine.isDuplex { self.exchange?.duplexInputEnded() }
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

    func connectionLost() {
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
    func process() {
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
        let route = try self.edge.route(head)
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
            .refusal(DaypassError(code, message))
        )
        self.flushOutput()
    }

    func takeInput() -> ByteBuffer {
        let bytes = self.input
        self.input = ByteBuffer()
        return bytes
    }

    // MARK: Time

    /// Sets the one deadline of the connection; nil means none.
    ///
    /// The timer is only moved when it would fire too late, so a request costs no timer operations.
    func setDeadline(_ kind: DeadlineKind, after amount: TimeAmount?) {
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
                self.sendAnswer(.refusal(error))
            }
        case .response:
            self.deadline = .distantFuture
            self.exchange?.responseTimedOut()
        }
    }

    // MARK: Output

    func flushOutput() {
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
    func scheduleFlush() {
        guard !self.flushScheduled, let context else { return }
        self.flushScheduled = true
        context.eventLoop.assumeIsolated()
            .execute {
                if self.flushScheduled { self.flushOutput() }
            }
    }

    func perform(_ next: HTTP1ExchangeStateMachine.Next) {
        guard let context else { return }
        switch next {
        case .wait: return
        case .nextRequest:
            self.exchange = nil
            let time = self.edge.isDraining ? EdgeContext.quiescingTime : self.edge.configuration.idleTimeout
            self.setDeadline(.idle, after: time)
            self.resumeReading()
            // Pipelined requests are looked at in a turn of their own, so that they cannot recurse.
            if self.input.readableBytes > 0 {
                context.eventLoop.assumeIsolated().execute { self.process() }
            }
        case .close: self.closeAfterWrites(context, lingers: false)
        case .lingeringClose: self.closeAfterWrites(context, lingers: true)
        }
    }

    /// Closes once the viewer has taken what is queued, for which it has as long as it may be idle; `lingers` waits for
    /// the viewer's own end after that.
    private func closeAfterWrites(_ context: ChannelHandlerContext, lingers: Bool) {
        self.connectionLost()
        self.flushOutput()
        self.input = ByteBuffer()
        self.lingerBudget = self.edge.configuration.lingerBytes
        self.isWritingLast = true
        self.setDeadline(.linger, after: self.edge.configuration.idleTimeout)
        let written = self.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated()
            .whenComplete { _ in
                guard lingers, self.isWritingLast else { return context.close(promise: nil) }
                self.isWritingLast = false
                self.setDeadline(.linger, after: self.edge.configuration.lingerTimeout)
            }
        context.close(mode: .output, promise: written)
        self.resumeReading()
    }

    func resumeReading() {
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
