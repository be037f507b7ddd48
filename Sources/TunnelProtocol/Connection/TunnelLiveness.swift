package import NIOCore

/// Pings at an interval, notices their absence of answers, and measures the round trip.
///
/// A ping is missed when nothing at all arrived between it and the next one: bytes of any frame prove the peer alive,
/// and a pong may wait behind megabytes on a slow link.
package struct TunnelLiveness: Equatable, Sendable {
    /// What a tick of the timer asks for.
    package enum OnTick: Equatable {
        /// Send a ping with this token.
        case ping(UInt64)
        /// The hello did not come, or pings were missed.
        case close(TunnelCloseReason)
    }

    /// What a pong means.
    package enum OnPong: Equatable {
        /// It answers a ping sent this long ago.
        case measured(TimeAmount)
        /// Nobody waits for it any more.
        case ignore
        /// No ping with this token was ever sent.
        case illegal
    }

    private struct Outstanding: Equatable {
        var token: UInt64
        var sentAt: NIODeadline
    }

    private static let keptSamples = 8
    private static let keptPings = 8

    private let interval: TimeAmount
    private let missedLimit: Int
    private var isAwaitingHello = false
    private var outstanding: [Outstanding] = []
    private var samples: [TimeAmount] = []
    private var nextSample = 0
    private var nextToken: UInt64 = 1
    private var missed = 0
    private var heardSinceTick = true
    /// When the timer should fire next.
    package private(set) var nextTick: NIODeadline = .distantFuture

    /// Liveness of a connection that has not started.
    package init(interval: TimeAmount, missedLimit: Int) {
        self.interval = interval
        self.missedLimit = missedLimit
    }

    /// The smallest of the last eight round trips.
    package var roundTrip: TimeAmount? { self.samples.min() }

    /// Starts the timer; with a timeout, for the peer's hello first.
    package mutating func start(now: NIODeadline, timeout: TimeAmount?) {
        self.isAwaitingHello = timeout != nil
        self.nextTick = now + (timeout ?? self.interval)
    }

    /// The hello arrived: pings from here on.
    package mutating func helloReceived(now: NIODeadline) {
        self.isAwaitingHello = false
        self.nextTick = now + self.interval
    }

    /// Anything arrived.
    package mutating func heard() { self.heardSinceTick = true }

    /// A ping goes out now; answers with its token.
    package mutating func ping(now: NIODeadline) -> UInt64 {
        let token = self.nextToken
        self.nextToken += 1
        if self.outstanding.count >= Self.keptPings { self.outstanding.removeFirst() }
        self.outstanding.append(Outstanding(token: token, sentAt: now))
        self.heardSinceTick = false
        return token
    }

    /// The timer fired at `nextTick`.
    package mutating func tick(now: NIODeadline) -> OnTick {
        if self.isAwaitingHello { return .close(.protocolError("the hello did not arrive in time")) }
        self.missed = self.heardSinceTick || self.outstanding.isEmpty ? 0 : self.missed + 1
        if self.missed >= self.missedLimit { return .close(.missedPongs) }
        self.nextTick = now + self.interval
        return .ping(self.ping(now: now))
    }

    /// A pong arrived.
    ///
    /// - Parameters:
    ///   - token: What it carries; nil in version 0, where it answers the oldest ping.
    ///   - now: The current time.
    /// - Returns: What it means.
    package mutating func pong(token: UInt64?, now: NIODeadline) -> OnPong {
        let place =
            token.map { token in self.outstanding.firstIndex { $0.token == token } } ?? self.outstanding.indices.first
        guard let place else {
            if let token, token == 0 || token >= self.nextToken { return .illegal }
            return .ignore
        }
        let measured = now - self.outstanding[place].sentAt
        self.outstanding.removeSubrange(...place)
        if self.samples.count < Self.keptSamples {
            self.samples.append(measured)
        } else {
            self.samples[self.nextSample] = measured
            self.nextSample = (self.nextSample + 1) % Self.keptSamples
        }
        return .measured(measured)
    }
}
