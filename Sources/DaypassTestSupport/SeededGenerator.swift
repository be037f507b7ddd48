import Synchronization

/// Random numbers that are the same at every run: SplitMix64 (Steele, Lea, Flood, 2014).
///
/// For tests only.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// A generator whose sequence depends only on `seed`.
    package init(seed: UInt64) {
        self.state = seed
    }

    package mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// The same sequence as a function that may be called from any thread.
    package static func source(seed: UInt64) -> @Sendable () -> UInt64 {
        let box = Box(SeededGenerator(seed: seed))
        return { box.generator.withLock { $0.next() } }
    }

    private final class Box: Sendable {
        let generator: Mutex<SeededGenerator>

        init(_ generator: SeededGenerator) { self.generator = Mutex(generator) }
    }
}
