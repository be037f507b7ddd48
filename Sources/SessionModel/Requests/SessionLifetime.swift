/// Reads lifetimes as they are written in requests and on the command line: `<n>s`, `<n>m`, `<n>h` or `<n>d`.
package enum SessionLifetime {
    /// The units with their seconds.
    package static let units: [(letter: Character, seconds: Int)] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]

    /// Reads a lifetime of at least a second; nil unless it has exactly that form, without sign, space or leading zero,
    /// and at most nine digits.
    package static func parse(_ text: some StringProtocol) -> Duration? {
        guard let unit = Self.units.first(where: { $0.letter == text.last }) else { return nil }
        let digits = text.utf8.dropLast()
        guard (1...9).contains(digits.count), digits.first != UInt8(ascii: "0"),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = Int(text.dropLast())
        else { return nil }
        return .seconds(number * unit.seconds)
    }

    /// What is wrong with `text` as a lifetime of at most `maximum`, or its value.
    package static func read(_ text: String, maximum: Duration) -> Result<Duration, Problem> {
        guard let lifetime = Self.parse(text) else {
            return .failure(Problem(message: "must be a number and a unit, such as 30m or 24h (s, m, h or d)"))
        }
        guard lifetime <= maximum else {
            return .failure(Problem(message: "must be at most \(Self.text(maximum))"))
        }
        return .success(lifetime)
    }

    /// Why a lifetime was refused, as a sentence fragment.
    package struct Problem: Error, Equatable {
        /// What is wrong, for people.
        package var message: String
    }

    /// A duration of whole seconds in its largest even unit: `7d`, `90m`.
    package static func text(_ duration: Duration) -> String {
        let seconds = Int(duration.components.seconds)
        for unit in Self.units.reversed() where seconds % unit.seconds == 0 {
            return "\(seconds / unit.seconds)\(unit.letter)"
        }
        return "\(seconds)s"
    }
}
