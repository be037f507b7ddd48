/// The answers of the wallet API, with their members in the published order.
package enum WalletAnswers {
    /// The answer to a call that created `sessions`, which are of one group; nil for none.
    package static func created(_ sessions: [WalletSession]) -> JSONValue? {
        guard let first = sessions.first else { return nil }
        return [
            "createdAt": .string(first.createdAt.iso8601),
            "sessionAddress": .string(first.sessionAddress.text),
            "sessionGroupId": .string(first.group.rawValue),
            "sessions": .array(
                sessions.map { session in
                    [
                        "chainId": .integer(Int(clamping: session.chainID)),
                        "expiresAt": .string(session.expiresAt.iso8601),
                        "id": .string(session.id.rawValue),
                    ]
                }
            ),
            "walletId": .string(first.wallet.rawValue),
        ]
    }

    /// One page of sessions; `hasMore` says whether others follow.
    package static func list(_ sessions: [WalletSession], page: WalletSessionPage, hasMore: Bool) -> JSONValue {
        [
            "items": .array(sessions.map { Self.item($0) }),
            "limit": .integer(page.limit),
            "offset": .integer(page.offset),
            "hasMore": .bool(hasMore),
        ]
    }

    /// One session in a list; a delegation is never part of it.
    package static func item(_ session: WalletSession) -> JSONValue {
        [
            "id": .string(session.id.rawValue),
            "walletId": .string(session.wallet.rawValue),
            "workflowId": session.workflowID.map { .string($0) } ?? .null,
            "sessionAddress": .string(session.sessionAddress.text),
            "policies": session.policies,
            "createdAt": .string(session.createdAt.iso8601),
            "expiresAt": .string(session.expiresAt.iso8601),
            "chainId": .integer(Int(clamping: session.chainID)),
        ]
    }

    /// The answer to a call that revoked a session.
    package static func revoked(_ id: WalletSessionID, at time: Timestamp) -> JSONValue {
        ["id": .string(id.rawValue), "revokedAt": .string(time.iso8601)]
    }
}
