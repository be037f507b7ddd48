import Edge
import SessionModel
import Testing

@Suite("Pages of the edge")
struct PagesTests {
    private static let hostile = "<script>alert('1')</script>\"&\u{0}"

    private func requireSlug(_ text: String) throws -> Slug { try #require(Slug(text)) }

    private func record(
        status: SessionStatus = .connected,
        policy: SessionPolicy = SessionPolicy(),
        authMode: AuthMode = .none
    ) throws -> SessionRecord {
        SessionRecord(
            id: try #require(SessionID("sess_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6")),
            slug: try self.requireSlug("quiet-lime-4217"),
            port: 3000,
            authMode: authMode,
            basicCredentials: authMode == .basic ? BasicCredentials(password: "basicpw1") : nil,
            ownerTokenDigest: SecretDigest(of: "owner"),
            policy: policy,
            isPaused: status == .paused,
            creator: "local:127.0.0.1",
            createdAt: Timestamp(millisecondsSinceEpoch: 0),
            expiresAt: Timestamp(millisecondsSinceEpoch: 3_600_000),
            closedAt: status == .closed ? Timestamp(millisecondsSinceEpoch: 500) : nil
        )
    }

    private func model(
        _ record: SessionRecord,
        viewers: [ViewerSummary] = [],
        publicURL: String = "http://localhost:3002/s/quiet-lime-4217"
    ) -> RoomModel {
        RoomModel(
            record: record,
            publicURL: publicURL,
            viewers: viewers,
            tunnelConnections: 1,
            csrfToken: "csrf-token",
            now: Timestamp(millisecondsSinceEpoch: 1000)
        )
    }

    private func hostileViewer() -> ViewerSummary {
        ViewerSummary(
            id: "vw_\(Self.hostile)",
            label: Self.hostile,
            address: Self.hostile,
            userAgent: Self.hostile,
            firstSeen: Timestamp(millisecondsSinceEpoch: 0),
            lastSeen: Timestamp(millisecondsSinceEpoch: 900),
            requests: 3,
            bytes: 4,
            openStreams: 1
        )
    }

    /// What the policy forbids, and what would break the promise to load nothing from elsewhere.
    private func expectStrict(_ html: String) {
        #expect(html.hasPrefix("<!doctype html>\n<html lang=\"en\">"))
        #expect(!html.contains("<style") && !html.contains(" style="))
        #expect(!html.contains("javascript:") && !html.contains(" onclick=") && !html.contains(" onload="))
        #expect(html.contains("name=\"viewport\""))
        for part in html.split(separator: "<script").dropFirst() {
            #expect(part.hasPrefix(" src=\"/.wormkey/assets/"))
        }
        for part in html.split(separator: "<link").dropFirst() {
            #expect(part.contains("href=\"/.wormkey/assets/"))
        }
    }

    @Test("every refusal says what happened, what to do and under which id", arguments: ErrorCode.allCases)
    func refusal(code: ErrorCode) {
        let html = EdgePages.refusal(DaypassError(code), requestID: "req_1")
        self.expectStrict(html)
        #expect(html.contains("<span>\(code.httpStatus)</span>"))
        #expect(html.contains("<code>\(code.rawValue)</code>"))
        #expect(html.contains("<code>req_1</code>"))
        #expect(html.contains("<h1>"))
        #expect(!html.contains("<script"))
    }

    @Test("a refusal escapes its message and its request id, and names the wait")
    func refusalEscapes() {
        let html = EdgePages.refusal(
            DaypassError(.rateLimited, Self.hostile, retryAfterSeconds: 30),
            requestID: Self.hostile
        )
        #expect(!html.contains("<script"))
        #expect(!html.contains("\0"))
        #expect(html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;"))
        #expect(html.contains("Waiting 30 seconds is enough."))
    }

    @Test("waits are told in units people use", arguments: [(1, "one second"), (121, "3 minutes"), (7201, "3 hours")])
    func refusalWait(seconds: Int, words: String) {
        let html = EdgePages.refusal(DaypassError(.rateLimited, retryAfterSeconds: seconds), requestID: "r")
        #expect(html.contains("Waiting \(words) is enough."))
    }

    @Test("the password form posts, carries the way back, and says when the password was wrong")
    func passwordForm() throws {
        let slug = try self.requireSlug("quiet-lime-4217")
        let first = EdgePages.passwordForm(
            slug: slug,
            returnPath: "/s/x?a=\(Self.hostile)",
            failed: false,
            requestID: "r"
        )
        self.expectStrict(first)
        #expect(first.contains("<form method=\"post\" action=\"/.wormkey/unlock?slug=quiet-lime-4217\">"))
        #expect(first.contains("name=\"return\" value=\"/s/x?a=&lt;script&gt;"))
        #expect(first.contains("<label for=\"password\">"))
        #expect(!first.contains("role=\"alert\""))
        let second = EdgePages.passwordForm(slug: slug, returnPath: "/", failed: true, requestID: "r")
        #expect(second.contains("role=\"alert\""))
        #expect(second.contains("aria-invalid=\"true\""))
    }

    @Test(
        "the way back stays on this host",
        arguments: [
            ("/", "/"), ("/s/quiet-lime-4217/a%20b?c=d", "/s/quiet-lime-4217/a%20b?c=d"),
            ("//evil.example/", nil), ("/\\evil.example/", nil), ("https://evil.example/", nil), ("", nil),
            ("/a b", nil), ("/a\r\nSet-Cookie: x=y", nil), ("/\u{E9}", nil), ("/.wormkey/room", nil), ("/\t/evil", nil),
            ("/" + String(repeating: "a", count: 4096), nil),
        ] as [(String, String?)]
    )
    func safeReturnPath(path: String, expected: String?) throws {
        let slug = try self.requireSlug("quiet-lime-4217")
        #expect(EdgePages.safeReturnPath(path, slug: slug) == expected ?? "/s/quiet-lime-4217/")
    }

    @Test("the room escapes everything viewers and owners typed")
    func roomEscapes() throws {
        let policy = SessionPolicy(blockPaths: ["/\(Self.hostile)"])
        let html = EdgePages.room(
            self.model(try self.record(policy: policy), viewers: [self.hostileViewer()], publicURL: Self.hostile)
        )
        self.expectStrict(html)
        #expect(html.split(separator: "<script").count == 2)
        #expect(!html.contains("<script>"))
    }

    @Test("the room and its JSON carry no password")
    func roomHasNoSecrets() throws {
        let policy = SessionPolicy(password: "geheim-77")
        let model = self.model(try self.record(policy: policy, authMode: .basic))
        for text in [EdgePages.room(model), model.json] {
            #expect(!text.contains("geheim-77"))
            #expect(!text.contains("basicpw1"))
        }
        #expect(!model.json.contains("csrf-token"))
        #expect(EdgePages.room(model).contains("<meta name=\"daypass-csrf\" content=\"csrf-token\">"))
    }

    @Test("the room offers what its state allows")
    func roomButtons() throws {
        let open = EdgePages.room(self.model(try self.record()))
        #expect(open.contains("<button id=\"pause\" type=\"button\" class=\"button\" disabled>"))
        #expect(open.contains("<button id=\"resume\" type=\"button\" class=\"button\" disabled hidden>"))
        let paused = EdgePages.room(self.model(try self.record(status: .paused)))
        #expect(paused.contains("<button id=\"pause\" type=\"button\" class=\"button\" disabled hidden>"))
        #expect(paused.contains("data-status=\"paused\""))
        let closed = EdgePages.room(self.model(try self.record(status: .closed)))
        #expect(closed.contains("aria-labelledby=\"controls-title\" hidden>"))
    }

    @Test("the room's JSON is exact")
    func roomJSON() throws {
        let viewer = ViewerSummary(
            id: "vw_1",
            label: "A\"\\\n\u{1}<é",
            address: "127.0.0.1",
            userAgent: "",
            firstSeen: Timestamp(millisecondsSinceEpoch: 0),
            lastSeen: Timestamp(millisecondsSinceEpoch: 1),
            requests: 2,
            bytes: 3,
            openStreams: 4
        )
        let json = self.model(try self.record(policy: SessionPolicy(blockPaths: ["/a"])), viewers: [viewer]).json
        #expect(
            json == """
                {"slug":"quiet-lime-4217","publicUrl":"http://localhost:3002/s/quiet-lime-4217","status":"connected",\
                "expiresAt":"1970-01-01T01:00:00.000Z","now":"1970-01-01T00:00:01.000Z","authMode":"none",\
                "public":true,"maxConcurrentViewers":20,"blockPaths":["/a"],"hasPassword":false,\
                "tunnelConnections":1,"removedViewers":0,"viewers":[{"id":"vw_1",\
                "label":"A\\"\\\\\\n\\u0001\\u003cé","address":"127.0.0.1","userAgent":"",\
                "firstSeen":"1970-01-01T00:00:00.000Z","lastSeen":"1970-01-01T00:00:00.001Z","requests":2,\
                "bytes":3,"openStreams":4}]}
                """
        )
    }

    @Test("assets exist under their published names only")
    func assets() throws {
        #expect(try #require(EdgePages.asset(named: "daypass.css")).contentType == "text/css; charset=utf-8")
        #expect(try #require(EdgePages.asset(named: "room.js")).body.contains("X-Daypass-CSRF"))
        #expect(try #require(EdgePages.asset(named: "overlay.js")).body.hasPrefix("//"))
        #expect(try #require(EdgePages.asset(named: "daypass.svg")).contentType == "image/svg+xml")
        #expect(EdgePages.asset(named: "../daypass.css") == nil)
        #expect(!EdgePages.contentSecurityPolicy.contains("unsafe"))
    }
}
