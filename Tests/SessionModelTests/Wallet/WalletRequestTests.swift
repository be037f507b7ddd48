import DaypassTestSupport
import SessionModel
import Testing

@Suite struct WalletRequestTests {
    private static let wallet = "wal_" + String(repeating: "a1", count: 6)
    private static let address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

    /// A body as the reference page describes it, changed by `change`.
    private static func body(_ change: (inout [String: String]) -> Void = { _ in }) throws -> JSONValue {
        var members = [
            "expiresAt": #""2026-12-01T00:00:00Z""#,
            "installs": #"[{"chainId":84532,"serialized":"eyJ9"},{"chainId":1,"serialized":"eyJ8"}]"#,
            "policies": "{}", "sessionAddress": "\"\(Self.address)\"", "walletId": "\"\(Self.wallet)\"",
            "workflowId": #""payroll""#,
        ]
        change(&members)
        let text = members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
        return try JSONParser.parse(Array("{\(text)}".utf8))
    }

    @Test func readsTheReferenceBody() throws {
        let request = try NewWalletSession(json: try Self.body())
        #expect(request.expiresAt.iso8601 == "2026-12-01T00:00:00.000Z")
        #expect(request.installs.map(\.chainID) == [84_532, 1])
        #expect(request.installs.map(\.serialized) == ["eyJ9", "eyJ8"])
        #expect(request.policies == .object([]))
        #expect(request.sessionAddress.text == Self.address)
        #expect(request.wallet.text == Self.wallet)
        #expect(request.workflow == "payroll")
        #expect(try NewWalletSession(json: try Self.body { $0["workflowId"] = nil }).workflow == nil)
    }

    @Test(
        arguments: [
            ("expiresAt", nil, "expiresAt"), ("installs", nil, "installs"), ("policies", nil, "policies"),
            ("sessionAddress", nil, "sessionAddress"), ("walletId", nil, "walletId"),
            ("expiresAt", "1796083200000", "expiresAt"), ("expiresAt", #""tomorrow""#, "expiresAt"),
            ("installs", "[]", "installs"), ("installs", "{}", "installs"), ("installs", "[7]", "installs[0]"),
            ("installs", #"[{"chainId":1}]"#, "installs[0].serialized"),
            ("installs", #"[{"chainId":"1","serialized":"x"}]"#, "installs[0].chainId"),
            ("installs", #"[{"chainId":0,"serialized":"x"}]"#, "installs[0].chainId"),
            ("installs", #"[{"chainId":9007199254740992,"serialized":"x"}]"#, "installs[0].chainId"),
            ("installs", #"[{"chainId":1,"serialized":""}]"#, "installs[0].serialized"),
            ("installs", #"[{"chainId":1,"serialized":"x","more":1}]"#, "installs[0].more"),
            ("installs", #"[{"chainId":1,"serialized":"x"},{"chainId":1.0,"serialized":"y"}]"#, "installs[1].chainId"),
            ("policies", "null", "policies"), ("policies", "[]", "policies"), ("policies", #""{}""#, "policies"),
            ("sessionAddress", #""0x1234""#, "sessionAddress"), ("walletId", "7", "walletId"),
            ("workflowId", #""""#, "workflowId"), ("workflowId", "5", "workflowId"), ("extra", "1", "extra"),
        ] as [(String, String?, String)]
    )
    func refusesOtherBodies(name: String, value: String?, path: String) throws {
        let body = try Self.body { $0[name] = value }
        let error = #expect(throws: WalletError.self) { try NewWalletSession(json: body) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.details.map(\.path) == [path])
    }

    @Test func saysEverythingThatIsWrong() {
        let error = #expect(throws: WalletError.self) { try NewWalletSession(json: nil) }
        #expect(
            error?.details.map(\.path) == ["expiresAt", "installs", "policies", "sessionAddress", "walletId"]
        )
        #expect(throws: WalletError.self) { try NewWalletSession(json: .array([])) }
    }

    @Test func isBounded() throws {
        func installs(_ count: Int) -> String {
            "[" + (1...count).map { #"{"chainId":\#($0),"serialized":"x"}"# }.joined(separator: ",") + "]"
        }
        #expect(try NewWalletSession(json: try Self.body { $0["installs"] = installs(24) }).installs.count == 24)
        #expect(throws: WalletError.self) {
            try NewWalletSession(json: try Self.body { $0["installs"] = installs(25) })
        }
        func serialized(_ text: String) throws -> JSONValue {
            try Self.body { $0["installs"] = #"[{"chainId":1,"serialized":"\#(text)"}]"# }
        }
        let longest = String(repeating: "x", count: WalletBounds.serializedBytes)
        #expect(throws: Never.self) { try NewWalletSession(json: try serialized(longest)) }
        #expect(throws: WalletError.self) { try NewWalletSession(json: try serialized(longest + "x")) }
        // Bytes count, not characters.
        let wide = String(repeating: "é", count: WalletBounds.serializedBytes / 2 + 1)
        #expect(throws: WalletError.self) { try NewWalletSession(json: try serialized(wide)) }
        let policies = #"{"x-label":"\#(String(repeating: "x", count: WalletBounds.policiesBytes))"}"#
        #expect(throws: WalletError.self) { try NewWalletSession(json: try Self.body { $0["policies"] = policies }) }
    }

    @Test func descriptionsKeepDelegations() throws {
        let request = try NewWalletSession(json: try Self.body())
        var dumped = ""
        dump(request, to: &dumped)
        for text in ["\(request)", String(reflecting: request), dumped] {
            #expect(!text.contains("eyJ"))
            #expect(text.contains("84532"))
        }
    }

    /// What another organization's wallet is answered with, too.
    @Test(arguments: ["wallet-1", "wal_", "WAL_a1a1a1a1a1a1"])
    func walletsOfNoFormAreUnknown(id: String) throws {
        let body = try Self.body { $0["walletId"] = "\"\(id)\"" }
        let error = #expect(throws: WalletError.self) { try NewWalletSession(json: body) }
        #expect(error?.code == .notFound)
    }

    @Test func answersAsPublished() throws {
        var generator = SeededGenerator(seed: 1)
        let time = Timestamp(millisecondsSinceEpoch: 1_796_083_200_000)
        let session = WalletSessionRecord(
            id: .random(using: &generator),
            group: .random(using: &generator),
            organization: .random(using: &generator),
            wallet: try #require(WalletID(Self.wallet)),
            kind: .kernel,
            workflow: nil,
            sessionAddress: try #require(WalletAddress(Self.address)),
            sessionKey: nil,
            chainID: 84_532,
            policies: ["x-label": "payroll"],
            proof: nil,
            createdAt: time,
            expiresAt: time + .seconds(60)
        )
        #expect(session.state(now: time) == .active)
        #expect(session.state(now: time + .seconds(60)) == .expired)
        var revoked = session
        revoked.revokedAt = time
        #expect(revoked.state(now: time + .seconds(60)) == .revoked)
        #expect(
            CreatedWalletSessions(sessions: [session]).json.text == """
                {"createdAt":"2026-12-01T00:00:00.000Z","sessionAddress":"\(Self.address)",\
                "sessionGroupId":"\(session.group)","sessions":[{"chainId":84532,"expiresAt":"2026-12-01T00:01:00.000Z",\
                "id":"\(session.id)"}],"walletId":"\(Self.wallet)"}
                """
        )
        let page = WalletPage(items: [session], limit: 1, offset: 0, hasMore: true)
        #expect(
            page.json(\.json).text == """
                {"items":[{"id":"\(session.id)","walletId":"\(Self.wallet)",\
                "sessionAddress":"\(Self.address)","policies":{"x-label":"payroll"},\
                "createdAt":"2026-12-01T00:00:00.000Z","expiresAt":"2026-12-01T00:01:00.000Z","chainId":84532}],\
                "limit":1,"offset":0,"hasMore":true}
                """
        )
        #expect(
            revoked.revocationJSON.text == #"{"id":"\#(session.id)","revokedAt":"2026-12-01T00:00:00.000Z"}"#
        )
    }

    /// Of an opaque wallet nothing is proven, and policies are warned of all the same.
    @Test(arguments: [(["x-label": "payroll"], 0), (["version": 1], 1), (.object([]), 0)] as [(JSONValue, Int)])
    func opaqueWalletsHaveWarnings(policies: JSONValue, count: Int) throws {
        var generator = SeededGenerator(seed: 2)
        let session = WalletSessionRecord(
            id: .random(using: &generator),
            group: .random(using: &generator),
            organization: .random(using: &generator),
            wallet: .random(using: &generator),
            kind: .opaque,
            workflow: nil,
            sessionAddress: try #require(WalletAddress(Self.address)),
            sessionKey: nil,
            chainID: 1,
            policies: policies,
            proof: nil,
            createdAt: Timestamp(millisecondsSinceEpoch: 0),
            expiresAt: Timestamp(millisecondsSinceEpoch: 1000)
        )
        guard case .array(let warnings)? = session.detailedJSON(now: session.createdAt)["warnings"] else {
            throw WalletError(.internalError)
        }
        #expect(warnings.map { $0["code"] } == Array(repeating: "policies_not_evaluated", count: count))
    }

    /// A single character may have any number of scalars; what answers repeat is short anyway.
    @Test func unknownNamesAreCut() throws {
        let name = "e" + String(repeating: "\u{301}", count: 10_000)
        let body = try Self.body { $0[name] = "1" }
        let error = #expect(throws: WalletError.self) { try NewWalletSession(json: body) }
        #expect(error?.details.map(\.path.unicodeScalars.count) == [64])
    }

    @Test func chainsHideTheKeysOfProviders() throws {
        let body: JSONValue = [
            "nodeUrl": "https://node.example:8443/v3/s3cret?key=s3cret", "bundlerUrl": "http://[::1]:9",
        ]
        let chain = try WalletChain(id: 1, json: body)
        #expect(!chain.json.text.contains("s3cret"))
        #expect(chain.node?.description == "https://node.example:8443/…")
        #expect(chain.bundler?.description == "http://[::1]:9")
    }

    @Test(arguments: [
        "", "node.example", "ftp://node.example", "https://", "https://u:p@node.example", "https://node.example#a",
        "https://node.example:0", "https://node.example:99999", "https://node.example:+80", "https://[::1",
        "https://a b",
        "https://[::1]x/", "https://nöde.example", "https:///path",
    ])
    func refusesOtherURLs(text: String) { #expect(ChainURL(text) == nil) }

    @Test func errorsHaveTheirNumbers() {
        let numbers = WalletErrorCode.allCases.map(\.number)
        #expect(Set(numbers).count == numbers.count)
        #expect(Set(WalletErrorCode.allCases.map(\.httpStatus)) == [400, 401, 403, 404, 405, 409, 413, 415, 429, 500])
        let error = WalletError(.notFound)
        #expect(
            error.json(requestID: "r").text
                == #"{"code":40400,"message":"There is no such thing.","details":[],"requestId":"r"}"#
        )
    }
}
