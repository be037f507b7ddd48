import AccessControl
import ControlAPI
import Hummingbird
import SessionModel
import Testing

@Suite("The web console")
struct ConsoleTests {
    private static let form = ("content-type", "application/x-www-form-urlencoded")
    private static let own = ("x-daypass-console", "1")
    private static let admin = "token=\(ControlHarness.adminToken)"

    /// Signs in; answers the whole `Set-Cookie`.
    private func signIn(
        _ api: ControlHarness,
        peer: String = "127.0.0.1",
        fields: [(name: String, value: String)] = []
    ) async throws -> String {
        let answer = try await api.call(
            "POST",
            "/console/sign-in",
            body: Self.admin,
            peer: peer,
            fields: [Self.form, Self.own] + fields
        )
        #expect(answer.status == 200)
        return try #require(answer.fields["Set-Cookie"])
    }

    /// The field a browser sends after that.
    private func sent(_ cookie: String) -> (name: String, value: String) {
        ("cookie", String(cookie.prefix { $0 != ";" }))
    }

    private func status(_ api: ControlHarness, _ fields: [(name: String, value: String)]) async throws -> Int {
        try await api.call("GET", "/tokens", fields: fields).status
    }

    @Test("a session counts as the admin's credential, only with the field and from the own origin")
    func countsAsAdmin() async throws {
        let api = try ControlHarness()
        let cookie = self.sent(try await self.signIn(api))
        #expect(try await self.status(api, [cookie, Self.own]) == 200)
        #expect(try await self.status(api, [cookie, Self.own, ("origin", "http://127.0.0.1:3001")]) == 200)
        #expect(try await self.status(api, [cookie, Self.own, ("sec-fetch-site", "same-origin")]) == 200)
        #expect(try await self.status(api, [cookie]) == 401)
        #expect(try await self.status(api, [Self.own]) == 401)
        #expect(try await self.status(api, [cookie, Self.own, Self.own]) == 401)
        for foreign in [
            ("origin", "https://evil.example"), ("origin", "http://127.0.0.1:3000"), ("origin", "null"),
            ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("sec-fetch-site", "none"),
        ] {
            #expect(try await self.status(api, [cookie, Self.own, foreign]) == 403, "\(foreign)")
        }
    }

    @Test("an unknown session is refused also where no credential is needed")
    func isNotTakenForALocalProgram() async throws {
        let api = try ControlHarness(access: .local)
        #expect(try await api.call("GET", "/sessions").status == 200)
        let unknown = ("cookie", "daypass_console=" + String(repeating: "a", count: 31))
        #expect(try await api.call("GET", "/sessions", fields: [unknown, Self.own]).status == 401)
        #expect(try await api.call("GET", "/sessions", fields: [Self.own]).status == 401)
        // A page that is open when the server restarts asks often; that is no guessing.
        for _ in 0..<50 { _ = try await api.call("GET", "/sessions", fields: [unknown, Self.own]) }
        #expect(try await api.call("GET", "/tokens", token: ControlHarness.adminToken).status == 200)
    }

    @Test("a credential goes before the console's cookie")
    func credentialGoesFirst() async throws {
        let api = try ControlHarness()
        let cookie = self.sent(try await self.signIn(api))
        #expect(try await api.call("GET", "/tokens", token: "wrong", fields: [cookie, Self.own]).status == 401)
    }

    @Test(
        "names that a stranger can point here are refused",
        arguments: ["evil.example", "localhost.evil.example", ""]
    )
    func refusesForeignHosts(host: String) async throws {
        let api = try ControlHarness()
        let cookie = self.sent(try await self.signIn(api))
        for (method, target) in [
            ("GET", "/console"), ("GET", "/console/session"), ("GET", "/console/assets/app.js"), ("GET", "/tokens"),
        ] {
            let answer = try await api.call(method, target, host: host, fields: [cookie, Self.own])
            #expect(answer.status == 421, "\(target)")
        }
        let answer = try await api.call(
            "POST",
            "/console/sign-in",
            body: Self.admin,
            host: host,
            fields: [Self.form, Self.own]
        )
        #expect(answer.status == 421)
        #expect(answer.fields["Set-Cookie"] == nil)
    }

    @Test("it is served from other machines, at the public host and at addresses")
    func servesOtherMachines() async throws {
        let api = try ControlHarness(publicURL: "https://daypass.example")
        for host in ["daypass.example", "192.168.1.5:3001", "nas"] {
            #expect(try await api.call("GET", "/console", host: host, peer: "192.168.1.9").status == 200)
        }
    }

    @Test("a session ends after twelve hours")
    func ends() async throws {
        let api = try ControlHarness()
        let cookie = self.sent(try await self.signIn(api))
        api.clock.advance(by: .seconds(12 * 3600 - 1))
        #expect(try await self.status(api, [cookie, Self.own]) == 200)
        api.clock.advance(by: .seconds(1))
        #expect(try await self.status(api, [cookie, Self.own]) == 401)
    }

    @Test("signing out, and signing in again, ends the session before")
    func signsOut() async throws {
        let api = try ControlHarness()
        let first = self.sent(try await self.signIn(api))
        let second = self.sent(try await self.signIn(api, fields: [first]))
        #expect(try await self.status(api, [first, Self.own]) == 401)
        #expect(try await self.status(api, [second, Self.own]) == 200)
        // Another host under the same domain may have left a cookie of that name.
        let tossed = ("cookie", "daypass_console=\(String(repeating: "x", count: 31)); " + second.value)
        #expect(try await self.status(api, [tossed, Self.own]) == 200)
        let answer = try await api.call("POST", "/console/sign-out", fields: [second, Self.own])
        #expect(answer.fields["Set-Cookie"]?.contains("Max-Age=0") == true)
        #expect(try await self.status(api, [second, Self.own]) == 401)
    }

    @Test("there are a hundred sessions at most; the oldest goes")
    func isBounded() async throws {
        let api = try ControlHarness()
        var cookies: [(name: String, value: String)] = []
        for _ in 0..<101 {
            cookies.append(self.sent(try await self.signIn(api)))
            api.clock.advance(by: .seconds(1))
        }
        #expect(try await self.status(api, [cookies[0], Self.own]) == 401)
        #expect(try await self.status(api, [cookies[1], Self.own]) == 200)
        #expect(try await self.status(api, [cookies[100], Self.own]) == 200)
    }

    @Test("the cookie is for https only when the browser came by https")
    func marksTheCookie() async throws {
        let api = try ControlHarness(access: .required) { $0.trustedProxies = [AddressRange(parsing: "10.0.0.0/8")!] }
        let plain = try await self.signIn(api)
        #expect(plain.hasSuffix("; HttpOnly; SameSite=Strict"))
        let proxied = try await self.signIn(
            api,
            peer: "10.0.0.1",
            fields: [("x-forwarded-proto", "https"), ("x-forwarded-for", "203.0.113.5")]
        )
        #expect(proxied.hasSuffix("; HttpOnly; SameSite=Strict; Secure"))
        let claimed = try await self.signIn(api, peer: "192.168.1.9", fields: [("x-forwarded-proto", "https")])
        #expect(!claimed.contains("Secure"))
    }

    @Test("the token must be there once, as a form")
    func readsTheForm() async throws {
        let api = try ControlHarness()
        func status(_ body: String, _ type: String = "application/x-www-form-urlencoded") async throws -> Int {
            let fields = [("content-type", type), Self.own]
            return try await api.call("POST", "/console/sign-in", body: body, fields: fields).status
        }
        #expect(try await status("") == 401)
        #expect(try await status("token=") == 401)
        #expect(try await status("token=wrong") == 401)
        #expect(try await status(Self.admin + "&" + Self.admin) == 401)
        #expect(try await status("token=%61dmin" + ControlHarness.adminToken.dropFirst(5)) == 200)
        #expect(try await status(Self.admin, "application/json") == 415)
        #expect(try await status("token=" + String(repeating: "x", count: 2043)) == 413)
    }

    @Test("guesses are counted with all other failed attempts")
    func limitsGuesses() async throws {
        let api = try ControlHarness { $0.failedAttemptLimit = 3 }
        for _ in 0..<3 {
            let answer = try await api.call(
                "POST",
                "/console/sign-in",
                body: "token=wrong",
                fields: [Self.form, Self.own]
            )
            #expect(answer.status == 401)
        }
        let answer = try await api.call("POST", "/console/sign-in", body: Self.admin, fields: [Self.form, Self.own])
        #expect(answer.status == 429)
        #expect(answer.fields["Retry-After"] != nil)
        #expect(try await api.call("GET", "/tokens", token: ControlHarness.adminToken).status == 429)
        api.clock.advance(by: .seconds(61))
        _ = try await self.signIn(api)
    }

    @Test("without an admin token nobody can sign in")
    func needsAnAdminToken() async throws {
        let api = try ControlHarness { $0.adminTokenDigest = nil }
        let answer = try await api.call("POST", "/console/sign-in", body: "token=x", fields: [Self.form, Self.own])
        #expect(answer.status == 403)
    }

    @Test("every file forbids what it does not need, and every import is there")
    func servesFiles() async throws {
        let api = try ControlHarness()
        var known = [
            "/console", "/console/", "/console/keys/key_abc", "/console/assets/console.css", "/console/assets/icon.svg",
        ]
        var modules = ["app.js"]
        var seen: Set<String> = []
        while let module = modules.popLast() {
            guard seen.insert(module).inserted else { continue }
            let path = "/console/assets/\(module)"
            known.append(path)
            let text = try await api.call("GET", path).body
            #expect(!text.contains("innerHTML"))
            #expect(!text.contains("eval("))
            for line in text.split(separator: "\n") where line.contains("from \"./") {
                let name = line.split(separator: "\"")[1].dropFirst(2)
                modules.append(String(name))
            }
        }
        #expect(seen.count == 15)
        for path in known {
            let answer = try await api.call("GET", path)
            #expect(answer.status == 200, "\(path)")
            #expect(
                answer.fields["Content-Security-Policy"]?.hasPrefix("default-src 'none'; script-src 'self'") == true
            )
            #expect(answer.fields["Cache-Control"] == "no-cache")
            let etag = try #require(answer.fields["ETag"])
            let again = try await api.call("GET", path, fields: [("if-none-match", "\"other\", \(etag)")])
            #expect(again.status == 304)
            #expect(again.body.isEmpty)
        }
        for path in [
            "/console/nothing", "/console/assets", "/console/assets/", "/console/assets/a/app.js", "/consoles",
        ] {
            #expect(try await api.call("GET", path).status == 404, "\(path)")
        }
    }
}
