package import ArgumentParser
import TunnelAgent
import UpstreamRelay

/// `daypass run --port P -- COMMAND…`: a development server and its tunnel as one.
package struct RunCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Start a command and share the app it serves; both end together.",
        discussion: """
            Starts COMMAND in a process group of its own, waits until its port accepts connections (or --wait-for PATH is \
            answered with success), and opens a tunnel to it. Ctrl-C and SIGTERM are passed on to the command. When the \
            command ends the session is closed, and its exit code is ours. The command's input is empty; with --json its \
            output goes to standard error.

            EXAMPLES
              daypass run --port 5173 -- npm run dev
              daypass run --port 8000 --wait-for /health --password winter -- python3 -m http.server 8000
            """
    )

    @Option(help: ArgumentHelp("The port the command's app listens on.", valueName: "port"))
    package var port: Int

    @OptionGroup package var options: TunnelOptions

    @Argument(parsing: .postTerminator, help: "The command to start, after --.")
    package var command: [String]

    /// Filled by the parser.
    package init() {}

    package func validate() throws {
        guard (1...65535).contains(self.port) else { throw ValidationError("--port takes 1 to 65535.") }
        guard !self.command.isEmpty else { throw ValidationError("Say which command to start, after --.") }
    }

    package func run() async throws {
        try await TunnelCommand.run(
            self.options,
            shared: .app(LocalTarget(port: self.port)),
            command: self.command
        )
    }
}
