/// What kind of account a wallet is; set when it is registered, never guessed.
package enum WalletKind: String, Sendable, CaseIterable {
    /// A Kernel account: every delegation is proven, and the gateway acts under it.
    case kernel
    /// Any other vendor's: delegations are kept as they are, nothing is proven, and the gateway does not act.
    case opaque
}

/// A wallet of an organization.
package struct WalletRecord: Equatable, Sendable {
    /// Its identifier, the `walletId` of the published API.
    package var id: WalletID
    /// Whose it is.
    package var organization: OrganizationID
    /// What it is called; 1…128 characters.
    package var name: String
    /// What kind of account it is.
    package var kind: WalletKind
    /// The account, the same on every chain; nil for opaque wallets that have none of this form.
    package var address: WalletAddress?
    /// The Kernel version that it must be of, such as `0.3.3`; nil for whichever is proven.
    package var kernelVersion: String?
    /// When it was registered.
    package var createdAt: Timestamp

    /// A wallet with every field given.
    package init(
        id: WalletID,
        organization: OrganizationID,
        name: String,
        kind: WalletKind,
        address: WalletAddress?,
        kernelVersion: String? = nil,
        createdAt: Timestamp
    ) {
        self.id = id
        self.organization = organization
        self.name = name
        self.kind = kind
        self.address = address
        self.kernelVersion = kernelVersion
        self.createdAt = createdAt
    }
}

/// The URL of a node or a bundler, which may hold a provider's key: shown without its path and query.
package struct ChainURL: Hashable, Sendable, CustomStringConvertible {
    /// The most characters of one.
    package static let maximumLength = 2048

    /// The URL as given; a secret.
    package let secretText: String
    /// `https` or `http`, `://`, host and port.
    package let base: String

    /// Reads an http or https URL with a host, without user name, fragment or anything but printable ASCII.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.maximumLength, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return nil
        }
        let schemes = ["https://", "http://"]
        guard let scheme = schemes.first(where: { text.hasPrefix($0) }), !text.utf8.contains(UInt8(ascii: "#")) else {
            return nil
        }
        let rest = Substring(text).dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard let host = Self.host(of: authority), !host.isEmpty else { return nil }
        self.secretText = String(text)
        self.base = scheme + authority
    }

    /// The host of `host`, `host:port` or `[address]:port`; nil when it is none of these.
    private static func host(of authority: Substring) -> Substring? {
        var host = authority
        var port: Substring?
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = authority[...end]
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.first == ":" else { return nil }
            port = after.isEmpty ? nil : after.dropFirst()
            guard host.dropFirst().dropLast().utf8.allSatisfy({ isHexDigit($0) || $0 == 0x3A || $0 == 0x2E }) else {
                return nil
            }
        } else {
            if let colon = authority.firstIndex(of: ":") {
                host = authority[..<colon]
                port = authority[authority.index(after: colon)...]
            }
            let isPlain = host.utf8.allSatisfy { byte in
                isBase36(byte | 0x20) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
                    || byte == UInt8(ascii: "_")
            }
            guard isPlain else { return nil }
        }
        if let port {
            guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(port), number > 0 else {
                return nil
            }
        }
        return host
    }

    /// What may be shown: `https://host:port/…`.
    package var description: String {
        self.secretText.utf8.count > self.base.utf8.count + 1 ? "\(self.base)/…" : self.base
    }
}

private func isHexDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
}

/// A chain the server knows, with the programs it is reached through; the same for all organizations.
package struct WalletChain: Equatable, Sendable {
    /// Chain identifiers that JSON carries exactly.
    package static let ids = 1...9_007_199_254_740_991

    /// The chain's identifier (EIP-155).
    package var id: Int
    /// What it is called; 1…128 characters.
    package var name: String
    /// The node that is asked about accounts; without one no delegation of a kernel wallet can be proven.
    package var node: ChainURL?
    /// The bundler that user operations go to.
    package var bundler: ChainURL?

    /// A chain with every field given.
    package init(id: Int, name: String, node: ChainURL?, bundler: ChainURL? = nil) {
        self.id = id
        self.name = name
        self.node = node
        self.bundler = bundler
    }
}
