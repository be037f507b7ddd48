import SessionModel
import Testing

@Suite("Requests")
struct RequestTests {
    private static let week = Duration.seconds(7 * 86_400)

    private func newSession(_ text: String?) throws -> NewSession {
        try NewSession(json: text.map { try JSONParser.parse(Array($0.utf8)) }, maximumLifetime: Self.week)
    }

    private func policy(_ text: String) throws -> PolicyUpdate {
        try PolicyUpdate(json: JSONParser.parse(Array(text.utf8)))
    }

    /// The paths a refusal names, in order.
    private func problems(_ body: () throws -> some Any) -> [String] {
        do {
            _ = try body()
            return []
        } catch let error as DaypassError {
            #expect(error.code == .validationError)
            return error.details.map(\.path)
        } catch {
            Issue.record("unexpected error \(error)")
            return []
        }
    }

    @Test("a new session without fields has the reference page's defaults")
    func defaults() throws {
        for body in [nil, "{}"] {
            let request = try self.newSession(body)
            #expect(request == NewSession())
            #expect(request.port == 3000)
            #expect(request.authMode == .none)
            #expect(request.lifetime == .seconds(86_400))
            #expect(request.policy == SessionPolicy(isPublic: true, maxConcurrentViewers: 20))
        }
        // A server that allows less than a day gives what it allows.
        #expect(try NewSession(json: nil, maximumLifetime: .seconds(60)).lifetime == .seconds(60))
    }

    @Test("a new session takes every field")
    func allFields() throws {
        let request = try self.newSession(
            """
            {"port":8080,"authMode":"basic","expiresIn":"30m","slug":"my-app-1",
             "policy":{"public":false,"maxConcurrentViewers":5,"blockPaths":["/admin"],"password":"s3cret"}}
            """
        )
        let policy = SessionPolicy(
            isPublic: false,
            maxConcurrentViewers: 5,
            blockPaths: ["/admin"],
            password: "s3cret"
        )
        #expect(
            request
                == NewSession(
                    port: 8080,
                    authMode: .basic,
                    lifetime: .seconds(1800),
                    slug: Slug("my-app-1"),
                    policy: policy
                )
        )
    }

    @Test(
        "a field out of its bounds is named",
        arguments: [
            (#"{"port":0}"#, "port"), (#"{"port":65536}"#, "port"), (#"{"port":-1}"#, "port"),
            (#"{"port":3000.5}"#, "port"), (#"{"port":"3000"}"#, "port"), (#"{"port":null}"#, "port"),
            (#"{"port":true}"#, "port"), (#"{"port":[3000]}"#, "port"), (#"{"port":1e999}"#, "port"),
            (#"{"authMode":"digest"}"#, "authMode"), (#"{"authMode":"Basic"}"#, "authMode"),
            (#"{"authMode":""}"#, "authMode"),
            (#"{"authMode":1}"#, "authMode"), (#"{"expiresIn":60}"#, "expiresIn"),
            (#"{"expiresIn":"60"}"#, "expiresIn"),
            (#"{"expiresIn":"0s"}"#, "expiresIn"), (#"{"expiresIn":"8d"}"#, "expiresIn"),
            (#"{"expiresIn":"169h"}"#, "expiresIn"),
            (#"{"slug":"ab"}"#, "slug"), (#"{"slug":"Upper-case"}"#, "slug"), (#"{"slug":"a--b"}"#, "slug"),
            (#"{"slug":"-ab"}"#, "slug"), (#"{"slug":"a.b"}"#, "slug"), (#"{"slug":7}"#, "slug"),
            (#"{"policy":[]}"#, "policy"), (#"{"policy":{"public":1}}"#, "policy.public"),
            (#"{"policy":{"blockPaths":["/a","b"]}}"#, "policy.blockPaths[1]"), (#"{"policy":{"x":1}}"#, "policy.x"),
            (#"{"Port":1}"#, "Port"), (#"{"expires_in":"1h"}"#, "expires_in"),
        ]
    )
    func refusesField(body: String, path: String) {
        #expect(self.problems { try self.newSession(body) } == [path])
    }

    @Test("a body that is not an object is refused", arguments: ["[]", "1", "\"x\"", "null", "true"])
    func refusesOtherBodies(body: String) {
        #expect(self.problems { try self.newSession(body) } == [""])
        #expect(self.problems { try self.policy(body) } == [""])
    }

    @Test("all problems are reported at once")
    func reportsAll() {
        let problems = self.problems {
            try self.newSession(
                #"{"port":0,"authMode":"x","expiresIn":"y","slug":"Z","policy":{"public":0,"password":1,"q":1},"r":1}"#
            )
        }
        #expect(
            problems == [
                "port", "authMode", "expiresIn", "slug", "policy.public", "policy.password", "policy.q", "r",
            ]
        )
    }

    @Test("the report is bounded")
    func boundsReport() {
        let many = (0..<500).map { "\"x\($0)\":1" }.joined(separator: ",")
        #expect(self.problems { try self.policy("{\(many)}") }.count == RequestFields.maximumProblems)
        let long = String(repeating: "n", count: 5000)
        #expect(self.problems { try self.policy("{\"\(long)\":1}") } == [String(repeating: "n", count: 64)])
    }

    @Test(
        "a policy's bounds are inclusive",
        arguments: [
            (#"{"maxConcurrentViewers":0}"#, []), (#"{"maxConcurrentViewers":100000}"#, []),
            (#"{"maxConcurrentViewers":100001}"#, ["maxConcurrentViewers"]),
            (#"{"maxConcurrentViewers":-1}"#, ["maxConcurrentViewers"]),
            (#"{"maxConcurrentViewers":"5"}"#, ["maxConcurrentViewers"]), (#"{"public":"true"}"#, ["public"]),
            (#"{"public":null}"#, ["public"]), (#"{"blockPaths":"/admin"}"#, ["blockPaths"]),
            (#"{"blockPaths":[]}"#, []), (#"{"blockPaths":["/"]}"#, []),
            (#"{"blockPaths":["","admin","/ok",1]}"#, ["blockPaths[0]", "blockPaths[1]", "blockPaths[3]"]),
            (#"{"password":""}"#, []), (#"{"password":7}"#, ["password"]),
        ]
    )
    func policyBounds(body: String, expected: [String]) {
        #expect(self.problems { try self.policy(body) } == expected)
    }

    @Test("lengths are counted in characters, not bytes")
    func policyLengths() {
        func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }
        #expect(self.problems { try self.policy("{\"password\":\"\(repeated("ü", 256))\"}") } == [])
        #expect(self.problems { try self.policy("{\"password\":\"\(repeated("ü", 257))\"}") } == ["password"])
        #expect(self.problems { try self.policy("{\"blockPaths\":[\"/\(repeated("a", 2047))\"]}") } == [])
        #expect(
            self.problems { try self.policy("{\"blockPaths\":[\"/\(repeated("a", 2048))\"]}") } == ["blockPaths[0]"]
        )
        #expect(self.problems { try self.policy("{\"blockPaths\":[\(repeated("\"/a\",", 199))\"/a\"]}") } == [])
        #expect(
            self.problems { try self.policy("{\"blockPaths\":[\(repeated("\"/a\",", 200))\"/a\"]}") } == ["blockPaths"]
        )
    }

    @Test("absent fields of an update stay as they are")
    func partialUpdate() throws {
        let before = SessionPolicy(isPublic: false, maxConcurrentViewers: 3, blockPaths: ["/x"], password: "p")
        #expect(try self.policy("{}").applied(to: before) == before)
        #expect(try self.policy(#"{"password":""}"#).applied(to: before).password == "")
        #expect(try self.policy(#"{"maxConcurrentViewers":10}"#).applied(to: before).blockPaths == ["/x"])
    }

    @Test(
        "lifetimes have one form",
        arguments: [
            ("1s", 1), ("59s", 59), ("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("999999999s", 999_999_999),
            ("", nil), ("0s", nil), ("01m", nil), ("m", nil), ("30", nil), ("30M", nil), ("30 m", nil), (" 30m", nil),
            ("30m ", nil), ("+30m", nil), ("-30m", nil), ("1.5h", nil), ("1h30m", nil), ("1w", nil),
            ("1000000000s", nil),
            ("٣m", nil), ("3m\u{301}", nil), ("1e3s", nil), ("99999999999999999999s", nil),
        ] as [(String, Int?)]
    )
    func lifetimes(text: String, seconds: Int?) {
        #expect(SessionLifetime.parse(text) == seconds.map { .seconds($0) })
    }

    @Test("a lifetime may be as long as the server allows, and not longer")
    func longestLifetime() {
        #expect(SessionLifetime.read("7d", maximum: Self.week) == .success(Self.week))
        guard case .failure(let problem) = SessionLifetime.read("604801s", maximum: Self.week) else {
            Issue.record("a second more than a week was accepted")
            return
        }
        #expect(problem.message == "must be at most 7d")
        #expect(SessionLifetime.text(.seconds(5400)) == "90m")
    }

    @Test("a kick names a viewer")
    func kick() throws {
        func read(_ text: String) throws -> KickRequest { try KickRequest(json: JSONParser.parse(Array(text.utf8))) }
        #expect(try read(#"{"viewerId":"vw_Ab-9_"}"#).viewerID == "vw_Ab-9_")
        #expect(self.problems { try KickRequest(json: nil) } == ["viewerId"])
        for text in [
            #"{"viewerId":""}"#, #"{"viewerId":"vw_"}"#, #"{"viewerId":"xx_1"}"#, #"{"viewerId":"vw_ 1"}"#,
            #"{"viewerId":1}"#,
        ] {
            #expect(self.problems { try read(text) } == ["viewerId"])
        }
    }

    @Test("an access token needs a label and scopes")
    func accessToken() throws {
        func read(_ text: String) throws -> NewAccessToken {
            try NewAccessToken(json: JSONParser.parse(Array(text.utf8)))
        }
        let token = try read(#"{"label":"ci","scopes":["sessions:create","sessions:create"],"expiresIn":"30d"}"#)
        #expect(token.scopes == [.create])
        #expect(token.lifetime == .seconds(30 * 86_400))
        #expect(self.problems { try NewAccessToken(json: nil) } == ["label", "scopes"])
        #expect(self.problems { try read(#"{"label":"","scopes":[]}"#) } == ["label", "scopes"])
        #expect(self.problems { try read(#"{"label":"x","scopes":["all"]}"#) } == ["scopes[0]"])
        #expect(
            self.problems { try read(#"{"label":"x","scopes":["sessions:read"],"expiresIn":"4000d"}"#) } == [
                "expiresIn"
            ]
        )
    }

    @Test("a call without fields takes none")
    func empty() throws {
        #expect(throws: Never.self) { try EmptyRequest(json: nil) }
        #expect(throws: Never.self) { try EmptyRequest(json: .object([])) }
        #expect(self.problems { try EmptyRequest(json: ["force": true]) } == ["force"])
    }
}
