import SQLiteStore

/// What is done to a server's key while the server is stopped.
package enum ServerKey {
    /// Draws a new key for the server whose data folder is `dataPath`, and encrypts anew everything the old one encrypted.
    ///
    /// Answers what was done, in a sentence for people. Throws `service_unavailable`, with another one, while a server runs on
    /// the folder or when something cannot be decrypted with the old key; then the old key stays in force.
    package static func rotate(dataPath: String) throws -> String {
        let directory = try DataDirectory(path: dataPath)
        defer { directory.unlock() }
        let done = try KeyRotation.rotate(directory)
        return """
            The key in \(dataPath) was replaced. Encrypted anew: \(done.dataKeys) data keys, \(done.urls) URLs, \
            \(done.passwords) passwords, \(done.signingKeys) signing keys, \(done.ledgers) audit ledgers. Back up server.key.
            """
    }
}
