/// Turns the bytes of a terminal into keys: letters as they are, escape sequences (arrow keys, pastes, mouse) as nothing,
/// so that an arrow's final letter is not taken for a command.
package struct KeyParser: Sendable {
    private enum State: Sendable {
        case ground
        case escape
        case sequence
    }
    private var state = State.ground

    /// A parser at the start of input.
    package init() {}

    /// The upper-case letters among `bytes`, one read from the terminal, that were pressed as keys.
    ///
    /// A sequence arrives in one piece, so an escape at the end of a read is the Escape key itself.
    package mutating func keys(in bytes: some Sequence<UInt8>) -> [Character] {
        var keys: [Character] = []
        for byte in bytes {
            switch self.state {
            case .ground:
                if byte == 0x1B {
                    self.state = .escape
                } else if let key = Self.letter(byte) {
                    keys.append(key)
                }
            case .escape:
                // CSI and SS3 sequences go on; anything else after ESC is one key with Alt, which we do not use.
                self.state = byte == UInt8(ascii: "[") || byte == UInt8(ascii: "O") ? .sequence : .ground
            case .sequence:
                if (0x40...0x7E).contains(byte) { self.state = .ground }
            }
        }
        if case .escape = self.state { self.state = .ground }
        return keys
    }

    private static func letter(_ byte: UInt8) -> Character? {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Character(Unicode.Scalar(byte - 32))
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Character(Unicode.Scalar(byte))
        default: nil
        }
    }
}
