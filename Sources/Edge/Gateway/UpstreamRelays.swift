import NIOCore
import ProxySemantics
import SessionModel
import UpstreamRelay

/// The relays to tenants' upstreams, one for each tenant, so that none of them can use up another's connections; made when
/// first needed.
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
    private var ways: [Slug: (base: String, way: Way)] = [:]

    init(configuration: EdgeConfiguration, eventLoop: any EventLoop) {
        self.responseTimeout = configuration.upstreamTimeout
        self.eventLoop = eventLoop
    }

    /// The way to a tenant's upstream.
    ///
    /// - Throws: an error of NIOSSL when the system's trust roots cannot be loaded for an `https` URL.
    func way(to url: UpstreamURL, of tenant: Slug) throws -> Way {
        if let (base, known) = self.ways[tenant], base == url.address.base { return known }
        self.letGo(of: tenant)
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
        self.ways[tenant] = (url.address.base, way)
        return way
    }

    /// Lets go of the ways that their tenants do not use any more.
    func keep(only used: [Slug: String]) {
        for (tenant, (base, _)) in self.ways where used[tenant] != base { self.letGo(of: tenant) }
    }

    /// Closes a way once its requests are answered.
    private func letGo(of tenant: Slug) {
        guard let way = self.ways.removeValue(forKey: tenant)?.way else { return }
        way.relay.whenIdle { way.relay.stop() }
    }
}

@available(*, unavailable)
extension UpstreamRelays: Sendable {}
