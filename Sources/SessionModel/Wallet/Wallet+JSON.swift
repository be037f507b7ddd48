// How answers write what belongs to wallet sessions. No form holds a digest of a secret, a delegation, a private key, or
// the path of a URL.

extension Organization {
    /// The organization as admin calls answer it.
    package var json: JSONValue {
        [
            "id": .string(self.id.text), "name": .string(self.name),
            "allowDelegatecall": .bool(self.allowsDelegateCalls), "allowWildcard": .bool(self.allowsWildcardTargets),
            "createdAt": .string(self.createdAt.iso8601),
        ]
    }
}

extension OrganizationTokenRecord {
    /// The token as lists show it.
    package var json: JSONValue {
        [
            "id": .string(self.id.text), "organizationId": .string(self.organization.text),
            "label": .string(self.label),
            "scopes": .array(OrganizationScope.allCases.filter(self.scopes.contains).map { .string($0.rawValue) }),
            "createdAt": .string(self.createdAt.iso8601), "expiresAt": time(self.expiresAt),
            "revokedAt": time(self.revokedAt),
        ]
    }
}

extension CreatedOrganizationToken {
    /// The token with its secret, shown once.
    package var json: JSONValue { self.record.json.adding("token", .string(self.secret)) }
}

extension WalletChain {
    /// The chain as lists show it; URLs without path and query, which may hold a provider's key.
    package var json: JSONValue {
        [
            "chainId": .integer(self.id), "name": .string(self.name),
            "nodeUrl": self.node.map { .string($0.description) } ?? .null,
            "bundlerUrl": self.bundler.map { .string($0.description) } ?? .null,
        ]
    }
}

extension WalletRecord {
    /// The wallet as lists show it.
    package var json: JSONValue {
        [
            "id": .string(self.id.text), "organizationId": .string(self.organization.text),
            "name": .string(self.name), "kind": .string(self.kind.rawValue),
            "address": self.address.map { .string($0.text) } ?? .null,
            "kernelVersion": self.kernelVersion.map { .string($0) } ?? .null,
            "createdAt": .string(self.createdAt.iso8601),
        ]
    }
}

extension SessionKeyRecord {
    /// The key as the call that made it answers, and as lists show it.
    package var json: JSONValue {
        [
            "id": .string(self.id.text), "sessionAddress": .string(self.address.text),
            "createdAt": .string(self.createdAt.iso8601),
        ]
    }
}

extension CreatedWalletSessions {
    /// The answer of the create call, exactly as the reference page has it.
    package var json: JSONValue {
        let first = self.sessions[0]
        let sessions = self.sessions.map { session -> JSONValue in
            [
                "chainId": .integer(session.chainID), "expiresAt": .string(session.expiresAt.iso8601),
                "id": .string(session.id.text),
            ]
        }
        return [
            "createdAt": .string(first.createdAt.iso8601), "sessionAddress": .string(first.sessionAddress.text),
            "sessionGroupId": .string(first.group.text), "sessions": .array(sessions),
            "walletId": .string(first.wallet.text),
        ]
    }
}

extension WalletSessionRecord {
    /// The session as the published list shows it; `workflowId` is left out when none was given.
    package var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("id", .string(self.id.text)), .init("walletId", .string(self.wallet.text)),
        ]
        if let workflow { members.append(.init("workflowId", .string(workflow))) }
        members += [
            .init("sessionAddress", .string(self.sessionAddress.text)), .init("policies", self.policies),
            .init("createdAt", .string(self.createdAt.iso8601)), .init("expiresAt", .string(self.expiresAt.iso8601)),
            .init("chainId", .integer(self.chainID)),
        ]
        return .object(members)
    }

    /// The session with everything that is known about it.
    package func detailedJSON(now: Timestamp) -> JSONValue {
        self.json
            .adding("sessionGroupId", .string(self.group.text))
            .adding("kind", .string(self.kind.rawValue))
            .adding("state", .string(self.state(now: now).rawValue))
            .adding("sessionKeyId", self.sessionKey.map { .string($0.text) } ?? .null)
            .adding("revokedAt", time(self.revokedAt))
            .adding("proven", self.proof?.json ?? .null)
            .adding("warnings", .array(self.warnings.map(\.json)))
            .adding("rules", .array((self.proof?.rules ?? []).map(\.json)))
    }

    /// The answer of the call that revokes it; `revokedAt` must be there.
    package var revocationJSON: JSONValue { ["id": .string(self.id.text), "revokedAt": time(self.revokedAt)] }
}

extension WalletSessionProof {
    /// What was proven, without warnings and rules, which stand beside it.
    package var json: JSONValue {
        [
            "kernelVersion": .string(self.kernelVersion), "account": .string(self.account),
            "approval": .string(self.approval), "root": .string(self.root),
            "owner": self.owner.map { .string($0.text) } ?? .null, "nonce": .integer(self.nonce),
            "permissionId": .string(self.permissionID), "digest": self.digest.map { .string($0) } ?? .null,
        ]
    }

    /// Everything, as the store keeps it; `init(stored:)` reads it.
    package var storedJSON: JSONValue {
        self.json.adding("warnings", .array(self.warnings.map(\.json))).adding("rules", .array(self.rules.map(\.json)))
    }

    /// Reads what `storedJSON` wrote; nil for anything else.
    package init?(stored json: JSONValue) {
        func text(_ name: String) -> String? { json[name].flatMap(stringValue) }
        guard let version = text("kernelVersion"), let account = text("account"), let approval = text("approval"),
            let root = text("root"), case .integer(let nonce) = json["nonce"], let permission = text("permissionId"),
            case .array(let warnings) = json["warnings"], case .array(let rules) = json["rules"]
        else { return nil }
        self.init(
            kernelVersion: version,
            account: account,
            approval: approval,
            root: root,
            owner: text("owner").flatMap { WalletAddress($0) },
            nonce: nonce,
            permissionID: permission,
            digest: text("digest"),
            warnings: warnings.compactMap { warning in
                guard let code = warning["code"].flatMap(stringValue),
                    let message = warning["message"].flatMap(stringValue)
                else { return nil }
                return Warning(code: code, message: message)
            },
            rules: rules.compactMap { rule in
                guard let kind = rule["kind"].flatMap(stringValue), let text = rule["text"].flatMap(stringValue),
                    let enforcer = rule["enforcedBy"].flatMap(stringValue).flatMap(Enforcer.init(rawValue:))
                else { return nil }
                return Rule(kind: kind, text: text, enforcedBy: enforcer)
            }
        )
        guard self.warnings.count == warnings.count, self.rules.count == rules.count else { return nil }
    }
}

extension WalletSessionProof.Warning {
    fileprivate var json: JSONValue { ["code": .string(self.code), "message": .string(self.message)] }
}

extension WalletSessionProof.Rule {
    fileprivate var json: JSONValue {
        [
            "kind": .string(self.kind), "text": .string(self.text), "enforcedBy": .string(self.enforcedBy.rawValue),
        ]
    }
}

extension WalletPage {
    /// The page as the published list has it.
    package func json(_ item: (Item) -> JSONValue) -> JSONValue {
        [
            "items": .array(self.items.map(item)), "limit": .integer(self.limit), "offset": .integer(self.offset),
            "hasMore": .bool(self.hasMore),
        ]
    }
}

extension WalletAuditRecord {
    /// The record, with everything its hash is made of.
    package var json: JSONValue {
        [
            "ledger": .string(self.ledger.text), "sequence": .integer(self.sequence), "at": .string(self.at.iso8601),
            "actor": .string(self.actor.name), "address": .string(self.actor.address),
            "action": .string(self.action.rawValue), "subject": .string(self.subject), "details": self.details,
            "previousHash": .string(lowerHex(self.previousHash)), "hash": .string(lowerHex(self.hash)),
        ]
    }
}

extension WalletAuditVerdict {
    /// The verdict: `intact`, how many records are whole, where the ledger ends, and what is wrong, if anything.
    package var json: JSONValue {
        let problem: JSONValue? = self.problem.map { problem in
            [
                "reason": .string(problem.rawValue), "message": .string(problem.message),
                "sequence": .integer(self.verified + 1),
            ]
        }
        return [
            "intact": .bool(self.isIntact), "verified": .integer(self.verified),
            "head": ["sequence": .integer(self.head.sequence), "hash": .string(lowerHex(self.head.hash))],
            "problem": problem ?? .null,
        ]
    }
}

extension JSONValue {
    /// This object with one more member at its end; anything else stays as it is.
    fileprivate func adding(_ name: String, _ value: JSONValue) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members + [.init(name, value)])
    }
}

private func time(_ time: Timestamp?) -> JSONValue { time.map { .string($0.iso8601) } ?? .null }

private func stringValue(_ value: JSONValue) -> String? { if case .string(let text) = value { text } else { nil } }
