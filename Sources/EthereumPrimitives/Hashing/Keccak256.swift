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
        for byte in bytes {
            self.absorb(byte)
            self.taken += 1
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

    /// Steps rho and pi as one walk over the lanes: where the lane in hand goes next, and how far it turns.
    private static let destinations: InlineArray<24, Int> = [
        10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1,
    ]
    private static let rotations: InlineArray<24, UInt64> = [
        1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44,
    ]

    private static func rotate(_ lane: UInt64, by count: UInt64) -> UInt64 {
        lane &<< count | lane &>> (64 &- count)
    }

    /// Keccak-f[1600].
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
            for row in stride(from: 0, to: 25, by: 5) {
                lanes[row] ^= change0
                lanes[row + 1] ^= change1
                lanes[row + 2] ^= change2
                lanes[row + 3] ^= change3
                lanes[row + 4] ^= change4
            }
            // Rho and pi: lanes turn and change places.
            var inHand = lanes[1]
            for step in 0..<24 {
                let destination = Self.destinations[step]
                let displaced = lanes[destination]
                lanes[destination] = Self.rotate(inHand, by: Self.rotations[step])
                inHand = displaced
            }
            // Chi: the only step that is not linear.
            for row in stride(from: 0, to: 25, by: 5) {
                let (lane0, lane1) = (lanes[row], lanes[row + 1])
                lanes[row] = lane0 ^ (~lane1 & lanes[row + 2])
                lanes[row + 1] = lane1 ^ (~lanes[row + 2] & lanes[row + 3])
                lanes[row + 2] ^= ~lanes[row + 3] & lanes[row + 4]
                lanes[row + 3] ^= ~lanes[row + 4] & lane0
                lanes[row + 4] ^= ~lane0 & lane1
            }
            // Iota: rounds differ.
            lanes[0] ^= Self.roundConstants[round]
        }
        self.lanes = lanes
    }
}
