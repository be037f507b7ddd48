/// Character classes of RFC 9110 as bit sets over ASCII, so that a test is a shift and a mask.
@usableFromInline
package struct ASCIISet: Sendable {
    @usableFromInline let low: UInt64
    @usableFromInline let high: UInt64

    /// The set of the characters of `characters`, all of them ASCII.
    package init(_ characters: String) {
        var low: UInt64 = 0
        var high: UInt64 = 0
        for byte in characters.utf8 {
            precondition(byte < 128)
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
        }
        self.low = low
        self.high = high
    }

    @inlinable init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// Whether `byte` is in the set.
    @inlinable @inline(__always)
    package func contains(_ byte: UInt8) -> Bool {
        guard byte < 128 else { return false }
        let word = byte < 64 ? self.low : self.high
        return (word >> UInt64(byte & 63)) & 1 == 1
    }
}

/// Whether a byte may stand in a token (`tchar` of RFC 9110, 5.6.2).
///
/// The set is given as literal words, because a lazy global would cost
/// a check per byte.
@inlinable @inline(__always)
package func isTokenByte(_ byte: UInt8) -> Bool {
    ASCIISet(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE).contains(byte)
}

/// A byte allowed inside a field value (RFC 9110, 5.5): visible characters, space, tab and obs-text.
@inlinable @inline(__always)
package func isFieldValueByte(_ byte: UInt8) -> Bool {
    (byte >= 0x20 && byte != 0x7F) || byte == 0x09
}

/// A byte allowed inside a request target: anything but controls, space, `#` and DEL.
///
/// Bytes above 0x7F are not in the
/// grammar but real clients send raw UTF-8, and no framing depends on them.
@inlinable @inline(__always)
package func isTargetByte(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte != 0x7F && byte != 0x23
}

/// The ASCII lower-case form of `byte`.
@inlinable @inline(__always)
package func asciiLowercased(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
}

/// Whether `bytes` equals `literal` (lower case) ignoring ASCII case.
@inlinable @inline(__always)
package func equalsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ literal: StaticString) -> Bool {
    guard bytes.count == literal.utf8CodeUnitCount else { return false }
    let other = literal.utf8Start
    for index in 0..<bytes.count where asciiLowercased(bytes[index]) != other[index] { return false }
    return true
}

/// Whether any of the eight bytes of a word equals `byte`, in whatever order they were loaded.
@inline(__always)
func containsByte(_ byte: UInt8, in word: UInt64) -> Bool {
    let difference = word ^ (0x0101_0101_0101_0101 &* UInt64(byte))
    return (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080 != 0
}

/// Whether any of the eight bytes of a word is a control character, tab included, or DEL.
@inline(__always)
func containsControl(in word: UInt64) -> Bool {
    let belowSpace = (word &- 0x2020_2020_2020_2020) & ~word & 0x8080_8080_8080_8080
    return belowSpace != 0 || containsByte(0x7F, in: word)
}
