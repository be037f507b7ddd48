import AsyncHTTPClient
package import Foundation
import NIOCore
package import NIOHTTP1
import NIOPosix
package import SessionModel

/// Calls the control API of one server.
///
/// Redirects are not followed and answers are bounded, so that a credential goes only where it was meant to.
package struct ControlClient: Sendable {
    private let client: HTTPClient
    /// The server called.
    package let server: ServerAddress
    /// What is sent as bearer token; nil sends none.
    private let token: String?
    /// How the server was chosen, for the sentence when nobody answers.
    private let isDefaultServer: Bool

    private static let timeout = TimeAmount.seconds(15)
    private static let maximumAnswerBytes = 4 * 1024 * 1024

    /// Runs `body` with a client and closes its connections afterwards.
    package static func with<Result: Sendable>(
        server: ServerAddress,
        token: String?,
        isDefaultServer: Bool = false,
        _ body: (ControlClient) async throws -> Result
    ) async throws -> Result {
        if let token, token.isEmpty || !token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw CommandFailure(.invalidArguments, "The access token has characters no token has.")
        }
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(5)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let result = try await body(
                ControlClient(client: client, server: server, token: token, isDefaultServer: isDefaultServer)
            )
            try await client.shutdown()
            return result
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    /// Creates a session.
    package func create(_ body: NewSessionBody) async throws -> CreatedSessionAnswer {
        try await self.call(.POST, "/sessions", body: body)
    }

    /// The session with this slug or identifier.
    package func session(_ name: SessionName) async throws -> SessionAnswer {
        try await self.call(.GET, name.path)
    }

    /// The same, word for word as the server said it: for `--json`.
    package func rawSession(_ name: SessionName) async throws -> JSONText {
        try await JSONText(self.send(.GET, name.path, body: nil))
    }

    /// One page of all sessions, newest first.
    package func sessions(after: String?) async throws -> SessionPage {
        guard let after else { return try await self.call(.GET, "/sessions?limit=100") }
        guard let id = SessionID(after) else {
            throw CommandFailure(
                .controlUnavailable,
                "The server's list of sessions goes on in a place that is not one."
            )
        }
        return try await self.call(.GET, "/sessions?limit=100&after=\(id)")
    }

    /// Calls `POST /sessions/by-slug/{slug}/{verb}`; the answer's text is for `--json`.
    package func change(_ slug: Slug, _ verb: String, body: some Encodable = EmptyBody()) async throws -> JSONText {
        try await self.text(.POST, "/sessions/by-slug/\(slug)/\(verb)", body: body)
    }

    /// The live viewers of a session.
    package func viewers(_ slug: Slug) async throws -> ViewersAnswer {
        try await self.call(.GET, "/sessions/by-slug/\(slug)/viewers")
    }

    // MARK: One call

    /// Sends a call and reads its answer.
    ///
    /// Throws `CommandFailure`.
    package func call<Answer: Decodable>(
        _ method: HTTPMethod,
        _ path: String,
        body: (some Encodable)? = EmptyBody?.none
    ) async throws -> Answer {
        let data = try await self.send(method, path, body: body.map { try self.encode($0) })
        do {
            return try JSONDecoder().decode(Answer.self, from: data)
        } catch {
            throw CommandFailure(
                .controlUnavailable,
                "\(self.server) gave an answer that is not what a Daypass control API says."
            )
        }
    }

    /// Sends a call and keeps its answer's text.
    ///
    /// Throws `CommandFailure`.
    package func text(_ method: HTTPMethod, _ path: String, body: some Encodable) async throws -> JSONText {
        try await JSONText(self.send(method, path, body: self.encode(body)))
    }

    private func encode(_ body: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(body)
    }

    /// Sends a call and gives the body of its answer, which may be empty.
    ///
    /// Throws `CommandFailure`.
    func send(_ method: HTTPMethod, _ path: String, body: Data?) async throws -> Data {
        var request = HTTPClientRequest(url: self.server.url + path)
        request.method = method
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: "daypass/\(DaypassVersion.current)")
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        let response: HTTPClientResponse
        let answer: ByteBuffer
        do {
            response = try await self.client.execute(request, timeout: Self.timeout)
            answer = try await response.body.collect(upTo: Self.maximumAnswerBytes)
        } catch {
            throw self.unreachable(error)
        }
        guard (200..<300).contains(response.status.code) else {
            throw Self.failure(
                status: Int(response.status.code),
                body: Data(answer.readableBytesView),
                retryAfter: response.headers.first(name: "Retry-After").flatMap(Int.init),
                server: self.server
            )
        }
        return Data(answer.readableBytesView)
    }

    private func unreachable(_ error: any Error) -> any Error {
        if error is CancellationError || (error as? HTTPClientError) == .cancelled { return CancellationError() }
        let reason: String
        switch error {
        case let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout:
            reason = "it did not answer in time"
        case let error as HTTPClientError: reason = "the connection failed (\(error.shortDescription))"
        case is NIOTooManyBytesError: reason = "its answer is too long"
        case let error as NIOConnectionError:
            let refused = error.connectionErrors.contains { ($0.error as? IOError)?.errnoCode == ECONNREFUSED }
            let unknownHost = error.connectionErrors.isEmpty
            reason =
                refused ? "nothing listens there" : (unknownHost ? "its name is not known" : "it cannot be reached")
        case let error as IOError where error.errnoCode == ECONNREFUSED: reason = "nothing listens there"
        default: reason = "it cannot be reached"
        }
        var message = "No Daypass server at \(self.server): \(reason)."
        if self.isDefaultServer {
            message += """

                  Start one in another terminal:   daypass serve
                  Or share without one:            daypass http TARGET --standalone
                  Or name another one:             --server URL, or DAYPASS_SERVER
                """
        }
        return CommandFailure(.controlUnavailable, message)
    }

    /// What a refusal means for the command: the exit code from its stable code, else from the HTTP status.
    package static func failure(status: Int, body: Data, retryAfter: Int?, server: ServerAddress) -> CommandFailure {
        if let answer = try? JSONDecoder().decode(OrganizationErrorAnswer.self, from: body) {
            var failure = Self.failure(status: status, answer)
            if let retryAfter { failure.message += "\nTry again in \(retryAfter) s." }
            return failure
        }
        guard let answer = try? JSONDecoder().decode(ErrorAnswer.self, from: body) else {
            return CommandFailure(
                Self.exitStatus(httpStatus: status),
                "\(server) answered with status \(status) and without a reason. Is it a Daypass control API?"
            )
        }
        if let code = answer.code.flatMap(ErrorCode.init(rawValue:)) {
            let details = (answer.details ?? []).map { DaypassError.Detail(path: $0.path, message: $0.message) }
            var failure = CommandFailure(
                DaypassError(code, answer.error, details: details, retryAfterSeconds: retryAfter)
            )
            if code == .unauthorized {
                failure.message +=
                    "\nGive a token with DAYPASS_TOKEN; sessions opened from here need none."
            }
            return failure
        }
        return CommandFailure(
            Self.exitStatus(httpStatus: status),
            TerminalText.safe(answer.error, keepingNewlines: true)
        )
    }

    /// What a refusal of an organization's own call means for the command.
    private static func failure(status: Int, _ answer: OrganizationErrorAnswer) -> CommandFailure {
        var message = answer.message
        for detail in answer.details { message += "\n  \(detail.path): \(detail.message)" }
        return CommandFailure(
            Self.exitStatus(httpStatus: status),
            TerminalText.safe(message, keepingNewlines: true)
        )
    }

    private static func exitStatus(httpStatus: Int) -> ExitStatus {
        switch httpStatus {
        case 400, 404, 409, 422: .invalidArguments
        case 401: .authenticationFailed
        case 403: .policyRefused
        case 410: .sessionExpired
        case 429: .rateLimited
        default: .controlUnavailable
        }
    }
}

/// A JSON object without members.
package struct EmptyBody: Encodable, Sendable {
    /// `{}`.
    package init() {}
}

/// A session as it is named on the command line: by slug or by identifier.
package enum SessionName: Equatable, Sendable {
    case slug(Slug)
    case id(SessionID)

    /// Reads a name; throws `CommandFailure` when it can be neither.
    package init(_ text: String) throws {
        if let id = SessionID(text) {
            self = .id(id)
        } else if let slug = Slug(text) {
            self = .slug(slug)
        } else {
            throw CommandFailure(
                .invalidArguments,
                "\"\(TerminalText.truncated(TerminalText.safe(text), to: 80))\" is neither a session's slug "
                    + "(such as quiet-lime-4217) nor its identifier (sess_…)."
            )
        }
    }

    /// The text as typed.
    package var text: String {
        switch self {
        case .slug(let slug): slug.rawValue
        case .id(let id): id.rawValue
        }
    }

    fileprivate var path: String {
        switch self {
        case .slug(let slug): "/sessions/by-slug/\(slug)"
        case .id(let id): "/sessions/\(id)"
        }
    }
}

/// A JSON answer kept as the server sent it, printed on one line.
package struct JSONText: Equatable, Sendable {
    /// One line of JSON.
    package let text: String

    /// Checks that `data` is JSON and puts it on one line.
    ///
    /// Throws `CommandFailure`.
    package init(_ data: Data) throws {
        guard let value = try? JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed),
            let line = try? JSONSerialization.data(
                withJSONObject: value,
                options: [.sortedKeys, .withoutEscapingSlashes, .fragmentsAllowed]
            )
        else {
            throw CommandFailure(.controlUnavailable, "The server gave an answer that is not JSON.")
        }
        self.text = String(decoding: line, as: UTF8.self)
    }
}
