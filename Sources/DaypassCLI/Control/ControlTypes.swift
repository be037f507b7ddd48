/// The answer to creating a session, as the reference page has it.
package struct CreatedSessionAnswer: Codable, Equatable, Sendable {
    package var sessionId: String
    package var slug: String
    package var publicUrl: String
    package var ownerUrl: String
    package var edgeUrl: String
    package var sessionToken: String
    package var expiresAt: String
    package var username: String?
    package var password: String?
}

/// The body of a request for a new session; absent fields take the server's defaults.
package struct NewSessionBody: Codable, Equatable, Sendable {
    package var port: Int
    package var authMode: String?
    package var expiresIn: String?
    package var slug: String?
    package var policy: PolicyBody?

    /// A request for a session to `port`.
    package init(
        port: Int,
        authMode: String? = nil,
        expiresIn: String? = nil,
        slug: String? = nil,
        policy: PolicyBody? = nil
    ) {
        self.port = port
        self.authMode = authMode
        self.expiresIn = expiresIn
        self.slug = slug
        self.policy = policy
    }
}

/// A policy in requests (absent fields stay as they are) and in answers.
package struct PolicyBody: Codable, Equatable, Sendable {
    package var `public`: Bool?
    package var maxConcurrentViewers: Int?
    package var blockPaths: [String]?
    package var password: String?

    /// A change of the given fields.
    package init(
        isPublic: Bool? = nil,
        maxConcurrentViewers: Int? = nil,
        blockPaths: [String]? = nil,
        password: String? = nil
    ) {
        self.public = isPublic
        self.maxConcurrentViewers = maxConcurrentViewers
        self.blockPaths = blockPaths
        self.password = password
    }

    /// Whether nothing is asked for.
    package var isEmpty: Bool { self == PolicyBody() }
}

/// A session as the control API shows it: to strangers only slug, link, status and expiry.
package struct SessionAnswer: Codable, Equatable, Sendable {
    package var sessionId: String?
    package var slug: String
    package var publicUrl: String
    package var status: String
    package var expiresAt: String
    package var createdAt: String?
    package var authMode: String?
    package var policy: PolicyBody?
    package var activeViewers: Int?
    package var kickedViewerIds: [String]?
    package var tunnelConnections: Int?
}

/// One page of sessions.
package struct SessionPage: Codable, Equatable, Sendable {
    package var sessions: [SessionAnswer]
    /// What to ask for to get the next page; nil on the last one.
    package var next: String?
}

/// The result of a policy change.
package struct PolicyAnswer: Codable, Equatable, Sendable {
    package var policy: PolicyBody
}

/// One live viewer.
package struct ViewerAnswer: Codable, Equatable, Sendable {
    package var id: String
    package var label: String?
    package var ip: String?
    package var userAgent: String?
    package var firstSeen: String?
    package var lastSeen: String?
    package var requests: Int?
    package var bytes: Int?
    package var openStreams: Int?
}

/// The live viewers of a session.
package struct ViewersAnswer: Codable, Equatable, Sendable {
    package var viewers: [ViewerAnswer]
}

/// A refusal.
package struct ErrorAnswer: Codable, Equatable, Sendable {
    /// One field at fault.
    package struct Detail: Codable, Equatable, Sendable {
        package var path: String
        package var message: String
    }
    package var error: String
    package var code: String?
    package var details: [Detail]?
}

/// A refusal of an organization's own call.
package struct OrganizationErrorAnswer: Codable, Equatable, Sendable {
    package var code: Int
    package var message: String
    package var details: [ErrorAnswer.Detail]
    package var requestId: String
}
