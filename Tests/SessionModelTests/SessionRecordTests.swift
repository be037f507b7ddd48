import DaypassTestSupport
import SessionModel
import Testing

@Suite struct SessionRecordTests {
    @Test func aSessionEndsByExpiryOrByBeingClosed() {
        var samples = SampleSessions()
        var record = samples.session(lifetime: .seconds(60))
        let end = record.expiresAt
        #expect(record.endedAt(now: end + .milliseconds(-1)) == nil)
        #expect(record.endedAt(now: end) == end)
        #expect(record.endedAt(now: end + .seconds(5)) == end)
        record.closedAt = record.createdAt + .seconds(10)
        #expect(record.endedAt(now: record.createdAt + .seconds(20)) == record.closedAt)
        record.closedAt = end + .seconds(10)
        #expect(record.endedAt(now: end + .seconds(20)) == end)
    }

    @Test func theStatusSaysWhatMattersMost() {
        var samples = SampleSessions()
        var record = samples.session(lifetime: .seconds(60))
        let now = record.createdAt
        #expect(record.status(now: now, tunnelConnections: 0) == .waiting)
        #expect(record.status(now: now, tunnelConnections: 2) == .connected)
        record.isPaused = true
        #expect(record.status(now: now, tunnelConnections: 2) == .paused)
        #expect(record.status(now: record.expiresAt, tunnelConnections: 2) == .expired)
        record.closedAt = now
        #expect(record.status(now: now, tunnelConnections: 2) == .closed)
        #expect(record.status(now: record.expiresAt, tunnelConnections: 2) == .closed)
    }

    @Test func anUpdateChangesOnlyWhatItNames() {
        let policy = SessionPolicy(isPublic: false, maxConcurrentViewers: 5, blockPaths: ["/admin"], password: "p")
        #expect(PolicyUpdate().applied(to: policy) == policy)
        #expect(PolicyUpdate(isPublic: true).applied(to: policy).isPublic)
        #expect(PolicyUpdate(password: "").applied(to: policy).password == "")
        let update = PolicyUpdate(isPublic: true, maxConcurrentViewers: 0, blockPaths: [], password: "q")
        #expect(
            update.applied(to: policy)
                == SessionPolicy(isPublic: true, maxConcurrentViewers: 0, blockPaths: [], password: "q")
        )
    }

    @Test func anAccessTokenStopsWorking() {
        var samples = SampleSessions()
        var token = samples.accessToken(lifetime: .seconds(10))
        let now = token.createdAt
        #expect(token.isValid(now: now + .milliseconds(9999)))
        #expect(!token.isValid(now: now + .seconds(10)))
        token.expiresAt = nil
        #expect(token.isValid(now: now + .seconds(1_000_000)))
        token.revokedAt = now
        #expect(!token.isValid(now: now))
    }
}
