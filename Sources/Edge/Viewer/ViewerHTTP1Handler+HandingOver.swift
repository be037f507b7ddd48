import NIOCore
import ProxySemantics
import TunnelTransport

// Connections that turn out to be something else than HTTP/1.1: an agent's tunnel, or HTTP/2.
extension ViewerHTTP1Handler {
    func openTunnel(_ head: HTTPHead, hasBody: Bool) {
        guard let context else { return }
        let handshake = TunnelHandshake(head: head, hasBody: hasBody, peer: self.peer, edge: self.edge)
        switch handshake.evaluate(eventLoop: context.eventLoop) {
        case .refused(let error, let fields):
            var answer = EdgeAnswer.refusal(error)
            answer.fields.append(contentsOf: fields)
            self.sendAnswer(answer)
        case .accepted(let response, let connection):
            self.handOver(context) { pipeline in
                self.output.writeImmutableBuffer(response)
                self.flushOutput()
                try context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
                try TunnelSocket.configure(context.channel)
                try pipeline.addHandler(connection)
            }
        }
    }

    /// Whether the first bytes are HTTP/2's connection preface, or may still become it: then nothing is parsed here.
    ///
    /// It serves clients that know beforehand and those that agreed on `h2` by ALPN alike: both begin with it.
    func recognizesHTTP2() -> Bool {
        let preface = ViewerHTTP2.preface
        let length = min(self.input.readableBytes, preface.utf8CodeUnitCount)
        let matches = self.input.withUnsafeReadableBytes { bytes in
            bytes.prefix(length).elementsEqual(UnsafeBufferPointer(start: preface.utf8Start, count: length))
        }
        guard matches, let context else {
            self.mayBeHTTP2 = false
            return false
        }
        guard length == preface.utf8CodeUnitCount else { return true }
        self.handOver(context) { pipeline in
            try ViewerHTTP2.install(
                in: pipeline,
                edge: self.edge,
                peer: self.peer,
                isTLS: self.isTLS,
                eventLoop: context.eventLoop
            )
        }
        return true
    }

    /// Replaces this handler by those that `install` adds; they get what was read and not used.
    private func handOver(
        _ context: ChannelHandlerContext,
        _ install: (ChannelPipeline.SynchronousOperations) throws -> Void
    ) {
        self.handedOver = true
        self.machine.closed()
        self.setDeadline(.idle, after: nil)
        let pipeline = context.pipeline.syncOperations
        do {
            try install(pipeline)
            let leftover = self.takeInput()
            if leftover.readableBytes > 0 { context.fireChannelRead(Self.wrapInboundOut(leftover)) }
            pipeline.removeHandler(self, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }
}
