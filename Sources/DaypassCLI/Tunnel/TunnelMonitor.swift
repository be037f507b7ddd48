package import SessionModel
import Synchronization
package import TunnelAgent
import UpstreamRelay

/// Takes the agent's events where they happen and keeps what the screen or the plain lines need of them.
///
/// Called on the agent's event loop; never waits. Lines not yet printed are bounded: when nobody reads, further requests
/// are only counted.
final class TunnelMonitor: Sendable {
    private struct State {
        var screen: StatusScreen
        var lines: [String] = []
        var omitted = 0
        var isClosing = false
    }

    private let state: Mutex<State>
    private let clock: WallClock
    private static let lineLimit = 1000

    /// Whether lines are kept at all: a screen does without them.
    private let keepsLines: Bool

    init(screen: StatusScreen, keepsLines: Bool, clock: @escaping WallClock) {
        self.state = Mutex(State(screen: screen))
        self.keepsLines = keepsLines
        self.clock = clock
    }

    /// The screen as it stands.
    var screen: StatusScreen { self.state.withLock { $0.screen } }

    /// Whether the owner has asked to end it, so that the agent's end is no failure.
    var isClosing: Bool { self.state.withLock { $0.isClosing } }

    /// Takes an event of the agent.
    func handle(_ event: TunnelAgentEvent) {
        let now = self.clock()
        self.state.withLock { state in
            defer { state.screen.apply(event, now: now) }
            guard self.keepsLines else { return }
            // A line that is not kept is not written either: there are tens of thousands of requests in a second.
            if case .request = event, state.lines.count >= Self.lineLimit {
                state.omitted += 1
            } else if let line = PlainLines.line(for: event, before: state.screen, now: now) {
                state.lines.append(line)
            }
        }
    }

    /// Changes what is shown.
    func update(_ change: @Sendable (inout StatusScreen, Timestamp) -> Void) {
        let now = self.clock()
        self.state.withLock { change(&$0.screen, now) }
    }

    /// The owner asked to end it.
    func beginClosing() {
        self.state.withLock { state in
            state.isClosing = true
            state.screen.beginClosing()
        }
    }

    /// The lines since the last call.
    func takeLines() -> [String] {
        self.state.withLock { state in
            var lines = state.lines
            if state.omitted > 0 { lines.append("(\(state.omitted) more lines left out)") }
            state.lines = []
            state.omitted = 0
            return lines
        }
    }
}

/// What happens to a tunnel, as lines for a log.
package enum PlainLines {
    /// The line for an event, or nil if it is not worth one; `before` is the state it changes.
    package static func line(for event: TunnelAgentEvent, before: StatusScreen, now: Timestamp) -> String? {
        switch event {
        case .connecting, .roundTrip, .requestStarted, .push, .ended: nil
        case .connected:
            if before.isReady, case .connected = before.link { nil } else { before.isReady ? "Connected again." : nil }
        case .disconnected(let reason, let retryIn):
            "\(Self.isConnected(before) ? "Connection lost" : "No connection"): "
                + "\(HumanText.clause(reason)). Trying again in \(HumanText.elapsed(retryIn))."
        case .wokeUp(let after): "This machine slept for \(HumanText.span(after)); connecting again."
        case .request(let summary): RequestText.line(summary)
        case .localAppUnreachable: "Nothing answers at \(before.facts.target)."
        case .localAppReachable: "\(before.facts.target) answers again."
        case .localAppSpeaksNoHTTP2: Self.noHTTP2(before)
        }
    }

    /// What to do about an app that does not speak HTTP/2.
    static func noHTTP2(_ screen: StatusScreen) -> String {
        "\(screen.facts.target) does not speak HTTP/2; leave out --upstream-http2."
    }

    private static func isConnected(_ screen: StatusScreen) -> Bool {
        if case .connected = screen.link { true } else { false }
    }
}
