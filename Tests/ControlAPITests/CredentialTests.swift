import AccessControl
import ControlAPI
import SessionModel
import SessionStore
import Testing

@Suite("Credentials")
struct CredentialTests {
    /// What each kind of credential is answered by each kind of call, in required mode.
    private static let answers: [(credential: String, create: Int, list: Int, change: Int, tokens: Int)] = [
        ("admin", 201, 200, 200, 200), ("create", 201, 403, 403, 403), ("read", 403, 200, 403, 403),
        ("manage", 201, 200, 200, 403), ("creator", 201, 403, 200, 403), ("owner", 401, 401, 200, 401),
        ("session", 403, 403, 200, 403), ("other owner", 401, 401, 401, 401), ("other session", 403, 403, 403, 403),
        ("wrong session", 401, 401, 401, 401), ("expired", 401, 401, 401, 401), ("revoked", 401, 401, 401, 401),
        ("made up", 401, 401, 401, 401), ("short", 401, 401, 401, 401),
    ]

    @Test("every credential opens what it should and nothing else", arguments: answers)
    func opens(credential: String, create: Int, list: Int, change: Int, tokens: Int) async throws {
        let api = try ControlHarness(access: .required)
        let creator = try await api.makeToken([.create])
        let mine = try await api.makeSession(creator: creator.record.id)
        let other = try await api.makeSession()
        let secret: String
        switch credential {
        case "admin": secret = ControlHarness.adminToken
        case "create": secret = try await api.makeToken([.create]).secret
        case "read": secret = try await api.makeToken([.read]).secret
        case "manage": secret = try await api.makeToken([.manage]).secret
        case "creator": secret = creator.secret
        case "owner": secret = mine.ownerToken
        case "session": secret = SessionToken(slug: mine.record.slug, ownerToken: mine.ownerToken).text
        case "other owner": secret = other.ownerToken
        case "other session": secret = SessionToken(slug: other.record.slug, ownerToken: other.ownerToken).text
        case "wrong session": secret = SessionToken(slug: mine.record.slug, ownerToken: other.ownerToken).text
        case "expired":
            secret = try await api.makeToken([.manage], lifetime: .seconds(60)).secret
            api.clock.advance(by: .seconds(60))
        case "revoked":
            let token = try await api.makeToken([.manage])
            _ = try await api.tokens.revoke(id: token.record.id, by: .system)
            secret = token.secret
        case "made up": secret = "dp_" + String(repeating: "a", count: 40)
        default: secret = "x"
        }
        let policy = "/sessions/by-slug/\(mine.record.slug)/policy"
        #expect(try await api.call("POST", "/sessions", token: secret).status == create)
        #expect(try await api.call("GET", "/sessions", token: secret).status == list)
        #expect(try await api.call("GET", "/audit", token: secret).status == list)
        #expect(try await api.call("GET", "/metrics", token: secret, peer: "203.0.113.9").status == list)
        #expect(try await api.call("POST", policy, body: #"{"public":false}"#, token: secret).status == change)
        #expect(try await api.sessions.session(id: mine.record.id).policy.isPublic == (change != 200))
        #expect(try await api.call("GET", "/tokens", token: secret).status == tokens)
    }

    @Test(
        "a malformed or wrong credential is refused even where none is needed",
        arguments: [
            "Basic d29ybTp4", "Bearer", "Bearer ", "Bearer a b", "bearer\u{7F}x", "x", "Bearer \u{e9}", "Bearer wrong",
        ]
    )
    func malformed(value: String) async throws {
        let api = try ControlHarness()
        let answer = try await api.call("POST", "/sessions", fields: [("authorization", value)])
        #expect(answer.status == 401)
        #expect(!answer.body.contains("wrong"))
        #expect(try await api.sessions.sessions(after: nil, limit: 1).isEmpty)
    }

    @Test("two credentials are refused, even when both are right")
    func two() async throws {
        let api = try ControlHarness()
        let value = "Bearer \(ControlHarness.adminToken)"
        let fields = [(name: "authorization", value: value), (name: "authorization", value: value)]
        #expect(try await api.call("GET", "/sessions", fields: fields).status == 401)
    }

    @Test("failed attempts are limited by address, for right credentials too, and only for a while")
    func limitsFailures() async throws {
        let api = try ControlHarness(access: .required) { $0.failedAttemptLimit = 5 }
        func list(_ token: String, from peer: String) async throws -> ControlAnswer {
            try await api.call("GET", "/sessions", token: token, peer: peer)
        }
        for _ in 0..<5 { #expect(try await list("wrong", from: "203.0.113.9").status == 401) }
        let refused = try await list("wrong", from: "203.0.113.9")
        #expect(refused.status == 429)
        #expect(refused.code == "rate_limited")
        #expect(refused.fields["Retry-After"] == "60")
        #expect(try await list(ControlHarness.adminToken, from: "203.0.113.9").status == 429)
        #expect(try await list(ControlHarness.adminToken, from: "203.0.113.10").status == 200)
        // One IPv6 customer has a whole /64 to try from.
        for last in 1...5 { #expect(try await list("wrong", from: "2001:db8::\(last)").status == 401) }
        #expect(try await list("wrong", from: "2001:db8::ffff").status == 429)
        #expect(try await list("wrong", from: "2001:db8:0:1::1").status == 401)
        api.clock.advance(by: .seconds(61))
        #expect(try await list(ControlHarness.adminToken, from: "203.0.113.9").status == 200)
    }

    @Test("guessing slugs is limited like guessing tokens")
    func limitsSlugGuessing() async throws {
        let api = try ControlHarness(access: .required) { $0.failedAttemptLimit = 5 }
        for number in 0..<5 {
            let answer = try await api.call("GET", "/sessions/by-slug/quiet-lime-\(number)", peer: "203.0.113.9")
            #expect(answer.status == 404)
        }
        #expect(try await api.call("GET", "/sessions/by-slug/quiet-lime-6", peer: "203.0.113.9").status == 429)
        // Who is trusted may look for what is not there as often as they like.
        for number in 0..<20 {
            let target = "/sessions/by-slug/quiet-lime-\(number)"
            #expect(try await api.call("GET", target, token: ControlHarness.adminToken).status == 404)
        }
    }

    @Test("behind a trusted proxy the client is limited and audited, not the proxy")
    func trustedProxy() async throws {
        let range = try #require(AddressRange(parsing: "10.0.0.0/8"))
        let api = try ControlHarness(access: .required) { configuration in
            configuration.trustedProxies = [range]
            configuration.failedAttemptLimit = 1
        }
        func create(_ token: String, for client: String, peer: String) async throws -> Int {
            let fields = [(name: "x-forwarded-for", value: client)]
            return try await api.call("POST", "/sessions", token: token, peer: peer, fields: fields).status
        }
        #expect(try await create("wrong", for: "203.0.113.1", peer: "10.1.1.1") == 401)
        #expect(try await create(ControlHarness.adminToken, for: "203.0.113.1", peer: "10.1.1.1") == 429)
        #expect(try await create(ControlHarness.adminToken, for: "203.0.113.2", peer: "10.1.1.1") == 201)
        let event = try #require(try await api.sessions.auditEvents(of: nil, limit: 1).first)
        #expect(event.actor == Actor(name: "admin", address: "203.0.113.2"))
        // Somebody else's word is not believed.
        #expect(try await create("wrong", for: "203.0.113.2", peer: "198.51.100.1") == 401)
        #expect(try await create(ControlHarness.adminToken, for: "203.0.113.2", peer: "10.1.1.1") == 201)
    }

    @Test("changes are audited under the name of who made them")
    func audits() async throws {
        let api = try ControlHarness()
        let token = try await api.makeToken([.manage])
        let created = try await api.makeSession()
        let pause = "/sessions/by-slug/\(created.record.slug)/pause"
        let resume = "/sessions/by-slug/\(created.record.slug)/resume"
        try await api.call("POST", pause)
        try await api.call("POST", resume, token: token.secret)
        try await api.call("POST", pause, token: created.ownerToken)
        let events = try await api.call("GET", "/audit?session=\(created.record.id)&limit=3").json()["events"]
        #expect(events?.elements.compactMap { $0["actor"]?.string } == ["owner", "token:\(token.record.id)", "local"])
        #expect(events?.elements.allSatisfy { $0["address"] == "127.0.0.1" } == true)
    }
}
