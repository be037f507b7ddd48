package import SessionModel

/// What the owner's room shows of a session: facts only, no secrets but the page's own CSRF token.
package struct RoomModel: Sendable {
    /// The session's name.
    package var slug: Slug
    /// The link viewers open.
    package var publicURL: String
    /// The published status now.
    package var status: SessionStatus
    /// When it stops by itself.
    package var expiresAt: Timestamp
    /// The time the facts are from.
    package var now: Timestamp
    /// How viewers authenticate.
    package var authMode: AuthMode
    /// Whether anybody with the link may enter.
    package var isPublic: Bool
    /// How many viewers may be in at once.
    package var maxConcurrentViewers: Int
    /// Paths viewers may not see.
    package var blockPaths: [String]
    /// Whether viewers are asked for a password; the password itself is not here.
    package var hasPassword: Bool
    /// How many agents' connections serve the session now.
    package var tunnelConnections: Int
    /// Viewers present, most recently seen first.
    package var viewers: [ViewerSummary]
    /// How many viewers the owner has removed.
    package var removedViewers: Int
    /// What the page's script must send in `X-Daypass-CSRF` with every change.
    package var csrfToken: String

    /// Picks the facts out of a record and what the edge knows about the moment.
    package init(
        record: SessionRecord,
        publicURL: String,
        viewers: [ViewerSummary],
        tunnelConnections: Int,
        csrfToken: String,
        now: Timestamp
    ) {
        self.slug = record.slug
        self.publicURL = publicURL
        self.status = record.status(now: now, tunnelConnections: tunnelConnections)
        self.expiresAt = record.expiresAt
        self.now = now
        self.authMode = record.authMode
        self.isPublic = record.policy.isPublic
        self.maxConcurrentViewers = record.policy.maxConcurrentViewers
        self.blockPaths = record.policy.blockPaths
        self.hasPassword = !record.policy.password.isEmpty
        self.tunnelConnections = tunnelConnections
        self.viewers = viewers
        self.removedViewers = record.kickedViewers.count
        self.csrfToken = csrfToken
    }

    /// The answer of `/.wormkey/api/session?slug=…` and of every change: the facts as one JSON object, without the
    /// CSRF token.
    package var json: String {
        let viewers = self.viewers.map { viewer in
            JSONText.object([
                ("id", .string(viewer.id)),
                ("label", .string(viewer.label)),
                ("address", .string(viewer.address)),
                ("userAgent", .string(viewer.userAgent)),
                ("firstSeen", .string(viewer.firstSeen.iso8601)),
                ("lastSeen", .string(viewer.lastSeen.iso8601)),
                ("requests", .number(viewer.requests)),
                ("bytes", .number(viewer.bytes)),
                ("openStreams", .number(viewer.openStreams)),
            ])
        }
        return
            JSONText.object([
                ("slug", .string(self.slug.rawValue)),
                ("publicUrl", .string(self.publicURL)),
                ("status", .string(self.status.rawValue)),
                ("expiresAt", .string(self.expiresAt.iso8601)),
                ("now", .string(self.now.iso8601)),
                ("authMode", .string(self.authMode.rawValue)),
                ("public", .boolean(self.isPublic)),
                ("maxConcurrentViewers", .number(self.maxConcurrentViewers)),
                ("blockPaths", .array(self.blockPaths.map { .string($0) })),
                ("hasPassword", .boolean(self.hasPassword)),
                ("tunnelConnections", .number(self.tunnelConnections)),
                ("removedViewers", .number(self.removedViewers)),
                ("viewers", .array(viewers)),
            ])
            .text
    }
}

/// A JSON value on its way to text; only what the room's answers need.
enum JSONText {
    case string(String)
    case number(Int)
    case boolean(Bool)
    case array([JSONText])
    case object([(String, JSONText)])

    /// The value as JSON, without white space.
    var text: String {
        switch self {
        case .string(let value): Self.quoted(value)
        case .number(let value): String(value)
        case .boolean(let value): value ? "true" : "false"
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { "\(Self.quoted($0.0)):\($0.1.text)" }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ value: String) -> String {
        var result = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\u{0}"..<"\u{20}", "<", ">", "&", "\u{7F}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
