import Crypto
import Foundation
import SessionModel
import SessionStore

/// What a secret of wallet sessions belongs to; authenticated with it, so that it cannot be moved to another record.
struct WalletSecretPlace: Sendable, CustomStringConvertible {
    /// What kind of secret, for people.
    let kind: String
    /// Whose it is.
    let organization: OrganizationID?
    /// The identifier of the session, the key or the chain.
    let subject: String
    /// The chain of a session.
    let chainID: Int?

    /// The delegation of a session.
    static func delegation(of id: WalletSessionID, _ organization: OrganizationID, chainID: Int) -> Self {
        Self(kind: "delegation", organization: organization, subject: id.text, chainID: chainID)
    }

    /// The private half of a session key.
    static func privateKey(of id: SessionKeyID, _ organization: OrganizationID) -> Self {
        Self(kind: "private key", organization: organization, subject: id.text, chainID: nil)
    }

    /// A URL of a chain.
    static func url(_ name: String, ofChain id: Int) -> Self {
        Self(kind: name, organization: nil, subject: "chain", chainID: id)
    }

    var description: String { "The \(self.kind) of \(self.subject)" }

    /// The associated data: every part on a line of its own, which no part has an end of.
    fileprivate func associatedData(_ layer: String) -> Data {
        Data(
            """
            daypass/v1/\(layer)
            \(self.kind)
            \(self.organization?.text ?? "")
            \(self.subject)
            \(self.chainID.map { String($0) } ?? "")
            """
            .utf8
        )
    }
}

/// A secret under its own data key, and that under the server's.
struct WalletSealed: Sendable {
    /// The data key, encrypted.
    var dataKey: Data
    /// The secret, encrypted with the data key.
    var content: Data
}

extension StoreKey {
    /// Encrypts `secret` with a new random data key (AES-256-GCM), and that with the key derived from the server's.
    func seal(_ secret: SecretBytes, at place: WalletSecretPlace) throws -> WalletSealed {
        let dataKey = SymmetricKey(size: .bits256)
        return WalletSealed(
            dataKey: try self.wrap(dataKey.withUnsafeBytes { Data($0) }, at: place),
            content: try Self.box(Data(secret.bytes), with: dataKey, place.associatedData("content"))
        )
    }

    /// Decrypts what `seal` made for the same place.
    func open(_ sealed: WalletSealed, at place: WalletSecretPlace) throws -> SecretBytes {
        let dataKey = SymmetricKey(data: try self.unwrap(sealed.dataKey, at: place))
        guard let content = Self.unbox(sealed.content, with: dataKey, place.associatedData("content")) else {
            throw self.failure(at: place)
        }
        return SecretBytes(Array(content))
    }

    /// Encrypts a data key, or another short secret, with the key derived from the server's.
    func wrap(_ secret: Data, at place: WalletSecretPlace) throws -> Data {
        try Self.box(secret, with: self.walletKey, place.associatedData("wrapped"))
    }

    /// Decrypts what `wrap` made for the same place.
    func unwrap(_ sealed: Data, at place: WalletSecretPlace) throws -> Data {
        guard let secret = Self.unbox(sealed, with: self.walletKey, place.associatedData("wrapped")) else {
            throw self.failure(at: place)
        }
        return secret
    }

    /// Authenticates the end of a ledger (HMAC-SHA256): without the server's key nobody makes another.
    func seal(_ head: WalletAuditHead, of ledger: String) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: Self.sealed(head, ledger), using: self.ledgerKey))
    }

    /// Whether `seal` was made by `seal(_:of:)` with this key; in constant time.
    func isGenuine(_ seal: Data, for head: WalletAuditHead, of ledger: String) -> Bool {
        HMAC<SHA256>
            .isValidAuthenticationCode(
                seal,
                authenticating: Self.sealed(head, ledger),
                using: self.ledgerKey
            )
    }

    private static func sealed(_ head: WalletAuditHead, _ ledger: String) -> Data {
        Data("daypass/v1/ledger\n\(ledger)\n\(head.sequence)\n\(lowerHex(head.hash))".utf8)
    }

    private static func box(_ plain: Data, with key: SymmetricKey, _ associatedData: Data) throws -> Data {
        let box = try AES.GCM.seal(plain, using: key, authenticating: associatedData)
        guard let combined = box.combined else { throw StoreFailure("AES-GCM gave no combined box.") }
        return combined
    }

    private static func unbox(_ sealed: Data, with key: SymmetricKey, _ associatedData: Data) -> Data? {
        guard let box = try? AES.GCM.SealedBox(combined: sealed) else { return nil }
        return try? AES.GCM.open(box, using: key, authenticating: associatedData)
    }

    private func failure(at place: WalletSecretPlace) -> StoreFailure {
        StoreFailure(
            "\(place) cannot be decrypted with the key file \(self.file): the file belongs to another database, or the "
                + "data was changed. Restore the key file and the database from the same backup."
        )
    }
}
