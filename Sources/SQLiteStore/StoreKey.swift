import Crypto
import Foundation
import SessionModel
import SessionStore

/// The server's secret key, from which everything else that must stay secret or unforgeable is derived (HKDF-SHA256,
/// RFC 5869).
///
/// It never leaves this type: callers get subkeys, each for one purpose.
package struct StoreKey: Sendable {
    /// Bytes in a key file.
    package static let byteCount = 32

    /// The file the key was read from, named in errors.
    package let file: String
    private let master: SymmetricKey
    private let passwordKey: SymmetricKey
    /// Encrypts the data keys of delegations and custody keys, and the URLs of chains.
    let walletKey: SymmetricKey
    /// Authenticates the ends of audit ledgers.
    let ledgerKey: SymmetricKey

    /// A key of exactly 32 random bytes that was read from `file`.
    ///
    /// Throws `service_unavailable` for another length.
    package init(bytes: [UInt8], file: String) throws {
        guard bytes.count == Self.byteCount else {
            throw DaypassError(
                .serviceUnavailable,
                "The key file \(file) has \(bytes.count) bytes instead of \(Self.byteCount). Restore it from a backup."
            )
        }
        self.file = file
        self.master = SymmetricKey(data: bytes)
        self.passwordKey = Self.derive("daypass/v1/store/passwords", from: self.master)
        self.walletKey = Self.derive("daypass/v1/store/wallets", from: self.master)
        self.ledgerKey = Self.derive("daypass/v1/store/ledgers", from: self.master)
    }

    /// 32 bytes that sign viewers' and owners' cookies.
    package var signingKey: [UInt8] {
        Self.derive("daypass/v1/edge/cookies", from: self.master).withUnsafeBytes { Array($0) }
    }

    /// Encrypts with AES-256-GCM (NIST SP 800-38D) under a random nonce; `place` is authenticated with it, so that the
    /// result cannot be moved to another record or column.
    func seal(_ text: String, place: String) throws -> Data {
        let box = try AES.GCM.seal(Data(text.utf8), using: self.passwordKey, authenticating: Data(place.utf8))
        guard let combined = box.combined else { throw StoreFailure("AES-GCM gave no combined box.") }
        return combined
    }

    /// Decrypts what `seal` made for the same `place`.
    ///
    /// Throws `StoreFailure` naming the key file when the data was not made by this key for this place, or was changed
    /// since.
    func open(_ sealed: Data, place: String) throws -> String {
        guard
            let box = try? AES.GCM.SealedBox(combined: sealed),
            let plain = try? AES.GCM.open(box, using: self.passwordKey, authenticating: Data(place.utf8)),
            let text = String(validating: plain, as: UTF8.self)
        else {
            throw StoreFailure(
                "\(place) cannot be decrypted with the key file \(self.file): the file belongs to another database, or "
                    + "the data was changed. Restore the key file and the database from the same backup."
            )
        }
        return text
    }

    private static func derive(_ purpose: String, from master: SymmetricKey) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: master, info: Data(purpose.utf8), outputByteCount: 32)
    }
}
