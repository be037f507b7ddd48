import ControlAPI
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@Suite("Arrival of requests")
struct RequestArrivalHandlerTests {
    private let limit = 100

    private func makeChannel() throws -> EmbeddedChannel {
        let handler = RequestArrivalHandler(requestTimeout: .seconds(15), maximumBodyBytes: self.limit)
        let channel = EmbeddedChannel(handler: handler)
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        return channel
    }

    private func head(_ fields: HTTPFields = [:]) -> HTTPRequestPart {
        .head(HTTPRequest(method: .post, scheme: "http", authority: "a", path: "/", headerFields: fields))
    }

    @Test("a request that is complete in time leaves no clock running")
    func complete() throws {
        let channel = try self.makeChannel()
        try channel.writeInbound(self.head())
        channel.embeddedEventLoop.advanceTime(by: .seconds(14))
        try channel.writeInbound(HTTPRequestPart.end(nil))
        channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        #expect(channel.isActive)
    }

    @Test("a body that trickles in loses the connection at the deadline")
    func trickle() throws {
        let channel = try self.makeChannel()
        try channel.writeInbound(self.head())
        for _ in 0..<14 {
            channel.embeddedEventLoop.advanceTime(by: .seconds(1))
            try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: "x")))
            #expect(channel.isActive)
        }
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    @Test("only so much of an unwanted body is read")
    func discards() throws {
        let channel = try self.makeChannel()
        try channel.writeInbound(self.head())
        let most = self.limit + RequestArrivalHandler.discardAllowance
        try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(repeating: 0, count: most)))
        #expect(channel.isActive)
        try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(repeating: 0, count: 1)))
        #expect(!channel.isActive)
    }

    @Test("the count begins anew with each request")
    func counts() throws {
        let channel = try self.makeChannel()
        for _ in 0..<3 {
            try channel.writeInbound(self.head())
            let half = RequestArrivalHandler.discardAllowance / 2
            try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(repeating: 0, count: half)))
            try channel.writeInbound(HTTPRequestPart.end(nil))
        }
        #expect(channel.isActive)
    }

    @Test("permission is given to bodies that fit", arguments: [("100", true), ("101", false), ("x", false)])
    func expect(length: String, isAsked: Bool) throws {
        let channel = try self.makeChannel()
        try channel.writeInbound(self.head([.expect: "100-Continue", .contentLength: length]))
        let answer = try channel.readOutbound(as: HTTPResponsePart.self)
        #expect((answer == .head(HTTPResponse(status: .continue))) == isAsked)
        try channel.writeInbound(HTTPRequestPart.end(nil))
        try channel.writeInbound(self.head())
        #expect(try channel.readOutbound(as: HTTPResponsePart.self) == nil)
    }

    @Test("an answer that closes does so once it is written")
    func closes() throws {
        let channel = try self.makeChannel()
        try channel.writeInbound(self.head())
        try channel.writeInbound(HTTPRequestPart.end(nil))
        try channel.writeOutbound(
            HTTPResponsePart.head(HTTPResponse(status: .ok, headerFields: [.connection: "close"]))
        )
        #expect(channel.isActive)
        try channel.writeOutbound(HTTPResponsePart.end(nil))
        #expect(!channel.isActive)
    }
}
