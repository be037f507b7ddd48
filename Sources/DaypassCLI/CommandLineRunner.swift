package import ArgumentParser
import Foundation
import SessionModel

/// Parses, runs and ends: the one place where errors become messages and exit codes.
package enum CommandLineRunner {
    /// What a finished command leaves to do: a text to print, and where, and the exit code.
    package struct Outcome: Equatable, Sendable {
        /// The exit code.
        package var code: Int32
        /// What to print; empty for nothing.
        package var text: String
        /// Whether it was asked for (help, completions) and so belongs on standard output.
        package var isAnswer: Bool

        /// An outcome with every field given.
        package init(code: Int32, text: String, isAnswer: Bool) {
            self.code = code
            self.text = text
            self.isAnswer = isAnswer
        }
    }

    /// Runs the command that `arguments` name and gives the exit code; messages are printed already.
    package static func run(
        _ root: any ParsableCommand.Type,
        arguments: [String] = Array(CommandLine.arguments.dropFirst())
    ) async -> Int32 {
        // A reader that goes away (`daypass list | head`) must not end us before the session is closed.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try root.parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return ExitStatus.success.rawValue
        } catch {
            let outcome = Self.outcome(of: error, root: root)
            Terminal.shared.restore()
            if !outcome.text.isEmpty {
                let handle = outcome.isAnswer ? FileHandle.standardOutput : FileHandle.standardError
                try? handle.write(contentsOf: Data((outcome.text + "\n").utf8))
            }
            return outcome.code
        }
    }

    /// What an error means (spec: command line, exit codes).
    package static func outcome(of error: any Error, root: any ParsableCommand.Type) -> Outcome {
        switch error {
        case let failure as CommandFailure:
            return Outcome(code: failure.status.rawValue, text: "Error: \(failure.message)", isAnswer: false)
        case let refusal as DaypassError:
            return Self.outcome(of: CommandFailure(refusal), root: root)
        case let passed as PassedOnExit: return Outcome(code: passed.code, text: "", isAnswer: false)
        case is CancellationError: return Outcome(code: ExitStatus.failure.rawValue, text: "", isAnswer: false)
        default: break
        }
        let code = root.exitCode(for: error)
        let text = root.fullMessage(for: error)
        if code.isSuccess { return Outcome(code: ExitStatus.success.rawValue, text: text, isAnswer: true) }
        if code == .validationFailure {
            return Outcome(code: ExitStatus.invalidArguments.rawValue, text: text, isAnswer: false)
        }
        return Outcome(code: ExitStatus.failure.rawValue, text: text, isAnswer: false)
    }
}
