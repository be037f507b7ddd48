package import SessionModel
import UpstreamRelay

/// Where the tunnel is opened, read from an `edgeUrl`.
package struct EdgeAddress: Sendable, Equatable {
    /// Whether TLS is used (`wss`).
    package let isSecure: Bool
    /// Host name or address literal, IPv6 without brackets.
    package let host: String
    /// The port to dial.
    package let port: Int
    /// `host` or `host:port` as the `Host` field says it.
    package let authority: String
    /// Path and query of the request.
    package let requestTarget: String

    /// Reads a `ws://` or `wss://` URL (`http` and `https` are taken as their equals).
    ///
    /// - Throws: `validation_error` for anything else; the URL is not repeated in the message, because it may hold
    ///   a query.
    package init(_ url: String) throws(DaypassError) {
        guard let mark = url.firstRange(of: "://") else { throw Self.invalid }
        switch url[..<mark.lowerBound].lowercased() {
        case "ws", "http": self.isSecure = false
        case "wss", "https": self.isSecure = true
        default: throw Self.invalid
        }
        let rest = url[mark.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<end].lowercased()
        guard !authority.contains("@"), rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") })
        else { throw Self.invalid }
        let target: LocalTarget
        do throws(DaypassError) {
            target = try LocalTarget(parsing: "http://\(authority)")
        } catch {
            throw Self.invalid
        }
        let named = authority.hasSuffix(":\(target.port)")
        self.host = target.host
        self.port = named ? target.port : self.isSecure ? 443 : 80
        self.authority = authority
        let path = rest[end...]
        self.requestTarget = path.isEmpty ? "/tunnel" : path.hasPrefix("?") ? "/\(path)" : String(path)
    }

    private static var invalid: DaypassError {
        let message = "The edge address must be ws:// or wss:// with a host."
        return DaypassError(.validationError, message, details: [.init(path: "edgeUrl", message: message)])
    }
}
