/// The bounds of what requests may ask for (spec: tunnel sessions, section 1, "Validation").
package enum RequestBounds {
    /// Local ports.
    package static let port = 1...65_535
    /// Viewers at once; 0 means nobody but the owner.
    package static let viewers = 0...100_000
    /// Blocked paths in a policy.
    package static let blockPathCount = 200
    /// Characters of one blocked path.
    package static let blockPathLength = 2048
    /// Characters of a viewers' password.
    package static let passwordLength = 256
    /// Characters of an access token's label.
    package static let labelLength = 128
    /// The longest an access token may live: ten years.
    package static let tokenLifetime = Duration.seconds(3650 * 86_400)
}

extension NewSession {
    /// Reads the body of `POST /sessions`; every field is optional, and so is the body.
    ///
    /// Beyond the reference page, `slug` asks for a name and `policy` for the policy to begin with, so that a private
    /// session has no open moment. Throws `validation_error` with every problem.
    package init(json body: JSONValue?, maximumLifetime: Duration) throws(DaypassError) {
        var fields = RequestFields(body)
        let fallback = NewSession()
        let port = fields.integer("port", in: RequestBounds.port)
        let authMode = fields.choice("authMode", of: AuthMode.self)
        let lifetime = fields.lifetime("expiresIn", maximum: maximumLifetime)
        var slug: Slug?
        if let text = fields.string("slug", length: 3...63) {
            slug = Slug(text)
            if slug == nil {
                fields.refuse("slug", "must be lower-case letters and digits in words joined by single hyphens")
            }
        }
        let update = fields.object("policy") { PolicyUpdate(fields: &$0) }
        try fields.finish()
        self.init(
            port: port ?? fallback.port,
            authMode: authMode ?? fallback.authMode,
            lifetime: lifetime ?? min(fallback.lifetime, maximumLifetime),
            slug: slug,
            policy: (update ?? PolicyUpdate()).applied(to: fallback.policy)
        )
    }
}

extension PolicyUpdate {
    /// Reads the body of a policy update; every field is optional.
    ///
    /// Throws `validation_error` with every problem.
    package init(json body: JSONValue?) throws(DaypassError) {
        var fields = RequestFields(body)
        self.init(fields: &fields)
        try fields.finish()
    }

    /// Reads the policy's fields from an object that may be part of a larger body.
    package init(fields: inout RequestFields) {
        self.init(
            isPublic: fields.bool("public"),
            maxConcurrentViewers: fields.integer("maxConcurrentViewers", in: RequestBounds.viewers),
            blockPaths: fields.strings("blockPaths", count: 0...RequestBounds.blockPathCount) { path in
                if !path.utf8.starts(with: "/".utf8) { return "must start with /" }
                guard path.unicodeScalars.count <= RequestBounds.blockPathLength else {
                    return "must be at most \(RequestBounds.blockPathLength) characters"
                }
                return nil
            },
            password: fields.string("password", length: 0...RequestBounds.passwordLength)
        )
    }
}

/// The body of a kick.
package struct KickRequest: Equatable, Sendable {
    /// The viewer to remove: `vw_…` or `ip_…`.
    package var viewerID: String

    /// Reads the body; throws `validation_error`.
    package init(json body: JSONValue?) throws(DaypassError) {
        var fields = RequestFields(body)
        fields.require("viewerId")
        let viewerID = fields.string("viewerId", length: 1...128)
        if let viewerID, !Self.isViewerID(viewerID) {
            fields.refuse("viewerId", "must be a viewer's id as the list of viewers has it")
        }
        try fields.finish()
        self.viewerID = viewerID ?? ""
    }

    /// Whether `text` has the form of a viewer's identifier: a prefix and 1…125 of `[A-Za-z0-9_-]`.
    package static func isViewerID(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard (4...128).contains(bytes.count), text.hasPrefix("vw_") || text.hasPrefix("ip_") else { return false }
        return bytes.allSatisfy { byte in
            isBase36(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: "-")
        }
    }
}

/// The body of a call that takes no fields: absent, or an empty object.
package struct EmptyRequest: Equatable, Sendable {
    /// Reads the body; throws `validation_error`.
    package init(json body: JSONValue?) throws(DaypassError) {
        try RequestFields(body).finish()
    }
}

/// The body of `POST /tokens`.
package struct NewAccessToken: Equatable, Sendable {
    /// What the token is called.
    package var label: String
    /// What it allows.
    package var scopes: Set<AccessScope>
    /// How long it works; nil until revoked.
    package var lifetime: Duration?

    /// Reads the body; throws `validation_error` with every problem.
    package init(json body: JSONValue?) throws(DaypassError) {
        var fields = RequestFields(body)
        fields.require("label")
        fields.require("scopes")
        let label = fields.string("label", length: 1...RequestBounds.labelLength)
        let scopes = fields.strings("scopes", count: 1...AccessScope.allCases.count) { scope in
            guard AccessScope(rawValue: scope) == nil else { return nil }
            return "must be one of: \(AccessScope.allCases.map(\.rawValue).joined(separator: ", "))"
        }
        let lifetime = fields.lifetime("expiresIn", maximum: RequestBounds.tokenLifetime)
        try fields.finish()
        self.label = label ?? ""
        self.scopes = Set((scopes ?? []).compactMap { AccessScope(rawValue: $0) })
        self.lifetime = lifetime
    }
}

extension RequestFields {
    /// A lifetime field (`30m`, `24h`); nil when absent or refused.
    package mutating func lifetime(_ name: String, maximum: Duration) -> Duration? {
        guard let text = self.string(name, length: 0...64) else { return nil }
        switch SessionLifetime.read(text, maximum: maximum) {
        case .success(let lifetime): return lifetime
        case .failure(let problem):
            self.refuse(name, problem.message)
            return nil
        }
    }
}
