/// Decides what an HTTP/1.1 server connection does when requests and responses begin and end.
///
/// One exchange at a time: pipelined requests wait in the connection's buffer until the one before is answered
/// completely. Pure; the connection's handler calls one method per event and does what it returns.
///
/// ```
///           requestHead             responseEnded, request complete, keep-alive
///   idle ───────────────▶ active ────────────────────────────────────────────────▶ idle
///                            │ responseEnded, request incomplete ─▶ finished (linger)
///                            │ responseEnded, no keep-alive ──────▶ finished (close)
///                            └ webSocketAccepted ─────────────────▶ duplex
/// ```
package struct HTTP1ExchangeStateMachine: Sendable {
    private struct Active: Equatable {
        var requestComplete = false
        var responseStarted = false
        var keepAlive: Bool
    }

    private enum State: Equatable {
        case idle
        case active(Active)
        case duplex(inputOpen: Bool, outputOpen: Bool)
        case finished
    }

    private var state: State = .idle

    /// What the connection does next.
    package enum Next: Equatable, Sendable {
        /// Nothing; the exchange goes on.
        case wait
        /// Look for the next request.
        case nextRequest
        /// Close the connection.
        case close
        /// Close the sending side, read and discard what the peer still sends for a bounded time, then close: a peer
        /// that is still sending would otherwise lose the answer to a TCP reset (RFC 9112, 9.6).
        case lingeringClose
    }

    /// A connection without requests yet.
    package init() {}

    /// Whether no exchange is under way and the next request may be read.
    package var isIdle: Bool { self.state == .idle }

    /// Whether the connection is a raw duplex stream now.
    package var isDuplex: Bool {
        if case .duplex = self.state { true } else { false }
    }

    /// Whether the current request is still being received.
    package var isReceivingRequest: Bool {
        if case .active(let active) = self.state { !active.requestComplete } else { false }
    }

    /// Whether a response is still owed, and none of it was sent.
    package var awaitsResponse: Bool {
        if case .active(let active) = self.state { !active.responseStarted } else { false }
    }

    /// A request head was read; call only while idle.
    package mutating func requestHeadReceived(keepAlive: Bool) {
        precondition(self.state == .idle, "a request begins while another is being answered")
        self.state = .active(Active(keepAlive: keepAlive))
    }

    /// The request was received completely.
    package mutating func requestEnded() {
        guard case .active(var active) = self.state else { return }
        active.requestComplete = true
        self.state = .active(active)
    }

    /// A final response head is about to be sent.
    ///
    /// `allowsKeepAlive` is false when its end can only be shown by closing.
    ///
    /// Returns whether the connection stays open after the response, for the `Connection` field.
    package mutating func responseStarted(allowsKeepAlive: Bool) -> Bool {
        guard case .active(var active) = self.state else { return false }
        active.responseStarted = true
        // An answer that comes before the request has ended leaves bytes behind that are no request.
        active.keepAlive = active.keepAlive && allowsKeepAlive && active.requestComplete
        self.state = .active(active)
        return active.keepAlive
    }

    /// The response was sent completely.
    package mutating func responseEnded() -> Next {
        guard case .active(let active) = self.state else { return .wait }
        if active.keepAlive && active.requestComplete {
            self.state = .idle
            return .nextRequest
        }
        self.state = .finished
        return active.requestComplete ? .close : .lingeringClose
    }

    /// A 101 was sent: the connection carries raw bytes from here on.
    package mutating func webSocketAccepted() {
        guard case .active = self.state else { return }
        self.state = .duplex(inputOpen: true, outputOpen: true)
    }

    /// The far side of a duplex stream ended.
    package mutating func duplexOutputEnded() -> Next {
        guard case .duplex(let inputOpen, _) = self.state else { return .wait }
        self.state = inputOpen ? .duplex(inputOpen: true, outputOpen: false) : .finished
        return inputOpen ? .wait : .close
    }

    /// The peer ended its side of a duplex stream.
    package mutating func duplexInputEnded() -> Next {
        guard case .duplex(_, let outputOpen) = self.state else { return .wait }
        self.state = outputOpen ? .duplex(inputOpen: false, outputOpen: true) : .finished
        return outputOpen ? .wait : .close
    }

    /// The connection is gone or about to be closed.
    package mutating func closed() {
        self.state = .finished
    }
}
