package import SessionModel

/// Why a byte stream is not a message we accept (RFC 9112; spec: tunnel sessions, section 2, "Forwarding").
package enum HTTPParseError: Error, Equatable, Sendable {
    /// The bytes break the grammar or the framing rules; the text names the rule and contains no peer data.
    case invalid(String)
    /// The head or the trailers are longer, or have more fields, than the limits allow.
    case headTooLarge
    /// The peer closed in the middle of a message.
    case truncated

    /// The code a viewer is answered with when its request fails like this.
    package var requestErrorCode: ErrorCode {
        switch self {
        case .invalid, .truncated: .badRequest
        case .headTooLarge: .headersTooLarge
        }
    }
}

/// Upper bounds of one message's parts that must be held whole.
package struct HTTPParserLimits: Sendable, Equatable {
    /// Bytes of a head, start line and final empty line included.
    package var maximumHeadBytes: Int
    /// Fields in a head.
    package var maximumFields: Int
    /// Bytes of a trailer section, and of all chunk extensions of one message.
    package var maximumTrailerBytes: Int

    /// Limits; the defaults are the edge's (64 KiB heads).
    package init(maximumHeadBytes: Int = 65_536, maximumFields: Int = 256, maximumTrailerBytes: Int = 16_384) {
        self.maximumHeadBytes = maximumHeadBytes
        self.maximumFields = maximumFields
        self.maximumTrailerBytes = maximumTrailerBytes
    }
}
