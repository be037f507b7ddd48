import Foundation
package import Logging

/// Starts a server inside this process; the executable supplies it, so that this target needs none of the server's.
package protocol StandaloneLauncher: Sendable {
    /// Runs a server on free loopback ports for as long as `body` runs, then stops it. Its data goes to a temporary
    /// folder that is removed afterwards.
    func withServer(logger: Logger, _ body: @escaping @Sendable (ServerAddress) async throws -> Void) async throws
}

/// What the executable hands to the commands.
package enum CommandEnvironment {
    /// How `--standalone` starts a server.
    @TaskLocal package static var standaloneLauncher: (any StandaloneLauncher)?
}

/// What a command needs to know about where it runs.
struct CommandContext: Sendable {
    let environment: [String: String]
    let style: Style
    let state: StateDirectory

    /// Reads the process's surroundings.
    ///
    /// Throws `CommandFailure` without a place for state files.
    init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        self.environment = environment
        self.style = Style(isTerminal: isatty(STDOUT_FILENO) == 1, environment: environment)
        self.state = try StateDirectory(environment: environment)
    }

    /// Writes a line for whoever asked: on standard output.
    ///
    /// Errors (a closed pipe) are theirs.
    func print(_ line: String) { Self.write(line, to: STDOUT_FILENO) }

    /// Writes a message beside the answer: on standard error.
    func note(_ line: String) { Self.write(line, to: STDERR_FILENO) }

    /// Writes a value as one line of JSON.
    func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        self.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    private static func write(_ line: String, to descriptor: Int32) {
        var bytes = Array((line + "\n").utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
