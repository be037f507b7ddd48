import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import TunnelAgent
import UpstreamRelay

/// Waits until the local app is there: it accepts a connection, or answers a path with success.
struct LocalAppProbe: Sendable {
    /// The app.
    let target: LocalTarget
    /// A path that must be answered with a status below 400; nil asks only for a connection.
    let path: String?
    /// When to give up.
    let timeout: Duration

    private static let interval = Duration.milliseconds(200)

    /// Returns when the app is there.
    ///
    /// Throws `CommandFailure` (local service unavailable) after the timeout.
    func wait() async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + self.timeout
        var last = "nothing answers"
        try await Self.withClient(for: self.target) { client in
            while true {
                if let problem = await self.problem(client) { last = problem } else { return }
                guard clock.now + Self.interval < deadline else {
                    let place = self.target.displayName + (self.path ?? "")
                    throw CommandFailure(
                        .localServiceUnavailable,
                        "The app at \(TerminalText.safe(place)) was not ready after "
                            + "\(HumanText.span(self.timeout)): \(last)."
                    )
                }
                try await Task.sleep(for: Self.interval)
            }
        }
    }

    /// What is wrong now; nil when the app is there.
    private func problem(_ client: HTTPClient) async -> String? {
        guard let path else { return await self.connectionProblem() }
        var request = HTTPClientRequest(url: self.target.displayName + path)
        request.headers.add(name: "Host", value: "localhost:\(self.target.port)")
        guard let response = try? await client.execute(request, timeout: .seconds(5)) else { return "nothing answers" }
        return response.status.code < 400 ? nil : "it answers with status \(response.status.code)"
    }

    private func connectionProblem() async -> String? {
        let bootstrap = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup).connectTimeout(.seconds(2))
        do {
            let channel = try await bootstrap.connect(host: self.target.host, port: self.target.port).get()
            try? await channel.close().get()
            return nil
        } catch {
            return "nothing answers"
        }
    }

    private static func withClient(for target: LocalTarget, _ body: (HTTPClient) async throws -> Void) async throws {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(2)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        if target.isLoopback {
            // As the agent does: development servers use self-signed certificates.
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.certificateVerification = .none
            configuration.tlsConfiguration = tls
        }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            try await body(client)
            try await client.shutdown()
        } catch {
            try? await client.shutdown()
            throw error
        }
    }
}
