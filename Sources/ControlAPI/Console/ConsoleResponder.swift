import NIOCore
import SessionModel

/// Answers everything under `/console`: the files, signing in and out, and who is signed in.
struct ConsoleResponder: Sendable {
    /// The largest body of a sign-in.
    static let maximumFormBytes = 2048

    let access: ConsoleAccess
    let adminTokenDigest: SecretDigest?
    let failures: FailedAttempts
    let clock: WallClock

    /// Whether a path is the console's.
    static func serves(_ path: String) -> Bool { path == "/console" || path.hasPrefix("/console/") }

    /// Answers a call; throws only when its body could not be received.
    func answer(_ head: CallHead, body: some AsyncSequence<ByteBuffer, any Error>) async throws -> ControlAnswer {
        do {
            let form =
                head.method == "POST" && head.path == "/console/sign-in" ? try await Self.form(body, of: head) : []
            return try self.route(head, form)
        } catch let error as DaypassError {
            return ControlAnswer(refusal: error, allow: error.code == .methodNotAllowed ? Self.allow(head.path) : nil)
        }
    }

    /// The body of a form; throws `unsupported_media_type`, and `body_too_large` before more than the limit is held.
    private static func form(
        _ body: some AsyncSequence<ByteBuffer, any Error>,
        of head: CallHead
    ) async throws -> [UInt8] {
        let type = head.values("content-type").first?.lowercased() ?? ""
        guard type.hasPrefix("application/x-www-form-urlencoded") else {
            throw DaypassError(.unsupportedMediaType, "Send the token as a form.")
        }
        var bytes: [UInt8] = []
        for try await chunk in body {
            guard bytes.count + chunk.readableBytes <= Self.maximumFormBytes else { throw DaypassError(.bodyTooLarge) }
            bytes.append(contentsOf: chunk.readableBytesView)
        }
        return bytes
    }

    private func route(_ head: CallHead, _ form: [UInt8]) throws(DaypassError) -> ControlAnswer {
        let isReading = head.method == "GET" || head.method == "HEAD"
        switch head.path {
        case "/console/sign-in", "/console/sign-out":
            guard head.method == "POST" else { throw DaypassError(.methodNotAllowed) }
            try self.access.verifyOwnPage(head)
            return head.path == "/console/sign-in" ? try self.signIn(head, form) : self.signOut(head)
        case "/console/session":
            guard isReading else { throw DaypassError(.methodNotAllowed) }
            try self.access.verifyOwnPage(head)
            return self.session(head)
        default:
            guard isReading else { throw DaypassError(.methodNotAllowed) }
            try LocalCallCheck.verifyHost(head, publicHost: self.access.publicHost)
            guard let file = ConsoleAssets.file(at: head.path) else { throw DaypassError(.notFound) }
            return Self.answer(file, head)
        }
    }

    private static func allow(_ path: String) -> String {
        path == "/console/sign-in" || path == "/console/sign-out" ? "POST" : "GET, HEAD"
    }

    private static func answer(_ file: ConsoleAssets.File, _ head: CallHead) -> ControlAnswer {
        var answer = ControlAnswer(text: file.body, contentType: file.contentType)
        answer.fields = [
            "Content-Security-Policy": ConsoleAssets.contentSecurityPolicy,
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            // Asked for again each time, so that a new version is there at once; unchanged files cost a 304.
            "Cache-Control": "no-cache",
            "ETag": file.etag,
        ]
        let known = head.values("if-none-match").flatMap { $0.split(separator: ",") }
        if known.contains(where: { $0.drop { $0 == " " } == file.etag }) {
            answer.status = 304
            answer.body = ""
        }
        return answer
    }

    // MARK: Signing in and out

    private func signIn(_ head: CallHead, _ form: [UInt8]) throws(DaypassError) -> ControlAnswer {
        let now = self.clock()
        if let seconds = self.failures.secondsToWait(head.client, now: now) {
            throw DaypassError(
                .rateLimited,
                "Too many failed attempts from this address. Wait before trying again.",
                retryAfterSeconds: seconds
            )
        }
        guard let adminTokenDigest else {
            throw DaypassError(.forbidden, "This server has no admin token, so nobody can sign in here.")
        }
        guard let token = Self.field("token", of: form), adminTokenDigest.matches(token) else {
            self.failures.record(head.client, now: now)
            throw DaypassError(.unauthorized, "That is not the admin token.")
        }
        // The session before, if there was one, is of no use any more.
        self.access.sessions.finish(ConsoleAccess.identifiers(head))
        let (identifier, end) = self.access.sessions.begin(now: now)
        let cookie = self.access.cookie(
            identifier,
            maximumAge: ConsoleSessions.lifetime.components.seconds,
            for: head
        )
        return ControlAnswer(200, Self.state(end), fields: ["Set-Cookie": cookie])
    }

    private func signOut(_ head: CallHead) -> ControlAnswer {
        self.access.sessions.finish(ConsoleAccess.identifiers(head))
        return ControlAnswer(
            200,
            Self.state(nil),
            fields: ["Set-Cookie": self.access.cookie("", maximumAge: 0, for: head)]
        )
    }

    private func session(_ head: CallHead) -> ControlAnswer {
        ControlAnswer(
            200,
            Self.state(self.access.sessions.end(of: ConsoleAccess.identifiers(head), now: self.clock()))
        )
    }

    private static func state(_ end: Timestamp?) -> JSONValue {
        ["signedIn": .bool(end != nil), "expiresAt": end.map { .string($0.iso8601) } ?? .null]
    }

    /// The value of one field of a URL-encoded form; nil when it is not there exactly once, or is not UTF-8.
    private static func field(_ name: String, of form: [UInt8]) -> String? {
        guard let text = String(validating: form, as: UTF8.self) else { return nil }
        let values = text.split(separator: "&")
            .map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
            .filter { $0.count == 2 && $0[0] == name }
        guard values.count == 1 else { return nil }
        return percentDecoded(Substring(values[0][1].replacing("+", with: " ")))
    }
}
