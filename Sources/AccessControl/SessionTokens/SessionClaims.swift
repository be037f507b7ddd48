package import SessionModel

/// What a session token says: which page, with which key, until when (spec: browser sessions, section 2).
package struct SessionClaims: Equatable, Sendable {
    /// `iss`: the gateway that issued it.
    package var issuer: String
    /// `aud`: whom it is for, `{issuer}/{tenant}`.
    package var audience: String
    /// `sub`: the API key.
    package var key: APIKeyID
    /// `tid`: the tenant.
    package var tenant: Slug
    /// `azp`: the web origin of the page.
    package var webOrigin: WebOrigin
    /// `sid`: the session, which renewal keeps.
    package var session: BrowserSessionID
    /// `jti`: this token, 24 of `[a-z0-9]`.
    package var tokenID: String
    /// `iat`, in seconds.
    package var issuedAt: Int64
    /// `nbf`, in seconds.
    package var notBefore: Int64
    /// `exp`, in seconds.
    package var expiresAt: Int64

    /// How far clocks of nodes may be apart, in seconds.
    package static let clockSkew: Int64 = 5
    /// How long after its end a token can still be renewed, in seconds.
    package static let renewalGrace: Int64 = 600

    /// The claims of a new token; `session` is that of the token it renews, or nil for a new one.
    ///
    /// `notIssuedBefore` is when all tokens of the key were voided last: `iat` has whole seconds, and a token made in the
    /// rest of that second must not be among them, so it says the next one.
    package init(
        issuer: String,
        tenant: Tenant,
        key: APIKeyID,
        webOrigin: WebOrigin,
        renewing session: BrowserSessionID?,
        notIssuedBefore: Timestamp? = nil,
        now: Timestamp,
        using generator: inout some RandomNumberGenerator
    ) {
        let seconds = now.millisecondsSinceEpoch / 1000
        self.issuer = issuer
        self.audience = Self.audience(issuer: issuer, tenant: tenant.slug)
        self.key = key
        self.tenant = tenant.slug
        self.webOrigin = webOrigin
        self.session = session ?? .random(using: &generator)
        self.tokenID = randomBase36(24, using: &generator)
        let voided = notIssuedBefore.map { ($0 + .milliseconds(999)).millisecondsSinceEpoch / 1000 } ?? seconds
        self.issuedAt = voided == seconds + 1 ? voided : seconds
        self.notBefore = seconds
        self.expiresAt = seconds + tenant.sessionLifetime.wholeMilliseconds / 1000
    }

    /// Reads a payload whose signature was verified; nil unless every claim is there, in its form, and no other.
    package init?(payload: [UInt8]) {
        guard case .object(let members)? = try? JSONParser.parse(payload), members.count == 10 else { return nil }
        let object = JSONValue.object(members)
        func text(_ name: String) -> String? {
            if case .string(let text)? = object[name] { text } else { nil }
        }
        func seconds(_ name: String) -> Int64? {
            // Whole seconds until the year 9999.
            if case .integer(let number)? = object[name], (0...253_402_300_799).contains(number) {
                Int64(number)
            } else {
                nil
            }
        }
        guard let issuer = text("iss"), let audience = text("aud"), let tokenID = text("jti"),
            let key = text("sub").flatMap({ APIKeyID($0) }), let tenant = text("tid").flatMap({ Slug($0) }),
            let origin = text("azp").flatMap({ WebOrigin(header: $0) }),
            let session = text("sid").flatMap({ BrowserSessionID($0) }),
            let issuedAt = seconds("iat"), let notBefore = seconds("nbf"), let expiresAt = seconds("exp")
        else { return nil }
        self.issuer = issuer
        self.audience = audience
        self.key = key
        self.tenant = tenant
        self.webOrigin = origin
        self.session = session
        self.tokenID = tokenID
        self.issuedAt = issuedAt
        self.notBefore = notBefore
        self.expiresAt = expiresAt
    }

    /// The payload, to be signed.
    package var json: JSONValue {
        .object([
            .init("iss", .string(self.issuer)), .init("aud", .string(self.audience)),
            .init("sub", .string(self.key.text)), .init("tid", .string(self.tenant.rawValue)),
            .init("azp", .string(self.webOrigin.text)), .init("sid", .string(self.session.text)),
            .init("jti", .string(self.tokenID)), .init("iat", .integer(Int(self.issuedAt))),
            .init("nbf", .integer(Int(self.notBefore))), .init("exp", .integer(Int(self.expiresAt))),
        ])
    }

    /// When the token ends, as the answer to its creation says.
    package var expiry: Timestamp { Timestamp(millisecondsSinceEpoch: self.expiresAt * 1000) }

    /// Whom tokens of a tenant are for.
    package static func audience(issuer: String, tenant: Slug) -> String { "\(issuer)/\(tenant)" }
}

/// What a token must say to be good for one request.
package struct SessionExpectation: Equatable, Sendable {
    /// The gateway's own `iss`.
    package var issuer: String
    /// The tenant the request is for.
    package var tenant: Slug
    /// The key of the request.
    package var key: APIKeyID
    /// The web origin of the request.
    package var webOrigin: WebOrigin
    /// Tokens issued before this are void; nil when none are.
    package var notIssuedBefore: Timestamp?

    /// An expectation with every part given.
    package init(
        issuer: String,
        tenant: Slug,
        key: APIKeyID,
        webOrigin: WebOrigin,
        notIssuedBefore: Timestamp? = nil
    ) {
        self.issuer = issuer
        self.tenant = tenant
        self.key = key
        self.webOrigin = webOrigin
        self.notIssuedBefore = notIssuedBefore
    }

    /// Why a token whose signature is good may not be used; nil when it may.
    ///
    /// `grace` is how many seconds after its end it is still taken: none for requests, `renewalGrace` for renewal.
    package func problem(with claims: SessionClaims, now: Timestamp, grace: Int64 = 0) -> GatewayErrorCode? {
        let seconds = now.millisecondsSinceEpoch / 1000
        guard claims.issuer == self.issuer, claims.tenant == self.tenant, claims.key == self.key,
            claims.webOrigin == self.webOrigin,
            claims.audience == SessionClaims.audience(issuer: self.issuer, tenant: self.tenant),
            // A token that lives longer than any we issue was not issued by us.
            claims.notBefore <= claims.expiresAt, claims.issuedAt <= claims.expiresAt,
            claims.expiresAt - claims.issuedAt <= 3600,
            claims.notBefore <= seconds + SessionClaims.clockSkew,
            claims.issuedAt <= seconds + SessionClaims.clockSkew
        else { return .sessionInvalid }
        if let limit = self.notIssuedBefore, claims.issuedAt * 1000 < limit.millisecondsSinceEpoch {
            return .sessionInvalid
        }
        return seconds < claims.expiresAt + grace ? nil : .sessionExpired
    }
}
