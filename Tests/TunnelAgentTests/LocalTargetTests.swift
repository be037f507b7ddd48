import SessionModel
import Testing
import TunnelAgent
import UpstreamRelay

@Suite("What people type as the local app")
struct LocalTargetTests {
    @Test(arguments: [
        ("3000", "http://localhost:3000"),
        ("1", "http://localhost:1"),
        ("65535", "http://localhost:65535"),
        ("localhost:8080", "http://localhost:8080"),
        ("LocalHost:8080", "http://localhost:8080"),
        ("127.0.0.1:80", "http://127.0.0.1:80"),
        ("my_app.internal:5173", "http://my_app.internal:5173"),
        ("[::1]:3000", "http://[::1]:3000"),
        ("http://localhost", "http://localhost:80"),
        ("http://localhost:3000/", "http://localhost:3000"),
        ("HTTPS://example.test", "https://example.test:443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://[fe80::1]", "https://[fe80::1]:443"),
    ])
    func accepts(text: String, name: String) throws {
        #expect(try LocalTarget(parsing: text).displayName == name)
    }

    @Test(arguments: [
        "", "0", "65536", "999999", "99999999999999999999", "-1", "localhost", ":3000", "localhost:", "localhost:x",
        "localhost:80 ", "local host:80", "::1", "::1:3000", "[::1", "[::1]x:3000", "[nonsense]:3000", "[127.0.0.1]:80",
        "ftp://localhost", "http://", "http://:80", "http://localhost/path", "http://localhost?x=1",
        "http://user@localhost", "user:secret@localhost:80", "http://localhost:0", "host:80:90", "h\u{E9}:80",
        "a\r\nb:80",
    ])
    func refuses(text: String) {
        #expect {
            try LocalTarget(parsing: text)
        } throws: { error in
            let error = error as? DaypassError
            return error?.code == .validationError && error?.details.first?.path == "target"
                && error?.message.isEmpty == false
        }
    }

    @Test func messagesStayShort() throws {
        #expect {
            try LocalTarget(parsing: String(repeating: "x", count: 100_000))
        } throws: { error in
            ((error as? DaypassError)?.message.count ?? .max) < 200
        }
    }

    @Test(arguments: [
        ("localhost:1", true), ("app.localhost:1", true), ("127.9.9.9:1", true), ("[::1]:1", true),
        ("127.example.org:1", false), ("10.0.0.1:1", false), ("notlocalhost:1", false), ("[::2]:1", false),
    ])
    func knowsLoopback(text: String, isLoopback: Bool) throws {
        #expect(try LocalTarget(parsing: text).isLoopback == isLoopback)
    }

    @Test(
        arguments: [
            ("localhost", HostHeader.localhost, "localhost:3000"),
            ("preserve", .preserve, nil),
            ("app.test:8080", .value("app.test:8080"), "app.test:8080"),
            ("[::1]:80", .value("[::1]:80"), "[::1]:80"),
        ] as [(String, HostHeader, String?)]
    )
    func readsHostHeader(text: String, header: HostHeader, value: String?) throws {
        #expect(try HostHeader(parsing: text) == header)
        #expect(header.fieldValue(for: LocalTarget(port: 3000)) == value)
    }

    @Test(arguments: ["", "a b", "a\r\nX: y", "http://a", String(repeating: "a", count: 260)])
    func refusesHostHeader(text: String) {
        #expect(throws: DaypassError.self) { try HostHeader(parsing: text) }
    }
}
