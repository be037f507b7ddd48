import DaypassCLI
import Foundation
import SessionModel
import Testing

@Suite struct ConnectedLineTests {
    private let saved = SavedSession(
        sessionId: "sess_\(String(repeating: "a", count: 32))",
        slug: "quiet-lime-42",
        server: "http://127.0.0.1:3001",
        edgeUrl: "ws://127.0.0.1:3002/tunnel",
        sessionToken: "quiet-lime-42.\(String(repeating: "t", count: 32))",
        publicUrl: "http://127.0.0.1:3002/s/quiet-lime-42",
        ownerUrl: "http://127.0.0.1:3002/.wormkey/owner?slug=quiet-lime-42&token=t",
        expiresAt: "2026-03-04T15:30:00.000Z",
        pid: 4711,
        target: "http://localhost:3000"
    )

    @Test func theDocumentedKeysInOrder() {
        let id = "sess_\(String(repeating: "a", count: 32))"
        #expect(
            OpenTunnel(saved: self.saved, credentials: nil).connectedJSON
                == #"{"session_id":"\#(id)","slug":"quiet-lime-42","url":"http://127.0.0.1:3002/s/quiet-lime-42","#
                + #""owner_url":"http://127.0.0.1:3002/.wormkey/owner?slug=quiet-lime-42&token=t","#
                + #""expires_at":"2026-03-04T15:30:00.000Z","pid":4711,"status":"connected"}"#
        )
    }

    @Test func credentialsOnlyWhereThereAreSome() throws {
        let tunnel = OpenTunnel(saved: self.saved, credentials: BasicCredentials(password: "a\"1\\"))
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(tunnel.connectedJSON.utf8)) as? [String: Any]
        )
        #expect(object["username"] as? String == "worm")
        #expect(object["password"] as? String == "a\"1\\")
        #expect(object.count == 9)
        #expect(!tunnel.connectedJSON.contains("\n"))
    }

    @Test func answersAreKeptOnOneLine() throws {
        #expect(try JSONText(Data("{\n \"b\": 1,\n \"a\": \"x/y\" }".utf8)).text == #"{"a":"x/y","b":1}"#)
        #expect(throws: CommandFailure.self) { try JSONText(Data("<html>".utf8)) }
    }
}
