import Foundation
package import SessionModel
package import TunnelAgent
package import UpstreamRelay

/// What the interactive screen knows: a value that takes events and is drawn from (`rendered`).
///
/// Bounded: the last 64 requests, ten seconds of counts, one notice. Time is an argument.
package struct StatusScreen: Equatable, Sendable {
    /// What does not change while the tunnel is open.
    package struct Facts: Equatable, Sendable {
        /// The link for viewers.
        package var publicURL: String
        /// The link for the owner, with its token.
        package var ownerURL: String
        /// What is shared, for people.
        package var target: String
        /// User name and password of basic authentication, if the session has it.
        package var credentials: (username: String, password: String)?
        /// The viewers' password, if one was set.
        package var password: String?

        /// The facts of a new tunnel.
        package init(
            publicURL: String,
            ownerURL: String,
            target: String,
            credentials: (username: String, password: String)? = nil,
            password: String? = nil
        ) {
            self.publicURL = publicURL
            self.ownerURL = ownerURL
            self.target = target
            self.credentials = credentials
            self.password = password
        }

        package static func == (lhs: Facts, rhs: Facts) -> Bool {
            lhs.publicURL == rhs.publicURL && lhs.ownerURL == rhs.ownerURL && lhs.target == rhs.target
                && lhs.password == rhs.password && lhs.credentials?.username == rhs.credentials?.username
                && lhs.credentials?.password == rhs.credentials?.password
        }
    }

    /// How the agent stands with the edge.
    package enum Link: Equatable, Sendable {
        case connecting(attempt: Int)
        case connected(connections: Int)
        case waiting(reason: String, until: Timestamp)
        case closing
    }

    /// A sentence that is shown for a while.
    struct Notice: Equatable {
        var text: String
        var isProblem: Bool
        var until: Timestamp
    }

    /// What does not change while the screen is shown.
    package let facts: Facts
    /// When the session ends, as far as is known.
    package private(set) var expiresAt: Timestamp?
    /// How the connection to the edge stands.
    package private(set) var link = Link.connecting(attempt: 1)
    /// Whether the owner has paused the session.
    package private(set) var isPaused = false
    /// Viewers present; nil until the edge has said so.
    package private(set) var viewers: Int?
    /// The latest round trip to the edge.
    package private(set) var roundTrip: Duration?
    /// Whether the local app accepted the latest connection.
    package private(set) var isLocalAppReachable = true
    /// Requests so far.
    package private(set) var requests = 0
    /// Body bytes from viewers so far.
    package private(set) var bytesIn = 0
    /// Body bytes to viewers so far.
    package private(set) var bytesOut = 0
    /// The last requests, oldest first.
    package private(set) var recent: [RelayedRequestSummary] = []
    private(set) var notice: Notice?
    private var lostAt: Timestamp?
    private var wasConnected = false
    private var rate = RequestRate()

    /// How many requests are remembered.
    package static let recentLimit = 64
    /// How long a notice stays.
    package static let noticeTime = Duration.seconds(6)

    /// A screen for a tunnel that is being opened.
    package init(facts: Facts, expiresAt: Timestamp?) {
        self.facts = facts
        self.expiresAt = expiresAt
    }

    /// Whether the tunnel has ever stood.
    package var isReady: Bool { self.wasConnected }

    /// Requests per second over the last ten seconds.
    package func requestsPerSecond(now: Timestamp) -> Double { self.rate.perSecond(now: now) }

    /// Takes what the agent says.
    package mutating func apply(_ event: TunnelAgentEvent, now: Timestamp) {
        switch event {
        case .connecting(let attempt):
            if self.link != .closing { self.link = .connecting(attempt: attempt) }
        case .connected(let connections, _):
            if let lostAt { self.say("Connected again after \(HumanText.span(now - lostAt)).", now: now) }
            self.lostAt = nil
            self.wasConnected = true
            if self.link != .closing { self.link = .connected(connections: connections) }
        case .disconnected(let reason, let retryIn):
            if self.lostAt == nil { self.lostAt = now }
            self.roundTrip = nil
            if self.link != .closing {
                self.link = .waiting(reason: HumanText.clause(reason), until: now + retryIn)
            }
        case .wokeUp(let after):
            self.say("This machine slept for \(HumanText.span(after)); connecting again.", now: now)
        case .roundTrip(let time): self.roundTrip = time
        case .requestStarted: self.rate.count(now: now)
        case .request(let summary):
            self.requests += 1
            self.bytesIn += summary.bytesIn
            self.bytesOut += summary.bytesOut
            self.recent.append(summary)
            if self.recent.count > Self.recentLimit { self.recent.removeFirst() }
        case .push(let text): self.take(SessionPush(text))
        case .localAppUnreachable: self.isLocalAppReachable = false
        case .localAppReachable: self.isLocalAppReachable = true
        case .localAppSpeaksNoHTTP2: self.say(PlainLines.noHTTP2(self), isProblem: true, now: now)
        case .ended: self.link = .closing
        }
    }

    /// Takes what the control API says about the session.
    package mutating func apply(_ answer: SessionAnswer) {
        self.isPaused = answer.status == "paused"
        if let viewers = answer.activeViewers { self.viewers = viewers }
        if let expiresAt = Timestamp(iso8601: answer.expiresAt) { self.expiresAt = expiresAt }
    }

    /// Shows a sentence for a while.
    package mutating func say(_ text: String, isProblem: Bool = false, now: Timestamp) {
        self.notice = Notice(text: TerminalText.safe(text), isProblem: isProblem, until: now + Self.noticeTime)
    }

    /// The owner asked to end it.
    package mutating func beginClosing() { self.link = .closing }

    private mutating func take(_ push: SessionPush) {
        if let paused = push.paused { self.isPaused = paused }
        if let viewers = push.activeViewers { self.viewers = viewers }
        if let expiresAt = push.expiresAt.flatMap(Timestamp.init(iso8601:)) { self.expiresAt = expiresAt }
    }
}

/// The fields of a push that the screen shows; everything else is ignored.
struct SessionPush: Decodable, Equatable {
    var paused: Bool?
    var activeViewers: Int?
    var expiresAt: String?

    /// Reads a push; one that cannot be read says nothing.
    init(_ text: String) {
        if let push = try? JSONDecoder().decode(SessionPush.self, from: Data(text.utf8)) { self = push }
    }
}

/// Counts requests in ten one-second slots.
struct RequestRate: Equatable, Sendable {
    private static let slotCount = 10
    private var slots = Array(repeating: 0, count: Self.slotCount)
    private var latestSecond: Int64 = 0

    mutating func count(now: Timestamp) {
        self.advance(to: now.millisecondsSinceEpoch / 1000)
        self.slots[Int(self.latestSecond % Int64(Self.slotCount))] += 1
    }

    func perSecond(now: Timestamp) -> Double {
        var copy = self
        copy.advance(to: now.millisecondsSinceEpoch / 1000)
        return Double(copy.slots.reduce(0, +)) / Double(Self.slotCount)
    }

    /// Empties the slots of the seconds that have passed; a clock set back leaves them as they are.
    private mutating func advance(to second: Int64) {
        guard second > self.latestSecond else { return }
        let steps = min(second - self.latestSecond, Int64(Self.slotCount))
        for step in 0..<steps { self.slots[Int((second - step) % Int64(Self.slotCount))] = 0 }
        self.latestSecond = second
    }
}
