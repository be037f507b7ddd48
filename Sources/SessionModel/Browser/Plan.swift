/// Who shares one counter of a limit.
package enum LimitSubject: String, Sendable, CaseIterable {
    /// All requests with one key.
    case key
    /// Requests with one key, from one session and one address; without a session, from one address.
    case visitor
    /// Requests to one tenant from one address; an IPv6 client is its /64.
    case address
    /// All requests to one tenant.
    case tenant
}

/// How many requests of one class may pass in one window.
///
/// Windows are fixed: they begin at whole multiples of their length since 1970-01-01T00:00Z, so a day is a day of UTC.
/// No window lets more than `maximum` pass, and no stretch of time as long as a window more than twice that.
package struct Limit: Hashable, Sendable {
    /// Lengths of windows, in seconds: a second to a day.
    package static let windows = 1...86_400
    /// Requests in a window.
    package static let maxima = 1...1_000_000_000

    /// Which requests count.
    package var limitClass: PolicyName
    /// The window's length in seconds, within `windows`.
    package var windowSeconds: Int
    /// How many may pass, within `maxima`.
    package var maximum: Int
    /// Who shares the counter.
    package var per: LimitSubject

    /// A limit with every field given.
    package init(_ limitClass: PolicyName, windowSeconds: Int = 60, maximum: Int, per: LimitSubject) {
        self.limitClass = limitClass
        self.windowSeconds = windowSeconds
        self.maximum = maximum
        self.per = per
    }
}

/// A named list of limits that keys refer to.
///
/// A class of limits the plan does not name counts as `reads` or `writes`, by the method; where the plan does not name
/// these or `sessions` either, the standard limits hold. So there is always a limit.
package struct Plan: Equatable, Sendable {
    /// The most limits of a plan.
    package static let maximumLimits = 64
    /// The most limits of one class, all of which a request of it must pass.
    package static let maximumLimitsPerClass = 8

    /// Its name; keys that name no plan have `standard`.
    package var name: PolicyName
    /// Its limits.
    package var limits: [Limit]

    /// A plan with these limits.
    package init(name: PolicyName, limits: [Limit]) {
        self.name = name
        self.limits = limits
    }

    /// Reads 300, writes 60, sessions 30 a minute for each key; a tenth of each for each visitor.
    package static let standard = Plan(
        name: .standard,
        limits: [
            Limit(.reads, maximum: 300, per: .key), Limit(.reads, maximum: 30, per: .visitor),
            Limit(.writes, maximum: 60, per: .key), Limit(.writes, maximum: 6, per: .visitor),
            Limit(.sessions, maximum: 30, per: .key), Limit(.sessions, maximum: 3, per: .visitor),
        ]
    )

    /// The limits of a class; where this plan is silent those of `standard`, the plan of that name as it is now, and where it is
    /// silent too, those it had from the start.
    package func limits(of limitClass: PolicyName, isSafe: Bool, standard: Plan = .standard) -> [Limit] {
        for name in [limitClass, isSafe ? .reads : .writes] {
            for plan in [self, standard, .standard] {
                let limits = plan.limits.filter { $0.limitClass == name }
                if !limits.isEmpty { return limits }
            }
        }
        return []
    }
}
