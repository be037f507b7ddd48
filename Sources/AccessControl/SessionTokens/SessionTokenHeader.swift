import SessionModel

/// The parts of a session token that has passed every check that comes before its signature.
package struct UnverifiedToken: Equatable, Sendable {
    /// The identifier of the signing key, one of those that were asked for.
    package let keyID: String
    /// Header and payload with the dot between them: what the signature covers.
    package let signingInput: [UInt8]
    /// The decoded payload, not to be believed yet.
    package let payload: [UInt8]
    /// The signature: 64 bytes of Ed25519.
    package let signature: [UInt8]

    /// The longest token that is looked at, in bytes.
    package static let maximumLength = 2048
    /// The longest header and payload, in bytes of base64url.
    package static let maximumHeader = 256
    /// What `typ` must say, so that no other token of this server can be used instead (RFC 8725, section 3.11).
    package static let type = "daypass-session+jwt"

    /// Takes a token apart and checks its header before any signature is looked at.
    ///
    /// Nil unless: three parts of canonical base64url within the bounds; a header of exactly `alg`, `typ` and `kid`, so
    /// no `jwk`, `jku`, `x5u`, `x5c` or `crit`; `alg` is exactly `EdDSA`; `typ` is ours; and `kid` is exactly one of
    /// `keyIDs`. Nothing is fetched, and memory is bounded by the token's length. Libraries that fall back to a default
    /// key for an unknown `kid` must only be asked after this.
    package init?(parsing token: [UInt8], keyIDs: Set<String>) {
        guard token.count <= Self.maximumLength else { return nil }
        let parts = token.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count <= Self.maximumHeader, parts[2].count == 86,
            let header = decodedBase64URL(parts[0]), let payload = decodedBase64URL(parts[1]),
            let signature = decodedBase64URL(parts[2]), signature.count == 64,
            case .object(let members)? = try? JSONParser.parse(header), members.count == 3
        else { return nil }
        let object = JSONValue.object(members)
        guard object["alg"] == .string("EdDSA"), object["typ"] == .string(Self.type),
            case .string(let keyID)? = object["kid"], keyIDs.contains(keyID)
        else { return nil }
        self.keyID = keyID
        self.signingInput = Array(token[..<(parts[1].endIndex)])
        self.payload = payload
        self.signature = signature
    }

    /// The header and payload of a token about to be signed, with the dot between them.
    package static func signingInput(keyID: String, claims: SessionClaims) -> [UInt8] {
        let header = JSONValue.object([
            .init("alg", "EdDSA"), .init("typ", .string(self.type)), .init("kid", .string(keyID)),
        ])
        return base64URLBytes(header.text.utf8) + [UInt8(ascii: ".")] + base64URLBytes(claims.json.text.utf8)
    }
}

/// Decodes base64url as JWS has it (RFC 7515, section 2): no padding, no other characters, no stray bits; else nil.
func decodedBase64URL(_ text: some Collection<UInt8>) -> [UInt8]? {
    decodedSextets(text, last: (UInt8(ascii: "-"), UInt8(ascii: "_")))
}
