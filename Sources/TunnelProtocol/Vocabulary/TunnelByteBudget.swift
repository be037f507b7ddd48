import Synchronization

/// How many bytes all tunnels of one process hold at this moment, and how many they may hold.
///
/// Shared by every connection of a process; safe to use from any thread. Windows grow only while less than half of the
/// budget is used, and a stream is given up (`bufferLimit`) when the whole of it is used.
package final class TunnelByteBudget: Sendable {
    /// The most bytes that may be held.
    package let limit: Int
    private let held = Atomic<Int>(0)

    /// Makes a budget of `limit` bytes.
    package init(limit: Int = 256 << 20) {
        self.limit = limit
    }

    /// The bytes held now, queued for sending or received and not yet consumed; for metrics.
    package var bufferedBytes: Int { self.held.load(ordering: .relaxed) }

    /// Whether a window may grow.
    package var allowsGrowth: Bool { self.bufferedBytes < self.limit / 2 }

    /// Whether everything is used up.
    package var isExhausted: Bool { self.bufferedBytes > self.limit }

    /// Counts bytes that came in (positive) or went out (negative).
    package func count(_ change: Int) {
        if change != 0 { self.held.add(change, ordering: .relaxed) }
    }
}
