package import SessionModel

/// What is kept on disk about a session opened from here, so that it can be managed when its process is gone.
package struct SavedSession: Codable, Equatable, Sendable {
    /// The permanent identifier.
    package var sessionId: String
    /// The name in URLs.
    package var slug: String
    /// The control API it was created at; its token is sent nowhere else.
    package var server: String
    /// Where its agent connects.
    package var edgeUrl: String
    /// The owner's credential, `slug.ownerToken`.
    package var sessionToken: String
    /// The link for viewers.
    package var publicUrl: String
    /// The link for the owner, which carries the owner token.
    package var ownerUrl: String
    /// When it ends by itself, ISO 8601.
    package var expiresAt: String
    /// The process that runs its agent.
    package var pid: Int32
    /// What it shares, for people.
    package var target: String

    /// A saved session with every field given.
    package init(
        sessionId: String,
        slug: String,
        server: String,
        edgeUrl: String,
        sessionToken: String,
        publicUrl: String,
        ownerUrl: String,
        expiresAt: String,
        pid: Int32,
        target: String
    ) {
        self.sessionId = sessionId
        self.slug = slug
        self.server = server
        self.edgeUrl = edgeUrl
        self.sessionToken = sessionToken
        self.publicUrl = publicUrl
        self.ownerUrl = ownerUrl
        self.expiresAt = expiresAt
        self.pid = pid
        self.target = target
    }

    /// Whether the session has ended by itself at `now`; an unreadable date counts as ended.
    package func hasExpired(now: Timestamp) -> Bool { Timestamp(iso8601: self.expiresAt).map { $0 <= now } ?? true }
}
