import AccessControl
import ControlAPI
import SessionModel
import SessionStore
import Testing

@Suite("Who may call")
struct WhoMayCallTests {
    /// One call without credential that is not what it seems.
    struct Attack: Sendable, CustomTestStringConvertible {
        var name: String
        var host: String? = "127.0.0.1:3001"
        var peer: String? = "127.0.0.1"
        var fields: [(name: String, value: String)] = []
        var status: Int

        var testDescription: String { self.name }
    }

    private static let attacks = [
        Attack(name: "a rebinding name", host: "evil.example:3001", status: 421),
        Attack(name: "a rebinding name that begins like ours", host: "localhost.evil.example", status: 421),
        Attack(name: "a rebinding name that looks like an address", host: "127.0.0.1.evil.example:3001", status: 421),
        Attack(name: "the machine's address in the network", host: "192.168.1.5:3001", status: 421),
        Attack(name: "an address that is not written plainly", host: "0177.0.0.1:3001", status: 421),
        Attack(name: "a user before the host", host: "localhost@evil.example", status: 421),
        Attack(name: "no host", host: nil, status: 421),
        Attack(name: "an empty host", host: "", status: 421),
        Attack(name: "a second host", fields: [("host", "localhost:3001")], status: 421),
        Attack(name: "a page", fields: [("origin", "https://evil.example")], status: 403),
        Attack(name: "the local app's own page", fields: [("origin", "http://localhost:3000")], status: 403),
        Attack(name: "a sandboxed page", fields: [("origin", "null")], status: 403),
        Attack(
            name: "two origins",
            fields: [("origin", "http://127.0.0.1:3001"), ("origin", "https://evil.example")],
            status: 403
        ),
        Attack(name: "another name of this listener", fields: [("origin", "http://localhost:3001")], status: 403),
        Attack(name: "another scheme", fields: [("origin", "https://127.0.0.1:3001")], status: 403),
        Attack(name: "an image in a page", fields: [("sec-fetch-site", "cross-site")], status: 403),
        Attack(name: "a page on another port", fields: [("sec-fetch-site", "same-site")], status: 403),
        Attack(name: "another machine", peer: "192.168.1.7", status: 401),
        Attack(name: "another machine, IPv6", peer: "2001:db8::1", status: 401),
        Attack(name: "a mapped address", peer: "::ffff:192.168.1.7", status: 401),
        Attack(name: "an unknown peer", peer: nil, status: 401),
        Attack(name: "a proxy here", fields: [("x-forwarded-for", "203.0.113.9")], status: 401),
        Attack(name: "a proxy that says it is local", fields: [("x-forwarded-for", "127.0.0.1")], status: 401),
        Attack(name: "a proxy naming the host", fields: [("x-forwarded-host", "localhost")], status: 401),
        Attack(name: "a standard proxy", fields: [("forwarded", "for=203.0.113.9")], status: 401),
        Attack(name: "a gateway", fields: [("via", "1.1 proxy")], status: 401),
        Attack(name: "nginx", fields: [("x-real-ip", "203.0.113.9")], status: 401),
    ]

    @Test("local mode refuses whoever is not a program on this machine", arguments: attacks)
    func refusesAttack(attack: Attack) async throws {
        let api = try ControlHarness()
        #expect(api.configuration.access == .local)
        let created = try await api.makeSession()
        for (method, target) in [
            ("POST", "/sessions"), ("GET", "/sessions"), ("GET", "/audit"), ("GET", "/metrics"),
            ("GET", "/sessions/\(created.record.id)"), ("HEAD", "/sessions/\(created.record.id)"),
            ("POST", "/sessions/by-slug/\(created.record.slug)/policy"),
            ("POST", "/sessions/by-slug/\(created.record.slug)/close"), ("DELETE", "/sessions/\(created.record.id)"),
        ] {
            let answer = try await api.call(
                method,
                target,
                host: attack.host,
                peer: attack.peer,
                fields: attack.fields
            )
            #expect(answer.status == attack.status, "\(method) \(target)")
            #expect(!answer.body.contains(created.record.slug.rawValue))
        }
        #expect(try await api.sessions.sessions(after: nil, limit: 10) == [created.record])
    }

    @Test(
        "local mode serves programs on this machine",
        arguments: [
            ("127.0.0.1:3001", "127.0.0.1", []), ("localhost:3001", "127.0.0.1", []), ("LOCALHOST", "::1", []),
            ("[::1]:3001", "::1", []), ("daypass.localhost:3001", "127.0.0.1", []), ("127.0.0.2", "127.9.9.9", []),
            ("localhost:3001", "::ffff:127.0.0.1", []),
            ("127.0.0.1:3001", "127.0.0.1", [("origin", "http://127.0.0.1:3001")]),
            ("127.0.0.1:3001", "127.0.0.1", [("sec-fetch-site", "none")]),
        ] as [(String, String, [(name: String, value: String)])]
    )
    func servesLocalPrograms(host: String, peer: String, fields: [(name: String, value: String)]) async throws {
        let api = try ControlHarness()
        #expect(try await api.call("POST", "/sessions", host: host, peer: peer, fields: fields).status == 201)
        #expect(try await api.call("GET", "/sessions", host: host, peer: peer, fields: fields).status == 200)
    }

    @Test("forms and other simple content types are refused, with a body or without")
    func refusesForms() async throws {
        let api = try ControlHarness()
        let created = try await api.makeSession()
        let closing = "/sessions/by-slug/\(created.record.slug)/close"
        for type in [
            "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "application/jsonx",
            "text/json", "application/json, text/plain", "application/json; charset=latin1", "",
        ] {
            let type = (name: "content-type", value: type)
            #expect(try await api.call("POST", closing, fields: [type]).status == 415)
            #expect(try await api.call("POST", closing, body: "{}", fields: [type]).status == 415)
            #expect(try await api.call("DELETE", "/sessions/\(created.record.id)", fields: [type]).status == 415)
        }
        #expect(try await api.sessions.session(id: created.record.id).closedAt == nil)
        let json = (name: "content-type", value: "Application/JSON; charset=UTF-8")
        #expect(try await api.call("POST", closing, body: "{}", fields: [json]).status == 200)
    }

    @Test("required mode refuses every call about sessions without a credential, from anywhere")
    func requiredMode() async throws {
        let api = try ControlHarness(
            publicURL: "https://daypass.example",
            wallets: FakeWallets(clock: ManualClock())
        )
        #expect(api.configuration.access == .required)
        let created = try await api.makeSession()
        for peer in ["127.0.0.1", "203.0.113.9"] {
            for operation in ControlOperation.allCases {
                let path = operation.path.replacing("{sessionId}", with: created.record.id.rawValue)
                    .replacing("{slug}", with: created.record.slug.rawValue).replacing("{id}", with: "tok_1")
                let answer = try await api.call(operation.method.rawValue, path, peer: peer)
                switch operation.audience {
                case .anyone: #expect(answer.status == 200)
                case .session:
                    #expect(answer.status == 200)
                    #expect(try answer.json().names == ["slug", "publicUrl", "status", "expiresAt"])
                case .metrics: #expect(answer.status == (peer == "127.0.0.1" ? 200 : 401))
                case .creators, .readers, .owner, .admin:
                    #expect(answer.status == 401)
                    #expect(answer.fields["WWW-Authenticate"] == "Bearer realm=\"daypass\"")
                    #expect(answer.code == "unauthorized")
                case .organization: #expect(answer.number == 40_100)
                }
            }
        }
        #expect(try await api.sessions.session(id: created.record.id) == created.record)
    }

    @Test("open mode serves anybody but pages of other origins, and no tokens")
    func openMode() async throws {
        let api = try ControlHarness(access: .open, publicURL: "https://daypass.example")
        for host in ["daypass.example", "203.0.113.1:3001", "[2001:db8::1]:3001", "control:3001", "localhost"] {
            #expect(try await api.call("POST", "/sessions", host: host, peer: "203.0.113.9").status == 201)
        }
        #expect(try await api.call("GET", "/sessions", host: "evil.example:3001", peer: "203.0.113.9").status == 421)
        let page = [(name: "origin", value: "https://evil.example")]
        #expect(try await api.call("POST", "/sessions", host: "daypass.example", fields: page).status == 403)
        #expect(try await api.call("GET", "/tokens", host: "daypass.example").status == 401)
        let own = [(name: "origin", value: "https://daypass.example")]
        #expect(try await api.call("GET", "/sessions", host: "daypass.example", fields: own).status == 200)
    }

    @Test("a credential is judged by itself, wherever the call comes from")
    func credentialFromAnywhere() async throws {
        let api = try ControlHarness()
        let created = try await api.makeSession()
        let token = SessionToken(slug: created.record.slug, ownerToken: created.ownerToken).text
        let proxied = [(name: "x-forwarded-for", value: "203.0.113.9")]
        for secret in [created.ownerToken, token, ControlHarness.adminToken] {
            let answer = try await api.call(
                "POST",
                "/sessions/by-slug/\(created.record.slug)/pause",
                token: secret,
                host: "control.example",
                peer: "203.0.113.7",
                fields: proxied
            )
            #expect(answer.status == 200)
        }
    }

    @Test("only the owner, or somebody who may read, sees all of a session")
    func limitedView() async throws {
        let api = try ControlHarness(access: .required)
        let created = try await api.makeSession(NewSession(authMode: .basic))
        let other = try await api.makeSession()
        let target = "/sessions/\(created.record.id)"
        func names(_ token: String?) async throws -> Int {
            try await api.call("GET", target, token: token).json().names.count
        }
        #expect(try await names(nil) == 4)
        #expect(try await names(created.ownerToken) == 17)
        #expect(try await names(ControlHarness.adminToken) == 17)
        #expect(try await names(api.makeToken([.read]).secret) == 17)
        #expect(try await names(api.makeToken([.create]).secret) == 4)
        // Another session's tokens: the owner token is wrong here, the session token is right elsewhere.
        #expect(try await api.call("GET", target, token: other.ownerToken).status == 401)
        let elsewhere = SessionToken(slug: other.record.slug, ownerToken: other.ownerToken).text
        #expect(try await api.call("GET", target, token: elsewhere).status == 403)
    }
}
