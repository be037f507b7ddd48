import EthereumPrimitives
import SessionModel
import Synchronization
import WalletPolicy

/// Why one install of a create call is not accepted.
enum InstallProblem: Error, Equatable {
    /// The delegation is not believed or not wanted.
    case refused(DelegationRefusal)
    /// The chain cannot be asked, or did not answer as it should.
    case chain(WalletErrorCode, reason: String, message: String)

    /// The code of a call that fails for this alone.
    var code: WalletErrorCode {
        switch self {
        case .refused: .delegationRefused
        case .chain(let code, _, _): code
        }
    }

    /// This as one problem of the request, whose install `index` it is.
    func detail(install index: Int) -> DaypassError.Detail {
        switch self {
        case .refused(let refusal): refusal.detail(field: "installs[\(index)].serialized")
        case .chain(_, let reason, let message):
            .init(path: "installs[\(index)].chainId", message: "\(reason): \(message)")
        }
    }

    /// The chain cannot be asked, for the reason that the code is named after.
    static func chain(_ code: WalletErrorCode) -> InstallProblem {
        .chain(code, reason: code.rawValue, message: code.defaultMessage)
    }
}

/// Nodes that are asked about a chain only once they said that they are on it.
///
/// What a node said about its chain is believed for a minute; one that said another chain is asked again each time.
final class PinnedNode: Sendable {
    /// How long a node's chain is believed.
    static let memory = Duration.seconds(60)

    private let node: any ChainNode
    private let slots: CallSlots<OrganizationID>
    private let clock: WallClock
    /// At most one entry for each chain that is registered.
    private let checked = Mutex<[Int: (url: ChainURL, until: Timestamp)]>([:])

    init(node: any ChainNode, maximumCalls: Int, clock: @escaping WallClock) {
        self.node = node
        self.slots = CallSlots(count: maximumCalls)
        self.clock = clock
    }

    /// What the chain says about an account, all at one block; `asker` is whose call wants to know.
    func state(
        of account: EthereumAddress,
        on chain: WalletChain,
        for asker: OrganizationID
    ) async throws(InstallProblem) -> AccountState {
        guard let url = chain.node else { throw .chain(.nodeMissing) }
        let line = Line(url: url, asker: asker)
        try await self.pin(line, to: chain.id)
        let number = try Self.number(try await self.ask("eth_blockNumber", [], line))
        let block = JSONValue.string("0x" + String(number, radix: 16))
        var reader = AccountReader(account: account, chainID: UInt64(chain.id))
        while let question = reader.question {
            let answer = try await self.answer(question, at: block, line)
            do throws(DelegationRefusal) {
                try reader.answered(answer)
            } catch {
                throw .refused(error)
            }
        }
        return reader.result ?? .unknown
    }

    /// Which node is asked, and for whom.
    private struct Line {
        let url: ChainURL
        let asker: OrganizationID
    }

    /// Makes sure that the node is on the chain.
    private func pin(_ line: Line, to chainID: Int) async throws(InstallProblem) {
        let now = self.clock()
        let isChecked = self.checked.withLock { checked in
            checked[chainID].map { $0.url == line.url && now < $0.until && $0.until <= now + Self.memory } ?? false
        }
        if isChecked { return }
        let said = try Self.number(try await self.ask("eth_chainId", [], line))
        guard said == UInt64(chainID) else {
            self.forget(chainID)
            throw .chain(.nodeOfOtherChain)
        }
        self.checked.withLock { $0[chainID] = (line.url, now + Self.memory) }
    }

    /// Drops what is known about a chain's node.
    func forget(_ chainID: Int) { self.checked.withLock { $0[chainID] = nil } }

    private func answer(
        _ question: AccountReader.Question,
        at block: JSONValue,
        _ line: Line
    ) async throws(InstallProblem) -> [UInt8] {
        switch question {
        case .code(let account):
            try Self.bytes(try await self.ask("eth_getCode", [.string(account.checksummed), block], line))
        case .transactionCount(let account):
            Word(
                try Self.number(
                    try await self.ask("eth_getTransactionCount", [.string(account.checksummed), block], line)
                )
            )
            .bytes
        case .call(let target, let data):
            try Self.bytes(
                try await self.ask(
                    "eth_call",
                    [["to": .string(target.checksummed), "data": .string(Hex.encode(data))], block],
                    line
                )
            )
        }
    }

    private func ask(
        _ method: String,
        _ parameters: [JSONValue],
        _ line: Line
    ) async throws(InstallProblem) -> JSONValue {
        do throws(NodeFailure) {
            return try await self.slots.run(for: line.asker) { () async throws(NodeFailure) -> JSONValue in
                try await self.node.call(method, parameters, at: line.url)
            }
        } catch {
            // A contract that is not Kernel has none of the functions that are asked for.
            if error == .reverted { throw .refused(DelegationRefusal(.stateUnreadable)) }
            throw Self.problem(error)
        }
    }

    private static func problem(_ failure: NodeFailure) -> InstallProblem {
        .chain(
            failure == .busy ? .rateLimited : .nodeUnavailable,
            reason: failure.reason,
            message: failure.message
        )
    }

    /// A quantity: `0x`, and digits without leading zeros, below 2^64.
    private static func number(_ value: JSONValue) throws(InstallProblem) -> UInt64 {
        guard case .string(let text) = value, text.hasPrefix("0x"), (3...18).contains(text.utf8.count),
            text == "0x0" || !text.hasPrefix("0x0"), text.utf8.dropFirst(2).allSatisfy({ $0 != 0x2B && $0 != 0x2D }),
            let number = UInt64(text.dropFirst(2), radix: 16)
        else { throw self.problem(.malformed) }
        return number
    }

    /// Data: `0x`, and two digits for each byte.
    private static func bytes(_ value: JSONValue) throws(InstallProblem) -> [UInt8] {
        guard case .string(let text) = value, let bytes = Hex.decode(text) else { throw self.problem(.malformed) }
        return bytes
    }
}
