package import SessionModel
import Synchronization

/// Writes figures in Prometheus' text format, version 0.0.4.
package enum PrometheusText {
    /// All samples of one name stand together under one `HELP` and one `TYPE` line, in the order of first appearance.
    package static func write(_ samples: [MetricSample]) -> String {
        var order: [String] = []
        var byName: [String: [MetricSample]] = [:]
        for sample in samples {
            if byName[sample.name] == nil { order.append(sample.name) }
            byName[sample.name, default: []].append(sample)
        }
        var text = ""
        for name in order {
            let group = byName[name] ?? []
            guard let first = group.first else { continue }
            text += "# HELP \(name) \(self.escaped(first.help, quotes: false))\n"
            text += "# TYPE \(name) \(first.kind.rawValue)\n"
            for sample in group { text += "\(name)\(self.labels(sample)) \(self.number(sample.value))\n" }
        }
        return text
    }

    private static func labels(_ sample: MetricSample) -> String {
        guard !sample.labels.isEmpty else { return "" }
        let pairs = sample.labels.map { "\($0.name)=\"\(self.escaped($0.value, quotes: true))\"" }
        return "{" + pairs.joined(separator: ",") + "}"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var output = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\"" where quotes: output += "\\\""
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int(exactly: value).map(String.init) ?? "\(value)"
    }
}

/// Counts answered calls by operation and status: both from closed sets.
package final class ControlRequestCounts: MetricsSource {
    private struct Key: Hashable {
        let operation: String
        let status: Int
    }

    private let counts = Mutex<[Key: Int]>([:])

    /// Counters at zero.
    package init() {}

    func count(_ operation: String, status: Int) {
        let key = Key(operation: operation, status: status)
        self.counts.withLock { $0[key, default: 0] += 1 }
    }

    package func metricSamples() -> [MetricSample] {
        let counts = self.counts.withLock { $0 }
        return counts.sorted { ($0.key.operation, $0.key.status) < ($1.key.operation, $1.key.status) }
            .map { key, count in
                MetricSample(
                    name: "daypass_control_requests_total",
                    help: "Calls of the control API that were answered.",
                    kind: .counter,
                    labels: [("operation", key.operation), ("status", String(key.status))],
                    value: Double(count)
                )
            }
    }
}
