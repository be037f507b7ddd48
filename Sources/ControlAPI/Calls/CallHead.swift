package import AccessControl

/// What the gate and the router look at: a request's head and the address it came from, free of any server's types.
package struct CallHead: Sendable {
    /// The method as sent, upper case for the known ones.
    package var method: String
    /// The target's path, without query.
    package var path: String
    /// The target's query without the question mark; nil when there is none.
    package var query: String?
    /// The first `Host` field.
    package var authority: String?
    /// Address the connection came from; nil when the transport has none.
    package var peer: ClientAddress?
    /// Who is believed to have made the call: the peer, or behind a trusted proxy whom that names.
    package var client: ClientAddress
    /// All fields but the first `Host`, names in lower case, in order.
    package var fields: [(name: String, value: String)]

    /// A head with a target in origin form (`/path?query`); other forms match no call.
    package init(
        method: String,
        target: String,
        authority: String?,
        peer: ClientAddress?,
        trustedProxies: TrustedProxies = TrustedProxies(),
        fields: [(name: String, value: String)]
    ) {
        self.method = method
        if let mark = target.firstIndex(of: "?") {
            self.path = String(target[..<mark])
            self.query = String(target[target.index(after: mark)...])
        } else {
            self.path = target
            self.query = nil
        }
        self.authority = authority
        self.peer = peer
        self.fields = fields
        let forwardedFor = fields.filter { $0.name == "x-forwarded-for" }.map(\.value)
        let nearest = peer ?? ClientAddress(v4: (0, 0, 0, 0))
        self.client = trustedProxies.client(peer: nearest, forwardedFor: forwardedFor)
    }

    /// The values of every field called `name` (lower case).
    package func values(_ name: String) -> [String] {
        self.fields.filter { $0.name == name }.map(\.value)
    }

    /// Whether the request announces a body.
    package var announcesBody: Bool {
        if !self.values("transfer-encoding").isEmpty { return true }
        return self.values("content-length").contains { $0 != "0" }
    }
}
