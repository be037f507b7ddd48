import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import ServiceLifecycle
package import SessionModel
import Synchronization

/// Asks nodes over HTTP.
///
/// Redirects are not followed, answers are read up to 1 MiB, and each question has to be answered within the timeout.
/// Nothing is logged: a node's URL may hold a provider's key. Run it as a service; it closes its connections at the end.
package final class HTTPChainNode: ChainNode, Service {
    private let client: HTTPClient
    private let timeout: Duration
    private let lastID = Atomic<Int>(0)

    /// A client whose questions may take `timeout` each.
    package init(timeout: Duration) {
        self.timeout = timeout
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .nanoseconds(timeout.wholeMilliseconds * 1_000_000)),
            decompression: .disabled
        )
        configuration.connectionPool.idleTimeout = .seconds(30)
        self.client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    package func run() async throws {
        try? await gracefulShutdown()
        try await self.client.shutdown()
    }

    package func call(
        _ method: String,
        _ parameters: [JSONValue],
        at url: ChainURL
    ) async throws(NodeFailure) -> JSONValue {
        let id = self.lastID.add(1, ordering: .relaxed).newValue
        var request = HTTPClientRequest(url: url.secretText)
        request.method = .POST
        request.headers = HTTPHeaders([("Content-Type", "application/json"), ("Accept", "application/json")])
        request.body = .bytes(ByteBuffer(string: JSONRPC.request(method, parameters, id: id).text))
        let bytes: [UInt8]
        do {
            let deadline = NIODeadline.now() + .nanoseconds(self.timeout.wholeMilliseconds * 1_000_000)
            let response = try await self.client.execute(request, deadline: deadline)
            guard response.status == .ok else {
                throw response.status == .tooManyRequests
                    ? NodeFailure.busy : NodeFailure.refused(code: Int(response.status.code))
            }
            bytes = Array(try await response.body.collect(upTo: JSONRPC.maximumAnswer).readableBytesView)
        } catch let failure as NodeFailure {
            throw failure
        } catch let error as HTTPClientError {
            throw [.deadlineExceeded, .readTimeout, .connectTimeout, .writeTimeout].contains(error)
                ? .timeout : .unreachable
        } catch is NIOTooManyBytesError {
            throw .malformed
        } catch {
            throw .unreachable
        }
        return try JSONRPC.result(in: bytes, id: id)
    }
}
