import AccessControl
import HTTPTypes
package import Hummingbird
package import Logging
package import NIOCore
import SessionModel

/// Turns requests into answers: routes, asks the gate, reads the body, runs the call, maps every error.
package struct ControlResponder: HTTPResponder {
    package typealias Context = ControlRequestContext

    private let routes = RouteTable()
    private let configuration: ControlAPIConfiguration
    private let trustedProxies: TrustedProxies
    private let gate: CallerGate
    private let console: ConsoleResponder
    private let calls: ControlCalls
    private let forwardAuth: ForwardAuth?
    private let requestCounts = ControlRequestCounts()
    private let bodies: BodyBudget
    private let logger: Logger

    /// A responder over `dependencies`; builds the OpenAPI document once.
    package init(dependencies: ControlDependencies, logger: Logger) {
        let configuration = dependencies.configuration
        self.logger = logger
        self.trustedProxies = TrustedProxies(configuration.trustedProxies)
        self.configuration = configuration
        self.bodies = BodyBudget(total: configuration.maximumDelegationsBytesAtOnce)
        let failures = FailedAttempts(
            limit: configuration.failedAttemptLimit,
            refusal: configuration.failedAttemptRefusal
        )
        let consoleAccess = ConsoleAccess(
            sessions: ConsoleSessions(),
            publicHost: configuration.publicAddress.host,
            trustedProxies: self.trustedProxies
        )
        self.console = ConsoleResponder(
            access: consoleAccess,
            adminTokenDigest: configuration.adminTokenDigest,
            failures: failures,
            clock: dependencies.clock
        )
        self.gate = CallerGate(
            access: configuration.access,
            publicAddress: configuration.publicAddress,
            adminTokenDigest: configuration.adminTokenDigest,
            sessions: dependencies.sessions,
            tokens: dependencies.tokens,
            wallets: dependencies.wallets,
            failures: failures,
            console: consoleAccess,
            clock: dependencies.clock
        )
        self.calls = ControlCalls(
            dependencies: dependencies,
            gate: self.gate,
            answers: SessionAnswers(publicAddress: configuration.publicAddress, live: dependencies.live),
            openAPI: OpenAPIDocument(configuration: configuration).json.text,
            requestCounts: self.requestCounts
        )
        self.forwardAuth = dependencies.gateway.map { gateway in
            ForwardAuth(configuration: configuration, gateway: gateway.deciding, clock: dependencies.clock)
        }
    }

    package func respond(to request: Request, context: ControlRequestContext) async throws -> Response {
        let head = CallHead(request.head, peer: context.peer, trustedProxies: self.trustedProxies)
        let (answer, requestID) = try await self.answer(head, body: request.body)
        return Response(answer, requestID: requestID, isHead: head.method == "HEAD")
    }

    /// Answers one request; throws only when its body could not be received, which nobody is left to hear about.
    package func answer(
        _ head: CallHead,
        body: some AsyncSequence<ByteBuffer, any Error>
    ) async throws -> (answer: ControlAnswer, requestID: String) {
        let start = ContinuousClock.now
        var generator = SystemRandomNumberGenerator()
        let requestID = "req_" + randomBase36(16, using: &generator)
        if ConsoleResponder.serves(head.path) {
            let answer = try await self.console.answer(head, body: body)
            self.logger.log(
                level: head.method == "POST" ? .info : .debug,
                "Answered the console",
                metadata: ["request.id": "\(requestID)", "status": "\(answer.status)", "peer": "\(head.client)"]
            )
            return (answer, requestID)
        }
        if let forwardAuth, ForwardedRequest.isMeant(by: head) {
            let answer = await forwardAuth.answer(head, requestID: requestID)
            self.requestCounts.count("forwardAuth", status: answer.status)
            self.log(head, "forwardAuth", answer, .debug, requestID: requestID, start: start)
            return (answer, requestID)
        }
        let match = self.routes.match(method: head.method, path: head.path)
        let form = RefusalForm(path: head.path)
        let answer: ControlAnswer
        var operation: ControlOperation?
        switch match {
        case .operation(let found, let parameters):
            operation = found
            answer = try await self.answer(head, found, parameters, body, form, requestID: requestID)
        case .methodNotAllowed(let allow):
            let error = DaypassError(.methodNotAllowed)
            answer = ControlAnswer(refusal: error, allow: allow, form: form, requestID: requestID)
        case .unknown:
            answer = ControlAnswer(refusal: DaypassError(.notFound), form: form, requestID: requestID)
        }
        let name = operation?.rawValue ?? "unmatched"
        self.requestCounts.count(name, status: answer.status)
        let level: Logger.Level = operation.map { $0.method == .get ? .debug : .info } ?? .debug
        self.log(head, name, answer, level, requestID: requestID, start: start)
        return (answer, requestID)
    }

    private func log(
        _ head: CallHead,
        _ name: String,
        _ answer: ControlAnswer,
        _ level: Logger.Level,
        requestID: String,
        start: ContinuousClock.Instant
    ) {
        self.logger.log(
            level: level,
            "Answered a call",
            metadata: [
                "request.id": "\(requestID)", "operation": "\(name)", "status": "\(answer.status)",
                "peer": "\(head.client)", "duration": "\(ContinuousClock.now - start)",
            ]
        )
    }

    private func answer(
        _ head: CallHead,
        _ operation: ControlOperation,
        _ parameters: PathParameters,
        _ body: some AsyncSequence<ByteBuffer, any Error>,
        _ form: RefusalForm,
        requestID: String
    ) async throws -> ControlAnswer {
        do {
            let caller = try await self.gate.caller(head, for: operation.audience, parameters)
            guard operation.bodySize == .delegations, case .organization(let token) = caller else {
                return try await self.run(head, operation, parameters, caller, body)
            }
            let length = try self.announcedLength(of: head, for: operation)
            let reserved = length ?? self.configuration.maximumBodyBytes(of: operation)
            return try await self.bodies.withReserved(reserved, for: token.organization) {
                try await self.run(head, operation, parameters, caller, body)
            }
        } catch let error as DaypassError {
            return ControlAnswer(refusal: error, form: form, requestID: requestID)
        } catch let error as WalletError {
            return ControlAnswer(refusal: error, form: form, requestID: requestID)
        } catch let failure as BodyNotReceived {
            throw failure.underlying
        } catch {
            self.logger.error(
                "A call failed",
                metadata: [
                    "request.id": "\(requestID)", "operation": "\(operation.rawValue)",
                    "error.type": "\(type(of: error))", "error": "\(error)",
                ]
            )
            return ControlAnswer(unforeseen: requestID, form: form)
        }
    }

    private func run(
        _ head: CallHead,
        _ operation: ControlOperation,
        _ parameters: PathParameters,
        _ caller: Caller,
        _ body: some AsyncSequence<ByteBuffer, any Error>
    ) async throws -> ControlAnswer {
        let bytes = try await self.read(body, of: head, for: operation)
        let call = ControlCall(operation: operation, parameters: parameters, head: head, caller: caller, body: bytes)
        return try await self.calls.run(call)
    }

    // MARK: Bodies

    /// Why a body did not arrive; the connection is of no use any more.
    private struct BodyNotReceived: Error {
        let underlying: any Error
    }

    /// The length that a request announces; nil when it does not say.
    ///
    /// Throws `body_too_large`.
    private func announcedLength(of head: CallHead, for operation: ControlOperation) throws(DaypassError) -> Int? {
        guard let length = head.values("content-length").first.flatMap(Int.init) else { return nil }
        guard (0...self.configuration.maximumBodyBytes(of: operation)).contains(length) else {
            throw DaypassError(.bodyTooLarge)
        }
        return length
    }

    /// Reads the body of a call that writes.
    ///
    /// Throws `unsupported_media_type`, and `body_too_large` before more than the limit is held.
    private func read(
        _ body: some AsyncSequence<ByteBuffer, any Error>,
        of head: CallHead,
        for operation: ControlOperation
    ) async throws -> [UInt8] {
        let maximum = self.configuration.maximumBodyBytes(of: operation)
        _ = try self.announcedLength(of: head, for: operation)
        guard operation.method != .get else { return [] }
        let contentTypes = head.values("content-type")
        guard contentTypes.count <= 1, contentTypes.allSatisfy(Self.isJSON) else {
            throw DaypassError(.unsupportedMediaType)
        }
        guard head.announcesBody else { return [] }
        guard !contentTypes.isEmpty else { throw DaypassError(.unsupportedMediaType) }
        var bytes: [UInt8] = []
        var iterator = body.makeAsyncIterator()
        while let chunk = try await Self.next(&iterator) {
            guard bytes.count + chunk.readableBytes <= maximum else {
                throw DaypassError(.bodyTooLarge)
            }
            bytes.append(contentsOf: chunk.readableBytesView)
        }
        return bytes
    }

    private static func next<Iterator: AsyncIteratorProtocol>(
        _ iterator: inout Iterator
    ) async throws -> ByteBuffer? where Iterator.Element == ByteBuffer {
        do {
            return try await iterator.next()
        } catch {
            throw BodyNotReceived(underlying: error)
        }
    }

    /// Whether a content type is JSON in UTF-8 (RFC 8259 knows no other charset).
    private static func isJSON(_ value: String) -> Bool {
        let parts = value.lowercased().split(separator: ";", omittingEmptySubsequences: false)
            .map { part in
                String(part.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
            }
        return parts.first == "application/json"
            && parts.dropFirst().allSatisfy { $0.isEmpty || $0 == "charset=utf-8" || $0 == "charset=\"utf-8\"" }
    }
}

/// What a call knows about the connection it came on.
package struct ControlRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The peer's address; nil when the transport has none.
    let peer: ClientAddress?

    package init(source: ApplicationRequestContextSource) {
        self.coreContext = .init(source: source)
        self.peer = source.channel.remoteAddress?.ipAddress.flatMap { ClientAddress(parsing: $0) }
    }
}

extension CallHead {
    /// Reads a request's head as the server delivers it.
    fileprivate init(_ head: HTTPRequest, peer: ClientAddress?, trustedProxies: TrustedProxies) {
        self.init(
            method: head.method.rawValue,
            target: head.path ?? "",
            authority: head.authority,
            peer: peer,
            trustedProxies: trustedProxies,
            fields: head.headerFields.map { ($0.name.canonicalName, $0.value) }
        )
    }
}

extension Response {
    /// Puts an answer on the wire; `HEAD` gets the fields without the body.
    fileprivate init(_ answer: ControlAnswer, requestID: String, isHead: Bool) {
        var fields = HTTPFields()
        for (name, value) in answer.fields.sorted(by: { $0.key < $1.key }) {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        if let contentType = answer.contentType { fields[.contentType] = contentType }
        if fields[.cacheControl] == nil { fields[.cacheControl] = "no-store" }
        fields[.xContentTypeOptions] = "nosniff"
        if let name = HTTPField.Name("X-Request-Id") { fields[name] = requestID }
        let response = Response(
            status: .init(code: answer.status),
            headers: fields,
            body: .init(byteBuffer: ByteBuffer(string: answer.body))
        )
        self = isHead ? response.createHeadResponse() : response
    }
}
