import ControlAPI
import SessionModel
import Testing

/// A control API over wallet sessions with two organizations, each with a wallet and tokens.
struct WalletHarness {
    static let address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    static let unknown = "ws_zzzzzzzzzzz0"

    let api: ControlHarness
    let wallets: FakeWallets
    let organization: Organization
    let other: Organization
    let wallet: WalletRecord
    let opaque: WalletRecord
    let otherWallet: WalletRecord
    /// A token of `organization` with every scope.
    let token: String

    init(
        access: ControlAccess? = nil,
        configure: (inout ControlAPIConfiguration) -> Void = { _ in }
    ) async throws {
        let clock = ManualClock()
        let wallets = FakeWallets(clock: clock)
        let actor = Actor(name: "test", address: "")
        self.wallets = wallets
        self.api = try ControlHarness(access: access, clock: clock, wallets: wallets, configure: configure)
        self.organization = try await wallets.createOrganization(NewOrganization(name: "One"), by: actor)
        self.other = try await wallets.createOrganization(NewOrganization(name: "Two"), by: actor)
        func wallet(_ kind: WalletKind, _ organization: Organization) async throws -> WalletRecord {
            let request = NewWallet(name: "a wallet", kind: kind, address: WalletAddress(Self.address))
            return try await wallets.registerWallet(request, of: organization.id, by: actor)
        }
        self.wallet = try await wallet(.kernel, self.organization)
        self.opaque = try await wallet(.opaque, self.organization)
        self.otherWallet = try await wallet(.kernel, self.other)
        let everything = NewOrganizationToken(label: "all", scopes: Set(OrganizationScope.allCases))
        self.token = try await wallets.createToken(everything, of: self.organization.id, by: actor).secret
    }

    /// The secret of a further token.
    func makeToken(_ scopes: Set<OrganizationScope>, of organization: Organization? = nil) async throws -> String {
        let request = NewOrganizationToken(label: "more", scopes: scopes)
        let owner = organization ?? self.organization
        return try await self.wallets.createToken(request, of: owner.id, by: Actor(name: "test", address: "")).secret
    }

    /// The body that creates sessions of a wallet.
    func body(of wallet: WalletRecord? = nil, serialized: String = "secretblob", extra: String = "") -> String {
        #"{"expiresAt":"2026-12-01T00:00:00Z","installs":[{"chainId":84532,"serialized":"\#(serialized)"}],"#
            + #""policies":{},"sessionAddress":"\#(Self.address)","walletId":"\#((wallet ?? self.wallet).id)"\#(extra)}"#
    }

    /// Calls for the first organization, with its token unless told otherwise; `path` follows the organization.
    @discardableResult
    func call(
        _ method: String,
        _ path: String,
        _ body: String? = nil,
        token: String? = nil,
        of organization: String? = nil,
        fields: [(name: String, value: String)] = []
    ) async throws -> ControlAnswer {
        let target = "/v1/organizations/\(organization ?? self.organization.id.text)\(path)"
        let secret = token ?? self.token
        return try await self.api.call(
            method,
            target,
            body: body,
            token: secret.isEmpty ? nil : secret,
            peer: "203.0.113.7",
            fields: fields
        )
    }

    /// Calls as the admin; `path` follows `/admin/v1`.
    @discardableResult
    func admin(_ method: String, _ path: String, _ body: String? = nil) async throws -> ControlAnswer {
        try await self.api.call(method, "/admin/v1\(path)", body: body, token: ControlHarness.adminToken)
    }

    /// The identifier of a new session.
    func makeSession(of wallet: WalletRecord? = nil) async throws -> String {
        let answer = try await self.call("POST", "/sessions", self.body(of: wallet))
        return try #require(answer.json()["sessions"]?.elements.first?["id"]?.string)
    }
}

extension ControlAnswer {
    /// The integer code of a refusal under `/v1/`.
    var number: Int? {
        guard case .integer(let number)? = (try? self.json())?["code"] else { return nil }
        return number
    }

    /// The body without the identifier of the request.
    var bodyWithoutRequestID: String { self.body.replacing(/req_[a-z0-9]{16}/, with: "") }
}
