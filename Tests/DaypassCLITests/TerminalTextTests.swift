import DaypassCLI
import SessionModel
import Testing

@Suite struct TerminalTextTests {
    @Test(arguments: [
        ("plain – text, ünïcode 日本", "plain – text, ünïcode 日本"), ("a\u{1B}[2Jb", "a\u{FFFD}[2Jb"),
        ("a\r\nb\tc", "a\u{FFFD}\u{FFFD}b\u{FFFD}c"), ("\u{9B}31m", "\u{FFFD}31m"),
        ("\u{202E}gpj.exe", "\u{FFFD}gpj.exe"),
        ("\u{7F}\u{0}", "\u{FFFD}\u{FFFD}"),
    ])
    func controlCharactersAreReplaced(text: String, safe: String) {
        #expect(Array(TerminalText.safe(text).unicodeScalars) == Array(safe.unicodeScalars))
    }

    @Test func pathsArePrintableASCII() {
        #expect(TerminalText.safePath("/a b/é\u{1B}]0;x\u{07}?") == "/a%20b/%C3%A9%1B]0;x%07?")
    }

    @Test func widthsAndCuts() {
        #expect(TerminalText.width("abc") == 3)
        #expect(TerminalText.width("日本") == 4)
        #expect(TerminalText.width("\u{1B}[1;32mok\u{1B}[0m") == 2)
        #expect(TerminalText.truncated("abcdef", to: 6) == "abcdef")
        #expect(TerminalText.truncated("abcdef", to: 5) == "abcd…")
        #expect(TerminalText.truncated("日本語", to: 4) == "日…")
        #expect(TerminalText.truncated("abc", to: 0) == "")
        #expect(TerminalText.wrapped("abcdefg", to: 3) == ["abc", "def", "g"])
        #expect(TerminalText.wrapped("", to: 3) == [""])
    }

    @Test func tables() {
        var table = TextTable("NAME", "N", "NOTE")
        table.add("quiet-lime-1", "3", "")
        table.add("x", "1234", "a\u{1B}[31m")
        #expect(
            table.rendered(Style(hasColour: false)) == [
                "NAME          N     NOTE", "quiet-lime-1  3", "x             1234  a\u{FFFD}[31m",
            ]
        )
        #expect(table.rendered(Style(hasColour: true))[0] == "\u{1B}[1mNAME          N     NOTE\u{1B}[0m")
    }

    @Test(arguments: [
        (true, [:], true), (true, ["NO_COLOR": "1"], false), (true, ["NO_COLOR": ""], true),
        (true, ["TERM": "dumb"], false), (false, [:], false),
    ])
    func colourOnlyWhereWanted(isTerminal: Bool, environment: [String: String], hasColour: Bool) {
        #expect(Style(isTerminal: isTerminal, environment: environment).hasColour == hasColour)
    }

    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1540, "1.5 kB"), (9960, "10 kB"), (999_400, "999 kB"),
        (999_600, "1 MB"), (20_000_000, "20 MB"), (3_210_000_000, "3.2 GB"),
    ])
    func bytes(count: Int, text: String) { #expect(HumanText.bytes(count) == text) }

    @Test(arguments: [
        (Duration.microseconds(420), "0.4 ms"), (.milliseconds(12), "12 ms"), (.milliseconds(999), "999 ms"),
        (.milliseconds(1340), "1.3 s"), (.seconds(59), "59 s"), (.seconds(125), "2 min 5 s"),
    ])
    func elapsed(duration: Duration, text: String) { #expect(HumanText.elapsed(duration) == text) }

    @Test(arguments: [
        (0, "0 s"), (45, "45 s"), (60, "1 min"), (61, "1 min 1 s"), (1800, "30 min"), (7800, "2 h 10 min"),
        (86_400, "1 d"), (273_600, "3 d 4 h"), (-5, "0 s"),
    ])
    func spans(seconds: Int, text: String) { #expect(HumanText.span(.seconds(seconds)) == text) }

    @Test func lettersAreKeysAndArrowsAreNot() {
        var parser = KeyParser()
        #expect(parser.keys(in: Array("qP".utf8)) == ["Q", "P"])
        #expect(parser.keys(in: Array("\u{1B}[C\u{1B}OQ\u{1B}[1;5Dr".utf8)) == ["R"])
        // A sequence cut in two, the Escape key alone, and a key with Alt.
        #expect(parser.keys(in: Array("\u{1B}[1;".utf8)) == [])
        #expect(parser.keys(in: Array("5Cl".utf8)) == ["L"])
        #expect(parser.keys(in: [0x1B]) == [])
        #expect(parser.keys(in: Array("c".utf8)) == ["C"])
        #expect(parser.keys(in: Array("\u{1B}q1é".utf8)) == [])
    }
}
