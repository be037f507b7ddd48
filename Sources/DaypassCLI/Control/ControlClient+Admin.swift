import NIOHTTP1
package import SessionModel

/// The body of a request for an access token.
package struct NewTokenBody: Codable, Equatable, Sendable {
    package var label: String
    package var scopes: [String]
    package var expiresIn: String?
}

/// An access token; the secret only in the answer that makes it.
package struct TokenAnswer: Codable, Equatable, Sendable {
    package var id: String
    package var label: String
    package var scopes: [String]
    package var createdAt: String?
    package var expiresAt: String?
    package var revokedAt: String?
    package var token: String?
}

/// One audit event.
package struct AuditAnswer: Codable, Equatable, Sendable {
    package var at: String
    package var action: String
    package var actor: String
    package var address: String
    package var sessionId: String?
    package var summary: String
}

private struct TokensAnswer: Decodable {
    var tokens: [TokenAnswer]
}

private struct AuditEventsAnswer: Decodable {
    var events: [AuditAnswer]
}

extension ControlClient {
    /// Changes a policy; gives the whole policy that results.
    package func changePolicy(_ slug: Slug, _ change: PolicyBody) async throws -> PolicyBody {
        let answer: PolicyAnswer = try await self.call(.POST, "/sessions/by-slug/\(slug)/policy", body: change)
        return answer.policy
    }

    /// Makes an access token.
    package func createToken(_ body: NewTokenBody) async throws -> TokenAnswer {
        try await self.call(.POST, "/tokens", body: body)
    }

    /// All access tokens.
    package func tokens() async throws -> [TokenAnswer] {
        let answer: TokensAnswer = try await self.call(.GET, "/tokens")
        return answer.tokens
    }

    /// Revokes an access token; `id` has the published form.
    package func revokeToken(_ id: String) async throws -> JSONText {
        try await self.text(.DELETE, "/tokens/\(id)", body: EmptyBody())
    }

    /// Audit events, newest first.
    package func auditEvents(of id: SessionID?, limit: Int) async throws -> [AuditAnswer] {
        let session = id.map { "&session=\($0)" } ?? ""
        let answer: AuditEventsAnswer = try await self.call(.GET, "/audit?limit=\(limit)\(session)")
        return answer.events
    }
}
