/// The 20 bytes that name an account or a contract.
package struct EthereumAddress: Hashable, Sendable, CustomStringConvertible {
    /// Bytes in an address.
    package static let byteCount = 20
    /// The address of twenty zeros, which many contracts read as "none".
    package static let zero = EthereumAddress(high: 0, middle: 0, low: 0)

    private let high: UInt64
    private let middle: UInt64
    private let low: UInt32

    private init(high: UInt64, middle: UInt64, low: UInt32) {
        self.high = high
        self.middle = middle
        self.low = low
    }

    /// Takes exactly 20 bytes; nil for any other number.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var parts: (UInt64, UInt64, UInt32) = (0, 0, 0)
        for byte in bytes {
            parts.0 = parts.0 << 8 | parts.1 >> 56
            parts.1 = parts.1 << 8 | UInt64(parts.2 >> 24)
            parts.2 = parts.2 << 8 | UInt32(byte)
        }
        self.init(high: parts.0, middle: parts.1, low: parts.2)
    }

    /// The address in the last 20 bytes of a word, whatever precedes them.
    package init(truncating word: Word) {
        // A word has 32 bytes, so 20 are there.
        self = EthereumAddress(bytes: word.bytes.suffix(Self.byteCount)) ?? .zero
    }

    /// The address in a word; nil unless the 12 bytes before it are zero.
    package init?(word: Word) {
        self.init(truncating: word)
        guard self.word == word else { return nil }
    }

    /// Reads `0x` and 40 digits of any case; a checksum, if the letters' case is one, is not looked at.
    package init?(hex text: some StringProtocol) {
        guard text.utf8.count == 2 + 2 * Self.byteCount, let bytes = Hex.decode(text) else { return nil }
        self.init(bytes: bytes)
    }

    /// Reads what a person or a program typed: all letters in one case, or in the case of the checksum (EIP-55).
    package init?(parsing text: some StringProtocol) {
        self.init(hex: text)
        let letters = text.utf8.dropFirst(2).filter { $0 > UInt8(ascii: "9") }
        let isMixed = letters.contains { $0 & 0x20 == 0 } && letters.contains { $0 & 0x20 != 0 }
        guard !isMixed || self.checksummed == text else { return nil }
    }

    /// The 20 bytes.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        for limb in [self.high, self.middle] {
            for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: limb >> shift)) }
        }
        for shift in stride(from: 24, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: self.low >> shift))
        }
        return bytes
    }

    /// This address as the EVM keeps it: 12 zeros before it.
    package var word: Word {
        Word(
            limbs: 0,
            self.high >> 32,
            self.high << 32 | self.middle >> 32,
            self.middle << 32 | UInt64(self.low)
        )
    }

    /// `0x` and 40 digits in lower case.
    package var hex: String { Hex.encode(self.bytes) }

    /// `0x` and 40 digits whose letters' case is a checksum (EIP-55).
    package var checksummed: String {
        let digits = Array(self.hex.utf8.dropFirst(2))
        let digest = Keccak256.hash(digits).bytes
        var text: [UInt8] = [UInt8(ascii: "0"), UInt8(ascii: "x")]
        for (index, digit) in digits.enumerated() {
            let nibble = index.isMultiple(of: 2) ? digest[index / 2] >> 4 : digest[index / 2] & 15
            text.append(digit > UInt8(ascii: "9") && nibble >= 8 ? digit & ~0x20 : digit)
        }
        return String(decoding: text, as: UTF8.self)
    }

    package var description: String { self.checksummed }
}
