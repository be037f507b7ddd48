import SessionModel
import Testing

@Suite("JSON")
struct JSONTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

    @Test(
        "reads every kind of value",
        arguments: [
            ("null", JSONValue.null), ("true", .bool(true)), (" false ", .bool(false)), ("0", .integer(0)),
            ("-0", .integer(0)), ("3000", .integer(3000)), ("3000.0", .integer(3000)), ("3e3", .integer(3000)),
            ("-12", .integer(-12)), ("1.5", .fraction(1.5)), ("9223372036854775807", .integer(.max)),
            ("9223372036854775808", .fraction(0x1p63)), ("1e999", .fraction(.infinity)), ("\"\"", .string("")),
            (#""a\"\\\/\b\f\n\r\t""#, .string("a\"\\/\u{8}\u{c}\n\r\t")), (#""\u00e9\ud83d\ude00""#, .string("é😀")),
            ("[]", .array([])), ("[1, [2]]", .array([.integer(1), .array([.integer(2)])])), ("{}", .object([])),
            ("{\"b\":1,\"a\":{}}", .object([.init("b", .integer(1)), .init("a", .object([]))])),
        ]
    )
    func readsValues(text: String, expected: JSONValue) throws {
        #expect(try self.parse(text) == expected)
    }

    @Test(
        "refuses what is not JSON",
        arguments: [
            "", " ", "nul", "tru", "truex", "True", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x10", "NaN", "Infinity",
            "\"", "\"\n\"", "\"\u{1}\"", #""\x""#, #""\u12""#, #""\ud800""#, #""\ud800\u0041""#, #""\udc00""#, "'a'",
            "[",
            "[1", "[1,", "[1,]", "[,1]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{1:1}",
            "{\"a\" 1}",
            "1 2", "{} {}", "[1] x", "// no\n1", "\u{feff}1", "{\"a\":1,\"a\":2}", #"{"a":1,"\u0061":2}"#,
        ]
    )
    func refusesNonsense(text: String) {
        let error = #expect(throws: DaypassError.self) { try self.parse(text) }
        #expect(error?.code == .badRequest)
        #expect(error?.message.contains("not valid JSON") == true)
    }

    @Test("refuses text that is not UTF-8")
    func refusesOtherEncodings() {
        for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0xFF]] {
            #expect(throws: DaypassError.self) { try JSONParser.parse(bytes) }
        }
    }

    @Test("bounds depth, not width")
    func boundsDepth() throws {
        let depth = JSONParser.maximumDepth
        let deepest = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(throws: Never.self) { try self.parse(deepest) }
        #expect(throws: DaypassError.self) { try self.parse("[" + deepest + "]") }
        #expect(throws: DaypassError.self) { try self.parse(String(repeating: "[", count: 60_000)) }
        let wide = "[" + String(repeating: "[],", count: 10_000) + "[]]"
        guard case .array(let elements) = try self.parse(wide) else { throw DaypassError(.internalError) }
        #expect(elements.count == 10_001)
    }

    @Test("bounds the number of values, which take more than they are written with")
    func valueCount() throws {
        func array(_ count: Int) -> [UInt8] { Array("[\(String(repeating: "0,", count: count - 1))0]".utf8) }
        #expect(try JSONParser.parse(array(JSONParser.maximumValues - 1)).valueCount == JSONParser.maximumValues)
        #expect(throws: DaypassError.self) { try JSONParser.parse(array(JSONParser.maximumValues)) }
        #expect(try JSONParser.parse(Array(#"{"a":[1,{"b":null}],"c":"x"}"#.utf8)).valueCount == 6)
    }

    @Test("writes what it reads")
    func writes() throws {
        let text = #"{"b":[1,-2,1.5,null,true],"a":"\"\\\n\u0001é😀&</>","":{}}"#
        #expect(try self.parse(text).text == text)
        #expect(JSONValue.fraction(.infinity).text == "null")
    }

    @Test("survives random bytes and mutations of a valid body")
    func survivesNoise() throws {
        var generator = SeededGenerator(state: 20_261_121)
        let valid = Array(
            #"{"port":3000,"policy":{"blockPaths":["/a","/b\u0041"],"public":true},"expiresIn":"24h"}"#.utf8
        )
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &generator)], at: index)
                }
            }
            guard let value = try? JSONParser.parse(bytes) else { continue }
            accepted += 1
            // What was accepted is a value: written and read again it is the same.
            #expect(try JSONParser.parse(Array(value.text.utf8)) == value)
        }
        #expect(accepted > 100)
    }
}

/// A small generator with a fixed seed (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
