import Crypto

/// The two values of the WebSocket opening handshake (RFC 6455, section 4), and the tunnel's subprotocol.
package enum WebSocketHandshake {
    /// The subprotocol that chooses version 1.
    package static let v1Subprotocol = "daypass.v1"

    /// The `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`, byte for byte as received.
    package static func acceptValue(for key: String) -> String {
        var hash = Insecure.SHA1()
        hash.update(data: Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        return Self.base64(Array(hash.finalize()))
    }

    /// A fresh `Sec-WebSocket-Key`: 16 bytes of the system's secure generator in base64.
    package static func randomKey() -> String {
        var generator = SystemRandomNumberGenerator()
        return Self.base64((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    /// Whether text has the form of a `Sec-WebSocket-Key`: base64 of exactly 16 bytes.
    package static func isValidKey(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        guard bytes.count == 24, bytes[22] == UInt8(ascii: "="), bytes[23] == UInt8(ascii: "=") else { return false }
        return bytes[..<22].allSatisfy { Self.alphabet.contains($0) }
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static func base64(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let first = UInt32(bytes[index])
            let second = index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0
            let third = index + 2 < bytes.count ? UInt32(bytes[index + 2]) : 0
            let group = first << 16 | second << 8 | third
            text.append(Self.alphabet[Int(group >> 18 & 63)])
            text.append(Self.alphabet[Int(group >> 12 & 63)])
            text.append(index + 1 < bytes.count ? Self.alphabet[Int(group >> 6 & 63)] : UInt8(ascii: "="))
            text.append(index + 2 < bytes.count ? Self.alphabet[Int(group & 63)] : UInt8(ascii: "="))
            index += 3
        }
        return String(decoding: text, as: UTF8.self)
    }
}
