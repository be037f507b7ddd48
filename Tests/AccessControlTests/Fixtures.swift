package import AccessControl
package import DaypassTestSupport
package import SessionModel
import Testing

extension SeededGenerator {
    /// One of `choices`, which must not be empty.
    package mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
        choices[Int.random(in: 0..<choices.count, using: &self)]
    }
}

/// The sessions, keys and addresses the tests of this target share.
package enum Fixture {
    package static let start = Timestamp(millisecondsSinceEpoch: 1_770_000_000_000)
    package static let key = [UInt8](repeating: 7, count: 32)
    package static let otherKey = [UInt8](repeating: 8, count: 32)
    package static let signer = ViewerCookieSigner(key: key)

    package static func slug(_ text: String = "quiet-lime-4217") throws -> Slug { try #require(Slug(text)) }

    package static func sessionID(_ letter: Character = "a") throws -> SessionID {
        try #require(SessionID("sess_" + String(repeating: letter, count: 32)))
    }

    package static func address(_ text: String) throws -> ClientAddress { try #require(ClientAddress(parsing: text)) }

    package static func record(
        policy: SessionPolicy = SessionPolicy(),
        basicPassword: String? = nil,
        isPaused: Bool = false,
        kicked: [KickedViewer] = [],
        closedAt: Timestamp? = nil
    ) throws -> SessionRecord {
        SessionRecord(
            id: try self.sessionID(),
            slug: try self.slug(),
            port: 3000,
            authMode: basicPassword == nil ? .none : .basic,
            basicCredentials: basicPassword.map { BasicCredentials(password: $0) },
            ownerTokenDigest: SecretDigest(of: "owner token"),
            policy: policy,
            isPaused: isPaused,
            kickedViewers: kicked,
            creator: "local:127.0.0.1",
            createdAt: self.start,
            expiresAt: self.start + .seconds(3600),
            closedAt: closedAt
        )
    }

    package static func credential(
        _ letter: Character = "a",
        issuedAfter seconds: Int = 0,
        proof: String? = nil
    ) -> ViewerCredential {
        ViewerCredential(
            viewerID: "vw_" + String(repeating: letter, count: 16),
            issuedAt: self.start + .seconds(seconds),
            passwordProof: proof
        )
    }
}
