import SessionModel
import Testing

@Suite("The browser helper's text")
struct ClientScriptTests {
    @Test("it is one module of less than 2048 bytes that can be sent as it is")
    func isSmall() {
        let text = ClientScript.text
        #expect((1...2047).contains(text.utf8.count))
        #expect(text.contains("export const daypass="))
        #expect(text.hasSuffix("\n"))
        let isPlain = text.utf8.allSatisfy { $0 < 0x80 }
        #expect(isPlain)
    }

    @Test("its tag is a quoted one")
    func hasATag() {
        #expect(ClientScript.etag.count == 26)
        let isHexadecimal = ClientScript.etag.dropFirst().dropLast().allSatisfy { $0.isHexDigit }
        #expect(isHexadecimal)
        #expect(ClientScript.etag.hasPrefix("\"") && ClientScript.etag.hasSuffix("\""))
    }
}
