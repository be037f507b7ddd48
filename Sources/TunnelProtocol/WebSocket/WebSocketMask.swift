package import NIOCore

/// The XOR masking of client frames (RFC 6455, section 5.3), thirty-two bytes at a time.
package enum WebSocketMask {
    /// Masks (or unmasks) bytes in place.
    ///
    /// - Parameters:
    ///   - key: The four key bytes, the first one lowest.
    ///   - bytes: What to change.
    package static func apply(_ key: UInt32, to bytes: UnsafeMutableRawBufferPointer) {
        guard key != 0, let base = bytes.baseAddress else { return }
        Self.transform(from: UnsafeRawPointer(base), to: base, count: bytes.count, key: key)
    }

    /// Appends a masked (or unmasked) copy of the first `count` readable bytes of `source`, and reads them off.
    ///
    /// - Parameters:
    ///   - count: How many bytes; at most what is readable.
    ///   - source: Where they come from.
    ///   - destination: Where they go.
    ///   - key: The key, rotated so that its first byte belongs to the first byte copied.
    package static func copy(
        _ count: Int,
        from source: inout ByteBuffer,
        to destination: inout ByteBuffer,
        key: UInt32
    ) {
        guard count > 0 else { return }
        source.readWithUnsafeReadableBytes { from in
            destination.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { to in
                if let from = from.baseAddress, let to = to.baseAddress {
                    Self.transform(from: from, to: to, count: count, key: key)
                }
                return count
            }
            return count
        }
    }

    /// The key to go on with after `count` bytes.
    package static func rotate(_ key: UInt32, by count: Int) -> UInt32 {
        let bits = UInt32(truncatingIfNeeded: (count & 3) * 8)
        return bits == 0 ? key : key >> bits | key << (32 - bits)
    }

    /// XORs `count` bytes from one place to another, which may be the same.
    @inline(__always)
    private static func transform(from: UnsafeRawPointer, to: UnsafeMutableRawPointer, count: Int, key: UInt32) {
        // The key as it lies in memory, so that the loads below need no byte order of their own.
        let word = UInt64(UInt32(littleEndian: key)) << 32 | UInt64(UInt32(littleEndian: key))
        let wide = SIMD4<UInt64>(repeating: word)
        var offset = 0
        while offset &+ 32 <= count {
            let value = from.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
            to.storeBytes(of: value ^ wide, toByteOffset: offset, as: SIMD4<UInt64>.self)
            offset &+= 32
        }
        while offset &+ 8 <= count {
            let value = from.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            to.storeBytes(of: value ^ word, toByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        var rest = UInt64(littleEndian: word)
        while offset < count {
            let value = from.load(fromByteOffset: offset, as: UInt8.self)
            to.storeBytes(of: value ^ UInt8(truncatingIfNeeded: rest), toByteOffset: offset, as: UInt8.self)
            rest >>= 8
            offset &+= 1
        }
    }
}
