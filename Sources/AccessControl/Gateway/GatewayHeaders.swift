import SessionModel

/// The header fields of the gateway's answers and towards the upstream.
package enum GatewayHeaders {
    /// One field.
    package typealias Field = (name: String, value: String)

    /// What pages may read of an answer.
    package static let exposed =
        "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, X-Request-Id, Idempotency-Replayed"
    /// What pages may send.
    package static let allowed = "Authorization, X-Api-Key, X-Session-Token, Idempotency-Key, Content-Type"
    /// How long browsers may remember a preflight, in seconds.
    package static let preflightMaximumAge = 600

    /// Whether a field of a request must not reach the upstream: ours (`X-Daypass-*`) and the credentials, in every
    /// spelling.
    ///
    /// Programs behind CGI-like interfaces cannot tell `-` from `_`, and some servers fold every other character to `_`
    /// too, so anything that is not a letter or digit counts as a hyphen. `Authorization` is not among them: whether it
    /// carried the key is told by `GatewayRequest.usesAuthorization`.
    package static func isStripped(_ name: UnsafeRawBufferPointer) -> Bool {
        func matches(_ literal: StaticString, isPrefix: Bool) -> Bool {
            let count = literal.utf8CodeUnitCount
            guard isPrefix ? name.count >= count : name.count == count else { return false }
            for index in 0..<count where Self.folded(name[index]) != literal.utf8Start[index] { return false }
            return true
        }
        return matches("x-daypass-", isPrefix: true) || matches("x-session-token", isPrefix: false)
            || matches("x-api-key", isPrefix: false)
    }

    private static func folded(_ byte: UInt8) -> UInt8 {
        if byte &- 65 < 26 { return byte | 0x20 }
        return isBase36(byte) ? byte : UInt8(ascii: "-")
    }
}

extension GatewayVerdict {
    /// The fields that belong on the answer, whatever it is: CORS, rate, challenge, `Allow`.
    ///
    /// Put them in place of the upstream's own fields of these names (`Access-Control-*`, `X-RateLimit-*`); `Vary` is
    /// added to the upstream's. There is never `Access-Control-Allow-Credentials`.
    package func answerFields() -> [GatewayHeaders.Field] {
        var fields: [GatewayHeaders.Field] = [("Vary", "Origin")]
        if let origin = self.readableBy {
            fields.append(("Access-Control-Allow-Origin", origin.text))
            if self.outcome == .preflight {
                fields.append(("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"))
                fields.append(("Access-Control-Allow-Headers", GatewayHeaders.allowed))
                fields.append(("Access-Control-Max-Age", String(GatewayHeaders.preflightMaximumAge)))
            } else {
                fields.append(("Access-Control-Expose-Headers", GatewayHeaders.exposed))
            }
        }
        if let rate {
            fields.append(("X-RateLimit-Limit", String(rate.maximum)))
            fields.append(("X-RateLimit-Remaining", String(max(0, rate.remaining))))
            fields.append(("X-RateLimit-Reset", String(rate.resetsAt)))
        }
        guard case .refused(let error, let allow) = self.outcome else { return fields }
        if error.code == .rateLimited, let seconds = self.retryAfter { fields.append(("Retry-After", String(seconds))) }
        if let challenge = error.code.challenge { fields.append(("WWW-Authenticate", challenge)) }
        if !allow.isEmpty { fields.append(("Allow", allow.map(\.rawValue).joined(separator: ", "))) }
        return fields
    }

    /// What the upstream is told about a forwarded request; inbound fields of these names must be removed before
    /// (`GatewayHeaders.isStripped`).
    package func upstreamFields(requestID: String) -> [GatewayHeaders.Field] {
        guard case .forward(let forwarding) = self.outcome, let key else { return [] }
        var fields: [GatewayHeaders.Field] = [
            ("X-Daypass-Tenant", self.tenant.rawValue), ("X-Daypass-Key-Id", key.text),
            ("X-Daypass-Scopes", self.scopes), ("X-Daypass-Channel", self.channel.rawValue),
        ]
        if self.channel == .browser, let origin = self.readableBy {
            fields.append(("X-Daypass-Web-Origin", origin.text))
        }
        if let session = forwarding.session { fields.append(("X-Daypass-Session-Id", session.text)) }
        fields.append(("X-Daypass-Request-Id", requestID))
        return fields
    }
}
