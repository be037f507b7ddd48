import NIOCore
import SessionModel
import Testing
import TunnelAgent
import UpstreamRelay

@Suite("Reconnecting")
struct ReconnectTests {
    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1) + .seconds(seconds) }

    @Test func ceilingDoublesUpToTheMaximum() {
        var backoff = ReconnectBackoff()
        var generator = SeededGenerator(state: 1)
        let ceilings = (0..<Int64(10))
            .map { second in
                let ceiling = backoff.ceiling(now: self.at(second))
                _ = backoff.failed(now: self.at(second), using: &generator)
                return ceiling
            }
        let expected: [TimeAmount] =
            [250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000, 15000].map { .milliseconds($0) }
        #expect(ceilings == expected)
    }

    @Test(arguments: [0, 1, 3, 9])
    func jitterIsFull(failures: Int) {
        var before = ReconnectBackoff()
        var generator = SeededGenerator(state: 7)
        for _ in 0..<failures { _ = before.failed(now: self.at(0), using: &generator) }
        let ceiling = before.ceiling(now: self.at(0))
        let waits = (0..<2000)
            .map { _ in
                var backoff = before
                return backoff.failed(now: self.at(0), using: &generator)
            }
        #expect(waits.allSatisfy { $0 >= .zero && $0 <= ceiling })
        // Every tenth of the range is hit about 200 times.
        for tenth in 0..<10 {
            let hits = waits.count { Int($0.nanoseconds * 10 / (ceiling.nanoseconds + 1)) == tenth }
            #expect(hits > 100)
        }
    }

    @Test(arguments: [(59, 1000), (60, 250), (3600, 250)] as [(Int64, Int64)])
    func aMinuteOfStabilityForgets(seconds: Int64, milliseconds: Int64) {
        var backoff = ReconnectBackoff()
        var generator = SeededGenerator(state: 3)
        _ = backoff.failed(now: self.at(0), using: &generator)
        _ = backoff.failed(now: self.at(1), using: &generator)
        backoff.connected(now: self.at(2))
        #expect(backoff.ceiling(now: self.at(2 + seconds)) == .milliseconds(milliseconds))
        _ = backoff.failed(now: self.at(2 + seconds), using: &generator)
        #expect(backoff.ceiling(now: self.at(2 + seconds)) == .milliseconds(milliseconds * 2))
    }

    @Test func resetForgets() {
        var backoff = ReconnectBackoff()
        var generator = SeededGenerator(state: 4)
        for _ in 0..<5 { _ = backoff.failed(now: self.at(0), using: &generator) }
        backoff.reset()
        #expect(backoff.ceiling(now: self.at(1)) == .milliseconds(250))
    }

    @Test(arguments: [(10, 10), (100_000, 300)] as [(Int64, Int64)])
    func retryAfterIsTheLeastAndBounded(asked: Int64, least: Int64) {
        var generator = SeededGenerator(state: 5)
        for _ in 0..<200 {
            var backoff = ReconnectBackoff()
            let wait = backoff.failed(now: self.at(0), retryAfter: .seconds(asked), using: &generator)
            #expect(wait >= .seconds(least) && wait <= .seconds(least * 3 / 2))
        }
    }

    @Test func sleepShowsAsALeadOfTheContinuousClock() {
        var detector = SleepDetector(.init(continuous: .seconds(100), suspending: .seconds(40)))
        #expect(detector.observe(.init(continuous: .seconds(102), suspending: .seconds(42))) == nil)
        // A timer that fires late is not sleep: both clocks went on.
        #expect(detector.observe(.init(continuous: .seconds(200), suspending: .seconds(140))) == nil)
        #expect(detector.observe(.init(continuous: .seconds(3800), suspending: .seconds(142))) == .seconds(3598))
        #expect(detector.observe(.init(continuous: .seconds(3802), suspending: .seconds(144))) == nil)
    }

    @Test(
        arguments: [
            ("ws://127.0.0.1:3002/tunnel", "127.0.0.1", 3002, "127.0.0.1:3002", "/tunnel", false),
            ("wss://Example.org/tunnel", "example.org", 443, "example.org", "/tunnel", true),
            ("ws://example.org", "example.org", 80, "example.org", "/tunnel", false),
            ("wss://[::1]:8443/a/b?c=d", "::1", 8443, "[::1]:8443", "/a/b?c=d", true),
            ("wss://example.org:80/", "example.org", 80, "example.org:80", "/", true),
            ("https://example.org?x", "example.org", 443, "example.org", "/?x", true),
        ] as [(String, String, Int, String, String, Bool)]
    )
    func readsEdgeAddress(
        url: String,
        host: String,
        port: Int,
        authority: String,
        target: String,
        isSecure: Bool
    ) throws {
        let address = try EdgeAddress(url)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.authority == authority)
        #expect(address.requestTarget == target)
        #expect(address.isSecure == isSecure)
    }

    @Test(arguments: [
        "", "example.org", "ftp://example.org/", "ws://", "ws:///tunnel", "ws://u:p@example.org/", "ws://a b/",
        "ws://a/\r\nX: y",
        "ws://a:0/", "ws://a:99999/", "ws://a/#f",
    ])
    func refusesEdgeAddress(url: String) {
        #expect(throws: DaypassError.self) { try EdgeAddress(url) }
    }
}
