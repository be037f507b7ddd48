import DaypassTestSupport
import SessionStore
import Testing

@Suite struct InMemoryWalletStoreTests {
    @Test(arguments: WalletStoreBehaviour.allCases)
    func conforms(_ behaviour: WalletStoreBehaviour) async throws {
        try await behaviour.check(InMemoryWalletStore())
    }
}
