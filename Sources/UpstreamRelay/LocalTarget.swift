import NIOCore
package import SessionModel

/// The local app an agent relays to: scheme, host and port.
package struct LocalTarget: Sendable, Equatable {
    /// How the agent speaks to the local app.
    package enum Scheme: String, Sendable, CaseIterable {
        /// HTTP/1.1 over TCP.
        case http
        /// HTTP/1.1 over TLS. Certificates of loopback hosts are not verified, because development servers
        /// use self-signed ones; those of other hosts are.
        case https

        /// The port meant when a URL names none.
        package var defaultPort: Int {
            switch self {
            case .http: 80
            case .https: 443
            }
        }
    }

    /// How to speak.
    package let scheme: Scheme
    /// Lower-case host name or address literal, IPv6 without brackets.
    package let host: String
    /// 1…65535.
    package let port: Int

    /// Names a target whose parts are known to be valid; `host` is lower case, IPv6 without brackets.
    package init(scheme: Scheme = .http, host: String = "localhost", port: Int) {
        self.scheme = scheme
        self.host = host
        self.port = port
    }

    /// Reads what a person types: `3000`, `host:port`, `[::1]:3000` or `http(s)://host[:port]`.
    ///
    /// - Throws: `validation_error` with a sentence that says what is wrong.
    package init(parsing text: String) throws(DaypassError) {
        var rest = Substring(text)
        var scheme: Scheme?
        if let mark = rest.firstRange(of: "://") {
            guard let known = Scheme(rawValue: rest[..<mark.lowerBound].lowercased()) else {
                throw Self.invalid("\(Self.quoted(text)) is not an http:// or https:// address.")
            }
            scheme = known
            rest = rest[mark.upperBound...]
            if rest.hasSuffix("/") { rest = rest.dropLast() }
            guard !rest.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }) else {
                throw Self.invalid(
                    "A target names scheme, host and port only; leave the path out of \(Self.quoted(text))."
                )
            }
        } else if !rest.isEmpty, rest.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            self.init(port: try Self.port(rest))
            return
        }
        guard !rest.utf8.contains(UInt8(ascii: "@")) else {
            throw Self.invalid("A target names no user or password.")
        }
        let (host, portText) = try Self.split(rest, of: text)
        if portText.isEmpty {
            guard let scheme else {
                throw Self.invalid("\(Self.quoted(text)) names no port. Write it as host:port, for example 3000.")
            }
            self.init(scheme: scheme, host: host, port: scheme.defaultPort)
        } else {
            self.init(scheme: scheme ?? .http, host: host, port: try Self.port(portText.dropFirst()))
        }
    }

    /// Whether the host is this machine: `localhost`, a name under it, or a loopback address.
    package var isLoopback: Bool {
        self.isLocalhostName || self.host == "::1"
            || (self.host.hasPrefix("127.") && self.host.utf8.allSatisfy { $0 < UInt8(ascii: ":") })
    }

    /// Whether the host is `localhost` or a name under it, which mean both loopback addresses (RFC 6761, 6.3).
    package var isLocalhostName: Bool {
        self.host == "localhost" || self.host.hasSuffix(".localhost")
    }

    /// `host:port`, IPv6 in brackets.
    package var authority: String {
        self.host.utf8.contains(UInt8(ascii: ":")) ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }

    /// The target as a URL for people: `http://localhost:3000`.
    package var displayName: String { "\(self.scheme.rawValue)://\(self.authority)" }

    // MARK: Reading

    /// Splits `host:port` or `[address]:port`; the port text starts with its colon or is empty.
    private static func split(
        _ rest: Substring,
        of text: String
    ) throws(DaypassError) -> (host: String, port: Substring) {
        if rest.hasPrefix("[") {
            guard let bracket = rest.firstIndex(of: "]") else {
                throw Self.invalid("\(Self.quoted(text)) has an opening bracket without a closing one.")
            }
            let host = rest[rest.index(after: rest.startIndex)..<bracket].lowercased()
            guard host.utf8.contains(UInt8(ascii: ":")), (try? SocketAddress(ipAddress: host, port: 0)) != nil else {
                throw Self.invalid("\(Self.quoted(host)) is not an IPv6 address.")
            }
            let port = rest[rest.index(after: bracket)...]
            guard port.isEmpty || port.hasPrefix(":") else {
                throw Self.invalid("\(Self.quoted(text)) has text between the address and the port.")
            }
            return (host, port)
        }
        let colon = rest.firstIndex(of: ":") ?? rest.endIndex
        guard rest[colon...].dropFirst().firstIndex(of: ":") == nil else {
            throw Self.invalid("Write an IPv6 address in brackets, for example [::1]:3000.")
        }
        let host = rest[..<colon].lowercased()
        guard !host.isEmpty, host.utf8.count <= 253, host.utf8.allSatisfy(Self.isNameByte) else {
            throw Self.invalid(
                host.isEmpty ? "\(Self.quoted(text)) names no host." : "\(Self.quoted(host)) is not a host name."
            )
        }
        return (host, rest[colon...])
    }

    private static func port(_ text: Substring) throws(DaypassError) -> Int {
        guard
            !text.isEmpty, text.utf8.count <= 5,
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = Int(text), (1...65535).contains(port)
        else {
            throw Self.invalid("\(Self.quoted(String(text))) is not a port; ports are 1 to 65535.")
        }
        return port
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default:
            false
        }
    }

    /// The text in quotes, cut so that an error stays one readable line.
    private static func quoted(_ text: String) -> String {
        text.count > 80 ? "\"\(text.prefix(80))…\"" : "\"\(text)\""
    }

    private static func invalid(_ message: String) -> DaypassError {
        DaypassError(.validationError, message, details: [.init(path: "target", message: message)])
    }
}
