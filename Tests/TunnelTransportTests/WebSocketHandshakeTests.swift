import Testing
import TunnelTransport

@Suite struct WebSocketHandshakeTests {
    @Test func theExampleOfTheRFC() {
        #expect(WebSocketHandshake.acceptValue(for: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test func keysAreFreshAndValid() {
        let keys = (0..<50).map { _ in WebSocketHandshake.randomKey() }
        #expect(Set(keys).count == 50)
        #expect(keys.allSatisfy { WebSocketHandshake.isValidKey($0) })
    }

    @Test(arguments: ["", "x", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZ===", "dGhlIHNhbXBsZSBub25 ZQ=="])
    func otherTextIsNotAKey(text: String) {
        #expect(!WebSocketHandshake.isValidKey(text))
    }
}
