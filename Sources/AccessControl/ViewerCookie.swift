import Crypto
package import SessionModel

/// What a viewer's cookie says, once its signature is verified.
package struct ViewerCredential: Equatable, Sendable {
    /// `vw_` and 16 of `[a-z0-9]`.
    package var viewerID: String
    /// When the cookie was first issued to this viewer; kept when the cookie is renewed with a proof.
    package var issuedAt: Timestamp
    /// Proof that the viewer gave the session's password (`CompiledPolicy.passwordProof`).
    ///
    /// Worthless once the password changes; nil if no password was given.
    package var passwordProof: String?

    /// A credential with every field given.
    package init(viewerID: String, issuedAt: Timestamp, passwordProof: String? = nil) {
        self.viewerID = viewerID
        self.issuedAt = issuedAt
        self.passwordProof = passwordProof
    }

    /// A credential for a viewer not seen before, with a random identifier (82 bits).
    package static func new(issuedAt: Timestamp, using generator: inout some RandomNumberGenerator) -> ViewerCredential
    {
        ViewerCredential(viewerID: "vw_" + randomBase36(16, using: &generator), issuedAt: issuedAt)
    }

    /// Whether `id` has the form of a browser's viewer identifier.
    package static func isViewerID(_ id: some StringProtocol) -> Bool {
        id.utf8.count == 19 && id.hasPrefix("vw_") && id.utf8.dropFirst(3).allSatisfy(isBase36)
    }
}

/// Signs and verifies the cookie that makes a browser one viewer of one session (spec: tunnel sessions, 3.3).
///
/// A value is `v1.{viewer id}.{milliseconds in base 36}.{password proof or empty}.{HMAC-SHA256, base64url}`; the code
/// covers the session's slug and everything before it. Also derives what must not be guessable without the server's
/// key: address identifiers and password proofs.
package struct ViewerCookieSigner: Sendable {
    /// The longest value that is looked at, in bytes.
    package static let maximumLength = 160
    /// How long the code at the end is: 32 bytes in base64url.
    private static let codeLength = 43

    private let cookieKey: PurposeKey
    private let addressKey: PurposeKey
    private let passwordKey: PurposeKey
    private let basicKey: PurposeKey

    /// Signs with `key`, which must be 32 bytes from the system's secure generator.
    package init(key: [UInt8]) {
        self.cookieKey = PurposeKey(master: key, purpose: "daypass viewer cookie v1")
        self.addressKey = PurposeKey(master: key, purpose: "daypass client address v1")
        self.passwordKey = PurposeKey(master: key, purpose: "daypass password proof v1")
        self.basicKey = PurposeKey(master: key, purpose: "daypass basic credentials v1")
    }

    /// The cookie value for `credential` in the session named `slug`.
    package func mint(_ credential: ViewerCredential, slug: Slug) -> String {
        let issued = String(credential.issuedAt.millisecondsSinceEpoch, radix: 36)
        let payload = "v1.\(credential.viewerID).\(issued).\(credential.passwordProof ?? "")"
        return "\(payload).\(String(decoding: self.code(payload.utf8, slug: slug), as: UTF8.self))"
    }

    /// The credential in `value`; nil unless it was minted with this key for `slug`.
    ///
    /// `notBefore` is when the session was created: a cookie older than that belonged to an earlier session of the same
    /// name.
    package func verify(
        _ value: some StringProtocol,
        slug: Slug,
        notBefore: Timestamp? = nil
    ) -> ViewerCredential? {
        guard value.utf8.count <= Self.maximumLength else { return nil }
        var text = String(value)
        return text.withUTF8 { self.verify($0, slug: slug, notBefore: notBefore) }
    }

    private func verify(_ value: UnsafeBufferPointer<UInt8>, slug: Slug, notBefore: Timestamp?) -> ViewerCredential? {
        let dot = UInt8(ascii: ".")
        let end = value.count - Self.codeLength - 1
        guard end > 0, value[end] == dot else { return nil }
        let payload = value[..<end]
        let expected = self.code(payload, slug: slug)
        guard constantTimeEquals(UnsafeBufferPointer(rebasing: value[(end + 1)...]), expected) else { return nil }
        let fields = payload.split(separator: dot, maxSplits: 4, omittingEmptySubsequences: false)
        guard fields.count == 4, fields[0].elementsEqual("v1".utf8) else { return nil }
        let viewerID = String(decoding: fields[1], as: UTF8.self)
        guard ViewerCredential.isViewerID(viewerID),
            let issued = Int64(String(decoding: fields[2], as: UTF8.self), radix: 36)
        else { return nil }
        let issuedAt = Timestamp(millisecondsSinceEpoch: issued)
        if let notBefore, issuedAt < notBefore { return nil }
        let proof = fields[3].isEmpty ? nil : String(decoding: fields[3], as: UTF8.self)
        return ViewerCredential(viewerID: viewerID, issuedAt: issuedAt, passwordProof: proof)
    }

    /// The identifier of a client address within one session, `ip_` and 16 hexadecimal digits: it tells addresses
    /// apart without revealing them, and differs from session to session.
    package func addressID(of address: ClientAddress, slug: Slug) -> String {
        let code = self.addressKey.code(for: Array(slug.rawValue.utf8) + [UInt8(ascii: "\n")] + address.identityBytes)
        let digits = Array("0123456789abcdef".utf8)
        let text = code.prefix(8).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: Array("ip_".utf8) + text, as: UTF8.self)
    }

    /// A digest of a session's password (128 bits, base64url) that cannot be checked offline without the key.
    package func passwordProof(_ password: some StringProtocol, session: SessionID) -> String {
        base64URL(self.passwordKey.code(for: "\(session.rawValue)\n\(password)").prefix(16))
    }

    /// A keyed digest of Basic credentials (`user:password`): 32 bytes.
    func basicProof(_ credentials: [UInt8], session: SessionID) -> [UInt8] {
        self.basicKey.code(for: Array(session.rawValue.utf8) + [UInt8(ascii: "\n")] + credentials)
    }

    private func code(_ payload: some Collection<UInt8>, slug: Slug) -> [UInt8] {
        base64URLBytes(self.cookieKey.code(for: Array(slug.rawValue.utf8) + [UInt8(ascii: "\n")] + payload))
    }
}
