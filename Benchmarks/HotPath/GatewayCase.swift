import AccessControl
import Glibc
import NIOCore
import ProxySemantics
import SessionModel

/// A tenant with 100 routes whose keys have large limits, and requests to it.
struct GatewayBench {
    static let now = Timestamp(millisecondsSinceEpoch: 1_772_638_200_000)
    static let origin = "https://shop.example"

    private(set) var snapshot: GatewaySnapshot
    private let tenant: Tenant
    private let wanted: NewAPIKey
    private var generator = SystemRandomNumberGenerator()

    init?() throws {
        guard let slug = Slug("acme"), let upstream = TenantUpstream(parsing: "http://127.0.0.1:9000"),
            let scope = Scope("quotes"), let large = PolicyName("large")
        else { return nil }
        let routes = (0..<100).compactMap { RoutePattern("/things-\($0)/{id}") }
            .map { APIRoute(methods: [.get, .post], pattern: $0, scope: scope) }
        self.tenant = Tenant(slug: slug, hosts: ["api.example.com"], upstream: upstream, routes: routes)
        let body = #"{"name":"shop","scopes":["quotes"],"webOrigins":["\#(Self.origin)"],"plan":"large"}"#
        self.wanted = try NewAPIKey(json: JSONParser.parse(Array(body.utf8)))
        let limits = [PolicyName.reads, .writes]
            .flatMap { name in
                [LimitSubject.key, .visitor].map { Limit(name, maximum: 1_000_000_000, per: $0) }
            }
        self.snapshot = GatewaySnapshot(
            issuer: "https://api.example.com",
            tenants: [self.tenant],
            plans: [Plan(name: large, limits: limits)]
        )
    }

    /// Adds a key; its record and its text.
    mutating func addKey() -> (record: APIKeyRecord, secret: String) {
        let made = APIKeyRecord.make(self.wanted, tenant: self.tenant.slug, now: Self.now, using: &self.generator)
        self.snapshot.put(made.record)
        return made
    }

    /// Changes the policy.
    mutating func change(_ body: (inout GatewaySnapshot) -> Void) { body(&self.snapshot) }

    /// A page's request with a key; a write carries a session token.
    mutating func request(_ key: (record: APIKeyRecord, secret: String), isWrite: Bool) -> GatewayRequest? {
        guard let address = ClientAddress(parsing: "192.0.2.7"), let origin = WebOrigin(header: Self.origin) else {
            return nil
        }
        let claims = SessionClaims(
            issuer: self.snapshot.issuer,
            tenant: self.tenant,
            key: key.record.id,
            webOrigin: origin,
            renewing: nil,
            now: Self.now,
            using: &self.generator
        )
        let signed = String(decoding: UnverifiedToken.signingInput(keyID: "k1", claims: claims), as: UTF8.self)
        return GatewayRequest(
            method: isWrite ? "POST" : "GET",
            target: "/api/v1/things-77/4711?expand=lines",
            address: address,
            origin: GatewayField(Self.origin),
            authorization: GatewayField("Bearer \(key.secret)"),
            sessionToken: GatewayField(isWrite ? signed + "." + String(repeating: "A", count: 86) : nil)
        )
    }

    /// A gate over what is there now, for which every signature is good.
    func gate() -> GatewayGate {
        let gate = GatewayGate(snapshot: self.snapshot)
        gate.useTokens(keyIDs: ["k1"], keySet: "", isGood: { _ in true }, sign: { _ in "" })
        return gate
    }

    /// The same request as a head, as browsers send it.
    static func head(_ request: GatewayRequest) throws -> HTTPHead {
        var text = "\(request.method?.rawValue ?? "") \(String(decoding: request.target, as: UTF8.self)) HTTP/1.1\r\n"
        text +=
            "Host: api.example.com\r\nConnection: keep-alive\r\nAccept: */*\r\nUser-Agent: Mozilla/5.0 (X11; Linux)\r\n"
        let fields = [
            ("Origin", request.origin), ("Authorization", request.authorization),
            ("X-Session-Token", request.sessionToken),
        ]
        for (name, field) in fields {
            if let value = field.bytes { text += "\(name): \(String(decoding: value, as: UTF8.self))\r\n" }
        }
        return try HTTPMessageParser.parseHead(block: ByteBuffer(string: text + "\r\n"), role: .request)
    }

    /// Reads the request out of its head, then as `decide(_:_:)`.
    static func decide(_ head: HTTPHead, from address: ClientAddress, _ gate: GatewayGate) -> Int {
        self.decide(GatewayRequest(head: head, target: head.target, address: address), gate)
    }

    /// Finds the tenant, decides, and writes the answer's fields, as the edge does; how many fields, 0 for a refusal.
    static func decide(_ request: GatewayRequest, _ gate: GatewayGate) -> Int {
        guard let found = gate.snapshot.tenant(host: "api.example.com", target: request.target),
            let verdict = gate.decide(request, tenant: found, now: Self.now), verdict.refusal == nil
        else { return 0 }
        return verdict.answerFields().count
    }
}

extension HotPath {
    /// A page's read of a tenant with 1000 keys and 100 routes, judged by the API gateway.
    static func gateway(_ count: Int) throws -> Int { try Self.gateway(count, isWrite: false) }

    /// The same for a write with a session token that was seen before.
    static func gatewayWrite(_ count: Int) throws -> Int { try Self.gateway(count, isWrite: true) }

    private static func gateway(_ count: Int, isWrite: Bool) throws -> Int {
        guard var bench = try GatewayBench() else { return 0 }
        let keys = (0..<1000).map { _ in bench.addKey() }
        guard let key = keys.last, let request = bench.request(key, isWrite: isWrite) else { return 0 }
        let gate = bench.gate()
        let head = try GatewayBench.head(request)
        let address = request.address
        return (0..<count).reduce(0) { fields, _ in fields + GatewayBench.decide(head, from: address, gate) }
    }

    /// Prints, as one line of JSON, what `count` keys take in memory, and how long deciding with one of them and changing
    /// one of them takes.
    static func keys(_ count: Int) throws -> Int {
        guard var bench = try GatewayBench() else { return 0 }
        let before = Self.residentBytes()
        // A few are kept for asking; the others' records are gone once they are prepared, as in the server.
        var asked: [(record: APIKeyRecord, secret: String)] = []
        for number in 0..<count {
            let key = bench.addKey()
            if number % max(1, count / 1000) == 0 { asked.append(key) }
        }
        let after = Self.residentBytes()
        let requests = asked.compactMap { bench.request($0, isWrite: false) }
        let gate = bench.gate()
        func nanosecondsEach(_ body: () -> Int) -> (Int, Int) {
            let start = ContinuousClock.now
            let times = body()
            let spent = ContinuousClock.now - start
            return (Int(spent / .nanoseconds(1)) / max(1, times), times)
        }
        var passed = 0
        for request in requests { passed += GatewayBench.decide(request, gate) > 0 ? 1 : 0 }
        let (decision, _) = nanosecondsEach {
            for _ in 0..<100 { for request in requests { passed += GatewayBench.decide(request, gate) > 0 ? 1 : 0 } }
            return 100 * requests.count
        }
        let (change, _) = nanosecondsEach {
            for key in asked { gate.update { $0.put(key.record) } }
            return asked.count
        }
        print(
            #"{"keys":\#(count),"bytes":\#((after - before) / max(1, count)),"#
                + #""decision_ns":\#(decision),"change_ns":\#(change)}"#
        )
        return passed
    }

    /// Resident bytes of this process (proc(5), statm).
    private static func residentBytes() -> Int {
        var text = ""
        if let file = fopen("/proc/self/statm", "r") {
            var buffer = [CChar](repeating: 0, count: 256)
            if fgets(&buffer, 256, file) != nil {
                text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }
            fclose(file)
        }
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * 4096
    }
}
