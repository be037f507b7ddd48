import AccessControl
import SessionModel

// What the calls about the API gateway read that is more than one value of `SessionModel`. All throw
// `validation_error` with every problem.

/// The body of `POST /admin/v1/keys`: a key and the tenant it is for.
struct NewTenantKey {
    let tenant: Slug
    let key: NewAPIKey

    init(json body: JSONValue?) throws(DaypassError) {
        let (own, rest) = splitMembers(["tenant"], of: body)
        var fields = RequestFields(own)
        fields.require("tenant")
        let tenant = fields.tenant("tenant")
        var problems: [DaypassError.Detail] = []
        do { try fields.finish() } catch { problems += error.details }
        var key: NewAPIKey?
        do { key = try NewAPIKey(json: rest) } catch { problems += error.details }
        guard let tenant, let key, problems.isEmpty else {
            throw DaypassError(
                .validationError,
                details: Array(problems.prefix(RequestFields.maximumProblems))
            )
        }
        self.tenant = tenant
        self.key = key
    }
}

/// The body of `POST /admin/v1/apply`: a declaration, and whether only to say what it would change.
struct ApplyRequest {
    let declaration: GatewayDeclaration
    let isDryRun: Bool

    init(json body: JSONValue?) throws(DaypassError) {
        let (own, rest) = splitMembers(["dryRun"], of: body)
        var fields = RequestFields(own)
        self.isDryRun = fields.bool("dryRun") ?? false
        try fields.finish()
        self.declaration = try GatewayDeclaration(json: rest)
    }
}

/// The body of `POST /admin/v1/tenants/{slug}/status`.
struct StatusRequest {
    let status: TenantStatus

    init(json body: JSONValue?) throws(DaypassError) {
        var fields = RequestFields(body)
        fields.require("status")
        let status = fields.choice("status", of: TenantStatus.self)
        try fields.finish()
        guard let status else { throw DaypassError(.validationError) }
        self.status = status
    }
}

/// The body of `PUT /admin/v1/routes/{slug}`.
struct RoutesRequest {
    let routes: [APIRoute]

    init(json body: JSONValue?, of slug: Slug) throws(DaypassError) {
        var fields = RequestFields(body)
        fields.require("routes")
        _ = fields.objects("routes", count: 0...GatewayBounds.routes) { APIRoute(fields: &$0) }
        try fields.finish()
        // A tenant's reader also says which of its routes repeat each other.
        let tenant = try Tenant(json: [
            "slug": .string(slug.rawValue), "upstream": "http://localhost", "routes": body?["routes"] ?? [],
        ])
        self.routes = tenant.routes
    }
}

/// The body of `POST /admin/v1/keys/{id}/rotate`.
struct RotateRequest {
    let grace: Duration

    init(json body: JSONValue?) throws(DaypassError) {
        var fields = RequestFields(body)
        self.grace = fields.lifetime("grace", maximum: GatewayBounds.grace) ?? .zero
        try fields.finish()
    }
}

/// The body of `POST /admin/v1/explain`: a request as somebody might send it.
///
/// Its key and token are secrets: they are not answered, and appear in no problem and no log.
struct ExplainRequest {
    let tenant: Slug?
    let host: String?
    private let method: String
    private let path: String
    private let origin: String?
    private let key: String?
    private let sessionToken: String?
    private let idempotencyKey: String?
    private let address: ClientAddress?

    init(json body: JSONValue?) throws(DaypassError) {
        var fields = RequestFields(body)
        fields.require("method")
        fields.require("path")
        let method = fields.parsed("method", length: 1...16, "must be a method such as GET, in upper case") { text in
            text.utf8.allSatisfy { (65...90).contains($0) } ? text : nil
        }
        let path = fields.parsed("path", length: 1...8192, "must be a path that starts with /, percent-encoded") {
            $0.hasPrefix("/") && isVisibleASCII($0) ? $0 : nil
        }
        self.tenant = fields.tenant("tenant")
        self.host = fields.parsed("host", length: 1...255, "must be a host name, without a path") {
            HostClassifier.plainHost(ofAuthority: $0)
        }
        self.origin = fields.string("origin", length: 0...2048)
        self.key = fields.string("key", length: 0...512)
        self.sessionToken = fields.string("sessionToken", length: 0...8192)
        self.idempotencyKey = fields.string("idempotencyKey", length: 0...1024)
        self.address = fields.parsed("address", length: 1...64, "must be an IPv4 or IPv6 address") {
            ClientAddress(parsing: $0)
        }
        try fields.finish()
        guard let method, let path else { throw DaypassError(.validationError) }
        self.method = method
        self.path = path
    }

    /// Whether the path begins with this base path, whole segments of it.
    func isUnder(_ basePath: String) -> Bool {
        guard self.path.hasPrefix(basePath) else { return false }
        let rest = self.path.dropFirst(basePath.count)
        return rest.isEmpty || rest.hasPrefix("/") || rest.hasPrefix("?")
    }

    /// The request; a path that does not begin with `basePath` is one below it.
    ///
    /// `caller` is where it comes from when the body does not say. An `OPTIONS` with an origin is a preflight.
    func request(basePath: String, caller: ClientAddress) -> GatewayRequest {
        GatewayRequest(
            method: self.method,
            target: self.isUnder(basePath) ? self.path : basePath + self.path,
            address: self.address ?? caller,
            origin: GatewayField(self.origin),
            apiKey: GatewayField(self.key),
            sessionToken: GatewayField(self.sessionToken),
            idempotencyKey: GatewayField(self.idempotencyKey),
            requestMethod: self.method == "OPTIONS" && self.origin != nil ? GatewayField("GET") : .absent
        )
    }
}

extension RequestFields {
    /// The slug of a tenant.
    mutating func tenant(_ name: String) -> Slug? {
        self.parsed(name, length: 3...63, "must be a tenant's slug: lower-case words joined by hyphens") { Slug($0) }
    }
}

/// The members of an object with these names, and the others; what is no object stays whole as the others.
private func splitMembers(_ names: Set<String>, of body: JSONValue?) -> (own: JSONValue, rest: JSONValue?) {
    guard case .object(let members)? = body else { return (.object([]), body) }
    return (
        .object(members.filter { names.contains($0.name) }), .object(members.filter { !names.contains($0.name) })
    )
}

/// Whether `text` is one or more visible ASCII characters.
func isVisibleASCII(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
}
