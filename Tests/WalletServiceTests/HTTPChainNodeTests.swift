import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import SessionModel
import Synchronization
import Testing
import WalletService

/// Questions over real connections to a node of our own that answers well or badly.
@Suite struct HTTPChainNodeTests {
    @Test func asksInJSONRPC() async throws {
        try await TestNode.with { request in
            .answer(#"{"jsonrpc":"2.0","id":\#(request.id),"result":["0x1",null]}"#)
        } run: { node, url, server in
            let result = try await node.call("eth_getCode", ["0xabc", "0x10"], at: url)
            #expect(result == ["0x1", .null])
            _ = try await node.call("eth_chainId", [], at: url)
            let seen = server.seen
            #expect(seen.map(\.path) == ["/v3/s3cret?k=1", "/v3/s3cret?k=1"])
            #expect(seen[0].json["method"] == "eth_getCode" && seen[0].json["params"] == ["0xabc", "0x10"])
            #expect(seen[0].json["jsonrpc"] == "2.0")
            #expect(seen[0].id != seen[1].id)
        }
    }

    @Test(
        arguments: [
            (.answer(""), .malformed), (.answer("<html>"), .malformed),
            (.answer(#"{"jsonrpc":"2.0","id":0,"result":"0x1"}"#), .malformed),
            (.tooMuch, .malformed),
            (.status(.internalServerError), .refused(code: 500)), (.status(.tooManyRequests), .limited),
            (.redirect, .refused(code: 302)), (.hangUp, .unreachable), (.silence, .timeout), (.drip, .timeout),
        ] as [(TestNode.Answer, NodeFailure)]
    )
    func badAnswers(answer: TestNode.Answer, failure: NodeFailure) async throws {
        let timeout = failure == .timeout ? Duration.milliseconds(600) : .seconds(60)
        try await TestNode.with(timeout: timeout) { _ in
            answer
        } run: { node, url, server in
            let error = await #expect(throws: NodeFailure.self) { try await node.call("eth_chainId", [], at: url) }
            #expect(error == failure)
            // A redirect is never followed, and nothing is asked again; a busy machine may give up before it is seen.
            #expect(server.seen.count == 1 || failure == .timeout && server.seen.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(5))) func nobodyThere() async throws {
        let node = HTTPChainNode(timeout: .seconds(3600))
        let group = ServiceGroup(services: [node], logger: .init(label: "test"))
        async let running: Void = group.run()
        let url = try #require(ChainURL("http://127.0.0.1:1/"))
        await #expect(throws: NodeFailure.unreachable) { try await node.call("eth_chainId", [], at: url) }
        await group.triggerGracefulShutdown()
        try await running
        // Afterwards nothing is asked any more.
        await #expect(throws: NodeFailure.unreachable) { try await node.call("eth_chainId", [], at: url) }
    }
}

/// A node on a free port of this machine.
final class TestNode: Sendable {
    enum Answer: Sendable {
        case answer(String)
        /// More than is read, and JSON that could be read.
        case tooMuch
        case status(HTTPResponseStatus)
        case redirect
        case hangUp
        case silence
        /// A head, and then a byte every now and then.
        case drip
    }

    struct Request: Sendable {
        let path: String
        let json: JSONValue
        var id: Int { if case .integer(let id)? = self.json["id"] { id } else { -1 } }
    }

    private let requests = Mutex<[Request]>([])
    private let decide: @Sendable (Request) -> Answer

    private init(decide: @escaping @Sendable (Request) -> Answer) { self.decide = decide }

    var seen: [Request] { self.requests.withLock { $0 } }

    static func with(
        timeout: Duration = .seconds(60),
        answer: @escaping @Sendable (Request) -> Answer,
        run: (HTTPChainNode, ChainURL, TestNode) async throws -> Void
    ) async throws {
        let server = TestNode(decide: answer)
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(server: server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let node = HTTPChainNode(timeout: timeout)
        let group = ServiceGroup(services: [node], logger: .init(label: "test"))
        async let running: Void = group.run()
        let port = try #require(channel.localAddress?.port)
        let url = try #require(ChainURL("http://127.0.0.1:\(port)/v3/s3cret?k=1"))
        try await run(node, url, server)
        await group.triggerGracefulShutdown()
        try await running
        try await channel.close()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let server: TestNode
        private var path = ""
        private var body: [UInt8] = []

        init(server: TestNode) { self.server = server }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch self.unwrapInboundIn(data) {
            case .head(let head):
                self.path = head.uri
                self.body = []
            case .body(let buffer): self.body += Array(buffer.readableBytesView)
            case .end:
                let request = Request(path: self.path, json: (try? JSONParser.parse(self.body)) ?? .null)
                self.server.requests.withLock { $0.append(request) }
                self.answer(self.server.decide(request), context)
            }
        }

        private func answer(_ answer: Answer, _ context: ChannelHandlerContext) {
            func head(_ status: HTTPResponseStatus, _ fields: [(String, String)] = []) {
                let head = HTTPResponseHead(version: .http1_1, status: status, headers: HTTPHeaders(fields))
                context.write(self.wrapOutboundOut(.head(head)), promise: nil)
            }
            func end(_ text: String = "") {
                context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
                context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
            }
            switch answer {
            case .answer(let text):
                head(.ok)
                end(text)
            case .tooMuch:
                head(.ok)
                end(String(repeating: " ", count: JSONRPC.maximumAnswer + 1))
            case .status(let status):
                head(status)
                end()
            case .redirect:
                head(.found, [("Location", "/elsewhere")])
                end()
            case .hangUp: context.close(promise: nil)
            case .silence: break
            case .drip:
                head(.ok)
                context.flush()
                let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
                context.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(50)) { task in
                    guard bound.value.channel.isActive else { return task.cancel() }
                    let part = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: " ")))
                    bound.value.writeAndFlush(NIOAny(part), promise: nil)
                }
            }
        }
    }
}
