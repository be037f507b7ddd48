import Foundation
import SessionModel
import Testing
import WalletService

/// What a node answers is read strictly.
@Suite struct JSONRPCTests {
    private func result(_ text: String, id: Int = 7) throws -> JSONValue {
        try JSONRPC.result(in: Array(text.utf8), id: id)
    }

    @Test func readsResults() throws {
        #expect(try self.result(#"{"jsonrpc":"2.0","id":7,"result":"0x1"}"#) == "0x1")
        #expect(try self.result(#"{"id":7,"result":null,"jsonrpc":"2.0","error":null}"#) == .null)
    }

    @Test(arguments: [
        "", "[]", "0x1", #"{"jsonrpc":"2.0","id":7}"#, #"{"jsonrpc":"1.0","id":7,"result":"0x1"}"#,
        #"{"jsonrpc":"2.0","id":8,"result":"0x1"}"#, #"{"jsonrpc":"2.0","id":"7","result":"0x1"}"#,
        #"{"jsonrpc":"2.0","id":7,"result":"0x1","result":"0x2"}"#, #"[{"jsonrpc":"2.0","id":7,"result":"0x1"}]"#,
        #"{"jsonrpc":"2.0","id":7,"result":"0x1","error":{"code":1,"message":"x"}}"#,
        #"{"jsonrpc":"2.0","id":7,"error":"no"}"#, #"{"jsonrpc":"2.0","id":7,"error":{"message":"no"}}"#,
        #"{"jsonrpc":"2.0","id":7,"result":"0x1"} x"#, "<html>429</html>",
    ])
    func refusesOtherAnswers(text: String) {
        #expect(throws: NodeFailure.malformed) { try self.result(text) }
    }

    @Test func tellsRevertsFromRefusals() {
        func failure(_ code: Int, _ message: String) -> NodeFailure? {
            do {
                _ = try self.result(#"{"jsonrpc":"2.0","id":7,"error":{"code":\#(code),"message":"\#(message)"}}"#)
                return nil
            } catch { return error as? NodeFailure }
        }
        #expect(failure(3, "execution reverted: x") == .reverted)
        #expect(failure(-32000, "Execution Reverted") == .reverted)
        #expect(failure(-32000, "header not found") == .refused(code: -32000))
        #expect(failure(-32005, "limit exceeded, reverted") == .refused(code: -32005))
    }

    @Test func answersAreBounded() {
        let filler = String(repeating: "0", count: JSONRPC.maximumAnswer)
        #expect(throws: NodeFailure.malformed) {
            try self.result(#"{"jsonrpc":"2.0","id":7,"result":"0x\#(filler)"}"#)
        }
    }
}
