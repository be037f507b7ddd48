import DaypassTestSupport
import Foundation
import GRDB
import SQLiteStore
import SessionModel
import SessionStore
import Testing

@Suite struct SQLiteGatewayStoreTests {
    @Test(arguments: GatewayStoreBehaviour.allCases)
    func conforms(_ behaviour: GatewayStoreBehaviour) async throws {
        let fixture = try StoreFixture()
        try await behaviour.check(fixture.store)
        try fixture.store.close()
    }
}
