import NIOCore
import NIOEmbedded
import Testing
import TunnelProtocol
import TunnelTransport

private let okHead = ByteBuffer(string: "HTTP/1.1 200\r\nContent-Type: text/plain\r\n\r\n")

@Suite struct TunnelConnectionTests {
    @Test(arguments: [TunnelVersion.v0, .v1], [nil, 1, 7])
    func aRequestIsAnswered(version: TunnelVersion, pieceBytes: Int?) throws {
        let pair = try TunnelPair(version, pieceBytes: pieceBytes)
        #expect(pair.edgeOwner.peer?.version == version)
        #expect(pair.agentOwner.peer?.name == (version == .v1 ? "edge" : ""))
        let owner = RecordingOwner()
        let id = try #require(try pair.get("/hello", owner: owner))
        let opened = try #require(pair.agentOwner.opened.first)
        #expect(opened.head == "GET /hello HTTP/1.1\r\nHost: example\r\n\r\n")
        #expect(opened.end || opened.owner.ended)
        pair.agent.sendHead(okHead, end: false, on: id)
        #expect(pair.agent.sendData(ByteBuffer(string: "hello"), on: id) == .more)
        pair.agent.sendEnd(trailers: nil, on: id)
        try pair.pump()
        #expect(owner.heads == [String(buffer: okHead)])
        #expect(String(buffer: owner.data) == "hello")
        #expect(owner.ended && owner.reset == nil)
        #expect(pair.edge.openStreamCount == 0 && pair.agent.openStreamCount == 0)
        #expect(pair.edgeBudget.bufferedBytes == 5)
        pair.edge.consumed(5, on: id)
        try pair.pump()
        #expect(pair.edgeBudget.bufferedBytes == 0 && pair.agentBudget.bufferedBytes == 0)
        #expect(pair.edgeOwner.roundTrips == 1 && pair.agentOwner.roundTrips == 1)
    }
}
