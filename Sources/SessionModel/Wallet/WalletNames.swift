/// What an identifier of the wallet part is of; its prefix keeps identifiers of different things apart.
package protocol WalletIDKind: Sendable {
    /// What identifiers start with: `org_`.
    static var prefix: String { get }
}

/// The permanent identifier of something that belongs to wallet sessions: a prefix and 12 characters of `[a-z0-9]`
/// (62 bits); not a secret.
package struct WalletEntityID<Kind: WalletIDKind>: Hashable, Sendable, CustomStringConvertible {
    /// The identifier as a number below 36¹².
    package let number: UInt64

    /// Reads an identifier; nil unless it has exactly the published form.
    package init?(_ text: some StringProtocol) {
        guard let number = readBase36ID(text, prefix: Kind.prefix) else { return nil }
        self.number = number
    }

    /// Draws a new identifier.
    package static func random(using generator: inout some RandomNumberGenerator) -> Self {
        Self(unchecked: UInt64.random(in: 0..<base36IDLimit, using: &generator))
    }

    private init(unchecked number: UInt64) { self.number = number }

    /// Restores an identifier from its number; nil when there is none of that number.
    package init?(number: UInt64) {
        guard number < base36IDLimit else { return nil }
        self.number = number
    }

    /// The identifier as it is published.
    package var text: String { writeBase36ID(self.number, prefix: Kind.prefix) }

    package var description: String { self.text }
}

/// Organizations: `org_…`.
package enum OrganizationIDKind: WalletIDKind {
    package static let prefix = "org_"
}
/// Tokens of organizations: `otk_…`; the identifier is not the secret.
package enum OrganizationTokenIDKind: WalletIDKind {
    package static let prefix = "otk_"
}
/// Wallets: `wal_…`.
package enum WalletIdentifierKind: WalletIDKind {
    package static let prefix = "wal_"
}
/// Wallet sessions, one per install: `ws_…`.
package enum WalletSessionIDKind: WalletIDKind {
    package static let prefix = "ws_"
}
/// All sessions that one call created: `wsg_…`.
package enum WalletSessionGroupIDKind: WalletIDKind {
    package static let prefix = "wsg_"
}
/// Session keys that Daypass keeps: `sky_…`.
package enum SessionKeyIDKind: WalletIDKind {
    package static let prefix = "sky_"
}

/// The identifier of an organization.
package typealias OrganizationID = WalletEntityID<OrganizationIDKind>
/// The identifier of an organization's token.
package typealias OrganizationTokenID = WalletEntityID<OrganizationTokenIDKind>
/// The identifier of a wallet.
package typealias WalletID = WalletEntityID<WalletIdentifierKind>
/// The identifier of a wallet session.
package typealias WalletSessionID = WalletEntityID<WalletSessionIDKind>
/// The identifier of a group of wallet sessions.
package typealias WalletSessionGroupID = WalletEntityID<WalletSessionGroupIDKind>
/// The identifier of a session key in custody.
package typealias SessionKeyID = WalletEntityID<SessionKeyIDKind>

/// The address of an account: 20 bytes, compared without regard to the case of its letters.
///
/// Requests are read in any case; the manager replaces the text by that of the checksum (EIP-55), which is what is
/// stored and answered, and refuses mixed case that is not it.
package struct WalletAddress: Hashable, Sendable, CustomStringConvertible {
    /// `0x` and 40 digits, as written.
    package let text: String

    /// Reads `0x` and 40 digits of any case.
    package init?(_ text: some StringProtocol) {
        let isHex = { (byte: UInt8) in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
                UInt8(ascii: "A")...UInt8(ascii: "F"):
                true
            default: false
            }
        }
        guard text.utf8.count == 42, text.hasPrefix("0x"), text.utf8.dropFirst(2).allSatisfy(isHex) else { return nil }
        self.text = String(text)
    }

    /// `0x` and 40 lower-case digits: the form under which addresses are found.
    package var lowercased: String { self.text.lowercased() }

    package static func == (lhs: WalletAddress, rhs: WalletAddress) -> Bool { lhs.lowercased == rhs.lowercased }

    package func hash(into hasher: inout Hasher) { hasher.combine(self.lowercased) }

    package var description: String { self.text }
}
