import SessionModel

/// The first half of a key's SHA-256 as two words: what keys are found by.
///
/// The whole digest is compared after that, so a collision, which takes 2⁶⁴ tries, finds nothing.
struct KeyFingerprint: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    init(_ digest: SecretDigest) {
        (self.high, self.low) = digest.bytes.withUnsafeBytes { bytes in
            (bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
    }

    /// The digest is random already: one word of it is as good a hash as any.
    func hash(into hasher: inout Hasher) { hasher.combine(self.low) }
}

/// The scopes of a key; keys with the same ones share them.
final class ScopeList: Sendable {
    let set: Set<Scope>
    /// In the order they are told to the upstream.
    let text: String

    init(_ set: Set<Scope>) {
        self.set = set
        self.text = set.sorted().map(\.rawValue).joined(separator: " ")
    }
}

/// The web origins of a key; keys with the same ones share them.
final class OriginList: Sendable {
    let rules: [WebOriginRule]
    private let exact: Set<WebOrigin>
    private let subdomains: Set<WebOrigin>

    init(_ rules: [WebOriginRule]) {
        self.rules = rules
        self.exact = Set(rules.compactMap { if case .exact(let origin) = $0 { origin } else { nil } })
        self.subdomains = Set(rules.compactMap { if case .subdomains(let base) = $0 { base } else { nil } })
    }

    func allows(_ origin: WebOrigin) -> Bool {
        self.exact.contains(origin)
            || (!self.subdomains.isEmpty && origin.parent.map { self.subdomains.contains($0) } ?? false)
    }
}

/// An API key prepared for the hot path: what a decision asks for and nothing else, because there may be millions.
final class CompiledKey: Sendable {
    let id: APIKeyID
    let tenant: Slug
    let kind: APIKeyKind
    let channels: KeyChannels
    /// Which of the snapshot's plans holds.
    let plan: Int
    let expiresAt: Timestamp?
    let revokedAt: Timestamp?
    let sessionsNotBefore: Timestamp?
    let scopes: ScopeList
    let origins: OriginList
    private let digest: SecretDigest
    private let retired: APIKeyRecord.Retired?

    init(_ record: APIKeyRecord, plan: Int, scopes: ScopeList, origins: OriginList) {
        self.id = record.id
        self.tenant = record.tenant
        self.kind = record.kind
        self.channels = record.channels
        self.plan = plan
        self.expiresAt = record.expiresAt
        self.revokedAt = record.revokedAt
        self.sessionsNotBefore = record.sessionsNotBefore
        self.scopes = scopes
        self.origins = origins
        self.digest = record.digest
        self.retired = record.retired
    }

    /// What the key is found by: its digest, and that of the secret it replaced.
    var fingerprints: [KeyFingerprint] {
        [KeyFingerprint(self.digest)] + (self.retired.map { [KeyFingerprint($0.digest)] } ?? [])
    }

    /// Which secret of the key has this digest.
    enum Secret {
        case current
        case retired(worksUntil: Timestamp)
    }

    /// The secret with exactly this digest; nil when it is none of the key's.
    func secret(with digest: SecretDigest) -> Secret? {
        if constantTimeEquals(self.digest.bytes, digest.bytes) { return .current }
        if let retired, constantTimeEquals(retired.digest.bytes, digest.bytes) {
            return .retired(worksUntil: retired.worksUntil)
        }
        return nil
    }
}
