import EthereumPrimitives
import SessionModel
import WalletPolicy

extension PermissionPolicy {
    /// The policy in words; the chain enforces all of it, when it is asked.
    var rules: [WalletSessionProof.Rule] {
        let scope =
            switch self.flag {
            case .always: ""
            case .notForOperations: " (asked for signatures only)"
            case .notForSignatures: " (asked for operations only)"
            }
        func rule(_ kind: String, _ text: String) -> WalletSessionProof.Rule {
            WalletSessionProof.Rule(kind: kind, text: "\(text)\(scope).", enforcedBy: .chain)
        }
        switch self.content {
        case .call(_, let permissions): return permissions.map { rule("call", $0.sentence) }
        case .gas(let allowed, let enforcesPaymaster, let paymaster):
            let payer = enforcesPaymaster && paymaster != .zero ? ", paid by \(paymaster.checksummed)" : ""
            return [rule("gas", "At most \(allowed) wei of gas in all\(payer)")]
        case .rateLimit(let interval, let count, let startAt):
            // What the contracts do, which is not what the names of their parameters say.
            let text =
                if self.address == KernelContracts.resettingRateLimitPolicy {
                    "At most \(count) operations in each \(interval) seconds"
                } else if startAt == 0 {
                    "At most \(count) operations in all"
                } else {
                    "At most \(count) operations in all, one in each \(interval) seconds from \(Self.time(startAt)) on"
                }
            return [rule("rate", text)]
        case .signatureCaller(let callers):
            let names = callers.map(\.checksummed).joined(separator: ", ")
            return [rule("signature", "Signatures are for these only: \(names)")]
        case .sudo: return [rule("sudo", "No limit")]
        case .timestamp(let after, let until):
            let end = until == 0 ? "" : " until \(Self.time(until))"
            return [rule("time", "From \(Self.time(after))\(end)")]
        }
    }

    private static func time(_ seconds: UInt64) -> String {
        Timestamp(millisecondsSinceEpoch: Int64(clamping: seconds) * 1000).iso8601WholeSeconds
    }
}

extension CallPermission {
    fileprivate var sentence: String {
        let kind = self.callType == .delegate ? "Delegate calls of" : "Calls of"
        let target = self.target == .zero ? "any contract" : self.target.checksummed
        let value = self.valueLimit == .zero ? "without value" : "with at most \(self.valueLimit.integer) wei each"
        let rules = self.rules.map { ", \($0.sentence)" }.joined()
        return "\(kind) \(self.selector) on \(target), \(value)\(rules)"
    }
}

extension CallPermission.Rule {
    /// `argument bytes 32…63 at most 10000000`, counted after the selector.
    fileprivate var sentence: String {
        let values = self.parameters.map(\.readable).joined(separator: ", ")
        let (end, overflow) = self.offset.addingReportingOverflow(UInt64(Word.byteCount - 1))
        let place = overflow ? "argument bytes from \(self.offset) on" : "argument bytes \(self.offset)…\(end)"
        return switch self.condition {
        case .equal: "\(place) equal to \(values)"
        case .greater: "\(place) more than \(values)"
        case .less: "\(place) less than \(values)"
        case .greaterOrEqual: "\(place) at least \(values)"
        case .lessOrEqual: "\(place) at most \(values)"
        case .notEqual: "\(place) not equal to \(values)"
        case .oneOf: "\(place) one of \(values)"
        case .sliceEqual: "\(place) name an argument with this part (start, length, hash): \(values)"
        }
    }
}

extension Word {
    /// As people write such a value: an address in 20 bytes with its checksum, an amount in decimal, else all 32 bytes.
    fileprivate var readable: String {
        // Addresses have 160 bits, of which the first 64 are never all clear but by intent; amounts hardly have as many.
        if self.uint128 != nil { return String(self.integer) }
        guard self.bytes.prefix(12).allSatisfy({ $0 == 0 }) else { return self.hex }
        return EthereumAddress(bytes: self.bytes.suffix(20))?.checksummed ?? self.hex
    }
}
