package import ProxySemantics
package import SessionModel

/// A header field that may stand in a request once.
package enum GatewayField: Equatable, Sendable {
    /// It is not there.
    case absent
    /// Its value, possibly empty.
    case value([UInt8])
    /// It is there more than once, so nobody can say what was meant.
    case several

    /// The value, if there is exactly one.
    package var bytes: [UInt8]? {
        if case .value(let bytes) = self { bytes } else { nil }
    }

    /// A value from text.
    package init(_ text: String?) { self = text.map { .value(Array($0.utf8)) } ?? .absent }
}

/// What the gateway looks at in a request; from a head, or from what another proxy says about one.
package struct GatewayRequest: Equatable, Sendable {
    /// The method; nil for those no route may name.
    package var method: APIMethod?
    /// Whether the method is `OPTIONS`.
    package var isOptions: Bool
    /// The request target in origin form, with its query.
    package var target: [UInt8]
    /// The client's address, as the trusted proxies tell it.
    package var address: ClientAddress
    /// `Origin`.
    package var origin: GatewayField
    /// `Authorization`.
    package var authorization: GatewayField
    /// `X-Api-Key`.
    package var apiKey: GatewayField
    /// `X-Session-Token`.
    package var sessionToken: GatewayField
    /// `Idempotency-Key`.
    package var idempotencyKey: GatewayField
    /// `Access-Control-Request-Method`.
    package var requestMethod: GatewayField

    /// A request with the fields given.
    package init(
        method: String,
        target: String,
        address: ClientAddress,
        origin: GatewayField = .absent,
        authorization: GatewayField = .absent,
        apiKey: GatewayField = .absent,
        sessionToken: GatewayField = .absent,
        idempotencyKey: GatewayField = .absent,
        requestMethod: GatewayField = .absent
    ) {
        self.method = APIMethod(rawValue: method)
        self.isOptions = method == "OPTIONS"
        self.target = Array(target.utf8)
        self.address = address
        self.origin = origin
        self.authorization = authorization
        self.apiKey = apiKey
        self.sessionToken = sessionToken
        self.idempotencyKey = idempotencyKey
        self.requestMethod = requestMethod
    }

    /// What `head` says; `target` is its target in origin form as `RequestRouter` found it, nil for `/`.
    package init(head: HTTPHead, target: Range<Int>?, address: ClientAddress) {
        self.method = head.withBytes(head.method) { APIMethod(bytes: $0) }
        self.isOptions = head.isMethod("OPTIONS")
        self.target = target.map { head.withBytes($0) { Array($0) } } ?? [UInt8(ascii: "/")]
        self.address = address
        self.origin = .absent
        self.authorization = .absent
        self.apiKey = .absent
        self.sessionToken = .absent
        self.idempotencyKey = .absent
        self.requestMethod = .absent
        for field in head.fields {
            func add(_ path: WritableKeyPath<GatewayRequest, GatewayField>) {
                let isFirst = self[keyPath: path] == .absent
                self[keyPath: path] = isFirst ? .value(head.withBytes(field.value) { Array($0) }) : .several
            }
            switch field.known {
            case .origin: add(\.origin)
            case .authorization: add(\.authorization)
            case .xAPIKey: add(\.apiKey)
            case .xSessionToken: add(\.sessionToken)
            case .idempotencyKey: add(\.idempotencyKey)
            case .accessControlRequestMethod: add(\.requestMethod)
            default: break
            }
        }
    }

    /// Whether this asks for permission to send another request (Fetch, "CORS-preflight request").
    package var isPreflight: Bool {
        self.isOptions && self.origin != .absent && self.requestMethod != .absent
    }

    /// The key: a bearer token in `Authorization`, else `X-Api-Key`.
    ///
    /// A bearer token beside `X-Api-Key` is the key only when it looks like one: else it is the upstream's own business.
    var key: [UInt8]? { self.bearerKey ?? self.apiKey.bytes }

    /// Whether `Authorization` carried the key, so that the upstream must not get it.
    package var usesAuthorization: Bool { self.bearerKey != nil }

    private var bearerKey: [UInt8]? {
        guard let token = self.bearerToken else { return nil }
        let looksLikeAKey = token.starts(with: "pk_".utf8) || token.starts(with: "sk_".utf8)
        return looksLikeAKey || self.apiKey.bytes == nil ? token : nil
    }

    private var bearerToken: [UInt8]? {
        guard let bytes = self.authorization.bytes, bytes.count >= 7 else { return nil }
        let isBearer = bytes.withUnsafeBytes {
            equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: $0[..<6]), "bearer")
        }
        guard isBearer, bytes[6] == UInt8(ascii: " ") else { return nil }
        return Array(bytes[7...].drop { $0 == UInt8(ascii: " ") })
    }
}
