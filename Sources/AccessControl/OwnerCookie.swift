import Crypto
package import SessionModel

/// Signs and verifies the cookie that lets a browser act as a session's owner (spec: tunnel sessions, 3.5).
///
/// A value is `o1.{issued}.{expires}.{HMAC-SHA256, base64url}` with both times as milliseconds in base 36. The code also
/// covers the session's identifier, slug and owner token digest, so the cookie is worth nothing for another session, or
/// for a later one of the same name.
package struct OwnerCookieSigner: Sendable {
    /// The longest value that is looked at, in bytes.
    package static let maximumLength = 96

    private let key: PurposeKey

    /// Signs with `key`, which must be 32 bytes from the system's secure generator.
    package init(key: [UInt8]) { self.key = PurposeKey(master: key, purpose: "daypass owner cookie v1") }

    /// The cookie value for the owner of `record`, good from `issuedAt` until before `expiresAt`.
    package func mint(record: SessionRecord, issuedAt: Timestamp, expiresAt: Timestamp) -> String {
        self.mint(
            sessionID: record.id,
            slug: record.slug,
            ownerTokenDigest: record.ownerTokenDigest,
            issuedAt: issuedAt,
            expiresAt: expiresAt
        )
    }

    /// The cookie value for the owner of the session described.
    package func mint(
        sessionID: SessionID,
        slug: Slug,
        ownerTokenDigest: SecretDigest,
        issuedAt: Timestamp,
        expiresAt: Timestamp
    ) -> String {
        let payload = "o1.\(Self.text(issuedAt)).\(Self.text(expiresAt))"
        return "\(payload).\(self.code(payload, sessionID: sessionID, slug: slug, digest: ownerTokenDigest))"
    }

    /// Whether `value` was minted with this key for the owner of `record` as it is now, and is still good at `now`.
    package func verify(_ value: some StringProtocol, record: SessionRecord, now: Timestamp) -> Bool {
        guard value.utf8.count <= Self.maximumLength, let dot = value.lastIndex(of: ".") else {
            return false
        }
        let payload = String(value[..<dot])
        let given = value[value.index(after: dot)...]
        let expected = self.code(payload, sessionID: record.id, slug: record.slug, digest: record.ownerTokenDigest)
        guard constantTimeEquals(given.utf8, expected.utf8) else { return false }
        let fields = payload.split(separator: ".", omittingEmptySubsequences: false)
        guard fields.count == 3, fields[0] == "o1", let expires = Int64(fields[2], radix: 36) else { return false }
        return now.millisecondsSinceEpoch < expires
    }

    /// The token a page of the owner sends in a header with every state-changing call; derived from the cookie, which
    /// only the server and the browser know.
    package static func csrfToken(for ownerCookie: some StringProtocol) -> String {
        let key = SymmetricKey(data: Array(ownerCookie.utf8))
        return base64URL(Array(HMAC<SHA256>.authenticationCode(for: Array("daypass csrf v1".utf8), using: key)))
    }

    /// Whether `token` is the one that belongs to `ownerCookie`; in constant time.
    package static func isValidCSRFToken(_ token: some StringProtocol, ownerCookie: some StringProtocol) -> Bool {
        constantTimeEquals(token.utf8, self.csrfToken(for: ownerCookie).utf8)
    }

    private static func text(_ time: Timestamp) -> String { String(time.millisecondsSinceEpoch, radix: 36) }

    private func code(_ payload: String, sessionID: SessionID, slug: Slug, digest: SecretDigest) -> String {
        let text = "\(sessionID.rawValue)\n\(slug.rawValue)\n\(base64URL(digest.bytes))\n\(payload)"
        return base64URL(self.key.code(for: text))
    }
}
