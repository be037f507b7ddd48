extension Timestamp {
    /// Reads a date and time as RFC 3339 writes them, `2026-12-01T00:00:00Z` or with an offset such as `+02:00`, to the
    /// millisecond; nil for anything else, dates that do not exist and leap seconds included.
    package init?(rfc3339 text: some StringProtocol) {
        let bytes = Array(text.utf8.prefix(64))
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[range] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            return value
        }
        func has(_ byte: Unicode.Scalar, at index: Int) -> Bool {
            index < bytes.count && bytes[index] == UInt8(ascii: byte)
        }
        guard text.utf8.count <= 40, let year = number(0..<4), has("-", at: 4), let month = number(5..<7),
            has("-", at: 7), let day = number(8..<10), has("T", at: 10), let hour = number(11..<13), has(":", at: 13),
            let minute = number(14..<16), has(":", at: 16), let second = number(17..<19)
        else { return nil }
        guard (1...12).contains(month), (1...Self.days(in: month, of: year)).contains(day), hour < 24, minute < 60,
            second < 60
        else { return nil }
        var index = 19
        var milliseconds: Int64 = 0
        if has(".", at: index) {
            let start = index + 1
            index = start
            while index < bytes.count, let digit = number(index..<index + 1) {
                if index < start + 3 { milliseconds += digit * [100, 10, 1][index - start] }
                index += 1
            }
            guard index > start else { return nil }
        }
        var offset: Int64 = 0
        if has("Z", at: index) {
            index += 1
        } else {
            guard has("+", at: index) || has("-", at: index), has(":", at: index + 3),
                let hours = number(index + 1..<index + 3), let minutes = number(index + 4..<index + 6), hours < 24,
                minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (has("+", at: index) ? 1 : -1)
            index += 6
        }
        guard index == bytes.count else { return nil }
        let days = Self.daysSinceEpoch(year, month, day)
        let seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second
        self.init(millisecondsSinceEpoch: seconds * 1000 + milliseconds)
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// The days from 1970-01-01 to a date of the years 0…9999 (Hinnant, "chrono-compatible low-level date algorithms").
    private static func daysSinceEpoch(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // Counted from 400 years earlier, so that nothing is negative; that is 146 097 days.
        let shifted = (month <= 2 ? year - 1 : year) + 400
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468 - 146_097
    }
}
