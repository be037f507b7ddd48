package import Configuration
package import Logging
import ServiceLifecycle
package import SessionModel

/// What is kept, and for how long.
package struct SessionForgetterConfiguration: Equatable, Sendable {
    /// How long closed and expired sessions stay known (and answered with 410), 0…10 years.
    package var keepClosed: Duration
    /// How many closed and expired sessions are kept at most, whatever their age; a stranger who opens and closes
    /// sessions all day cannot fill the disk.
    package var maximumEndedSessions: Int
    /// How many audit events are kept, the newest ones.
    package var auditEvents: Int
    /// Time between two rounds.
    package var interval: Duration

    /// The defaults: 7 days, 50 000 ended sessions, 100 000 audit events, a round every minute.
    package init(
        keepClosed: Duration = .seconds(7 * 86_400),
        maximumEndedSessions: Int = 50_000,
        auditEvents: Int = 100_000,
        interval: Duration = .seconds(60)
    ) {
        self.keepClosed = keepClosed
        self.maximumEndedSessions = maximumEndedSessions
        self.auditEvents = auditEvents
        self.interval = interval
    }

    /// Reads `keepClosedSeconds`, `maximumEndedSessions`, `auditEvents` and `forgetIntervalSeconds`, each with the
    /// default above.
    ///
    /// Throws `validation_error` naming the key whose value is out of range.
    package init(config: ConfigReader) throws {
        let defaults = SessionForgetterConfiguration()
        self.init(
            keepClosed: .seconds(
                try config.count(
                    "keepClosedSeconds",
                    default: Int(defaults.keepClosed.components.seconds),
                    in: 0...315_360_000
                )
            ),
            maximumEndedSessions: try config.count(
                "maximumEndedSessions",
                default: defaults.maximumEndedSessions,
                in: 0...10_000_000
            ),
            auditEvents: try config.count("auditEvents", default: defaults.auditEvents, in: 0...100_000_000),
            interval: .seconds(
                try config.count(
                    "forgetIntervalSeconds",
                    default: Int(defaults.interval.components.seconds),
                    in: 1...86_400
                )
            )
        )
    }
}

/// Forgets sessions, access tokens and audit events whose time has come, in rounds; announces each forgotten session.
///
/// A round that fails (the disk is full, the store is busy) is logged and tried again at the next interval.
package struct SessionForgetter: Service {
    /// Sessions forgotten in one transaction: other writers wait this long at most.
    private static let batch = 500

    private let store: any SessionStore
    private let feed: any SessionChangeFeed
    private let configuration: SessionForgetterConfiguration
    private let now: WallClock
    private let sleep: @Sendable (Duration) async throws -> Void
    private let logger: Logger

    /// A forgetter that judges age by `clock` and waits by `waiting` (a continuous clock, replaced in tests).
    package init(
        store: any SessionStore,
        feed: any SessionChangeFeed,
        configuration: SessionForgetterConfiguration = SessionForgetterConfiguration(),
        clock: @escaping WallClock,
        waiting: any Clock<Duration> = ContinuousClock(),
        logger: Logger
    ) {
        self.store = store
        self.feed = feed
        self.configuration = configuration
        self.now = clock
        self.sleep = { duration in try await waiting.sleep(for: duration) }
        self.logger = logger
    }

    /// Runs rounds until graceful shutdown or cancellation.
    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                do {
                    try await self.forgetOnce()
                } catch is CancellationError {
                    return
                } catch {
                    self.logger.warning("Forgetting ended sessions failed", metadata: ["error": "\(error)"])
                }
                try await self.sleep(self.configuration.interval)
            }
        }
    }

    /// One round; returns how many sessions were forgotten.
    @discardableResult
    package func forgetOnce() async throws -> Int {
        let now = self.now()
        var endedBefore = now + (.zero - self.configuration.keepClosed)
        let crowded = try await self.store.end(
            ofEndedSessionBehind: self.configuration.maximumEndedSessions,
            now: now
        )
        if let crowded { endedBefore = max(endedBefore, crowded + .milliseconds(1)) }
        var count = 0
        while true {
            try Task.checkCancellation()
            let forgotten = try await self.store.forget(endedBefore: endedBefore, limit: Self.batch) { id in
                AuditEvent(
                    sessionID: id,
                    at: now,
                    actor: .system,
                    action: .sessionForgotten,
                    summary: "kept long enough"
                )
            }
            for id in forgotten { self.feed.publish(.forgotten(id)) }
            count += forgotten.count
            if forgotten.count < Self.batch { break }
        }
        let tokens = try await self.store.forgetAccessTokens(endedBefore: now + (.zero - self.configuration.keepClosed))
        let events = try await self.store.pruneAuditEvents(keepingNewest: self.configuration.auditEvents)
        if count + tokens + events > 0 {
            self.logger.info(
                "Forgot what was kept long enough",
                metadata: ["sessions": "\(count)", "access.tokens": "\(tokens)", "audit.events": "\(events)"]
            )
        }
        return count
    }
}
