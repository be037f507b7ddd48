import NIOCore
import NIOSSL
import ProxySemantics

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

// What exchanges say to the viewer, written as HTTP/1.1.
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
