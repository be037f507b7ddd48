package import Configuration
import SessionModel

/// How much of everything the session service keeps.
package struct SessionServiceConfiguration: Equatable, Sendable {
    /// Open sessions of one creator, 1…1 000 000.
    package var openSessionsPerCreator: Int
    /// Open sessions in all, 1…1 000 000.
    package var openSessions: Int
    /// Removed viewers kept per session, 1…100 000.
    package var kickedViewersPerSession: Int
    /// Access tokens that may be in use at once, 1…100 000.
    package var accessTokens: Int

    /// The defaults.
    package init(
        openSessionsPerCreator: Int = 100,
        openSessions: Int = 10_000,
        kickedViewersPerSession: Int = 10_000,
        accessTokens: Int = 1000
    ) {
        self.openSessionsPerCreator = openSessionsPerCreator
        self.openSessions = openSessions
        self.kickedViewersPerSession = kickedViewersPerSession
        self.accessTokens = accessTokens
    }

    /// Reads `openSessionsPerCreator`, `openSessions`, `kickedViewersPerSession` and `accessTokens`, each with the
    /// default above.
    ///
    /// Throws `validation_error` naming the key whose value is out of range.
    package init(config: ConfigReader) throws {
        let defaults = SessionServiceConfiguration()
        self.init(
            openSessionsPerCreator: try config.count(
                "openSessionsPerCreator",
                default: defaults.openSessionsPerCreator,
                in: 1...1_000_000
            ),
            openSessions: try config.count("openSessions", default: defaults.openSessions, in: 1...1_000_000),
            kickedViewersPerSession: try config.count(
                "kickedViewersPerSession",
                default: defaults.kickedViewersPerSession,
                in: 1...100_000
            ),
            accessTokens: try config.count("accessTokens", default: defaults.accessTokens, in: 1...100_000)
        )
    }
}

extension ConfigReader {
    /// The integer under `key`, or the default; throws `validation_error` naming the key if it is not in `range`.
    package func count(_ key: String, default defaultValue: Int, in range: ClosedRange<Int>) throws -> Int {
        let value = self.int(forKey: ConfigKey(key), default: defaultValue)
        guard range.contains(value) else {
            let message = "must be from \(range.lowerBound) to \(range.upperBound)"
            throw DaypassError(.validationError, "\(key) \(message).", details: [.init(path: key, message: message)])
        }
        return value
    }
}

/// Draws 64 random bits; the system's secure generator except in tests.
package typealias RandomSource = @Sendable () -> UInt64

/// The system's cryptographically secure generator.
package let systemRandomSource: RandomSource = {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
}

/// Lets a `RandomSource` be used where a generator is asked for.
package struct SourceGenerator: RandomNumberGenerator {
    private let source: RandomSource

    /// A generator that asks `source`.
    package init(source: @escaping RandomSource) { self.source = source }

    package mutating func next() -> UInt64 { self.source() }
}
