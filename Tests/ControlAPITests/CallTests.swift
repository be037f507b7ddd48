import ControlAPI
import SessionModel
import SessionStore
import Testing

@Suite("What the calls do")
struct CallTests {
    @Test("pause, resume and close say the state they lead to, and may be repeated")
    func pauseResumeClose() async throws {
        let api = try ControlHarness()
        let created = try await api.makeSession()
        let session = "/sessions/by-slug/\(created.record.slug)"
        for (action, status) in [("pause", "paused"), ("resume", "waiting"), ("close", "closed")] {
            for body in [nil, "{}"] {
                let answer = try await api.call("POST", "\(session)/\(action)", body: body)
                #expect(answer.status == 200)
                #expect(answer.body == "{\"ok\":true,\"status\":\"\(status)\"}")
            }
        }
        let full = try await api.call("GET", session).json()
        #expect(full["closed"] == true)
        #expect(full["status"] == "closed")
        for action in ["pause", "resume", "policy", "rotate-password"] {
            let answer = try await api.call("POST", "\(session)/\(action)")
            #expect(answer.status == 410)
            #expect(answer.code == "session_closed")
        }
    }

    @Test("an expired session takes no more changes")
    func expired() async throws {
        let api = try ControlHarness()
        let created = try await api.makeSession(NewSession(lifetime: .seconds(60)))
        let session = "/sessions/by-slug/\(created.record.slug)"
        api.clock.advance(by: .seconds(60))
        #expect(try await api.call("GET", session).json()["status"] == "expired")
        let answer = try await api.call("POST", "\(session)/policy", body: #"{"public":false}"#)
        #expect(answer.status == 410)
        #expect(answer.code == "session_expired")
    }

    @Test("deleting forgets")
    func delete() async throws {
        let api = try ControlHarness()
        let created = try await api.makeSession()
        let target = "/sessions/\(created.record.id)"
        #expect(try await api.call("DELETE", target).body == #"{"ok":true}"#)
        #expect(try await api.call("DELETE", target).status == 404)
        #expect(try await api.call("GET", target).status == 404)
    }

    @Test("a kick keeps viewers out, those who are there and those who left")
    func kick() async throws {
        let api = try ControlHarness()
        let created = try await api.makeSession()
        api.live.set(viewers: [.sample], connections: 1)
        let target = "/sessions/by-slug/\(created.record.slug)/kick"
        for _ in 0..<2 {
            let answer = try await api.call("POST", target, body: #"{"viewerId":"vw_abc123"}"#)
            #expect(answer.body == #"{"ok":true,"viewerId":"vw_abc123","kickedViewerIds":["vw_abc123"]}"#)
        }
        try await api.call("POST", target, body: #"{"viewerId":"ip_gone"}"#)
        let kicked = try await api.sessions.session(id: created.record.id).kickedViewers
        #expect(kicked.map(\.viewerID) == ["vw_abc123", "ip_gone"])
        #expect(kicked.map(\.addressID) == ["ip_2030113" + "9", "ip_gone"])
        #expect(kicked.allSatisfy { $0.kickedAt == api.clock.now })
        #expect(try await api.call("POST", target).faults == ["viewerId"])
    }

    @Test("viewers are listed with all their fields")
    func viewers() async throws {
        let api = try ControlHarness()
        let created = try await api.makeSession()
        api.live.set(viewers: [.sample], connections: 1)
        let answer = try await api.call("GET", "/sessions/by-slug/\(created.record.slug)/viewers")
        #expect(
            answer.body == #"{"viewers":[{"id":"vw_abc123","label":"","ip":"203.0.113.9","userAgent":"curl/8","#
                + #""firstSeen":"2026-03-04T15:28:20.000Z","lastSeen":"2026-03-04T15:29:59.000Z","requests":3,"#
                + #""bytes":4096,"openStreams":1}]}"#
        )
    }

    @Test("rotating gives a new password of the kind the session has")
    func rotatePassword() async throws {
        let api = try ControlHarness()
        let basic = try await api.makeSession(NewSession(authMode: .basic))
        let first = try await api.call("POST", "/sessions/by-slug/\(basic.record.slug)/rotate-password").json()
        #expect(first.names == ["ok", "username", "password"])
        let stored = try await api.sessions.session(id: basic.record.id).basicCredentials
        #expect(first["password"]?.string == stored?.password)
        #expect(stored != basic.record.basicCredentials)
        let plain = try await api.makeSession()
        let second = try await api.call("POST", "/sessions/by-slug/\(plain.record.slug)/rotate-password").json()
        #expect(second.names == ["ok", "password"])
        #expect(try await api.sessions.session(id: plain.record.id).policy.password == second["password"]?.string)
    }

    @Test("a session can begin private, under a chosen name that is taken only once")
    func createPrivate() async throws {
        let api = try ControlHarness()
        let body = #"{"slug":"my-app","policy":{"public":false,"password":"s3cret"}}"#
        #expect(try await api.call("POST", "/sessions", body: body).status == 201)
        let policy = try await api.call("GET", "/sessions/by-slug/my-app").json()["policy"]
        #expect(policy?["public"] == false)
        #expect(policy?["password"] == "s3cret")
        let again = try await api.call("POST", "/sessions", body: body)
        #expect(again.status == 409)
        #expect(again.code == "conflict")
    }

    @Test("a refused update changes nothing")
    func allOrNothing() async throws {
        let api = try ControlHarness()
        let created = try await api.makeSession()
        let target = "/sessions/by-slug/\(created.record.slug)/policy"
        let answer = try await api.call(
            "POST",
            target,
            body: #"{"public":false,"password":"x","maxConcurrentViewers":-1,"blockPaths":["a"],"extra":1}"#
        )
        #expect(answer.status == 400)
        #expect(answer.code == "validation_error")
        #expect(answer.faults == ["maxConcurrentViewers", "blockPaths[0]", "extra"])
        #expect(try await api.sessions.session(id: created.record.id) == created.record)
    }

    @Test("open sessions are limited")
    func limitsSessions() async throws {
        let api = try ControlHarness(storeLimits: SessionServiceConfiguration(openSessionsPerCreator: 2))
        for _ in 0..<2 { #expect(try await api.call("POST", "/sessions").status == 201) }
        let refused = try await api.call("POST", "/sessions")
        #expect(refused.status == 429)
        #expect(refused.code == "too_many_sessions")
        // Another creator has a limit of their own.
        #expect(try await api.call("POST", "/sessions", token: ControlHarness.adminToken).status == 201)
    }

    @Test("pages follow each other without gap or overlap", arguments: [1, 2, 3, 7, 100])
    func pages(limit: Int) async throws {
        let api = try ControlHarness()
        var expected: [String] = []
        for _ in 0..<7 {
            api.clock.advance(by: .seconds(1))
            expected.insert(try await api.makeSession().record.id.rawValue, at: 0)
        }
        var seen: [String] = []
        var next: String?
        repeat {
            let query = "?limit=\(limit)" + (next.map { "&after=\($0)" } ?? "")
            let page = try await api.call("GET", "/sessions" + query).json()
            let ids = (page["sessions"]?.elements ?? []).compactMap { $0["sessionId"]?.string }
            #expect(ids.count <= limit)
            seen += ids
            next = page["next"]?.string
            #expect(next == nil || next == ids.last)
        } while next != nil && seen.count <= expected.count
        #expect(seen == expected)
    }

    @Test("a page after a session that was forgotten goes on; after one that never was, it says to begin again")
    func forgottenCursor() async throws {
        let api = try ControlHarness()
        let id = try await api.makeSession().record.id
        #expect(try await api.call("GET", "/sessions?after=\(id)").json()["sessions"] == [])
        try await api.call("DELETE", "/sessions/\(id)")
        #expect(try await api.call("GET", "/sessions?after=\(id)").json()["sessions"] == [])
        let answer = try await api.call("GET", "/sessions?after=sess_00000000000000000000000000000000")
        #expect(answer.status == 400)
        #expect(answer.faults == ["query.after"])
    }

    @Test(
        "query parameters out of bounds are named",
        arguments: [
            ("limit=0", "query.limit"), ("limit=101", "query.limit"), ("limit=-1", "query.limit"),
            ("limit=1.5", "query.limit"), ("limit=", "query.limit"), ("limit", "query.limit"),
            ("limit=%zz", "query.limit"),
            ("limit=1&limit=2", "query.limit"), ("after=x", "query.after"), ("Limit=1", "query.Limit"),
            ("token=secret", "query.token"), ("session=sess_1", "query.session"),
        ]
    )
    func queryParameters(query: String, path: String) async throws {
        let api = try ControlHarness()
        let answer = try await api.call("GET", "/sessions?\(query)")
        #expect(answer.status == 400)
        #expect(answer.faults == [path])
        #expect(!answer.body.contains("secret"))
    }

    @Test("access tokens: made once with their secret, listed without, withdrawn for good")
    func accessTokens() async throws {
        let api = try ControlHarness()
        let admin = ControlHarness.adminToken
        #expect(try await api.call("POST", "/tokens", body: "{}").status == 401)
        let body = #"{"label":"ci","scopes":["sessions:read","sessions:create"],"expiresIn":"1d"}"#
        let made = try await api.call("POST", "/tokens", body: body, token: admin)
        #expect(made.status == 201)
        let json = try made.json()
        #expect(json.names == ["id", "label", "scopes", "createdAt", "expiresAt", "revokedAt", "token"])
        #expect(json["scopes"] == ["sessions:create", "sessions:read"])
        #expect(json["expiresAt"] == "2026-03-05T15:30:00.000Z")
        let id = try #require(json["id"]?.string)
        let secret = try #require(json["token"]?.string)
        #expect(try await api.call("GET", "/sessions", token: secret).status == 200)
        let list = try await api.call("GET", "/tokens", token: admin)
        #expect(try list.json()["tokens"]?.elements.compactMap { $0["id"]?.string } == [id])
        #expect(!list.body.contains(secret))
        for _ in 0..<2 {
            let revoked = try await api.call("DELETE", "/tokens/\(id)", token: admin)
            #expect(revoked.status == 200)
            #expect(try revoked.json()["revokedAt"] == "2026-03-04T15:30:00.000Z")
        }
        #expect(try await api.call("GET", "/sessions", token: secret).status == 401)
        #expect(try await api.call("DELETE", "/tokens/tok_nothing", token: admin).status == 404)
    }

    @Test("health, readiness and figures")
    func server() async throws {
        let sample = MetricSample(
            name: "daypass_test",
            help: "A\nline \\ more",
            kind: .gauge,
            labels: [("kind", "a\"b\\c\nd")],
            value: 1.5
        )
        let api = try ControlHarness(metrics: [OneSample(sample: sample)])
        #expect(try await api.call("GET", "/health", host: "anything", peer: "203.0.113.9").body == #"{"status":"ok"}"#)
        #expect(try await api.call("GET", "/ready").body == #"{"status":"ready"}"#)
        api.setReady(false)
        let unready = try await api.call("GET", "/ready")
        #expect(unready.status == 503)
        #expect(unready.fields["Retry-After"] == "1")
        #expect(try await api.call("GET", "/health").status == 200)
        let figures = try await api.call("GET", "/metrics").body
        #expect(
            figures == """
                # HELP daypass_test A\\nline \\\\ more
                # TYPE daypass_test gauge
                daypass_test{kind="a\\"b\\\\c\\nd"} 1.5
                # HELP daypass_control_requests_total Calls of the control API that were answered.
                # TYPE daypass_control_requests_total counter
                daypass_control_requests_total{operation="getHealth",status="200"} 2
                daypass_control_requests_total{operation="getReadiness",status="200"} 1
                daypass_control_requests_total{operation="getReadiness",status="503"} 1

                """
        )
    }

    @Test("a failure nobody foresaw is answered with an identifier and nothing else")
    func unforeseen() async throws {
        let api = try ControlHarness(management: FailingManagement())
        let answer = try await api.call("POST", "/sessions")
        #expect(answer.status == 500)
        #expect(try answer.json().names == ["error", "code", "requestId"])
        #expect(!answer.body.contains("secret"))
        #expect(try #require(answer.json()["requestId"]?.string).wholeMatch(of: /req_[a-z0-9]{16}/) != nil)
    }
}

/// A source of one figure.
struct OneSample: MetricsSource {
    let sample: MetricSample

    func metricSamples() -> [MetricSample] { [self.sample] }
}

/// A service whose store is gone.
struct FailingManagement: SessionManagement {
    struct StoreFailure: Error {
        let text = "secret detail"
    }

    func create(_: NewSession, by _: Actor, creator _: String) async throws -> CreatedSession { throw StoreFailure() }
    func session(id _: SessionID) async throws -> SessionRecord { throw StoreFailure() }
    func session(slug _: Slug) async throws -> SessionRecord { throw StoreFailure() }
    func sessions(after _: SessionID?, limit _: Int) async throws -> [SessionRecord] { throw StoreFailure() }
    func updatePolicy(of _: Slug, _: PolicyUpdate, by _: Actor) async throws -> SessionRecord { throw StoreFailure() }
    func kick(_: KickedViewer, from _: Slug, by _: Actor) async throws -> SessionRecord { throw StoreFailure() }
    func setPaused(_: Bool, slug _: Slug, by _: Actor) async throws -> SessionRecord { throw StoreFailure() }
    func close(slug _: Slug, by _: Actor) async throws -> SessionRecord { throw StoreFailure() }
    func rotatePassword(of _: Slug, by _: Actor) async throws -> SessionRecord { throw StoreFailure() }
    func delete(id _: SessionID, by _: Actor) async throws { throw StoreFailure() }
    func auditEvents(of _: SessionID?, limit _: Int) async throws -> [AuditEvent] { throw StoreFailure() }
}
