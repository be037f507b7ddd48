import AccessControl
import ControlAPI
import Hummingbird
import Logging
import SessionModel
import SessionStore
import Synchronization
import Testing

/// A control API over the in-memory store, called without a socket, with a clock that stands still.
///
/// Every answer is checked against the OpenAPI document before the test sees it.
final class ControlHarness: Sendable {
    static let adminToken = "admin-token-with-enough-characters"

    let clock: ManualClock
    let live = StubLiveSessions()
    let sessions: SessionService
    let tokens: AccessTokenService
    let configuration: ControlAPIConfiguration
    let isReady = Mutex(true)
    private let contract: OpenAPIContract
    private let readiness: ReadinessFlag
    private let responder: ControlResponder

    init(
        access: ControlAccess? = nil,
        publicURL: String = "http://localhost:3002",
        storeLimits: SessionServiceConfiguration = SessionServiceConfiguration(),
        management: (any SessionManagement)? = nil,
        metrics: [any MetricsSource] = [],
        clock: ManualClock = ManualClock(),
        gateway: FakeGateway? = nil,
        wallets: (any WalletManagement)? = nil,
        configure: (inout ControlAPIConfiguration) -> Void = { _ in }
    ) throws {
        let address = try #require(PublicAddress(url: publicURL))
        var configuration = ControlAPIConfiguration(
            publicAddress: address,
            access: access,
            adminTokenDigest: SecretDigest(of: Self.adminToken)
        )
        configure(&configuration)
        self.configuration = configuration
        let store = InMemorySessionStore()
        self.clock = clock
        self.sessions = SessionService(
            store: store,
            feed: InProcessSessionChangeFeed(),
            configuration: storeLimits,
            clock: { clock.now }
        )
        self.tokens = AccessTokenService(store: store, configuration: storeLimits, clock: { clock.now })
        let readiness = ReadinessFlag()
        self.readiness = readiness
        self.contract = OpenAPIContract(OpenAPIDocument(configuration: configuration).json)
        self.responder = ControlResponder(
            dependencies: ControlDependencies(
                configuration: configuration,
                sessions: management ?? self.sessions,
                tokens: self.tokens,
                live: self.live,
                metrics: metrics,
                gateway: gateway.map { GatewayDependencies(management: $0, deciding: $0) },
                wallets: wallets,
                readiness: { readiness.value },
                clock: { clock.now }
            ),
            logger: Logger(label: "control", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }

    func setReady(_ ready: Bool) { self.readiness.value = ready }

    /// Calls as a program on this machine would, unless told otherwise; a body is sent as JSON.
    @discardableResult
    func call(
        _ method: String,
        _ target: String,
        body: String? = nil,
        token: String? = nil,
        host: String? = "127.0.0.1:3001",
        peer: String? = "127.0.0.1",
        fields: [(name: String, value: String)] = []
    ) async throws -> ControlAnswer {
        var all = fields
        if let body {
            all.append(("content-length", String(body.utf8.count)))
            if !all.contains(where: { $0.name == "content-type" }) { all.append(("content-type", "application/json")) }
        }
        if let token { all.append(("authorization", "Bearer \(token)")) }
        return try await self.send(
            method,
            target,
            RequestBody(buffer: ByteBuffer(string: body ?? "")),
            host: host,
            peer: peer,
            fields: all
        )
    }

    /// Calls with a body of any form.
    func send(
        _ method: String,
        _ target: String,
        _ body: RequestBody,
        host: String? = "127.0.0.1:3001",
        peer: String? = "127.0.0.1",
        fields: [(name: String, value: String)]
    ) async throws -> ControlAnswer {
        let head = CallHead(
            method: method,
            target: target,
            authority: host,
            peer: try peer.map { try #require(ClientAddress(parsing: $0)) },
            trustedProxies: TrustedProxies(self.configuration.trustedProxies),
            fields: fields
        )
        let answer = try await self.responder.answer(head, body: body).answer
        // Forward-auth is no call of the API, and neither are the console's files and its signing in.
        if head.path.hasPrefix("/forward-auth") || head.path.hasPrefix("/console") { return answer }
        for problem in self.contract.problems(of: answer, method: method, path: head.path) {
            Issue.record("\(method) \(head.path): \(problem)")
        }
        return answer
    }

    /// A session made by the service itself.
    func makeSession(_ request: NewSession = NewSession(), creator: String = "test") async throws -> CreatedSession {
        try await self.sessions.create(request, by: Actor(name: "test", address: "127.0.0.1"), creator: creator)
    }

    /// The secret of a new access token.
    func makeToken(_ scopes: Set<AccessScope>, lifetime: Duration? = nil) async throws -> CreatedAccessToken {
        let actor = Actor(name: "admin", address: "127.0.0.1")
        return try await self.tokens.create(label: "test", scopes: scopes, lifetime: lifetime, by: actor)
    }
}

extension ControlAnswer {
    /// The body as JSON.
    func json() throws -> JSONValue { try JSONParser.parse(Array(self.body.utf8)) }

    /// The stable code of a refusal.
    var code: String? {
        guard case .string(let code)? = (try? self.json())?["code"] else { return nil }
        return code
    }

    /// The paths of the fields at fault.
    var faults: [String] {
        guard case .array(let details)? = (try? self.json())?["details"] else { return [] }
        return details.compactMap { detail in
            guard case .string(let path)? = detail["path"] else { return nil }
            return path
        }
    }
}

extension JSONValue {
    /// The names of an object's members in order.
    var names: [String] {
        guard case .object(let members) = self else { return [] }
        return members.map(\.name)
    }

    /// The text of a string.
    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The elements of an array.
    var elements: [JSONValue] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }
}

/// A clock that only tests move.
final class ManualClock: Sendable {
    private let time = Mutex(Timestamp(millisecondsSinceEpoch: 1_772_638_200_000))

    var now: Timestamp { self.time.withLock { $0 } }

    func advance(by duration: Duration) { self.time.withLock { $0 = $0 + duration } }
}

/// What `GET /ready` is told.
final class ReadinessFlag: Sendable {
    private let flag = Mutex(true)

    var value: Bool {
        get { self.flag.withLock { $0 } }
        set { self.flag.withLock { $0 = newValue } }
    }
}

/// An enforcement point with the viewers a test puts there.
final class StubLiveSessions: LiveSessions {
    private let state = Mutex<(viewers: [ViewerSummary], connections: Int)>(([], 0))

    func set(viewers: [ViewerSummary], connections: Int) {
        self.state.withLock { $0 = (viewers, connections) }
    }

    func viewers(of id: SessionID) -> [ViewerSummary] { self.state.withLock { $0.viewers } }

    func viewer(_ viewerID: String, of id: SessionID) -> KickedViewer? {
        self.state.withLock { state in
            state.viewers.first { $0.id == viewerID }
                .map {
                    KickedViewer(viewerID: $0.id, addressID: "ip_\($0.address.filter(\.isNumber))")
                }
        }
    }

    func tunnelConnections(of id: SessionID) -> Int { self.state.withLock { $0.connections } }
}
