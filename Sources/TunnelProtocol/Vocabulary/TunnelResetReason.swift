/// Why one stream was aborted.
///
/// The raw value is the code of version 1's RESET; version 0 says STREAM_CANCEL for all.
package enum TunnelResetReason: UInt16, Sendable, Equatable, CaseIterable {
    /// The sender of the reset has everything it needs: stop sending. Nothing failed.
    case noError = 0
    /// Whoever wanted the answer went away, or no particular reason is known (every version 0 reset).
    case cancelled = 1
    /// Not started: nothing of the request reached the local app, so trying again is safe.
    case refused = 2
    /// The local app did not accept the connection.
    case upstreamUnreachable = 3
    /// The local app's answer is not valid HTTP.
    case upstreamProtocolError = 4
    /// The local app did not answer in time.
    case upstreamTimeout = 5
    /// The local app broke the connection in the middle of an answer.
    case upstreamAborted = 6
    /// The receiver holds as many unread bytes of this stream as it is willing to.
    case bufferLimit = 7
    /// The peer used this stream against the protocol.
    case protocolError = 8
    /// The policy does not allow this any more: paused, kicked, closed, expired.
    case policy = 9
    /// A head is larger than the receiver accepts.
    case headTooLarge = 10
    /// Something went wrong inside the sender of the reset; also every code this version does not know.
    case internalError = 11
    /// The tunnel connection went away. Local only: never sent, and refused when received.
    case connectionLost = 0xFFFF

    /// Reads a code from the wire; codes of later versions become `internalError`, the local one is refused (nil).
    package init?(wireCode: UInt16) {
        if wireCode == TunnelResetReason.connectionLost.rawValue { return nil }
        self = TunnelResetReason(rawValue: wireCode) ?? .internalError
    }
}
