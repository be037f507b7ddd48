/// The bounds of what may be asked for about wallet sessions (spec: wallet sessions, section 1).
package enum WalletBounds {
    /// Installs of one create call.
    package static let installs = 1...24
    /// Bytes of one install's `serialized`.
    package static let serializedBytes = 262_144
    /// Bytes of `policies`, written compactly.
    package static let policiesBytes = 65_536
    /// JSON values in `policies`, themselves included: read again with every page of a list.
    package static let policiesValues = 4_000
    /// Bytes of a create call's body: all installs at their largest, and the rest.
    package static let createBodyBytes = 24 * 262_144 + 131_072
    /// Bytes of every other body.
    package static let bodyBytes = 65_536
    /// Sessions of one page.
    package static let pageLimit = 1...100
    /// Items of one page when none is asked for.
    package static let defaultPageLimit = 20
    /// How many items may be skipped.
    package static let pageOffset = 0...1_000_000
    /// Audit records of one answer.
    package static let auditLimit = 1...1000
}

/// One install of a create call: a chain, and the delegation for it.
package struct WalletInstall: Equatable, Sendable {
    /// The chain.
    package var chainID: Int
    /// The delegation as it was sent; a secret.
    package var serialized: String

    /// Pairs a chain with a delegation.
    package init(chainID: Int, serialized: String) {
        self.chainID = chainID
        self.serialized = serialized
    }
}

/// The body that creates sessions: exactly what the reference page has.
package struct NewWalletSession: Equatable, Sendable {
    /// When the sessions end.
    package var expiresAt: Timestamp
    /// One delegation per chain.
    package var installs: [WalletInstall]
    /// The policy; without members it allows what the owner signed, and nothing more.
    package var policies: JSONValue
    /// The session key's account.
    package var sessionAddress: WalletAddress
    /// The wallet.
    package var wallet: WalletID
    /// The workflow it is for.
    package var workflow: String?

    /// A request with every field given.
    package init(
        expiresAt: Timestamp,
        installs: [WalletInstall],
        policies: JSONValue = .object([]),
        sessionAddress: WalletAddress,
        wallet: WalletID,
        workflow: String? = nil
    ) {
        self.expiresAt = expiresAt
        self.installs = installs
        self.policies = policies
        self.sessionAddress = sessionAddress
        self.wallet = wallet
        self.workflow = workflow
    }

    /// Reads the body.
    ///
    /// Throws `invalid_request` with every problem and its path. A `walletId` that is not of this server's form is unknown, not invalid: it throws `not_found`, as another
    /// organization's does, once everything else is in order.
    package init(json body: JSONValue?) throws(WalletError) {
        var fields = RequestFields(body)
        for name in ["expiresAt", "installs", "policies", "sessionAddress", "walletId"] { fields.require(name) }
        let expiresAt = fields.parsed("expiresAt", length: 1...40, "must be a time such as 2026-12-01T00:00:00Z") {
            Timestamp(rfc3339: $0)
        }
        let installs =
            fields.objects("installs", count: WalletBounds.installs) { WalletInstall(fields: &$0) } ?? []
        for (index, install) in installs.enumerated() {
            guard let install else { continue }
            if installs[..<index].contains(where: { $0?.chainID == install.chainID }) {
                fields.refuse("installs[\(index)].chainId", "is the chain of an earlier install")
            }
        }
        let policies = fields.any("policies")
        if let policies {
            if case .object = policies {
                if policies.text.utf8.count > WalletBounds.policiesBytes {
                    fields.refuse("policies", "must be at most \(WalletBounds.policiesBytes) bytes")
                } else if policies.valueCount > WalletBounds.policiesValues {
                    fields.refuse("policies", "must have at most \(WalletBounds.policiesValues) values")
                } else if policies.hasFraction {
                    fields.refuse("policies", "has a number that is no integer of 64 bits; write it as a string")
                }
            } else {
                fields.refuse("policies", "must be an object")
            }
        }
        let address = fields.walletAddress("sessionAddress")
        let wallet = fields.string("walletId", length: 1...RequestBounds.labelLength)
        let workflow = fields.string("workflowId", length: 1...RequestBounds.labelLength)
        try finishWalletRequest(fields)
        guard let expiresAt, let policies, let address, let wallet else { throw WalletError(.invalidRequest) }
        guard let wallet = WalletID(wallet) else { throw WalletError(.notFound, "There is no such wallet.") }
        self.expiresAt = expiresAt
        self.installs = installs.compactMap(\.self)
        self.policies = policies
        self.sessionAddress = address
        self.wallet = wallet
        self.workflow = workflow
    }
}

extension WalletInstall {
    /// Reads one install; nil when a field is refused.
    fileprivate init?(fields: inout RequestFields) {
        fields.require("chainId")
        fields.require("serialized")
        let chainID = fields.integer("chainId", in: WalletChain.ids)
        let serialized = fields.string("serialized", length: 1...WalletBounds.serializedBytes)
        if let serialized, serialized.utf8.count > WalletBounds.serializedBytes {
            fields.refuse("serialized", "must be at most \(WalletBounds.serializedBytes) bytes")
            return nil
        }
        guard let chainID, let serialized else { return nil }
        self.init(chainID: chainID, serialized: serialized)
    }
}

extension WalletInstall: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "a delegation for chain \(self.chainID)" }

    package var debugDescription: String { self.description }

    /// What debuggers and `dump` see: the chain, never the delegation.
    package var customMirror: Mirror { Mirror(self, children: ["chainID": self.chainID]) }
}

/// The body that makes an organization: `name`, `allowDelegatecall`, `allowWildcard`.
package struct NewOrganization: Equatable, Sendable {
    /// What it is called.
    package var name: String
    /// Whether sessions may allow delegate calls.
    package var allowsDelegateCalls: Bool
    /// Whether sessions may leave the called contract open.
    package var allowsWildcardTargets: Bool

    /// A request; both permissions are off unless given.
    package init(name: String, allowsDelegateCalls: Bool = false, allowsWildcardTargets: Bool = false) {
        self.name = name
        self.allowsDelegateCalls = allowsDelegateCalls
        self.allowsWildcardTargets = allowsWildcardTargets
    }

    /// Reads the body; throws `invalid_request` with every problem.
    package init(json body: JSONValue?) throws(WalletError) {
        var fields = RequestFields(body)
        fields.require("name")
        self.init(
            name: fields.string("name", length: 1...RequestBounds.labelLength) ?? "",
            allowsDelegateCalls: fields.bool("allowDelegatecall") ?? false,
            allowsWildcardTargets: fields.bool("allowWildcard") ?? false
        )
        try finishWalletRequest(fields)
    }
}

extension OrganizationUpdate {
    /// Reads the body of a change; every field is optional.
    ///
    /// Throws `invalid_request` with every problem.
    package init(json body: JSONValue?) throws(WalletError) {
        var fields = RequestFields(body)
        self.init(
            name: fields.string("name", length: 1...RequestBounds.labelLength),
            allowsDelegateCalls: fields.bool("allowDelegatecall"),
            allowsWildcardTargets: fields.bool("allowWildcard")
        )
        try finishWalletRequest(fields)
    }
}

/// The body that makes a token: `label`, `scopes`, and `expiresIn` (`30d`), without which it works until revoked.
package struct NewOrganizationToken: Equatable, Sendable {
    /// What it is called.
    package var label: String
    /// What it allows; not empty.
    package var scopes: Set<OrganizationScope>
    /// How long it works; nil until revoked.
    package var lifetime: Duration?

    /// A request with every field given.
    package init(label: String, scopes: Set<OrganizationScope>, lifetime: Duration? = nil) {
        self.label = label
        self.scopes = scopes
        self.lifetime = lifetime
    }

    /// Reads the body; throws `invalid_request` with every problem.
    package init(json body: JSONValue?) throws(WalletError) {
        var fields = RequestFields(body)
        fields.require("label")
        fields.require("scopes")
        let names = OrganizationScope.allCases.map(\.rawValue).joined(separator: ", ")
        let scopes = fields.strings("scopes", count: 1...OrganizationScope.allCases.count) { text in
            OrganizationScope(rawValue: text) == nil ? "must be one of: \(names)" : nil
        }
        self.init(
            label: fields.string("label", length: 1...RequestBounds.labelLength) ?? "",
            scopes: Set((scopes ?? []).compactMap { OrganizationScope(rawValue: $0) }),
            lifetime: fields.lifetime("expiresIn", maximum: RequestBounds.tokenLifetime)
        )
        try finishWalletRequest(fields)
    }
}

/// The body that registers a wallet: `name`, `kind` (default `kernel`), `address`, which only opaque wallets may leave out,
/// and `kernelVersion`, which only kernel wallets may have.
package struct NewWallet: Equatable, Sendable {
    /// What it is called.
    package var name: String
    /// What kind of account it is.
    package var kind: WalletKind
    /// The account.
    package var address: WalletAddress?
    /// The Kernel version that it must be of; nil for whichever is proven.
    package var kernelVersion: String?

    /// A request with every field given.
    package init(name: String, kind: WalletKind, address: WalletAddress?, kernelVersion: String? = nil) {
        self.name = name
        self.kind = kind
        self.address = address
        self.kernelVersion = kernelVersion
    }

    /// Reads the body; throws `invalid_request` with every problem.
    package init(json body: JSONValue?) throws(WalletError) {
        var fields = RequestFields(body)
        fields.require("name")
        let kind = fields.choice("kind", of: WalletKind.self) ?? .kernel
        if kind == .kernel { fields.require("address") }
        let version = fields.string("kernelVersion", length: 1...16)
        if kind != .kernel, version != nil { fields.refuse("kernelVersion", "is for kernel wallets only") }
        self.init(
            name: fields.string("name", length: 1...RequestBounds.labelLength) ?? "",
            kind: kind,
            address: fields.walletAddress("address"),
            kernelVersion: version
        )
        try finishWalletRequest(fields)
    }
}

extension WalletChain {
    /// Reads the body that sets chain `id`: `name` (default: its number), `nodeUrl`, `bundlerUrl`, all optional.
    ///
    /// Throws `invalid_request` with every problem.
    package init(id: Int, json body: JSONValue?) throws(WalletError) {
        var fields = RequestFields(body)
        let form = "must be an http or https URL"
        let length = 1...ChainURL.maximumLength
        if !Self.ids.contains(id) {
            fields.refuse("chainId", "must be an integer from \(Self.ids.lowerBound) to \(Self.ids.upperBound)")
        }
        self.init(
            id: id,
            name: fields.string("name", length: 1...RequestBounds.labelLength) ?? String(id),
            node: fields.parsed("nodeUrl", length: length, form) { ChainURL($0) },
            bundler: fields.parsed("bundlerUrl", length: length, form) { ChainURL($0) }
        )
        try finishWalletRequest(fields)
    }
}

extension RequestFields {
    /// An account's address.
    fileprivate mutating func walletAddress(_ name: String) -> WalletAddress? {
        self.parsed(name, length: 1...64, "must be 0x and 40 hexadecimal digits") { WalletAddress($0) }
    }
}

/// Ends a reading; throws `invalid_request` with every problem.
private func finishWalletRequest(_ fields: consuming RequestFields) throws(WalletError) {
    do throws(DaypassError) {
        try fields.finish()
    } catch {
        throw WalletError(.invalidRequest, details: error.details)
    }
}
