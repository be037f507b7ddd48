import DaypassTestSupport
import Foundation
import SessionModel
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_772_638_200_000, "2026-03-04T15:30:00.000Z"),
        (951_782_400_001, "2000-02-29T00:00:00.001Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ])
    func writesThePublishedForm(milliseconds: Int64, text: String) {
        #expect(Timestamp(millisecondsSinceEpoch: milliseconds).iso8601 == text)
    }

    @Test func agreesWithFoundation() {
        var generator = SeededGenerator(seed: 11)
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        for _ in 0..<5000 {
            let milliseconds = Int64.random(in: -12_212_553_600_000...253_402_300_799_999, using: &generator)
            // From 1583 on: before, Foundation uses the Julian calendar. Whole seconds for it, because its fractions
            // are binary.
            let seconds = Int64((Double(milliseconds) / 1000).rounded(.down))
            let expected = Date(timeIntervalSince1970: Double(seconds)).formatted(style).prefix(19)
            #expect(Timestamp(millisecondsSinceEpoch: milliseconds).iso8601.prefix(19) == expected)
        }
    }

    @Test func saturatesInsteadOfTrapping() {
        let latest = Timestamp(millisecondsSinceEpoch: .max)
        let earliest = Timestamp(millisecondsSinceEpoch: .min)
        #expect(latest + .seconds(1) == latest)
        #expect(latest + .seconds(Int64.max) == latest)
        #expect(earliest + .seconds(Int64.min) == earliest)
        #expect(latest - earliest == .milliseconds(Int64.max))
        #expect(earliest - latest == .milliseconds(Int64.min))
        #expect(!latest.iso8601.isEmpty && !earliest.iso8601.isEmpty)
    }

    @Test func countsWholeMilliseconds() {
        #expect(Duration.microseconds(1999).wholeMilliseconds == 1)
        #expect(Duration.microseconds(-1999).wholeMilliseconds == -1)
        #expect(Duration.seconds(86_400).wholeMilliseconds == 86_400_000)
        #expect(Duration.seconds(Int64.max).wholeMilliseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeMilliseconds == .min)
        #expect((Duration.seconds(9_223_372_036_854_775) + .milliseconds(900)).wholeMilliseconds == .max)
        #expect((Duration.seconds(-9_223_372_036_854_775) - .milliseconds(900)).wholeMilliseconds == .min)
    }

    @Test func ordersAndMeasures() {
        let start = Timestamp(millisecondsSinceEpoch: 1000)
        #expect(start < start + .milliseconds(1))
        #expect((start + .seconds(3)) - start == .seconds(3))
        #expect(start - (start + .seconds(3)) == .seconds(-3))
    }

    @Test func travelsAsANumber() throws {
        let time = Timestamp(millisecondsSinceEpoch: 1_772_638_200_123)
        let data = try JSONEncoder().encode([time])
        #expect(String(decoding: data, as: UTF8.self) == "[1772638200123]")
        #expect(try JSONDecoder().decode([Timestamp].self, from: data) == [time])
    }
}
