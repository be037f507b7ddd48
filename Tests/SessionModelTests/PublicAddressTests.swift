import SessionModel
import Testing

@Suite struct PublicAddressTests {
    @Test(arguments: [
        ("http://127.0.0.1:3002", "http", "127.0.0.1", 3002 as Int?, "http://127.0.0.1:3002"),
        ("https://wormkey.io", "https", "wormkey.io", nil, "https://wormkey.io"),
        ("https://wormkey.io/", "https", "wormkey.io", nil, "https://wormkey.io"),
        ("https://Wormkey.IO:443", "https", "wormkey.io", nil, "https://wormkey.io"),
        ("http://example.com:443", "http", "example.com", 443, "http://example.com:443"),
        ("http://[::1]:8080", "http", "[::1]", 8080, "http://[::1]:8080"),
        ("http://[2001:db8::1]", "http", "[2001:db8::1]", nil, "http://[2001:db8::1]"),
    ])
    func readsURLs(url: String, scheme: String, host: String, port: Int?, base: String) throws {
        let address = try #require(PublicAddress(url: url))
        #expect(address.scheme == scheme)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.base == base)
    }

    @Test(arguments: [
        "", "example.com", "ftp://example.com", "http://", "http:///", "https://:443", "https://example.com/path",
        "https://example.com?x", "https://example.com#x", "https://user@example.com", "https://example.com:0",
        "https://example.com:65536", "https://example.com:", "https://example.com:+443", "https://example.com:4 3",
        "https://exam ple.com", "https://[::1", "https://::1", "https://a]b", "https://[a[b]", "https://[::1]x",
        "https://caf\u{E9}.example", "https://example.com//",
    ])
    func refusesWhatIsNotABase(url: String) {
        #expect(PublicAddress(url: url) == nil)
    }

    @Test func makesTheLinksOfTheReferencePage() throws {
        let slug = try #require(Slug("quiet-lime-42"))
        let address = try #require(PublicAddress(url: "https://wormkey.io"))
        #expect(address.publicURL(for: slug) == "https://wormkey.io/s/quiet-lime-42")
        #expect(
            address.ownerURL(for: slug, ownerToken: "x7y8z9a0b1c2d3e4f5g6h7i8j9k0l1m2")
                == "https://wormkey.io/.wormkey/owner?slug=quiet-lime-42&token=x7y8z9a0b1c2d3e4f5g6h7i8j9k0l1m2"
        )
        #expect(
            address.overlayScriptURL(for: slug) == "https://wormkey.io/.wormkey/overlay.js?slug=quiet-lime-42"
        )
        #expect(address.edgeURL == "wss://wormkey.io/tunnel")
        let local = try #require(PublicAddress(url: "http://localhost:3002", style: .subdomain))
        #expect(local.publicURL(for: slug) == "http://quiet-lime-42.localhost:3002")
        #expect(local.edgeURL == "ws://localhost:3002/tunnel")
    }

    @Test func knowsThisMachine() throws {
        for host in ["localhost", "a.localhost", "127.0.0.1", "127.255.255.255", "[::1]", "::1"] {
            #expect(isLoopbackHost(host), "\(host)")
        }
        let others = [
            "example.com", "localhost.example.com", "xlocalhost", "128.0.0.1", "127.0.0.1.example.com", "127.0.0",
            "127.0.0.256", "127.0.0.-1", "127.0.0.+1", "127...1", "[::2]", "0.0.0.0", "",
        ]
        for host in others { #expect(!isLoopbackHost(host), "\(host)") }
        #expect(try #require(PublicAddress(url: "http://localhost:3002")).isLoopback)
        #expect(try !#require(PublicAddress(url: "https://wormkey.io")).isLoopback)
    }
}
