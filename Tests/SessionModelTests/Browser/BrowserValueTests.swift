import DaypassTestSupport
import SessionModel
import Testing

@Suite("API keys")
struct APIKeyTests {
    @Test("round-trip, and any one wrong character is found", arguments: [1, 2, 3] as [UInt64])
    func checksum(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for kind in APIKeyKind.allCases {
            for mode in APIKeyMode.allCases {
                let text = APIKeyText.random(kind: kind, mode: mode, using: &generator)
                #expect(text.utf8.count == APIKeyText.length)
                #expect(text.hasPrefix(APIKeyText.prefix(kind: kind, mode: mode)))
                let parsed = APIKeyText(parsing: text)
                #expect(parsed?.kind == kind)
                #expect(parsed?.mode == mode)
                for position in 0..<44 {
                    var bytes = Array(text.utf8)
                    bytes[position] = bytes[position] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
                    #expect(APIKeyText(parsing: String(decoding: bytes, as: UTF8.self)) == nil)
                }
                for wrong in [String(text.dropLast()), text + "0", " " + text, text.replacing("_", with: "-"), ""] {
                    #expect(APIKeyText(parsing: wrong) == nil)
                }
            }
        }
    }

    @Test("keep their identity when they are rotated")
    func rotate() throws {
        var generator = SeededGenerator(seed: 9)
        let body = try JSONParser.parse(
            Array(#"{"name":"shop","scopes":["a"],"webOrigins":["https://Shop.example:443/"]}"#.utf8)
        )
        let now = Timestamp(millisecondsSinceEpoch: 0)
        var (record, secret) = APIKeyRecord.make(
            try NewAPIKey(json: body),
            tenant: try #require(Slug("acme")),
            now: now,
            using: &generator
        )
        #expect(record.digest.matches(secret))
        #expect(record.masked == "pk_live_…" + secret.suffix(4))
        #expect(record.webOrigins.map(\.description) == ["https://shop.example"])
        let id = record.id
        let next = record.rotate(grace: .seconds(60), now: now, using: &generator)
        #expect(record.id == id)
        #expect(record.digest.matches(next))
        #expect(record.retired?.digest.matches(secret) == true)
        #expect(record.retired?.worksUntil == now + .seconds(60))
    }

    @Test("identifiers round-trip")
    func identifiers() {
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<200 {
            let key = APIKeyID.random(using: &generator)
            #expect(APIKeyID(key.text) == key)
            let session = BrowserSessionID.random(using: &generator)
            #expect(BrowserSessionID(session.text) == session)
        }
        for text in ["key_", "key_00000000000", "key_0000000000000", "key_00000000000A", "bs_000000000000"] {
            #expect(APIKeyID(text) == nil)
        }
    }
}

@Suite("Web origins")
struct WebOriginTests {
    @Test(
        "that browsers write are read",
        arguments: [
            "https://shop.example", "http://localhost:3000", "https://a.b.c.example:8443", "http://127.0.0.1:5173",
            "http://[::1]:3000", "https://xn--bcher-kva.example", "https://a-b.example", "https://1a.example",
            "http://shop.example:443", "https://shop.example:80",
        ]
    )
    func good(text: String) { #expect(WebOrigin(header: text)?.text == text) }

    @Test(
        "that no browser writes are refused",
        arguments: [
            "", "null", "https://", "shop.example", "//shop.example", "https:shop.example", "HTTPS://shop.example",
            "https://Shop.example", "https://shop.example.", "https://shop.example:443", "http://shop.example:80",
            "https://shop.example:", "https://shop.example:0", "https://shop.example:080",
            "https://shop.example:65536", "https://shop.example:99999", "https://shop.example:8a",
            "https://user@shop.example", "https://u:p@shop.example", "https://shop.example/", "https://shop.example/a",
            "https://shop.example?x", "https://shop.example#x", "https://shop.example https://evil.example",
            "https://shop.example, https://shop.example", "https://shop.example,https://evil.example",
            " https://shop.example", "https://shop.example ", "https://shop.example\t", "https://shöp.example",
            "https://shop。example", "https://-shop.example", "https://shop-.example", "https://shop..example",
            "https://.shop.example", "https://*.example", "https://shop_1.example", "ftp://shop.example",
            "file://", "chrome-extension://abcdef", "https://127.1", "https://0x7f.0.0.1", "https://2130706433",
            "https://0177.0.0.1", "https://256.0.0.1", "https://1.2.3", "https://1.2.3.4.5", "https://a.0x1",
            "https://[::1", "https://[::2]", "https://[::ffff:127.0.0.1]", "https://[0:0:0:0:0:0:0:1]",
            "https://[::1]x", "https://shop.example\u{0}", "https://shop.example%2eevil.example",
        ]
    )
    func bad(text: String) { #expect(WebOrigin(header: text) == nil) }

    @Test("longer than any name are refused")
    func long() {
        #expect(WebOrigin(header: "https://" + String(repeating: "a", count: 64) + ".example") == nil)
        let name = Array(repeating: String(repeating: "a", count: 63), count: 5).joined(separator: ".")
        #expect(WebOrigin(header: "https://" + name) == nil)
    }

    @Test("are normalised when stored")
    func normalised() {
        for text in ["https://Shop.Example", "https://shop.example:443", "HTTPS://SHOP.EXAMPLE/"] {
            #expect(WebOrigin(configured: text)?.text == "https://shop.example")
        }
        for text in ["https://shop.example//", "https://shop.example/a", "https://shöp.example"] {
            #expect(WebOrigin(configured: text) == nil)
        }
    }

    @Test(
        "wildcards stand for one label, never on a public suffix",
        arguments: [
            ("https://*.example.com", true), ("https://*.shop.example.co.uk:8443", true), ("https://*.com", false),
            ("https://*.co.uk", false), ("https://*.github.io", false), ("https://*.vercel.app", false),
            ("https://*.localhost", false), ("http://*.example.com", false), ("https://a*.example.com", false),
            ("https://*.*.example.com", false), ("https://*", false), ("https://*.", false),
            ("https://*.1.2.3.4", false), ("https://a.*.example.com", false), ("*", false),
            ("https://*.eu-west-1.amazonaws.com", false), ("https://*.a.run.app", false),
            ("https://*.up.railway.app", false), ("https://*.uc.r.appspot.com", false), ("https://*.eu.org", false),
            ("https://*.westeurope.azurecontainerapps.io", false), ("https://*.azurefd.net", false),
            ("https://*.tokyo.jp", false), ("https://*.qc.ca", false), ("https://*.example.eu.org", true),
            ("https://*.kawasaki.jp", false), ("https://*.city.kawasaki.jp", true), ("https://*.xn--p1ai", false),
        ]
    )
    func wildcards(text: String, isGood: Bool) {
        #expect(((try? WebOriginRule(parsing: text)) != nil) == isGood)
    }

    @Test(
        "a wildcard allows exactly one label below its name",
        arguments: [
            ("https://a.example.com", true), ("https://example.com", false), ("https://a.b.example.com", false),
            ("https://aexample.com", false), ("https://a.example.com.evil.com", false),
            ("http://a.example.com", false), ("https://a.example.com:8443", false),
            ("https://evil-example.com", false),
        ]
    )
    func wildcardMatches(text: String, isAllowed: Bool) throws {
        let rule = try WebOriginRule(parsing: "https://*.example.com")
        #expect(rule.description == "https://*.example.com")
        #expect(rule.allows(try #require(WebOrigin(header: text))) == isAllowed)
    }
}

@Suite("Gateway requests")
struct GatewayRequestTests {
    private func problems(_ body: () throws -> some Any) -> [String] {
        do {
            _ = try body()
            return []
        } catch let error as DaypassError {
            return error.details.map(\.path)
        } catch {
            return ["?"]
        }
    }

    private func json(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

    @Test("a tenant is read whole, with every problem named")
    func tenant() throws {
        let tenant = try Tenant(
            json: try self.json(
                #"{"slug":"acme","hosts":["api.acme.example"],"upstream":"http://127.0.0.1:9/base/","modules":["m"],"#
                    + #""sessionMinutes":5,"routes":[{"methods":["GET"],"path":"/q/{id}","scope":"q:read"}]}"#
            )
        )
        #expect(tenant.upstream.text == "http://127.0.0.1:9/base")
        #expect(tenant.sessionLifetime == .seconds(300))
        #expect(tenant.basePath == "/api/v1")
        #expect(tenant.routes.first?.pattern.segments == [.literal("q"), .parameter])
        let bad = try self.json(
            #"{"slug":"acme","upstream":"ftp://x","hosts":["A.example"],"sessionMinutes":61,"colour":1,"routes":"#
                + #"[{"methods":["GET"],"path":"/q/{a}","scope":"s"},{"methods":["GET"],"path":"/q/{b}","scope":"s"},"#
                + #"{"methods":["FETCH"],"path":"q","scope":"S","x":1}]}"#
        )
        #expect(
            Set(self.problems { try Tenant(json: bad) }) == [
                "upstream", "hosts[0]", "sessionMinutes", "colour", "routes[1]", "routes[2].methods[0]",
                "routes[2].path", "routes[2].scope", "routes[2].x",
            ]
        )
    }

    @Test(
        "a key's channels fit its kind",
        arguments: [
            (#""kind":"secret","channels":"both""#, ["channels", "webOrigins"]),
            (#""kind":"secret""#, []), (#""kind":"publishable""#, ["webOrigins"]),
            (#""kind":"secret","webOrigins":["https://a.example"]"#, ["webOrigins"]),
            (#""channels":"server""#, ["channels"]),
            (#""webOrigins":["https://*.com"]"#, ["webOrigins[0]", "webOrigins"]),
            (#""channels":"both","webOrigins":["https://a.example"]"#, []),
        ]
    )
    func channels(fields: String, expected: [String]) throws {
        let body = try self.json(#"{"name":"x","scopes":["a"],\#(fields)}"#)
        #expect(self.problems { try NewAPIKey(json: body) } == expected)
    }

    @Test("a plan falls back to the standard limits")
    func plan() throws {
        let plan = try Plan(
            json: try self.json(#"{"name":"p","limits":[{"class":"reads","maximum":5,"per":"key"}]}"#)
        )
        let reads = try #require(PolicyName("exports"))
        #expect(plan.limits(of: reads, isSafe: true).map(\.maximum) == [5])
        #expect(plan.limits(of: .writes, isSafe: false).map(\.maximum) == [60, 6])
        // The standard plan as it is now, and what it had from the start where it is silent too.
        let changed = Plan(name: .standard, limits: [Limit(.writes, maximum: 900, per: .tenant)])
        #expect(plan.limits(of: .writes, isSafe: false, standard: changed).map(\.maximum) == [900])
        #expect(plan.limits(of: .sessions, isSafe: false, standard: changed).map(\.maximum) == [30, 3])
        #expect(self.problems { try Plan(json: try self.json(#"{"name":"p","limits":[{"class":"a"}]}"#)) }.count == 2)
    }

    @Test("every code has a status, and only 401 has a challenge")
    func codes() {
        for code in GatewayErrorCode.allCases {
            #expect((400...504).contains(code.httpStatus))
            #expect((code.challenge != nil) == (code.httpStatus == 401))
        }
        #expect(
            GatewayError(.apiKeyRequired).json.text.hasPrefix(#"{"error":{"code":"API_KEY_REQUIRED","message":"#)
        )
    }
}
