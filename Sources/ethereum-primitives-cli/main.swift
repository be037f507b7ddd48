//! ethereum-primitives-cli: answers questions about Ethereum's formats, for tests against other implementations.

import EthereumPrimitives
import SessionModel

// Reads one JSON object a line, `{"op": …}`, and prints `{"ok": …}` or `{"error": …}` for each. Bytes are `0x…`,
// integers are decimal strings.

while let line = readLine() {
    let answer: JSONValue
    do {
        let request = try JSONParser.parse(Array(line.utf8), maximumDepth: 64)
        answer = .object([.init("ok", try Questions.answer(request))])
    } catch {
        answer = .object([.init("error", .string("\(error)"))])
    }
    print(answer.text)
}
