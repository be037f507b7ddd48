import AccessControl
import DaypassTestSupport
import Testing

@Suite("Client addresses and ranges")
struct ClientAddressTests {
    @Test(
        "reads the usual forms and writes the canonical one",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
            ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::00A1", "2001:db8::a1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
            ("::ffff:192.0.2.1", "192.0.2.1"), ("::FFFF:c000:0201", "192.0.2.1"),
            ("0:0:0:0:0:ffff:10.0.0.1", "10.0.0.1"),
        ]
    )
    func reads(text: String, canonical: String) throws {
        let address = try #require(ClientAddress(parsing: text))
        #expect(address.text == canonical)
        #expect(ClientAddress(parsing: canonical)?.text == canonical)
    }

    @Test(
        "refuses everything else",
        arguments: [
            "", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4",
            "1.2.3.4:80", "0x7f.0.0.1", "1..2.3", "٣.2.3.4", "1.2.3.4/32", ":", ":::", "1:2", "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9", "1::2::3", "::1::", "1:::2", ":1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:", "12345::",
            "g::", "::1.2.3", "::1.2.3.256", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "fe80::1%eth0",
            "fe80::1%25eth0", "[::1]", "::1/128", "1:2:3:4:5:6:7:8::", "localhost", "unknown",
            "00000000000000000000000000000000000000000000000::1",
        ]
    )
    func refuses(text: String) {
        #expect(ClientAddress(parsing: text) == nil)
        #expect(ClientAddress(parsing: Substring(text)) == nil)
    }

    @Test("is identified by the whole IPv4 address or the /64")
    func identity() throws {
        let (one, two) = (try Fixture.address("2001:db8:1:2::1"), try Fixture.address("2001:db8:1:2:ffff::9"))
        #expect(one == two)
        #expect(Set([one, two]).count == 1)
        #expect(one.text != two.text)
        #expect(one.identityText == "2001:db8:1:2::/64")
        #expect(one.identityText == two.identityText)
        #expect(one != (try Fixture.address("2001:db8:1:3::1")))
        #expect(try Fixture.address("10.0.0.1") != Fixture.address("10.0.0.2"))
        #expect(try Fixture.address("10.0.0.1").identityText == "10.0.0.1")
        #expect(try Fixture.address("::ffff:10.0.0.1") == Fixture.address("10.0.0.1"))
        // The same bits mean different things in the two families.
        #expect(try Fixture.address("0.0.0.0") != Fixture.address("::"))
    }

    @Test("is made from bytes in network order")
    func bytes() throws {
        #expect(ClientAddress(v4: (192, 0, 2, 1)).text == "192.0.2.1")
        #expect(ClientAddress(bytes: [192, 0, 2, 1])?.text == "192.0.2.1")
        let v6: [UInt8] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]
        #expect(ClientAddress(bytes: v6)?.text == "2001:db8::5")
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3]
        #expect(ClientAddress(bytes: mapped)?.text == "10.1.2.3")
        #expect(ClientAddress(bytes: [UInt8](repeating: 0, count: 5)) == nil)
        #expect(ClientAddress(bytes: [UInt8]()) == nil)
    }

    @Test("random addresses survive their text form")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<2000 {
            // Many zero groups, so that every place of "::" occurs.
            let bytes = (0..<8)
                .flatMap { _ -> [UInt8] in
                    Bool.random(using: &generator)
                        ? [0, 0]
                        : [UInt8.random(in: 0...255, using: &generator), UInt8.random(in: 0...255, using: &generator)]
                }
            let address = try #require(ClientAddress(bytes: bytes))
            let read = try #require(ClientAddress(parsing: address.text), "\(address.text)")
            #expect(read.text == address.text)
            #expect(read == address)
        }
    }

    @Test(
        "ranges hold what they say",
        arguments: [
            ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.0.0.0/8", "::10", false),
            ("0.0.0.0/0", "255.1.2.3", true), ("0.0.0.0/0", "::1", false), ("0.0.0.0/0", "::ffff:1.2.3.4", true),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("192.0.2.1/32", "192.0.2.1", true),
            ("192.0.2.128/25", "192.0.2.127", false), ("192.0.2.128/25", "192.0.2.128", true),
            ("::/0", "2001:db8::1", true), ("::/0", "1.2.3.4", false), ("::1", "::1", true), ("::1", "::2", false),
            ("::1/128", "::1", true), ("2001:db8::/32", "2001:db8:ffff::", true),
            ("2001:db8::/32", "2001:db9::", false), ("2001:db8:0:1::/64", "2001:db8:0:1:8000::", true),
            ("2001:db8:0:1::/64", "2001:db8:0:2::", false), ("2001:db8::8000:0:0:0/65", "2001:db8::8000:0:0:1", true),
            ("2001:db8::8000:0:0:0/65", "2001:db8::1", false), ("fe80::/10", "febf::1", true),
            ("fe80::/10", "fec0::1", false), ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("::ffff:10.0.0.0/104", "11.0.0.0", false), ("::ffff:0:0/96", "9.9.9.9", true),
        ]
    )
    func ranges(range: String, address: String, isInside: Bool) throws {
        let range = try #require(AddressRange(parsing: range))
        #expect(try Fixture.address(address).isContained(in: range) == isInside)
    }

    @Test(
        "refuses ranges that are malformed or ambiguous",
        arguments: [
            "", "/", "10.0.0.0/", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/8/8",
            "10.1.2.3/8", "::1/64", "::/129", "::/1000", "10.0.0.0/ 8", "10.0.0/8", "fe80::%1/10",
            "::ffff:10.0.0.0/95", "::ffff:10.0.0.1/104", "10.0.0.0/255.0.0.0", "loopback",
        ]
    )
    func refusedRanges(text: String) { #expect(AddressRange(parsing: text) == nil) }
}

@Suite("Trusted proxies")
struct TrustedProxiesTests {
    private func proxies(_ ranges: String...) throws -> TrustedProxies {
        TrustedProxies(try ranges.map { try #require(AddressRange(parsing: $0)) })
    }

    @Test(
        "finds the client behind trusted proxies only",
        arguments: [
            // (peer, X-Forwarded-For lines, client)
            ("203.0.113.9", [], "203.0.113.9"),
            ("203.0.113.9", ["1.1.1.1"], "203.0.113.9"),
            ("10.0.0.1", [], "10.0.0.1"),
            ("10.0.0.1", [""], "10.0.0.1"),
            ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", ["  198.51.100.7\t"], "198.51.100.7"),
            // What the client wrote itself stands to the left and is not believed.
            ("10.0.0.1", ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", ["127.0.0.1, 10.0.0.2, 198.51.100.7, 10.0.0.3"], "198.51.100.7"),
            ("10.0.0.1", ["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", ["198.51.100.7", "10.0.0.2,10.0.0.3"], "198.51.100.7"),
            // Only trusted addresses: the leftmost one.
            ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // What is not an address ends the walk at the proxy that wrote it.
            ("10.0.0.1", ["198.51.100.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", ["198.51.100.7, , 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", ["198.51.100.7,"], "10.0.0.1"),
            ("10.0.0.1", ["fe80::1%eth0"], "10.0.0.1"),
            ("10.0.0.1", ["198.51.100.7 10.0.0.2"], "10.0.0.1"),
            ("10.0.0.1", ["_hidden, 10.0.0.2"], "10.0.0.2"),
            // Ports, brackets, mapped addresses.
            ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.1", ["[2001:db8::5]:443"], "2001:db8::5"),
            ("10.0.0.1", ["[2001:db8::5]"], "2001:db8::5"),
            ("10.0.0.1", ["2001:db8::5"], "2001:db8::5"),
            ("10.0.0.1", ["198.51.100.7, ::ffff:10.0.0.2"], "198.51.100.7"),
            ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", ["[198.51.100.7]"], "10.0.0.1"),
            ("10.0.0.1", ["[2001:db8::5"], "10.0.0.1"),
            ("10.0.0.1", ["[2001:db8::5]x"], "10.0.0.1"),
            ("10.0.0.1", ["198.51.100.7:"], "10.0.0.1"),
            ("10.0.0.1", ["198.51.100.7:port"], "10.0.0.1"),
            ("fd00::1", ["198.51.100.7"], "198.51.100.7"),
            ("fd00::2", ["198.51.100.7"], "fd00::2"),
        ] as [(String, [String], String)]
    )
    func client(peer: String, lines: [String], client: String) throws {
        let proxies = try self.proxies("10.0.0.0/8", "fd00::1")
        #expect(proxies.client(peer: try Fixture.address(peer), forwardedFor: lines).text == client)
    }

    @Test("believes nobody without ranges")
    func noRanges() throws {
        let proxies = TrustedProxies()
        #expect(proxies.isEmpty)
        #expect(proxies.client(peer: try Fixture.address("127.0.0.1"), forwardedFor: "1.1.1.1").text == "127.0.0.1")
    }

    @Test("looks at a bounded number of hops")
    func manyHops() throws {
        let proxies = try self.proxies("10.0.0.0/8")
        let peer = try Fixture.address("10.0.0.1")
        func chain(_ count: Int) -> String {
            (["198.51.100.7"] + (0..<count).map { "10.1.0.\($0)" }).joined(separator: ", ")
        }
        #expect(proxies.client(peer: peer, forwardedFor: chain(15)).text == "198.51.100.7")
        // The sixteenth hop is the first proxy; what stands before it is not looked at.
        #expect(proxies.client(peer: peer, forwardedFor: chain(16)).text == "10.1.0.0")
        #expect(proxies.client(peer: peer, forwardedFor: chain(200)).text == "10.1.0.184")
    }
}
