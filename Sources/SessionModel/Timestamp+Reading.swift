extension Timestamp {
    /// Reads a time as requests have it (RFC 3339): `2026-12-01T00:00:00Z`, `2026-12-01T01:00:00.250+01:00`.
    ///
    /// Nil for anything else: dates that do not exist, leap seconds, other separators, lower-case letters, years before
    /// 1970. What is below a millisecond is cut off.
    package init?(rfc3339 text: some StringProtocol) {
        var reader = TimeReader(bytes: Array(text.utf8))
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
            let day = reader.number(2), reader.take("T"), let hour = reader.number(2), reader.take(":"),
            let minute = reader.number(2), reader.take(":"), let second = reader.number(2),
            let fraction = reader.fraction(), let offset = reader.offset(), reader.isAtEnd, year >= 1970,
            (1...12).contains(month), day >= 1, day <= Self.days(of: month, in: year), hour < 24, minute < 60,
            second < 60
        else { return nil }
        let days = Self.days(toYear: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset * 60
        guard seconds >= 0 else { return nil }
        self.init(millisecondsSinceEpoch: Int64(seconds * 1000 + fraction))
    }

    private static func days(of month: Int, in year: Int) -> Int {
        switch month {
        case 2: year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400)) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms").
    private static func days(toYear year: Int, month: Int, day: Int) -> Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

private struct TimeReader {
    let bytes: [UInt8]
    var position = 0

    var isAtEnd: Bool { self.position == self.bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard self.position < self.bytes.count, self.bytes[self.position] == UInt8(ascii: character) else {
            return false
        }
        self.position += 1
        return true
    }

    /// The next digit.
    private mutating func digit() -> Int? {
        guard self.position < self.bytes.count,
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self.bytes[self.position])
        else { return nil }
        defer { self.position += 1 }
        return Int(self.bytes[self.position] - UInt8(ascii: "0"))
    }

    /// Exactly `count` digits.
    mutating func number(_ count: Int) -> Int? {
        var number = 0
        for _ in 0..<count {
            guard let digit = self.digit() else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    /// Milliseconds after a dot, of at most nine digits; zero without a dot.
    mutating func fraction() -> Int? {
        guard self.take(".") else { return 0 }
        var milliseconds = 0
        var count = 0
        while let digit = self.digit() {
            if count < 3 { milliseconds = milliseconds * 10 + digit }
            count += 1
        }
        guard (1...9).contains(count) else { return nil }
        for _ in count..<max(3, count) { milliseconds *= 10 }
        return milliseconds
    }

    /// Minutes east of UTC.
    mutating func offset() -> Int? {
        if self.take("Z") { return 0 }
        let sign = self.take("+") ? 1 : self.take("-") ? -1 : 0
        guard sign != 0, let hours = self.number(2), self.take(":"), let minutes = self.number(2), hours < 24,
            minutes < 60
        else { return nil }
        return sign * (hours * 60 + minutes)
    }
}
