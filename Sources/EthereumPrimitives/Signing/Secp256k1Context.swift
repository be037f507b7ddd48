import CSecp256k1

/// What the library keeps between calls.
///
/// A context is changed only when it is made (and randomised); every function used here afterwards takes it as
/// constant, which is what makes sharing one between threads right.
final class Secp256k1Context: Sendable {
    /// The one for public data: reading and checking signatures.
    static let shared = Secp256k1Context()

    nonisolated(unsafe) let pointer: OpaquePointer

    /// Makes a context; with a seed, one whose computations with secrets are blinded by it.
    init(blindedBy seed: Word? = nil) {
        guard let pointer = secp256k1_context_create(UInt32(SECP256K1_CONTEXT_NONE)) else {
            // Only when memory is used up.
            fatalError("libsecp256k1 made no context")
        }
        if let seed { _ = secp256k1_context_randomize(pointer, seed.bytes) }
        self.pointer = pointer
    }

    deinit { secp256k1_context_destroy(self.pointer) }
}
