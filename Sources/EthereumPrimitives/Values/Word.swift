package import BigInt

/// The 32 bytes that the EVM computes with: a digest, or an unsigned integer in big-endian order.
///
/// Comparison is that of unsigned integers.
package struct Word: Hashable, Sendable, CustomStringConvertible {
    /// Bytes in a word.
    package static let byteCount = 32
    /// All bits clear.
    package static let zero = Word(0)

    private let limb0: UInt64
    private let limb1: UInt64
    private let limb2: UInt64
    private let limb3: UInt64

    /// Makes a word from four 64-bit parts, the most significant first.
    package init(limbs limb0: UInt64, _ limb1: UInt64, _ limb2: UInt64, _ limb3: UInt64) {
        self.limb0 = limb0
        self.limb1 = limb1
        self.limb2 = limb2
        self.limb3 = limb3
    }

    /// The word of a small integer.
    package init(_ value: UInt64) { self.init(limbs: 0, 0, 0, value) }

    /// The word of an integer of 128 bits.
    package init(uint128 value: UInt128) {
        self.init(limbs: 0, 0, UInt64(truncatingIfNeeded: value >> 64), UInt64(truncatingIfNeeded: value))
    }

    /// The word of an integer; nil above 2^256 - 1.
    package init?(unsigned value: BigUInt) {
        guard value.bitWidth <= 256 else { return nil }
        func limb(_ index: Int) -> UInt64 { UInt64(truncatingIfNeeded: value >> (64 * index)) }
        self.init(limbs: limb(3), limb(2), limb(1), limb(0))
    }

    /// Two's complement of a signed integer; nil outside of -2^255 ..< 2^255.
    package init?(signed value: BigInt) {
        if value.sign == .plus {
            guard value.magnitude.bitWidth <= 255 else { return nil }
            self.init(unsigned: value.magnitude)
        } else {
            guard value.magnitude <= BigUInt(1) << 255 else { return nil }
            self.init(unsigned: (BigUInt(1) << 256) - value.magnitude)
        }
    }

    /// Takes exactly 32 bytes; nil for any other number.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init(leftPadding: bytes)
    }

    /// Takes at most 32 bytes as the least significant ones; nil for more.
    package init?(leftPadding bytes: some Collection<UInt8>) {
        guard bytes.count <= Self.byteCount else { return nil }
        var limbs: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for byte in bytes {
            limbs.0 = limbs.0 << 8 | limbs.1 >> 56
            limbs.1 = limbs.1 << 8 | limbs.2 >> 56
            limbs.2 = limbs.2 << 8 | limbs.3 >> 56
            limbs.3 = limbs.3 << 8 | UInt64(byte)
        }
        self.init(limbs: limbs.0, limbs.1, limbs.2, limbs.3)
    }

    /// Takes at most 32 bytes as the most significant ones, as `bytesN` is kept; nil for more.
    package init?(rightPadding bytes: some Collection<UInt8>) {
        guard bytes.count <= Self.byteCount else { return nil }
        self.init(leftPadding: Array(bytes) + [UInt8](repeating: 0, count: Self.byteCount - bytes.count))
    }

    /// Reads `0x` and exactly 64 digits.
    package init?(hex text: some StringProtocol) {
        guard text.utf8.count == 2 + 2 * Self.byteCount, let bytes = Hex.decode(text) else { return nil }
        self.init(bytes: bytes)
    }

    /// The 32 bytes.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        for limb in [self.limb0, self.limb1, self.limb2, self.limb3] {
            for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: limb >> shift)) }
        }
        return bytes
    }

    /// This word as an unsigned integer.
    package var integer: BigUInt {
        (BigUInt(self.limb0) << 192) | (BigUInt(self.limb1) << 128) | (BigUInt(self.limb2) << 64) | BigUInt(self.limb3)
    }

    /// This word as a signed integer in two's complement.
    package var signedInteger: BigInt {
        self.limb0 >> 63 == 0 ? BigInt(self.integer) : BigInt(self.integer) - (BigInt(1) << 256)
    }

    /// This word as a small integer; nil when it does not fit.
    package var uint64: UInt64? { self.limb0 | self.limb1 | self.limb2 == 0 ? self.limb3 : nil }

    /// This word as an integer of 128 bits; nil when it does not fit.
    package var uint128: UInt128? {
        self.limb0 | self.limb1 == 0 ? UInt128(self.limb2) << 64 | UInt128(self.limb3) : nil
    }

    /// This word as an array index; nil when it does not fit.
    package var index: Int? { self.uint64.flatMap { Int(exactly: $0) } }

    /// `0x` and 64 digits.
    package var hex: String { Hex.encode(self.bytes) }

    package var description: String { self.hex }
}

extension Word: Comparable {
    package static func < (lhs: Word, rhs: Word) -> Bool {
        (lhs.limb0, lhs.limb1, lhs.limb2, lhs.limb3) < (rhs.limb0, rhs.limb1, rhs.limb2, rhs.limb3)
    }
}
