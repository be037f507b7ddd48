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
    private enum State {
        /// Nobody has asked anything; a client would have to be shut down.
        case idle
        case open(HTTPClient)
        case closed
    }

    private let state = Mutex(State.idle)
    private let timeout: Duration
    private let lastID = Atomic<Int>(0)

    /// A client whose questions may take `timeout` each.
    package init(timeout: Duration) { self.timeout = timeout }

    package func run() async throws {
        try? await gracefulShutdown()
        let client = self.state.withLock { state -> HTTPClient? in
            defer { state = .closed }
            return if case .open(let client) = state { client } else { nil }
        }
        try await client?.shutdown()
    }

    /// The client, made by the first question; nil once the service has ended.
    private func client() -> HTTPClient? {
        self.state.withLock { state in
            switch state {
            case .open(let client): return client
            case .closed: return nil
            case .idle:
                var configuration = HTTPClient.Configuration(
                    redirectConfiguration: .disallow,
                    timeout: .init(connect: .init(self.timeout), read: .init(self.timeout)),
                    decompression: .disabled
                )
                configuration.connectionPool.idleTimeout = .seconds(30)
                // Where nobody listens, that is the answer; waiting for somebody would take the whole timeout.
                configuration.connectionPool.retryConnectionEstablishment = false
                let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
                state = .open(client)
                return client
            }
        }
    }

    package func call(
        _ method: String,
        _ parameters: [JSONValue],
        at url: ChainURL
    ) async throws(NodeFailure) -> JSONValue {
        guard let client = self.client() else { throw .unreachable }
        let id = self.lastID.add(1, ordering: .relaxed).newValue
        var request = HTTPClientRequest(url: url.secretText)
        request.method = .POST
        request.headers = HTTPHeaders([("Content-Type", "application/json"), ("Accept", "application/json")])
        request.body = .bytes(ByteBuffer(string: JSONRPC.request(method, parameters, id: id).text))
        let bytes: [UInt8]
        do {
            let deadline = NIODeadline.now() + TimeAmount(self.timeout)
            let response = try await client.execute(request, deadline: deadline)
            guard response.status == .ok else {
                throw response.status == .tooManyRequests
                    ? NodeFailure.limited : NodeFailure.refused(code: Int(response.status.code))
            }
            // The client's own deadline ends with the answer's head.
            var received: [UInt8] = []
            for try await part in response.body {
                guard NIODeadline.now() < deadline else { throw NodeFailure.timeout }
                guard received.count + part.readableBytes <= JSONRPC.maximumAnswer else { throw NodeFailure.malformed }
                received += part.readableBytesView
            }
            bytes = received
        } catch let failure as NodeFailure {
            throw failure
        } catch let error as HTTPClientError {
            throw [.deadlineExceeded, .readTimeout, .connectTimeout, .writeTimeout].contains(error)
                ? .timeout : .unreachable
        } catch {
            throw .unreachable
        }
        return try JSONRPC.result(in: bytes, id: id)
    }
}
