import NIOCore

/// Which side's messages are parsed.
package enum HTTPMessageRole: Sendable {
    case request
    case response
}

/// Finds and validates heads.
///
/// Every line ends with CRLF, names are tokens directly followed by a colon, values have
/// no control characters, no line is folded (RFC 9112, sections 2 to 5). Anything else is refused, never repaired.
enum HTTPHeadParser {
    /// The length of the head that begins at the first readable byte, its empty line included.
    ///
    /// Nil if it is not complete. `scanned` remembers where to go on, so that a head arriving byte by byte costs linear time.
    static func headLength(
        in buffer: ByteBuffer,
        scanned: inout Int,
        limit: Int
    ) throws(HTTPParseError) -> Int? {
        let start = scanned
        let outcome: Result<(length: Int?, scanned: Int), HTTPParseError> = buffer.withUnsafeReadableBytes { bytes in
            var index = start
            let end = min(bytes.count, limit)
            while index < end {
                if index + 8 <= end,
                    !containsByte(0x0A, in: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                {
                    index += 8
                    continue
                }
                guard bytes[index] == 0x0A else {
                    index += 1
                    continue
                }
                guard index > 0, bytes[index - 1] == 0x0D else { return .failure(.invalid("a line ends without CR")) }
                if index >= 3, bytes[index - 2] == 0x0A { return .success((index + 1, index + 1)) }
                if index == 1 { return .success((2, 2)) }
                index += 1
            }
            return bytes.count >= limit ? .failure(.headTooLarge) : .success((nil, index))
        }
        let found = try outcome.get()
        scanned = found.scanned
        return found.length
    }

    /// Validates a complete head block.
    static func parse(
        _ block: ByteBuffer,
        role: HTTPMessageRole,
        limits: HTTPParserLimits
    ) throws(HTTPParseError) -> HTTPHead {
        guard block.readableBytes <= limits.maximumHeadBytes else { throw .headTooLarge }
        var fields: [HTTPField] = []
        fields.reserveCapacity(16)
        let outcome: Result<(HTTPHead.StartLine, Int), HTTPParseError> = block.withUnsafeReadableBytes { bytes in
            do throws(HTTPParseError) {
                var index = 0
                let start =
                    switch role {
                    case .request: try Self.requestLine(bytes, &index)
                    case .response: try Self.statusLine(bytes, &index)
                    }
                try Self.fieldLines(bytes, &index, into: &fields, maximum: limits.maximumFields)
                guard index == bytes.count else { throw .invalid("bytes follow the empty line of a head") }
                return .success(start)
            } catch {
                return .failure(error)
            }
        }
        let (startLine, minorVersion) = try outcome.get()
        return HTTPHead(bytes: block, startLine: startLine, minorVersion: minorVersion, fields: fields)
    }

    /// Validates a trailer block: `Name: value` lines, and an empty line if it comes from HTTP/1.1 (in a tunnel it has
    /// none).
    static func parseTrailers(
        _ block: ByteBuffer,
        limits: HTTPParserLimits
    ) throws(HTTPParseError) -> [HTTPField] {
        guard block.readableBytes <= limits.maximumTrailerBytes else { throw .headTooLarge }
        var fields: [HTTPField] = []
        let failure: HTTPParseError? = block.withUnsafeReadableBytes { bytes in
            do throws(HTTPParseError) {
                var index = 0
                try Self.fieldLines(
                    bytes,
                    &index,
                    into: &fields,
                    maximum: limits.maximumFields,
                    endsWithEmptyLine: false
                )
                guard index == bytes.count else { throw .invalid("bytes follow the empty line of trailers") }
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
        return fields
    }

    private static func requestLine(
        _ bytes: UnsafeRawBufferPointer,
        _ index: inout Int
    ) throws(HTTPParseError) -> (HTTPHead.StartLine, Int) {
        let methodEnd = Self.skip(bytes, from: 0, while: isTokenByte)
        guard (1...32).contains(methodEnd), methodEnd < bytes.count, bytes[methodEnd] == 0x20 else {
            throw .invalid("the method is not a token")
        }
        let targetStart = methodEnd + 1
        let targetEnd = Self.skip(bytes, from: targetStart, while: isTargetByte)
        guard targetEnd > targetStart, targetEnd < bytes.count, bytes[targetEnd] == 0x20 else {
            throw .invalid("the request target is not valid")
        }
        index = targetEnd + 1
        let minor = try Self.version(bytes, &index)
        try Self.lineEnd(bytes, &index)
        return (.request(method: 0..<methodEnd, target: targetStart..<targetEnd), minor)
    }

    private static func statusLine(
        _ bytes: UnsafeRawBufferPointer,
        _ index: inout Int
    ) throws(HTTPParseError) -> (HTTPHead.StartLine, Int) {
        let minor = try Self.version(bytes, &index)
        guard index + 4 <= bytes.count, bytes[index] == 0x20 else { throw .invalid("the status line is not valid") }
        var status = 0
        for digit in bytes[(index + 1)..<(index + 4)] {
            guard digit &- 0x30 < 10 else { throw .invalid("the status is not three digits") }
            status = status * 10 + Int(digit - 0x30)
        }
        guard (100...599).contains(status) else { throw .invalid("the status is out of range") }
        index += 4
        // RFC 9112 wants a space before the reason phrase even when that is empty; servers in use leave it out.
        if index < bytes.count, bytes[index] == 0x20 {
            index = Self.skip(bytes, from: index, while: isFieldValueByte)
        }
        try Self.lineEnd(bytes, &index)
        return (.response(status: status), minor)
    }

    private static func version(
        _ bytes: UnsafeRawBufferPointer,
        _ index: inout Int
    ) throws(HTTPParseError) -> Int {
        let literal: StaticString = "HTTP/1."
        guard index + 8 <= bytes.count else { throw .invalid("the HTTP version is missing") }
        for offset in 0..<7 where bytes[index + offset] != literal.utf8Start[offset] {
            throw .invalid("the HTTP version is not 1.0 or 1.1")
        }
        let minor = bytes[index + 7] &- 0x30
        guard minor <= 1 else { throw .invalid("the HTTP version is not 1.0 or 1.1") }
        index += 8
        return Int(minor)
    }

    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) throws(HTTPParseError) {
        guard index + 2 <= bytes.count, bytes[index] == 0x0D, bytes[index + 1] == 0x0A else {
            throw .invalid("a line has bytes that do not belong there")
        }
        index += 2
    }

    private static func fieldLines(
        _ bytes: UnsafeRawBufferPointer,
        _ index: inout Int,
        into fields: inout [HTTPField],
        maximum: Int,
        endsWithEmptyLine: Bool = true
    ) throws(HTTPParseError) {
        while true {
            guard index < bytes.count else {
                if endsWithEmptyLine { throw .invalid("a head ends without an empty line") }
                return
            }
            if bytes[index] == 0x0D {
                try Self.lineEnd(bytes, &index)
                return
            }
            let nameEnd = Self.skip(bytes, from: index, while: isTokenByte)
            // White space before the colon, a folded line (leading white space) and an empty name all end up here.
            guard nameEnd > index, nameEnd < bytes.count, bytes[nameEnd] == UInt8(ascii: ":") else {
                throw .invalid("a field name is not a token followed by a colon")
            }
            var valueStart = nameEnd + 1
            while valueStart < bytes.count, bytes[valueStart] == 0x20 || bytes[valueStart] == 0x09 { valueStart += 1 }
            let lineEnd = Self.valueEnd(bytes, from: valueStart)
            var valueEnd = lineEnd
            while valueEnd > valueStart, bytes[valueEnd - 1] == 0x20 || bytes[valueEnd - 1] == 0x09 { valueEnd -= 1 }
            guard fields.count < maximum else { throw .headTooLarge }
            let known = KnownField.classify(UnsafeRawBufferPointer(rebasing: bytes[index..<nameEnd]))
            fields.append(HTTPField(known: known, name: index..<nameEnd, value: valueStart..<valueEnd))
            index = lineEnd
            try Self.lineEnd(bytes, &index)
        }
    }

    /// Where the bytes that may stand in a field value end: eight at a time while nothing in them needs a look.
    @inline(__always)
    private static func valueEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if !containsControl(in: word) {
                index += 8
                continue
            }
            let end = index + 8
            while index < end, isFieldValueByte(bytes[index]) { index += 1 }
            if index < end { return index }
        }
        return Self.skip(bytes, from: index, while: isFieldValueByte)
    }

    @inline(__always)
    private static func skip(
        _ bytes: UnsafeRawBufferPointer,
        from start: Int,
        while accepts: (UInt8) -> Bool
    ) -> Int {
        var index = start
        while index < bytes.count, accepts(bytes[index]) { index += 1 }
        return index
    }
}
