package import Configuration
import SessionModel
import SessionStore

/// How much the gateway's administration keeps, and how long.
package struct GatewayServiceConfiguration: Equatable, Sendable {
    /// How long a new signing key is published before it signs, 0…1 day: longer than verifiers keep `jwks.json`.
    package var signingKeyPublishTime: Duration
    /// Tenants, 1…100 000.
    package var maxTenants: Int
    /// API keys in all, revoked ones included, 1…10 000 000.
    package var maxKeys: Int
    /// Revoked browser sessions remembered at once, 1…100 000: as many as the gate has room for.
    package var maxRevokedSessions: Int
    /// Counts of visitors and addresses kept over restarts, 0…10 000 000; strangers can cause any number.
    package var maxOpenEndedCounts: Int
    /// How long usage is kept by the hour, 1…400 days.
    package var hourlyUsage: Duration
    /// How long usage is kept by the day, 1…3650 days.
    package var dailyUsage: Duration
    /// Time between two writes of usage and last use, 1…60 s.
    package var flushInterval: Duration
    /// Time between two rounds that remove what is over, 1 s…1 day.
    package var pruneInterval: Duration

    /// The defaults.
    package init(
        signingKeyPublishTime: Duration = .seconds(600),
        maxTenants: Int = 10_000,
        maxKeys: Int = 1_000_000,
        maxRevokedSessions: Int = 100_000,
        maxOpenEndedCounts: Int = 200_000,
        hourlyUsage: Duration = .seconds(40 * 86_400),
        dailyUsage: Duration = .seconds(400 * 86_400),
        flushInterval: Duration = .seconds(1),
        pruneInterval: Duration = .seconds(60)
    ) {
        self.signingKeyPublishTime = signingKeyPublishTime
        self.maxTenants = maxTenants
        self.maxKeys = maxKeys
        self.maxRevokedSessions = maxRevokedSessions
        self.maxOpenEndedCounts = maxOpenEndedCounts
        self.hourlyUsage = hourlyUsage
        self.dailyUsage = dailyUsage
        self.flushInterval = flushInterval
        self.pruneInterval = pruneInterval
    }

    /// Reads `signingKeyPublishSeconds`, `maxTenants`, `maxKeys`, `maxRevokedSessions`, `maxOpenEndedCounts`,
    /// `hourlyUsageDays`, `dailyUsageDays`, `flushSeconds` and `pruneSeconds`, each with the default above.
    ///
    /// Throws `validation_error` naming the key whose value is out of range.
    package init(config: ConfigReader) throws {
        let defaults = GatewayServiceConfiguration()
        func time(_ key: String, _ standard: Duration, unit: Int, in range: ClosedRange<Int>) throws -> Duration {
            let units = Int(standard.components.seconds) / unit
            return .seconds(try config.count(key, default: units, in: range) * unit)
        }
        self.init(
            signingKeyPublishTime: try time(
                "signingKeyPublishSeconds",
                defaults.signingKeyPublishTime,
                unit: 1,
                in: 0...86_400
            ),
            maxTenants: try config.count("maxTenants", default: defaults.maxTenants, in: 1...100_000),
            maxKeys: try config.count("maxKeys", default: defaults.maxKeys, in: 1...10_000_000),
            maxRevokedSessions: try config.count(
                "maxRevokedSessions",
                default: defaults.maxRevokedSessions,
                in: 1...100_000
            ),
            maxOpenEndedCounts: try config.count(
                "maxOpenEndedCounts",
                default: defaults.maxOpenEndedCounts,
                in: 0...10_000_000
            ),
            hourlyUsage: try time("hourlyUsageDays", defaults.hourlyUsage, unit: 86_400, in: 1...400),
            dailyUsage: try time("dailyUsageDays", defaults.dailyUsage, unit: 86_400, in: 1...3650),
            flushInterval: try time("flushSeconds", defaults.flushInterval, unit: 1, in: 1...60),
            pruneInterval: try time("pruneSeconds", defaults.pruneInterval, unit: 1, in: 1...86_400)
        )
    }
}
