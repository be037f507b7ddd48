import AccessControl
import SessionModel

/// A request to the API gateway as another proxy tells of it in a sub-request.
///
/// Two forms are read. At `/forward-auth` itself the proxy's fields tell method, target and host: `X-Forwarded-Method`,
/// `X-Forwarded-Uri` and `X-Forwarded-Host` (Traefik, Caddy), or `X-Original-Method` and `X-Original-URI` for the
/// first two (nginx). Under `/forward-auth/` the sub-request is the original one with that prefix (Envoy's `ext_authz`
/// over HTTP), and none of these fields may be there.
///
/// Each piece must be told exactly once: a field that the proxy forgot to clear, and a client has sent, is never
/// believed beside another. The client's address comes from `X-Forwarded-For`, which must be there: without it all
/// visitors would be one.
struct ForwardedRequest {
    /// The path of the call.
    static let path = "/forward-auth"

    /// What the gateway decides about.
    let request: GatewayRequest
    /// The method as sent.
    let method: String
    /// The host it was sent to, lower case and without port.
    let host: String

    /// Whether a call is one of these, whatever its method.
    static func isMeant(by head: CallHead) -> Bool {
        head.path == Self.path || head.path.hasPrefix(Self.path + "/")
    }

    /// Reads the original request; throws `bad_request` naming what is missing, doubled or malformed.
    ///
    /// `proxies` are those whose `X-Forwarded-For` is believed; the caller has made sure that the peer is one.
    init(_ head: CallHead, peer: ClientAddress, proxies: TrustedProxies) throws(DaypassError) {
        let told = try head.path == Self.path ? Self.toldByFields(head) : Self.toldByForm(head)
        guard (1...32).contains(told.method.utf8.count), told.method.utf8.allSatisfy({ (65...90).contains($0) }) else {
            throw Self.problem("The forwarded method is not one.")
        }
        // Bytes beyond visible ASCII would reach us and the upstream in different spellings.
        guard told.target.hasPrefix("/"), told.target.utf8.count <= 16_384, isVisibleASCII(told.target) else {
            throw Self.problem("The forwarded URI must be a path with its query, percent-encoded.")
        }
        guard let host = HostClassifier.plainHost(ofAuthority: told.authority) else {
            throw Self.problem("The forwarded host is not one host.")
        }
        let forwardedFor = head.values("x-forwarded-for")
        guard forwardedFor.contains(where: { !$0.isEmpty }) else {
            throw Self.problem("X-Forwarded-For is missing: let the proxy tell the client's address.")
        }
        self.method = told.method
        self.host = host
        self.request = GatewayRequest(
            method: told.method,
            target: told.target,
            address: proxies.client(peer: peer, forwardedFor: forwardedFor),
            origin: head.gatewayField("origin"),
            authorization: head.gatewayField("authorization"),
            apiKey: head.gatewayField("x-api-key"),
            sessionToken: head.gatewayField("x-session-token"),
            idempotencyKey: head.gatewayField("idempotency-key"),
            requestMethod: head.gatewayField("access-control-request-method")
        )
    }

    private typealias Told = (method: String, target: String, authority: String)

    private static func toldByFields(_ head: CallHead) throws(DaypassError) -> Told {
        (
            try self.one(of: ["x-forwarded-method", "x-original-method"], in: head, "method"),
            try self.one(of: ["x-forwarded-uri", "x-original-uri"], in: head, "URI"),
            try self.one(of: ["x-forwarded-host"], in: head, "host")
        )
    }

    private static func toldByForm(_ head: CallHead) throws(DaypassError) -> Told {
        let fields = [
            "x-forwarded-method", "x-original-method", "x-forwarded-uri", "x-original-uri", "x-forwarded-host",
        ]
        guard fields.allSatisfy({ head.values($0).isEmpty }) else {
            throw self.problem("The original request is told twice: by the path and by forwarding fields.")
        }
        guard let authority = head.authority, !authority.isEmpty, head.values("host").isEmpty else {
            throw self.problem("The forwarded host is missing, or told more than once.")
        }
        let query = head.query.map { "?\($0)" } ?? ""
        return (head.method, head.path.dropFirst(self.path.count) + query, authority)
    }

    /// The value of the one field that is there.
    private static func one(of names: [String], in head: CallHead, _ piece: String) throws(DaypassError) -> String {
        let values = names.flatMap { head.values($0) }
        guard let value = values.first, !value.isEmpty else {
            throw self.problem("The forwarded \(piece) is missing.")
        }
        guard values.count == 1 else { throw self.problem("The forwarded \(piece) is told more than once.") }
        return value
    }

    private static func problem(_ message: String) -> DaypassError { DaypassError(.badRequest, message) }
}

extension CallHead {
    /// A field that may stand in a request once.
    fileprivate func gatewayField(_ name: String) -> GatewayField {
        let values = self.values(name)
        return values.count > 1 ? .several : GatewayField(values.first)
    }
}
