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
    private let retries = Atomic<Int>(0)
    private let refusals = Mutex<[ErrorCode: Int]>([:])
    private let gatewayRefusals = Mutex<[GatewayErrorCode: Int]>([:])

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

    func retried() { self.retries.add(1, ordering: .relaxed) }

    func answered(_ code: ErrorCode) { self.refusals.withLock { $0[code, default: 0] += 1 } }

    func answered(_ code: GatewayErrorCode) { self.gatewayRefusals.withLock { $0[code, default: 0] += 1 } }

    /// The figures for `GET /metrics`.
    func samples(bufferedBytes: Int) -> [MetricSample] {
        func sample(
            _ name: String,
            _ help: String,
            _ kind: MetricSample.Kind,
            _ value: Int,
            labels: [(name: String, value: String)] = []
        ) -> MetricSample {
            MetricSample(name: "daypass_edge_\(name)", help: help, kind: kind, labels: labels, value: Double(value))
        }
        func read(_ counter: borrowing Atomic<Int>) -> Int { counter.load(ordering: .relaxed) }
        let refusals = self.refusals.withLock { $0 }.sorted { $0.key.rawValue < $1.key.rawValue }
        let gatewayRefusals = self.gatewayRefusals.withLock { $0 }.sorted { $0.key.rawValue < $1.key.rawValue }
        return [
            sample("connections_open", "Viewer connections open now.", .gauge, read(self.connectionsOpen)),
            sample("connections_total", "Viewer connections accepted.", .counter, read(self.connectionsTotal)),
            sample(
                "requests_total",
                "Requests finished, answered by apps or by the edge.",
                .counter,
                read(self.exchanges)
            ),
            sample("response_bytes_total", "Body bytes relayed to viewers.", .counter, read(self.bytes)),
            sample(
                "malformed_requests_total",
                "Requests refused because they are not valid HTTP.",
                .counter,
                read(self.malformed)
            ),
            sample("tunnels_accepted_total", "Tunnel connections accepted from agents.", .counter, read(self.tunnels)),
            sample(
                "retries_total",
                "Requests sent again because a tunnel was lost before it answered.",
                .counter,
                read(self.retries)
            ),
            sample("buffered_bytes", "Bytes held for tunnels and viewers now.", .gauge, bufferedBytes),
        ]
            + refusals.map { code, count in
                sample(
                    "refusals_total",
                    "Requests the edge refused, by code.",
                    .counter,
                    count,
                    labels: [("code", code.rawValue)]
                )
            }
            + gatewayRefusals.map { code, count in
                sample(
                    "gateway_refusals_total",
                    "Requests the API gateway refused, by code.",
                    .counter,
                    count,
                    labels: [("code", code.rawValue)]
                )
            }
    }
}
