import AccessControl
import SessionModel

/// Judges who makes a call, from its head alone (spec: tunnel sessions, section 1, "Who may call").
///
/// A call with a credential is judged by the credential, whatever the mode; a wrong one is refused even where none is
/// needed. A call without one is judged by the mode and by where it comes from.
struct CallerGate: Sendable {
    let access: ControlAccess
    let publicAddress: PublicAddress
    let adminTokenDigest: SecretDigest?
    let sessions: any SessionManagement
    let tokens: any AccessTokenManagement
    let wallets: (any WalletManagement)?
    let failures: FailedAttempts
    let console: ConsoleAccess
    let clock: WallClock

    /// Judges a call for an audience; what remains to be asked about one session is asked with `relation`.
    func caller(
        _ head: CallHead,
        for audience: ControlOperation.Audience,
        _ parameters: PathParameters
    ) async throws -> Caller {
        if audience == .anyone { return .stranger }
        if case .organization(let scope) = audience {
            return .organization(try await self.organizationToken(head, of: parameters[.orgId], with: scope))
        }
        let credentials = head.values("authorization")
        guard !credentials.isEmpty else {
            if ConsoleAccess.isConsoleCall(head) {
                try self.console.admit(head, now: self.clock())
                return .admin
            }
            return try self.callerWithoutCredential(head, for: audience)
        }
        try self.refuseWhileLimited(head)
        let caller = try await self.callerWithCredential(credentials, head)
        try await self.admit(caller, head, to: audience)
        return caller
    }

    // MARK: Without a credential

    private func callerWithoutCredential(
        _ head: CallHead,
        for audience: ControlOperation.Audience
    ) throws -> Caller {
        switch (audience, self.access) {
        case (.admin, _), (.organization, _):
            throw DaypassError(.unauthorized, "This needs the admin token: send Authorization: Bearer with it.")
        case (.metrics, _), (_, .local):
            try LocalCallCheck.verify(head)
            return .trusted
        case (_, .open):
            try LocalCallCheck.verifyNotCrossOrigin(head, publicHost: self.publicAddress.host)
            return .trusted
        case (.session, .required):
            try self.refuseWhileLimited(head)
            return .stranger
        case (_, .required):
            throw DaypassError(
                .unauthorized,
                "This call needs a credential: send Authorization: Bearer with an access token, the admin token, or the "
                    + "token of the session it is about."
            )
        }
    }

    // MARK: Organizations

    /// The token with which an organization calls for itself.
    ///
    /// Neither the access mode nor the console nor the admin token opens these calls. Somebody else's organization is
    /// answered as one that does not exist, and neither is looked up.
    private func organizationToken(
        _ head: CallHead,
        of organization: String,
        with scope: OrganizationScope
    ) async throws -> OrganizationTokenRecord {
        guard let wallets else { throw ControlCalls.withoutWallets }
        let credentials = head.values("authorization")
        guard !credentials.isEmpty else {
            throw WalletError(.tokenRequired)
        }
        try self.refuseWhileLimited(head)
        guard credentials.count == 1, let secret = Self.bearer(credentials[0]) else {
            self.noteFailure(head)
            throw WalletError(.tokenInvalid, "The Authorization field must be Bearer and one token.")
        }
        if let adminTokenDigest, adminTokenDigest.matches(secret) {
            throw WalletError(.scopeMissing, "The admin token does not act for organizations. Use one of their tokens.")
        }
        guard let token = try await wallets.authenticate(secret) else {
            self.noteFailure(head)
            throw WalletError(.tokenInvalid)
        }
        guard let id = OrganizationID(organization), id == token.organization else { throw WalletError(.notFound) }
        guard token.scopes.contains(scope) else {
            throw WalletError(.scopeMissing, "This token lacks the scope \(scope.rawValue).")
        }
        return token
    }

    // MARK: With a credential

    private func callerWithCredential(_ credentials: [String], _ head: CallHead) async throws -> Caller {
        guard credentials.count == 1, let secret = Self.bearer(credentials[0]) else {
            throw self.failure(head, "The Authorization field must be Bearer and one token.")
        }
        if let adminTokenDigest, adminTokenDigest.matches(secret) { return .admin }
        if let token = try await self.tokens.authenticate(secret) { return .token(token) }
        if let token = SessionToken(parsing: secret) {
            return .owner(OwnerProof(ownerToken: token.ownerToken, slug: token.slug))
        }
        if secret.utf8.count == 32, secret.utf8.allSatisfy(isBase36) {
            return .owner(OwnerProof(ownerToken: secret, slug: nil))
        }
        throw self.failure(head)
    }

    /// The token of a `Bearer` credential (RFC 6750, 2.1), at most 512 bytes; nil when it has another form.
    private static func bearer(_ value: String) -> String? {
        let parts = value.split(separator: " ", omittingEmptySubsequences: true)
        guard value.utf8.count <= 512, parts.count == 2, parts[0].lowercased() == "bearer",
            parts[1].utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        return String(parts[1])
    }

    /// Refuses credentials that are valid but not for this audience.
    private func admit(_ caller: Caller, _ head: CallHead, to audience: ControlOperation.Audience) async throws {
        switch (caller, audience) {
        // Admitted by `organizationToken` alone.
        case (_, .organization), (.organization, _): throw DaypassError(.forbidden)
        case (.admin, _), (_, .session), (_, .owner), (_, .anyone): return
        case (.token(let token), .creators):
            guard !token.scopes.isDisjoint(with: [.create, .manage]) else { throw Self.lacking(.create) }
        case (.token(let token), .readers), (.token(let token), .metrics):
            guard !token.scopes.isDisjoint(with: [.read, .manage]) else { throw Self.lacking(.read) }
        case (.token, .admin): throw DaypassError(.forbidden, "Only the admin token allows that.")
        case (.owner(let proof), _):
            // An owner token alone says nothing without a session to check it against.
            guard try await self.isValid(proof) else { throw self.failure(head) }
            throw DaypassError(.forbidden, "A session's token is good for that session only.")
        case (.trusted, _), (.stranger, _): return
        }
    }

    private static func lacking(_ scope: AccessScope) -> DaypassError {
        DaypassError(.forbidden, "This access token lacks the scope \(scope.rawValue).")
    }

    private func isValid(_ proof: OwnerProof) async throws -> Bool {
        guard let slug = proof.slug else { return false }
        do {
            return try await self.sessions.session(slug: slug).ownerTokenDigest.matches(proof.ownerToken)
        } catch let error as DaypassError where error.code == .sessionNotFound {
            return false
        }
    }

    // MARK: About one session

    /// What `caller` may do with one session.
    ///
    /// Throws `unauthorized` for an owner token that is not this session's, and `forbidden` for a valid session token
    /// of another session.
    func relation(of caller: Caller, to record: SessionRecord, _ head: CallHead) async throws -> SessionRelation {
        switch caller {
        case .trusted, .admin: return .manager
        case .stranger, .organization: return .none
        case .token(let token):
            if token.scopes.contains(.manage) { return .manager }
            if token.scopes.contains(.create), record.creator == token.id { return .manager }
            return token.scopes.contains(.read) ? .reader : .none
        case .owner(let proof):
            if proof.slug == nil || proof.slug == record.slug {
                guard record.ownerTokenDigest.matches(proof.ownerToken) else { throw self.failure(head) }
                return .manager
            }
            guard try await self.isValid(proof) else { throw self.failure(head) }
            throw DaypassError(.forbidden, "That token belongs to another session.")
        }
    }

    /// Notes that a caller whom nobody vouches for asked about a session that does not exist: guessing names is as
    /// limited as guessing tokens.
    func noteUnknownSession(_ caller: Caller, _ head: CallHead) {
        switch caller {
        case .stranger, .owner: self.failures.record(head.client, now: self.clock())
        case .trusted, .admin, .token, .organization: break
        }
    }

    // MARK: Failed attempts

    private func refuseWhileLimited(_ head: CallHead) throws {
        guard let seconds = self.failures.secondsToWait(head.client, now: self.clock()) else { return }
        throw DaypassError(
            .rateLimited,
            "Too many failed attempts from this address. Wait before trying again.",
            retryAfterSeconds: seconds
        )
    }

    private func noteFailure(_ head: CallHead) { self.failures.record(head.client, now: self.clock()) }

    private func failure(_ head: CallHead, _ message: String = "This credential is not valid.") -> DaypassError {
        self.noteFailure(head)
        return DaypassError(.unauthorized, message)
    }
}

/// Who makes a call.
enum Caller: Equatable, Sendable {
    /// Nobody in particular.
    case stranger
    /// A call without credential that the access mode lets through: owner of every session.
    case trusted
    /// The holder of the admin token.
    case admin
    /// The holder of an access token.
    case token(AccessTokenRecord)
    /// Somebody with an owner token, not yet checked against a session.
    case owner(OwnerProof)
    /// The holder of a token of the organization that the call is about.
    case organization(OrganizationTokenRecord)

    /// The caller as the audit trail names it.
    func actor(_ client: ClientAddress) -> Actor {
        let name =
            switch self {
            case .stranger: "stranger"
            case .trusted: "local"
            case .admin: "admin"
            case .token(let token): "token:\(token.id)"
            case .owner: "owner"
            case .organization(let token): "token:\(token.id)"
            }
        return Actor(name: name, address: client.text)
    }

    /// Who counts as the creator of a session made by this caller.
    func creator(_ client: ClientAddress) -> String {
        switch self {
        case .token(let token): token.id
        case .admin: "admin"
        case .organization(let token): token.id.text
        case .stranger, .trusted, .owner: "local:\(client.text)"
        }
    }
}

/// An owner token with, when the session token was sent, the slug it is for.
struct OwnerProof: Equatable, Sendable {
    let ownerToken: String
    let slug: Slug?
}

/// What a caller may do with one session.
enum SessionRelation: Equatable, Sendable {
    /// See the link and the status.
    case none
    /// See everything.
    case reader
    /// See and change everything.
    case manager
}
