import ControlAPI
import SessionModel
import Testing

@Suite("Shapes of the reference pages")
struct ReferenceShapeTests {
    private static let createdNames = [
        "sessionId", "slug", "publicUrl", "ownerUrl", "overlayScriptUrl", "edgeUrl", "sessionToken", "expiresAt",
    ]

    @Test("creating a session answers 201 with the listed names and formats")
    func createSession() async throws {
        let api = try ControlHarness(access: .open, publicURL: "https://wormkey.io")
        let answer = try await api.call(
            "POST",
            "/sessions",
            body: #"{"port": 3000, "authMode": "none", "expiresIn": "24h"}"#
        )
        #expect(answer.status == 201)
        let json = try answer.json()
        #expect(json.names == Self.createdNames)
        let slug = try #require(json["slug"]?.string)
        let token = try #require(json["sessionToken"]?.string)
        let ownerToken = try #require(token.split(separator: ".").last)
        #expect(slug.wholeMatch(of: /[a-z]+-[a-z]+-[0-9]+/) != nil)
        #expect(try #require(json["sessionId"]?.string).wholeMatch(of: /sess_[a-z0-9]{32}/) != nil)
        #expect(ownerToken.wholeMatch(of: /[a-z0-9]{32}/) != nil)
        #expect(token == "\(slug).\(ownerToken)")
        #expect(json["publicUrl"]?.string == "https://wormkey.io/s/\(slug)")
        #expect(json["ownerUrl"]?.string == "https://wormkey.io/.wormkey/owner?slug=\(slug)&token=\(ownerToken)")
        #expect(json["overlayScriptUrl"]?.string == "https://wormkey.io/.wormkey/overlay.js?slug=\(slug)")
        #expect(json["edgeUrl"]?.string == "wss://wormkey.io/tunnel")
        #expect(json["expiresAt"]?.string == "2026-03-05T15:30:00.000Z")
        #expect(answer.fields["Location"] == "/sessions/\(try #require(json["sessionId"]?.string))")
        // Links can be copied from the raw text.
        #expect(answer.body.contains("?slug=\(slug)&token=\(ownerToken)\""))
    }

    @Test("basic authentication adds user name and password")
    func createBasicSession() async throws {
        let api = try ControlHarness()
        let json = try await api.call("POST", "/sessions", body: #"{"authMode":"basic"}"#).json()
        #expect(json.names == Self.createdNames + ["username", "password"])
        #expect(json["username"]?.string == "worm")
        #expect(try #require(json["password"]?.string).wholeMatch(of: /[a-z0-9]{8}/) != nil)
        #expect(json["edgeUrl"]?.string == "ws://localhost:3002/tunnel")
    }

    @Test("the body is optional", arguments: [nil, "{}"])
    func createWithoutBody(body: String?) async throws {
        let api = try ControlHarness()
        let answer = try await api.call("POST", "/sessions", body: body)
        #expect(answer.status == 201)
        let id = try #require(answer.json()["sessionId"]?.string)
        let full = try await api.call("GET", "/sessions/\(id)").json()
        #expect(full["port"] == 3000)
        #expect(full["authMode"] == "none")
        #expect(full["expiresAt"] == "2026-03-05T15:30:00.000Z")
    }

    @Test("updating a policy answers the whole policy, word for word")
    func updatePolicy() async throws {
        let api = try ControlHarness()
        let created = try await api.makeSession(NewSession(slug: Slug("quiet-lime-42")))
        let target = "/sessions/by-slug/\(created.record.slug)/policy"
        let first = try await api.call("POST", target, body: #"{"maxConcurrentViewers": 10}"#)
        #expect(first.status == 200)
        #expect(
            first.body
                == #"{"ok":true,"policy":{"public":true,"maxConcurrentViewers":10,"blockPaths":[],"password":""}}"#
        )
        let second = try await api.call(
            "POST",
            target,
            body: """
                {"public": false, "maxConcurrentViewers": 5, "blockPaths": ["/admin", "/api/internal"],
                 "password": "secure123"}
                """
        )
        #expect(
            second.body == #"{"ok":true,"policy":{"public":false,"maxConcurrentViewers":5,"#
                + #""blockPaths":["/admin","/api/internal"],"password":"secure123"}}"#
        )
        let third = try await api.call("POST", target, body: #"{"password":""}"#).json()
        #expect(third["policy"]?["password"] == "")
        #expect(third["policy"]?["public"] == false)
    }

    @Test("a session that does not exist is answered as on the page")
    func unknownSession() async throws {
        let api = try ControlHarness()
        for (method, target) in [
            ("POST", "/sessions/by-slug/quiet-lime-42/policy"), ("POST", "/sessions/by-slug/Not%20A%20Slug/policy"),
            ("GET", "/sessions/by-slug/quiet-lime-42"), ("GET", "/sessions/sess_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6"),
            ("GET", "/sessions/x"), ("DELETE", "/sessions/sess_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6"),
            ("GET", "/sessions/by-slug/quiet-lime-42/viewers"), ("POST", "/sessions/by-slug/quiet-lime-42/close"),
        ] {
            let answer = try await api.call(method, target)
            #expect(answer.status == 404)
            #expect(answer.body == #"{"error":"Session not found"}"#)
        }
    }

    @Test("the full record has everything, to the owner")
    func fullRecord() async throws {
        let api = try ControlHarness()
        let created = try await api.makeSession(NewSession(authMode: .basic))
        api.live.set(viewers: [.sample], connections: 2)
        let byID = try await api.call("GET", "/sessions/\(created.record.id)")
        let bySlug = try await api.call("GET", "/sessions/by-slug/\(created.record.slug)")
        #expect(byID == bySlug)
        let json = try byID.json()
        #expect(
            json.names == [
                "sessionId", "slug", "publicUrl", "overlayScriptUrl", "edgeUrl", "port", "status", "createdAt",
                "expiresAt", "closed", "authMode", "username", "password", "policy", "activeViewers",
                "kickedViewerIds", "tunnelConnections",
            ]
        )
        #expect(json["status"] == "connected")
        #expect(json["tunnelConnections"] == 2)
        #expect(json["activeViewers"] == 1)
        #expect(json["createdAt"] == "2026-03-04T15:30:00.000Z")
        #expect(!byID.body.contains(created.ownerToken))
    }
}

extension ViewerSummary {
    /// Somebody who is looking.
    static let sample = ViewerSummary(
        id: "vw_abc123",
        label: "",
        address: "203.0.113.9",
        userAgent: "curl/8",
        firstSeen: Timestamp(millisecondsSinceEpoch: 1_772_638_100_000),
        lastSeen: Timestamp(millisecondsSinceEpoch: 1_772_638_199_000),
        requests: 3,
        bytes: 4096,
        openStreams: 1
    )
}
