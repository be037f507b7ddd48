package import NIOCore
package import NIOHPACK

/// Fields between HTTP/2's header lists and the text of HTTP/1.1, each byte checked on the way.
extension HPACKHeaders {
    /// Appends one field as a line.
    ///
    /// Throws `.invalid` unless the name is a lower-case token and the value has only bytes a field value may have: nothing
    /// that could end the line.
    package static func writeLine(
        _ name: String,
        _ value: String,
        to block: inout ByteBuffer
    ) throws(HTTPParseError) {
        guard !name.isEmpty, name.utf8.allSatisfy({ isTokenByte($0) && asciiLowercased($0) == $0 }) else {
            throw .invalid("a field name is not a lower-case token")
        }
        guard value.utf8.allSatisfy(isFieldValueByte) else {
            throw .invalid("a field value has bytes that do not belong there")
        }
        block.writeField(name, value)
    }

    /// The list as a trailer block with its empty line.
    ///
    /// Throws `.invalid` as `writeLine` does.
    package func trailerBlock() throws(HTTPParseError) -> ByteBuffer {
        var block = ByteBuffer()
        for (name, value, _) in self { try Self.writeLine(name, value, to: &block) }
        block.writeStaticString("\r\n")
        return block
    }

    /// Adds those `Name: value` lines of a block whose fields `includes` accepts, with names in lower case.
    ///
    /// Throws what validating the block throws.
    package mutating func addLines(
        of block: ByteBuffer,
        where includes: (KnownField) -> Bool
    ) throws(HTTPParseError) {
        let limits = HTTPParserLimits(maximumFields: .max, maximumTrailerBytes: .max)
        let fields = try HTTPMessageParser.validateTrailers(block, limits: limits)
        block.withUnsafeReadableBytes { bytes in
            for field in fields where includes(field.known) {
                self.add(
                    name: String(decoding: bytes[field.name].lazy.map(asciiLowercased), as: UTF8.self),
                    value: String(decoding: UnsafeRawBufferPointer(rebasing: bytes[field.value]), as: UTF8.self),
                    indexing: field.known.isSecret ? .neverIndexed : .indexable
                )
            }
        }
    }
}

extension KnownField {
    /// Whether values of the field are kept out of compression tables (RFC 7541, 7.1.3).
    fileprivate var isSecret: Bool { self == .setCookie || self == .authorization }
}

extension ByteBuffer {
    mutating func writeField(_ name: String, _ value: String) {
        self.writeString(name)
        self.writeStaticString(": ")
        self.writeString(value)
        self.writeStaticString("\r\n")
    }
}
