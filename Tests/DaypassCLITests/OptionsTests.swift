import ArgumentParser
import DaypassCLI
import Foundation
import SessionModel
import Testing

@Suite struct OptionsTests {
    @Test(arguments: [
        ("90s", Duration.seconds(90)), ("30m", .seconds(1800)), ("24h", .seconds(86_400)), ("7d", .seconds(604_800)),
        ("1s", .seconds(1)),
    ])
    func timeSpans(text: String, duration: Duration) throws {
        #expect(try #require(TimeSpan(argument: text)).duration == duration)
    }

    @Test(arguments: ["", "m", "0m", "-1m", "1.5h", "1w", "30", " 30m", "1h30m", "9999999999s", "4000d", "٣m"])
    func noTimeSpans(text: String) { #expect(TimeSpan(argument: text) == nil) }

    @Test func aPlainTunnelLeavesThePolicyToTheServer() throws {
        let options = try TunnelOptions.parse([])
        #expect(options.policy == nil)
        #expect(options.connections == 2)
        #expect(options.timeout.duration == .seconds(60))
    }

    @Test func http2IsAskedForAndCannotBeWaitedFor() throws {
        #expect(try !TunnelOptions.parse([]).upstreamHTTP2)
        #expect(try TunnelOptions.parse(["--upstream-http2"]).upstreamHTTP2)
        #expect(throws: (any Error).self) { try TunnelOptions.parse(["--upstream-http2", "--wait-for", "/"]) }
    }

    @Test func everyPolicyOptionIsInTheCreationBody() throws {
        let options = try TunnelOptions.parse([
            "--password", "winter", "--max-viewers", "0", "--block", "/admin", "--block", "/x", "--private",
            "--expires", "30m", "--auth", "--slug", "demo-shop",
        ])
        let body = NewSessionBody(
            port: 3000,
            authMode: options.auth ? "basic" : nil,
            expiresIn: options.expires?.text,
            slug: options.slug,
            policy: options.policy
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = String(decoding: try encoder.encode(body), as: UTF8.self)
        let policy = #"{"blockPaths":["/admin","/x"],"maxConcurrentViewers":0,"password":"winter","public":false}"#
        #expect(
            json
                == #"{"authMode":"basic","expiresIn":"30m","policy":"# + policy
                + #","port":3000,"slug":"demo-shop"}"#
        )
    }

    @Test(arguments: [
        ("http://127.0.0.1:3001", "http://127.0.0.1:3001"), ("https://share.example.com/", "https://share.example.com"),
        ("https://example.com/daypass//", "https://example.com/daypass"),
    ])
    func serverAddresses(text: String, url: String) throws { #expect(try ServerAddress(text).url == url) }

    @Test(arguments: [
        "", "nonsense", "ftp://x", "http://", "http://:3001", "http://user@host", "http://host?x", "http://host#x",
        "http://ho st", "HTTP://host",
    ])
    func noServerAddresses(text: String) { #expect(throws: CommandFailure.self) { try ServerAddress(text) } }

    @Test func serverAndTokenByPrecedence() async throws {
        let home = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: "\(home.path)/.config/daypass",
            withIntermediateDirectories: true
        )
        let wormkey = [
            "HOME": home.path, "WORMKEY_CONTROL_PLANE_URL": "http://wormkey:1", "WORMKEY_EDGE_URL": "https://wormkey:2",
        ]
        func resolve(_ option: String?, _ more: [String: String] = [:]) async throws -> ServerChoice {
            try await .resolve(option: option, environment: wormkey.merging(more) { $1 })
        }
        let fallback = try await resolve(nil)
        #expect(fallback.server.url == "http://wormkey:1")
        #expect(fallback.edgeURL == "wss://wormkey:2/tunnel")
        #expect(!fallback.isDefault)

        try Data(#"{"server":"http://file:1","token":"from-file"}"#.utf8)
            .write(to: URL(fileURLWithPath: "\(home.path)/.config/daypass/config.json"))
        let file = try await resolve(nil)
        #expect(file.server.url == "http://file:1")
        #expect(file.token == "from-file")
        #expect(file.edgeURL == nil)

        let environment = try await resolve(nil, ["DAYPASS_SERVER": "http://env:1", "DAYPASS_TOKEN": "from-env"])
        #expect(environment.server.url == "http://env:1")
        #expect(environment.token == "from-env")
        #expect(!environment.isExplicit)

        let option = try await resolve("http://flag:1", ["DAYPASS_SERVER": "http://env:1"])
        #expect(option.server.url == "http://flag:1")
        #expect(option.isExplicit)
        #expect(option.edgeURL == nil)
    }

    @Test func withoutAnythingItIsThisMachine() async throws {
        let choice = try await ServerChoice.resolve(option: nil, environment: ["HOME": "/nonexistent"])
        #expect(choice.server == .local)
        #expect(choice.isDefault)
        #expect(choice.token == nil)
    }

    @Test(arguments: [
        ("ws://edge:1", "ws://edge:1/tunnel"), ("http://edge/", "ws://edge/tunnel"),
        ("wss://edge/tunnel", "wss://edge/tunnel"), ("https://edge/a/tunnel", "wss://edge/a/tunnel"),
    ])
    func edgeURLs(text: String, url: String) throws { #expect(try ServerChoice.tunnelURL(text) == url) }

    @Test func noEdgeURL() { #expect(throws: CommandFailure.self) { try ServerChoice.tunnelURL("edge:3002") } }

    @Test func sessionNames() throws {
        #expect(try SessionName("quiet-lime-4217").text == "quiet-lime-4217")
        let id = "sess_" + String(repeating: "a", count: 32)
        #expect(try SessionName(id) == .id(try #require(SessionID(id))))
        for text in ["", "../x", "a b", "sess_short", "Quiet-Lime"] {
            #expect(throws: CommandFailure.self) { try SessionName(text) }
        }
    }
}
