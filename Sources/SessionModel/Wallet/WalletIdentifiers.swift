/// A kind of thing that wallet sessions name.
package protocol WalletIdentifierKind: Sendable {
    /// What its identifiers begin with.
    static var prefix: String { get }
}

/// A permanent identifier: a prefix and 20 characters of `[a-z0-9]` (103 bits); not a secret.
///
/// An organization's identifiers tell nobody else anything: what belongs to another one is answered as unknown.
package struct WalletIdentifier<Kind: WalletIdentifierKind>: Hashable, Sendable, CustomStringConvertible {
    /// Characters after the prefix.
    package static var randomLength: Int { 20 }

    /// The identifier as it is published.
    package let rawValue: String

    /// Reads an identifier; nil unless it has exactly the published form.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count == Kind.prefix.utf8.count + Self.randomLength, text.hasPrefix(Kind.prefix),
            text.utf8.dropFirst(Kind.prefix.utf8.count).allSatisfy(isBase36)
        else { return nil }
        self.rawValue = String(text)
    }

    /// Draws a new identifier.
    package static func random(using generator: inout some RandomNumberGenerator) -> WalletIdentifier {
        WalletIdentifier(unchecked: Kind.prefix + randomBase36(Self.randomLength, using: &generator))
    }

    private init(unchecked rawValue: String) { self.rawValue = rawValue }

    package var description: String { self.rawValue }
}

/// Organizations.
package enum OrganizationKind: WalletIdentifierKind {
    package static let prefix = "org_"
}

/// Tokens of organizations.
package enum OrganizationTokenKind: WalletIdentifierKind {
    package static let prefix = "otk_"
}

/// Wallets.
package enum WalletRecordKind: WalletIdentifierKind {
    package static let prefix = "wal_"
}

/// Session keys in custody.
package enum SessionKeyKind: WalletIdentifierKind {
    package static let prefix = "skey_"
}

/// Sessions of wallets, one for each chain.
package enum WalletSessionKind: WalletIdentifierKind {
    package static let prefix = "ws_"
}

/// Sessions of one call.
package enum WalletSessionGroupKind: WalletIdentifierKind {
    package static let prefix = "wsg_"
}

/// Names an organization.
package typealias OrganizationID = WalletIdentifier<OrganizationKind>
/// Names a token of an organization.
package typealias OrganizationTokenID = WalletIdentifier<OrganizationTokenKind>
/// Names a wallet.
package typealias WalletID = WalletIdentifier<WalletRecordKind>
/// Names a session key in custody.
package typealias SessionKeyID = WalletIdentifier<SessionKeyKind>
/// Names a session of a wallet on one chain.
package typealias WalletSessionID = WalletIdentifier<WalletSessionKind>
/// Names the sessions of one call.
package typealias WalletSessionGroupID = WalletIdentifier<WalletSessionGroupKind>

/// The address of an account as text: `0x` and 40 hexadecimal digits.
///
/// Letter case does not count when two are compared. Whether it is a right checksum (EIP-55) is for who can hash.
package struct AccountAddress: Sendable, CustomStringConvertible {
    /// The address as it was written.
    package let text: String

    /// Reads an address; nil unless it has that form.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count == 42, text.hasPrefix("0x"),
            text.utf8.dropFirst(2)
                .allSatisfy({ byte in
                    switch byte {
                    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
                        UInt8(ascii: "A")...UInt8(ascii: "F"):
                        true
                    default: false
                    }
                })
        else { return nil }
        self.text = String(text)
    }

    /// The address in lower case, for keys of maps and tables.
    package var normalized: String { self.text.lowercased() }

    package var description: String { self.text }
}

extension AccountAddress: Hashable {
    package static func == (lhs: AccountAddress, rhs: AccountAddress) -> Bool { lhs.normalized == rhs.normalized }

    package func hash(into hasher: inout Hasher) { hasher.combine(self.normalized) }
}
