/// The header fields a proxy has to recognise; everything else is carried without being looked at.
package enum KnownField: UInt8, Sendable {
    case other
    // Framing and connection management.
    case connection, contentLength, expect, keepAlive, proxyAuthenticate, proxyAuthorization, proxyConnection, te
    case trailer, transferEncoding, upgrade, http2Settings
    // Routing and forwarding.
    case forwarded, host, via, xForwardedFor, xForwardedHost, xForwardedProto, xForwardedPort, xRealIP
    // What the edge reads or maps.
    case accept, authorization, contentType, cookie, date, location, origin, referer, retryAfter, server, setCookie
    case secFetchMode, userAgent, xDaypassPassword
    // What the API gateway reads.
    case accessControlRequestMethod, idempotencyKey, xAPIKey, xSessionToken
    // WebSocket handshake (RFC 6455).
    case secWebSocketAccept, secWebSocketExtensions, secWebSocketKey, secWebSocketProtocol, secWebSocketVersion

    /// Recognises a field name, ignoring ASCII case.
    static func classify(_ name: UnsafeRawBufferPointer) -> KnownField {
        @inline(__always) func same(_ literal: StaticString) -> Bool { equalsIgnoringCase(name, literal) }
        switch name.count {
        case 2: return same("te") ? .te : .other
        case 3: return same("via") ? .via : .other
        case 4: return same("host") ? .host : same("date") ? .date : .other
        case 6:
            switch asciiLowercased(name[0]) {
            case UInt8(ascii: "a"): return same("accept") ? .accept : .other
            case UInt8(ascii: "c"): return same("cookie") ? .cookie : .other
            case UInt8(ascii: "e"): return same("expect") ? .expect : .other
            case UInt8(ascii: "o"): return same("origin") ? .origin : .other
            case UInt8(ascii: "s"): return same("server") ? .server : .other
            default: return .other
            }
        case 7:
            return same("upgrade") ? .upgrade : same("referer") ? .referer : same("trailer") ? .trailer : .other
        case 8: return same("location") ? .location : .other
        case 9:
            return same("x-real-ip")
                ? .xRealIP : same("forwarded") ? .forwarded : same("x-api-key") ? .xAPIKey : .other
        case 10:
            return same("connection")
                ? .connection
                : same("user-agent")
                    ? .userAgent : same("set-cookie") ? .setCookie : same("keep-alive") ? .keepAlive : .other
        case 11: return same("retry-after") ? .retryAfter : .other
        case 12: return same("content-type") ? .contentType : .other
        case 13: return same("authorization") ? .authorization : .other
        case 14:
            return same("content-length")
                ? .contentLength
                : same("sec-fetch-mode") ? .secFetchMode : same("http2-settings") ? .http2Settings : .other
        case 15:
            return same("x-forwarded-for")
                ? .xForwardedFor
                : same("x-session-token")
                    ? .xSessionToken : same("idempotency-key") ? .idempotencyKey : .other
        case 16:
            return same("x-forwarded-host")
                ? .xForwardedHost
                : same("x-forwarded-port")
                    ? .xForwardedPort
                    : same("proxy-connection") ? .proxyConnection : .other
        case 17:
            return same("transfer-encoding")
                ? .transferEncoding
                : same("x-forwarded-proto")
                    ? .xForwardedProto : same("sec-websocket-key") ? .secWebSocketKey : .other
        case 18:
            return same("proxy-authenticate")
                ? .proxyAuthenticate : same("x-daypass-password") ? .xDaypassPassword : .other
        case 19: return same("proxy-authorization") ? .proxyAuthorization : .other
        case 20: return same("sec-websocket-accept") ? .secWebSocketAccept : .other
        case 21: return same("sec-websocket-version") ? .secWebSocketVersion : .other
        case 22: return same("sec-websocket-protocol") ? .secWebSocketProtocol : .other
        case 24: return same("sec-websocket-extensions") ? .secWebSocketExtensions : .other
        case 29: return same("access-control-request-method") ? .accessControlRequestMethod : .other
        default: return .other
        }
    }

    /// Whether the field belongs to one connection only and is never passed on (RFC 9110, 7.6.1).
    package var isHopByHop: Bool {
        switch self {
        case .connection, .keepAlive, .proxyAuthenticate, .proxyAuthorization, .proxyConnection, .te, .trailer,
            .transferEncoding, .upgrade, .http2Settings:
            true
        default: false
        }
    }

    /// Whether the field may not stand in trailers (RFC 9110, 6.5.1: framing, routing, authentication, modifiers).
    package var isForbiddenInTrailers: Bool {
        switch self {
        case .other, .date, .server: false
        default: true
        }
    }
}
