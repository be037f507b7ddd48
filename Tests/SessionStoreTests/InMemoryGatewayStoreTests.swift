import DaypassTestSupport
import SessionStore
import Testing

@Suite struct InMemoryGatewayStoreTests {
    @Test(arguments: GatewayStoreBehaviour.allCases)
    func conforms(_ behaviour: GatewayStoreBehaviour) async throws {
        try await behaviour.check(InMemoryGatewayStore())
    }
}
