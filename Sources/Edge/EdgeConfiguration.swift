package import AccessControl
package import Configuration
package import NIOCore
package import ProxySemantics
package import SessionModel

/// Everything that can be set about the edge; the defaults suit a developer's machine.
package struct EdgeConfiguration: Sendable {
    /// Address to listen on.
    package var host = "127.0.0.1"
    /// Port to listen on; 0 lets the system choose.
    package var port = 3002
    /// A bound socket handed over by a service manager, which is listened on instead of `host` and `port`.
    ///
    /// It outlives this process: connections that arrive during a restart wait in it.
    package var inheritedSocket: CInt?
    /// Where the edge is reached from outside; nil means the address it listens on.
    package var publicAddress: PublicAddress?
    /// Style of published links when `publicAddress` is nil.
    package var urlStyle: PublicAddress.Style = .path
    /// PEM file with the certificate chain; with `tlsKeyPath` turns TLS on.
    ///
    /// Both files are read again when they change.
    package var tlsCertificatePath: String?
    /// PEM file with the private key.
    package var tlsKeyPath: String?
    /// Proxies whose forwarding fields are believed.
    package var trustedProxies: [AddressRange] = []
    /// How long a request waits for an agent that is away.
    package var reconnectGrace: Duration = .seconds(5)
    /// Viewer connections at once.
    package var maximumConnections = 20_000
    /// Streams open at once in one session.
    package var maximumStreamsPerSession = 256
    /// Streams open at once from one viewer address in one session, so that nobody can hold all of them.
    package var maximumStreamsPerAddress = 192
    /// Requests per second of one session, with a burst of twice as many.
    package var requestsPerSecondPerSession = 100_000
    /// Requests per second of one viewer address in one session, with a burst of twice as many.
    package var requestsPerSecondPerAddress = 50_000
    /// Requests for unknown slugs per minute and address.
    package var unknownSlugsPerMinute = 60
    /// Bounds of heads and trailers.
    package var parserLimits = HTTPParserLimits()
    /// How long a request's head may take.
    package var headTimeout: TimeAmount = .seconds(15)
    /// How long a connection may stay without a request.
    package var idleTimeout: TimeAmount = .seconds(75)
    /// How long the answer's head may take after the request is complete; the agent's own limit is shorter.
    package var responseTimeout: TimeAmount = .seconds(130)
    /// How long a tenant's upstream may take to begin its answer, or to take the next bytes of a request.
    package var upstreamTimeout: Duration = .seconds(60)
    /// How long, and for how many bytes, a peer that goes on sending after an early answer is listened to.
    package var lingerTimeout: TimeAmount = .seconds(2)
    /// See `lingerTimeout`.
    package var lingerBytes = 4 << 20
    /// How long open exchanges may go on after shutdown began.
    package var drainTimeout: Duration = .seconds(10)

    /// The defaults.
    package init() {}

    /// Reads the keys of the scope `edge`.
    ///
    /// `host`, `port`, `publicUrl` (absolute http or https URL), `urlStyle` (`path`, `subdomain`), `tls.certificate`,
    /// `tls.key` (paths), `trustedProxies` (list of CIDR ranges), `reconnectGraceSeconds` (0…60), `maxConnections`, `maxStreamsPerSession` and `maxStreamsPerAddress` (1…10000), `requestsPerSecond`, `requestsPerSecondPerAddress`,
    /// `headTimeoutSeconds` (1…300), `idleTimeoutSeconds` (1…3600), `responseTimeoutSeconds` (1…3600),
    /// `upstreamTimeoutSeconds` (1…3600; of the API gateway).
    /// Throws `validation_error` naming the key.
    package init(config: ConfigReader) throws {
        self.init()
        self.host = config.string(forKey: "host", default: self.host)
        self.port = try Self.integer(config, "port", self.port, 0...65535)
        if let style = config.string(forKey: "urlStyle") {
            guard let style = PublicAddress.Style(rawValue: style) else {
                throw Self.invalid("urlStyle", "use path or subdomain")
            }
            self.urlStyle = style
        }
        if let url = config.string(forKey: "publicUrl") {
            guard let address = PublicAddress(url: url, style: self.urlStyle) else {
                throw Self.invalid("publicUrl", "give an absolute http or https URL without a path")
            }
            self.publicAddress = address
        }
        self.tlsCertificatePath = config.string(forKey: "tls.certificate")
        self.tlsKeyPath = config.string(forKey: "tls.key")
        guard (self.tlsCertificatePath == nil) == (self.tlsKeyPath == nil) else {
            throw Self.invalid("tls", "give both the certificate and the key")
        }
        self.trustedProxies = try config.stringArray(forKey: "trustedProxies", default: [])
            .map { text in
                guard let range = AddressRange(parsing: text) else {
                    throw Self.invalid("trustedProxies", "\(text) is not an address range such as 10.0.0.0/8")
                }
                return range
            }
        self.reconnectGrace = .seconds(try Self.integer(config, "reconnectGraceSeconds", 5, 0...60))
        self.maximumConnections = try Self.integer(config, "maxConnections", self.maximumConnections, 1...1_000_000)
        self.maximumStreamsPerSession = try Self.integer(
            config,
            "maxStreamsPerSession",
            self.maximumStreamsPerSession,
            1...10_000
        )
        self.maximumStreamsPerAddress = try Self.integer(
            config,
            "maxStreamsPerAddress",
            self.maximumStreamsPerAddress,
            1...10_000
        )
        self.requestsPerSecondPerSession = try Self.integer(
            config,
            "requestsPerSecond",
            self.requestsPerSecondPerSession,
            1...10_000_000
        )
        self.requestsPerSecondPerAddress = try Self.integer(
            config,
            "requestsPerSecondPerAddress",
            self.requestsPerSecondPerAddress,
            1...10_000_000
        )
        self.headTimeout = .seconds(Int64(try Self.integer(config, "headTimeoutSeconds", 15, 1...300)))
        self.idleTimeout = .seconds(Int64(try Self.integer(config, "idleTimeoutSeconds", 75, 1...3600)))
        self.responseTimeout = .seconds(Int64(try Self.integer(config, "responseTimeoutSeconds", 130, 1...3600)))
        self.upstreamTimeout = .seconds(try Self.integer(config, "upstreamTimeoutSeconds", 60, 1...3600))
    }

    private static func integer(
        _ config: ConfigReader,
        _ key: String,
        _ fallback: Int,
        _ range: ClosedRange<Int>
    ) throws -> Int {
        let value = config.int(forKey: ConfigKey(key), default: fallback)
        guard range.contains(value) else {
            throw Self.invalid(key, "must be \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private static func invalid(_ key: String, _ message: String) -> DaypassError {
        DaypassError(
            .validationError,
            "The setting edge.\(key) is not valid: \(message).",
            details: [DaypassError.Detail(path: "edge.\(key)", message: message)]
        )
    }
}
