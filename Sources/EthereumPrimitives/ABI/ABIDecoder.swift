/// What is wrong with bytes that should be values of the contract ABI.
package enum ABIError: Error, Equatable, Sendable {
    /// They end before what they announce.
    case endsTooEarly
    /// Something follows the values, or stands between them.
    case trailingBytes
    /// An offset does not point at the first byte that nothing else has taken.
    case offsetNotCanonical
    /// Bits that the type does not use are set, or a sign is not extended.
    case dirtyWord
    /// The padding of `bytes` or `string` is not zero.
    case dirtyPadding
    /// A `string` is not UTF-8.
    case notUTF8
    /// An array's length is more than there are bytes.
    case lengthTooLarge
    /// The type has values without bytes.
    case typeNotSupported
    /// Call data is shorter than a selector, or has another one.
    case selectorMismatch
}

extension ABI {
    /// Reads values of `types`, which fill `bytes` exactly as `encode` would have written them.
    ///
    /// There is one way to write each value, so two readers cannot disagree about the same bytes; time and memory are
    /// proportional to their number.
    package static func decode(_ bytes: [UInt8], as types: [ABIType]) throws(ABIError) -> [ABIValue] {
        try Self.decode(bytes[...], as: types)
    }

    /// As above, for a part of an array.
    package static func decode(_ bytes: ArraySlice<UInt8>, as types: [ABIType]) throws(ABIError) -> [ABIValue] {
        var decoder = ABIDecoder(bytes: bytes)
        let values = try decoder.sequence(of: types)
        guard decoder.position == bytes.endIndex else { throw .trailingBytes }
        return values
    }
}

private struct ABIDecoder {
    let bytes: ArraySlice<UInt8>
    var position: Int

    init(bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        self.position = bytes.startIndex
    }

    private mutating func word() throws(ABIError) -> Word {
        guard self.bytes.endIndex - self.position >= Word.byteCount,
            let word = Word(bytes: self.bytes[self.position..<self.position + Word.byteCount])
        else { throw .endsTooEarly }
        self.position += Word.byteCount
        return word
    }

    /// Heads, then tails in the order of the heads, none apart from another.
    mutating func sequence(of types: [ABIType]) throws(ABIError) -> [ABIValue] {
        let start = self.position
        var values: [ABIValue] = []
        var offsets: [Word] = []
        values.reserveCapacity(types.count)
        for type in types {
            if type.isDynamic {
                offsets.append(try self.word())
                values.append(.word(.zero))
            } else {
                values.append(try self.value(inPlace: type))
            }
        }
        guard !offsets.isEmpty else { return values }
        var next = offsets.makeIterator()
        for (index, type) in types.enumerated() where type.isDynamic {
            guard next.next() == Word(UInt64(self.position - start)) else { throw .offsetNotCanonical }
            values[index] = try self.value(inPlace: type)
        }
        return values
    }

    /// A value without an offset before it.
    private mutating func value(inPlace type: ABIType) throws(ABIError) -> ABIValue {
        switch type {
        case .bytes: return .bytes(try self.content())
        case .string:
            let content = try self.content()
            guard String(validating: content, as: UTF8.self) != nil else { throw .notUTF8 }
            return .bytes(content)
        case .array(let element):
            let size = element.headSize
            guard size > 0 else { throw .typeNotSupported }
            // Each element takes its head at least, so memory is bounded by the bytes that are there.
            guard let count = try self.word().index, count <= (self.bytes.endIndex - self.position) / size else {
                throw .lengthTooLarge
            }
            return .array(try self.sequence(of: Array(repeating: element, count: count)))
        case .fixedArray(let element, let count):
            guard element.headSize > 0, count <= (self.bytes.endIndex - self.position) / element.headSize else {
                throw .endsTooEarly
            }
            return .tuple(try self.sequence(of: Array(repeating: element, count: count)))
        case .tuple(let members): return .tuple(try self.sequence(of: members))
        case .uint, .int, .address, .bool, .fixedBytes:
            let word = try self.word()
            guard type.admits(word) else { throw .dirtyWord }
            return .word(word)
        }
    }

    private mutating func content() throws(ABIError) -> [UInt8] {
        guard let count = try self.word().index else { throw .lengthTooLarge }
        let left = self.bytes.endIndex - self.position
        guard count <= left, ABI.paddedCount(count) <= left else { throw .endsTooEarly }
        let content = Array(self.bytes[self.position..<self.position + count])
        let padding = self.bytes[self.position + count..<self.position + ABI.paddedCount(count)]
        guard padding.allSatisfy({ $0 == 0 }) else { throw .dirtyPadding }
        self.position += ABI.paddedCount(count)
        return content
    }
}
