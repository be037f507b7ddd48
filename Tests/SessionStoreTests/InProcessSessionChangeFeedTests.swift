import DaypassTestSupport
import SessionModel
import SessionStore
import Synchronization
import Testing

@Suite struct InProcessSessionChangeFeedTests {
    @Test func everyReceiverGetsEveryChangeInOrder() async throws {
        let feed = InProcessSessionChangeFeed()
        var samples = SampleSessions()
        let first = ChangeRecorder(feed)
        let early = samples.session()
        feed.publish(.updated(early))
        let second = ChangeRecorder(feed)
        let late = samples.session()
        feed.publish(.updated(late))
        feed.publish(.forgotten(early.id))
        #expect(first.changes == [.updated(early), .updated(late), .forgotten(early.id)])
        #expect(second.changes == [.updated(late), .forgotten(early.id)])
    }

    @Test func receiversAreCalledOneAtATime() async throws {
        let feed = InProcessSessionChangeFeed()
        let inside = Atomic(0)
        let most = Mutex(0)
        feed.subscribe { _ in
            let now = inside.add(1, ordering: .sequentiallyConsistent).newValue
            most.withLock { $0 = max($0, now) }
            inside.subtract(1, ordering: .sequentiallyConsistent)
        }
        let record = ChangeRecorder(feed)
        var samples = SampleSessions()
        let sessions = (0..<200).map { _ in samples.session() }
        await withTaskGroup(of: Void.self) { group in
            for session in sessions { group.addTask { feed.publish(.updated(session)) } }
        }
        #expect(most.withLock { $0 } == 1)
        #expect(Set(record.records.map(\.id)) == Set(sessions.map(\.id)))
    }

    @Test func remembersABoundedNumberOfForgottenSessions() throws {
        let feed = InProcessSessionChangeFeed()
        let recorder = ChangeRecorder(feed)
        var samples = SampleSessions()
        let sessions = (0...InProcessSessionChangeFeed.rememberedForgotten).map { _ in samples.session() }
        for session in sessions { feed.publish(.forgotten(session.id)) }
        #expect(recorder.changes.count == sessions.count)
        for session in sessions { feed.publish(.updated(session)) }
        // Only the oldest has fallen out of memory.
        #expect(recorder.records.map(\.id) == [sessions[0].id])
    }
}
