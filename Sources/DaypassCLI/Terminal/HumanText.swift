package import SessionModel

/// Figures as people read them: short, with a unit, never more digits than matter.
package enum HumanText {
    /// `512 B`, `1.5 kB`, `20 MB`: decimal units.
    package static func bytes(_ count: Int) -> String {
        guard count >= 1000 else { return "\(max(0, count)) B" }
        var value = Double(count)
        var unit = 0
        let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
        while value >= 999.5, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return "\(Self.digits(value)) \(units[unit])"
    }

    /// `0.4 ms`, `12 ms`, `1.3 s`, `2 min 5 s`: for measured times.
    package static func elapsed(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = Double(seconds) * 1000 + Double(attoseconds) / 1e15
        if milliseconds < 999.5 { return "\(Self.digits(max(0, milliseconds))) ms" }
        if milliseconds < 59_950 { return "\(Self.digits(milliseconds / 1000)) s" }
        return Self.span(duration)
    }

    /// `45 s`, `5 min`, `2 h 10 min`, `3 d 4 h`: for what remains and what has passed; the two largest units.
    package static func span(_ duration: Duration) -> String {
        let total = max(0, Int(duration.components.seconds))
        let days = total / 86_400
        let hours = total / 3600 % 24
        let minutes = total / 60 % 60
        let seconds = total % 60
        let parts: [(Int, String)]
        if days > 0 {
            parts = [(days, "d"), (hours, "h")]
        } else if hours > 0 {
            parts = [(hours, "h"), (minutes, "min")]
        } else if minutes > 0 {
            parts = [(minutes, "min"), (minutes < 10 ? seconds : 0, "s")]
        } else {
            parts = [(seconds, "s")]
        }
        return parts.enumerated().filter { $0.offset == 0 || $0.element.0 > 0 }
            .map { "\($0.element.0) \($0.element.1)" }.joined(separator: " ")
    }

    /// `in 2 h 10 min`, or `ended`.
    package static func remaining(until: Timestamp, now: Timestamp) -> String {
        until > now ? "in \(Self.span(until - now))" : "ended"
    }

    /// `12/s`, `0.4/s`.
    package static func rate(_ perSecond: Double) -> String { "\(Self.digits(perSecond))/s" }

    /// A reason as part of a sentence: safe for the terminal, without the full stop at its end.
    package static func clause(_ reason: String) -> String {
        let text = TerminalText.safe(reason)
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// Three significant digits at most: one decimal below ten, none above, no trailing `.0`.
    private static func digits(_ value: Double) -> String {
        guard value < 9.95 else { return String(Int(value.rounded())) }
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? String(tenths / 10) : "\(tenths / 10).\(tenths % 10)"
    }
}
