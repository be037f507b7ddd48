/// What is wrong with bytes that should be RLP.
package enum RLPError: Error, Equatable, Sendable {
    /// They end before what they announce.
    case endsTooEarly
    /// Something follows the item.
    case trailingBytes
    /// A length or a single byte could have been written shorter.
    case notCanonical
    /// Lists inside lists, too deep.
    case tooDeep
}

/// An item of the recursive length prefix encoding: a byte string or a list of items.
package indirect enum RLPItem: Equatable, Sendable {
    /// A byte string.
    case bytes([UInt8])
    /// A list.
    case list([RLPItem])

    /// Lists inside lists that are read at most.
    package static let maximumDepth = 64

    /// An integer as RLP has them: big-endian without leading zeros, nothing for zero.
    package static func integer(_ value: Word) -> RLPItem { .bytes(Array(value.bytes.drop { $0 == 0 })) }

    /// A small integer.
    package static func integer(_ value: UInt64) -> RLPItem { .integer(Word(value)) }

    /// An address.
    package static func address(_ address: EthereumAddress) -> RLPItem { .bytes(address.bytes) }

    /// The bytes of this item.
    package var encoded: [UInt8] {
        switch self {
        case .bytes(let bytes):
            if bytes.count == 1, bytes[0] < 0x80 { return bytes }
            return Self.header(0x80, bytes.count) + bytes
        case .list(let items):
            let payload = items.flatMap(\.encoded)
            return Self.header(0xC0, payload.count) + payload
        }
    }

    private static func header(_ base: UInt8, _ count: Int) -> [UInt8] {
        if count <= 55 { return [base + UInt8(count)] }
        let length = Array(Word(UInt64(count)).bytes.drop { $0 == 0 })
        return [base + 55 + UInt8(length.count)] + length
    }

    /// Reads one item, canonical and with nothing after it.
    package static func decode(_ bytes: [UInt8]) throws(RLPError) -> RLPItem {
        var reader = Reader(bytes: bytes, position: 0)
        let item = try reader.item(end: bytes.count, depth: 0)
        guard reader.position == bytes.count else { throw .trailingBytes }
        return item
    }

    private struct Reader {
        let bytes: [UInt8]
        var position: Int

        mutating func item(end: Int, depth: Int) throws(RLPError) -> RLPItem {
            guard self.position < end else { throw .endsTooEarly }
            let first = self.bytes[self.position]
            self.position += 1
            switch first {
            case 0..<0x80: return .bytes([first])
            case 0x80..<0xC0:
                let count = try self.count(first, base: 0x80, end: end)
                let content = Array(self.bytes[self.position..<self.position + count])
                guard count != 1 || content[0] >= 0x80 else { throw .notCanonical }
                self.position += count
                return .bytes(content)
            default:
                guard depth < RLPItem.maximumDepth else { throw .tooDeep }
                let listEnd = try self.count(first, base: 0xC0, end: end) + self.position
                var items: [RLPItem] = []
                while self.position < listEnd { items.append(try self.item(end: listEnd, depth: depth + 1)) }
                return .list(items)
            }
        }

        /// How many bytes of payload follow; they are there.
        private mutating func count(_ first: UInt8, base: UInt8, end: Int) throws(RLPError) -> Int {
            var count = Int(first - base)
            if count > 55 {
                let width = count - 55
                guard self.position + width <= end else { throw .endsTooEarly }
                guard self.bytes[self.position] != 0 else { throw .notCanonical }
                // More than seven bytes of length are more than any array has.
                guard width < 8 else { throw .endsTooEarly }
                count = self.bytes[self.position..<self.position + width].reduce(0) { $0 << 8 | Int($1) }
                guard count > 55 else { throw .notCanonical }
                self.position += width
            }
            guard count <= end - self.position else { throw .endsTooEarly }
            return count
        }
    }
}
