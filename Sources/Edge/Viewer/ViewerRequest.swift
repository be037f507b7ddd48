import AccessControl
import NIOCore
import ProxySemantics
import SessionModel

/// The peer of a viewer's connection.
struct ViewerPeer {
    /// Its address; an unspecified one when the socket has none (a peer that is gone already).
    var address: ClientAddress
    /// The address as text, without port.
    var text: String

    /// The peer of a connection whose address is not known.
    static let unknown = ViewerPeer(nil)

    /// Reads a socket address.
    init(_ address: SocketAddress?) {
        let parsed = address?.ipAddress.flatMap { ClientAddress(parsing: $0.prefix { $0 != "%" }) }
        self.address = parsed ?? ClientAddress(v4: (0, 0, 0, 0))
        self.text = self.address.text
    }
}

/// One request as the edge sees it, before any decision.
struct ViewerRequest {
    /// The validated head.
    var head: HTTPHead
    /// What it is for.
    var route: RequestRoute
    /// Whether a body follows.
    var hasBody: Bool
    /// Who sent it.
    var peer: ViewerPeer
    /// `http` or `https`.
    var scheme: String

    /// Whether the viewer came over https.
    var isSecure: Bool { self.scheme == "https" }

    /// Whether a page is wanted: browsers list `text/html` when they navigate.
    var prefersHTML: Bool {
        guard let field = self.head.first(.accept) else { return false }
        return self.head.withBytes(field.value) { bytes in
            forEachListElement(bytes) { element in
                let type = element.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 }
                return equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: type), "text/html")
            }
        }
    }

    /// Runs `body` on the bytes of the target for the app.
    func withTarget<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        guard let target = self.route.target else {
            return withUnsafeBytes(of: UInt8(ascii: "/")) { body($0) }
        }
        return self.head.withBytes(target, body)
    }

    /// The `Host` as sent.
    var host: String { self.head.value(of: .host) ?? "" }

    /// The target for the app as text, `/` when the target has no path.
    var targetText: String { self.route.target.map { self.head.string($0) } ?? "/" }

    /// The value of a query parameter of the target, percent-decoded; nil if it is absent or not valid UTF-8.
    func query(_ name: String) -> String? {
        guard let mark = self.targetText.firstIndex(of: "?") else { return nil }
        for pair in self.targetText[self.targetText.index(after: mark)...].split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.first.map({ percentDecoded($0) }) == name {
                return parts.count > 1 ? percentDecoded(parts[1]) : ""
            }
        }
        return nil
    }

    /// The path of the target, without query.
    var path: String { String(self.targetText.prefix { $0 != "?" }) }
}

/// Decodes `application/x-www-form-urlencoded` text; nil when an escape is malformed or the result is not UTF-8.
func percentDecoded(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var iterator = text.utf8.makeIterator()
    while let byte = iterator.next() {
        switch byte {
        case UInt8(ascii: "+"): bytes.append(0x20)
        case UInt8(ascii: "%"):
            guard let high = iterator.next().flatMap({ Character(UnicodeScalar($0)).hexDigitValue }),
                let low = iterator.next().flatMap({ Character(UnicodeScalar($0)).hexDigitValue })
            else { return nil }
            bytes.append(UInt8(high << 4 | low))
        default: bytes.append(byte)
        }
    }
    return String(validating: bytes, as: UTF8.self)
}
