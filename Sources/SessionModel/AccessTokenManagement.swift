/// What the control API may do to access tokens; the composition root supplies the implementation.
///
/// Changes are durable and audited before the call returns, and a revocation holds for every `authenticate` that starts
/// after it. Refusals are `DaypassError`; any other error means that the store itself failed.
package protocol AccessTokenManagement: Sendable {
    /// Makes a token; its secret is in the answer and nowhere else. `label` is 1…128 characters, `scopes` not empty,
    /// `lifetime` positive or nil for "until revoked"; otherwise throws `validation_error`. Throws `conflict` when as
    /// many tokens as the server keeps are in use.
    func create(
        label: String,
        scopes: Set<AccessScope>,
        lifetime: Duration?,
        by actor: Actor
    ) async throws -> CreatedAccessToken
    /// The token this secret belongs to if it may be used now, else nil (unknown, expired, revoked or not a secret).
    func authenticate(_ secret: String) async throws -> AccessTokenRecord?
    /// All tokens still kept, newest first; revoked and expired ones stay for a while.
    func list() async throws -> [AccessTokenRecord]
    /// Revokes a token for good; idempotent. Throws `not_found`.
    func revoke(id: String, by actor: Actor) async throws -> AccessTokenRecord
}

/// A new access token together with the one showing of its secret.
package struct CreatedAccessToken: Sendable {
    /// The stored record.
    package var record: AccessTokenRecord
    /// `dp_` and 40 of `[a-z0-9]`, which exists nowhere else.
    package var secret: String

    /// Pairs the record with its secret.
    package init(record: AccessTokenRecord, secret: String) {
        self.record = record
        self.secret = secret
    }
}
