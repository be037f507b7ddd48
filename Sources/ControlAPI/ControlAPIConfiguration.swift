package import AccessControl
package import Configuration
package import SessionModel

/// How the control API listens, whom it lets in and what it bounds.
package struct ControlAPIConfiguration: Sendable {
    /// Address or host name to listen on.
    package var host: String
    /// Port to listen on; 0 takes a free one.
    package var port: Int
    /// Where the edge is reached from outside: the links in answers are made from it.
    package var publicAddress: PublicAddress
    /// Who may call without a credential.
    package var access: ControlAccess
    /// Digest of the admin token; nil means there is none.
    package var adminTokenDigest: SecretDigest?
    /// The longest lifetime a session may ask for.
    package var maximumLifetime: Duration
    /// Connections open at once; further ones wait in the system's backlog.
    package var maximumConnections: Int
    /// A connection without a request, or with one that does not arrive, is closed after this.
    package var idleTimeout: Duration
    /// From the first byte of a request's head that was understood until its body must be complete.
    package var requestTimeout: Duration
    /// The largest request body in bytes; more is answered 413.
    package var maximumBodyBytes: Int
    /// The same for the admin's calls that take tenants with their routes.
    package var maximumDeclarationBytes: Int
    /// The same for the call that creates wallet sessions.
    package var maximumDelegationsBytes: Int
    /// Bytes of such bodies that are held at once, of all calls together; more is answered 429.
    package var maximumDelegationsBytesAtOnce: Int
    /// Failed attempts one address may make within a minute before it is refused for a while.
    package var failedAttemptLimit: Int
    /// For how long an address is refused then.
    package var failedAttemptRefusal: Duration
    /// Proxies whose `X-Forwarded-For` says who the client is, and who may ask at `/forward-auth`; an IPv6 client is
    /// its /64.
    package var trustedProxies: [AddressRange]

    /// A configuration with the documented defaults; `access` nil takes what fits the public address.
    package init(
        host: String = "127.0.0.1",
        port: Int = 3001,
        publicAddress: PublicAddress,
        access: ControlAccess? = nil,
        adminTokenDigest: SecretDigest? = nil,
        maximumLifetime: Duration = .seconds(7 * 86_400)
    ) {
        self.host = host
        self.port = port
        self.publicAddress = publicAddress
        self.access = access ?? .suited(to: publicAddress)
        self.adminTokenDigest = adminTokenDigest
        self.maximumLifetime = maximumLifetime
        self.maximumConnections = 512
        self.idleTimeout = .seconds(30)
        self.requestTimeout = .seconds(15)
        self.maximumBodyBytes = 64 * 1024
        self.maximumDeclarationBytes = 1024 * 1024
        self.maximumDelegationsBytes = WalletBounds.createBodyBytes
        self.maximumDelegationsBytesAtOnce = 8 * self.maximumDelegationsBytes
        self.failedAttemptLimit = 20
        self.failedAttemptRefusal = .seconds(60)
        self.trustedProxies = []
    }

    /// The largest request body of one call, in bytes.
    package func maximumBodyBytes(of operation: ControlOperation) -> Int {
        switch operation.bodySize {
        case .usual: self.maximumBodyBytes
        case .declaration: self.maximumDeclarationBytes
        case .delegations: self.maximumDelegationsBytes
        }
    }

    /// Reads a configuration; the reader is already scoped to this component.
    ///
    /// Keys: `host` (string, default `127.0.0.1`) · `port` (0…65535, default 3001) · `publicURL` (default
    /// `http://localhost:3002`) · `urlStyle` (`path` or `subdomain`) · `auth` (`open`, `local` or `required`; default by
    /// the public URL) · `adminToken` (secret, at least 24 characters; default none) · `maximumLifetimeSeconds`
    /// (default 604800) · `maximumConnections` (default 512) · `idleTimeoutSeconds` (default 30) ·
    /// `requestTimeoutSeconds` (default 15) · `failedAttemptLimit` (default 20) · `failedAttemptRefusalSeconds` (default
    /// 60) · `trustedProxies` (addresses and CIDR ranges; default none). Throws
    /// `validation_error` naming every key whose value is not understood.
    package init(config: ConfigReader) throws {
        var problems: [DaypassError.Detail] = []
        func integer(_ key: ConfigKey, _ range: ClosedRange<Int>, default value: Int) -> Int {
            if let number = config.int(forKey: key), range.contains(number) { return number }
            if config.int(forKey: key) != nil || config.string(forKey: key) != nil {
                problems.append(
                    .init(path: "\(key)", message: "must be an integer from \(range.lowerBound) to \(range.upperBound)")
                )
            }
            return value
        }
        func choice<Value: RawRepresentable & CaseIterable>(_ key: ConfigKey, _: Value.Type) -> Value?
        where Value.RawValue == String {
            guard let text = config.string(forKey: key) else { return nil }
            if let value = Value(rawValue: text) { return value }
            let allowed = Value.allCases.map(\.rawValue).joined(separator: ", ")
            problems.append(.init(path: "\(key)", message: "must be one of \(allowed)"))
            return nil
        }
        let style = choice("urlStyle", PublicAddress.Style.self) ?? .path
        let address = PublicAddress(
            url: config.string(forKey: "publicURL", default: "http://localhost:3002"),
            style: style
        )
        if address == nil {
            problems.append(.init(path: "publicURL", message: "must be an http or https URL without a path"))
        }
        let access = choice("auth", ControlAccess.self)
        let adminToken = config.string(forKey: "adminToken", isSecret: true)
        if let adminToken, adminToken.utf8.count < 24 {
            problems.append(.init(path: "adminToken", message: "must have at least 24 characters"))
        }
        let host = config.string(forKey: "host", default: "127.0.0.1")
        let port = integer("port", 0...65_535, default: 3001)
        let lifetime = integer("maximumLifetimeSeconds", 1...315_360_000, default: 7 * 86_400)
        let connections = integer("maximumConnections", 1...100_000, default: 512)
        let idle = integer("idleTimeoutSeconds", 1...3600, default: 30)
        let request = integer("requestTimeoutSeconds", 1...3600, default: 15)
        let failures = integer("failedAttemptLimit", 1...10_000, default: 20)
        let refusal = integer("failedAttemptRefusalSeconds", 1...86_400, default: 60)
        let proxies = config.stringArray(forKey: "trustedProxies", default: [])
            .compactMap { text -> AddressRange? in
                if let range = AddressRange(parsing: text) { return range }
                problems.append(.init(path: "trustedProxies", message: "must be addresses or CIDR ranges"))
                return nil
            }
        guard problems.isEmpty, let address else {
            throw DaypassError(
                .validationError,
                "The control API's configuration is not valid: "
                    + problems.map { "\($0.path) \($0.message)" }.joined(separator: "; ") + ".",
                details: problems
            )
        }
        self.init(
            host: host,
            port: port,
            publicAddress: address,
            access: access,
            adminTokenDigest: adminToken.map { SecretDigest(of: $0) },
            maximumLifetime: .seconds(lifetime)
        )
        self.maximumConnections = connections
        self.idleTimeout = .seconds(idle)
        self.requestTimeout = .seconds(request)
        self.failedAttemptLimit = failures
        self.failedAttemptRefusal = .seconds(refusal)
        self.trustedProxies = proxies
    }
}
