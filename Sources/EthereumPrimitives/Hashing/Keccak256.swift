/// Keccak-256 as Ethereum uses it: the Keccak team's padding (0x01), not that of SHA-3.
///
/// The permutation is the one of FIPS 202, section 3.
package struct Keccak256 {
    /// Bytes taken in before each permutation.
    package static let rate = 136

    private var lanes = InlineArray<25, UInt64>(repeating: 0)
    private var taken = 0

    /// Begins a hash.
    package init() {}

    /// Hashes bytes that are there at once.
    package static func hash(_ bytes: some Sequence<UInt8>) -> Word {
        var keccak = Keccak256()
        keccak.update(bytes)
        return keccak.finalize()
    }

    /// Adds bytes.
    package mutating func update(_ bytes: some Sequence<UInt8>) {
        let isDone: Void? = bytes.withContiguousStorageIfAvailable { self.update(UnsafeRawBufferPointer($0)) }
        if isDone == nil { Array(bytes).withUnsafeBytes { self.update($0) } }
    }

    private mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var position = 0
        while position < bytes.count {
            if self.taken & 7 == 0, bytes.count - position >= 8 {
                let lane = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                self.lanes[self.taken >> 3] ^= UInt64(littleEndian: lane)
                self.taken += 8
                position += 8
            } else {
                self.absorb(bytes[position])
                self.taken += 1
                position += 1
            }
            if self.taken == Self.rate {
                self.permute()
                self.taken = 0
            }
        }
    }

    /// Ends the hash.
    package consuming func finalize() -> Word {
        self.absorb(0x01)
        self.taken = Self.rate - 1
        self.absorb(0x80)
        self.permute()
        return Word(
            limbs: self.lanes[0].byteSwapped,
            self.lanes[1].byteSwapped,
            self.lanes[2].byteSwapped,
            self.lanes[3].byteSwapped
        )
    }

    /// Adds one byte at the current place.
    private mutating func absorb(_ byte: UInt8) {
        self.lanes[self.taken >> 3] ^= UInt64(byte) << UInt64((self.taken & 7) * 8)
    }

    /// The constants of step iota, one for each round.
    private static let roundConstants: InlineArray<24, UInt64> = [
        0x0000_0000_0000_0001, 0x0000_0000_0000_8082, 0x8000_0000_0000_808A, 0x8000_0000_8000_8000,
        0x0000_0000_0000_808B, 0x0000_0000_8000_0001, 0x8000_0000_8000_8081, 0x8000_0000_0000_8009,
        0x0000_0000_0000_008A, 0x0000_0000_0000_0088, 0x0000_0000_8000_8009, 0x0000_0000_8000_000A,
        0x0000_0000_8000_808B, 0x8000_0000_0000_008B, 0x8000_0000_0000_8089, 0x8000_0000_0000_8003,
        0x8000_0000_0000_8002, 0x8000_0000_0000_0080, 0x0000_0000_0000_800A, 0x8000_0000_8000_000A,
        0x8000_0000_8000_8081, 0x8000_0000_0000_8080, 0x0000_0000_8000_0001, 0x8000_0000_8000_8008,
    ]

    private static func rotate(_ lane: UInt64, by count: UInt64) -> UInt64 {
        lane &<< count | lane &>> (64 &- count)
    }

    /// Keccak-f[1600], written out: constant indices and distances leave no bounds checks and no tables.
    private mutating func permute() {
        var lanes = self.lanes
        for round in 0..<24 {
            // Theta: each lane takes the parity of two columns.
            let parity0 = lanes[0] ^ lanes[5] ^ lanes[10] ^ lanes[15] ^ lanes[20]
            let parity1 = lanes[1] ^ lanes[6] ^ lanes[11] ^ lanes[16] ^ lanes[21]
            let parity2 = lanes[2] ^ lanes[7] ^ lanes[12] ^ lanes[17] ^ lanes[22]
            let parity3 = lanes[3] ^ lanes[8] ^ lanes[13] ^ lanes[18] ^ lanes[23]
            let parity4 = lanes[4] ^ lanes[9] ^ lanes[14] ^ lanes[19] ^ lanes[24]
            let change0 = parity4 ^ Self.rotate(parity1, by: 1)
            let change1 = parity0 ^ Self.rotate(parity2, by: 1)
            let change2 = parity1 ^ Self.rotate(parity3, by: 1)
            let change3 = parity2 ^ Self.rotate(parity4, by: 1)
            let change4 = parity3 ^ Self.rotate(parity0, by: 1)
            lanes[0] ^= change0
            lanes[1] ^= change1
            lanes[2] ^= change2
            lanes[3] ^= change3
            lanes[4] ^= change4
            lanes[5] ^= change0
            lanes[6] ^= change1
            lanes[7] ^= change2
            lanes[8] ^= change3
            lanes[9] ^= change4
            lanes[10] ^= change0
            lanes[11] ^= change1
            lanes[12] ^= change2
            lanes[13] ^= change3
            lanes[14] ^= change4
            lanes[15] ^= change0
            lanes[16] ^= change1
            lanes[17] ^= change2
            lanes[18] ^= change3
            lanes[19] ^= change4
            lanes[20] ^= change0
            lanes[21] ^= change1
            lanes[22] ^= change2
            lanes[23] ^= change3
            lanes[24] ^= change4
            // Rho and pi: lanes turn and change places.
            let moved0 = lanes[0]
            let moved1 = Self.rotate(lanes[6], by: 44)
            let moved2 = Self.rotate(lanes[12], by: 43)
            let moved3 = Self.rotate(lanes[18], by: 21)
            let moved4 = Self.rotate(lanes[24], by: 14)
            let moved5 = Self.rotate(lanes[3], by: 28)
            let moved6 = Self.rotate(lanes[9], by: 20)
            let moved7 = Self.rotate(lanes[10], by: 3)
            let moved8 = Self.rotate(lanes[16], by: 45)
            let moved9 = Self.rotate(lanes[22], by: 61)
            let moved10 = Self.rotate(lanes[1], by: 1)
            let moved11 = Self.rotate(lanes[7], by: 6)
            let moved12 = Self.rotate(lanes[13], by: 25)
            let moved13 = Self.rotate(lanes[19], by: 8)
            let moved14 = Self.rotate(lanes[20], by: 18)
            let moved15 = Self.rotate(lanes[4], by: 27)
            let moved16 = Self.rotate(lanes[5], by: 36)
            let moved17 = Self.rotate(lanes[11], by: 10)
            let moved18 = Self.rotate(lanes[17], by: 15)
            let moved19 = Self.rotate(lanes[23], by: 56)
            let moved20 = Self.rotate(lanes[2], by: 62)
            let moved21 = Self.rotate(lanes[8], by: 55)
            let moved22 = Self.rotate(lanes[14], by: 39)
            let moved23 = Self.rotate(lanes[15], by: 41)
            let moved24 = Self.rotate(lanes[21], by: 2)
            // Chi: the only step that is not linear.
            lanes[0] = moved0 ^ (~moved1 & moved2)
            lanes[1] = moved1 ^ (~moved2 & moved3)
            lanes[2] = moved2 ^ (~moved3 & moved4)
            lanes[3] = moved3 ^ (~moved4 & moved0)
            lanes[4] = moved4 ^ (~moved0 & moved1)
            lanes[5] = moved5 ^ (~moved6 & moved7)
            lanes[6] = moved6 ^ (~moved7 & moved8)
            lanes[7] = moved7 ^ (~moved8 & moved9)
            lanes[8] = moved8 ^ (~moved9 & moved5)
            lanes[9] = moved9 ^ (~moved5 & moved6)
            lanes[10] = moved10 ^ (~moved11 & moved12)
            lanes[11] = moved11 ^ (~moved12 & moved13)
            lanes[12] = moved12 ^ (~moved13 & moved14)
            lanes[13] = moved13 ^ (~moved14 & moved10)
            lanes[14] = moved14 ^ (~moved10 & moved11)
            lanes[15] = moved15 ^ (~moved16 & moved17)
            lanes[16] = moved16 ^ (~moved17 & moved18)
            lanes[17] = moved17 ^ (~moved18 & moved19)
            lanes[18] = moved18 ^ (~moved19 & moved15)
            lanes[19] = moved19 ^ (~moved15 & moved16)
            lanes[20] = moved20 ^ (~moved21 & moved22)
            lanes[21] = moved21 ^ (~moved22 & moved23)
            lanes[22] = moved22 ^ (~moved23 & moved24)
            lanes[23] = moved23 ^ (~moved24 & moved20)
            lanes[24] = moved24 ^ (~moved20 & moved21)
            // Iota: rounds differ.
            lanes[0] ^= Self.roundConstants[round]
        }
        self.lanes = lanes
    }
}
