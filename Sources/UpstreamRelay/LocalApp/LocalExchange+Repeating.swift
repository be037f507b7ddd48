import NIOCore
import TunnelProtocol

/// A request that the local app refused is sent again: once, if it is all still here (RFC 9113, 8.7).
extension LocalExchange {
    /// What went to the local app, kept until its answer begins or it is too long to keep.
    struct SentRequest {
        /// The most body bytes that are kept.
        static let maximumBytes = 64 << 10

        /// The body's account as it was before anything was sent.
        let body: RequestBodyStateMachine
        /// A copy: slices of what was read would keep much larger buffers alive.
        var data = ByteBuffer()
        /// The end, with its trailers.
        var end: ByteBuffer??

        init(body: RequestBodyStateMachine) {
            self.body = body
        }
    }

    /// Keeps bytes that were just sent, or gives up keeping any.
    func remember(_ data: ByteBuffer) {
        guard var sent = self.sent else { return }
        self.sent = nil
        guard self.answer == .awaited, sent.data.readableBytes + data.readableBytes <= SentRequest.maximumBytes
        else { return }
        sent.data.writeImmutableBuffer(data)
        self.sent = sent
    }

    /// Asks for another carrier than the one that is gone.
    func acquireAgain() {
        if !self.relay.requests.acquireFresh(for: self) { self.fail(.refused) }
    }

    /// The local app says that it did not look at the request.
    func localAppRefused() {
        guard !self.isFinished else { return }
        self.carrier?.close()
        self.carrier = nil
        guard self.answer == .awaited, self.informationalCount == 0 else {
            return self.answer == .ended ? self.stopRequest() : self.fail(.upstreamAborted)
        }
        guard let sent = self.sent else { return self.fail(.refused) }
        self.sent = nil
        self.hasRetried = true
        self.body = sent.body
        if sent.data.readableBytes > 0 { self.queued = [sent.data] }
        self.queuedEnd = sent.end
        // They are sent twice, but credited once.
        self.uncredited -= sent.data.readableBytes
        self.acquireAgain()
    }
}
