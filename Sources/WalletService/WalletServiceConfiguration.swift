package import Configuration
import SessionModel
import SessionStore

/// How much wallet sessions keep, and how chains' nodes are asked.
package struct WalletServiceConfiguration: Equatable, Sendable {
    /// How long sessions last at most, 1…3650 days.
    package var maximumLifetime: Duration
    /// How long ended sessions, unused session keys and ended tokens are kept, 1…3650 days.
    package var keepEnded: Duration
    /// Organizations, 1…100 000.
    package var maxOrganizations: Int
    /// Tokens of an organization that work, 1…10 000.
    package var maxTokens: Int
    /// Chains, 1…10 000.
    package var maxChains: Int
    /// Wallets of an organization, 1…1 000 000.
    package var maxWallets: Int
    /// Session keys of an organization, 1…1 000 000.
    package var maxSessionKeys: Int
    /// Active sessions of an organization, 24…10 000 000.
    package var maxActiveSessions: Int
    /// Calls of an organization that create sessions or session keys, or read delegations, in a minute and at once,
    /// 1…1 000 000.
    package var maxCallsPerMinute: Int
    /// How long one answer of a node may take, 1…60 s.
    package var nodeTimeout: Duration
    /// Questions to nodes under way at once, 1…256; others wait, up to sixteen times as many.
    package var maxNodeCalls: Int

    /// The defaults.
    package init(
        maximumLifetime: Duration = .seconds(90 * 86_400),
        keepEnded: Duration = .seconds(90 * 86_400),
        maxOrganizations: Int = 1000,
        maxTokens: Int = 100,
        maxChains: Int = 1000,
        maxWallets: Int = 10_000,
        maxSessionKeys: Int = 10_000,
        maxActiveSessions: Int = 100_000,
        maxCallsPerMinute: Int = 600,
        nodeTimeout: Duration = .seconds(5),
        maxNodeCalls: Int = 16
    ) {
        self.maximumLifetime = maximumLifetime
        self.keepEnded = keepEnded
        self.maxOrganizations = maxOrganizations
        self.maxTokens = maxTokens
        self.maxChains = maxChains
        self.maxWallets = maxWallets
        self.maxSessionKeys = maxSessionKeys
        self.maxActiveSessions = maxActiveSessions
        self.maxCallsPerMinute = maxCallsPerMinute
        self.nodeTimeout = nodeTimeout
        self.maxNodeCalls = maxNodeCalls
    }

    /// Reads `maxSessionDays`, `keepEndedDays`, `maxOrganizations`, `maxTokens`, `maxChains`, `maxWallets`,
    /// `maxSessionKeys`, `maxActiveSessions`, `maxCallsPerMinute`, `nodeTimeoutSeconds` and `maxNodeCalls`, each with the
    /// default above.
    ///
    /// Throws `validation_error` naming the key whose value is out of range.
    package init(config: ConfigReader) throws {
        let defaults = WalletServiceConfiguration()
        func days(_ key: String, _ standard: Duration) throws -> Duration {
            let days = Int(standard.components.seconds) / 86_400
            return .seconds(try config.count(key, default: days, in: 1...3650) * 86_400)
        }
        let timeout = Int(defaults.nodeTimeout.components.seconds)
        self.init(
            maximumLifetime: try days("maxSessionDays", defaults.maximumLifetime),
            keepEnded: try days("keepEndedDays", defaults.keepEnded),
            maxOrganizations: try config.count(
                "maxOrganizations",
                default: defaults.maxOrganizations,
                in: 1...100_000
            ),
            maxTokens: try config.count("maxTokens", default: defaults.maxTokens, in: 1...10_000),
            maxChains: try config.count("maxChains", default: defaults.maxChains, in: 1...10_000),
            maxWallets: try config.count("maxWallets", default: defaults.maxWallets, in: 1...1_000_000),
            maxSessionKeys: try config.count(
                "maxSessionKeys",
                default: defaults.maxSessionKeys,
                in: 1...1_000_000
            ),
            maxActiveSessions: try config.count(
                "maxActiveSessions",
                default: defaults.maxActiveSessions,
                in: 24...10_000_000
            ),
            maxCallsPerMinute: try config.count(
                "maxCallsPerMinute",
                default: defaults.maxCallsPerMinute,
                in: 1...1_000_000
            ),
            nodeTimeout: .seconds(try config.count("nodeTimeoutSeconds", default: timeout, in: 1...60)),
            maxNodeCalls: try config.count("maxNodeCalls", default: defaults.maxNodeCalls, in: 1...256)
        )
    }
}
