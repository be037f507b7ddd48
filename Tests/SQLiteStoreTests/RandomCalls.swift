import DaypassTestSupport
import SessionModel
import SessionStore
import Testing

/// Makes the same random calls on two stores and compares the answers; the same calls at every run of one seed.
struct RandomCalls {
    private var generator: SeededGenerator
    private var samples: SampleSessions
    private var known: [SessionRecord] = []
    private var tokens: [AccessTokenRecord] = []

    init(seed: UInt64) {
        self.generator = SeededGenerator(seed: seed)
        self.samples = SampleSessions(seed: seed)
    }

    /// What a call answered, in a form that can be compared.
    private static func outcome(_ call: () async throws -> Any) async -> String {
        do {
            return "\(try await call())"
        } catch let error as DaypassError {
            return error.code.rawValue
        } catch {
            return "\(error)"
        }
    }

    mutating func run(_ count: Int, on first: any SessionStore, and second: any SessionStore) async throws {
        for round in 0..<count {
            let call = self.draw()
            let answers = (await Self.outcome { try await call(first) }, await Self.outcome { try await call(second) })
            try #require(answers.0 == answers.1, "round \(round)")
            if round.isMultiple(of: 50) || round == count - 1 {
                #expect(
                    try await first.sessions(after: nil, limit: 1000) == second.sessions(after: nil, limit: 1000)
                )
                #expect(
                    try await first.auditEvents(of: nil, limit: 1000) == second.auditEvents(of: nil, limit: 1000)
                )
                #expect(try await first.accessTokens() == second.accessTokens())
            }
        }
    }

    private mutating func draw() -> @Sendable (any SessionStore) async throws -> Any {
        self.samples.now = self.samples.now + .milliseconds(Int.random(in: 0...3, using: &self.generator))
        let now = self.samples.now
        let samples = self.samples
        let limit = Int.random(in: -1...12, using: &self.generator)
        let session = self.known.randomElement(using: &self.generator)
        let number = Int.random(in: 0...99, using: &self.generator)
        switch (number, session) {
        case (0..<25, _), (_, nil):
            let slug = number < 5 ? session?.slug.rawValue : nil
            let lifetime = Duration.milliseconds(Int.random(in: 1...300, using: &self.generator))
            let record = self.samples.session(
                slug: slug,
                creator: "creator \(number % 3)",
                authMode: number.isMultiple(of: 2) ? .basic : .none,
                lifetime: lifetime
            )
            self.known.append(record)
            let event = samples.event(.sessionCreated, of: record.id)
            let limits = SessionLimits(perCreator: 10, total: 25, now: now)
            return { store in try await store.insert(record, limits: limits, audit: event) }
        case (25..<60, .some(let session)):
            let viewer = KickedViewer(viewerID: "vw_\(number)", addressID: number < 40 ? "ip_\(number)" : nil)
            return { store in
                try await store.update(slug: session.slug) { record in
                    switch number % 6 {
                    case 0: record.kickedViewers.append(viewer)
                    case 1: record.kickedViewers = record.kickedViewers.reversed() + [viewer]
                    case 2: record.closedAt = now
                    case 3: record.policy.password += "x"
                    case 4: return nil
                    default:
                        record.isPaused.toggle()
                        if record.kickedViewers.count > 3 { throw DaypassError(.sessionClosed) }
                    }
                    return samples.event(.policyUpdated, of: record.id, summary: "\(number)")
                }
            }
        case (60..<65, .some(let session)):
            return { store in
                try await store.delete(id: session.id, audit: samples.event(.sessionDeleted, of: session.id))
            }
        case (65..<70, _):
            return { store in
                try await store.forget(endedBefore: now + .milliseconds(-50), limit: limit) { id in
                    samples.event(.sessionForgotten, of: id)
                }
            }
        case (70..<75, .some(let session)):
            return { store in try await store.session(id: session.id) as Any }
        case (75..<80, .some(let session)):
            return { store in try await store.session(slug: session.slug) as Any }
        case (80..<85, .some(let session)):
            return { store in try await store.sessions(after: number < 81 ? nil : session.id, limit: limit) }
        case (85..<88, .some(let session)):
            return { store in try await store.auditEvents(of: session.id, limit: limit) }
        case (88, _):
            return { store in try await store.pruneAuditEvents(keepingNewest: 150) }
        case (89..<92, _):
            return { store in try await store.end(ofEndedSessionBehind: limit, now: now) as Any }
        case (92..<95, _):
            let token = self.samples.accessToken(lifetime: number == 92 ? nil : .milliseconds(100))
            self.tokens.append(token)
            let event = samples.event(.tokenCreated, of: nil)
            return { store in try await store.insert(token, limit: 5, audit: event) }
        case (95..<98, _):
            let token = self.tokens.randomElement(using: &self.generator)
            let event = samples.event(.tokenRevoked, of: nil)
            return { store in
                if let token, number < 97 { return try await store.accessToken(digest: token.digest) as Any }
                return try await store.revokeAccessToken(id: token?.id ?? "tok_0", at: now, audit: event)
            }
        default:
            return { store in try await store.forgetAccessTokens(endedBefore: now + .milliseconds(-50)) }
        }
    }
}
