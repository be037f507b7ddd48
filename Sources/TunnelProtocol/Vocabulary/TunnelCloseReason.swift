package import NIOCore

/// Why a tunnel connection ended, and whether connecting again makes sense.
package enum TunnelCloseReason: Sendable, Equatable {
    /// Asked for by either side, for no particular reason.
    case normal
    /// The edge (or agent) is going away after finishing what was open; connect again after `retryAfter`.
    case drained(retryAfter: TimeAmount)
    /// Another agent took this session over.
    case replaced
    /// The owner closed the session.
    case sessionClosed
    /// The session reached its expiry.
    case sessionExpired
    /// The token is not (or no longer) accepted.
    case unauthorized
    /// The peer broke the protocol; the text says how and contains nothing from the peer's frames.
    case protocolError(String)
    /// Too much is open already; connect again after `retryAfter`.
    case overloaded(retryAfter: TimeAmount)
    /// The peer does not take what is sent to it.
    case backlogLimit
    /// Something went wrong inside the side that closed; also every code this version does not know.
    case internalError
    /// Two pings in a row were not answered.
    case missedPongs
    /// The transport ended without a close: reset, end of file, or a read error. Local only, never sent.
    case transportLost

    /// Whether the agent must not connect again with the same token on its own.
    package var isPermanent: Bool {
        switch self {
        case .replaced, .sessionClosed, .sessionExpired, .unauthorized: true
        case .normal, .drained, .protocolError, .overloaded, .backlogLimit, .internalError, .missedPongs,
            .transportLost:
            false
        }
    }

    /// When the peer asked to be left alone for a while: how long.
    package var retryAfter: TimeAmount? {
        switch self {
        case .drained(let delay), .overloaded(let delay): delay
        default: nil
        }
    }

    /// The code of version 1's CLOSE; the WebSocket close code is 4000 plus it (1000 for `normal`).
    package var wireCode: UInt16 {
        switch self {
        case .normal: 0
        case .drained: 1
        case .replaced: 2
        case .sessionClosed: 3
        case .sessionExpired: 4
        case .unauthorized: 5
        case .protocolError: 6
        case .overloaded: 7
        case .backlogLimit: 8
        case .internalError: 9
        case .missedPongs: 10
        case .transportLost: 9
        }
    }

    /// The sentence that travels beside the code, at most 123 bytes.
    package var text: String {
        switch self {
        case .normal: "closed"
        case .drained: "going away, connect again"
        case .replaced: "another agent took over"
        case .sessionClosed: "the session was closed"
        case .sessionExpired: "the session has expired"
        case .unauthorized: "the token is not accepted"
        case .protocolError(let detail): detail
        case .overloaded: "too much is open already"
        case .backlogLimit: "the peer does not read"
        case .internalError, .transportLost: "internal error"
        case .missedPongs: "two pings were not answered"
        }
    }

    /// Reads a code from the wire; unknown codes become `internalError`.
    ///
    /// - Parameters:
    ///   - wireCode: The code.
    ///   - retryAfter: The delay that came with it.
    ///   - text: The peer's sentence, kept for `protocolError` only.
    package init(wireCode: UInt16, retryAfter: TimeAmount, text: String) {
        switch wireCode {
        case 0: self = .normal
        case 1: self = .drained(retryAfter: retryAfter)
        case 2: self = .replaced
        case 3: self = .sessionClosed
        case 4: self = .sessionExpired
        case 5: self = .unauthorized
        case 6: self = .protocolError(text)
        case 7: self = .overloaded(retryAfter: retryAfter)
        case 8: self = .backlogLimit
        case 10: self = .missedPongs
        default: self = .internalError
        }
    }
}
