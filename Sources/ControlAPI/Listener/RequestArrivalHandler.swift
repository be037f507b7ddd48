package import HTTPTypes
package import NIOCore
package import NIOHTTPTypes

/// Bounds how long a request may take to arrive and how much of an unwanted body is read, and asks for bodies that
/// wait for permission (`Expect: 100-continue`, RFC 9110, 10.1.1).
///
/// Sits between the HTTP codec and the server's own handlers. The server reads the rest of a body it does not want, so
/// that the connection can be used again; a client that goes on sending past `maximumBodyBytes` and an allowance, or
/// past the deadline, loses the connection. Confined to its channel's event loop.
package final class RequestArrivalHandler: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPRequestPart
    package typealias InboundOut = HTTPRequestPart
    package typealias OutboundIn = HTTPResponsePart
    package typealias OutboundOut = HTTPResponsePart

    /// How much of a refused body is read before the connection is given up.
    package static let discardAllowance = 1024 * 1024

    private let requestTimeout: TimeAmount
    private let limit: @Sendable (HTTPRequest) -> Int
    private var maximumBodyBytes = 0
    private var deadline: Scheduled<Void>?
    private var receivedBodyBytes = 0
    private var isReceiving = false
    private var closesAfterResponse = false

    /// A handler that closes the connection when a request's body is not complete `requestTimeout` after its head;
    /// `maximumBodyBytes` says how large the body of a request may be.
    package init(requestTimeout: TimeAmount, maximumBodyBytes: @escaping @Sendable (HTTPRequest) -> Int) {
        self.requestTimeout = requestTimeout
        self.limit = maximumBodyBytes
    }

    /// The same with one limit for all requests.
    package convenience init(requestTimeout: TimeAmount, maximumBodyBytes: Int) {
        self.init(requestTimeout: requestTimeout) { _ in maximumBodyBytes }
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.isReceiving = true
            self.receivedBodyBytes = 0
            self.maximumBodyBytes = self.limit(head)
            self.startDeadline(context)
            if head.headerFields[.expect]?.lowercased() == "100-continue",
                self.isWelcome(head.headerFields[.contentLength])
            {
                context.writeAndFlush(self.wrapOutboundOut(.head(.init(status: .continue))), promise: nil)
            }
        case .body(let bytes):
            self.receivedBodyBytes += bytes.readableBytes
            guard self.receivedBodyBytes <= self.maximumBodyBytes + Self.discardAllowance else {
                context.close(promise: nil)
                return
            }
        case .end:
            self.isReceiving = false
            self.deadline?.cancel()
            self.deadline = nil
        }
        context.fireChannelRead(data)
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch self.unwrapOutboundIn(data) {
        case .head(let head):
            self.closesAfterResponse = head.headerFields[.connection]?.lowercased() == "close"
            context.write(data, promise: promise)
        case .body:
            context.write(data, promise: promise)
        case .end:
            guard self.closesAfterResponse else {
                context.write(data, promise: promise)
                return
            }
            // Half-closing lets the client read the answer while it is still sending; the deadline, the allowance or
            // the client's own end closes the rest. A request that is complete needs no such care.
            let mode: CloseMode = self.isReceiving ? .output : .all
            let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
            let written = promise ?? context.eventLoop.makePromise()
            written.futureResult.whenComplete { _ in loopBound.value.close(mode: mode, promise: nil) }
            context.writeAndFlush(data, promise: written)
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        self.deadline?.cancel()
        self.deadline = nil
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.deadline?.cancel()
        self.deadline = nil
    }

    private func startDeadline(_ context: ChannelHandlerContext) {
        self.deadline?.cancel()
        self.deadline = context.eventLoop.assumeIsolated()
            .scheduleTask(in: self.requestTimeout) {
                context.close(promise: nil)
            }
    }

    private func isWelcome(_ contentLength: String?) -> Bool {
        guard let contentLength else { return true }
        return Int(contentLength).map { $0 <= self.maximumBodyBytes } ?? false
    }
}

@available(*, unavailable)
extension RequestArrivalHandler: Sendable {}
