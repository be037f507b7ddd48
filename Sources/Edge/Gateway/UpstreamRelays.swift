import NIOCore
import ProxySemantics
import SessionModel
import UpstreamRelay

/// The relays to tenants' upstreams, one for each URL that is in use; made when first needed.
///
/// Confined to the edge's event loop.
final class UpstreamRelays {
    /// A way to one upstream with what its answers call themselves.
    struct Way {
        let relay: LocalRelay
        let target: LocalTarget
    }

    /// Requests at one upstream at once; more wait.
    private static let maximumConnections = 1024

    private let responseTimeout: Duration
    private let eventLoop: any EventLoop
    private var ways: [String: Way] = [:]

    init(configuration: EdgeConfiguration, eventLoop: any EventLoop) {
        self.responseTimeout = configuration.upstreamTimeout
        self.eventLoop = eventLoop
    }

    /// The way to an upstream.
    ///
    /// - Throws: an error of NIOSSL when the system's trust roots cannot be loaded for an `https` URL.
    func way(to url: UpstreamURL) throws -> Way {
        if let known = self.ways[url.address.base] { return known }
        let scheme = LocalTarget.Scheme(rawValue: url.address.scheme) ?? .http
        let host = url.address.host
        let target = LocalTarget(
            scheme: scheme,
            host: host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host,
            port: url.address.port ?? scheme.defaultPort
        )
        var configuration = LocalRelayConfiguration(target: target)
        configuration.hostHeader = .value(url.address.authority)
        configuration.timeouts.responseHead = self.responseTimeout
        configuration.pool.maximumConnections = Self.maximumConnections
        let relay = try LocalRelay(configuration: configuration, eventLoop: self.eventLoop) { _ in }
        relay.start()
        let way = Way(relay: relay, target: target)
        self.ways[url.address.base] = way
        return way
    }

    /// Lets go of the ways that no tenant uses any more, once their requests are answered.
    func keep(only used: Set<String>) {
        for (base, way) in self.ways where !used.contains(base) {
            self.ways[base] = nil
            way.relay.whenIdle { way.relay.stop() }
        }
    }
}

@available(*, unavailable)
extension UpstreamRelays: Sendable {}
