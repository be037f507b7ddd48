package import SessionModel

/// What came of looking at a request's credentials.
package enum CredentialOutcome: Equatable, Sendable {
    /// Every credential the policy asks for is there and right.
    case allowed
    /// One is missing or wrong. `failedAttempt` is true when one was offered and was wrong, which counts as guessing.
    case refused(ErrorCode, failedAttempt: Bool)
}

/// A session's policy prepared for the hot path; made once per revision of the session's record.
///
/// Holds no password: what viewers must present is kept as keyed digests.
package struct CompiledPolicy: Sendable {
    /// The record this was made from.
    package let record: SessionRecord
    /// The proof that a viewer's cookie must carry; nil when the policy has no password.
    package let passwordProof: String?
    /// Whether the decision looks at `Authorization`.
    package let readsAuthorization: Bool
    /// The blocked paths.
    package let blockedPaths: BlockedPaths

    private let signer: ViewerCookieSigner
    private let basicProof: [UInt8]?
    private let kickedIDs: Set<String>
    /// Addresses kicked viewers were last seen from, each with the time of the first known kick.
    private let kickedAddresses: [String: Timestamp?]

    /// Prepares the policy of `record`; `signer` must be the one that signs the viewers' cookies.
    package init(record: SessionRecord, signer: ViewerCookieSigner) {
        self.record = record
        self.signer = signer
        let password = record.policy.password
        self.passwordProof = password.isEmpty ? nil : signer.passwordProof(password, session: record.id)
        self.readsAuthorization = record.authMode == .basic
        // Basic without credentials cannot be satisfied: an empty proof never matches.
        self.basicProof =
            record.authMode == .basic
            ? record.basicCredentials.map {
                signer.basicProof(Array("\($0.username):\($0.password)".utf8), session: record.id)
            } ?? [] : nil
        self.blockedPaths = BlockedPaths(record.policy.blockPaths)
        self.kickedIDs = Set(record.kickedViewers.map(\.viewerID))
        var addresses: [String: Timestamp?] = [:]
        for viewer in record.kickedViewers {
            for id in [viewer.addressID, viewer.viewerID] {
                guard let id, id.hasPrefix("ip_") else { continue }
                let times = [addresses[id] ?? nil, viewer.kickedAt].compactMap { $0 }
                addresses.updateValue(times.min(), forKey: id)
            }
        }
        self.kickedAddresses = addresses
    }

    /// Whether the decision looks at the viewer's cookie for a password proof, and at `X-Daypass-Password`.
    package var readsPassword: Bool { self.passwordProof != nil }

    /// The credential in a viewer's cookie, if it is valid for this session.
    package func credential(inCookie value: some StringProtocol) -> ViewerCredential? {
        self.signer.verify(value, slug: self.record.slug, notBefore: self.record.createdAt)
    }

    /// The cookie value for `credential` in this session.
    package func cookie(for credential: ViewerCredential) -> String {
        self.signer.mint(credential, slug: self.record.slug)
    }

    /// Whether `password` is the session's password; in constant time.
    ///
    /// False when there is none.
    package func isPassword(_ password: some StringProtocol) -> Bool {
        guard let expected = self.passwordProof else { return false }
        return constantTimeEquals(self.signer.passwordProof(password, session: self.record.id).utf8, expected.utf8)
    }

    /// Looks at the credentials of a viewer, in the order basic, private, password (spec: tunnel sessions, 3.1).
    ///
    /// `basicHeader` is the value of `Authorization`, `daypassPassword` that of `X-Daypass-Password`; leave out what
    /// `readsAuthorization` and `readsPassword` say is not needed.
    package func credentialsDecision(
        basicHeader: String?,
        daypassPassword: String?,
        viewerCredential: ViewerCredential?
    ) -> CredentialOutcome {
        if let expected = self.basicProof {
            guard let basicHeader else { return .refused(.basicAuthRequired, failedAttempt: false) }
            guard let given = Self.basicCredentials(in: basicHeader),
                constantTimeEquals(self.signer.basicProof(given, session: self.record.id), expected)
            else { return .refused(.basicAuthRequired, failedAttempt: true) }
        }
        guard let expected = self.passwordProof else {
            return self.record.policy.isPublic ? .allowed : .refused(.sessionPrivate, failedAttempt: false)
        }
        if let proof = viewerCredential?.passwordProof, constantTimeEquals(proof.utf8, expected.utf8) {
            return .allowed
        }
        guard let daypassPassword else { return .refused(.passwordRequired, failedAttempt: false) }
        return self.isPassword(daypassPassword) ? .allowed : .refused(.passwordRequired, failedAttempt: true)
    }

    /// Whether a viewer has been kicked: by its cookie, or by its address.
    ///
    /// From the address of a kicked viewer only other valid cookies get in that are older than the kick.
    package func isKicked(_ credential: ViewerCredential?, address: ClientAddress) -> Bool {
        guard !self.kickedIDs.isEmpty else { return false }
        if let credential, self.kickedIDs.contains(credential.viewerID) { return true }
        guard !self.kickedAddresses.isEmpty,
            let kickedAt = self.kickedAddresses[self.signer.addressID(of: address, slug: self.record.slug)]
        else { return false }
        guard let credential else { return true }
        return kickedAt.map { credential.issuedAt > $0 } ?? false
    }

    /// Whether viewers may not see the resource at `path`, a request target in origin form (spec: tunnel sessions, 3.2).
    package func isBlocked(path: UnsafeRawBufferPointer) -> Bool { self.blockedPaths.blocks(path) }

    /// As `isBlocked(path:)` for any bytes.
    package func isBlocked(path: some Collection<UInt8>) -> Bool { self.blockedPaths.blocks(path) }

    /// The `user:password` bytes in the value of an `Authorization` header; nil unless it is well-formed Basic
    /// authentication (RFC 7617) of at most 1 KiB.
    static func basicCredentials(in header: String) -> [UInt8]? {
        let scheme = "basic"
        let bytes = header.utf8
        guard bytes.count <= 1024 else { return nil }
        guard bytes.count > scheme.utf8.count, bytes.prefix(scheme.utf8.count).map({ $0 | 0x20 }) == Array(scheme.utf8)
        else {
            return nil
        }
        let rest = bytes.dropFirst(scheme.utf8.count)
        guard rest.first == UInt8(ascii: " ") else { return nil }
        return decodedBase64(rest.drop { $0 == UInt8(ascii: " ") })
    }
}
