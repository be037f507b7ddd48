/// A path as servers may read it: undecoded, decoded once, and so on until nothing changes.
///
/// Within one level, `/` of the request separates segments for everybody; a `\` or a `/` that was encoded separates for
/// some, so such a segment is kept in parts.
struct PathReadings {
    /// What lies between two slashes of the request, at one level of decoding.
    struct Segment {
        /// As one segment.
        let whole: PathToken
        /// As several, when there are encoded slashes or backslashes in it; else empty.
        let parts: [PathToken]
    }

    /// How often a path is decoded; one that could be decoded again is not read.
    static let maximumDecodings = 3
    /// The longest path that is read, in bytes.
    static let maximumLength = 8192
    /// The most segments that are read, counted with every separator there may be.
    static let maximumSegments = 256

    /// The levels, from the undecoded to the last.
    let levels: [[Segment]]

    /// Reads the request target up to its query.
    ///
    /// Nil when it cannot be read for certain: it does not start with `/`, is
    /// too long, is encoded too often, or has control characters, `%uXXXX` or overlong UTF-8 in it.
    init?(_ target: UnsafeRawBufferPointer) {
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        guard path.first == UInt8(ascii: "/"), path.count <= Self.maximumLength else { return nil }
        var segments = path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { Array($0) }
        guard segments.count <= Self.maximumSegments else { return nil }
        var levels: [[Segment]] = []
        while true {
            guard segments.allSatisfy(Self.isReadable), levels.count <= Self.maximumDecodings else { return nil }
            let level = segments.map { Self.segment($0) }
            guard level.reduce(0, { $0 + max(1, $1.parts.count) }) <= Self.maximumSegments else { return nil }
            levels.append(level)
            var hasChanged = false
            for index in segments.indices {
                guard let decoded = Self.decoded(segments[index][...]) else { continue }
                segments[index] = decoded
                hasChanged = true
            }
            guard hasChanged else { break }
        }
        self.levels = levels
    }

    /// `bytes` with every `%XX` replaced once; nil when there is none.
    static func decoded(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        guard bytes.contains(UInt8(ascii: "%")) else { return nil }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.endIndex,
                let high = hexDigitValue(bytes[index + 1]), let low = hexDigitValue(bytes[index + 2])
            {
                output.append(high << 4 | low)
                index += 3
            } else {
                output.append(bytes[index])
                index += 1
            }
        }
        return output.count == bytes.count ? nil : output
    }

    /// Whether some servers separate segments at `byte`.
    static func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") }

    private static func segment(_ bytes: [UInt8]) -> Segment {
        let parts =
            bytes.contains(where: isSeparator)
            ? bytes.split(omittingEmptySubsequences: false, whereSeparator: isSeparator) : []
        return Segment(whole: PathToken(bytes[...]), parts: parts.map { PathToken($0) })
    }

    private static func isReadable(_ bytes: [UInt8]) -> Bool {
        for (index, byte) in bytes.enumerated() {
            if byte < 0x20 || byte == 0x7f || byte == 0xc0 || byte == 0xc1 { return false }
            guard index + 1 < bytes.count else { continue }
            let next = bytes[index + 1]
            if byte == 0xe0, (0x80...0x9f).contains(next) { return false }
            if byte == 0xf0, (0x80...0x8f).contains(next) { return false }
            if byte == UInt8(ascii: "%"), next | 0x20 == UInt8(ascii: "u"), index + 5 < bytes.count,
                bytes[(index + 2)...(index + 5)].allSatisfy({ hexDigitValue($0) != nil })
            {
                return false
            }
        }
        return true
    }
}

/// One segment of a path, folded for comparison.
struct PathToken {
    /// What a segment does to where a path stands.
    enum Kind: Equatable {
        /// It names something.
        case name
        /// Some read it as nothing: empty, `.`, or nothing but parameters.
        case ignorable
        /// `..` itself.
        case parent
        /// Some read it as `..`, some as nothing, some as a name: `..;x`, `...`, `.. `.
        case perhapsParent
    }

    /// Folded text; canonically equivalent Unicode is equal.
    struct Text: Hashable, Sendable {
        let bytes: [UInt8]
        private let unicode: String?

        init(folded bytes: [UInt8]) {
            self.bytes = bytes
            self.unicode = bytes.allSatisfy { $0 < 0x80 } ? nil : String(validating: bytes, as: UTF8.self)
        }

        static func == (lhs: Text, rhs: Text) -> Bool {
            if let left = lhs.unicode, let right = rhs.unicode { return left == right }
            return lhs.bytes == rhs.bytes
        }

        func hash(into hasher: inout Hasher) {
            if let unicode { hasher.combine(unicode) } else { hasher.combine(self.bytes) }
        }

        func hasPrefix(_ prefix: Text) -> Bool {
            if self.bytes.starts(with: prefix.bytes) { return true }
            guard let text = self.unicode, let start = prefix.unicode else { return false }
            return text.hasPrefix(start)
        }
    }

    /// The whole segment.
    let whole: Text
    /// Without parameters, and without dots and spaces at the end.
    let canonical: Text
    let kind: Kind
    /// Whether there are parameters, or what some take for a query.
    let hasParameters: Bool

    init(_ bytes: ArraySlice<UInt8>) {
        let folded = Self.folded(bytes)
        // A "?" or "#" in here was encoded, but some servers cut there after decoding.
        let named = folded.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        let isTrimmed = { (byte: UInt8) in byte == UInt8(ascii: ".") || byte == UInt8(ascii: " ") }
        let end = named.lastIndex { !isTrimmed($0) }.map { $0 + 1 } ?? named.startIndex
        self.whole = Text(folded: folded)
        self.hasParameters = named.count < folded.count
        self.canonical = Text(folded: Array(named[..<end]))
        if end > named.startIndex {
            self.kind = .name
        } else if named.count(where: { $0 == UInt8(ascii: ".") }) < 2 {
            self.kind = .ignorable
        } else {
            self.kind = folded.elementsEqual("..".utf8) ? .parent : .perhapsParent
        }
    }

    /// Upper and then lower case, which also folds letters that only meet in upper case, such as the long s.
    private static func folded(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        if bytes.contains(where: { $0 >= 0x80 }), let text = String(validating: bytes, as: UTF8.self) {
            return Array(text.uppercased().lowercased().utf8)
        }
        return bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    }
}
