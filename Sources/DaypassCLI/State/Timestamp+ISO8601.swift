import Foundation
package import SessionModel

extension Timestamp {
    /// Reads an ISO 8601 date in UTC, with or without fractions of a second; nil if it is anything else.
    package init?(iso8601 text: String) {
        let date =
            (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text))
            ?? (try? Date.ISO8601FormatStyle().parse(text))
        guard let date, abs(date.timeIntervalSince1970) < 1e12 else { return nil }
        self.init(millisecondsSinceEpoch: Int64((date.timeIntervalSince1970 * 1000).rounded()))
    }

    /// The time now, for the outermost layer only; everything else takes the time as an argument.
    package static func wallClock() -> Timestamp {
        Timestamp(millisecondsSinceEpoch: Int64((Date().timeIntervalSince1970 * 1000).rounded()))
    }
}
