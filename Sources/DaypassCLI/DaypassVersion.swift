/// The version this binary says it is.
package enum DaypassVersion {
    /// Semantic version; raised with each release.
    package static let current = "0.1.0"
}
