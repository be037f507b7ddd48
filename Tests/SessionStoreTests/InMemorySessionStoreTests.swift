import DaypassTestSupport
import SessionStore
import Testing

@Suite struct InMemorySessionStoreTests {
    @Test(arguments: SessionStoreBehaviour.allCases)
    func conforms(_ behaviour: SessionStoreBehaviour) async throws {
        try await behaviour.check(InMemorySessionStore())
    }
}
