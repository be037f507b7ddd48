import DaypassTestSupport
import EthereumPrimitives
import Foundation
import SessionModel
import SessionStore
import Synchronization
import Testing
import WalletPolicy
import WalletService

/// A file of the delegations that the SDK made, and of what was done to them.
struct DelegationFile: Sendable, CustomTestStringConvertible {
    let name: String
    let json: JSONValue

    var testDescription: String { self.name }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("WalletPolicyTests/Fixtures")

    static func all(_ prefixes: String...) -> [DelegationFile] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: Self.folder.path)) ?? []
        return names.filter { name in name.hasSuffix(".json") && prefixes.contains { name.hasPrefix($0) } }.sorted()
            .compactMap { name in
                guard let data = try? Data(contentsOf: Self.folder.appendingPathComponent(name)),
                    let json = try? JSONParser.parse(Array(data), maximumDepth: 64)
                else { return nil }
                return DelegationFile(name: String(name.dropLast(5)), json: json)
            }
    }

    static let good = Self.all("0", "1", "2", "3")
    static let bad = Self.all("bad-")

    static func named(_ prefix: String) throws -> DelegationFile {
        try #require((Self.good + Self.bad).first { $0.name.hasPrefix(prefix) })
    }

    var accounts: [JSONValue] {
        if case .array(let accounts)? = self.json["accounts"] { accounts } else { [] }
    }

    func text(_ path: String...) throws -> String {
        var value: JSONValue? = self.json
        for name in path { value = value?[name] }
        guard case .string(let text)? = value else { throw WalletError(.internalError, path.joined(separator: ".")) }
        return text
    }

    /// The installs of all its accounts.
    func installs() throws -> [WalletInstall] {
        func install(_ json: JSONValue, chain: JSONValue?) throws -> WalletInstall {
            guard case .integer(let chain)? = chain, case .string(let text)? = json["serialized"] else {
                throw WalletError(.internalError, self.name)
            }
            return WalletInstall(chainID: chain, serialized: text)
        }
        if self.accounts.isEmpty { return [try install(self.json, chain: self.json["presentedAs"]?["chainId"])] }
        return try self.accounts.map { try install($0, chain: $0["chainId"]) }
    }

    var sessionAddress: WalletAddress {
        get throws {
            let text =
                self.accounts.isEmpty
                ? try self.text("presentedAs", "sessionAddress") : try self.text("inputs", "sessionAddress")
            return try #require(WalletAddress(text))
        }
    }

    var kernelVersion: String {
        get throws {
            self.accounts.isEmpty
                ? try self.text("presentedAs", "kernelVersion") : try self.text("inputs", "kernelVersion")
        }
    }

    /// The account in the blob; some address when it cannot be read.
    func account() throws -> WalletAddress {
        let blob = try? DelegationBlob(serialized: try self.installs()[0].serialized)
        return WalletAddress(blob?.account ?? .zero)
    }
}

/// Answers as a node would for accounts that are not deployed, or as it is told; counts what it is asked.
final class ScriptedNode: ChainNode {
    struct Script {
        /// The chains of URLs; others are on the chain that ends their path.
        var chains: [String: String] = [:]
        /// Answers by method, and for `eth_call` by its data's first four bytes.
        var answers: [String: Result<JSONValue, NodeFailure>] = [:]
        var asked: [String] = []
        var underWay = 0
        var mostUnderWay = 0
        /// What happens elsewhere while the node is asked for the first time.
        var meanwhile: (@Sendable () async throws -> Void)?
    }

    let script = Mutex(Script())

    func answer(_ method: String, _ result: Result<JSONValue, NodeFailure>) {
        self.script.withLock { $0.answers[method] = result }
    }

    func meanwhile(_ body: @escaping @Sendable () async throws -> Void) {
        self.script.withLock { $0.meanwhile = body }
    }

    var mostUnderWay: Int { self.script.withLock { $0.mostUnderWay } }

    var asked: [String] { self.script.withLock { $0.asked } }

    func call(_ method: String, _ parameters: [JSONValue], at url: ChainURL) async throws(NodeFailure) -> JSONValue {
        self.script.withLock { script in
            script.asked.append(method)
            script.underWay += 1
            script.mostUnderWay = max(script.mostUnderWay, script.underWay)
        }
        let meanwhile = self.script.withLock { script in
            defer { script.meanwhile = nil }
            return script.meanwhile
        }
        do { try await meanwhile?() } catch { throw .unreachable }
        await Task.yield()
        defer { self.script.withLock { $0.underWay -= 1 } }
        var key = method
        if method == "eth_call", case .string(let data)? = parameters.first?["data"] { key = String(data.prefix(10)) }
        let script = self.script.withLock { ($0.answers[key], $0.chains[url.secretText]) }
        if let answer = script.0 { return try answer.get() }
        switch method {
        case "eth_chainId":
            let id = Int(url.secretText.split(separator: "/").last ?? "") ?? 0
            return .string(script.1 ?? "0x" + String(id, radix: 16))
        case "eth_blockNumber": return "0x10"
        case "eth_getCode": return "0x"
        case "eth_getTransactionCount": return "0x0"
        default: throw .refused(code: -32601)
        }
    }

    /// A deployed Kernel account with an ECDSA root.
    func deploy(_ account: String, version: String, chainID: UInt64, nonce: UInt64, owner: String) throws {
        let account = try #require(EthereumAddress(parsing: account))
        let owner = try #require(EthereumAddress(parsing: owner))
        let root = try #require(
            Hex.decode("0x01845ADb2C711129d4f3966735eD98a9F09fC4cE57" + String(repeating: "0", count: 22))
        )
        let domain = ABI.encode([
            .word(Word(limbs: 0x0F << 56, 0, 0, 0)), .string("Kernel"), .string(version), .uint(chainID),
            .address(account), .word(.zero), .array([]),
        ])
        func set(_ key: String, _ bytes: [UInt8]) { self.answer(key, .success(.string(Hex.encode(bytes)))) }
        self.answer("eth_getCode", .success("0xfe"))
        set("0x84b0196e", domain)
        set("0xadb610a3", Word(nonce).bytes)
        set("0xf1f7f0f9", root)
        // The validator's storage of the owner: ecdsaValidatorStorage(address).
        let selector = Keccak256.hash("ecdsaValidatorStorage(address)".utf8).bytes.prefix(4)
        set(Hex.encode(selector), ABI.encode([.address(owner)]))
    }
}

/// A manager over a store in memory with one organization that allows everything.
struct WalletFixture {
    /// 2026-03-01T00:00:00Z, inside of the files' timestamp policies.
    let clock = ManualClock(start: Timestamp(millisecondsSinceEpoch: 1_772_323_200_000))
    let store: any WalletStore
    let node = ScriptedNode()
    let manager: WalletManager
    let organization: Organization
    let admin = Actor(name: "admin", address: "127.0.0.1")

    init(
        store: any WalletStore = InMemoryWalletStore(),
        configuration: WalletServiceConfiguration = WalletServiceConfiguration()
    ) async throws {
        self.store = store
        let clock = self.clock
        self.manager = WalletManager(
            store: store,
            node: self.node,
            configuration: configuration,
            clock: clock.wallClock,
            uptime: { UInt64((clock.timestamp - clock.start).wholeMilliseconds) * 1_000_000 }
        )
        self.organization = try await self.manager.createOrganization(
            NewOrganization(name: "Acme", allowsDelegateCalls: true, allowsWildcardTargets: true),
            by: self.admin
        )
    }

    var ledger: WalletLedger { .organization(self.organization.id) }

    /// Registers every chain of the installs.
    func addChains(_ installs: [WalletInstall]) async throws {
        for install in installs {
            let url = ChainURL("https://node.example/s3cret/\(install.chainID)")
            _ = try await self.manager.put(
                WalletChain(id: install.chainID, name: "\(install.chainID)", node: url),
                by: self.admin
            )
        }
    }

    /// The request that presents a file, for a wallet registered for it.
    func request(_ file: DelegationFile, account: WalletAddress? = nil) async throws -> NewWalletSession {
        let address = try account ?? file.account()
        let known = try await self.manager.wallets(of: self.organization.id, limit: 100, offset: 0).items
        var wallet = known.first { $0.address == address }
        if wallet == nil {
            wallet = try await self.manager.registerWallet(
                NewWallet(name: file.name, kind: .kernel, address: address, kernelVersion: try file.kernelVersion),
                of: self.organization.id,
                by: self.admin
            )
        }
        let installs = try file.installs()
        try await self.addChains(installs)
        return NewWalletSession(
            expiresAt: self.clock.timestamp + .seconds(86_400),
            installs: installs,
            sessionAddress: try file.sessionAddress,
            wallet: try #require(wallet).id,
            workflow: "payroll"
        )
    }

    func create(_ request: NewWalletSession) async throws -> CreatedWalletSessions {
        try await self.manager.createSessions(request, of: self.organization.id, by: self.admin)
    }

    /// The refusal of a request, after which nothing must be stored.
    func refusal(_ request: NewWalletSession, sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> WalletError
    {
        let error = await #expect(throws: WalletError.self, sourceLocation: sourceLocation) {
            try await self.create(request)
        }
        let stored = try await self.manager.sessions(of: self.organization.id, wallet: nil, limit: 1, offset: 0)
        #expect(stored.items.isEmpty, sourceLocation: sourceLocation)
        return try #require(error, sourceLocation: sourceLocation)
    }
}
