package import EthereumPrimitives

/// The four bytes under which Kernel keeps a permission.
///
/// They are a hash cut short: never an identity by themselves.
package struct PermissionID: Hashable, Sendable, CustomStringConvertible {
    /// The first byte of a validation that is a permission.
    package static let validationType: UInt8 = 2

    private let rawValue: UInt32

    /// The first four bytes of a digest.
    package init(of digest: Word) {
        self.rawValue = digest.bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Reads `0x` and eight digits.
    package init?(hex text: some StringProtocol) {
        guard let bytes = Hex.decode(text), bytes.count == 4 else { return nil }
        self.rawValue = bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Reads the validation of a permission; nil for other validations, and for more than zeros behind the four bytes,
    /// which Kernel would take for the same permission.
    package init?(validationID word: Word) {
        self.rawValue = word.bytes[1..<5].reduce(0) { $0 << 8 | UInt32($1) }
        guard self.validationID == word else { return nil }
    }

    /// The four bytes.
    package var bytes: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: self.rawValue >> $0) } }

    /// The 21 bytes of the validation, as `bytes21` in a word.
    package var validationID: Word {
        Word(limbs: UInt64(Self.validationType) << 56 | UInt64(self.rawValue) << 24, 0, 0, 0)
    }

    package var description: String { Hex.encode(self.bytes) }
}
