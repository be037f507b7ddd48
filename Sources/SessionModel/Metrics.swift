/// Something that can say its figures at any moment; read by `GET /metrics`.
package protocol MetricsSource: Sendable {
    /// The current figures; called from any thread, answers from memory.
    func metricSamples() -> [MetricSample]
}

/// One figure in OpenTelemetry-style naming with dimensions from closed sets only.
package struct MetricSample: Sendable {
    /// How the figure behaves over time.
    package enum Kind: String, Sendable {
        case counter
        case gauge
    }

    /// `daypass_…`, lower case with underscores.
    package var name: String
    /// What it counts, for people.
    package var help: String
    /// Counter or gauge.
    package var kind: Kind
    /// Dimensions; never a path, a slug or anything a stranger chooses.
    package var labels: [(name: String, value: String)]
    /// The figure.
    package var value: Double

    /// One figure.
    package init(
        name: String,
        help: String,
        kind: Kind,
        labels: [(name: String, value: String)] = [],
        value: Double
    ) {
        self.name = name
        self.help = help
        self.kind = kind
        self.labels = labels
        self.value = value
    }
}
