import SessionModel
import Synchronization

/// Who is signed in to the web console: digests of random identifiers with their end, in memory only.
///
/// A restart signs everybody out. The admin token itself is never kept here nor in the browser.
final class ConsoleSessions: Sendable {
    /// How long a sign-in lasts.
    static let lifetime = Duration.seconds(12 * 3600)
    /// How many sign-ins there may be; one more ends the oldest.
    static let limit = 100
    /// Characters of an identifier: 31 of base 36 are 160 bits.
    static let identifierLength = 31

    private let ends = Mutex<[SecretDigest: Timestamp]>([:])

    /// Begins a session; answers its identifier, which exists nowhere else, and its end.
    func begin(now: Timestamp) -> (identifier: String, end: Timestamp) {
        var generator = SystemRandomNumberGenerator()
        let identifier = randomBase36(Self.identifierLength, using: &generator)
        let end = now + Self.lifetime
        self.ends.withLock { ends in
            ends = ends.filter { $0.value > now }
            if ends.count >= Self.limit, let oldest = ends.min(by: { $0.value < $1.value }) {
                ends[oldest.key] = nil
            }
            ends[SecretDigest(of: identifier)] = end
        }
        return (identifier, end)
    }

    /// When the session of one of `identifiers` ends; nil when none of them is a session.
    func end(of identifiers: [String], now: Timestamp) -> Timestamp? {
        let digests = identifiers.map { SecretDigest(of: $0) }
        return self.ends.withLock { ends in digests.compactMap { ends[$0] }.filter { $0 > now }.max() }
    }

    /// Ends the sessions of `identifiers`.
    func finish(_ identifiers: [String]) {
        let digests = identifiers.map { SecretDigest(of: $0) }
        self.ends.withLock { ends in
            for digest in digests { ends[digest] = nil }
        }
    }
}
