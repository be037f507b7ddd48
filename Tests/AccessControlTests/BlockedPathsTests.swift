import AccessControl
import DaypassTestSupport
import Testing

@Suite("Blocked paths")
struct BlockedPathsTests {
    private func blocks(_ rules: [String], _ path: String) -> Bool { BlockedPaths(rules).blocks(Array(path.utf8)) }

    @Test(
        "match at segment boundaries, by prefix with a star, ignoring case",
        arguments: [
            ("/admin", "/admin", true), ("/admin", "/admin/", true), ("/admin", "/admin/x", true),
            ("/admin", "/admin?x=1", true), ("/admin", "/ADMIN/x", true), ("/Admin", "/admin", true),
            ("/admin", "/administrator", false), ("/admin", "/admi", false), ("/admin", "/", false),
            ("/admin", "/x/admin", false), ("/admin", "/?/admin", false), ("/admin", "/x?path=/admin", false),
            ("/admin", "/admin-x", false), ("/admin", "/.admin", false), ("/admin", "/admin.html", false),
            ("/admin/", "/admin", true), ("/admin/", "/admin/x", true), ("/admin/", "/administrator", false),
            ("/api/internal", "/api/internal/x", true), ("/api/internal", "/api", false),
            ("/api/internal", "/api/internals", false), ("/api/internal", "/api/v1/internal", false),
            ("/adm*", "/adm", true), ("/adm*", "/administrator", true), ("/adm*", "/ADMIN/x", true),
            ("/adm*", "/ad", false), ("/adm*", "/x/adm", false),
            ("/api/*", "/api/", true), ("/api/*", "/api/x", true), ("/api/*", "/api", false),
            ("/api/v*", "/api/v2/x", true), ("/api/v*", "/api/w", false), ("/api/v*", "/api/v", true),
            ("/", "/", true), ("/", "/anything", true), ("/*", "/", true), ("/*", "/anything", true),
            ("/a b", "/a%20b", true), ("/a%20b", "/a%20b", true), ("/a%20b", "/a%2520b", true),
            ("/100%", "/100%25", true), ("/100%25", "/100%", true), ("/x.", "/x", true), ("/.env", "/.env", true),
            ("/.env", "/.env.", true), ("/.env", "/.environment", false), ("/.env*", "/.env.local", true),
            ("/.git", "/.git/config", true), ("/.git", "/.github", false), ("/.git", "/.well-known/x", false),
            ("\\admin", "/admin", true), ("/a/../admin", "/admin", true), ("//admin", "/admin", true),
            ("/café", "/caf%C3%A9", true), ("/café", "/CAF%C3%89", true), ("/café", "/cafe%CC%81", true),
            ("/café", "/caf%E9", false), ("/café", "/cafe", false), ("/café*", "/caf%C3%A9s", true),
            ("/secret", "/%C5%BFecret", true), ("/kim", "/%E2%84%AAim", true), ("/straße", "/STRASSE", true),
        ]
    )
    func table(rule: String, path: String, isBlocked: Bool) {
        #expect(self.blocks([rule], path) == isBlocked)
        #expect(self.blocks(["/other", rule, "/unrelated/*"], path) == isBlocked)
        #expect(!self.blocks([], path))
    }

    @Test(
        "are recognised in other spellings",
        arguments: [
            "/%61dmin", "/%41DMIN", "/a%64min/x", "/%2561dmin", "/%252561dmin", "//admin", "///admin//x", "/./admin",
            "/.//admin", "/x/../admin", "/x/..//admin", "/x/%2e%2e/admin", "/x/%2E./admin", "/x/.%2e/admin",
            "/x/%252e%252e/admin", "/../admin", "/../../admin", "/x/y/../../admin", "/%2fadmin", "/%2Fadmin",
            "/%252fadmin", "/x%2f../admin", "/x%2f..%2fadmin", "/x/..%2fadmin", "/x/..%5cadmin", "\\admin", "/\\admin",
            "/x\\..\\admin", "/%5cadmin", "/%5Cadmin", "/admin;x", "/admin;x=1/y", "/;/admin", "/;x/admin",
            "/x/..;/admin",
            "/x/..;y/admin", "/x/..%3b/admin", "/admin%3bx", "/admin.", "/admin..", "/admin./x", "/admin%20",
            "/admin%20.",
            "/admin.%20/x", "/admin%2f", "/admin%2fx", "/admin%5cx", "/admin\\x", "/admin/..", "/admin/../x",
            "/admin/../public", "/admin%2f..%2fx", "/admin%3fx", "/admin%23x", "/admin#x", "/x/.../../admin/",
            "/x/..%20/admin", "/ADMIN.;v=1", "/aDmIn%2e", "/%61%64%6d%69%6e", "/.;/admin", "/.;x=1/admin",
            "/x//../admin",
            "/./././admin/./.", "/x/./../admin", "/%c5%bf/../admin",
            // Separators of two kinds in one segment, of which a server knows one.
            "/..;%5cxa%64min%252Fa%64min", "/.;\\%252F%20%5c%2561dmin%61dmin%2fa%64min",
            "///%3bx%20\\api%2f%61dmin%252e", "/x\\a%64min%252F../%2561dmin/./",
        ]
    )
    func spellings(path: String) { #expect(self.blocks(["/admin"], path)) }

    @Test(
        "unrelated paths pass in any spelling",
        arguments: [
            "/", "/x", "/public/app.js", "/search?q=/admin", "/search?q=../admin", "/x/../y", "/a/../b/admin",
            "/a%20b", "/a%2fb", "/x;admin", "/x;/y", "/100%25", "/100%", "/%zz", "/%", "/%2", "/x%", "/x%2fadmin",
            "/x%5cadmin", "/docs/admin", "/caf%C3%A9", "/caf%E9", "/%F0%9F%98%80", "/x//y", "/.well-known/acme", "/...",
            "/adm%69", "/admin%2dx", "/administrator;x", "/x.", "/x%20", "/@scope/pkg", "/a:b", "/~user", "/a+b",
            "/%u12", "/v1/items:batch", "/@fs/home/x", "/src/main.ts?t=1&import", "/x%252fy",
        ]
    )
    func unrelated(path: String) { #expect(!self.blocks(["/admin"], path)) }

    @Test(
        "what cannot be read for certain is blocked as soon as there is a rule",
        arguments: [
            "", "admin", "*", "http://localhost/x", "/x%00", "/%0a", "/x%7f", "/%2500", "/%25252561", "/%2525252561x",
            "/%c0%ae%c0%ae/x", "/%c1%9c", "/%e0%80%af", "/%f0%80%80%af", "/%u0061dmin", "/x\u{1}", "/x\u{7f}",
            "/%61" + String(repeating: "x", count: 8192), "/%61" + String(repeating: "/x", count: 256),
        ]
    )
    func unreadable(path: String) {
        #expect(self.blocks(["/somewhere/else"], path))
        #expect(!self.blocks([], path))
    }

    @Test("long plain paths are compared, not refused")
    func longPlain() {
        let long = "/public/" + String(repeating: "x", count: 60_000)
        #expect(!self.blocks(["/admin"], long))
        #expect(self.blocks(["/public"], long))
    }

    @Test("paths with dozens of steps up are still followed")
    func deep() {
        let down = String(repeating: "/d", count: 100)
        let up = String(repeating: "/..", count: 100)
        #expect(self.blocks(["/admin"], down + up + "/admin"))
        #expect(!self.blocks(["/admin"], down + up + "/public"))
    }
}

/// How one kind of server turns a request target into the resource it serves.
private struct Server: CustomStringConvertible {
    enum Dots: CaseIterable { case literal, resolved }

    var decodings: Int
    var splitsBeforeDecoding: Bool
    var backslashSeparates: Bool
    var removesParameters: Bool
    var trims: Bool
    var mergesSlashes: Bool
    var dots: Dots

    static let all: [Server] = (0...3)
        .flatMap { decodings in
            (0..<64)
                .map { bits in
                    Server(
                        decodings: decodings,
                        splitsBeforeDecoding: bits & 1 != 0,
                        backslashSeparates: bits & 2 != 0,
                        removesParameters: bits & 4 != 0,
                        trims: bits & 8 != 0,
                        mergesSlashes: bits & 16 != 0,
                        dots: bits & 32 != 0 ? .resolved : .literal
                    )
                }
        }

    var description: String {
        "decodes \(self.decodings), splits first \(self.splitsBeforeDecoding), backslash \(self.backslashSeparates), "
            + "parameters \(self.removesParameters), trims \(self.trims), merges \(self.mergesSlashes), \(self.dots)"
    }

    /// The segments this server routes by.
    func segments(_ path: String) -> [String] {
        var text = path
        if !self.splitsBeforeDecoding { for _ in 0..<self.decodings { text = Self.decoded(text) } }
        if self.backslashSeparates { text = text.replacing("\\", with: "/") }
        var segments = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if self.removesParameters {
            segments = segments.map { String($0.prefix { $0 != ";" }) }
        }
        if self.splitsBeforeDecoding {
            segments = segments.map { segment in (0..<self.decodings).reduce(segment) { text, _ in Self.decoded(text) }
            }
        }
        if self.trims {
            segments = segments.map { segment in
                if segment == "." || segment == ".." { return segment }
                var segment = segment
                while segment.last == "." || segment.last == " " { segment.removeLast() }
                return segment
            }
        }
        if self.mergesSlashes { segments.removeAll { $0.isEmpty } }
        guard self.dots == .resolved else { return segments }
        var resolved: [String] = []
        for segment in segments {
            if segment == ".." { _ = resolved.popLast() } else if segment != "." { resolved.append(segment) }
        }
        return resolved
    }

    func serves(_ rule: [String], for path: String) -> Bool {
        self.segments(path).map { $0.lowercased() }.starts(with: rule)
    }

    private static func decoded(_ text: String) -> String {
        var output: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                output.append(value)
                rest = rest.dropFirst(2)
            } else {
                output.append(byte)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}

@Suite("Blocked paths against many kinds of servers")
struct BlockedPathsServerTests {
    private static let fragments = [
        "/", "/", "/", "/", "admin", "admin", "api", "x", "..", "..", ".", "%2e", "%2E%2e", "%252e", "%2f", "%252F",
        "\\",
        "%5c", ";", ";a", "%3b", "%61dmin", "ADMIN", "a%64min", "%2561dmin", "%20", ".;", "..;", "//", "/../", "/./",
    ]

    private func randomPath(_ generator: inout SeededGenerator, from fragments: [String]) -> String {
        "/" + (0..<Int.random(in: 1...9, using: &generator)).map { _ in generator.pick(fragments) }.joined()
    }

    @Test("nothing passes that any of them would serve from a blocked place", arguments: [11, 12, 13, 106] as [UInt64])
    func sound(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let rules: [(String, [String])] = [
            ("/admin", ["admin"]), ("/api/admin", ["api", "admin"]), ("/x/api/x", ["x", "api", "x"]),
        ]
        var served = 0
        for _ in 0..<800 {
            let path = self.randomPath(&generator, from: Self.fragments)
            let (pattern, rule) = generator.pick(rules)
            guard let server = Server.all.first(where: { $0.serves(rule, for: path) }) else { continue }
            served += 1
            #expect(BlockedPaths([pattern]).blocks(Array(path.utf8)), "\(path) is in \(pattern) for: \(server)")
        }
        #expect(served > 50)
    }

    @Test(
        "nothing is blocked that none of them would, as long as no step goes up",
        arguments: [21, 22] as [UInt64]
    )
    func precise(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let fragments = [
            "/", "/", "/", "admin", "api", "x", "%2f", "\\", "%61dmin", "ADMIN", "%252561", "b", "-", "%41",
        ]
        var passed = 0
        for _ in 0..<300 {
            let path = self.randomPath(&generator, from: fragments)
            let (pattern, rule) = generator.pick([("/admin", ["admin"]), ("/api/admin", ["api", "admin"])])
            let isServed = Server.all.contains { $0.serves(rule, for: path) }
            if !isServed { passed += 1 }
            #expect(BlockedPaths([pattern]).blocks(Array(path.utf8)) == isServed, "\(path) \(pattern)")
        }
        #expect(passed > 50)
    }

    @Test("plain paths follow the plain definition", arguments: [31] as [UInt64])
    func plain(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let names = ["a", "ab", "abc", "A", "Ab", "b"]
        for _ in 0..<3000 {
            let path = (0..<Int.random(in: 1...4, using: &generator)).map { _ in "/" + generator.pick(names) }.joined()
            let base = (0..<Int.random(in: 1...3, using: &generator)).map { _ in "/" + generator.pick(names) }.joined()
            let (lowerPath, lowerBase) = (path.lowercased(), base.lowercased())
            let isUnder = lowerPath == lowerBase || lowerPath.hasPrefix(lowerBase + "/")
            #expect(BlockedPaths([base]).blocks(Array(path.utf8)) == isUnder)
            #expect(BlockedPaths([base + "*"]).blocks(Array(path.utf8)) == lowerPath.hasPrefix(lowerBase))
            // The same path, spelled so that it needs decoding, is judged alike.
            let encoded = path.utf8.map { $0 == UInt8(ascii: "/") ? "/" : "%" + String($0, radix: 16) }.joined()
            #expect(BlockedPaths([base]).blocks(Array(encoded.utf8)) == isUnder)
            #expect(BlockedPaths([base + "*"]).blocks(Array(encoded.utf8)) == lowerPath.hasPrefix(lowerBase))
        }
    }

    @Test("any bytes at all are judged without trouble", arguments: [41, 42] as [UInt64])
    func anyBytes(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let policy = BlockedPaths(["/admin", "/\u{fffd}é*", "/a/../b", "/%", "/;", "/*x", "not/a/path", "", "*"])
        let alphabet = Array("/\\.%;?#25eEfFcC0Uuadmin* ".utf8) + [0, 0x7f, 0x80, 0xc0, 0xe0, 0xff]
        for _ in 0..<5000 {
            let count = Int.random(in: 0...24, using: &generator)
            let bytes = [UInt8(ascii: "/")] + (0..<count).map { _ in generator.pick(alphabet) }
            #expect(policy.blocks(bytes) == policy.blocks(bytes + Array("?query=%00".utf8)))
        }
    }
}
