import AccessControl
import SessionModel
import Testing

@Suite("Session tokens")
struct SessionTokenTests {
    private func post(
        _ fixture: GatewayFixture,
        _ token: String,
        at time: Timestamp? = nil,
        path: String = "/api/v1/quotes"
    ) throws -> GatewayVerdict {
        var state = fixture.state
        return try fixture.decide(try fixture.request("POST", path, token: token), &state, at: time)
    }

    @Test("open writes until they end, and can be renewed for ten minutes more")
    func lifetime() throws {
        let fixture = try GatewayFixture()
        let claims = try fixture.claims(at: fixture.now)
        let token = GatewayFixture.token(claims)
        #expect(try self.post(fixture, token).refusal == nil)
        #expect(try self.post(fixture, token, at: fixture.now + .seconds(3599)).refusal == nil)
        #expect(try self.post(fixture, token, at: fixture.now + .seconds(3600)).refusal?.code == .sessionExpired)
        let path = "/api/v1/sessions"
        let origin = try #require(WebOrigin(header: GatewayFixture.origin))
        for seconds in [0, 3600, 4199] {
            let verdict = try self.post(fixture, token, at: fixture.now + .seconds(seconds), path: path)
            #expect(verdict.outcome == .mint(webOrigin: origin, renewing: claims.session))
        }
        #expect(
            try self.post(fixture, token, at: fixture.now + .seconds(4200), path: path).refusal?.code == .sessionExpired
        )
    }

    @Test("of another key, web origin, tenant, issuer, type or time are refused")
    func foreign() throws {
        let fixture = try GatewayFixture()
        let good = try fixture.claims(at: fixture.now)
        let changes: [(inout SessionClaims) throws -> Void] = [
            { $0.key = try fixture.id("both") },
            { $0.webOrigin = try #require(WebOrigin(header: "https://other.example")) },
            { $0.tenant = try #require(Slug("other")) }, { $0.issuer = "https://evil.example" }, { $0.audience = "x" },
            { $0.notBefore += 60 }, { $0.issuedAt += 60 }, { $0.expiresAt += 60 }, { $0.issuedAt -= 1 },
        ]
        for change in changes {
            var claims = good
            try change(&claims)
            #expect(try self.post(fixture, GatewayFixture.token(claims)).refusal?.code == .sessionInvalid)
        }
        #expect(try self.post(fixture, GatewayFixture.token(good, signature: 8)).refusal?.code == .sessionInvalid)
    }

    @Test(
        "with a hostile header never reach the signature",
        arguments: [
            #"{"alg":"none","typ":"daypass-session+jwt","kid":"k1"}"#,
            #"{"alg":"HS256","typ":"daypass-session+jwt","kid":"k1"}"#,
            #"{"alg":"eddsa","typ":"daypass-session+jwt","kid":"k1"}"#,
            #"{"alg":"EdDSA","typ":"JWT","kid":"k1"}"#, #"{"alg":"EdDSA","kid":"k1"}"#,
            #"{"alg":"EdDSA","typ":"daypass-session+jwt"}"#,
            #"{"alg":"EdDSA","typ":"daypass-session+jwt","kid":"k2"}"#,
            #"{"alg":"EdDSA","typ":"daypass-session+jwt","kid":"../k1"}"#,
            #"{"alg":"EdDSA","typ":"daypass-session+jwt","kid":""}"#,
            #"{"alg":"EdDSA","typ":"daypass-session+jwt","kid":null}"#,
            #"{"alg":"EdDSA","typ":"daypass-session+jwt","kid":"k1","jwk":{}}"#,
            #"{"alg":"EdDSA","typ":"daypass-session+jwt","kid":"k1","jku":"https://evil.example"}"#,
            #"{"alg":"EdDSA","typ":"daypass-session+jwt","kid":"k1","x5u":"https://evil.example"}"#,
            #"{"alg":"EdDSA","typ":"daypass-session+jwt","kid":"k1","x5c":[]}"#,
            #"{"alg":"EdDSA","typ":"daypass-session+jwt","kid":"k1","crit":["exp"]}"#,
            #"{"alg":"EdDSA","alg":"none","typ":"daypass-session+jwt"}"#, "[]", "", "{",
        ]
    )
    func header(text: String) throws {
        let fixture = try GatewayFixture()
        let good = GatewayFixture.token(try fixture.claims(at: fixture.now)).split(separator: ".")
        #expect(UnverifiedToken(parsing: Array(good.joined(separator: ".").utf8), keyIDs: ["k1"]) != nil)
        let token = "\(GatewayFixture.encoded(Array(text.utf8))).\(good[1]).\(good[2])"
        #expect(UnverifiedToken(parsing: Array(token.utf8), keyIDs: ["k1"]) == nil)
        #expect(try self.post(fixture, token).refusal?.code == .sessionInvalid)
    }

    @Test("that are malformed or oversized are refused")
    func malformed() throws {
        let fixture = try GatewayFixture()
        let good = GatewayFixture.token(try fixture.claims(at: fixture.now))
        let parts = good.split(separator: ".")
        for token in [
            ".", "..", "a.b", "a.b.c", good + ".x", good + "=", String(good.dropLast()), "\(parts[0]).\(parts[1]).",
            "\(parts[0])..\(parts[2])", good.replacing(".", with: "+."), String(repeating: "a", count: 3000), "\u{e9}",
        ] {
            #expect(try self.post(fixture, token).refusal?.code == .sessionInvalid)
        }
        #expect(try self.post(fixture, "").refusal?.code == .sessionRequired)
    }

    @Test("claims must all be there")
    func missing() throws {
        let claims = try GatewayFixture().claims(at: Fixture.start)
        guard case .object(let members) = claims.json else { return }
        #expect(SessionClaims(payload: Array(claims.json.text.utf8)) == claims)
        for member in members {
            let rest = JSONValue.object(members.filter { $0.name != member.name })
            #expect(SessionClaims(payload: Array(rest.text.utf8)) == nil)
        }
    }

    @Test("of revoked sessions are refused, and of sessions older than the key's mark")
    func revoked() throws {
        var fixture = try GatewayFixture()
        let claims = try fixture.claims(at: fixture.now)
        let request = try fixture.request("POST", token: GatewayFixture.token(claims))
        var state = fixture.state
        #expect(try fixture.decide(request, &state).refusal == nil)
        let isKept = state.revoked.revoke(claims.session, now: fixture.now)
        #expect(isKept)
        #expect(try fixture.decide(request, &state).refusal?.code == .sessionInvalid)
        fixture.keys[0].sessionsNotBefore = fixture.now + .seconds(1)
        var fresh = fixture.state
        #expect(try fixture.decide(request, &fresh).refusal?.code == .sessionInvalid)
    }
}
