import Crypto

/// A wallet session: one install, that is one chain's delegation to one session key.
///
/// All sessions that one call created form a group. The delegation itself is not part of the record: it is stored
/// encrypted and read with a call of its own.
package struct WalletSessionRecord: Equatable, Sendable {
    /// Where a session is in its life.
    package enum State: String, Sendable, CaseIterable {
        case active
        case expired
        case revoked
    }

    /// Its identifier.
    package var id: WalletSessionID
    /// The group it was created in.
    package var group: WalletSessionGroupID
    /// Whose it is.
    package var organization: OrganizationID
    /// The wallet that is lent.
    package var wallet: WalletID
    /// What kind of wallet that is.
    package var kind: WalletKind
    /// The workflow it is for, as the creator named it; 1…128 characters.
    package var workflow: String?
    /// The session key's account.
    package var sessionAddress: WalletAddress
    /// The session key when Daypass keeps it; nil when the creator does.
    package var sessionKey: SessionKeyID?
    /// The chain.
    package var chainID: Int
    /// The policy, as it was given.
    package var policies: JSONValue
    /// What was proven; nil for opaque wallets.
    package var proof: WalletSessionProof?
    /// When it was created.
    package var createdAt: Timestamp
    /// When it ends.
    package var expiresAt: Timestamp
    /// When it was revoked, if so.
    package var revokedAt: Timestamp?

    /// A record with every field given.
    package init(
        id: WalletSessionID,
        group: WalletSessionGroupID,
        organization: OrganizationID,
        wallet: WalletID,
        kind: WalletKind,
        workflow: String?,
        sessionAddress: WalletAddress,
        sessionKey: SessionKeyID?,
        chainID: Int,
        policies: JSONValue,
        proof: WalletSessionProof?,
        createdAt: Timestamp,
        expiresAt: Timestamp,
        revokedAt: Timestamp? = nil
    ) {
        self.id = id
        self.group = group
        self.organization = organization
        self.wallet = wallet
        self.kind = kind
        self.workflow = workflow
        self.sessionAddress = sessionAddress
        self.sessionKey = sessionKey
        self.chainID = chainID
        self.policies = policies
        self.proof = proof
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
    }

    /// When it ends, or ended.
    package var endsAt: Timestamp { self.revokedAt.map { min($0, self.expiresAt) } ?? self.expiresAt }

    /// What the owner may think is enforced and is not.
    package var warnings: [WalletSessionProof.Warning] {
        self.proof?.warnings ?? [WalletSessionProof.Warning(policies: self.policies)].compactMap(\.self)
    }

    /// Where it is in its life at `now`; what was revoked stays revoked after its end.
    package func state(now: Timestamp) -> State {
        if self.revokedAt != nil { return .revoked }
        return now < self.expiresAt ? .active : .expired
    }
}

extension WalletSessionRecord {
    /// What was lent, however often it is presented: SHA-256 of the organization, the account, the chain and the
    /// permission, 32 bytes.
    ///
    /// The permission of a Kernel wallet is what was proven, because the same one can be written in many ways; that of an
    /// opaque wallet, of which nothing is known, is the text of its delegation.
    package func permission(of wallet: WalletRecord, delegation: [UInt8]) -> [UInt8] {
        let account = self.kind == .kernel ? wallet.address?.lowercased : nil
        let permission: [JSONValue] =
            if let proof { ["proven", .string(proof.permissionID), proof.digest.map { .string($0) } ?? .null] } else {
                ["opaque", .string(lowerHex(SHA256.hash(data: delegation)))]
            }
        let fields: JSONValue = [
            "daypass-wallet-permission-1", .string(self.organization.text), .string(account ?? wallet.id.text),
            .integer(self.chainID), .array(permission),
        ]
        return Array(SHA256.hash(data: Array(fields.text.utf8)))
    }
}

/// What was proven of a kernel wallet's delegation when the session was created.
package struct WalletSessionProof: Equatable, Sendable {
    /// Something the owner may think is enforced and is not.
    package struct Warning: Equatable, Sendable {
        /// A stable code.
        package var code: String
        /// A plain sentence.
        package var message: String

        /// Pairs a code with its sentence.
        package init(code: String, message: String) {
            self.code = code
            self.message = message
        }

        /// That nothing evaluates a request's policies; nil when they say nothing but labels (`x-…`).
        package init?(policies: JSONValue) {
            guard case .object(let members) = policies, members.contains(where: { !$0.name.hasPrefix("x-") }) else {
                return nil
            }
            self.init(
                code: "policies_not_evaluated",
                message:
                    "The policies of the request are kept, but nothing evaluates them yet: only what the owner signed "
                    + "limits the session key."
            )
        }
    }

    /// Who holds a rule against a session key.
    package enum Enforcer: String, Sendable, CaseIterable {
        /// The account's contracts, whoever sends the operation.
        case chain
        /// Daypass, for operations that go through it.
        case gateway
    }

    /// One rule of what was delegated.
    package struct Rule: Equatable, Sendable {
        /// What it limits: `call`, `gas`, `rate`, `signature`, `sudo`, `time`, `end`.
        package var kind: String
        /// A plain sentence.
        package var text: String
        /// Who enforces it.
        package var enforcedBy: Enforcer

        /// A complete rule.
        package init(kind: String, text: String, enforcedBy: Enforcer) {
            self.kind = kind
            self.text = text
            self.enforcedBy = enforcedBy
        }
    }

    /// The account's version: `0.3.3`.
    package var kernelVersion: String
    /// How the account is known: `init_code`, `chain` or `authorization`.
    package var account: String
    /// How the owner's approval is known: `digest`, `message`, `merkle_root` or `preinstalled`.
    package var approval: String
    /// The kind of root: `ecdsa`, `multi_chain_ecdsa`, `account_key`.
    package var root: String
    /// The owner.
    package var owner: WalletAddress?
    /// The account's nonce that the owner signed.
    package var nonce: Int
    /// The permission's identifier: `0x` and 8 digits.
    package var permissionID: String
    /// What the owner signed: `0x` and 64 digits; nil for permissions that were installed with the account.
    package var digest: String?
    /// What the chain does not enforce although one might think so.
    package var warnings: [Warning]
    /// What was delegated, one rule after the other.
    package var rules: [Rule]

    /// A complete proof.
    package init(
        kernelVersion: String,
        account: String,
        approval: String,
        root: String,
        owner: WalletAddress?,
        nonce: Int,
        permissionID: String,
        digest: String?,
        warnings: [Warning],
        rules: [Rule]
    ) {
        self.kernelVersion = kernelVersion
        self.account = account
        self.approval = approval
        self.root = root
        self.owner = owner
        self.nonce = nonce
        self.permissionID = permissionID
        self.digest = digest
        self.warnings = warnings
        self.rules = rules
    }
}

/// A session key that Daypass made and keeps; the private key is stored encrypted and never leaves.
package struct SessionKeyRecord: Equatable, Sendable {
    /// Its identifier.
    package var id: SessionKeyID
    /// Whose it is.
    package var organization: OrganizationID
    /// Its account, to be named as `sessionAddress`.
    package var address: WalletAddress
    /// When it was made.
    package var createdAt: Timestamp

    /// A key with every field given.
    package init(id: SessionKeyID, organization: OrganizationID, address: WalletAddress, createdAt: Timestamp) {
        self.id = id
        self.organization = organization
        self.address = address
        self.createdAt = createdAt
    }
}

/// What a create call made, as it is answered.
package struct CreatedWalletSessions: Equatable, Sendable {
    /// The sessions, in the order of the installs; never empty, all of one group.
    package var sessions: [WalletSessionRecord]

    /// Joins the sessions of a group.
    package init(sessions: [WalletSessionRecord]) { self.sessions = sessions }
}

/// One page of a list.
package struct WalletPage<Item: Sendable>: Sendable {
    /// The items.
    package var items: [Item]
    /// How many were asked for.
    package var limit: Int
    /// How many were skipped.
    package var offset: Int
    /// Whether there are more after these.
    package var hasMore: Bool

    /// A complete page.
    package init(items: [Item], limit: Int, offset: Int, hasMore: Bool) {
        self.items = items
        self.limit = limit
        self.offset = offset
        self.hasMore = hasMore
    }
}
