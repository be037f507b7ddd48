import NIOCore
import TunnelProtocol

/// A small seeded generator (SplitMix64), so that every random test can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<max(1, limit), using: &self) }

    mutating func bytes(_ count: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        for _ in 0..<count { buffer.writeInteger(UInt8(truncatingIfNeeded: self.next())) }
        return buffer
    }
}

/// Bytes from text like `00 01 ff`; everything in quotes is taken as it is.
func bytes(_ text: String) -> ByteBuffer {
    var buffer = ByteBuffer()
    for (index, part) in text.split(separator: "\"", omittingEmptySubsequences: false).enumerated() {
        if index % 2 == 1 {
            buffer.writeString(String(part).replacing("\\r\\n", with: "\r\n"))
        } else {
            for byte in part.split(separator: " ") { buffer.writeInteger(UInt8(byte, radix: 16)!) }
        }
    }
    return buffer
}

func hex(_ buffer: ByteBuffer) -> String {
    buffer.readableBytesView.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
}

extension NIODeadline {
    /// A moment of the tests' own time.
    static func at(_ milliseconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .milliseconds(milliseconds) }
}

let requestHead = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
let okHead = ByteBuffer(string: "HTTP/1.1 200\r\n\r\n")
let switchingHead = ByteBuffer(string: "HTTP/1.1 101\r\n\r\n")
let earlyHead = ByteBuffer(string: "HTTP/1.1 103\r\nLink: </a>\r\n\r\n")
