package import NIOCore

/// The credit one receiver gives one sender: for a stream, or for the connection (version 1).
///
/// ```
/// size = available (the sender may still use) + unconsumed (held here) + pending (consumed, not yet given back)
/// ```
///
/// Credit goes back when a quarter of the window is pending. When that quarter was used up within one round trip the
/// window, not the network, was the limit: it doubles. A sender at rate `r` over round trip `t` uses a quarter of a window
/// `w` in `w/4r`, so growth stops at `w > 4rt`: never the limit, and at most four times what is needed.
package struct TunnelReceiveWindow: Equatable, Sendable {
    /// The whole window in bytes.
    package private(set) var size: Int
    /// What the sender may still send.
    package private(set) var available: Int
    /// What arrived and was not consumed.
    package private(set) var unconsumed = 0
    /// What was consumed and not given back.
    package private(set) var pending = 0
    /// When credit was last given back, or the first byte came.
    private var lastGrant: NIODeadline?

    /// A window nobody has used yet.
    package init(size: Int) {
        self.size = size
        self.available = size
    }

    /// Bytes arrived; false when the sender had no credit for them (nothing is counted then).
    package mutating func received(_ count: Int, now: NIODeadline) -> Bool {
        guard count <= self.available else { return false }
        self.available -= count
        self.unconsumed += count
        if self.lastGrant == nil { self.lastGrant = now }
        return true
    }

    /// The downstream took bytes; more than are held counts as all of them.
    ///
    /// - Returns: How many were counted.
    package mutating func consumed(_ count: Int) -> Int {
        let counted = min(max(0, count), self.unconsumed)
        self.unconsumed -= counted
        self.pending += counted
        return counted
    }

    /// Whether enough is pending to give credit back.
    package var grantIsDue: Bool { self.pending > 0 && self.pending >= self.size / 4 }

    /// The same for a window that many share: a quarter of what is not held is enough, because those who do not consume
    /// what they hold must not keep the others from ever getting a grant.
    package var sharedGrantIsDue: Bool { self.pending > 0 && self.pending >= (self.size - self.unconsumed) / 4 }

    /// Whether the window was the sender's limit since the last grant: at time `now`, with the smallest recent round
    /// trip.
    package func wasLimiting(now: NIODeadline, roundTrip: TimeAmount) -> Bool {
        guard let lastGrant = self.lastGrant else { return false }
        return now - lastGrant <= roundTrip
    }

    /// Gives everything pending back, on top of what a growth to `newSize` adds.
    ///
    /// - Returns: The credit to send to the peer.
    package mutating func grant(growingTo newSize: Int, now: NIODeadline) -> Int {
        let growth = max(0, newSize - self.size)
        let credit = self.pending + growth
        self.size += growth
        self.pending = 0
        self.available += credit
        self.lastGrant = now
        return credit
    }
}
