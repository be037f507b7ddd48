package import SessionModel

/// The process's exit codes (spec: command line); scripts switch on them, so they never change.
package enum ExitStatus: Int32, Sendable, CaseIterable {
    /// It worked.
    case success = 0
    /// Anything the table has no row for, such as a full disk or a port that is in use.
    case failure = 1
    /// The command line, or a name on it, is wrong.
    case invalidArguments = 10
    /// The local app, or the command that should start it, does not answer.
    case localServiceUnavailable = 11
    /// The control API or the edge cannot be reached or does not answer as it should.
    case controlUnavailable = 12
    /// The credential is missing or wrong.
    case authenticationFailed = 13
    /// The session has ended.
    case sessionExpired = 14
    /// The server understood and refuses.
    case policyRefused = 15
    /// Too much or too often.
    case rateLimited = 16

    /// The exit code that stands for a refusal by the server or the agent.
    package init(code: ErrorCode) {
        switch code {
        case .validationError, .notFound, .sessionNotFound, .conflict: self = .invalidArguments
        case .upstreamUnreachable, .upstreamProtocolError, .upstreamTimeout: self = .localServiceUnavailable
        case .badRequest, .requestTimeout, .bodyTooLarge, .unsupportedMediaType, .misdirectedRequest,
            .headersTooLarge, .methodNotAllowed, .upgradeRequired, .tunnelOffline, .serviceUnavailable,
            .internalError:
            self = .controlUnavailable
        case .unauthorized, .basicAuthRequired, .passwordRequired, .sessionPrivate: self = .authenticationFailed
        case .sessionClosed, .sessionExpired: self = .sessionExpired
        case .forbidden, .tunnelTaken, .tunnelPaused, .viewerRemoved, .pathBlocked, .tooManyViewers:
            self = .policyRefused
        case .tooManySessions, .rateLimited: self = .rateLimited
        }
    }
}

/// A command's end that is not success: a sentence for people and the exit code for programs.
package struct CommandFailure: Error, Equatable, Sendable {
    /// The exit code.
    package var status: ExitStatus
    /// What happened and what to do, in plain sentences; safe to print, without secrets.
    package var message: String

    /// A failure with its sentence.
    package init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    /// What a refusal becomes on the command line: its sentence, the fields at fault, and when to try again.
    package init(_ error: DaypassError) {
        var message = error.message
        for detail in error.details where !error.message.contains(detail.message) {
            message += "\n  \(detail.path): \(detail.message)"
        }
        if let seconds = error.retryAfterSeconds { message += "\nTry again in \(seconds) s." }
        self.init(ExitStatus(code: error.code), TerminalText.safe(message, keepingNewlines: true))
    }
}

/// Ends the process with a code that is not ours: the one of the command `daypass run` ran.
package struct PassedOnExit: Error, Equatable, Sendable {
    /// The code to exit with.
    package var code: Int32

    /// Passes on `code`.
    package init(code: Int32) { self.code = code }
}
