import DaypassTestSupport
import SessionModel
import Testing

@Suite struct WalletRequestTests {
    private static let wallet = "wal_" + String(repeating: "a1", count: 10)
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
        #expect(request.wallet.rawValue == Self.wallet)
        #expect(request.workflowID == "payroll")
        #expect(try NewWalletSession(json: try Self.body { $0["workflowId"] = nil }).workflowID == nil)
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
            ("sessionAddress", #""0x1234""#, "sessionAddress"), ("walletId", #""wallet-1""#, "walletId"),
            ("workflowId", #""""#, "workflowId"), ("workflowId", "5", "workflowId"), ("extra", "1", "extra"),
        ] as [(String, String?, String)]
    )
    func refusesOtherBodies(name: String, value: String?, path: String) throws {
        let body = try Self.body { $0[name] = value }
        let error = #expect(throws: DaypassError.self) { try NewWalletSession(json: body) }
        #expect(error?.code == .validationError)
        #expect(error?.details.map(\.path) == [path])
    }

    @Test func saysEverythingThatIsWrong() {
        let error = #expect(throws: DaypassError.self) { try NewWalletSession(json: nil) }
        #expect(
            error?.details.map(\.path) == ["expiresAt", "installs", "policies", "sessionAddress", "walletId"]
        )
        #expect(throws: DaypassError.self) { try NewWalletSession(json: .array([])) }
    }

    @Test func isBounded() throws {
        func installs(_ count: Int) -> String {
            "[" + (1...count).map { #"{"chainId":\#($0),"serialized":"x"}"# }.joined(separator: ",") + "]"
        }
        #expect(try NewWalletSession(json: try Self.body { $0["installs"] = installs(24) }).installs.count == 24)
        #expect(throws: DaypassError.self) {
            try NewWalletSession(json: try Self.body { $0["installs"] = installs(25) })
        }
        func serialized(_ text: String) throws -> JSONValue {
            try Self.body { $0["installs"] = #"[{"chainId":1,"serialized":"\#(text)"}]"# }
        }
        let longest = String(repeating: "x", count: WalletBounds.delegation)
        #expect(throws: Never.self) { try NewWalletSession(json: try serialized(longest)) }
        #expect(throws: DaypassError.self) { try NewWalletSession(json: try serialized(longest + "x")) }
        // Bytes count, not characters.
        let wide = String(repeating: "é", count: WalletBounds.delegation / 2 + 1)
        #expect(throws: DaypassError.self) { try NewWalletSession(json: try serialized(wide)) }
        let policies = #"{"x-label":"\#(String(repeating: "x", count: WalletBounds.policies))"}"#
        #expect(throws: DaypassError.self) { try NewWalletSession(json: try Self.body { $0["policies"] = policies }) }
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

    @Test(
        arguments: [
            (nil, nil, 20, 0), ("1", "0", 1, 0), ("100", "1000000", 100, 1_000_000), ("007", nil, 7, 0),
        ] as [(String?, String?, Int, Int)]
    )
    func pages(limit: String?, offset: String?, expectedLimit: Int, expectedOffset: Int) throws {
        let page = try WalletSessionPage(limit: limit, offset: offset)
        #expect(page.limit == expectedLimit && page.offset == expectedOffset)
    }

    @Test(
        arguments: [
            ("0", nil), ("101", nil), ("", nil), ("-1", nil), ("1.0", nil), ("٣", nil), (nil, "-1"), (nil, "+1"),
            (nil, "99999999999999999999"), (nil, " 1"),
        ] as [(String?, String?)]
    )
    func refusesPages(limit: String?, offset: String?) {
        let error = #expect(throws: DaypassError.self) { try WalletSessionPage(limit: limit, offset: offset) }
        #expect(error?.details.map(\.path) == [limit == nil ? "offset" : "limit"])
    }

    @Test func answersAsPublished() throws {
        var generator = SeededGenerator(seed: 1)
        let time = Timestamp(millisecondsSinceEpoch: 1_796_083_200_000)
        let session = WalletSession(
            id: .random(using: &generator),
            group: .random(using: &generator),
            organization: .random(using: &generator),
            wallet: try #require(WalletID(Self.wallet)),
            workflowID: nil,
            sessionAddress: try #require(AccountAddress(Self.address)),
            chainID: 84_532,
            policies: ["x-label": "payroll"],
            createdAt: time,
            expiresAt: time + .seconds(60)
        )
        #expect(session.isActive(now: time) && !session.isActive(now: time + .seconds(60)))
        var revoked = session
        revoked.revokedAt = time
        #expect(!revoked.isActive(now: time))
        #expect(
            WalletAnswers.created([session])?.text == """
                {"createdAt":"2026-12-01T00:00:00.000Z","sessionAddress":"\(Self.address)",\
                "sessionGroupId":"\(session.group)","sessions":[{"chainId":84532,"expiresAt":"2026-12-01T00:01:00.000Z",\
                "id":"\(session.id)"}],"walletId":"\(Self.wallet)"}
                """
        )
        #expect(WalletAnswers.created([]) == nil)
        let page = try WalletSessionPage(limit: "1", offset: nil)
        #expect(
            WalletAnswers.list([session], page: page, hasMore: true).text == """
                {"items":[{"id":"\(session.id)","walletId":"\(Self.wallet)","workflowId":null,\
                "sessionAddress":"\(Self.address)","policies":{"x-label":"payroll"},\
                "createdAt":"2026-12-01T00:00:00.000Z","expiresAt":"2026-12-01T00:01:00.000Z","chainId":84532}],\
                "limit":1,"offset":0,"hasMore":true}
                """
        )
        #expect(
            WalletAnswers.revoked(session.id, at: time).text
                == #"{"id":"\#(session.id)","revokedAt":"2026-12-01T00:00:00.000Z"}"#
        )
    }
}
