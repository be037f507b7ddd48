import NIOCore
import ProxySemantics
import Testing
import TunnelAgent
import TunnelProtocol
import UpstreamRelay

@Suite("The account of a request's body")
struct RequestBodyStateMachineTests {
    private func machine(
        _ fields: String = "",
        end: Bool = false,
        version: TunnelVersion = .v1
    ) throws -> RequestBodyStateMachine {
        let head = try HTTPMessageParser.parseHead(
            block: ByteBuffer(string: "POST / HTTP/1.1\r\n\(fields)\r\n"),
            role: .request
        )
        return try RequestBodyStateMachine(head: head, end: end, version: version)
    }

    @Test func withoutBody() throws {
        for fields in ["", "Content-Length: 0\r\n"] {
            var machine = try self.machine(fields, end: true)
            #expect(machine.started() == .sendHead(.asAnnounced))
            #expect(machine.isComplete)
            #expect(machine.dataReceived(1) == .abort)
        }
    }

    @Test func announcedBodyThatNeverComesIsRefused() throws {
        #expect(try self.machine("Content-Length: 5\r\n", end: true).started() == .refuse)
    }

    @Test(arguments: [TunnelVersion.v0, .v1])
    func countsAnnouncedBytes(version: TunnelVersion) throws {
        var machine = try self.machine("Content-Length: 5\r\n", version: version)
        #expect(machine.started() == .sendHead(.asAnnounced))
        #expect(machine.dataReceived(3) == .send)
        #expect(machine.dataReceived(2) == .send)
        #expect(!machine.isComplete)
        #expect(machine.endReceived() == .finish)
        #expect(machine.isComplete)
    }

    @Test func tooManyAndTooFewAbort() throws {
        var many = try self.machine("Content-Length: 5\r\n")
        #expect(many.dataReceived(6) == .abort)
        var few = try self.machine("Content-Length: 5\r\n")
        #expect(few.dataReceived(4) == .send)
        #expect(few.endReceived() == .abort)
        var none = try self.machine("Content-Length: 0\r\n")
        #expect(none.dataReceived(1) == .abort)
    }

    @Test func unknownLengthIsChunkedInVersion1() throws {
        var machine = try self.machine()
        #expect(machine.started() == .sendHead(.chunked))
        #expect(machine.dataReceived(3) == .sendChunk(first: true))
        #expect(machine.dataReceived(3) == .sendChunk(first: false))
        #expect(machine.endReceived() == .finishChunks(first: false))
        var empty = try self.machine()
        #expect(empty.endReceived() == .finishChunks(first: true))
    }

    @Test(arguments: ["", "Transfer-Encoding: chunked\r\n"])
    func version0WaitsForTheNextFrame(fields: String) throws {
        var body = try self.machine(fields, version: .v0)
        #expect(body.started() == .wait)
        body.decide(end: false)
        #expect(body.framing == .chunked)
        #expect(body.dataReceived(3) == .sendChunk(first: true))
        #expect(body.endReceived() == .finishChunks(first: false))
        var none = try self.machine(fields, version: .v0)
        none.decide(end: true)
        #expect(none.framing == .asAnnounced)
        #expect(none.isComplete)
    }

    @Test func contradictingFramingIsAnError() {
        #expect(throws: HTTPParseError.self) {
            try self.machine("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")
        }
        #expect(throws: HTTPParseError.self) { try self.machine("Content-Length: 5\r\nContent-Length: 5\r\n") }
    }

    /// Random deliveries against a model that only counts: a request ends in order exactly when the bytes delivered are
    /// the bytes announced, whatever their pieces.
    @Test(arguments: 0..<200)
    func agreesWithAModelThatCounts(seed: Int) throws {
        var generator = SeededGenerator(state: UInt64(seed))
        let announced = Bool.random(using: &generator) ? Int.random(in: 0...20, using: &generator) : nil
        let version: TunnelVersion = Bool.random(using: &generator) ? .v0 : .v1
        var machine = try self.machine(announced.map { "Content-Length: \($0)\r\n" } ?? "", version: version)
        var delivered = 0
        var chunks = 0
        while Int.random(in: 0..<5, using: &generator) > 0 {
            let count = Int.random(in: 1...8, using: &generator)
            machine.decide(end: false)
            delivered += count
            let action = machine.dataReceived(count)
            if let announced {
                #expect(action == (delivered <= announced ? .send : .abort))
                if delivered > announced { return }
            } else {
                #expect(action == .sendChunk(first: chunks == 0))
                chunks += 1
            }
        }
        if machine.isUndecided {
            machine.decide(end: true)
            #expect(machine.isComplete && delivered == 0)
            return
        }
        let end = machine.endReceived()
        if let announced {
            #expect(end == (delivered == announced ? .finish : .abort))
            #expect(machine.isComplete == (delivered == announced))
        } else {
            #expect(end == .finishChunks(first: chunks == 0))
            #expect(machine.isComplete)
        }
    }
}
