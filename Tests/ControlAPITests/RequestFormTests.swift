import ControlAPI
import Hummingbird
import NIOCore
import SessionModel
import SessionStore
import Synchronization
import Testing

@Suite("Forms of requests")
struct RequestFormTests {
    @Test(
        "a known path answers other methods with those it knows",
        arguments: [
            ("/sessions", "GET, HEAD, POST"), ("/sessions/sess_1", "DELETE, GET, HEAD"),
            ("/sessions/by-slug/a-b-1", "GET, HEAD"), ("/sessions/by-slug/a-b-1/policy", "POST"),
            ("/sessions/by-slug/a-b-1/viewers", "GET, HEAD"), ("/sessions/by-slug/a-b-1/kick", "POST"),
            ("/sessions/by-slug/a-b-1/pause", "POST"), ("/sessions/by-slug/a-b-1/resume", "POST"),
            ("/sessions/by-slug/a-b-1/close", "POST"), ("/sessions/by-slug/a-b-1/rotate-password", "POST"),
            ("/tokens", "GET, HEAD, POST"), ("/tokens/tok_1", "DELETE"), ("/audit", "GET, HEAD"),
            ("/health", "GET, HEAD"),
            ("/ready", "GET, HEAD"), ("/metrics", "GET, HEAD"), ("/openapi.json", "GET, HEAD"),
        ]
    )
    func methodNotAllowed(path: String, allow: String) async throws {
        let api = try ControlHarness()
        for method in ["PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"] {
            let answer = try await api.call(method, path)
            #expect(answer.status == 405)
            #expect(answer.fields["Allow"] == allow)
            #expect(answer.code == "method_not_allowed")
        }
    }

    @Test(
        "any other path is not found",
        arguments: [
            "/", "", "*", "/session", "/sessions/", "//sessions", "/sessions//", "/sessions/by-slug", "/sessions/a/b/c",
            "/sessions/by-slug//policy", "/Sessions", "/sessions/by-slug/a-b-1/invites", "/health/", "/%68ealth",
            "http://localhost:3001/health", "/sessions/../health", "/\u{0}",
        ]
    )
    func unknownPath(path: String) async throws {
        let api = try ControlHarness()
        let answer = try await api.call("GET", path)
        #expect(answer.status == 404)
        let sentence = try answer.json()["error"]?.string
        #expect(answer.code == "not_found" || sentence == "Session not found")
    }

    @Test("malformed JSON is named as such", arguments: ["{", "{\"port\":}", "{\"port\":1,\"port\":2}", "port=1", " "])
    func malformedJSON(body: String) async throws {
        let api = try ControlHarness()
        let answer = try await api.call("POST", "/sessions", body: body)
        #expect(answer.status == 400)
        #expect(answer.code == "bad_request")
        #expect(try await api.sessions.sessions(after: nil, limit: 1).isEmpty)
    }

    @Test("a body needs a content type, no body needs none")
    func contentType() async throws {
        let api = try ControlHarness()
        let length = [(name: "content-length", value: "2")]
        let chunked = [(name: "transfer-encoding", value: "chunked")]
        for fields in [length, chunked] {
            let body = RequestBody(buffer: ByteBuffer(string: "{}"))
            #expect(try await api.send("POST", "/sessions", body, fields: fields).status == 415)
        }
        let empty = [(name: "content-length", value: "0")]
        #expect(try await api.send("POST", "/sessions", RequestBody(buffer: ByteBuffer()), fields: empty).status == 201)
        let json = (name: "content-type", value: "application/json")
        let body = RequestBody(buffer: ByteBuffer(string: "{}"))
        #expect(try await api.send("POST", "/sessions", body, fields: chunked + [json]).status == 201)
        #expect(try await api.send("POST", "/sessions", body, fields: length + [json, json]).status == 415)
    }

    @Test("a body of 64 KiB passes, one byte more does not")
    func bodyLimit() async throws {
        let api = try ControlHarness()
        let limit = api.configuration.maximumBodyBytes
        #expect(limit == 65_536)
        let fitting = "{" + String(repeating: " ", count: limit - 2) + "}"
        #expect(try await api.call("POST", "/sessions", body: fitting).status == 201)
        let refused = try await api.call("POST", "/sessions", body: fitting + " ")
        #expect(refused.status == 413)
        #expect(refused.code == "body_too_large")
        #expect(refused.fields["Connection"] == "close")
    }

    @Test("no more than the limit is taken from a body without length")
    func chunkedBodyLimit() async throws {
        let api = try ControlHarness()
        let chunks = EndlessChunks()
        let fields = [
            (name: "transfer-encoding", value: "chunked"), (name: "content-type", value: "application/json"),
        ]
        let answer = try await api.send("POST", "/sessions", RequestBody(asyncSequence: chunks), fields: fields)
        #expect(answer.status == 413)
        #expect(chunks.taken <= api.configuration.maximumBodyBytes / EndlessChunks.size + 1)
    }

    @Test("an announced length over the limit is refused before anything is read")
    func announcedLength() async throws {
        let api = try ControlHarness()
        let chunks = EndlessChunks()
        let fields = [
            (name: "content-length", value: "65537"), (name: "content-type", value: "application/json"),
        ]
        let answer = try await api.send("POST", "/sessions", RequestBody(asyncSequence: chunks), fields: fields)
        #expect(answer.status == 413)
        #expect(chunks.taken == 0)
    }

    @Test("a body that breaks off changes nothing and is answered by nobody")
    func brokenBody() async throws {
        let api = try ControlHarness()
        let fields = [
            (name: "transfer-encoding", value: "chunked"), (name: "content-type", value: "application/json"),
        ]
        await #expect(throws: BrokenChunks.Broken.self) {
            try await api.send("POST", "/sessions", RequestBody(asyncSequence: BrokenChunks()), fields: fields)
        }
        #expect(try await api.sessions.sessions(after: nil, limit: 1).isEmpty)
    }
}

/// A body that never ends and counts what is taken of it.
final class EndlessChunks: AsyncSequence, Sendable {
    static let size = 1000
    private let count = Mutex(0)

    var taken: Int { self.count.withLock { $0 } }

    func makeAsyncIterator() -> Iterator { Iterator(chunks: self) }

    struct Iterator: AsyncIteratorProtocol {
        let chunks: EndlessChunks

        mutating func next() async throws -> ByteBuffer? {
            self.chunks.count.withLock { $0 += 1 }
            return ByteBuffer(repeating: 0x20, count: EndlessChunks.size)
        }
    }
}

/// A body whose connection fails after the first part.
struct BrokenChunks: AsyncSequence, Sendable {
    struct Broken: Error {}

    func makeAsyncIterator() -> Iterator { Iterator() }

    struct Iterator: AsyncIteratorProtocol {
        var isFirst = true

        mutating func next() async throws -> ByteBuffer? {
            guard self.isFirst else { throw Broken() }
            self.isFirst = false
            return ByteBuffer(string: "{")
        }
    }
}
