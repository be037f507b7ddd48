/// Cookie names that belong to Daypass; everything under this prefix is read by the edge and never reaches an app,
/// nor may an app set it.
package enum DaypassCookie {
    /// What every name of ours starts with.
    package static let prefix: StaticString = "daypass_"
    /// The routing cookie of path mode: its value is the slug of the session visited last.
    package static let route = "daypass_route"

    /// The viewer cookie of a session.
    package static func viewer(_ slug: String) -> String { "daypass_v_\(slug)" }

    /// The owner cookie of a session, limited to `/.wormkey/`.
    package static func owner(_ slug: String) -> String { "daypass_o_\(slug)" }

    /// The cookie by which a session's owner passes the viewer checks; it controls nothing.
    package static func ownerPass(_ slug: String) -> String { "daypass_p_\(slug)" }

    /// Whether a cookie name is ours.
    package static func isOurs(_ name: UnsafeRawBufferPointer) -> Bool {
        name.count >= Self.prefix.utf8CodeUnitCount
            && equalsIgnoringCase(
                UnsafeRawBufferPointer(rebasing: name[0..<Self.prefix.utf8CodeUnitCount]),
                Self.prefix
            )
    }
}

/// Calls `body` with each `name`, `value` and whole pair of a `Cookie` field's value (RFC 6265, 4.2), white space
/// around pairs trimmed, until it returns true.
@discardableResult
package func forEachCookie(
    _ bytes: UnsafeRawBufferPointer,
    _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ pair: Range<Int>) -> Bool
) -> Bool {
    var start = 0
    while start < bytes.count {
        var end = start
        while end < bytes.count, bytes[end] != UInt8(ascii: ";") { end += 1 }
        var (low, high) = (start, end)
        while low < high, bytes[low] == 0x20 || bytes[low] == 0x09 { low += 1 }
        while low < high, bytes[high - 1] == 0x20 || bytes[high - 1] == 0x09 { high -= 1 }
        if low < high {
            var equals = low
            while equals < high, bytes[equals] != UInt8(ascii: "=") { equals += 1 }
            let name = UnsafeRawBufferPointer(rebasing: bytes[low..<equals])
            let value = UnsafeRawBufferPointer(rebasing: bytes[min(equals + 1, high)..<high])
            if body(name, value, low..<high) { return true }
        }
        start = end + 1
    }
    return false
}

extension HTTPHead {
    /// The value of the first cookie with this name; nil if there is none.
    package func cookie(_ name: String) -> String? {
        for field in self.fields where field.known == .cookie {
            var found: String?
            self.withBytes(field.value) { bytes in
                _ = forEachCookie(bytes) { candidate, value, _ in
                    guard candidate.elementsEqual(name.utf8) else { return false }
                    found = String(decoding: value, as: UTF8.self)
                    return true
                }
            }
            if let found { return found }
        }
        return nil
    }
}
