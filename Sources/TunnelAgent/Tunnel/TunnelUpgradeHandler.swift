import NIOCore
import ProxySemantics
import TunnelProtocol
import TunnelTransport

/// Turns a fresh connection to the edge into a WebSocket: sends the upgrade request, checks the answer, makes room for
/// the tunnel's handler (RFC 6455, section 4.1).
///
/// Confined to the event loop. Refuses whatever was not asked for: another subprotocol, an extension, a wrong accept
/// value. Holds at most one head and the first bytes of an error body.
final class TunnelUpgradeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case awaitingAnswer
        case readingError(HTTPHead, ByteBuffer)
        case done
    }

    /// How much of an error's body is looked at.
    private static let maximumErrorBytes = 4 << 10

    private let request: ByteBuffer
    private let expectedAccept: String
    private let offersV1: Bool
    private let onUpgrade: (TunnelVersion, any Channel) throws -> TunnelConnection
    private let onFailure: (DialFailure) -> Void
    private var state: State = .awaitingAnswer
    private var parser = HTTPMessageParser(role: .response, limits: .init(maximumHeadBytes: 16 << 10))
    private var received = ByteBuffer()

    /// A handler for one attempt.
    ///
    /// - Parameters:
    ///   - request: the upgrade request.
    ///   - key: its `Sec-WebSocket-Key`.
    ///   - offersV1: whether it offers version 1.
    ///   - onUpgrade: makes the tunnel's handler for the version the edge chose.
    ///   - onFailure: called once if the attempt fails; the channel is closed then.
    init(
        request: ByteBuffer,
        key: String,
        offersV1: Bool,
        onUpgrade: @escaping (TunnelVersion, any Channel) throws -> TunnelConnection,
        onFailure: @escaping (DialFailure) -> Void
    ) {
        self.request = request
        self.expectedAccept = WebSocketHandshake.acceptValue(for: key)
        self.offersV1 = offersV1
        self.onUpgrade = onUpgrade
        self.onFailure = onFailure
    }

    func handlerAdded(context: ChannelHandlerContext) {
        // With TLS the bytes wait inside its handler until the handshake is done.
        context.writeAndFlush(self.wrapOutboundOut(self.request), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        if case .done = self.state { return }
        self.received.writeBuffer(&bytes)
        do throws(HTTPParseError) {
            while let part = try self.parser.next(&self.received) {
                self.handle(part, context: context)
                if case .done = self.state { return }
            }
        } catch {
            self.fail(.permanent(.misconfigured("The edge address does not speak HTTP.")), context: context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .readingError(let head, let body) = self.state {
            self.fail(DialFailure(answer: head, body: body), context: context)
        } else {
            self.fail(.temporary(reason: "the edge closed the connection", after: nil), context: context)
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.fail(.temporary(reason: TunnelDialer.sentence(for: error), after: nil), context: context)
    }

    /// Gives the attempt up; does nothing if it is decided already.
    func fail(_ failure: DialFailure, context: ChannelHandlerContext) {
        if case .done = self.state { return }
        self.state = .done
        context.close(mode: .all, promise: nil)
        self.onFailure(failure)
    }

    private func handle(_ part: HTTPMessagePart, context: ChannelHandlerContext) {
        switch (part, self.state) {
        case (.head(let head), .awaitingAnswer):
            if head.status == 101 {
                self.upgrade(head, context: context)
            } else if head.status >= 200 {
                self.state = .readingError(head, ByteBuffer())
            }
        case (.body(var bytes), .readingError(let head, var body)):
            body.writeBuffer(&bytes)
            self.state = .readingError(head, body)
            if body.readableBytes >= Self.maximumErrorBytes {
                self.fail(DialFailure(answer: head, body: body), context: context)
            }
        case (.end, .readingError(let head, let body)):
            self.fail(DialFailure(answer: head, body: body), context: context)
        default: break
        }
    }

    private func upgrade(_ head: HTTPHead, context: ChannelHandlerContext) {
        guard let version = self.version(of: head) else {
            let message = "The edge address gave a wrong answer to the WebSocket upgrade."
            return self.fail(.permanent(.misconfigured(message)), context: context)
        }
        self.state = .done
        let operations = context.pipeline.syncOperations
        do {
            let connection = try self.onUpgrade(version, context.channel)
            try operations.addHandler(connection, position: .after(self))
        } catch {
            context.close(mode: .all, promise: nil)
            self.onFailure(.temporary(reason: TunnelDialer.sentence(for: error), after: nil))
            return
        }
        // The first frames may have come with the answer.
        if self.received.readableBytes > 0 {
            context.fireChannelRead(self.wrapInboundOut(self.received))
            self.received = ByteBuffer()
            context.fireChannelReadComplete()
        }
        operations.removeHandler(self, promise: nil)
    }

    /// The version a 101 chose; nil when the answer is not what RFC 6455 asks for.
    private func version(of head: HTTPHead) -> TunnelVersion? {
        guard head.listContains(.upgrade, "websocket"), head.listContains(.connection, "upgrade"),
            head.count(of: .secWebSocketAccept) == 1, head.value(of: .secWebSocketAccept) == self.expectedAccept,
            head.first(.secWebSocketExtensions) == nil
        else { return nil }
        guard let chosen = head.value(of: .secWebSocketProtocol) else { return .v0 }
        return self.offersV1 && chosen == WebSocketHandshake.v1Subprotocol ? .v1 : nil
    }
}
