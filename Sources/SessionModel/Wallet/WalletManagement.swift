/// What the control API, the console and the command line may do to wallet sessions; the composition root supplies the
/// implementation (spec: wallet sessions, sections 1 and 2).
///
/// Every change is durable, audited and in force before the call returns. Refusals are `WalletError`; admin calls answer
/// its `controlError`. What does not exist and what belongs to another organization throw `not_found` alike. Any other
/// error means that the store failed. Who may call what is the caller's business: calls that take an organization are
/// for holders of its tokens (and admins), all others for admins.
package protocol WalletManagement: Sendable {
    // MARK: Organizations (admin)

    /// All organizations, by name, then identifier.
    func organizations() async throws -> [Organization]
    /// One organization. Throws `not_found`.
    func organization(_ id: OrganizationID) async throws -> Organization
    /// Makes an organization. Throws `limit_reached` when there are as many as the server keeps (1000).
    func createOrganization(_ request: NewOrganization, by actor: Actor) async throws -> Organization
    /// Renames an organization or changes what its sessions may allow; sessions that exist stay. Throws `not_found`.
    func updateOrganization(
        _ id: OrganizationID,
        _ update: OrganizationUpdate,
        by actor: Actor
    ) async throws -> Organization
    /// Deletes an organization with its tokens; its audit records stay. Throws `not_found`, and `in_use` while it has
    /// wallets.
    func deleteOrganization(_ id: OrganizationID, by actor: Actor) async throws

    // MARK: Tokens (admin)

    /// An organization's tokens, newest first, revoked and expired ones too. Throws `not_found`.
    func tokens(of organization: OrganizationID) async throws -> [OrganizationTokenRecord]
    /// Makes a token; its secret is in the answer and nowhere else. Throws `not_found`, and `limit_reached` when the
    /// organization has as many tokens that work as the server keeps (100).
    func createToken(
        _ request: NewOrganizationToken,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> CreatedOrganizationToken
    /// Revokes a token for good; idempotent. Throws `not_found`.
    func revokeToken(
        _ id: OrganizationTokenID,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> OrganizationTokenRecord
    /// The token this secret belongs to if it may be used now, else nil (unknown, expired, revoked or not a secret).
    func authenticate(_ secret: String) async throws -> OrganizationTokenRecord?

    // MARK: Chains (admin)

    /// All chains, by identifier.
    func chains() async throws -> [WalletChain]
    /// Adds a chain or replaces it as a whole. Throws `limit_reached` when there are as many as the server keeps (1000).
    func put(_ chain: WalletChain, by actor: Actor) async throws -> WalletChain
    /// Removes a chain; its sessions stay, and nothing can be done under them. Throws `not_found`.
    func deleteChain(_ id: Int, by actor: Actor) async throws

    // MARK: Wallets

    /// One page of an organization's wallets, newest first; `limit` 1…100. Throws `not_found`.
    func wallets(of organization: OrganizationID, limit: Int, offset: Int) async throws -> WalletPage<WalletRecord>
    /// One wallet. Throws `not_found`.
    func wallet(_ id: WalletID, of organization: OrganizationID) async throws -> WalletRecord
    /// Registers a wallet. Throws `not_found`, `invalid_request` for an address with a wrong checksum or a Kernel version
    /// that is not known, `conflict` when
    /// the organization has a wallet of that kind and address, `limit_reached` (10 000 in an organization).
    func registerWallet(
        _ request: NewWallet,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> WalletRecord
    /// Removes a wallet with its ended sessions. Throws `not_found`, and `in_use` while a session of it is active.
    func deleteWallet(_ id: WalletID, of organization: OrganizationID, by actor: Actor) async throws

    // MARK: Session keys

    /// One page of the session keys that Daypass keeps for an organization, newest first; `limit` 1…100.
    func sessionKeys(
        of organization: OrganizationID,
        limit: Int,
        offset: Int
    ) async throws -> WalletPage<SessionKeyRecord>
    /// Makes a session key and keeps its private half encrypted. Throws `not_found`, `limit_reached` (10 000 in an
    /// organization).
    func createSessionKey(of organization: OrganizationID, by actor: Actor) async throws -> SessionKeyRecord

    // MARK: Sessions

    /// Creates one session per install, all or none (spec: wallet sessions, section 2).
    ///
    /// Throws `not_found` for an unknown wallet; `invalid_request`; `delegation_refused`, `chain_unknown`,
    /// `node_missing`, `node_unavailable` or `node_of_other_chain` with the install's path and the stable reason in
    /// `details`; `limit_reached` (100 000 active in an organization); `permission_active` or `permission_revoked` for what
    /// is lent already or was revoked; `conflict` when what the proof rests on was changed meanwhile; `token_invalid` when
    /// the caller's token was revoked meanwhile.
    func createSessions(
        _ request: NewWalletSession,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> CreatedWalletSessions
    /// One page of an organization's active sessions, newest first, of one wallet or of all; `limit` 1…100. Throws
    /// `not_found` for an unknown organization or wallet.
    func sessions(
        of organization: OrganizationID,
        wallet: WalletID?,
        limit: Int,
        offset: Int
    ) async throws -> WalletPage<WalletSessionRecord>
    /// One session, ended ones too. Throws `not_found`.
    func session(_ id: WalletSessionID, of organization: OrganizationID) async throws -> WalletSessionRecord
    /// Revokes a session for good: nothing more is signed or forwarded under it once this returned. Throws `not_found`,
    /// and `session_ended` when it was revoked or has expired before.
    func revokeSession(
        _ id: WalletSessionID,
        of organization: OrganizationID,
        by actor: Actor
    ) async throws -> WalletSessionRecord
    /// The delegation of an opaque wallet's active session, exactly as it was sent; for holders of `execute` only, and
    /// audited. Throws `not_found`, `session_ended`, and `conflict` for kernel wallets, whose delegations never leave.
    func delegation(
        of id: WalletSessionID,
        in organization: OrganizationID,
        by actor: Actor
    ) async throws -> String

    // MARK: Audit (an organization's own; the server's is for admins)

    /// Records of a ledger, newest first, those before the place `before` (nil: from the end); `limit` 1…1000. Throws
    /// `not_found` for an organization that never was.
    func audit(of ledger: WalletLedger, before: Int?, limit: Int) async throws -> [WalletAuditRecord]
    /// Follows a whole ledger and says where it stops being whole. Throws `not_found` for an organization that never was.
    func verifyAudit(of ledger: WalletLedger) async throws -> WalletAuditVerdict
}
