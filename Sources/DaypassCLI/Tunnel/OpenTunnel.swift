import Foundation
package import SessionModel

/// A session this process serves.
package struct OpenTunnel: Equatable, Sendable {
    /// What is remembered about it on disk.
    package var saved: SavedSession
    /// Basic authentication's credentials, known only to whoever created the session.
    package var credentials: BasicCredentials?

    /// A session with its credentials, if it has any.
    package init(saved: SavedSession, credentials: BasicCredentials?) {
        self.saved = saved
        self.credentials = credentials
    }

    /// The line `--json` prints and `--output` writes once connected, keys in documented order; user name and password
    /// are there with `--auth` only.
    package var connectedJSON: String {
        var pairs = [
            ("session_id", Self.quoted(self.saved.sessionId)), ("slug", Self.quoted(self.saved.slug)),
            ("url", Self.quoted(self.saved.publicUrl)), ("owner_url", Self.quoted(self.saved.ownerUrl)),
            ("expires_at", Self.quoted(self.saved.expiresAt)), ("pid", String(self.saved.pid)),
            ("status", "\"connected\""),
        ]
        if let credentials {
            pairs.append(("username", Self.quoted(credentials.username)))
            pairs.append(("password", Self.quoted(credentials.password)))
        }
        return "{" + pairs.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }

    private static func quoted(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        guard let data = try? encoder.encode(text) else { return "\"\"" }
        return String(decoding: data, as: UTF8.self)
    }
}
