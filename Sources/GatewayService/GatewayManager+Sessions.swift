package import SessionModel
import SessionStore

extension GatewayManager {
    package func revokeSession(_ id: BrowserSessionID, by actor: Actor) async throws {
        try await self.changes.withLock {
            let edit = GatewayEdit(by: actor, at: self.clock(), limits: self.configuration)
            let until = try await self.store.change { transaction in
                // Who is revoked cannot renew, so the first revocation is long enough for all tokens of the session.
                if let until = try transaction.revocation(of: id), edit.now < until { return until }
                guard try transaction.revocationCount(now: edit.now) < edit.limits.maxRevokedSessions else {
                    throw DaypassError(
                        .conflict,
                        "\(edit.limits.maxRevokedSessions) sessions are revoked, which is as many as are remembered. "
                            + "Revoke all sessions of the key instead."
                    )
                }
                let until = edit.now + SessionTokenKeyring.memory
                try transaction.put(RevokedSession(id: id, until: until))
                try transaction.append(edit.event(.browserSessionRevoked, of: nil, id.text))
                return until
            }
            guard self.gate.revoke(id, until: until, now: edit.now) else {
                throw DaypassError(
                    .serviceUnavailable,
                    "The gateway has no room to remember this revocation now. Revoke all sessions of the key instead."
                )
            }
        }
    }

    /// Notes in the audit trail that secret keys came from web pages; keys that do not exist any more are left out.
    func noteLeaks(of ids: [APIKeyID]) async throws {
        try await self.changes.withLock {
            let edit = GatewayEdit(by: .system, at: self.clock(), limits: self.configuration)
            try await self.store.change { transaction in
                for id in ids {
                    guard let key = try transaction.key(id) else { continue }
                    let summary = "\(id) \(key.masked) was sent from a web page: it has leaked, rotate or revoke it"
                    try transaction.append(edit.event(.keyLeaked, of: key.tenant, summary))
                }
            }
        }
    }

    package func signingKeys() async throws -> [SigningKeySummary] { self.keyring.summaries }

    package func rotateSigningKey(by actor: Actor) async throws -> [SigningKeySummary] {
        try await self.changes.withLock {
            let edit = GatewayEdit(by: actor, at: self.clock(), limits: self.configuration)
            let id = self.newSigningKeyID()
            let keys = try await self.store.change { transaction in
                let keys = try transaction.signingKeys()
                if let next = keys.last, edit.now < next.signsFrom {
                    throw DaypassError(
                        .conflict,
                        "The signing key \(next.id) is published already and signs from \(next.signsFrom.iso8601). "
                            + "Rotate again after that."
                    )
                }
                let signsFrom = edit.now + edit.limits.signingKeyPublishTime
                let next = try SessionTokenKeyring.makeKey(id: id, now: edit.now, signsFrom: signsFrom)
                if var current = keys.last {
                    current.signsUntil = signsFrom
                    try transaction.put(current)
                }
                try transaction.put(next)
                let summary = "next key \(id), signs from \(signsFrom.iso8601)"
                try transaction.append(edit.event(.signingKeyRotated, of: nil, summary))
                return try transaction.signingKeys()
            }
            try await self.use(keys)
            return self.keyring.summaries
        }
    }
}
