import NIOCore
import NIOSSL
import ProxySemantics

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// One TCP connection to the local app that speaks HTTP/1.1: reads its answers for whichever exchange has the connection now.
///
/// Confined to its event loop. Reading stops while the exchange says so: the channel's own reads are held back
/// and bytes already read stay unparsed, so that a slow viewer slows the local app down and nothing piles up here. The
/// socket's receive buffer is bounded as well (`LocalDialer`), because NIO reads it empty when the peer has closed.
final class LocalConnection: ChannelDuplexHandler, LocalCarrier {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Mode {
        case http
        /// After a 101: bytes both ways.
        case raw
    }

    /// Who has the connection now; nil while it is idle.
    private(set) var exchange: LocalExchange?
    /// Whether an exchange was completed on it before.
    private(set) var isReused = false
    /// Until when it may wait for its next exchange; set by the pool.
    var idleDeadline: NIODeadline = .distantFuture
    /// Whether it takes one of the pool's places; WebSockets have places of their own.
    let isPooled: Bool

    private weak var pool: LocalAppPool?
    private var context: ChannelHandlerContext?
    private var parser = HTTPMessageParser(role: .response)
    private var mode: Mode = .http
    /// Whether the answer, once complete, allows another exchange, and how long the local app said it waits for it.
    private var keepsAlive = false
    private var announcedIdle: TimeAmount?
    private var isInsideInformational = false
    /// Bytes read and not parsed yet: part of a head, or what arrived while reading was stopped.
    private var unparsed = ByteBuffer()
    private var holdsReads = false
    private var hasHeldRead = false
    private var isParsing = false
    private var inputEnded = false
    private var outputEnded = false
    private var failure: (any Error)?
    private var isFlushDue = false

    init(pool: LocalAppPool, isPooled: Bool) {
        self.pool = pool
        self.isPooled = isPooled
    }

    // MARK: Used by the exchange and the pool

    /// Whether bytes can be sent at all.
    var isOpen: Bool { self.context?.channel.isActive == true && !self.inputEnded }

    /// Whether the socket takes more bytes without queueing beyond its high-water mark.
    var isWritable: Bool { self.context?.channel.isWritable == true }

    /// Whether everything the local app sent was part of a complete answer.
    private var isBetweenMessages: Bool {
        self.mode == .http && self.unparsed.readableBytes == 0 && self.parser.isBetweenMessages
    }

    /// Whether part of an answer is here that could not be parsed yet.
    var hasPartialAnswer: Bool { self.unparsed.readableBytes > 0 }

    var mayRefuse: Bool { false }

    var takesRestOfRequest: Bool { self.keepsAlive && self.isOpen }

    func begin(_ exchange: LocalExchange) {
        self.exchange = exchange
        self.keepsAlive = false
        self.announcedIdle = nil
        let head = exchange.head
        self.parser.expectResponse(toHEAD: head.isMethod("HEAD"))
        var buffer = ByteBufferAllocator().buffer(capacity: head.bytes.readableBytes + 128)
        exchange.relay.mapping.writeRequest(
            head,
            framing: exchange.body.framing,
            isWebSocket: exchange.isWebSocket,
            passesExpect: exchange.passesExpect,
            to: &buffer
        )
        self.write(buffer)
    }

    func finish() {
        if self.keepsAlive, self.isBetweenMessages, let pool = self.pool {
            pool.release(self, announcedIdle: self.announcedIdle)
        } else {
            self.close()
        }
    }

    func stopRequest() {
        self.close()
    }

    /// The exchange is done with the connection, which stays usable.
    func finishExchange() {
        self.exchange = nil
        self.isReused = true
        self.resumeReads()
    }

    /// Queues bytes for the local app.
    func write(_ buffer: ByteBuffer) {
        self.context?.write(self.wrapOutboundOut(buffer), promise: nil)
    }

    func flush() {
        self.context?.flush()
    }

    /// A burst of frames costs one system call.
    func flushSoon() {
        guard !self.isFlushDue, let context = self.context else { return }
        self.isFlushDue = true
        context.eventLoop.assumeIsolated()
            .execute {
                self.isFlushDue = false
                self.flush()
            }
    }

    /// From now on bytes are passed as they are; the exchange saw a valid 101.
    func becomeRaw() {
        self.mode = .raw
    }

    func holdReads() {
        self.holdsReads = true
    }

    /// What is here already is handled first.
    func resumeReads() {
        guard self.holdsReads else { return }
        self.holdsReads = false
        self.parse()
        if !self.holdsReads, self.hasHeldRead {
            self.hasHeldRead = false
            self.context?.read()
        }
    }

    /// Says that nothing more will be sent, after what is queued.
    func closeOutput() {
        guard let context = self.context else { return }
        self.outputEnded = true
        context.flush()
        context.close(mode: .output, promise: nil)
    }

    /// Closes once everything queued was taken by the socket, or after ten seconds; the exchange is not told.
    func closeAfterWrites() {
        self.exchange = nil
        guard let context = self.context else { return }
        let deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(10)) { self.close() }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated()
            .whenComplete { _ in
                deadline.cancel()
                self.close()
            }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: written)
    }

    /// Closes in order; what is queued is given up and the exchange is not told.
    func close() {
        self.exchange = nil
        self.context?.close(mode: .all, promise: nil)
    }

    /// Closes with a reset, so that a half-sent request cannot be taken for a complete one; the exchange is not told.
    func abort() {
        self.exchange = nil
        guard let context = self.context else { return }
        if let options = context.channel as? any SocketOptionProvider {
            // A failure leaves an ordinary close, which is the best that is left; nothing could be done about it.
            _ = options.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        // TLS would say a polite goodbye first: go around it, straight to the socket.
        let operations = context.pipeline.syncOperations
        if let tls = try? operations.context(handlerType: NIOSSLClientHandler.self) {
            tls.close(mode: .all, promise: nil)
        } else {
            context.close(mode: .all, promise: nil)
        }
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func read(context: ChannelHandlerContext) {
        if self.holdsReads {
            self.hasHeldRead = true
        } else {
            context.read()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        guard self.exchange != nil else {
            // Nothing was asked: whatever this is, it must not become the answer to somebody's request.
            self.close()
            return
        }
        if self.unparsed.readableBytes == 0 {
            self.unparsed = bytes
        } else {
            self.unparsed.writeBuffer(&bytes)
        }
        self.parse()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { self.endInput() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Once our side is closed, NIO tells of the other side's end only like this; a reset was an error before.
        if !self.inputEnded, !self.outputEnded, self.failure == nil { self.failure = ChannelError.eof }
        self.endInput()
        self.pool?.closed(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if self.failure == nil { self.failure = error }
        context.close(mode: .all, promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.exchange?.localAppWritable() }
    }

    // MARK: Reading

    private func endInput() {
        guard !self.inputEnded else { return }
        self.inputEnded = true
        self.parse()
        if self.exchange == nil { self.context?.close(mode: .all, promise: nil) }
    }

    /// Hands the exchange everything that is here, until it stops reading or gives the connection up.
    private func parse() {
        guard !self.isParsing else { return }
        self.isParsing = true
        defer { self.isParsing = false }
        while !self.holdsReads, let exchange = self.exchange {
            if self.mode == .raw {
                guard self.unparsed.readableBytes > 0 else { break }
                let bytes = self.unparsed
                self.unparsed = ByteBuffer()
                exchange.received(raw: bytes)
                continue
            }
            do throws(HTTPParseError) {
                guard let part = try self.parser.next(&self.unparsed) else { break }
                switch part {
                case .head(let head): self.deliver(head, to: exchange)
                case .body(let bytes): exchange.received(body: bytes)
                case .end(let trailers):
                    if self.isInsideInformational {
                        self.isInsideInformational = false
                    } else {
                        exchange.receivedEnd(trailers: trailers)
                    }
                }
            } catch {
                exchange.receivedInvalidAnswer(error)
                break
            }
        }
        // An empty buffer would still keep the storage of the last read alive.
        if self.unparsed.readableBytes == 0 { self.unparsed = ByteBuffer() }
        if self.inputEnded, !self.holdsReads { self.finishInput() }
    }

    private func deliver(_ head: HTTPHead, to exchange: LocalExchange) {
        switch head.status {
        case 101: exchange.receivedUpgrade(head, on: self)
        case ..<200:
            self.isInsideInformational = true
            exchange.receivedInformational(head)
        default:
            let framing = self.parser.bodyFraming
            self.keepsAlive = framing != .untilClose && head.wantsKeepAlive
            if self.keepsAlive { self.announcedIdle = head.announcedIdleTime }
            exchange.received(head: head, end: framing == .none)
        }
    }

    /// The local app has closed and everything it sent was handed over.
    private func finishInput() {
        guard let exchange = self.exchange else { return }
        guard self.mode == .http else {
            exchange.receivedRawEnd(failure: self.failure)
            return
        }
        do throws(HTTPParseError) {
            if self.failure == nil, case .end(let trailers) = try self.parser.finish(self.unparsed) {
                exchange.receivedEnd(trailers: trailers)
            }
        } catch {
            // Told below: the exchange knows that its answer is not complete.
        }
        self.exchange?.localAppClosed(failure: self.failure)
    }
}
