/// The bounds of what the wallet API may be asked for (spec: wallet sessions, section 1).
package enum WalletBounds {
    /// Chains of one call.
    package static let installs = 1...24
    /// Chain identifiers: what JavaScript's numbers hold.
    package static let chainIDs = 1...(1 << 53 - 1)
    /// Bytes of one delegation.
    package static let delegation = 256 * 1024
    /// Bytes of a whole body: all delegations, and the rest.
    package static let body = 24 * Self.delegation + 256 * 1024
    /// Bytes of `policies` as compact JSON.
    package static let policies = 128 * 1024
    /// Characters of a workflow's identifier.
    package static let workflowID = 1...128
    /// Sessions on one page.
    package static let page = 1...100
}

/// The body that creates sessions: `POST /v1/organizations/{orgId}/sessions`.
package struct NewWalletSession: Equatable, Sendable {
    /// One chain's delegation.
    package struct Install: Equatable, Sendable {
        /// The chain.
        package var chainID: UInt64
        /// The delegation as the wallet's owner made it; a secret.
        package var serialized: String

        /// Joins a chain and its delegation.
        package init(chainID: UInt64, serialized: String) {
            self.chainID = chainID
            self.serialized = serialized
        }
    }

    /// When the sessions end.
    package var expiresAt: Timestamp
    /// One delegation for each chain.
    package var installs: [Install]
    /// What narrows the delegations further; an object, which may be empty.
    package var policies: JSONValue
    /// The session key's account.
    package var sessionAddress: AccountAddress
    /// The wallet.
    package var wallet: WalletID
    /// What the organization calls the workflow that uses them.
    package var workflowID: String?

    /// Reads the body; throws `validation_error` with every problem.
    ///
    /// Whether the time lies ahead, the wallet exists and the delegations are believed is for later.
    package init(json body: JSONValue?) throws(DaypassError) {
        var fields = RequestFields(body)
        for name in ["expiresAt", "installs", "policies", "sessionAddress", "walletId"] { fields.require(name) }
        let expiresAt = fields.parsed("expiresAt", length: 1...64, "must be a time such as 2026-12-01T00:00:00Z") {
            Timestamp(rfc3339: $0)
        }
        let installs = fields.objects("installs", count: WalletBounds.installs) { Install(fields: &$0) } ?? []
        for (index, install) in installs.enumerated() {
            guard let install else { continue }
            if installs[..<index].contains(where: { $0?.chainID == install.chainID }) {
                fields.refuse("installs[\(index)].chainId", "repeats the chain of an earlier install")
            }
        }
        let policies = fields.any("policies")
        if let policies {
            if case .object = policies {
                if policies.text.utf8.count > WalletBounds.policies { fields.refuse("policies", "is too large") }
            } else {
                fields.refuse("policies", "must be a JSON object")
            }
        }
        let address = fields.parsed("sessionAddress", length: 1...64, "must be an address: 0x and 40 digits") {
            AccountAddress($0)
        }
        let wallet = fields.parsed("walletId", length: 1...64, "must be the identifier of a wallet") { WalletID($0) }
        let workflowID = fields.string("workflowId", length: WalletBounds.workflowID)
        try fields.finish()
        guard let expiresAt, let policies, let address, let wallet else { throw DaypassError(.validationError) }
        self.expiresAt = expiresAt
        self.installs = installs.compactMap(\.self)
        self.policies = policies
        self.sessionAddress = address
        self.wallet = wallet
        self.workflowID = workflowID
    }
}

extension NewWalletSession.Install {
    fileprivate init?(fields: inout RequestFields) {
        fields.require("chainId")
        fields.require("serialized")
        let chainID = fields.integer("chainId", in: WalletBounds.chainIDs)
        let serialized = fields.parsed("serialized", length: 1...WalletBounds.delegation, "is too large") { text in
            text.utf8.count <= WalletBounds.delegation ? text : nil
        }
        guard let chainID, let serialized else { return nil }
        self.init(chainID: UInt64(chainID), serialized: serialized)
    }
}

extension NewWalletSession: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String {
        "sessions of \(self.wallet) on \(self.installs.map { String($0.chainID) }.joined(separator: ", "))"
    }

    package var debugDescription: String { self.description }

    /// What debuggers and `dump` see: which chains, never a delegation.
    package var customMirror: Mirror { Mirror(self, children: ["description": self.description]) }
}

/// Which part of a list is asked for: `?limit=20&offset=0`.
package struct WalletSessionPage: Equatable, Sendable {
    /// How many at most.
    package var limit: Int
    /// How many before them.
    package var offset: Int

    /// Reads the values of the query's parameters, nil for those that are missing; throws `validation_error`.
    package init(limit: String?, offset: String?) throws(DaypassError) {
        var problems: [DaypassError.Detail] = []
        func number(_ text: String?, _ name: String, in range: ClosedRange<Int>, otherwise: Int) -> Int {
            guard let text else { return otherwise }
            let digits = text.utf8
            if (1...9).contains(digits.count),
                digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                let value = Int(text), range.contains(value)
            {
                return value
            }
            let message = "must be an integer from \(range.lowerBound) to \(range.upperBound)"
            problems.append(.init(path: name, message: message))
            return otherwise
        }
        self.limit = number(limit, "limit", in: WalletBounds.page, otherwise: 20)
        self.offset = number(offset, "offset", in: 0...1_000_000, otherwise: 0)
        guard problems.isEmpty else { throw DaypassError(.validationError, details: problems) }
    }
}
