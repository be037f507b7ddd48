import DaypassCLI
import Foundation
import SessionModel
import Testing
import TunnelAgent
import UpstreamRelay

@Suite struct StatusScreenTests {
    private let start = Timestamp(millisecondsSinceEpoch: 1_800_000_000_000)
    private let plain = Style(hasColour: false)

    private func screen(
        credentials: (username: String, password: String)? = nil,
        password: String? = nil
    ) -> StatusScreen {
        StatusScreen(
            facts: StatusScreen.Facts(
                publicURL: "http://127.0.0.1:3002/s/quiet-lime-42",
                ownerURL: "http://127.0.0.1:3002/.wormkey/owner?slug=quiet-lime-42&token=x7y8z9a0b1c2d3e4",
                target: "http://localhost:3000",
                credentials: credentials,
                password: password
            ),
            expiresAt: self.start + .seconds(86_400)
        )
    }

    private func request(_ path: String, status: Int? = 200, method: String = "GET") -> RelayedRequestSummary {
        RelayedRequestSummary(
            method: method,
            path: path,
            status: status,
            duration: .milliseconds(12),
            bytesIn: 5,
            bytesOut: 1540,
            isWebSocket: false,
            outcome: status == nil ? .failed : .completed
        )
    }

    private func connected() -> StatusScreen {
        var screen = self.screen()
        screen.apply(.connecting(attempt: 1), now: self.start)
        screen.apply(.connected(connections: 1, version: 1), now: self.start)
        screen.apply(.connected(connections: 2, version: 1), now: self.start)
        screen.apply(.roundTrip(.milliseconds(3)), now: self.start)
        screen.apply(.push(#"{"activeViewers":2,"paused":false,"more":[]}"#), now: self.start)
        for path in ["/", "/app.js", "/api/items"] {
            screen.apply(.requestStarted, now: self.start)
            screen.apply(.request(self.request(path)), now: self.start)
        }
        screen.apply(.request(self.request("/missing", status: 404)), now: self.start)
        return screen
    }

    @Test func openingIsSaidWhileThereIsNoTunnel() {
        var screen = self.screen()
        screen.apply(.connecting(attempt: 1), now: self.start)
        let lines = screen.rendered(columns: 100, rows: 30, now: self.start, style: self.plain, code: QRCode("x"))
        #expect(
            lines == [
                "Opening the tunnel.", "", "Public URL  http://127.0.0.1:3002/s/quiet-lime-42",
                "Shares      http://localhost:3000", "Ends        in 1 d",
                "Owner URL   http://127.0.0.1:3002/.wormkey/owner?slug=quiet-lime-42&token=x7y8z9a0b1c2d3e4", "",
                "● connecting   0/s   0 B out   0 B in", "",
                "L open   C copy   O owner's room   P pause   R resume   Q close",
            ]
        )
    }

    @Test func aRunningTunnel() throws {
        let screen = self.connected()
        let lines = screen.rendered(columns: 80, rows: 24, now: self.start, style: self.plain, code: nil)
        #expect(
            lines == [
                "Tunnel ready.", "", "Public URL  http://127.0.0.1:3002/s/quiet-lime-42",
                "Shares      http://localhost:3000", "Ends        in 1 d", "Owner URL",
                "http://127.0.0.1:3002/.wormkey/owner?slug=quiet-lime-42&token=x7y8z9a0b1c2d3e4", "",
                "● connected   3 ms   2 viewers   0.3/s   6.2 kB out   20 B in", "",
                "GET     /                                                 200     12 ms   1.5 kB",
                "GET     /app.js                                           200     12 ms   1.5 kB",
                "GET     /api/items                                        200     12 ms   1.5 kB",
                "GET     /missing                                          404     12 ms   1.5 kB", "",
                "L open   C copy   O owner's room   P pause   R resume   Q close",
            ]
        )
    }

    @Test func credentialsAreShownWithTheLink() {
        let screen = self.screen(credentials: ("worm", "a1b2c3d4"), password: "winter")
        let lines = screen.rendered(columns: 100, rows: 30, now: self.start, style: self.plain, code: nil)
        #expect(lines.contains("User        worm"))
        #expect(lines.contains("Password    a1b2c3d4"))
        #expect(lines.contains("Password    winter"))
    }

    @Test func theCodeStandsBelowOrBesideOrNowhere() throws {
        let code = try #require(QRCode("http://127.0.0.1:3002/s/quiet-lime-42"))
        let screen = self.connected()
        func lines(_ columns: Int, _ rows: Int) -> [String] {
            screen.rendered(columns: columns, rows: rows, now: self.start, style: self.plain, code: code)
        }
        let picture = code.lines(self.plain)
        #expect(lines(100, 40).filter { picture.contains($0) }.count == picture.count, "below, in full")
        let beside = lines(80, 24)
        #expect(beside[0].hasPrefix(picture[0]))
        #expect(beside[0].hasSuffix("  Tunnel ready."))
        #expect(beside.contains { $0.hasSuffix("  http://127.0.0.1:3002/s/quiet-lime-42") })
        #expect(beside.last == "L open   C copy   O owner's room   P pause   R resume   Q close")
        #expect(!lines(60, 24).contains { $0.contains("█") }, "no room beside, none below")
        #expect(!lines(30, 60).contains { $0.contains("█") }, "narrower than the code")
    }

    @Test(arguments: [(1, 1), (5, 3), (20, 8), (39, 24), (80, 12), (80, 24), (120, 40), (300, 100)])
    func everySizeIsKeptTo(columns: Int, rows: Int) throws {
        let code = try #require(QRCode("http://127.0.0.1:3002/s/quiet-lime-42"))
        var screen = self.connected()
        for number in 0..<200 {
            let path = "/\(String(repeating: "日", count: number))\u{1B}[2J"
            screen.apply(.request(self.request(path, method: "ÜBERLANGE")), now: self.start)
        }
        screen.say("A notice of some length that does not fit on a narrow screen.", now: self.start)
        for style in [self.plain, Style(hasColour: true)] {
            let lines = screen.rendered(columns: columns, rows: rows, now: self.start, style: style, code: code)
            #expect(!lines.isEmpty && lines.count <= rows)
            for line in lines { #expect(TerminalText.width(line) <= columns) }
        }
        #expect(screen.recent.count == StatusScreen.recentLimit)
        #expect(screen.requests == 204)
    }

    @Test func nothingFromARequestReachesTheTerminalRaw() {
        var screen = self.connected()
        screen.apply(.request(self.request("/\u{1B}]52;c;aGk=\u{07}\u{202E}", method: "G\u{1B}T")), now: self.start)
        screen.apply(.disconnected(reason: "bad\u{1B}[2J", retryIn: .seconds(2)), now: self.start)
        let lines = screen.rendered(columns: 100, rows: 40, now: self.start, style: self.plain, code: nil)
        for scalar in lines.joined().unicodeScalars {
            #expect(scalar.value >= 0x20 && scalar.value != 0x7F && !(0x80...0x9F).contains(scalar.value))
        }
        #expect(lines.contains { $0.contains("/%1B]52;c;aGk=%07%E2%80%AE") })
    }

    @Test func losingAndRegainingTheTunnelIsSaid() {
        var screen = self.connected()
        screen.apply(.disconnected(reason: "The edge went away.", retryIn: .seconds(4)), now: self.start)
        func text(_ now: Timestamp) -> String {
            screen.rendered(columns: 100, rows: 40, now: now, style: self.plain, code: nil).joined(separator: "\n")
        }
        #expect(text(self.start + .seconds(1)).contains("● reconnecting in 3 s   2 viewers"))
        #expect(text(self.start).contains("\nNo connection: The edge went away.\n"))
        screen.apply(.connecting(attempt: 2), now: self.start + .seconds(4))
        #expect(text(self.start + .seconds(4)).contains("● connecting (attempt 2)"))
        screen.apply(.wokeUp(after: .seconds(3600)), now: self.start + .seconds(5))
        #expect(text(self.start + .seconds(5)).contains("This machine slept for 1 h; connecting again."))
        let back = self.start + .seconds(65)
        screen.apply(.connected(connections: 1, version: 1), now: back)
        #expect(text(back).contains("Connected again after 1 min 5 s."))
        #expect(!text(back + StatusScreen.noticeTime).contains("Connected again"))
        #expect(text(back).hasPrefix("Tunnel ready."))
    }

    @Test func pauseViewersAndExpiryComeFromTheServer() throws {
        var screen = self.connected()
        let ends = (self.start + .seconds(90)).iso8601
        let json =
            #"{"slug":"a-b-1","publicUrl":"","status":"paused","expiresAt":"\#(ends)","activeViewers":1,"new":[]}"#
        screen.apply(try JSONDecoder().decode(SessionAnswer.self, from: Data(json.utf8)))
        func text() -> String {
            screen.rendered(columns: 100, rows: 40, now: self.start, style: self.plain, code: nil)
                .joined(separator: "\n")
        }
        #expect(text().contains("● paused   3 ms   1 viewer "))
        #expect(text().contains("Ends        in 1 min 30 s"))
        screen.apply(.push(#"{"paused":false,"activeViewers":7}"#), now: self.start)
        #expect(text().contains("● connected   3 ms   7 viewers "))
        screen.apply(.push("not JSON"), now: self.start)
        #expect(text().contains("● connected   3 ms   7 viewers "))
    }

    @Test func aMissingAppIsSaid() {
        var screen = self.connected()
        screen.apply(.localAppUnreachable, now: self.start)
        func text() -> String {
            screen.rendered(columns: 100, rows: 40, now: self.start, style: self.plain, code: nil)
                .joined(separator: "\n")
        }
        #expect(text().contains("Nothing answers at http://localhost:3000. Start the app; the link stays."))
        screen.apply(.localAppReachable, now: self.start)
        #expect(!text().contains("Nothing answers"))
    }

    @Test func theRateIsThatOfTheLastTenSeconds() {
        var screen = self.screen()
        for second in 0..<30 {
            for _ in 0..<5 { screen.apply(.requestStarted, now: self.start + .seconds(second)) }
        }
        #expect(screen.requestsPerSecond(now: self.start + .seconds(29)) == 5)
        #expect(screen.requestsPerSecond(now: self.start + .seconds(34)) == 2.5)
        #expect(screen.requestsPerSecond(now: self.start + .seconds(39)) == 0)
        // A clock that is set back counts on.
        screen.apply(.requestStarted, now: self.start)
        #expect(screen.requestsPerSecond(now: self.start) == 5.1)
    }

    @Test func colourIsOnlyAdded() throws {
        let screen = self.connected()
        let plain = screen.rendered(columns: 80, rows: 24, now: self.start, style: self.plain, code: nil)
        let colour = screen.rendered(
            columns: 80,
            rows: 24,
            now: self.start,
            style: Style(hasColour: true),
            code: nil
        )
        #expect(plain != colour)
        let escape = try Regex("\u{1B}\\[[0-9;]*m")
        #expect(colour.map { $0.replacing(escape, with: "") } == plain)
    }

    @Test func linesForALog() {
        let screen = self.connected()
        func line(_ event: TunnelAgentEvent) -> String? {
            PlainLines.line(for: event, before: screen, now: self.start)
        }
        #expect(line(.request(self.request("/a\u{1B}"))) == "GET /a%1B 200 12 ms 1.5 kB")
        #expect(line(.request(self.request("/a", status: nil))) == "GET /a fail 12 ms 1.5 kB")
        #expect(
            line(.disconnected(reason: "The edge went away.", retryIn: .milliseconds(800)))
                == "Connection lost: The edge went away. Trying again in 800 ms."
        )
        let opening = self.screen()
        #expect(
            PlainLines.line(
                for: .disconnected(reason: "the edge refused the connection", retryIn: .seconds(2)),
                before: opening,
                now: self.start
            ) == "No connection: the edge refused the connection. Trying again in 2 s."
        )
        #expect(line(.localAppUnreachable) == "Nothing answers at http://localhost:3000.")
        #expect(
            line(.localAppSpeaksNoHTTP2)
                == "http://localhost:3000 does not speak HTTP/2; leave out --upstream-http2."
        )
        #expect(line(.connected(connections: 2, version: 1)) == nil)
        #expect(line(.roundTrip(.seconds(1))) == nil)
    }
}
