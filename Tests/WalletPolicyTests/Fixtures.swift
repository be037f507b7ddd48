import EthereumPrimitives
import Foundation
import SessionModel
import Testing
import WalletPolicy

/// One file of `Fixtures`.
struct Fixture: Sendable, CustomTestStringConvertible {
    let name: String
    let json: JSONValue

    var testDescription: String { self.name }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")

    /// The files whose names begin with one of `prefixes`.
    static func all(_ prefixes: String...) -> [Fixture] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: Self.folder.path)) ?? []
        return names.filter { name in name.hasSuffix(".json") && prefixes.contains { name.hasPrefix($0) } }.sorted()
            .compactMap { name in
                guard let data = try? Data(contentsOf: Self.folder.appendingPathComponent(name)),
                    let json = try? JSONParser.parse(Array(data), maximumDepth: 64)
                else { return nil }
                return Fixture(name: String(name.dropLast(5)), json: json)
            }
    }

    static let good = Self.all("0", "1", "2", "3")
    static let bad = Self.all("bad-")
    static let alternative = Self.all("alt-")

    static func named(_ prefix: String) throws -> Fixture {
        try #require((Self.good + Self.bad + Self.alternative).first { $0.name.hasPrefix(prefix) })
    }

    func text(_ path: String...) throws -> String { try self.json.text(path) }

    var accounts: [JSONValue] {
        get throws {
            guard case .array(let accounts)? = self.json["accounts"] else { throw FixtureError.missing("accounts") }
            return accounts
        }
    }

    /// The blob of a bad or alternative fixture, or of one account of a good one.
    func serialized(account: Int = 0) throws -> String {
        try self.json["accounts"] == nil ? self.text("serialized") : self.accounts[account].text("serialized")
    }

    /// How the blob is presented; `wallet` is the account in it unless given.
    func claim(account: Int = 0, wallet: EthereumAddress? = nil) throws -> DelegationClaim {
        let blobAccount = (try? DelegationBlob(serialized: self.serialized(account: account)))?.account
        let isGood = self.json["accounts"] != nil
        let presented = self.json["presentedAs"] ?? .null
        let session = isGood ? try self.text("inputs", "sessionAddress") : try presented.text("sessionAddress")
        let version = isGood ? try self.text("inputs", "kernelVersion") : try presented.text("kernelVersion")
        let chain = isGood ? try self.accounts[account].number("chainId") : try presented.number("chainId")
        let knownVersion: KernelVersion = try #require(KernelVersion(rawValue: version))
        return DelegationClaim(
            chainID: chain,
            wallet: wallet ?? blobAccount ?? .zero,
            sessionAddress: try #require(EthereumAddress(parsing: session)),
            expiresAt: Moments.now + .seconds(86_400),
            version: knownVersion
        )
    }

    /// Proves it as presented.
    func verify(
        account: Int = 0,
        state: AccountState = .undeployed(nonce: 0),
        change: (inout DelegationClaim) -> Void = { _ in }
    ) throws -> VerifiedDelegation {
        var claim = try self.claim(account: account)
        change(&claim)
        return try DelegationBlob(serialized: self.serialized(account: account))
            .verify(claim, state: state, rules: .everything, now: Moments.now)
    }
}

enum FixtureError: Error {
    case missing(String)
}

enum Moments {
    /// 2026-03-01T00:00:00Z, inside of the fixtures' timestamp policies.
    static let now = Timestamp(millisecondsSinceEpoch: 1_772_323_200_000)
}

extension DelegationRules {
    /// Allows all that can be allowed.
    static let everything = DelegationRules(
        maximumLifetime: .seconds(90 * 86_400),
        allowsWildcardTargets: true,
        allowsDelegateCalls: true
    )
}

extension JSONValue {
    func text(_ path: [String]) throws -> String {
        var value = self
        for name in path {
            guard let member = value[name] else { throw FixtureError.missing(path.joined(separator: ".")) }
            value = member
        }
        guard case .string(let text) = value else { throw FixtureError.missing(path.joined(separator: ".")) }
        return text
    }

    func text(_ path: String...) throws -> String { try self.text(path) }

    func bytes(_ path: String...) throws -> [UInt8] { try #require(Hex.decode(try self.text(path))) }

    func number(_ name: String) throws -> UInt64 {
        guard case .integer(let number)? = self[name] else { throw FixtureError.missing(name) }
        return UInt64(number)
    }

    func list(_ name: String) throws -> [JSONValue] {
        guard case .array(let values)? = self[name] else { throw FixtureError.missing(name) }
        return values
    }
}
