import NIOCore

/// Reads the chunked transfer coding (RFC 9112, 7.1), strictly: sizes are 1 to 15 hexadecimal digits, lines end with
/// CRLF, chunk extensions are dropped and bounded, trailers are validated and bounded.
struct ChunkedDecoder {
    private enum State {
        case size
        case data(remaining: Int)
        case dataEnd
        case trailers
        case done
    }

    /// What came out of the next bytes.
    enum Output {
        case data(ByteBuffer)
        /// The body is complete; the raw trailer block if there was one.
        case end(trailers: ByteBuffer?)
    }

    private var state: State = .size
    private var scanned = 0
    private var extensionBytes = 0
    private let limits: HTTPParserLimits

    init(limits: HTTPParserLimits) {
        self.limits = limits
    }

    /// Takes the next piece out of `buffer`; nil when more bytes are needed.
    mutating func next(_ buffer: inout ByteBuffer) throws(HTTPParseError) -> Output? {
        while true {
            switch self.state {
            case .size:
                guard let size = try self.readSize(&buffer) else { return nil }
                self.state = size == 0 ? .trailers : .data(remaining: size)
            case .data(let remaining):
                let length = min(remaining, buffer.readableBytes)
                guard length > 0, let slice = buffer.readSlice(length: length) else { return nil }
                self.state = length == remaining ? .dataEnd : .data(remaining: remaining - length)
                return .data(slice)
            case .dataEnd:
                guard buffer.readableBytes >= 2 else { return nil }
                guard buffer.readInteger(as: UInt16.self) == 0x0D0A else {
                    throw .invalid("a chunk is longer than its size says")
                }
                self.state = .size
            case .trailers:
                let limit = self.limits.maximumTrailerBytes
                guard let length = try HTTPHeadParser.headLength(in: buffer, scanned: &self.scanned, limit: limit),
                    let block = buffer.readSlice(length: length)
                else { return nil }
                self.state = .done
                if length == 2 { return .end(trailers: nil) }
                _ = try HTTPHeadParser.parseTrailers(block, limits: self.limits)
                return .end(trailers: block)
            case .done:
                return nil
            }
        }
    }

    private mutating func readSize(_ buffer: inout ByteBuffer) throws(HTTPParseError) -> Int? {
        let budget = self.limits.maximumTrailerBytes - self.extensionBytes
        let outcome: Result<(size: Int, length: Int)?, HTTPParseError> = buffer.withUnsafeReadableBytes { bytes in
            var size = 0
            var index = 0
            while index < bytes.count, let digit = Self.hexValue(bytes[index]) {
                guard index < 15 else { return .failure(.invalid("a chunk size is too long")) }
                size = size << 4 | digit
                index += 1
            }
            guard index < bytes.count else { return .success(nil) }
            guard index > 0, bytes[index] == 0x0D || bytes[index] == UInt8(ascii: ";") else {
                return .failure(.invalid("a chunk size is not hexadecimal"))
            }
            let extensionStart = index
            while index < bytes.count, isFieldValueByte(bytes[index]) { index += 1 }
            guard index - extensionStart <= budget else { return .failure(.headTooLarge) }
            guard index + 1 < bytes.count else {
                return index < bytes.count && bytes[index] != 0x0D
                    ? .failure(.invalid("a chunk size line is not valid")) : .success(nil)
            }
            guard bytes[index] == 0x0D, bytes[index + 1] == 0x0A else {
                return .failure(.invalid("a chunk size line is not valid"))
            }
            return .success((size, index + 2))
        }
        guard let (size, length) = try outcome.get() else { return nil }
        // Every chunk has a size line: only what goes beyond a plain one (at most 17 bytes) uses up the budget.
        self.extensionBytes += max(0, length - 17)
        buffer.moveReaderIndex(forwardBy: length)
        return size
    }

    private static func hexValue(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte) - 0x30
        case 0x41...0x46: Int(byte) - 0x37
        case 0x61...0x66: Int(byte) - 0x57
        default: nil
        }
    }
}
