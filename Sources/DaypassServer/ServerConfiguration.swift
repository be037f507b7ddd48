package import Configuration
package import ControlAPI
package import Edge
import Foundation
package import GatewayService
package import SessionModel
package import SessionStore
package import WalletService

/// Everything `daypass serve` can be told, read once at the start.
///
/// Each part reads its own scope and documents its keys there: `control` (`ControlAPIConfiguration`), `edge`
/// (`EdgeConfiguration`), `sessions` (`SessionServiceConfiguration`, `SessionForgetterConfiguration`), `gateway`
/// (`GatewayServiceConfiguration`), `wallets` (`WalletServiceConfiguration`). What concerns several parts stands at the top
/// and is given to them here.
package struct ServerConfiguration: Sendable {
    /// The control API; its public address, access and admin token are decided when the edge is bound.
    package var control: ControlAPIConfiguration
    /// The edge.
    package var edge: EdgeConfiguration
    /// Limits of sessions and tokens.
    package var sessions: SessionServiceConfiguration
    /// What is forgotten, and when.
    package var forgetting: SessionForgetterConfiguration
    /// What the API gateway keeps, and how long.
    package var gateway: GatewayServiceConfiguration
    /// What wallet sessions keep, and how chains' nodes are asked.
    package var wallets: WalletServiceConfiguration
    /// Who may call the control API without a credential; nil decides by the public address.
    package var access: ControlAccess?
    /// The data folder.
    package var dataPath: String
    /// The admin token's file, if one was named; its first line is the token.
    package var adminTokenFile: String?

    /// Reads the configuration.
    ///
    /// Top-level keys: `publicUrl` (absolute http or https URL without a path; default: the address of the edge) ·
    /// `urlStyle` (`path` or `subdomain`) · `data` (folder) · `store` (`sqlite:`, the default: a file in the data
    /// folder) · `adminTokenFile` (path; at least 24 characters in it). `control.auth` is `open`, `local` or `required`.
    ///
    /// Throws `validation_error` with a sentence that names the key.
    package init(config: ConfigReader, defaultDataPath: String) throws {
        self.edge = try EdgeConfiguration(config: config.scoped(to: "edge"))
        self.control = try ControlAPIConfiguration(config: config.scoped(to: "control"))
        // A proxy that is trusted before the edge is trusted before the control API, unless that has its own list.
        if self.control.trustedProxies.isEmpty { self.control.trustedProxies = self.edge.trustedProxies }
        self.sessions = try SessionServiceConfiguration(config: config.scoped(to: "sessions"))
        self.forgetting = try SessionForgetterConfiguration(config: config.scoped(to: "sessions"))
        self.gateway = try GatewayServiceConfiguration(config: config.scoped(to: "gateway"))
        self.wallets = try WalletServiceConfiguration(config: config.scoped(to: "wallets"))
        self.access = config.string(forKey: "control.auth") == nil ? nil : self.control.access
        self.dataPath = config.string(forKey: "data", default: defaultDataPath)
        if let style = config.string(forKey: "urlStyle") {
            guard let style = PublicAddress.Style(rawValue: style) else {
                throw Self.invalid("urlStyle", "must be path or subdomain")
            }
            self.edge.urlStyle = style
        }
        if let url = config.string(forKey: "publicUrl") {
            guard let address = PublicAddress(url: url, style: self.edge.urlStyle) else {
                throw Self.invalid(
                    "publicUrl",
                    "must be an http or https URL without a path, such as https://example.com"
                )
            }
            self.edge.publicAddress = address
        } else if let address = self.edge.publicAddress {
            self.edge.publicAddress = PublicAddress(url: address.base, style: self.edge.urlStyle)
        }
        try Self.checkStore(config.string(forKey: "store", default: "sqlite:"))
        if self.edge.publicAddress == nil {
            guard !["0.0.0.0", "::", "*", ""].contains(self.edge.host) else {
                throw Self.invalid(
                    "publicUrl",
                    "is needed when the edge listens on every address: say how viewers reach it"
                )
            }
            // Names under a number do not exist; names under localhost do.
            if self.edge.urlStyle == .subdomain, self.edge.port != 0 {
                let url = "\(self.edgeScheme)://localhost:\(self.edge.port)"
                self.edge.publicAddress = PublicAddress(url: url, style: .subdomain)
            }
        }
        self.adminTokenFile = config.string(forKey: "adminTokenFile")
        if let adminTokenFile { self.control.adminTokenDigest = try Self.digest(ofTokenIn: adminTokenFile) }
    }

    /// A server for one process: free loopback ports, local mode, its data in `dataPath`.
    package init(standaloneIn dataPath: String) {
        self.edge = EdgeConfiguration()
        self.edge.port = 0
        self.control = ControlAPIConfiguration(port: 0, publicAddress: .anyLoopback)
        self.sessions = SessionServiceConfiguration()
        self.forgetting = SessionForgetterConfiguration()
        self.gateway = GatewayServiceConfiguration()
        self.wallets = WalletServiceConfiguration()
        self.access = .local
        self.dataPath = dataPath
    }

    /// The longest an orderly shutdown takes: what the edge gives open requests, and as much again for the rest.
    package var shutdownLimit: Duration { self.edge.drainTimeout + .seconds(10) }

    /// Where the control API listens, for people.
    package var controlAddress: String { Self.authority(self.control.host, self.control.port) }

    /// Where the edge listens, for people.
    package var edgeAddress: String { Self.authority(self.edge.host, self.edge.port) }

    /// `https` when the edge has a certificate.
    package var edgeScheme: String { self.edge.tlsCertificatePath == nil ? "http" : "https" }

    /// Where public links point, once the edge's port is known.
    package func publicAddress(edgePort: Int) -> PublicAddress {
        if let configured = self.edge.publicAddress { return configured }
        let url = "\(self.edgeScheme)://\(Self.authority(self.edge.host, edgePort))"
        return PublicAddress(url: url, style: self.edge.urlStyle) ?? .anyLoopback
    }

    /// `host:port`, IPv6 in brackets.
    package static func authority(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func checkStore(_ url: String) throws {
        if url == "sqlite:" || url == "sqlite" { return }
        if url.hasPrefix("postgres:") || url.hasPrefix("postgresql:") {
            throw Self.invalid("store", "cannot be PostgreSQL: that is not supported yet; leave it out to use SQLite")
        }
        throw Self.invalid("store", "must be sqlite: (the database is in the data folder)")
    }

    private static func digest(ofTokenIn path: String) throws -> SecretDigest {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw Self.invalid("adminTokenFile", "names a file that cannot be read: \(path)")
        }
        let token = text.split(whereSeparator: \.isNewline).first.map { String($0.filter { !$0.isWhitespace }) } ?? ""
        guard token.utf8.count >= 24 else {
            throw Self.invalid("adminTokenFile", "must hold a token of at least 24 characters")
        }
        return SecretDigest(of: token)
    }

    private static func invalid(_ key: String, _ message: String) -> DaypassError {
        DaypassError(
            .validationError,
            "The setting \(key) \(message).",
            details: [DaypassError.Detail(path: key, message: message)]
        )
    }
}

extension PublicAddress {
    /// Stands in until the edge's own address is known.
    fileprivate static var anyLoopback: PublicAddress {
        guard let address = PublicAddress(url: "http://127.0.0.1:3002") else {
            preconditionFailure("A constant URL is valid.")
        }
        return address
    }
}
