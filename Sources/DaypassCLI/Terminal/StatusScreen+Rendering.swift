package import SessionModel
import TunnelAgent
import UpstreamRelay

extension StatusScreen {
    /// The screen as lines, at most `rows`, each at most `columns` wide.
    ///
    /// What matters most stays when room gets short: link and state first, then keys, then requests, then the QR code.
    /// With room the code stands under the links; on a low, wide screen beside them; else it is left out.
    package func rendered(
        columns: Int,
        rows: Int,
        now: Timestamp,
        style: Style,
        code: QRCode?
    ) -> [String] {
        let columns = max(1, columns)
        let rows = max(1, rows)
        let footer = [StyledLine(), self.statusLine(now: now), self.noticeLine(now: now)].compactMap { $0 }
        let keys = [StyledLine(), Self.keyLine]
        var top = self.header(columns: columns, now: now)
        if let code, self.isReady {
            let width = QRCode.columns(size: code.size)
            let height = QRCode.lines(size: code.size)
            let picture = code.lines(style).map { StyledLine($0, .picture(width: width)) }
            let used = top.count + footer.count + keys.count
            if width <= columns, used + 1 + height + Self.wantedRequests <= rows {
                top += [StyledLine()] + picture
            } else if width + 2 + Self.leastTextColumns <= columns,
                height + footer.count + keys.count + Self.leastRequests <= rows
            {
                top = Self.beside(picture, width: width, self.header(columns: columns - width - 2, now: now))
            }
        }
        let room = rows - top.count - footer.count - keys.count - 1
        var lines = top + footer
        if room > 0 { lines += self.requestLines(count: room, columns: columns) }
        // Keys are the first to go when not even they fit, then the lines furthest down.
        if lines.count + keys.count <= rows { lines += keys }
        return lines.prefix(rows).map { $0.rendered(style, columns: columns) }
    }

    private static var wantedRequests: Int { 4 }
    private static var leastRequests: Int { 1 }
    private static var leastTextColumns: Int { 40 }
    private static var labelWidth: Int { 12 }

    private func header(columns: Int, now: Timestamp) -> [StyledLine] {
        let title =
            switch self.link {
            case .closing: StyledLine("Closing the tunnel.", .strong)
            case .connecting, .waiting, .connected:
                self.isReady ? StyledLine("Tunnel ready.", .strong) : StyledLine("Opening the tunnel.", .strong)
            }
        var lines = [title, StyledLine()]
        func fact(_ label: String, _ value: String, _ emphasis: StyledLine.Emphasis = .plain) {
            let value = TerminalText.safe(value)
            if Self.labelWidth + TerminalText.width(value) <= columns {
                let start = TerminalText.padded(label, to: Self.labelWidth)
                lines.append(StyledLine(start, .faint).adding(value, emphasis))
            } else {
                // A long link gets whole lines, so that a terminal can select it.
                lines.append(StyledLine(label, .faint))
                lines += TerminalText.wrapped(value, to: columns).map { StyledLine($0, emphasis) }
            }
        }
        fact("Public URL", self.facts.publicURL, .link)
        fact("Shares", self.facts.target)
        if let credentials = self.facts.credentials {
            fact("User", credentials.username)
            fact("Password", credentials.password)
        }
        if let password = self.facts.password { fact("Password", password) }
        if let expiresAt { fact("Ends", HumanText.remaining(until: expiresAt, now: now)) }
        fact("Owner URL", self.facts.ownerURL)
        return lines
    }

    private static func beside(_ picture: [StyledLine], width: Int, _ text: [StyledLine]) -> [StyledLine] {
        (0..<max(picture.count, text.count))
            .map { row in
                let left = row < picture.count ? picture[row] : StyledLine()
                return row < text.count ? left.adding(text[row], at: width + 2) : left
            }
    }

    private func statusLine(now: Timestamp) -> StyledLine {
        var line: StyledLine
        switch self.link {
        case .connecting(let attempt):
            line = StyledLine(attempt > 1 ? "● connecting (attempt \(attempt))" : "● connecting", .waiting)
        case .connected:
            line = self.isPaused ? StyledLine("● paused", .waiting) : StyledLine("● connected", .good)
        case .waiting(_, let until):
            line = StyledLine("● reconnecting in \(HumanText.span(until - now))", .waiting)
        case .closing: line = StyledLine("● closing", .waiting)
        }
        var figures: [String] = []
        if case .connected = self.link, let roundTrip { figures.append(HumanText.elapsed(roundTrip)) }
        if let viewers { figures.append("\(viewers) \(viewers == 1 ? "viewer" : "viewers")") }
        figures.append(HumanText.rate(self.requestsPerSecond(now: now)))
        figures.append("\(HumanText.bytes(self.bytesOut)) out")
        figures.append("\(HumanText.bytes(self.bytesIn)) in")
        for figure in figures { line = line.adding("   \(figure)") }
        return line
    }

    private func noticeLine(now: Timestamp) -> StyledLine? {
        if let notice, notice.until > now { return StyledLine(notice.text, notice.isProblem ? .bad : .good) }
        if case .waiting(let reason, _) = self.link { return StyledLine("No connection: \(reason).", .waiting) }
        if !self.isLocalAppReachable {
            return StyledLine("Nothing answers at \(self.facts.target). Start the app; the link stays.", .bad)
        }
        return nil
    }

    /// The last requests that fit, newest last, under an empty line.
    private func requestLines(count: Int, columns: Int) -> [StyledLine] {
        let shown = self.recent.suffix(count)
        guard !shown.isEmpty else { return [] }
        let pathColumns = max(8, columns - 8 - 5 - 9 - 9)
        return [StyledLine()]
            + shown.map { request in
                let path = TerminalText.truncated(TerminalText.safePath(request.path), to: pathColumns)
                let status = RequestText.status(request)
                return StyledLine(TerminalText.padded(RequestText.method(request), to: 8))
                    .adding(TerminalText.padded(path, to: pathColumns))
                    .adding(" \(TerminalText.padded(status.text, to: 4))", status.emphasis)
                    .adding(Self.rightAligned(HumanText.elapsed(request.duration), 9), .faint)
                    .adding(Self.rightAligned(HumanText.bytes(request.bytesOut), 9), .faint)
            }
    }

    private static func rightAligned(_ text: String, _ columns: Int) -> String {
        String(repeating: " ", count: max(0, columns - text.count)) + text
    }

    private static var keyLine: StyledLine {
        let keys = [
            ("L", "open"), ("C", "copy"), ("O", "owner's room"), ("P", "pause"), ("R", "resume"), ("Q", "close"),
        ]
        var line = StyledLine()
        for (index, key) in keys.enumerated() {
            line = line.adding(index == 0 ? key.0 : "   \(key.0)", .strong).adding(" \(key.1)", .faint)
        }
        return line
    }
}

/// A finished request in words.
enum RequestText {
    /// The method, safe and short; `WS` for a WebSocket.
    static func method(_ request: RelayedRequestSummary) -> String {
        request.isWebSocket ? "WS" : TerminalText.truncated(TerminalText.safePath(request.method), to: 7)
    }

    /// The status, or how it ended without one.
    static func status(_ request: RelayedRequestSummary) -> (text: String, emphasis: StyledLine.Emphasis) {
        switch (request.outcome, request.status) {
        case (.cancelled, nil): ("gone", .faint)
        case (.failed, nil): ("fail", .bad)
        case (.failed, let status?): (String(status), .bad)
        case (_, let status?) where status >= 500: (String(status), .bad)
        case (_, let status?) where status >= 400: (String(status), .waiting)
        case (_, let status?): (String(status), .good)
        case (.completed, nil): ("-", .faint)
        }
    }

    /// One line for a log.
    static func line(_ request: RelayedRequestSummary) -> String {
        "\(Self.method(request)) \(TerminalText.safePath(request.path)) \(Self.status(request).text) "
            + "\(HumanText.elapsed(request.duration)) \(HumanText.bytes(request.bytesOut))"
    }
}
