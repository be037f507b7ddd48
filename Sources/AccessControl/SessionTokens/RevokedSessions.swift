package import SessionModel

/// Which browser sessions were taken back, for as long as a token of theirs could still be used or renewed.
package struct RevokedSessions: Sendable {
    /// How long a revocation must be remembered: the longest life of a token, and the time it can be renewed after.
    package static let memory = Duration.seconds(3600 + SessionClaims.renewalGrace + SessionClaims.clockSkew)

    private let capacity: Int
    private var until: [BrowserSessionID: Timestamp] = [:]

    /// Remembers at most `capacity` revocations.
    package init(capacity: Int = 100_000) { self.capacity = capacity }

    /// How many are remembered.
    package var count: Int { self.until.count }

    /// Takes a session back.
    ///
    /// False when there is no room: then nothing is forgotten for it, and the caller must void all sessions of the key
    /// instead (`APIKeyRecord.sessionsNotBefore`).
    package mutating func revoke(_ session: BrowserSessionID, now: Timestamp) -> Bool {
        self.revoke(session, until: now + Self.memory, now: now)
    }

    /// As `revoke`, remembered until a time that was written down before.
    package mutating func revoke(_ session: BrowserSessionID, until: Timestamp, now: Timestamp) -> Bool {
        if self.until.count >= self.capacity { self.until = self.until.filter { now < $0.value } }
        guard self.until.count < self.capacity || self.until[session] != nil else { return false }
        self.until[session] = max(until, self.until[session] ?? until)
        return true
    }

    /// Whether a session was taken back.
    package func contains(_ session: BrowserSessionID) -> Bool {
        !self.until.isEmpty && self.until[session] != nil
    }
}
