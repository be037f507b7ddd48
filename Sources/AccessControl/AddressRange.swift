/// A range of addresses in CIDR notation, such as `10.0.0.0/8` or `2001:db8::/32`; one address is a range too.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    private let isV4: Bool
    private let high: UInt64
    private let low: UInt64
    /// Bits that must agree: 0…32 for IPv4, 0…128 for IPv6.
    package let prefixLength: Int

    /// Reads `address/length` or a single address.
    ///
    /// Nil when it is malformed, or when bits after the prefix are set (`10.1.2.3/8`), because then it is not clear
    /// what was meant. A range inside `::ffff:0:0/96` is the IPv4 range it stands for.
    package init?(parsing cidr: some StringProtocol) {
        let text = Substring(cidr)
        let slash = text.utf8.firstIndex(of: UInt8(ascii: "/"))
        let addressText = text[..<(slash ?? text.endIndex)]
        guard let address = ClientAddress(parsing: addressText) else { return nil }
        let writtenAsV6 = addressText.utf8.contains(UInt8(ascii: ":"))
        var length = address.isV4 ? 32 : 128
        if let slash {
            let digits = text[text.index(after: slash)...]
            guard (1...3).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }),
                digits == "0" || digits.utf8.first != UInt8(ascii: "0"), let number = Int(digits)
            else { return nil }
            length = address.isV4 && writtenAsV6 ? number - 96 : number
            guard (0...(address.isV4 ? 32 : 128)).contains(length) else { return nil }
        }
        let mask = Self.mask(isV4: address.isV4, length: length)
        guard address.high & ~mask.high == 0, address.low & ~mask.low & (address.isV4 ? 0xffff_ffff : .max) == 0 else {
            return nil
        }
        self.isV4 = address.isV4
        self.high = address.high
        self.low = address.low
        self.prefixLength = length
        self.address = address.text
    }

    private let address: String

    /// Whether `address` lies in this range; IPv4 ranges hold IPv4 addresses only, IPv6 ranges IPv6 addresses only.
    package func contains(_ address: ClientAddress) -> Bool {
        guard address.isV4 == self.isV4 else { return false }
        let mask = Self.mask(isV4: self.isV4, length: self.prefixLength)
        return address.high & mask.high == self.high && address.low & mask.low == self.low
    }

    /// The range in CIDR notation.
    package var description: String { "\(self.address)/\(self.prefixLength)" }

    private static func mask(isV4: Bool, length: Int) -> (high: UInt64, low: UInt64) {
        if isV4 { return (0, UInt64.max << UInt64(32 - length) & 0xffff_ffff) }
        // Shifting by the whole width gives zero for Swift's smart shifts.
        return (UInt64.max << UInt64(max(0, 64 - length)), UInt64.max << UInt64(min(64, 128 - length)))
    }
}
