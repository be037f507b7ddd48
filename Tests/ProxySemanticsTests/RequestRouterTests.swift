import NIOCore
import ProxySemantics
import SessionModel
import Testing

@Suite struct RequestRouterTests {
    private static let slug = Slug("quiet-lime-42")!

    private func route(_ target: String, host: String = "pub.example", fields: String = "") throws -> RequestRoute {
        let address = try #require(PublicAddress(url: "https://pub.example"))
        let head = try requestHead("GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n")
        return try RequestRouter(publicAddress: address).route(head)
    }

    private func target(_ requested: String, host: String = "pub.example", fields: String = "") throws -> String? {
        let address = try #require(PublicAddress(url: "https://pub.example"))
        let head = try requestHead("GET \(requested) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n")
        return try RequestRouter(publicAddress: address).route(head).target.map { head.string($0) }
    }

    @Test(arguments: [
        ("/", "quiet-lime-42.pub.example", RequestRoute.Destination.session(slug, .host)),
        ("/", "QUIET-lime-42.PUB.example:443", .session(slug, .host)),
        ("/", "quiet-lime-42.pub.example.", .session(slug, .host)),
        ("/s/other-one-1/", "quiet-lime-42.pub.example", .session(slug, .host)),
        ("/tunnel", "quiet-lime-42.pub.example", .session(slug, .host)),
        ("/.wormkey/room", "quiet-lime-42.pub.example", .reserved(slug)),
        ("/", "quiet-lime-42.localhost:3002", .session(slug, .host)),
        ("/s/quiet-lime-42/", "pub.example", .session(slug, .path)),
        ("/s/quiet-lime-42/a/b?c", "127.0.0.1:3002", .session(slug, .path)),
        ("/s/quiet-lime-42", "localhost", .addSlash(slug)), ("/s/quiet-lime-42?x=1", "pub.example", .addSlash(slug)),
        ("/s/", "pub.example", .nothing), ("/s/UPPER/", "pub.example", .nothing),
        ("/s/a%2Fb/", "pub.example", .nothing),
        ("/tunnel", "pub.example", .tunnel), ("/tunnel?x", "pub.example", .tunnel),
        ("/tunnels", "pub.example", .nothing),
        ("/.wormkey/owner?slug=x", "pub.example", .reserved(nil)), ("/", "pub.example", .nothing),
        ("/?slug=quiet-lime-42", "pub.example", .nothing), ("/", "other.example", .misdirected),
        ("/", "a.b.pub.example", .misdirected), ("/", "xpub.example", .misdirected), ("/", "[::1]:3002", .nothing),
        ("/", "192.168.1.4", .nothing),
    ])
    func `hosts and paths name the session`(_ target: String, host: String, expected: RequestRoute.Destination) throws {
        #expect(try self.route(target, host: host).destination == expected)
    }

    @Test func `the routing cookie counts last`() throws {
        let cookie = "Cookie: a=1; daypass_route=quiet-lime-42\r\n"
        #expect(try self.route("/app.js", fields: cookie).destination == .session(Self.slug, .cookie))
        #expect(try self.target("/app.js?x", fields: cookie) == "/app.js?x")
        #expect(try self.route("/s/other-one-1/", fields: cookie).destination == .session(Slug("other-one-1")!, .path))
        #expect(try self.route("/tunnel", fields: cookie).destination == .tunnel)
        #expect(try self.route("/x", fields: "Cookie: daypass_route=NOT!\r\n").destination == .nothing)
    }

    @Test(arguments: [
        ("/s/quiet-lime-42/", "/"), ("/s/quiet-lime-42/a%2Fb/?q=%20", "/a%2Fb/?q=%20"),
        ("/s/quiet-lime-42//x", "//x"), ("http://pub.example/s/quiet-lime-42/a", "/a"),
    ])
    func `the prefix is removed and nothing else`(_ requested: String, expected: String) throws {
        #expect(try self.target(requested) == expected)
    }

    @Test(arguments: [
        ("//other/x", "pub.example"), ("http://other/x", "pub.example"), ("http://pub.example//x", "pub.example"),
        ("http://user@pub.example/", "pub.example"), ("ftp://pub.example/", "pub.example"), ("*", "pub.example"),
        ("x", "pub.example"), ("/", "pub.example/x"), ("/", "pub example"), ("/", "user@pub.example"), ("/", ""),
        ("/", "pub.example:99999999"), ("/", "pub.example:x"), ("/", "[::1"), ("/", "[pub]:1"),
    ])
    func `targets and hosts that name another place are refused`(_ target: String, host: String) {
        #expect(throws: (any Error).self) { try self.route(target, host: host) }
    }

    @Test func `one Host, no more and no less`() throws {
        let address = try #require(PublicAddress(url: "https://pub.example"))
        let router = RequestRouter(publicAddress: address)
        let none = try requestHead("GET / HTTP/1.1\r\nX: y\r\n\r\n")
        let two = try requestHead("GET / HTTP/1.1\r\nHost: pub.example\r\nHost: pub.example\r\n\r\n")
        #expect(throws: HTTPParseError.self) { try router.route(none) }
        #expect(throws: HTTPParseError.self) { try router.route(two) }
    }
}
