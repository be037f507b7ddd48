import SessionModel
import Synchronization

/// The edge's figures since it started; relaxed atomics, because nothing is decided by them.
final class EdgeCounters: Sendable {
    private let connectionsOpen = Atomic<Int>(0)
    private let connectionsTotal = Atomic<Int>(0)
    private let exchanges = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)
    private let malformed = Atomic<Int>(0)
    private let tunnels = Atomic<Int>(0)
    private let refusals = Mutex<[ErrorCode: Int]>([:])

    /// Viewer connections open now.
    var openConnections: Int { self.connectionsOpen.load(ordering: .relaxed) }

    func viewerConnectionOpened() {
        self.connectionsOpen.add(1, ordering: .relaxed)
        self.connectionsTotal.add(1, ordering: .relaxed)
    }

    func viewerConnectionClosed() { self.connectionsOpen.subtract(1, ordering: .relaxed) }

    func exchangeFinished(bytes: Int) {
        self.exchanges.add(1, ordering: .relaxed)
        self.bytes.add(bytes, ordering: .relaxed)
    }

    func requestRefused() { self.malformed.add(1, ordering: .relaxed) }

    func tunnelAccepted() { self.tunnels.add(1, ordering: .relaxed) }

    func answered(_ code: ErrorCode) { self.refusals.withLock { $0[code, default: 0] += 1 } }

    /// The figures for `GET /metrics`.
    func samples(bufferedBytes: Int) -> [MetricSample] {
        func value(_ counter: borrowing Atomic<Int>) -> Double { Double(counter.load(ordering: .relaxed)) }
        var samples = [
            MetricSample(
                name: "daypass_edge_connections_open",
                help: "Viewer connections open now.",
                kind: .gauge,
                value: value(self.connectionsOpen)
            ),
            MetricSample(
                name: "daypass_edge_connections_total",
                help: "Viewer connections accepted.",
                kind: .counter,
                value: value(self.connectionsTotal)
            ),
            MetricSample(
                name: "daypass_edge_requests_total",
                help: "Requests finished, answered by apps or by the edge.",
                kind: .counter,
                value: value(self.exchanges)
            ),
            MetricSample(
                name: "daypass_edge_response_bytes_total",
                help: "Body bytes relayed to viewers.",
                kind: .counter,
                value: value(self.bytes)
            ),
            MetricSample(
                name: "daypass_edge_malformed_requests_total",
                help: "Requests refused because they are not valid HTTP.",
                kind: .counter,
                value: value(self.malformed)
            ),
            MetricSample(
                name: "daypass_edge_tunnels_accepted_total",
                help: "Tunnel connections accepted from agents.",
                kind: .counter,
                value: value(self.tunnels)
            ),
            MetricSample(
                name: "daypass_edge_buffered_bytes",
                help: "Bytes held for tunnels and viewers now.",
                kind: .gauge,
                value: Double(bufferedBytes)
            ),
        ]
        for (code, count) in self.refusals.withLock({ $0 }).sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            samples.append(
                MetricSample(
                    name: "daypass_edge_refusals_total",
                    help: "Requests the edge refused, by code.",
                    kind: .counter,
                    labels: [("code", code.rawValue)],
                    value: Double(count)
                )
            )
        }
        return samples
    }
}
