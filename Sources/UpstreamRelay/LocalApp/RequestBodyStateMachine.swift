import NIOCore
package import ProxySemantics
package import TunnelProtocol

/// Keeps the account of one request's body: how it is framed towards the local app, and whether what the tunnel
/// delivers is what the head announced.
///
/// ```
/// undecided ──data──▶ chunked ──end──▶ complete        (version 0: a head without Content-Length says nothing)
///     └──────end──────────────────────▶ complete
/// counted(n) ──data──▶ counted(n − size) ──end, n = 0──▶ complete
/// any ──too many bytes, or an end too early──▶ the request is aborted
/// ```
package struct RequestBodyStateMachine: Sendable {
    private enum State: Equatable {
        case undecided
        case counted(remaining: Int)
        case chunked(first: Bool)
        case complete
    }

    /// What to do when the request starts.
    package enum OnStart: Equatable, Sendable {
        /// Send the head, framed like this.
        case sendHead(LocalHeadMapping.RequestFraming)
        /// Nothing yet: the next frame decides.
        case wait
        /// The head contradicts its end: refuse the request.
        case refuse
    }

    /// What to do with body bytes.
    package enum OnData: Equatable, Sendable {
        /// Send them as they are.
        case send
        /// Send them as a chunk; `first` if it is the first one.
        case sendChunk(first: Bool)
        /// More than announced: abort the request towards the local app.
        case abort
    }

    /// What to do when the body ends.
    package enum OnEnd: Equatable, Sendable {
        /// Nothing more is to be sent.
        case finish
        /// The last chunk and the trailers are to be sent; `first` if no chunk was sent before.
        case finishChunks(first: Bool)
        /// Less than announced: abort the request towards the local app.
        case abort
    }

    private var state: State
    private let start: OnStart

    /// Reads what the head announced.
    ///
    /// - Parameters:
    ///   - head: the request's validated head; a `Transfer-Encoding` left by an old gateway counts as no length.
    ///   - end: whether the head was said to be the whole request.
    ///   - version: the tunnel's version.
    /// - Throws: `HTTPParseError` when the head's own framing fields contradict each other.
    package init(head: HTTPHead, end: Bool, version: TunnelVersion) throws(HTTPParseError) {
        let length: Int? =
            switch try HTTPMessageParser.requestFraming(of: head) {
            case .length(let length): length
            case .none: head.first(.contentLength) == nil ? nil : 0
            case .chunked, .untilClose: nil
            }
        if end {
            self.state = .complete
            self.start = (length ?? 0) == 0 ? .sendHead(.asAnnounced) : .refuse
        } else if let length {
            self.state = .counted(remaining: length)
            self.start = .sendHead(.asAnnounced)
        } else if version == .v0 {
            self.state = .undecided
            self.start = .wait
        } else {
            self.state = .chunked(first: true)
            self.start = .sendHead(.chunked)
        }
    }

    /// Whether the framing is still open.
    package var isUndecided: Bool { self.state == .undecided }

    /// Whether everything announced was received.
    package var isComplete: Bool { self.state == .complete }

    /// How the head is to be framed; meaningful once the framing is decided.
    package var framing: LocalHeadMapping.RequestFraming {
        if case .chunked = self.state { .chunked } else { .asAnnounced }
    }

    /// The request starts.
    package func started() -> OnStart { self.start }

    /// A frame of an undecided request arrived, which decides how it is framed.
    package mutating func decide(end: Bool) {
        guard self.state == .undecided else { return }
        self.state = end ? .complete : .chunked(first: true)
    }

    /// Body bytes are on their way; `count` is more than zero.
    package mutating func dataReceived(_ count: Int) -> OnData {
        switch self.state {
        case .counted(let remaining):
            guard count <= remaining else { return .abort }
            self.state = .counted(remaining: remaining - count)
            return .send
        case .undecided:
            self.state = .chunked(first: false)
            return .sendChunk(first: true)
        case .chunked(let first):
            self.state = .chunked(first: false)
            return .sendChunk(first: first)
        case .complete:
            return .abort
        }
    }

    /// The body is said to be complete.
    package mutating func endReceived() -> OnEnd {
        switch self.state {
        case .counted(let remaining):
            guard remaining == 0 else { return .abort }
            self.state = .complete
            return .finish
        case .chunked(let first):
            self.state = .complete
            return .finishChunks(first: first)
        case .undecided, .complete:
            self.state = .complete
            return .finish
        }
    }
}
