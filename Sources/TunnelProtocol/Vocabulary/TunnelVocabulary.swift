/// Which end of a tunnel this process is.
package enum TunnelRole: Sendable, Equatable {
    /// The WebSocket server: opens streams, one per request of a viewer.
    case edge
    /// The WebSocket client: answers streams from the local app.
    case agent
}

/// The version of the tunnel protocol, chosen by the WebSocket subprotocol (`daypass.v1`, else version 0).
package enum TunnelVersion: Int, Sendable, Equatable {
    /// Type, stream id and payload; no credit, no reasons (spec: tunnel protocol, version 0).
    case v0 = 0
    /// Lengths, credit, trailers, reset and close reasons (docs/protocol.md).
    case v1 = 1
}

/// What a stream carries.
package enum TunnelStreamKind: UInt8, Sendable, Equatable {
    /// One request and one response, with bodies and trailers.
    case http = 0
    /// An upgrade request; after a 101 answer a raw duplex byte stream.
    case webSocket = 1
}

/// The number of one stream on one connection: allocated by the edge, increasing from 1, never reused.
package struct TunnelStreamID: Hashable, Sendable, CustomStringConvertible {
    /// The number as it travels; 0 is the connection itself and never a stream.
    package let rawValue: UInt32

    /// Wraps a number.
    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package var description: String { "stream \(self.rawValue)" }
}
