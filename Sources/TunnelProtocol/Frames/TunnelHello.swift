package import NIOCore

/// What each side says first in version 1: which versions it speaks, who it is, and what it accepts.
///
/// Layout, big-endian: lowest version (1 byte), highest version (1), capabilities (4, bits not known are ignored),
/// maximum streams (4), initial stream window (4), initial connection window (4), maximum head bytes (4), length of the
/// name (1), name (UTF-8, at most 128 bytes). Nothing may follow.
package struct TunnelHello: Equatable, Sendable {
    /// The lowest version spoken over this subprotocol; must be at most 1.
    package var lowestVersion: UInt8 = 1
    /// The highest version spoken; must be at least 1.
    package var highestVersion: UInt8 = 1
    /// Optional abilities, one bit each; none is defined yet.
    package var capabilities: UInt32 = 0
    /// How many streams the sender accepts at once, 1…65,535.
    package var maximumStreams: UInt32
    /// Credit the receiver of this has on each new stream, 16 KiB…2³¹−1.
    package var initialStreamWindow: UInt32
    /// Credit the receiver of this has on the connection, 64 KiB…2³¹−1.
    package var initialConnectionWindow: UInt32
    /// The largest head or trailer block the sender accepts, 4 KiB…192 KiB.
    package var maximumHeadBytes: UInt32
    /// Who the sender is.
    package var name: String

    /// The fixed part in bytes.
    private static let fixedBytes = 23
    private static let maximumNameBytes = 128

    /// Says what a configuration accepts; values out of range are brought into it and the name is cut to 128 bytes.
    package init(_ configuration: TunnelConfiguration) {
        func within(_ value: Int, _ range: ClosedRange<Int>) -> UInt32 {
            UInt32(min(max(value, range.lowerBound), range.upperBound))
        }
        self.maximumStreams = within(configuration.maximumStreams, 1...65_535)
        self.initialStreamWindow = within(configuration.initialStreamWindow, (16 << 10)...TunnelWire.maximumWindow)
        self.initialConnectionWindow = within(
            configuration.initialConnectionWindow,
            (64 << 10)...TunnelWire.maximumWindow
        )
        self.maximumHeadBytes = within(configuration.maximumHeadBytes, (4 << 10)...TunnelWire.maximumHeadBytes)
        self.name = WebSocketFrameWriter.prefix(of: configuration.name, bytes: Self.maximumNameBytes)
    }

    /// Reads a HELLO's payload, all of it.
    ///
    /// - Throws: `TunnelFrameError.badLength` or `.badValue`.
    package init(reading payload: ByteBuffer) throws(TunnelFrameError) {
        var payload = payload
        guard payload.readableBytes >= Self.fixedBytes,
            let versions = payload.readMultipleIntegers(as: (UInt8, UInt8, UInt32).self),
            let limits = payload.readMultipleIntegers(as: (UInt32, UInt32, UInt32, UInt32).self),
            let nameLength = payload.readInteger(as: UInt8.self),
            payload.readableBytes == Int(nameLength), nameLength <= Self.maximumNameBytes
        else { throw .badLength }
        guard let name = String(validating: payload.readableBytesView, as: UTF8.self),
            name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }),
            versions.0 <= 1, versions.1 >= 1,
            (1...65_535).contains(limits.0),
            (16 << 10...TunnelWire.maximumWindow).contains(Int(limits.1)),
            (64 << 10...TunnelWire.maximumWindow).contains(Int(limits.2)),
            (4 << 10...TunnelWire.maximumHeadBytes).contains(Int(limits.3))
        else { throw .badValue }
        self.lowestVersion = versions.0
        self.highestVersion = versions.1
        self.capabilities = versions.2
        self.maximumStreams = limits.0
        self.initialStreamWindow = limits.1
        self.initialConnectionWindow = limits.2
        self.maximumHeadBytes = limits.3
        self.name = name
    }

    /// Appends the payload.
    package func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(self.lowestVersion, self.highestVersion, self.capabilities)
        buffer.writeMultipleIntegers(
            self.maximumStreams,
            self.initialStreamWindow,
            self.initialConnectionWindow,
            self.maximumHeadBytes
        )
        let name = WebSocketFrameWriter.prefix(of: self.name, bytes: Self.maximumNameBytes)
        buffer.writeInteger(UInt8(name.utf8.count))
        buffer.writeString(name)
    }
}
