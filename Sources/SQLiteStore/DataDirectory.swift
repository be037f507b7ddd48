import Glibc
package import SessionModel
package import SessionStore

/// The folder a server keeps its state in: the database, the key, the admin token's digest and the lock.
///
/// | file | content |
/// |---|---|
/// | `daypass.db`, `-wal`, `-shm` | the SQLite database |
/// | `server.key` | 32 random bytes; without it passwords in the database are lost and cookies are void |
/// | `server.key.next` | there only while the key is changed (`KeyRotation`) |
/// | `admin.digest` | SHA-256 of the admin token, as 64 hexadecimal digits |
/// | `daypass.lock` | locked (`flock`) by the server that uses the folder, with its process id |
///
/// The folder has mode 0700 and every file 0600. Two servers cannot use one folder: the lock is held until
/// `unlock` or until this object goes away. All errors are `service_unavailable` with a sentence for the person who
/// starts the server.
package final class DataDirectory: Sendable {
    /// The folder, as it was given.
    package let path: String
    /// The key that was read or made.
    package let key: StoreKey
    /// Digest of the admin token.
    package let adminTokenDigest: SecretDigest
    /// The admin token itself, only when it was made just now: show it, it exists nowhere else.
    ///
    /// `dp_admin_` and 40 of `[a-z0-9]`.
    package let firstAdminToken: String?
    private let lock: FileLock

    /// The database's path.
    package var databasePath: String { "\(self.path)/daypass.db" }
    /// 32 bytes that sign viewers' and owners' cookies; the same at every start.
    package var signingKey: [UInt8] { self.key.signingKey }

    /// Creates the folder if there is none, checks who may read it, takes the lock, and reads or makes the key and the
    /// admin token.
    ///
    /// `randomSource` is replaced in tests.
    package init(path: String, randomSource: @escaping RandomSource = systemRandomSource) throws {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self.path = path
        try PrivateFile.createDirectory(path) { try PrivateFile.exists("\(path)/server.key") }
        self.lock = try FileLock(path: "\(path)/daypass.lock")

        let keyFile = "\(path)/server.key"
        try KeyRotation.finish(in: path)
        if let bytes = try PrivateFile.read(keyFile, limit: 4096) {
            self.key = try StoreKey(bytes: bytes, file: keyFile)
        } else {
            // A database without its key would silently lose every password.
            guard try !PrivateFile.exists("\(path)/daypass.db") else {
                throw DaypassError(
                    .serviceUnavailable,
                    "The key file \(keyFile) is missing, but \(path)/daypass.db needs it. Restore it from a backup."
                )
            }
            let bytes = (0..<StoreKey.byteCount / 8)
                .flatMap { _ in
                    withUnsafeBytes(of: randomSource()) { Array($0) }
                }
            try PrivateFile.write(bytes, to: keyFile)
            self.key = try StoreKey(bytes: bytes, file: keyFile)
        }

        let digestFile = "\(path)/admin.digest"
        if let bytes = try PrivateFile.read(digestFile, limit: 4096) {
            let text = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
            guard let digest = SecretDigest(hexadecimal: text) else {
                throw DaypassError(
                    .serviceUnavailable,
                    "\(digestFile) is not a SHA-256 digest in hexadecimal. Remove it to get a new admin token."
                )
            }
            self.adminTokenDigest = digest
            self.firstAdminToken = nil
        } else {
            var generator = SourceGenerator(source: randomSource)
            let token = "dp_admin_" + randomBase36(40, using: &generator)
            let digest = SecretDigest(of: token)
            try PrivateFile.write(Array((digest.hexadecimal + "\n").utf8), to: digestFile)
            self.adminTokenDigest = digest
            self.firstAdminToken = token
        }
    }

    /// Lets another server use the folder; call it after the store is closed.
    ///
    /// Idempotent.
    package func unlock() {
        self.lock.unlock()
    }
}

extension SecretDigest {
    fileprivate var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: self.bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    fileprivate init?(hexadecimal text: String) {
        guard text.utf8.count == 64, text.utf8.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else {
            return nil
        }
        let digits = text.compactMap(\.hexDigitValue).map(UInt8.init)
        self.init(bytes: stride(from: 0, to: 64, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
    }
}
