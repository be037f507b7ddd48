package import NIOCore

/// The limits and intervals of one tunnel connection.
///
/// Every default is what docs/protocol.md states.
package struct TunnelConfiguration: Sendable {
    /// Who this is, told to the peer in version 1's HELLO (`daypass/1.2 agent`); at most 128 bytes of UTF-8.
    package var name: String = "daypass"
    /// How many streams may be open at once on this connection.
    package var maximumStreams: Int = 256
    /// Bytes a peer may send on a new stream before credit is returned (version 1).
    package var initialStreamWindow: Int = 256 << 10
    /// The size a stream's window may grow to (version 1).
    package var maximumStreamWindow: Int = 16 << 20
    /// Bytes a peer may send on all streams together before credit is returned (version 1).
    package var initialConnectionWindow: Int = 4 << 20
    /// The size the connection's window may grow to (version 1).
    package var maximumConnectionWindow: Int = 64 << 20
    /// The largest head or trailer block accepted, in bytes.
    package var maximumHeadBytes: Int = 128 << 10
    /// Unconsumed bytes of one stream above which a version 0 stream is reset with `bufferLimit`.
    package var bufferLimitV0: Int = 8 << 20
    /// Queued bytes of one stream above which `sendData` answers `.pause`.
    package var sendQueueHighWater: Int = 256 << 10
    /// Queued bytes of one stream below which a paused sender is told to go on.
    package var sendQueueLowWater: Int = 128 << 10
    /// Queued bytes of one stream above which it is reset: its sender did not honour `.pause`.
    package var sendQueueLimit: Int = 4 << 20
    /// Time between pings, both ways.
    package var pingInterval: TimeAmount = .seconds(25)
    /// Unanswered pings after which the connection is closed.
    package var missedPongLimit: Int = 2
    /// How long the peer's HELLO may take (version 1).
    package var helloTimeout: TimeAmount = .seconds(10)
    /// The process-wide count of buffered bytes; give every connection of a process the same one.
    package var budget: TunnelByteBudget

    /// Makes the default configuration around a process-wide budget.
    package init(budget: TunnelByteBudget) {
        self.budget = budget
    }
}

/// What is known about the other end once connected.
package struct TunnelPeer: Sendable, Equatable {
    /// The protocol version in use.
    package var version: TunnelVersion
    /// What the peer calls itself (version 1; empty for version 0).
    ///
    /// Untrusted text of at most 128 bytes.
    package var name: String
    /// How many streams the peer accepts at once.
    package var maximumStreams: Int
    /// The largest head or trailer block the peer accepts, in bytes.
    package var maximumHeadBytes: Int

    /// Describes a peer.
    package init(version: TunnelVersion, name: String, maximumStreams: Int, maximumHeadBytes: Int) {
        self.version = version
        self.name = name
        self.maximumStreams = maximumStreams
        self.maximumHeadBytes = maximumHeadBytes
    }
}

/// Something the edge tells the agent outside any stream: policy, pause, expiry, viewer count.
package struct TunnelPush: Sendable, Equatable {
    /// The text of one JSON object, at most 64 KiB of valid UTF-8; its members are not validated here.
    package var json: String

    /// Wraps the text.
    package init(json: String) {
        self.json = json
    }
}
