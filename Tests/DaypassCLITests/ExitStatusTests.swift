import ArgumentParser
import DaypassCLI
import Foundation
import SessionModel
import Testing

@Suite struct ExitStatusTests {
    private struct Root: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "daypass",
            version: "daypass 1.2.3",
            subcommands: [HTTPCommand.self, RunCommand.self, PolicyCommand.self, KickCommand.self, TokensCommand.self]
        )
    }

    @Test func codesOfTheTable() {
        #expect(ExitStatus.allCases.map(\.rawValue) == [0, 1, 10, 11, 12, 13, 14, 15, 16])
    }

    private static let refusals: [(ErrorCode, Int32)] = [
        (.validationError, 10), (.sessionNotFound, 10), (.conflict, 10), (.upstreamUnreachable, 11),
        (.upstreamTimeout, 11), (.internalError, 12), (.serviceUnavailable, 12), (.unauthorized, 13),
        (.sessionExpired, 14), (.sessionClosed, 14), (.forbidden, 15), (.tunnelTaken, 15), (.rateLimited, 16),
        (.tooManySessions, 16),
    ]

    @Test(arguments: Self.refusals)
    func refusalsByCode(code: ErrorCode, status: Int32) {
        #expect(ExitStatus(code: code).rawValue == status)
        #expect(CommandLineRunner.outcome(of: DaypassError(code), root: Root.self).code == status)
    }

    @Test(arguments: [
        [], ["http"], ["nonsense"], ["http", "3000", "--nonsense"], ["http", "3000", "--expires", "soon"],
        ["http", "3000", "--max-viewers", "-1"], ["http", "3000", "--max-viewers", "100001"],
        ["http", "3000", "--block", "admin"], ["http", "3000", "--connections", "17"],
        ["http", "3000", "--password", ""],
        ["http", "3000", "--slug", "Not A Slug"], ["http", "3000", "--slug", "sess_x"], ["http", "3000", "--takeover"],
        ["http", "3000", "--standalone", "--server", "http://x"], ["http", "3000", "--wait-for", "health"],
        ["run", "--port", "3000"], ["run", "--port", "0", "--", "true"], ["kick", "a-b-1"],
        ["policy", "a-b-1", "--public", "perhaps"], ["policy", "a-b-1", "--block", "/x", "--no-blocks"],
        ["tokens", "create"], ["tokens", "create", "--scope", "everything"], ["tokens", "revoke", "../sessions"],
    ])
    func commandLinesThatCannotBeMeant(arguments: [String]) throws {
        // Without a subcommand the root prints its help, which is an answer.
        guard !arguments.isEmpty else { return }
        let error = try #require(throws: (any Error).self) { _ = try Root.parseAsRoot(arguments) }
        let outcome = CommandLineRunner.outcome(of: error, root: Root.self)
        #expect(outcome.code == 10)
        #expect(!outcome.isAnswer)
        #expect(!outcome.text.isEmpty)
    }

    @Test(arguments: [["--help"], ["--version"], ["http", "--help"], ["--generate-completion-script", "bash"]])
    func whatWasAskedForIsAnAnswer(arguments: [String]) async throws {
        let error = try #require(throws: (any Error).self) {
            var command = try Root.parseAsRoot(arguments)
            try command.run()
        }
        let outcome = CommandLineRunner.outcome(of: error, root: Root.self)
        #expect(outcome.code == 0)
        #expect(outcome.isAnswer)
        #expect(outcome.text.contains("daypass"))
    }

    @Test func theCodeOfACommandIsPassedOn() {
        let outcome = CommandLineRunner.outcome(of: PassedOnExit(code: 7), root: Root.self)
        #expect(outcome == .init(code: 7, text: "", isAnswer: false))
    }

    @Test func refusalsNameFieldsAndWhenToTryAgain() {
        let failure = CommandFailure(
            DaypassError(
                .validationError,
                "The request has invalid fields.",
                details: [.init(path: "expiresIn", message: "must be\u{1B}[31m at most 7d")],
                retryAfterSeconds: 3
            )
        )
        #expect(
            failure.message
                == "The request has invalid fields.\n  expiresIn: must be\u{FFFD}[31m at most 7d\nTry again in 3 s."
        )
    }

    @Test(arguments: [
        (404, #"{"error":"Session not found"}"#, 10), (404, #"{"error":"gone","code":"session_not_found"}"#, 10),
        (401, #"{"error":"no","code":"unauthorized"}"#, 13), (410, #"{"error":"over","code":"session_expired"}"#, 14),
        (403, #"{"error":"no","code":"something_new"}"#, 15), (429, "slow down", 16), (500, "<html>", 12),
        (302, "", 12), (401, "", 13),
    ])
    func answersOfAServer(status: Int, body: String, code: Int32) throws {
        let failure = ControlClient.failure(
            status: status,
            body: Data(body.utf8),
            retryAfter: nil,
            server: .local
        )
        #expect(failure.status.rawValue == code)
        #expect(!failure.message.isEmpty)
    }
}
